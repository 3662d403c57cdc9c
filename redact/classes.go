package redact

import "encoding/binary"

// classes says of each of 64 bytes what it is, a bit a byte: so the tokens of
// a text are cut by counting zeros, not by looking at its bytes one by one.
type classes struct {
	alnum uint64 // ASCII letters and digits
	digit uint64
	blank uint64 // ' '
	line  uint64 // '\t' to '\r'
	high  uint64 // parts of characters that are not ASCII
}

// classesOf looks at eight bytes at a time: in each of them the high bit is left
// where the byte is of a class, and a multiplication gathers the eight.
func classesOf(b *[64]byte) (c classes) {
	var lines, others uint64
	for k := 0; k < 64; k += 8 {
		w := binary.LittleEndian.Uint64(b[k : k+8])
		plain := w &^ highs
		small := plain | lowBits
		letter := (small + 0x1f*ones) &^ (small + 0x05*ones) &^ w
		digit := (plain + 0x50*ones) &^ (plain + 0x46*ones) &^ w
		c.alnum |= gather(letter|digit) << k
		c.digit |= gather(digit) << k
		c.blank |= gather(^((plain^0x20*ones)+0x7f*ones)&^w) << k
		lines |= (plain + 0x77*ones) &^ (plain + 0x72*ones) &^ w
		others |= w
	}
	if (lines|others)&highs == 0 {
		return c
	}
	for k := 0; k < 64; k += 8 {
		w := binary.LittleEndian.Uint64(b[k : k+8])
		plain := w &^ highs
		c.line |= gather((plain+0x77*ones)&^(plain+0x72*ones)&^w) << k
		c.high |= gather(w) << k
	}
	return c
}

// gather puts the high bits of eight bytes side by side.
func gather(w uint64) uint64 { return (w & highs) * 0x0002040810204081 >> 56 }

// truncate leaves n bytes; behind them are blanks.
func (c *classes) truncate(n int) {
	in := uint64(1)<<n - 1
	c.alnum &= in
	c.digit &= in
	c.line &= in
	c.high &= in
	c.blank |= ^in
}

// begins has the bytes with which something begins: a run of letters and
// digits, a mark, a line's end, a character that is not ASCII.
func (c *classes) begins() uint64 {
	return ^(c.alnum | c.blank) | c.alnum&^(c.alnum<<1)
}
