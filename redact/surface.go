package redact

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A surface is the normalised form of a window of text: full-width and foreign
// digits become ASCII, no-break spaces become spaces, dashes become '-',
// invisible characters vanish, and escapes of JSON, URLs, HTML and quoted-printable
// are undone. Up to flat, norm is the raw text as it stands; from there on
// pos[i-flat] is where norm[i] begins in the raw text, so that every finding
// maps back to the bytes it came from.
type surface struct {
	norm []byte
	flat int
	pos  []int32
	in   [utf8.UTFMax]byte // scratch of one character
	out  []byte            // and of its compatible form
}

// clear forgets the text and keeps the memory.
func (v *surface) clear() { v.norm, v.flat, v.pos = v.norm[:0], 0, v.pos[:0] }

// ahead is how many bytes are looked at at once: a window of 64, and what is
// read in one go of a word that begins at its end.
const ahead = 64 + maxShort

// padded is the normal form with room for so many bytes to be read at any place.
func (v *surface) padded() []byte {
	v.norm = slices.Grow(v.norm, ahead)
	return v.norm
}

// at is where norm[i] begins in the raw text; ok is false behind its end.
func (v *surface) at(i int) (raw int, ok bool) {
	switch {
	case i < v.flat:
		return i, true
	case i-v.flat < len(v.pos):
		return int(v.pos[i-v.flat]), true
	}
	return 0, false
}

// drop forgets norm[:n], whose raw text ends at shift.
func (v *surface) drop(n, shift int) {
	v.norm = append(v.norm[:0], v.norm[n:]...)
	if n <= v.flat {
		v.flat -= n
	} else {
		v.pos = append(v.pos[:0], v.pos[n-v.flat:]...)
		v.flat = 0
	}
	for i := range v.pos {
		v.pos[i] -= int32(shift)
	}
	if same := 0; v.flat == 0 { // what begins anew may be as it stands again
		for same < len(v.pos) && int(v.pos[same]) == same {
			same++
		}
		v.flat, v.pos = same, append(v.pos[:0], v.pos[same:]...)
	}
}

// maxEscape is how many raw bytes may have to be seen to normalise one
// character: "&#x1F4A9;" and runs of backslashes are cut off there.
const maxEscape = 12

// plain marks the bytes that stand for themselves.
var plain = func() (t [256]bool) {
	for c := range t {
		t[c] = c > 0 && c < 0x80 && c != '\\' && c != '%' && c != '=' && c != '&'
	}
	return t
}()

// add normalises raw, which lies at offset at of the window, and returns how
// many bytes it took. Without eof it leaves a tail that may belong to an
// escape.
func (v *surface) add(raw []byte, at int, eof bool) int {
	i := 0
	for i < len(raw) {
		if n := plainRun(raw[i:]); n > 0 {
			v.copyPlain(raw[i:i+n], at+i)
			i += n
			continue
		}
		if !eof && len(raw)-i < maxEscape {
			return i
		}
		i += v.addSpecial(raw[i:min(len(raw), i+maxEscape)], at+i)
	}
	return i
}

// plainRun is how many bytes at the beginning of b stand for themselves. Of
// eight bytes the high bit is left in those that are ASCII and neither 0 nor
// '\\' nor '=', nor within '%' and '&'.
func plainRun(b []byte) int {
	n := 0
	for ; n+8 <= len(b); n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		low := w &^ highs
		ok := (low + 0x7f*ones) & (low ^ '\\'*ones + 0x7f*ones) & (low ^ '='*ones + 0x7f*ones) &^ ((low+(0x80-'%')*ones)&^(low+(0x7f-'&')*ones) | w)
		if odd := ^ok & highs; odd != 0 {
			return n + bits.TrailingZeros64(odd)/8
		}
	}
	for n < len(b) && plain[b[n]] {
		n++
	}
	return n
}

func (v *surface) copyPlain(raw []byte, at int) {
	straight := len(v.pos) == 0 && at == len(v.norm)
	v.norm = append(v.norm, raw...)
	if straight {
		v.flat = len(v.norm)
		return
	}
	n := len(v.pos)
	v.pos = grow(v.pos, len(raw))
	for i, p := 0, v.pos[n:]; i < len(p); i++ {
		p[i] = int32(at + i)
	}
}

func grow(s []int32, n int) []int32 {
	if cap(s)-len(s) < n {
		s = append(s, make([]int32, n)...)
		return s
	}
	return s[:len(s)+n]
}

func (v *surface) put(c byte, at int) {
	straight := len(v.pos) == 0 && at == len(v.norm)
	if v.norm = append(v.norm, c); straight {
		v.flat++
		return
	}
	v.pos = append(v.pos, int32(at))
}

// addSpecial normalises the character or escape at the beginning of raw and
// returns its length.
func (v *surface) addSpecial(raw []byte, at int) int {
	switch c := raw[0]; {
	case c == 0: // UTF-16 text and padded fields
		return 1
	case c == '\\':
		return v.addBackslash(raw, at)
	case c == '%':
		if n, b := percent(raw); n > 0 {
			v.put(b, at)
			return n
		}
	case c == '=':
		if n, b, drop := quotedPrintable(raw, v.norm); n > 0 {
			if !drop {
				v.put(b, at)
			}
			return n
		}
	case c == '&':
		if n, r := entity(raw); n > 0 {
			v.putRune(r, nil, at)
			return n
		}
	case c >= 0x80:
		r, n := utf8.DecodeRune(raw)
		if r == utf8.RuneError {
			v.putBroken(raw[0], raw[n:], at)
			return n
		}
		v.putRune(r, raw[:n], at)
		return n
	}
	v.put(raw[0], at)
	return 1
}

// putBroken appends the normal form of a byte that is not UTF-8, or of U+FFFD in
// its place. Between digits it is damage and vanishes. Alone it is what it was
// in Windows-1252, so that "4111\xA01111" and "Jos\xE9 Garc\xEDa" are read; in
// company it may be half a character of any charset, and no value crosses it.
func (v *surface) putBroken(c byte, next []byte, at int) {
	var before, after byte
	if len(v.norm) > 0 {
		before = v.norm[len(v.norm)-1]
	}
	if len(next) > 0 {
		after = next[0]
	}
	letter := c >= 0xC0 && c != 0xD7 && c != 0xF7
	switch alone := before < 0x80 && before != 0x01 && after < 0x80; {
	case c == 0xA0 && alone:
		v.put(' ', at)
	case (c == 0x96 || c == 0x97) && alone:
		v.put('-', at)
	case isDigit(before) && isDigit(after):
	case letter && alone && (isLetter(before) || isLetter(after)):
		v.putRune(rune(c), nil, at)
	default:
		v.put(0x01, at)
	}
}

// putRune appends the normal form of r; same is its own encoding, if known.
func (v *surface) putRune(r rune, same []byte, at int) {
	switch {
	case r < 0x80:
		v.put(byte(r), at)
		return
	case r == 0xA0 || r == 0x3000 || r >= 0x2000 && r <= 0x200A || r == 0x202F || r == 0x205F || r == 0x1680:
		v.put(' ', at)
		return
	case r == 0xAD || r >= 0x200B && r <= 0x200F || r >= 0x202A && r <= 0x202E || r >= 0x2060 && r <= 0x206F ||
		r == 0xFEFF || r == 0x180E || r == 0x034F || r >= 0xFE00 && r <= 0xFE0F || r >= 0xE0000 && r <= 0xE007F:
		return
	case r >= 0x2010 && r <= 0x2015 || r == 0x2212 || r == 0xFE58 || r == 0xFE63 || r == 0x2043:
		v.put('-', at)
		return
	case r == 0x2018 || r == 0x2019 || r == 0x02BC || r == 0x2032:
		v.put('\'', at)
		return
	case r == 0x201C || r == 0x201D || r == 0xAB || r == 0xBB || r == 0x201E:
		v.put('"', at)
		return
	case r == 0x2028 || r == 0x2029 || r == 0x85:
		v.put('\n', at)
		return
	case r >= 0xFF01 && r <= 0xFF5E:
		v.put(byte(r-0xFEE0), at)
		return
	case r == 0x3002:
		v.put('.', at)
		return
	case r == 0x2026:
		v.put('.', at)
		v.put('.', at)
		v.put('.', at)
		return
	case r == 0xB7 || r == 0x2022 || r == 0x30FB || r == 0x2024 || r == 0x2219:
		if r == 0x2022 {
			break // the product's own mask character stays
		}
		v.put('.', at)
		return
	case r < 0x250, r >= 0x370 && r < 0x590, r >= 0x3400 && r < 0xA000: // Latin, Greek, Cyrillic, Han
		// Compatibility forms there: ª º ² ³ ¹ ¼, ligatures of Dž, Han are none.
		if r != 0xB2 && r != 0xB3 && r != 0xB9 {
			break
		}
		fallthrough
	default:
		if unicode.Is(unicode.Nd, r) {
			v.put('0'+digitValue(r), at)
			return
		}
		in := utf8.AppendRune(v.in[:0], r)
		v.out = norm.NFKC.Append(v.out[:0], in...)
		if len(v.out) > 0 && string(v.out) != string(in) {
			for _, c := range v.out {
				v.put(c, at)
			}
			return
		}
	}
	if same == nil {
		var b [utf8.UTFMax]byte
		same = b[:utf8.EncodeRune(b[:], r)]
	}
	for _, c := range same {
		v.put(c, at)
	}
}

// digitValue: every range of Unicode's decimal digits holds whole sets of ten,
// zero first.
func digitValue(r rune) byte {
	for _, t := range unicode.Nd.R16 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	for _, t := range unicode.Nd.R32 {
		if r >= rune(t.Lo) && r <= rune(t.Hi) {
			return byte((r - rune(t.Lo)) % 10)
		}
	}
	return 0
}

// addBackslash undoes a JSON or source-code escape, nested ones too.
func (v *surface) addBackslash(raw []byte, at int) int {
	n := 1
	for n < len(raw) && raw[n] == '\\' {
		n++
	}
	if n == len(raw) {
		v.put('\\', at)
		return n
	}
	switch raw[n] {
	case 'n', 'r':
		v.put('\n', at)
		return n + 1
	case 't', 'f', 'b':
		v.put('\t', at)
		return n + 1
	case '"', '\'', '/':
		v.put(raw[n], at)
		return n + 1
	case 'u':
		if r, ok := hexRune(raw[n+1:], 4); ok {
			v.putRune(r, nil, at)
			return n + 5
		}
	case 'x':
		if r, ok := hexRune(raw[n+1:], 2); ok && r > 0 && r < 0x80 {
			v.put(byte(r), at)
			return n + 3
		}
	}
	v.put('\\', at)
	return n
}

func hexRune(b []byte, n int) (rune, bool) {
	if len(b) < n {
		return 0, false
	}
	var r rune
	for _, c := range b[:n] {
		h := unhex(c)
		if h < 0 {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}

func unhex(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// percent undoes one URL escape of a printable ASCII character, at most twice
// encoded ("%2520").
func percent(raw []byte) (int, byte) {
	r, ok := hexRune(raw[1:], 2)
	if !ok || r < 0x20 && r != '\n' && r != '\r' && r != '\t' || r > 0x7E {
		return 0, 0
	}
	if r == '%' && len(raw) >= 5 {
		if in, ok := hexRune(raw[3:], 2); ok && in >= 0x20 && in <= 0x7E {
			return 5, byte(in)
		}
	}
	return 3, byte(r)
}

// quotedPrintable undoes "=3D" and soft line breaks. "pin=41" is no escape, so
// a digit is undone only next to another escaped one, a sign only where the
// text around it is no assignment.
func quotedPrintable(raw, before []byte) (n int, b byte, drop bool) {
	if len(raw) > 1 && raw[1] == '\n' {
		return 2, 0, true
	}
	if len(raw) > 2 && raw[1] == '\r' && raw[2] == '\n' {
		return 3, 0, true
	}
	r, ok := hexRune(raw[1:], 2)
	if !ok || raw[1] >= 'a' || raw[2] >= 'a' {
		return 0, 0, false
	}
	switch c := byte(r); {
	case c == '=' && raw[2] == 'D', c == '-' && raw[2] == 'D', c == '.' && raw[2] == 'E', c == '_' && raw[2] == 'F':
		return 3, c, false
	case c >= '0' && c <= '9':
		next := len(raw) > 5 && raw[3] == '=' && raw[4] == '3' && isDigit(raw[5])
		prev := len(before) > 0 && isDigit(before[len(before)-1])
		if next || prev {
			return 3, c, false
		}
	case c == '@' && len(raw) > 3 && isLetter(raw[3]) && len(before) > 0 && (isLetter(before[len(before)-1]) || isDigit(before[len(before)-1])):
		return 3, c, false
	case c == ' ' && len(raw) > 3 && (raw[3] == '\n' || raw[3] == '\r' || raw[3] == '='):
		return 3, c, false
	}
	return 0, 0, false
}

var entities = [...]struct {
	name string
	r    rune
}{
	{"&nbsp;", ' '}, {"&amp;", '&'}, {"&quot;", '"'}, {"&lt;", '<'}, {"&gt;", '>'}, {"&shy;", 0xAD}, {"&commat;", '@'},
}

// entity undoes the HTML references that matter inside a value.
func entity(raw []byte) (int, rune) {
	for i := range entities {
		if name := entities[i].name; len(raw) >= len(name) && string(raw[:len(name)]) == name {
			return len(name), entities[i].r
		}
	}
	if len(raw) < 4 || raw[1] != '#' {
		return 0, 0
	}
	i, base := 2, rune(10)
	if raw[2] == 'x' || raw[2] == 'X' {
		i, base = 3, 16
	}
	var r rune
	for start := i; i < len(raw); i++ {
		if raw[i] == ';' && i > start && r > 0 && r <= unicode.MaxRune {
			return i + 1, r
		}
		h := unhex(raw[i])
		if h < 0 || rune(h) >= base || r > unicode.MaxRune {
			return 0, 0
		}
		r = r*base + rune(h)
	}
	return 0, 0
}

func isLetter(c byte) bool { return c|0x20-'a' < 26 }
