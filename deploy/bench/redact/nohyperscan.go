//go:build !hyperscan

package main

import "errors"

func hyperscan(bool) (func([]byte, []uint32) (int, error), error) {
	return nil, errors.New("not there: apt-get install libhyperscan-dev")
}
