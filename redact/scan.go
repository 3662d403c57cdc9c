package redact

import "math/bits"

// reach is how many raw bytes after its first token a value may extend, and
// so how much of a stream is held back. A value is judged by what lies within
// reach after it and by what was read before it, never by where a chunk of
// the stream ended: that makes streaming and whole texts equal.
const (
	reach     = 224
	lookahead = 16   // raw bytes that may be needed to end a token
	window    = 4096 // raw bytes taken in at once: what they become stays in the processor's cache
)

// found is a span before overlaps and treatments: raw offsets within the stream.
type found struct {
	start, end int
	class      Class
	rule       string
	score      float64
}

// scan is the state of one pass over one text, and the memory that the next
// one uses again.
type scan struct {
	*rules
	surface surface
	toks    []tok
	carry   []byte // the beginning of an escape that was cut
	scratch []byte
	inner   *scan // for what is encoded in the text
	out     []found
	speech  []spokenSpan
	ear     listener
	spans   []Span

	live []uint64     // bit i+1: the rules are asked about token i
	memo [2048]recent // the lexicon's latest answers
	// seq of the latest token that gave each hint of recent; of others, from texts before
	lastHint [32]int
	group    cluster
	idForm   [32]byte // compact form of an identifier
	low      [16]byte // see lower
	edge     tok      // stands before the first token
	slow     bool     // tests: ask the rules at every token, the lexicon for every word

	pass
}

// pass is what has to be forgotten before the next text.
type pass struct {
	next   int         // first undecided token
	gap    gap         // before the next token
	ask    followerSet // of the latest token
	cut    int         // norm[:cut] is tokenised
	base   int         // raw offset of the stream that position 0 of the surface has
	taken  int         // raw bytes taken in since base
	seq    int         // number of toks[0] in the stream
	limit  int         // tokens before this index lie within reach of the one being decided
	summed int         // tokens before this index have their sums

	recent  words // the hints that may still count, see hintReach
	newest  int   // seq of the latest one
	done    int   // seq of the first token after the last value found
	stamped int   // and after the last timestamp
	expect  expectation
	swallow swallow
	names   nameState
	phrase  sense // of the latest token that means something
	heard   int   // seq up to which spoken forms were looked for

	depth     int // of encodings around this text
	codeStart int // raw offsets of the latest base64 run: where it began,
	codeEnd   int // where it ends as far as it was seen,
	codeSeen  int // from where on it is read again
}

// sense is what the longest phrase at a token says.
type sense struct {
	seq   int
	words words
	more  int // tokens of it behind the first
}

// expectation is a value announced by a keyword, "password: ".
type expectation struct {
	seq   int
	class Class
	rule  string
	score float64
}

func (s *scan) reset(r *rules) {
	s.rules = r
	s.surface.clear()
	clear(s.live[:min(len(s.live), len(s.toks)/64+1)])
	s.toks, s.carry, s.out, s.scratch = s.toks[:0], s.carry[:0], s.out[:0], s.scratch[:0]
	s.speech, s.spans = s.speech[:0], s.spans[:0]
	s.pass = pass{}
	s.gap = blankLine
	s.edge = tok{kind: mark, ch: '\n', gap: blankLine}
	s.expect.seq, s.phrase.seq = -1, -1
	s.names.reset()
}

// feed takes in more of the text and decides every token whose reach is known.
func (s *scan) feed(p []byte, eof bool) {
	for {
		if s.cut > 2*window {
			s.compact()
		}
		n := min(len(p), window)
		last := eof && n == len(p)
		s.take(p[:n], last)
		p = p[n:]
		s.cut = s.tokenise(s.cut, last)
		s.decideAll(last)
		if len(p) == 0 {
			return
		}
	}
}

// take normalises p behind what was carried over.
func (s *scan) take(p []byte, eof bool) {
	if len(s.carry) > 0 {
		n := min(len(p), maxEscape)
		s.scratch = append(append(s.scratch[:0], s.carry...), p[:n]...)
		used := s.surface.add(s.scratch, s.taken-len(s.carry), eof && n == len(p))
		if used < len(s.carry) { // still not enough to end it
			s.carry = append(s.carry[:0], s.scratch[used:]...)
			s.taken += n
			if p = p[n:]; len(p) > 0 || eof && len(s.carry) > 0 && n > 0 {
				s.take(p, eof)
			}
			return
		}
		used -= len(s.carry)
		s.carry = s.carry[:0]
		p = p[used:]
		s.taken += used
	}
	used := s.surface.add(p, s.taken, eof)
	s.carry = append(s.carry, p[used:]...)
	s.taken += len(p)
}

// at is the raw offset of the stream at which norm[i] begins.
func (s *scan) at(i int32) int {
	if raw, ok := s.surface.at(int(i)); ok {
		return s.base + raw
	}
	return s.base + s.taken - len(s.carry)
}

// settled is the raw offset up to which the text may be written out.
func (s *scan) settled(eof bool) int {
	switch {
	case eof:
		return s.base + s.taken
	case s.next < len(s.toks):
		return s.at(s.toks[s.next].s)
	default:
		return s.at(int32(s.cut))
	}
}

// decideAll decides the tokens whose whole reach was taken in.
func (s *scan) decideAll(eof bool) {
	end := s.base + s.taken
	ready := len(s.toks) // tokens before this index lie wholly within reach
	for !eof && ready > s.next && s.at(s.toks[ready-1].s)+reach > end {
		ready--
	}
	if !eof && ready == len(s.toks) && ready > 0 {
		s.wake(ready - 1) // nobody knows yet what follows
	}
	for s.next < ready {
		if s.calm() {
			if s.next = s.nextLive(s.next, ready); s.next == ready {
				return
			}
		}
		from := s.at(s.toks[s.next].s)
		s.limit = max(s.limit, s.next+1)
		if end+lookahead <= from+reach {
			s.limit = len(s.toks)
		}
		for near := int32(from + reach - lookahead - s.base); s.limit < len(s.toks); s.limit++ { // as long as norm is the raw text
			if e := s.toks[s.limit].e; e > near || int(e) >= s.surface.flat {
				break
			}
		}
		for s.limit < len(s.toks) && s.at(s.toks[s.limit].e)+lookahead <= from+reach {
			s.limit++
		}
		s.decide(s.next)
		s.next++
	}
}

// calm: only the tokens that are live are asked about. It is not so where a
// value goes on, where hints make any word count, and in the reference.
func (s *scan) calm() bool {
	const wary = hintVehicle | hintSWIFT | hintIBAN
	return !s.swallow.active && len(s.speech) == 0 && s.custom == nil && !s.slow && s.recent&wary == 0
}

// wake has the rules asked about token i.
func (s *scan) wake(i int) { s.live[(i+1)>>6] |= 1 << ((i + 1) & 63) }

// wakeProud has them asked if it has a capital.
func (s *scan) wakeProud(i int) {
	if i >= len(s.toks) || s.toks[i].form&capital != 0 {
		s.wake(i)
	}
}

// nextLive is the first live token in [i,end), else end.
func (s *scan) nextLive(i, end int) int {
	k := (i + 1) >> 6
	w := s.live[k] >> ((i + 1) & 63) << ((i + 1) & 63)
	for w == 0 {
		if k++; k > end>>6 {
			return end
		}
		w = s.live[k]
	}
	return min(k<<6+bits.TrailingZeros64(w)-1, end)
}

// idleWord: an everyday word, which by itself neither is nor announces a value.
func (s *scan) idleWord(t *tok) bool {
	w := t.words
	switch {
	case s.words:
		return t.form == 0 && w&^(isCommon|isFunction|isSmall) == 0 && w&(isCommon|isFunction) != 0
	case t.form == capital:
		return w&^(isCommon|isFunction) == 0 && w != 0 && t.e-t.s < 8
	default:
		return t.form == 0 && w&^(isCommon|isFunction|isSmall) == 0 && t.e-t.s < base64Least
	}
}

// compact forgets what no rule looks back at.
func (s *scan) compact() {
	keep := max(0, s.next-lookBack) &^ 63
	from := int32(s.cut)
	if keep < len(s.toks) {
		from = s.toks[keep].s
	}
	if from == 0 {
		return
	}
	shift, ok := s.surface.at(int(from))
	if !ok {
		shift = s.taken - len(s.carry)
	}
	s.surface.drop(int(from), shift)
	s.toks = append(s.toks[:0], s.toks[keep:]...)
	for i := range s.toks {
		s.toks[i].s -= from
		s.toks[i].e -= from
	}
	n := copy(s.live, s.live[keep/64:])
	clear(s.live[n:])
	s.seq += keep
	s.next -= keep
	s.limit = max(0, s.limit-keep)
	s.summed = max(0, s.summed-keep)
	s.cut -= int(from)
	s.base += shift
	s.taken -= shift
}

// lookBack is how many tokens before the one being decided rules may look at.
const lookBack = 40

// decide looks for a value that begins at token i.
func (s *scan) decide(i int) {
	t := &s.toks[i]
	if s.seq+i > s.newest+hintReach {
		s.recent = 0
	}
	if t.words&(hints|isPhrase|isIntro|isBox) != 0 {
		s.hint(i)
	}
	if s.swallow.active && s.swallowing(i) {
		return
	}
	if t.words&isSpoken != 0 || t.form&speechHead != 0 {
		s.findSpeech(i)
	}
	if s.seq+i < s.done || len(s.speech) > 0 && s.spokenHere(i) {
		return
	}
	if s.known != nil && s.findKnown(i) {
		return
	}
	if s.custom != nil && s.findCustom(i) {
		return
	}
	if s.expect.seq >= 0 && s.expect.seq <= s.seq+i && s.expected(i) {
		return
	}
	if t.form&mailHead != 0 && s.mail(i) {
		return
	}
	if s.seq+i < s.stamped {
		return
	}
	switch t.kind {
	case number:
		if last := s.stamp(i); last >= 0 {
			s.moment(i, last)
			return
		}
		s.number(i)
	case mixed:
		s.mixed(i)
	case word:
		s.word(i)
	case mark:
		s.mark(i)
	case han:
		s.hanzi(i)
	}
}

// hint notes the keywords that end at or begin with token i.
func (s *scan) hint(i int) {
	w, last := s.phraseAt(i)
	s.phrase = sense{s.seq + i, w, last - i}
	if s.words && w&(hintOrg|hintPlace) != 0 {
		s.wakeProud(last + 1)
		s.wakeProud(last + 2)
	}
	if w&hints != 0 {
		s.recent |= w & hints
		s.newest = s.seq + last
		for m := uint32(w & hints); m != 0; m &= m - 1 {
			s.lastHint[bits.TrailingZeros32(m)] = s.newest
		}
	}
	if w&(isIntro|hintName) != 0 {
		s.introduce(last, w)
	}
	if w&(hintPassword|hintSecret|hintUser) != 0 {
		s.announce(i, last, w)
	}
	if w&isBox != 0 {
		s.box(last)
	}
}

// follow is the index of the word after token i that continues a phrase: next
// to it, or parted by a blank or one of "-_.'/". -1 when there is none.
func (s *scan) follow(i int) int {
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].gap == joined {
		switch s.toks[j].ch {
		case '-', '_', '.', '\'', '/':
			j++
		case '(': // "Né(e) le"
			if j+3 < s.limit && s.toks[j+1].kind == word && s.toks[j+1].e-s.toks[j+1].s == 1 && s.toks[j+2].ch == ')' && s.toks[j+2].gap == joined {
				j += 3
			}
		}
	}
	if j >= s.limit || s.toks[j].kind == mark || s.toks[j].kind == number || s.toks[j].gap >= newline {
		return -1
	}
	return j
}

// hinted reports whether a keyword was read at most n tokens before token i.
func (s *scan) hinted(w words, i, n int) bool {
	return s.recent&w != 0 && s.hintedWithin(s.recent&w, i, n)
}

// hintReach is how many tokens a keyword counts at most.
const hintReach = 16

func (s *scan) hintedWithin(w words, i, n int) bool {
	for m := uint32(w); m != 0; m &= m - 1 {
		if s.seq+i-s.lastHint[bits.TrailingZeros32(m)] <= n {
			return true
		}
	}
	return false
}

// later reports that one keyword of recent was read after another: "cvv 123, pin 4321".
func (s *scan) later(one, other words) bool {
	return s.lastHint[bits.TrailingZeros32(uint32(one))] > s.lastHint[bits.TrailingZeros32(uint32(other))]
}

// near are the hints of identifiers read at most n tokens before token i.
func (s *scan) near(i, n int) (w words) {
	const all = hintCard | hintAccount | hintSSN | hintNational | hintTax | hintPassport | hintLicence | hintVehicle | hintPostcode
	for m := uint32(s.recent & all); m != 0; m &= m - 1 {
		if k := bits.TrailingZeros32(m); s.seq+i-s.lastHint[k] <= n {
			w |= 1 << k
		}
	}
	return w
}

// accept records tokens i..last as one value.
func (s *scan) accept(i, last int, class Class, rule string, score float64) bool {
	return s.acceptBytes(s.toks[i].s, s.toks[last].e, last, class, rule, score)
}

// acceptBytes records norm[a:b], which ends in token last.
func (s *scan) acceptBytes(a, b int32, last int, class Class, rule string, score float64) bool {
	if !s.wants(class, score) {
		return false
	}
	s.record(a, b, last, class, rule, score)
	return true
}

func (s *scan) record(a, b int32, last int, class Class, rule string, score float64) {
	s.done = s.seq + last + 1
	if class == Person || class == Organization { // others in a row with it, see inRow
		s.wakeProud(last + 2)
		s.wakeProud(last + 3)
	}
	if s.suppressed(a, b) {
		return
	}
	s.out = append(s.out, found{s.at(a), s.at(b), class, rule, score})
}

// bytes is the normalised text of tokens i..j.
func (s *scan) bytes(i, j int) []byte { return s.surface.norm[s.toks[i].s:s.toks[j].e] }

// prev is the token before i if it lies in the window, else a line break.
func (s *scan) prev(i int) *tok {
	if i == 0 {
		return &s.edge
	}
	return &s.toks[i-1]
}
