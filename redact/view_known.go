package redact

import (
	"bytes"
	"slices"
	"unicode"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// acquaintance is what a record says of its person and this agent may not see
// in full, and the free text beside it. A name or an address that is held back
// in its field must not be read in the note: no detector could know that "Maple
// Avenue" is this person's.
type acquaintance struct {
	held  []heldValue
	store []byte     // what held lies in
	texts []byte     // free texts of the record, a line each
	heard []byte     // those of them that are searched
	digit []byte     // the digits of heard
	three [16]uint64 // what three letters in a row stand in heard, folded and hashed
	reading
}

// reading is what was known of the person at each text that was read.
type reading struct {
	count  int // of texts read so far
	newest int // where the last one begins
	before int // values held when the first was read
	known  int // of the values held, those that the engine knows
	least  int // and the fewest it knew at any text
}

type heldValue struct {
	class    Class
	from, to int // in store
}

func (a *acquaintance) forget() {
	a.held, a.store, a.texts, a.reading = a.held[:0], a.store[:0], a.texts[:0], reading{}
}

// meet notes one value of the record and what becomes of it.
func (a *acquaintance) meet(class Class, do Treatment, text []byte) {
	switch {
	case do == Scrub:
		a.newest = len(a.texts)
		a.texts = append(append(a.texts, text...), '\n')
	case do != Show && telling(class) && len(text) > 2:
		from := len(a.store)
		a.store = append(a.store, text...)
		a.held = append(a.held, heldValue{class, from, len(a.store)})
	}
}

// meetRaw is meet for a JSON value; only strings say who somebody is.
func (a *acquaintance) meetRaw(class Class, do Treatment, raw []byte) {
	if raw[0] != '"' || do == Show || do != Scrub && !telling(class) {
		return
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		a.meet(class, do, raw[1:len(raw)-1])
	} else if text, err := jsontext.AppendUnquote(nil, raw); err == nil {
		a.meet(class, do, text)
	}
}

// telling classes say which person it is.
func telling(c Class) bool {
	switch c {
	case Person, Email, Phone, Address, Location, Postcode, Username, SSN, NationalID, Passport, DriverLic, TaxID, BankAccount, IBAN:
		return true
	}
	return false
}

// introduces says whether the engine, which does not know the person yet, should
// before it reads the text that was met last.
func (a *acquaintance) introduces() bool {
	first := a.reading.count == 0
	if first {
		a.before = len(a.held)
	}
	a.reading.count++
	if !a.mentionedIn(a.texts[a.newest:]) {
		return false
	}
	a.known = len(a.held)
	if first {
		a.least = a.known
	}
	return true
}

// readWell: every text was read by an engine that knew whom it had to know.
func (a *acquaintance) readWell() bool {
	switch {
	case a.known > 0:
		return a.least == len(a.held)
	case a.reading.count <= 1 && a.before == len(a.held):
		return true
	}
	return !a.mentioned()
}

// mentioned: a text says something of the person, so the engine must know them
// to scrub the texts. Most often none does.
func (a *acquaintance) mentioned() bool { return a.mentionedIn(a.texts) }

func (a *acquaintance) mentionedIn(texts []byte) bool {
	if len(a.held) == 0 || len(texts) == 0 {
		return false
	}
	a.listen(texts)
	return slices.ContainsFunc(a.held, func(h heldValue) bool { return a.mentions(a.store[h.from:h.to]) })
}

// person is what the record says of its person.
func (a *acquaintance) person() (p KnownPerson) {
	p.Numbers = map[Class][]string{}
	for _, h := range a.held {
		text := string(a.store[h.from:h.to])
		switch h.class {
		case Person:
			p.Names = append(p.Names, text)
		case Email:
			p.Emails = append(p.Emails, text)
		case Phone:
			p.Phones = append(p.Phones, text)
		case Address, Location:
			p.Addresses = append(p.Addresses, text)
		default:
			p.Numbers[h.class] = append(p.Numbers[h.class], text)
		}
	}
	return p
}

// listen notes the digits of texts, and what three letters stand in them.
func (a *acquaintance) listen(texts []byte) {
	a.heard, a.digit, a.three = texts, a.digit[:0], [16]uint64{}
	h := uint(0)
	for _, c := range texts {
		h = triple(h, c)
		a.three[h>>6&15] |= 1 << (h & 63)
		if c-'0' <= 9 {
			a.digit = append(a.digit, c)
		}
	}
}

// triple hashes the last three bytes; letters of ASCII are folded.
func triple(h uint, c byte) uint { return (h<<4 ^ uint(c&0x1f)) & 1023 }

// mentions: a word of the value, or its last four digits, stand in the texts.
func (a *acquaintance) mentions(value []byte) bool {
	var last [4]byte
	digits, from := 0, -1 // from: where a word began
	for i := 0; i < len(value); {
		c, size, letter := value[i], 1, false
		switch {
		case c|0x20-'a' < 26:
			letter = true
		case c-'0' <= 9:
			last[digits&3] = c
			digits++
		case c >= utf8.RuneSelf:
			var r rune
			r, size = utf8.DecodeRune(value[i:])
			letter = unicode.IsLetter(r)
		}
		if letter && from < 0 {
			from = i
		} else if !letter && from >= 0 {
			if a.has(value[from:i]) {
				return true
			}
			from = -1
		}
		i += size
	}
	if from >= 0 && a.has(value[from:]) {
		return true
	}
	if digits < 4 {
		return false
	}
	k := digits & 3 // the oldest of the last four
	return bytes.Contains(a.digit, append(append(make([]byte, 0, 4), last[k:]...), last[:k]...))
}

// has says whether a word stands in the texts.
func (a *acquaintance) has(word []byte) bool {
	return len(word) > 2 && a.may(word) && containsFold(a.heard, word)
}

// may is false only if the texts cannot hold the word: its first three letters
// stand nowhere in them. Words beyond ASCII are looked for without it.
func (a *acquaintance) may(word []byte) bool {
	h := uint(0)
	for _, c := range word[:3] {
		if c >= utf8.RuneSelf {
			return true
		}
		h = triple(h, c)
	}
	return a.three[h>>6]>>(h&63)&1 == 1
}

// containsFold finds word in text as it is, in small letters, in capitals, or
// with one capital.
func containsFold(text, word []byte) bool {
	if len(word) <= 32 && !slices.ContainsFunc(word, func(c byte) bool { return c >= utf8.RuneSelf }) {
		return containsASCII(text, word)
	}
	lower, upper := bytes.ToLower(word), bytes.ToUpper(word)
	_, first := utf8.DecodeRune(lower)
	_, capital := utf8.DecodeRune(upper)
	name := append(upper[:capital:capital], lower[first:]...)
	for _, form := range [...][]byte{word, lower, upper, name} {
		if bytes.Contains(text, form) {
			return true
		}
	}
	return false
}

// containsASCII is containsFold for a short word of ASCII letters, without allocation.
func containsASCII(text, word []byte) bool {
	var lower, upper [32]byte
	for i, c := range word {
		lower[i], upper[i] = c|0x20, c&^0x20
	}
	n := len(word)
	if bytes.Contains(text, word) || bytes.Contains(text, lower[:n]) || bytes.Contains(text, upper[:n]) {
		return true
	}
	lower[0] = upper[0]
	return bytes.Contains(text, lower[:n])
}
