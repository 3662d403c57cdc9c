//go:build hyperscan

package main

/*
#cgo pkg-config: libhs
#include <stdlib.h>
#include <hs/hs.h>

static int on_match(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *n) {
	(void)id; (void)from; (void)to; (void)flags;
	++*(size_t *)n;
	return 0;
}

static int scan(const hs_database_t *db, hs_scratch_t *scratch, const char *text, const unsigned *ends, size_t lines, size_t *n) {
	unsigned from = 0;
	for (size_t i = 0; i < lines; i++) {
		int err = hs_scan(db, text + from, ends[i] - from, 0, scratch, on_match, n);
		if (err != HS_SUCCESS) return err;
		from = ends[i];
	}
	return HS_SUCCESS;
}
*/
import "C"

import (
	"fmt"
	"unsafe"
)

// hyperscan compiles the patterns, with the start of each match where som is
// set, and returns a scan of lines that counts matches. The lines are fed in C,
// so that no call from Go is on the bill.
func hyperscan(som bool) (func(text []byte, ends []uint32) (int, error), error) {
	exprs := make([]*C.char, len(patterns))
	flags := make([]C.uint, len(patterns))
	ids := make([]C.uint, len(patterns))
	for i, p := range patterns {
		exprs[i] = C.CString(p)
		defer C.free(unsafe.Pointer(exprs[i]))
		ids[i] = C.uint(i)
		if som {
			flags[i] = C.HS_FLAG_SOM_LEFTMOST
		}
	}
	var db *C.hs_database_t
	var fault *C.hs_compile_error_t
	if C.hs_compile_multi(&exprs[0], &flags[0], &ids[0], C.uint(len(exprs)), C.HS_MODE_BLOCK, nil, &db, &fault) != C.HS_SUCCESS {
		return nil, fmt.Errorf("compile pattern %d: %s", int(fault.expression), C.GoString(fault.message))
	}
	var scratch *C.hs_scratch_t
	if C.hs_alloc_scratch(db, &scratch) != C.HS_SUCCESS {
		return nil, fmt.Errorf("no scratch space")
	}
	return func(text []byte, ends []uint32) (int, error) {
		n := C.size_t(0)
		if err := C.scan(db, scratch, (*C.char)(unsafe.Pointer(&text[0])), (*C.uint)(unsafe.Pointer(&ends[0])), C.size_t(len(ends)), &n); err != C.HS_SUCCESS {
			return 0, fmt.Errorf("scan: error %d", int(err))
		}
		return int(n), nil
	}, nil
}
