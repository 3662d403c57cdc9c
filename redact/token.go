package redact

import (
	"encoding/binary"
	"math/bits"
	"slices"
	"unicode"
	"unicode/utf8"
)

// A tok is a word, a number, a mixture of both, one Han character or one
// punctuation mark of the normalised text. Spaces are no tokens: each token
// remembers what stood before it.
type tok struct {
	s, e  int32 // norm[s:e]
	kind  tokKind
	gap   gap
	form  form
	ch    byte // first byte
	idle  bool // by itself it neither is nor announces a value: see dull
	seen  sums // of the tokens up to this one, once english asked for them
	hash  uint64
	words words // what the lexicon knows of it
}

type tokKind uint8

const (
	word tokKind = iota
	number
	mixed // letters and digits
	han
	mark
)

type gap uint8

const (
	joined gap = iota // nothing stands between this token and the one before
	spaced
	newline
	blankLine
)

type form uint8

const (
	capital    form = 1 << iota // begins with a capital letter
	shout                       // more than one letter, all capitals
	foreign                     // has non-ASCII letters
	mailHead                    // an e-mail address begins here
	speechHead                  // spoken words may begin here
	cut                         // goes on in the next token: longer than maxToken
)

const maxToken = 128

type byteClass uint8

const (
	isMark byteClass = iota
	isBlank
	isLine
	isLow
	isUp
	isNum
	isHigh // first byte of a non-ASCII character
)

var classOf = func() (t [256]byteClass) {
	for c := range t {
		switch {
		case c == '\n' || c == '\r':
			t[c] = isLine
		case c == ' ' || c == '\t' || c == '\v' || c == '\f':
			t[c] = isBlank
		case c >= 'a' && c <= 'z':
			t[c] = isLow
		case c >= 'A' && c <= 'Z':
			t[c] = isUp
		case c >= '0' && c <= '9':
			t[c] = isNum
		case c >= 0x80:
			t[c] = isHigh
		}
	}
	return t
}()

// tokenise cuts norm[from:] into tokens and returns where it stopped: without
// eof the last token may go on and is left for the next call.
func (s *scan) tokenise(from int, eof bool) int {
	b := s.surface.padded()
	i := from
	for i < len(b) {
		c := b[i]
		switch classOf[c] {
		case isBlank:
			s.gap = max(s.gap, spaced)
			i++
			continue
		case isLine:
			if s.gap >= newline && c == '\n' && i > 0 && b[i-1] != '\r' {
				s.gap = blankLine
			} else {
				s.gap = max(s.gap, newline)
			}
			i++
			continue
		case isMark:
			t := s.nextTok()
			t.s, t.e, t.kind, t.gap, t.ch, t.idle = int32(i), int32(i+1), mark, s.gap, c, true
			s.gap = joined
			if c == '@' {
				s.markMail()
			}
			i++
			continue
		}
		next, ok := s.letters(b, i, eof)
		if !ok {
			return i
		}
		i = next
		if s.toks[len(s.toks)-1].words&isDot != 0 {
			s.markSpeech()
		}
	}
	return i
}

// letters pushes the run of letters and digits at b[i] and returns its end; ok
// is false when it may go on.
func (s *scan) letters(b []byte, i int, eof bool) (end int, ok bool) {
	r := b[i : len(b)+pad : len(b)+pad]
	n, h := 0, uint64(hashSeed)
	var low, up, num uint64 // the high bits of the bytes that are such
	for n < maxToken {
		w := binary.LittleEndian.Uint64(r[n:])
		plain := w &^ highs
		small := plain | lowBits
		letter := (small + 0x1f*ones) &^ (small + 0x05*ones) // 'a' to 'z'
		digit := (plain + 0x50*ones) &^ (plain + 0x46*ones)
		k := min(bits.TrailingZeros64(^(letter|digit)&highs|w&highs)/8, len(b)-i-n)
		if k == 0 {
			break
		}
		n += k
		part := uint64(1)<<(8*k) - 1
		h = mix(h, (w|lowBits)&part)
		part &= highs
		low |= letter & (w << 2) & part // bit 5 makes a letter small
		up |= letter &^ (w << 2) & part
		num |= digit & part
		if k < 8 {
			break
		}
	}
	if n >= maxToken || i+n < len(b) && r[n] >= 0x80 || i+n == len(b) && !eof || num != 0 && low|up != 0 {
		t, ok := s.run(b, i, eof)
		if ok && (t.kind != mixed || !s.split(t)) {
			s.push(t)
		}
		return int(t.e), ok
	}
	t := s.nextTok()
	t.s, t.e, t.gap, t.ch, t.hash = int32(i), int32(i+n), s.gap, r[0], h
	s.gap = joined
	if num != 0 {
		t.kind = number
	} else {
		t.words = s.lookUp(h)
		if r[0] < 'a' {
			if t.form = capital; low == 0 && n > 1 {
				t.form |= shout
			}
		}
		t.idle = s.idleWord(t)
	}
	return i + n, true
}

// nextTok is a further token, all zero. It is filled in where it lies: a
// processor waits when it copies what was just written in smaller parts.
func (s *scan) nextTok() *tok {
	n := len(s.toks)
	if n == cap(s.toks) {
		s.toks = slices.Grow(s.toks, 64)
	}
	s.toks = s.toks[:n+1]
	t := &s.toks[n]
	*t = tok{}
	return t
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
	for n < len(b) && isDigit(b[n]) {
		n++
	}
	if n >= 4 && n+1 < len(b) && b[n]|0x20 == 'x' && len(b)-n-1 <= 6 && digitCount(b[n+1:]) == len(b)-n-1 {
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
	case seen == runNum:
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

// recent is a word and what the lexicon said of it.
type recent struct {
	hash  uint64
	words words
}

// lookUp asks the lexicon, or remembers what it said of the word before.
func (s *scan) lookUp(h uint64) words {
	if s.slow {
		return s.lex.find(h)
	}
	m := &s.memo[h>>54]
	if m.hash != h {
		*m = recent{h, s.lex.find(h)}
	}
	return m.words
}

func (s *scan) push(t tok) {
	t.gap = s.gap
	t.idle = t.kind == mark || t.kind == word && s.idleWord(&t)
	s.gap = joined
	s.toks = append(s.toks, t)
}

// markMail sets mailHead on the token with which the local part before an '@'
// begins.
func (s *scan) markMail() {
	at := len(s.toks) - 1
	head := -1
	for i := at; i > s.next && s.toks[i].gap == joined && s.toks[at].s-s.toks[i-1].s <= 64 && s.at(s.toks[at].s)-s.at(s.toks[i-1].s) <= reach/2; i-- {
		t := &s.toks[i-1]
		if t.kind == mark {
			if !localMark[t.ch] {
				break
			}
			continue
		}
		if t.kind == han {
			break
		}
		head = i - 1
	}
	if head >= 0 {
		s.toks[head].form |= mailHead
	}
}

// localMark: the marks of RFC 5322 atoms without those that are separators in
// logs and URLs (= & / ? #).
var localMark = func() (t [256]bool) {
	for _, c := range []byte(".!$%'*+^_{|}~-`") {
		t[c] = true
	}
	return t
}()
