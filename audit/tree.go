package audit

import (
	"fmt"
	"slices"

	"github.com/transparency-dev/merkle/compact"

	"github.com/privet-gateway/privet/audit/evidence"
)

const (
	tileHeight = evidence.TileHeight
	tileWidth  = evidence.TileWidth
)

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

func newTree() *tree { return &tree{nodes: evidence.Ranges().NewEmptyRange(0)} }

func (t *tree) size() int64 { return int64(t.nodes.End()) }

func (t *tree) root() []byte {
	root, err := evidence.Root(t.nodes)
	if err != nil {
		panic("root of a compact range: " + err.Error()) // it begins at 0
	}
	return root
}

// clone is a tree that can grow and be thrown away, one at a time: its edge grows
// in the room behind the original's.
func (t *tree) clone() *tree {
	nodes, err := evidence.Ranges().NewRange(0, t.nodes.End(), slices.Clone(t.nodes.Hashes()))
	if err != nil {
		panic("clone of a compact range: " + err.Error()) // as many hashes as the original has
	}
	return &tree{nodes: nodes, edge: slices.Clone(t.edge)}
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
		part := evidence.Ranges().NewEmptyRange(0)
		for _, h := range edge[level] {
			if err := part.Append(h, nil); err != nil {
				return nil, err
			}
		}
		hashes = append(hashes, part.Hashes()...)
	}
	nodes, err := evidence.Ranges().NewRange(0, uint64(size), hashes)
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
