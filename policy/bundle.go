package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// digest names a bundle by everything in it.
func (src *source) digest() string {
	docs := slices.Concat(src.modules, src.tests, []Document{src.conditions}, src.catalogue)
	slices.SortFunc(docs, func(a, b Document) int { return strings.Compare(a.Name, b.Name) })
	h := sha256.New()
	for _, d := range docs {
		fmt.Fprintf(h, "%d %s %d\n", len(d.Name), d.Name, len(d.Text))
		h.Write(d.Text)
	}
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
