package redact

import (
	"math/bits"
	"slices"
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
		next := s.cutWindow(b, i, eof)
		if next == i {
			return i
		}
		i = next
	}
	if eof {
		s.room(0)
		s.meet(theEnd)
	}
	return i
}

// cutWindow pushes the tokens that begin in b[i:i+64] and returns where to go
// on: sooner than behind the window where a token may reach over its end, and
// at i if there is but a token that may go on.
func (s *scan) cutWindow(b []byte, i int, eof bool) int {
	r := b[i : i+ahead : i+ahead]
	var c classes
	c.of((*[64]byte)(r))
	size := min(len(b)-i, 64)
	c.truncate(size)
	s.room(64)
	before := s.gap // of the next token
	for m := c.begins(); m != 0; m &= m - 1 {
		p := bits.TrailingZeros64(m) & 63
		g := max(before, gap(c.blank<<1>>p&1))
		before = joined
		if c.alnum>>p&1 != 0 {
			n := bits.TrailingZeros64(^(c.alnum >> p))
			end := p + n
			if end >= size && !(eof && end < 64) || c.high>>(end&63)&1 != 0 || n > maxShort {
				if s.gap = g; end >= 64 && p > 0 {
					return i + p
				}
				return s.other(b, i+p, eof)
			}
			run := uint64(1)<<(n&63) - 1
			switch digits := c.digit >> p & run; digits {
			case 0:
				s.shortWord(i+p, n, g, r[p:], c.upper>>p&run)
			case run:
				s.meet(figures + joints[g])
				s.ask = anything
				t := s.nextTok()
				t.s, t.e, t.kind, t.gap, t.ch, t.hash = int32(i+p), int32(i+end), number, g, r[p], hashShort(r[p:], n)
			default:
				s.gap = g
				s.other(b, i+p, eof)
			}
			continue
		}
		if (c.high|c.line)>>p&1 != 0 {
			if c.line>>p&1 != 0 {
				before = lineEnd(b, i+p, g)
				continue
			}
			s.gap = g
			return s.other(b, i+p, eof)
		}
		ch := r[p]
		s.meet(markFollower[ch][(c.blank|c.line)>>p>>1&1] + joints[g])
		s.ask = s.interest.marks[ch]
		t := s.nextTok()
		t.s, t.e, t.kind, t.gap, t.ch = int32(i+p), int32(i+p+1), mark, g, ch
		if ch == '@' {
			s.markMail()
		}
	}
	if c.blank>>(size-1)&1 != 0 {
		before = max(before, spaced)
	}
	s.gap = before
	return i + size
}

// maxShort is the length of a word or number that is read in one go.
const maxShort = 32

// shortWord pushes the word of n letters at the beginning of r, which is
// norm[at:]; capitals has a bit for each.
func (s *scan) shortWord(at, n int, g gap, r []byte, capitals uint64) {
	h := hashShort(r, n)
	m := s.memo[h>>53]
	if !m.is(h) {
		m = s.learn(h)
	}
	kind := m % (1 << kindBits)
	k := &s.interest.kinds[kind]
	f, ask, form := lower, k.small, form(0)
	if capitals&1 != 0 {
		if f, ask, form = proud, k.proud, capital; n > 1 && capitals == 1<<n-1 {
			form |= shout
		}
	} else if k.words&isSmall != 0 {
		f = particle
	}
	s.meet(f + joints[g])
	if n < base64Least {
		j, u := 0, 0
		if g == joined {
			j = 1
		}
		if kind == 0 {
			u = 1
		}
		ask |= s.interest.length[j][u][n]
	} else {
		ask = anything
	}
	if n >= 2 && s.keys.may(r[0], r[1]) {
		ask |= s.interest.key
	}
	if last := len(s.toks) - 1; last >= 0 {
		p := &s.toks[last]
		if p.words&isPhrase != 0 && s.lex.mayLead(extend(p.hash, h)) {
			s.wake(last)
		}
		if form != 0 && s.words && (p.words&isFunction != 0 || p.ch == ',') { // "for Capital Cube", "the Managing Director"
			ask = anything
		}
	}
	t := s.nextTok()
	t.s, t.e, t.gap, t.form, t.ch, t.hash, t.words = int32(at), int32(at+n), g, form, r[0], h, k.words
	if s.known != nil && s.known.mayBegin(t) {
		ask = anything
	}
	s.ask = ask
	s.herald(t)
}

var hashA, hashAn, hashAs, hashAnd = hashOf("a"), hashOf("an"), hashOf("as"), hashOf("and")

// herald tells the rules what the latest token, a word, says of others: it is
// the dot of a spoken address, a firm may end here, an occupation may follow.
func (s *scan) herald(t *tok) {
	if t.words&isDot != 0 || t.words&isSpoken != 0 && t.gap == joined && s.bracketed() {
		s.markSpeech()
	}
	if !s.words {
		return
	}
	if t.words&isOrgWord != 0 && t.form&capital != 0 {
		s.markFirm()
	}
	if t.hash == hashAs { // see hintedJob
		s.wake(len(s.toks))
		s.wake(len(s.toks) + 1)
	}
}

// markFirm wakes the words with a capital before the latest token, see firm.
func (s *scan) markFirm() {
	for i, n := len(s.toks)-1, 0; i > s.next && n < 6 && s.toks[i].gap < newline; i-- {
		switch t := &s.toks[i-1]; {
		case t.form&capital != 0:
			s.wake(i - 1)
			n++
		case t.kind == mark:
			switch t.ch {
			case '&', '-', '\'', '.', ',':
			default:
				return
			}
		case t.words&isSmall == 0 && t.hash != hashAnd:
			return
		}
	}
}

// bracketed: the latest word stands behind a bracket: "(at)".
func (s *scan) bracketed() bool {
	p := s.prev(len(s.toks) - 1)
	return p.kind == mark && (p.ch == '(' || p.ch == '[' || p.ch == '{')
}

// meet tells the latest token what follows it.
func (s *scan) meet(f follower) {
	n := len(s.toks)
	s.live[n>>6] |= uint64(s.ask) >> (f & 63) & 1 << (n & 63)
}

// room makes room for n tokens, and for three that others wake before they are there.
func (s *scan) room(n int) {
	if cap(s.toks)-len(s.toks) < n {
		s.toks = slices.Grow(s.toks, n)
	}
	for len(s.live)*64 <= len(s.toks)+n+3 {
		s.live = append(s.live, 0)
	}
}

// lineEnd is the gap that a line's end at b[i] leaves.
func lineEnd(b []byte, i int, before gap) gap {
	if before >= newline && b[i] == '\n' && i > 0 && b[i-1] != '\r' {
		return blankLine
	}
	return max(before, newline)
}

// nextTok is a further token, all zero. It is filled in where it lies: a
// processor waits when it copies what was just written in smaller parts.
func (s *scan) nextTok() *tok {
	n := len(s.toks)
	s.toks = s.toks[:n+1]
	t := &s.toks[n]
	*t = tok{}
	return t
}

// A recent word: its kind in the lexicon in the lowest bits, and in the others
// those of its hash by which the lexicon knows it.
type recent uint64

// is reports that it is the word with this hash.
func (m recent) is(h uint64) bool { return (uint64(m)^h)>>unknownBits == 0 }

// learn asks the lexicon about a word, and remembers it if it may.
func (s *scan) learn(h uint64) recent {
	m := recent(h&^(1<<unknownBits-1)) | recent(s.lex.kindOf(h))
	if !s.slow {
		s.memo[h>>53] = m
	}
	return m
}

// lookUp is what the lexicon knows of a word.
func (s *scan) lookUp(h uint64) words { return s.lex.find(h) }

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
		s.wake(head)
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
