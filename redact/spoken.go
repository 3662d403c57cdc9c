package redact

import (
	"bytes"
	"slices"
	"sort"
	"strings"
	"sync"
	"unsafe"
)

// findSpoken appends the spans of values that are spoken or written in words
// ("four one one one", "at gmail dot com"), in one text. Lines are separate
// utterances. lang "auto" or "" means every language whose numbers it uses.
func findSpoken(dst []Span, text []byte, lang string) []Span {
	return new(listener).find(dst, text, lang)
}

// listener is the memory in which utterances are heard, each in that of the one
// before.
type listener struct {
	small     []byte // the text in small letters, of which words are parts
	words     []saidWord
	langs     []*speech
	utterance utterance
}

// find is findSpoken.
func (e *listener) find(dst []Span, text []byte, lang string) []Span {
	from := len(dst)
	for at := 0; at < len(text); {
		end := len(text)
		if n := bytes.IndexByte(text[at:], '\n'); n >= 0 {
			end = at + n
		}
		for at < end {
			cut := at + lineCut(text[at:end])
			if spokenGate().open(text[at:cut]) {
				e.split(text[at:cut])
				e.langs = hearers(e.langs[:0], e.words, lang)
				for _, l := range e.langs {
					l.hear(&e.utterance, e.words)
					dst = e.utterance.find(dst, at)
				}
			}
			at = cut
		}
		at = end + 1
	}
	return append(dst[:from], disjoint(dst[from:])...)
}

// split cuts the text into words that last until the next one is cut.
func (e *listener) split(text []byte) {
	e.small = append(e.small[:0], text...)
	for i, c := range e.small {
		if c >= 'A' && c <= 'Z' {
			e.small[i] = c | 0x20
		}
	}
	// No word outlives the text, so none needs a copy of its part of it.
	e.words = cutWords(e.words[:0], text, unsafe.String(unsafe.SliceData(e.small), len(e.small)))
}

// maxUtterance bounds what is understood at once; longer lines are cut at a space.
const maxUtterance = 4096

func lineCut(line []byte) int {
	if len(line) <= maxUtterance {
		return len(line)
	}
	if n := bytes.LastIndexByte(line[:maxUtterance], ' '); n > 0 {
		return n + 1
	}
	return maxUtterance
}

// disjoint sorts spans and joins those that overlap; the better one names them.
func disjoint(spans []Span) []Span {
	if len(spans) < 2 {
		return spans
	}
	sort.SliceStable(spans, func(i, j int) bool { return spans[i].Start < spans[j].Start })
	out := spans[:1]
	for _, s := range spans[1:] {
		last := &out[len(out)-1]
		if s.Start >= last.End {
			out = append(out, s)
			continue
		}
		start, end := last.Start, max(last.End, s.End)
		if s.Score > last.Score || s.Score == last.Score && s.End-s.Start > last.End-last.Start {
			*last = s
		}
		last.Start, last.End = start, end
	}
	return out
}

// hearers appends the languages worth listening in: the one that is named, or
// those to which most of the text's words of dictation belong.
func hearers(dst []*speech, words []saidWord, lang string) []*speech {
	all := speeches()
	if l := all[lang]; l != nil {
		return append(dst, l)
	}
	votes := vote(words)
	best := slices.Max(votes[:])
	for n, lang := range spokenLangs {
		if votes[n] > 1 && votes[n]*10 >= best*7 {
			dst = append(dst, all[lang])
		}
	}
	return dst
}

// votes says how much of a text belongs to each of spokenLangs.
type votes [6]int

func vote(words []saidWord) (v votes) {
	ballots := spokenBallots()
	for _, w := range words {
		if len(w.text) == 1 {
			continue
		}
		b, ok := ballots[w.text]
		if !ok && len(w.text) > 5 {
			if _, ok := germanNumber(w.text); ok {
				b[slices.Index(spokenLangs, "de")] = 3
			}
		}
		for n := range v {
			v[n] += int(b[n])
		}
	}
	return v
}

// spokenBallots says how much each word speaks for each language.
var spokenBallots = sync.OnceValue(func() map[string][6]uint8 {
	all := map[string][6]uint8{}
	for n, lang := range spokenLangs {
		for phrase, m := range speeches()[lang].words {
			weight := uint8(1)
			switch {
			case strings.Contains(phrase, " "):
			case m.role&numberRoles != 0:
				weight = 3
			case m.role&(askRole|markRole) != 0:
				weight = 2
			}
			for w := range strings.SplitSeq(phrase, " ") {
				b := all[w]
				b[n] = max(b[n], weight)
				all[w] = b
			}
		}
	}
	return all
})

// find appends the values of one utterance that begins at byte base.
func (u *utterance) find(dst []Span, base int) []Span {
	from := len(dst)
	dst = u.addresses(dst)
	for i := range u.runs {
		if v, ok := u.judge(i); ok {
			dst = append(dst, v)
		}
	}
	dst = u.dates(dst)
	if len(dst) == from {
		dst = u.link(dst)
	}
	for i := from; i < len(dst); i++ {
		dst[i].Start += base
		dst[i].End += base
	}
	return dst
}

// judge says whether a run alone is a value, and of what class.
func (u *utterance) judge(i int) (Span, bool) {
	r := &u.runs[i]
	s := Span{Start: r.start, End: r.end, Score: 0.9, Rule: "spoken-number"}
	if r.quantity || u.known(r) {
		return s, false
	}
	topic, near := u.topic(i)
	unit := r.last+1 < len(u.items) && u.items[r.last+1].is(unitRole)
	if r.letters == 0 || r.letters == 1 && r.digits >= 7 {
		s.Class = u.judgeDigits(r, topic, near, unit)
	} else {
		s.Class, s.Rule = u.judgeCode(r, topic), "spoken-code"
	}
	if topic == "" {
		s.Score = 0.75
	}
	if s.Class == Phone {
		s.End = u.extension(i, s.End)
	}
	return s, s.Class != ""
}

// known: the run is all numerals, which the engine reads without our help.
func (u *utterance) known(r *run) bool {
	for i := r.first; i <= r.last; i++ {
		if u.part(i) && !u.items[i].is(numeralRole) || u.items[i].is(repairRole) {
			return false
		}
		if u.items[i].is(numeralRole) && u.items[i].word {
			return false
		}
	}
	return true
}

func (u *utterance) judgeDigits(r *run, topic Class, near, unit bool) Class {
	n := r.digits
	switch {
	case r.dots == 3 && u.address4(r):
		return IP
	case r.decimal && (n < 13 || !luhn(r.value)):
		return ""
	case r.plus && n >= 8 && n <= 15:
		return Phone
	case n >= 13 && r.parts >= 4:
		if topic == IBAN || topic == BankAccount || n > 24 {
			return or(topic, PAN)
		}
		return PAN
	case unit && (n < 7 || r.parts < 4):
		return ""
	case near && fits(topic, n) && !(r.parts == 1 && r.cardinals == 0 && n < 3):
		return topic
	case n >= 7 && r.parts >= 3 && (r.parts > 2*r.cardinals || r.value[0] == '0' && r.value[1] != '0'): // no quantity begins with zero
		if topic != "" && !short(topic) {
			return topic
		}
		return Phone
	case topic == "" && u.counting(r):
		return ""
	case r.singles >= 4, r.singles >= 3 && r.singles == r.parts && u.whole(r) && !u.clock(r):
		return or(topic, Secret)
	}
	return ""
}

func or(topic, other Class) Class {
	if topic != "" {
		return topic
	}
	return other
}

// fits: a number of n digits can be what the topic asks for, however it is said.
func fits(topic Class, n int) bool {
	switch topic {
	case CVV:
		return n == 3 || n == 4
	case PIN, Secret:
		return n >= 4 && n <= 8
	case Expiry:
		return n >= 3 && n <= 6
	case SSN:
		return n == 4 || n == 9
	case Postcode:
		return n >= 4 && n <= 9
	case DOB:
		return n >= 4 && n <= 8
	case Phone, BankAccount, Routing, Passport, DriverLic, NationalID, TaxID:
		return n >= 5 && n <= 20
	case PAN:
		return n >= 7 && n <= 19
	case IBAN:
		return n >= 10
	}
	return false
}

func short(topic Class) bool {
	return topic == CVV || topic == PIN || topic == Expiry || topic == Postcode || topic == DOB || topic == Email
}

// judgeCode: digits and spelled letters mixed.
func (u *utterance) judgeCode(r *run, topic Class) Class {
	switch {
	case r.parts >= 14 && r.letters >= 2 && validIBAN(bytes.ToUpper(r.value)):
		return IBAN
	case topic == Email || topic == CVV:
		return ""
	case topic != "" && topic != Phone && topic != PAN && r.parts >= 4:
		return topic
	case r.digits >= 7 && r.letters <= 2:
		return or(topic, Phone)
	case r.singles >= 4 || r.parts >= 5 && r.letters >= 1 && r.digits >= 2:
		return or(topic, Secret)
	case u.whole(r) && r.parts >= 3 && r.cardinals == 0:
		return Secret
	}
	return ""
}

// counting: "one, two, three, four"; also 七七八八, "nearly all".
func (u *utterance) counting(r *run) bool {
	return r.digits <= 6 && r.digits == r.parts && (strings.HasPrefix("123456", string(r.value)) || u.han && string(r.value) == "7788")
}

// clock: "eight oh six" is a time unless somebody asked for a code.
func (u *utterance) clock(r *run) bool {
	return r.parts == 3 && strings.HasPrefix(u.items[r.first+1].text, "o")
}

// address4: four numbers up to 255 with a dot between each.
func (u *utterance) address4(r *run) bool {
	fields, value, digits := 0, 0, 0
	for i := r.first; i <= r.last; i++ {
		if g := u.group[i]; g > 0 {
			for _, c := range u.groups[g-1].digits {
				value, digits = value*10+int(c-'0'), digits+1
			}
			i = u.groups[g-1].to - 1
			continue
		}
		if u.items[i].is(markRole|pointRole) && (u.items[i].sym == '.' || u.items[i].is(pointRole)) {
			if digits == 0 || digits > 3 || value > 255 {
				return false
			}
			fields, value, digits = fields+1, 0, 0
		}
	}
	return fields == 3 && digits > 0 && digits <= 3 && value <= 255
}

// whole: the utterance holds nothing else.
func (u *utterance) whole(r *run) bool {
	for i := range u.items {
		if (i < r.first || i > r.last) && !u.pause(i) {
			return false
		}
	}
	return true
}

// topicReach is how many words may stand between a topic and its value.
const topicReach = 12

// topic is the class that the words before a run ask for, or those right
// behind it. near: only copulas and hesitation between them.
func (u *utterance) topic(i int) (class Class, near bool) {
	r := &u.runs[i]
	stop := 0
	if i > 0 {
		stop = u.runs[i-1].last + 1
	}
	near = true
	for j := r.first - 1; j >= stop && j >= r.first-topicReach; j-- {
		it := &u.items[j]
		switch {
		case it.is(askRole):
			return it.class, near
		case it.is(prepRole|unitRole) && !it.is(speechRoles), it.role == 0 && it.word:
			near = false
		}
	}
	for j := r.last + 1; j < len(u.items) && j <= r.last+4; j++ {
		it := &u.items[j]
		if it.is(askRole) {
			return it.class, true
		}
		if !it.is(speechRoles | stopRole) {
			break
		}
	}
	return "", false
}

// extension lengthens a telephone number by "extension twelve" behind it.
func (u *utterance) extension(i, end int) int {
	if i+1 >= len(u.runs) {
		return end
	}
	next := &u.runs[i+1]
	if next.first-u.runs[i].last > 3 {
		return end
	}
	for j := u.runs[i].last + 1; j < next.first; j++ {
		switch u.items[j].text {
		case "extension", "ext", "poste", "durchwahl", "apparat", "ramal", "interno", "anexo", "分机", "x":
			return next.end
		}
	}
	return end
}

// link joins runs too short to judge alone that are plainly parts of one
// dictation: at least seven digits in series of three and more.
func (u *utterance) link(dst []Span) []Span {
	digits, n := 0, 0
	for _, r := range u.runs {
		if r.singles >= 3 {
			digits, n = digits+r.digits, n+1
		}
	}
	if digits < 7 || n < 2 {
		return dst
	}
	class := Phone
	if digits >= 13 {
		class = PAN
	}
	for _, r := range u.runs {
		if r.singles >= 3 && !u.known(&r) {
			dst = append(dst, Span{Start: r.start, End: r.end, Class: class, Rule: "spoken-parts", Score: 0.7})
		}
	}
	return dst
}

// dates finds a date behind a topic that asks for one: "born on the fifth of
// May nineteen eighty".
func (u *utterance) dates(dst []Span) []Span {
	for i := range u.items {
		if c := u.items[i].class; c != DOB && c != Expiry {
			continue
		}
		if first, last, ok := u.dateAfter(i + 1); ok {
			dst = append(dst, Span{Start: u.items[first].start, End: u.items[last].end, Class: u.items[i].class, Rule: "spoken-date", Score: 0.9})
		}
	}
	return dst
}

// dateAfter finds the first phrase with a month's name within reach of item i.
func (u *utterance) dateAfter(i int) (first, last int, ok bool) {
	first = -1
	words := 0
	for j := i; j < len(u.items) && words < 8; j++ {
		it := &u.items[j]
		month := it.is(monthRole) || u.han && it.text == "月" && j > i && u.group[j-1] > 0
		switch {
		case month || u.group[j] > 0 || it.is(ordinalRole) || u.han && first >= 0 && (it.text == "年" || it.text == "日" || it.text == "号"):
			if first < 0 {
				first = j
			}
			last, words = j, 0
			ok = ok || month
		case it.is(breakRole) && ok:
			return first, last, ok
		default:
			words++
			if first >= 0 && !it.is(metaRole|stopRole|prepRole|markRole|andRole|fillerRole) {
				return first, last, ok
			}
		}
	}
	return first, last, ok && first >= 0
}
