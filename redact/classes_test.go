package redact

import (
	"math/rand/v2"
	"testing"
)

// TestClasses holds the classes of 64 bytes at once against those of one.
func TestClasses(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 9))
	for round := range 2000 {
		var b [64]byte
		for i := range b {
			if b[i] = byte(rng.Uint32()); round < 4 { // every byte there is
				b[i] = byte(64*round + i)
			}
		}
		var c classes
		c.of(&b)
		for i, v := range b {
			k := classOf[v]
			has := func(set uint64) bool { return set>>i&1 != 0 }
			if has(c.alnum) != (k == isLow || k == isUp || k == isNum) || has(c.digit) != (k == isNum) ||
				has(c.upper) != (k == isUp) || has(c.blank) != (k == isBlank) || has(c.line) != (k == isLine) || has(c.high) != (k == isHigh) {
				t.Fatalf("byte %#x at %d of % x: %+v", v, i, b, c)
			}
		}
	}
}
