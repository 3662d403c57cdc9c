package evidence

import (
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
)

const hashSize = 32

// TileHeight and TileWidth are those of C2SP tlog-tiles: 256 hashes a tile.
const (
	TileHeight = 8
	TileWidth  = 1 << TileHeight
)

// ranges is never changed; ranges of one factory can be joined.
var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// Ranges makes compact ranges of the tree.
func Ranges() *compact.RangeFactory { return ranges }

// Root is the root of a compact range that begins at 0.
func Root(r *compact.Range) ([]byte, error) {
	root, err := r.GetRootHash(nil)
	if root == nil && err == nil {
		root = rfc6962.DefaultHasher.EmptyRoot()
	}
	return root, err
}

// Subtree is the hash over the leaves or nodes of one perfect subtree.
func Subtree(hashes [][]byte) ([]byte, error) {
	r := Ranges().NewEmptyRange(0)
	for _, h := range hashes {
		if err := r.Append(h, nil); err != nil {
			return nil, err
		}
	}
	return Root(r)
}
