package audit

import (
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// tileHeight and tileWidth are those of tlog-tiles: 256 hashes a tile.
const (
	tileHeight = 8
	tileWidth  = 1 << tileHeight
)

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// tile is a full tile that a tree gave off while growing.
type tile struct {
	level, n int64
	root     []byte
	hashes   []byte // 256 × 32 bytes
}

// tree is the growing end of a log: its root, and per tile level the hashes of
// the tile that is not full yet.
type tree struct {
	nodes *compact.Range
	edge  [][][]byte
	full  []tile // given off since the last clone
}

func newTree() *tree { return &tree{nodes: ranges.NewEmptyRange(0)} }

func (t *tree) size() int64 { return int64(t.nodes.End()) }

func (t *tree) root() []byte {
	root, err := t.nodes.GetRootHash(nil)
	if err != nil || root == nil { // the range begins at 0: only emptiness is left
		return rfc6962.DefaultHasher.EmptyRoot()
	}
	return root
}

// clone is a tree that can grow and be thrown away.
func (t *tree) clone() *tree {
	nodes, err := ranges.NewRange(0, t.nodes.End(), slices.Clone(t.nodes.Hashes()))
	if err != nil {
		panic("clone of a compact range: " + err.Error()) // as many hashes as the original has
	}
	c := &tree{nodes: nodes, edge: make([][][]byte, len(t.edge))}
	for i := range t.edge {
		c.edge[i] = slices.Clone(t.edge[i])
	}
	return c
}

// add appends one leaf hash.
func (t *tree) add(hash []byte) error {
	return t.nodes.Append(hash, func(id compact.NodeID, h []byte) {
		if id.Level%tileHeight != 0 {
			return
		}
		level := int(id.Level / tileHeight)
		for len(t.edge) <= level {
			t.edge = append(t.edge, nil)
		}
		if level > 0 { // h closes the tile below
			below := t.edge[level-1]
			t.full = append(t.full, tile{level: int64(level - 1), n: int64(id.Index), root: h, hashes: slices.Concat(below...)})
			t.edge[level-1] = nil
		}
		t.edge[level] = append(t.edge[level], h)
	})
}

// restore rebuilds a tree of the size from the hashes of its unfinished tiles,
// lowest level first.
func restore(size int64, edge [][][]byte) (*tree, error) {
	var hashes [][]byte
	for level := len(edge) - 1; level >= 0; level-- {
		part := ranges.NewEmptyRange(0)
		for _, h := range edge[level] {
			if err := part.Append(h, nil); err != nil {
				return nil, err
			}
		}
		hashes = append(hashes, part.Hashes()...)
	}
	nodes, err := ranges.NewRange(0, uint64(size), hashes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return &tree{nodes: nodes, edge: edge}, nil
}

// edgeWidths is how many hashes each unfinished tile of a tree of the size has.
func edgeWidths(size int64) []int {
	var widths []int
	for ; size > 0; size >>= tileHeight {
		widths = append(widths, int(size%tileWidth))
	}
	return widths
}

// hashAt reads single hashes of a tree: level counts from the leaves.
type hashAt func(id compact.NodeID) ([]byte, error)

// prove collects the hashes of a proof.
func prove(nodes proof.Nodes, at hashAt) ([][]byte, error) {
	hashes := make([][]byte, len(nodes.IDs))
	for i, id := range nodes.IDs {
		h, err := at(id)
		if err != nil {
			return nil, err
		}
		hashes[i] = h
	}
	return nodes.Rehash(hashes, rfc6962.DefaultHasher.HashChildren)
}
