package redact

import (
	"embed"
	"math/bits"
	"strings"
	"sync"
)

// words is what the lexicon knows of a word: hints (which value may stand
// near) in the low half, kinds of word in the high half.
type words uint64

// Hints: a keyword of a class was read.
const (
	hintCard words = 1 << iota
	hintCVV
	hintPIN
	hintExpiry
	hintOTP
	hintIBAN
	hintAccount
	hintRouting
	hintSWIFT
	hintSSN
	hintNational
	hintTax
	hintPassport
	hintLicence
	hintPhone
	hintEmail
	hintIP
	hintDOB
	hintAge
	hintPassword
	hintSecret
	hintUser
	hintName
	hintAddress
	hintPostcode
	hintCrypto
	hintVehicle
	hintVersion // what follows is no address and no date
	hintDate
	hintOrg
	hintPlace
	hintMAC
	hints words = 1<<iota - 1
)

// Kinds of word.
const (
	isFirst   words = 1 << (iota + 32) // a first name
	isLast                             // a family name
	isCity                             // a place
	isCountry                          // a country
	isNation                           // a nationality or an inhabitant
	isMonth
	isStreet  // "street", "rue": part of an address
	isTitle   // "Mr", "Dr"
	isOrgWord // "Inc", "GmbH"
	isJob     // an occupation
	isCommon  // a word of everyday language
	isSpoken  // a digit word
	isPhrase  // a phrase of several words begins with it
	isSmall   // an article, a particle of a name: "de", "van"
	isRegion  // a state or region
	isOrg     // a known organisation's word
	isTLD
	isDay
	isIntro // a name follows: "my name is"
	isUnit
	isFunction // never part of a name
	isDot      // "dot" of a spoken address
	isGreeting // a name may follow, if it looks like one: "hello"
	isCalled   // a name follows, whatever it looks like: "my name is"
	isBox      // the number of a post office box follows
)

// numberHints announce numbers, so that "cvv123" and "dob19800101" are two words.
const numberHints = hintCard | hintCVV | hintPIN | hintExpiry | hintOTP | hintSSN | hintDOB | hintPhone | hintNational | hintTax | hintPassport | hintRouting | hintAccount

//go:embed lists
var lists embed.FS

// lexicon is a hash table over words, and over phrases of several words.
type lexicon struct {
	filter  []uint64 // one bit per hash, so that most words cost one load
	slots   []slot
	kinds   []words  // what there is to know of words, once each; kinds[0] is nothing
	leads   []uint64 // one bit per hash of a phrase or its beginning
	phrases []phrase
}

// slot is a word: bits of its hash that slotOf does not use over its place in
// kinds; 0: no word.
// A million bytes of them stay in a processor's cache.
type slot uint32

const kindBits = 10

const unknownBits = 18 // of a hash: the lowest, which the table does not use

// phrase is a sequence of words by its hash.
type phrase struct {
	hash  uint64
	words words // what the whole phrase means, 0 while it only leads on
	more  bool  // a longer phrase begins with it
}

const (
	filterBits = 1 << 20 // by the top bits of the hash
	leadBits   = 1 << 17
)

// find returns what is known of the word with this hash.
func (l *lexicon) find(h uint64) words { return l.kinds[l.kindOf(h)] }

// kindOf is its place in kinds.
func (l *lexicon) kindOf(h uint64) uint32 {
	if l.filter[h>>50]>>(h>>44&63)&1 == 0 {
		return 0
	}
	return uint32(l.slots[l.slotOf(h)]) & (1<<kindBits - 1)
}

// slotOf is where the word with this hash stands or would stand.
func (l *lexicon) slotOf(h uint64) uint64 {
	mask := uint64(len(l.slots) - 1)
	print := slot(h>>unknownBits) << kindBits
	for i := h >> 40 & mask; ; i = (i + 1) & mask {
		if w := l.slots[i]; w == 0 || (w^print)>>kindBits == 0 {
			return i
		}
	}
}

// mayLead says no of most sequences of words that begin no phrase.
func (l *lexicon) mayLead(h uint64) bool { return l.leads[h>>53]>>(h>>47&63)&1 != 0 }

// phraseOf is what is known of the sequence of words with this hash.
func (l *lexicon) phraseOf(h uint64) *phrase {
	mask := uint64(len(l.phrases) - 1)
	for i := h >> 36 & mask; ; i = (i + 1) & mask {
		if p := &l.phrases[i]; p.hash == h || p.hash == 0 {
			return p
		}
	}
}

// extend joins the hash of a further word to that of a phrase's beginning.
func extend(h, w uint64) uint64 { return mix(bits.RotateLeft64(h, 1), w) }

// drafts are the lists before they are one table.
type drafts struct {
	words   map[uint64]words
	phrases map[uint64]phrase
}

// add takes in a word or a sequence of words (Han: of characters).
func (d *drafts) add(text string, w words) {
	parts := phraseWords(text)
	switch len(parts) {
	case 0:
		return
	case 1:
		d.words[parts[0]] |= w
		return
	}
	d.words[parts[0]] |= isPhrase
	h := parts[0]
	for i, p := range parts[1:] {
		h = extend(h, p)
		ph := d.phrases[h]
		ph.hash = h
		if i == len(parts)-2 {
			ph.words |= w
		} else {
			ph.more = true
		}
		d.phrases[h] = ph
	}
}

// table lays the drafts out.
func (d *drafts) table() *lexicon {
	l := &lexicon{
		filter:  make([]uint64, filterBits/64),
		slots:   make([]slot, tableSize(len(d.words))),
		kinds:   []words{0},
		leads:   make([]uint64, leadBits/64),
		phrases: make([]phrase, tableSize(len(d.phrases))),
	}
	place := map[words]uint32{}
	for h, w := range d.words {
		if place[w] == 0 {
			place[w] = uint32(len(l.kinds))
			l.kinds = append(l.kinds, w) // fewer than 1<<kindBits: TestLexicon
		}
		l.filter[h>>50] |= 1 << (h >> 44 & 63)
		l.slots[l.slotOf(h)] = slot(h>>unknownBits)<<kindBits | slot(place[w])
	}
	for h, p := range d.phrases {
		*l.phraseOf(h) = p
		l.leads[h>>53] |= 1 << (h >> 47 & 63)
	}
	return l
}

// tableSize is a power of two that leaves half a table empty.
func tableSize(n int) int { return 1 << bits.Len(uint(2*n)) }

func phraseWords(text string) (parts []uint64) {
	start := -1
	flush := func(end int) {
		if start >= 0 {
			parts = append(parts, hashOf(text[start:end]))
			start = -1
		}
	}
	for i, r := range text {
		switch {
		case r >= 0x3400 && r < 0xA000:
			flush(i)
			parts = append(parts, hashRune(r))
		case r == ' ' || r == '\'' || r == '-' || r == '.' || r == '_' || r == '/':
			flush(i)
		case start < 0:
			start = i
		}
	}
	flush(len(text))
	return parts
}

// kinds are the section names of lists/*.txt.
var kinds = map[string]words{
	"card": hintCard, "cvv": hintCVV, "pin": hintPIN, "expiry": hintExpiry, "otp": hintOTP, "iban": hintIBAN,
	"account": hintAccount, "routing": hintRouting, "swift": hintSWIFT, "ssn": hintSSN, "national": hintNational,
	"tax": hintTax, "passport": hintPassport, "licence": hintLicence, "phone": hintPhone, "email": hintEmail,
	"ip": hintIP, "dob": hintDOB, "age": hintAge, "password": hintPassword, "secret": hintSecret, "user": hintUser,
	"name": hintName, "address": hintAddress, "postcode": hintPostcode, "crypto": hintCrypto, "vehicle": hintVehicle,
	"version": hintVersion, "date": hintDate, "org": hintOrg, "place": hintPlace, "mac": hintMAC, "intro": isIntro, "greeting": isIntro | isGreeting, "called": isIntro | isCalled,
	"first": isFirst, "last": isLast, "city": isCity, "country": isCountry, "nation": isNation, "month": isMonth,
	"street": isStreet, "title": isTitle, "orgword": isOrgWord, "job": isJob, "common": isCommon, "spoken": isSpoken,
	"small": isSmall, "region": isRegion, "tld": isTLD, "day": isDay, "unit": isUnit, "dot": isDot, "function": isFunction, "knownorg": isOrg, "box": isBox,
}

// lexiconOf reads the embedded lists once.
var lexiconOf = sync.OnceValue(func() *lexicon { return readLists().table() })

// readLists reads the embedded lists. A line "[kind]" opens a section,
// "#" a comment; entries are separated by commas or line ends.
func readLists() *drafts {
	d := &drafts{map[uint64]words{}, map[uint64]phrase{}}
	files, _ := lists.ReadDir("lists")
	for _, f := range files {
		if !strings.HasSuffix(f.Name(), ".txt") {
			continue
		}
		text, _ := lists.ReadFile("lists/" + f.Name())
		var kind words
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSpace(line)
			switch {
			case line == "" || line[0] == '#':
			case line[0] == '[':
				kind = kinds[strings.Trim(line, "[]")]
			default:
				for entry := range strings.SplitSeq(line, ",") {
					d.add(strings.TrimSpace(entry), kind)
				}
			}
		}
	}
	return d
}
