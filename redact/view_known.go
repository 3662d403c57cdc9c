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
	digit []byte     // the digits of texts
	three [16]uint64 // what three letters in a row stand in texts, folded and hashed
}

type heldValue struct {
	class    Class
	from, to int // in store
}

func (a *acquaintance) forget() { a.held, a.store, a.texts = a.held[:0], a.store[:0], a.texts[:0] }

// meet notes one value of the record and what becomes of it.
func (a *acquaintance) meet(class Class, do Treatment, text []byte) {
	switch {
	case do == Scrub:
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

// person is whom the engine must know to scrub the record's texts; ok is false
// where none of them mentions anything of the person, which is most often so.
func (a *acquaintance) person() (p KnownPerson, ok bool) {
	if len(a.held) == 0 || len(a.texts) == 0 {
		return p, false
	}
	a.read()
	if !slices.ContainsFunc(a.held, func(h heldValue) bool { return a.mentions(a.store[h.from:h.to]) }) {
		return p, false
	}
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
	return p, true
}

// read notes the digits of the texts, and what three letters stand in them.
func (a *acquaintance) read() {
	a.digit, a.three = a.digit[:0], [16]uint64{}
	h := uint(0)
	for _, c := range a.texts {
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
	return len(word) > 2 && a.may(word) && containsFold(a.texts, word)
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
