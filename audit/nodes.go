package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/privet-gateway/privet/audit/evidence"
)

// nodes reads hashes of one lane's tree.
type nodes struct {
	tx     *sql.Tx
	number int64
	cached map[compact.NodeID][][]byte // tiles, by level of tiles and index
}

func nodesOf(tx *sql.Tx, number int64) *nodes {
	return &nodes{tx, number, map[compact.NodeID][][]byte{}}
}

// hash is the hash of one perfect subtree.
func (n *nodes) hash(ctx context.Context, id compact.NodeID) ([]byte, error) {
	level, inside := int(id.Level/tileHeight), id.Level%tileHeight
	first, width := int64(id.Index)<<inside, 1<<inside
	hashes, err := n.tile(ctx, level, first>>tileHeight)
	if err != nil {
		return nil, err
	}
	if hashes != nil {
		hashes = hashes[first%tileWidth:][:width]
	} else if hashes, err = nodesAt(ctx, n.tx, n.number, level, first, width); err != nil {
		return nil, err
	}
	return evidence.Subtree(hashes)
}

// tile is a full tile, or nil.
func (n *nodes) tile(ctx context.Context, level int, index int64) ([][]byte, error) {
	id := compact.NewNodeID(uint(level), uint64(index))
	if hashes, known := n.cached[id]; known {
		return hashes, nil
	}
	var raw []byte
	err := n.tx.QueryRowContext(ctx, "SELECT hashes FROM trail_tiles WHERE lane = $1 AND level = $2 AND n = $3", n.number, level, index).Scan(&raw)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	var hashes [][]byte
	if err == nil {
		if len(raw) != tileWidth*rfc6962.DefaultHasher.Size() {
			return nil, fmt.Errorf("%w: tile %d/%d of lane %d has %d bytes", ErrBroken, level, index, n.number, len(raw))
		}
		for i := 0; i < len(raw); i += rfc6962.DefaultHasher.Size() {
			hashes = append(hashes, raw[i:i+rfc6962.DefaultHasher.Size()])
		}
	}
	if len(n.cached) > 64 {
		clear(n.cached)
	}
	n.cached[id] = hashes
	return hashes, nil
}

// span is the compact range from begin to end.
func (n *nodes) span(ctx context.Context, begin, end int64) ([][]byte, error) {
	hashes := [][]byte{}
	for _, id := range compact.RangeNodes(uint64(begin), uint64(end), nil) {
		h, err := n.hash(ctx, id)
		if err != nil {
			return nil, err
		}
		hashes = append(hashes, h)
	}
	return hashes, nil
}

// prove collects the hashes of a proof.
func (n *nodes) prove(ctx context.Context, wanted proof.Nodes) ([][]byte, error) {
	hashes := make([][]byte, len(wanted.IDs))
	for i, id := range wanted.IDs {
		h, err := n.hash(ctx, id)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return wanted.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}

// inclusion proves that the leaf at index is in the tree of the size.
func (n *nodes) inclusion(ctx context.Context, index, size int64) ([][]byte, error) {
	wanted, err := proof.Inclusion(uint64(index), uint64(size))
	if err != nil {
		return nil, err
	}
	return n.prove(ctx, wanted)
}

// consistency proves that the tree of size from is the beginning of that of size to.
func (n *nodes) consistency(ctx context.Context, from, to int64) ([][]byte, error) {
	wanted, err := proof.Consistency(uint64(from), uint64(to))
	if err != nil {
		return nil, err
	}
	return n.prove(ctx, wanted)
}
