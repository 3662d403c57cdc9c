package redact

import (
	"encoding/base64"
	"unicode/utf8"
)

// Base64 that hides text is decoded and read like any other text, twice at
// most; what is found there is mapped back to the characters that carry it.

const (
	base64Least = 16
	codings     = 2 // around one another
)

// encoded reads the base64 run that token i belongs to.
func (s *scan) encoded(i int) bool {
	if s.depth >= codings {
		return false
	}
	t := &s.toks[i]
	from := s.at(t.s)
	phase := 0
	if from < s.codeEnd { // further on in a run that was begun before
		if phase = (from - s.codeStart) % 4; from < s.codeSeen {
			return false
		}
	} else if t.gap == joined && i > 0 && s.prev(i).kind == mark && (s.prev(i).ch == '/' || s.prev(i).ch == '+' || s.prev(i).ch == '_') {
		return false // amid a run that is none
	}
	run := s.surface.norm[t.s:s.toks[s.limit-1].e]
	n := 0
	for n < len(run) && (isDigit(run[n]) || isLetter(run[n]) || run[n] == '+' || run[n] == '/' || run[n] == '-' || run[n] == '_') {
		n++
	}
	if n < base64Least {
		return false
	}
	skip := (4 - phase) % 4
	if from >= s.codeEnd {
		s.codeStart = from
	}
	s.codeEnd, s.codeSeen = from+n, from+n/2
	chars := run[skip:n]
	if hopeless(chars) {
		return false
	}
	var plain [256]byte
	size, ok := decode64(plain[:], chars)
	if !ok || !readable(plain[:size]) {
		return false
	}
	return s.inside(i, t.s+int32(skip), plain[:size])
}

// hopeless: the first bytes are no text, and so the rest need not be decoded.
func hopeless(chars []byte) bool {
	if len(chars) < 16 {
		return false
	}
	var head [9]byte
	if n, ok := decode64(head[:], chars[:12]); !ok || n < len(head) {
		return false
	}
	for i := 0; i < len(head)-4; { // readable has no mercy with these
		r, n := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError || r < 0x20 && r != '\n' && r != '\r' && r != '\t' {
			return true
		}
		i += n
	}
	return false
}

// decode64 decodes either alphabet, with or without padding; a tail that is
// no whole byte is dropped.
func decode64(dst, src []byte) (int, bool) {
	var buf [256]byte
	if len(src) > len(buf) {
		src = src[:len(buf)]
	}
	for i, c := range src {
		switch c {
		case '-':
			c = '+'
		case '_':
			c = '/'
		}
		buf[i] = c
	}
	b := buf[:len(src)]
	if len(b)%4 == 1 {
		b = b[:len(b)-1]
	}
	n, err := base64.RawStdEncoding.Decode(dst, b)
	if err != nil { // bits left over in the last group
		b = b[:len(b)-len(b)%4]
		n, err = base64.RawStdEncoding.Decode(dst, b)
	}
	return n, err == nil && n > 8
}

// readable: text, not random bytes.
func readable(b []byte) bool {
	odd := 0
	for i := 0; i < len(b); {
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && i+4 < len(b) || r < 0x20 && r != '\n' && r != '\r' && r != '\t' {
			odd++
		}
		i += n
	}
	return odd == 0
}

// inside scans decoded text and records what it holds by the characters that
// carry it: three bytes in four characters.
func (s *scan) inside(i int, from int32, plain []byte) bool {
	if s.inner == nil {
		s.inner = new(scan)
	}
	in := s.inner
	in.reset(s.rules)
	in.depth = s.depth + 1
	in.feed(plain, true)
	hit := false
	for _, f := range in.out {
		a, b := from+int32(f.start/3*4), from+int32((f.end+2)/3*4)
		last := i
		for last+1 < s.limit && s.toks[last].e < b {
			last++
		}
		b = min(b, s.toks[last].e)
		if a = max(a, s.toks[i].s); a >= b || hit && s.at(a) < s.out[len(s.out)-1].end {
			continue
		}
		before := len(s.out)
		s.record(a, b, last, f.class, f.rule+"_base64", f.score)
		hit = hit || len(s.out) > before
	}
	return hit
}
