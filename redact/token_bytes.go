package redact

import (
	"unicode"
	"unicode/utf8"
)

// other pushes what is cut byte by byte at b[i]: long tokens, letters of other
// scripts, letters and digits in one. It returns where that ends, i if it may
// go on.
func (s *scan) other(b []byte, i int, eof bool) int {
	t, ok := s.run(b, i, eof)
	if !ok {
		return i
	}
	if t.kind != mixed || !s.split(t) {
		s.push(t)
	}
	s.herald(&s.toks[len(s.toks)-1])
	return int(t.e)
}

// scripts is where the scripts begin that are written without spaces between
// words: a digit beside them begins a new token.
const scripts = 0x0E00

// split pushes the parts of a token in which a word and a number were written
// without a space, "code199003052397", "cvv123", "5551234x56".
func (s *scan) split(t tok) bool {
	b := s.surface.norm[t.s:t.e]
	n := 0
	for n < len(b) && isLetter(b[n]) {
		n++
	}
	if n > 1 && n <= 12 && t.form&foreign == 0 {
		h := hashAt(b, 0, n)
		w := s.lookUp(h)
		digits := digitCount(b[n:])
		if w&numberHints != 0 && n > 2 && digits == len(b)-n || w&(hints|isCommon) != 0 && b[0] >= 'a' && isDigit(b[n]) && digits >= 6 && digits >= len(b)-n-2 {
			s.push(tok{s: t.s, e: t.s + int32(n), kind: word, ch: b[0], hash: h, words: w})
			s.gap = spaced // it might have been written there
			rest := tok{s: t.s + int32(n), e: t.e, kind: number, ch: b[n], form: t.form & cut}
			if digits < len(b)-n {
				rest.kind = mixed
			}
			s.push(rest)
			return true
		}
	}
	for n = 0; n < len(b) && isDigit(b[n]); n++ { // of a telephone number; six before an X may be a Finnish identity number
	}
	if n >= 4 && n != 6 && n+1 < len(b) && b[n]|0x20 == 'x' && len(b)-n-1 <= 6 && digitCount(b[n+1:]) == len(b)-n-1 {
		at := t.s + int32(n)
		s.push(tok{s: t.s, e: at, kind: number, ch: b[0]})
		s.push(tok{s: at, e: at + 1, kind: mark, ch: 'x'})
		s.push(tok{s: at + 1, e: t.e, kind: number, ch: b[n+1]})
		return true
	}
	return false
}

// What a byte adds to a run of letters and digits.
const (
	runLow byte = 1 << iota
	runUp
	runNum
)

var runKind = func() (t [256]byte) {
	for c := range t {
		switch classOf[c] {
		case isLow:
			t[c] = runLow
		case isUp:
			t[c] = runUp
		case isNum:
			t[c] = runNum
		}
	}
	return t
}()

// run reads the letters and digits from b[i] on; ok is false when they may go on.
func (s *scan) run(b []byte, i int, eof bool) (t tok, ok bool) {
	end := min(len(b), i+maxToken)
	seen, j := byte(0), i
	for j < end && runKind[b[j]] != 0 {
		seen |= runKind[b[j]]
		j++
	}
	t = tok{s: int32(i), ch: b[i]}
	if j < end && b[j] >= 0x80 {
		if j, seen = s.runOther(b, i, j, seen, &t); t.kind == han || t.kind == mark && j > i {
			return t, true
		}
	}
	if j >= i+maxToken {
		t.form |= cut
	} else if j >= len(b) && !eof {
		return t, false
	}
	t.e = int32(j)
	if t.form&foreign == 0 {
		t.hash = hashAt(b, i, j-i)
	} else {
		t.hash = hashFolded(b[i:j])
	}
	switch {
	case seen&runNum == 0:
		t.kind = word
		t.words = s.lookUp(t.hash)
	case seen == runNum && t.form&foreign == 0: // else accents stand on digits
		t.kind = number
	default:
		t.kind = mixed
		t.words = s.lookUp(t.hash)
	}
	if seen&runUp != 0 {
		if c := classOf[b[i]]; c == isUp || c == isHigh && startsUpper(b[i:]) {
			t.form |= capital
		}
		if seen&runLow == 0 && j-i > 1 {
			t.form |= shout
		}
	}
	return t, true
}

// runOther goes on with a run at a character that is not ASCII. A Han
// character and a symbol become a token of their own.
func (s *scan) runOther(b []byte, i, j int, seen byte, t *tok) (int, byte) {
	high := rune(0) // the latest character of another script
	for j < min(len(b), i+maxToken) {
		c := b[j]
		if k := runKind[c]; k != 0 {
			if high >= scripts {
				return j, seen
			}
			seen |= k
			j++
			continue
		}
		if c < 0x80 {
			return j, seen
		}
		r, n := utf8.DecodeRune(b[j:])
		if j > i && (r >= scripts) != (high >= scripts) {
			return j, seen
		}
		high = r
		switch {
		case unicode.Is(unicode.Han, r):
			if j > i {
				return j, seen
			}
			t.e, t.kind, t.hash = int32(j+n), han, hashRune(r)
			t.words = s.lookUp(t.hash)
			return j + n, seen
		case unicode.IsUpper(r):
			seen |= runUp
		case unicode.IsLetter(r):
			seen |= runLow
		case unicode.Is(unicode.M, r):
		default:
			if j == i {
				t.e, t.kind, t.ch = int32(j+n), mark, 0x80
				return j + n, seen
			}
			return j, seen
		}
		t.form |= foreign
		j += n
	}
	return j, seen
}

func startsUpper(b []byte) bool {
	r, _ := utf8.DecodeRune(b)
	return unicode.IsUpper(r)
}

// push appends a token that was cut byte by byte; the rules are asked about it
// whatever follows.
func (s *scan) push(t tok) {
	s.room(1)
	t.gap = s.gap
	if last := len(s.toks) - 1; t.kind == word && last >= 0 && s.toks[last].words&isPhrase != 0 {
		s.wake(last)
	}
	f := [...]follower{word: lower, number: figures, mixed: mixture, han: mixture, mark: otherMark}[t.kind]
	if t.kind == word && t.form&capital != 0 {
		f = proud
	} else if t.kind == word && t.words&isSmall != 0 {
		f = particle
	}
	s.meet(f + joints[t.gap])
	if s.ask = anything; t.kind == mark {
		s.ask = s.interest.marks[t.ch]
	}
	s.gap = joined
	s.toks = append(s.toks, t)
}
