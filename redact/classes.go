package redact

// classes says of each of 64 bytes what it is, a bit a byte: so the tokens of
// a text are cut by counting zeros, not by looking at its bytes one by one.
type classes struct {
	alnum uint64 // ASCII letters and digits
	upper uint64 // capitals
	digit uint64
	blank uint64 // blanks and tabs
	line  uint64 // '\n' and '\r'
	high  uint64 // parts of characters that are not ASCII
}

// A byte's class is a number of four bits, each of them in the highest bit of a
// lane of sixteen: so sixteen bytes are put side by side by shifting.
const (
	plane0 uint64 = 1 << (15 + 16*iota)
	plane1
	plane2
	plane3
)

var planesOf = func() (t [256]uint64) {
	for c := range t {
		t[c] = [...]uint64{
			isLow: plane3, isUp: plane3 | plane0, isNum: plane3 | plane1,
			isMark: 0, isBlank: plane2, isLine: plane2 | plane0, isHigh: plane2 | plane1,
		}[classOf[c]]
	}
	return t
}()

// of looks at 64 bytes.
func (c *classes) of(b *[64]byte) {
	var w, x, y, z uint64
	for i := range 16 {
		w = w>>1 | planesOf[b[i]]
		x = x>>1 | planesOf[b[i+16]]
		y = y>>1 | planesOf[b[i+32]]
		z = z>>1 | planesOf[b[i+48]]
	}
	const odd, low = 0x0000ffff0000ffff, 0x00000000ffffffff
	w, x = w&odd|x<<16&^odd, w>>16&odd|x&^odd // planes 0 and 2, 1 and 3 of 32 bytes
	y, z = y&odd|z<<16&^odd, y>>16&odd|z&^odd
	p0, p2 := w&low|y<<32, w>>32|y&^low
	p1, p3 := x&low|z<<32, x>>32|z&^low
	c.alnum, c.upper, c.digit = p3, p3&p0, p3&p1
	c.blank, c.line, c.high = p2&^(p0|p1), p2&p0, p2&p1
}

// truncate leaves n bytes; behind them are blanks.
func (c *classes) truncate(n int) {
	in := uint64(1)<<n - 1
	c.alnum &= in
	c.upper &= in
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
