//go:build !linux

package store

import "os"

// identity is which file a name stands for.
type identity struct{ os.FileInfo }

func identify(name string) (identity, error) {
	info, err := os.Stat(name)
	return identity{info}, err
}

func (i identity) same(other identity) bool { return os.SameFile(i.FileInfo, other.FileInfo) }
