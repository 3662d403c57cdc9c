package redact

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// space passes white space; afterwards there is a byte to look at, unless the
// document ends.
func (s *scanner) space() error {
	for {
		switch s.buf[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
			continue
		}
		if s.pos >= s.end && !s.eof {
			return errShort
		}
		return nil
	}
}

func (s *scanner) expect(c byte) error {
	if s.buf[s.pos] == c && s.pos < s.end {
		s.pos++
		return nil
	}
	return s.unexpected()
}

// unexpected: the byte here cannot be, or has not been read yet.
func (s *scanner) unexpected() error {
	if s.pos >= s.end {
		return s.short()
	}
	return errSyntax
}

// str passes a string. odd says that it holds escapes, or is long enough or has
// digits enough for a card number, and must be looked at more closely.
func (s *scanner) str() (odd bool, err error) {
	if s.buf[s.pos] != '"' || s.pos >= s.end {
		return false, s.unexpected()
	}
	p, buf := s.pos+1, s.buf
	start := p
	for {
		if p+8 > len(buf) {
			s.pos = min(p, s.end)
			return false, s.short()
		}
		w := binary.LittleEndian.Uint64(buf[p:])
		low := (w - 0x20*ones) &^ w
		quote := w ^ 0x22*ones
		slash := w ^ 0x5c*ones
		stop := (low | w | (quote-ones)&^quote | (slash-ones)&^slash) & highs
		if stop == 0 {
			p += 8
			continue
		}
		p += bits.TrailingZeros64(stop) / 8
		switch c := buf[p]; {
		case c == '"':
			s.pos = p + 1
			return odd || p-start >= minCard && oddText(buf[start:p]), nil
		case c == '\\':
			odd = true
			if p, err = s.escape(p); err != nil {
				return false, err
			}
		case c >= 0x80:
			r, size := utf8.DecodeRune(buf[p:s.end])
			if r == utf8.RuneError && size <= 1 {
				if s.end-p < utf8.UTFMax && !utf8.FullRune(buf[p:s.end]) {
					s.pos = s.end
					if s.eof {
						return false, errUTF8
					}
					return false, errShort
				}
				return false, errUTF8
			}
			p += size
		default:
			s.pos = p
			if p >= s.end {
				return false, s.short()
			}
			return false, errSyntax
		}
	}
}

// minCard is the length of the shortest card number.
const minCard = 13

// oddText: long enough for a number in base64, or with as many bytes that may
// be digits, in whatever script, as a card number has.
func oddText(text []byte) bool { return len(text) >= minCoded || digitLike(text) >= minCard }

// digitLike counts digits, and bytes above ASCII: each may be part of one.
func digitLike(text []byte) (n int) {
	for ; len(text) >= 8; text = text[8:] {
		w := binary.LittleEndian.Uint64(text)
		n += bits.OnesCount64(digitBytes(w) | w&highs)
	}
	for _, c := range text {
		if c-'0' <= 9 || c >= utf8.RuneSelf {
			n++
		}
	}
	return n
}

// digitBytes marks the high bit of every byte that is a digit, if none is above 0x7f.
func digitBytes(w uint64) uint64 {
	above := (w &^ highs) + (0x7f-'9')*ones   // high bit: above '9'
	atLeast := (w &^ highs) + (0x80-'0')*ones // high bit: '0' or above
	return atLeast &^ above &^ w & highs
}

// escape passes one escape sequence, or two that make a surrogate pair.
func (s *scanner) escape(p int) (int, error) {
	if p+12 > s.end && !s.eof {
		return p, errShort
	}
	switch s.buf[p+1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		if p+1 >= s.end {
			return p, s.short()
		}
		return p + 2, nil
	case 'u':
	default:
		s.pos = p + 1
		return p, s.unexpected()
	}
	r, err := s.hex4(p + 2)
	if err != nil {
		return p, err
	}
	if !utf16.IsSurrogate(r) {
		return p + 6, nil
	}
	if p+8 > s.end || s.buf[p+6] != '\\' || s.buf[p+7] != 'u' {
		return p, errUTF8
	}
	low, err := s.hex4(p + 8)
	if err != nil {
		return p, err
	}
	if utf16.DecodeRune(r, low) == utf8.RuneError {
		return p, errUTF8
	}
	return p + 12, nil
}

func (s *scanner) hex4(p int) (rune, error) {
	if p+4 > s.end {
		return 0, s.short()
	}
	var r rune
	for _, c := range s.buf[p : p+4] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, errSyntax
		}
		r = r<<4 | rune(c)
	}
	return r, nil
}

// literal passes a number, true, false or null.
func (s *scanner) literal() error {
	switch s.buf[s.pos] {
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	}
	p, buf := s.pos, s.buf
	if buf[p] == '-' {
		p++
	}
	switch {
	case buf[p] == '0':
		p++
	case buf[p] >= '1' && buf[p] <= '9':
		for buf[p]-'0' <= 9 {
			p++
		}
	default:
		s.pos = min(p, s.end)
		return s.unexpected()
	}
	if buf[p] == '.' {
		q := p + 1
		for p = q; buf[p]-'0' <= 9; p++ {
		}
		if p == q {
			s.pos = min(p, s.end)
			return s.unexpected()
		}
	}
	if buf[p]|0x20 == 'e' {
		p++
		if buf[p] == '+' || buf[p] == '-' {
			p++
		}
		q := p
		for ; buf[p]-'0' <= 9; p++ {
		}
		if p == q {
			s.pos = min(p, s.end)
			return s.unexpected()
		}
	}
	if p >= s.end && !s.eof {
		return errShort // it may go on
	}
	s.pos = p
	return nil
}

func (s *scanner) word(word string) error {
	if s.end-s.pos < len(word) {
		if s.eof || string(s.buf[s.pos:s.end]) != word[:s.end-s.pos] {
			return errSyntax
		}
		return errShort
	}
	if string(s.buf[s.pos:s.pos+len(word)]) != word {
		return errSyntax
	}
	s.pos += len(word)
	return nil
}
