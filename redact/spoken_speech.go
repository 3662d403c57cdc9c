package redact

import (
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// role is what a word can be in dictated speech; a word can have several.
type role uint32

const (
	digitRole    role = 1 << iota // 0…9
	teenRole                      // a closed two-digit number, takes no unit
	tensRole                      // 20, 30 … 90, takes a unit
	tenRole                       // 十: multiplies the digit before it
	hundredRole                   // multiplies by 100
	hundredsRole                  // 200 … 900 in one word
	thousandRole                  // multiplies by 1000
	bigRole                       // million and above: a quantity, never dictation
	repeatRole                    // double, triple
	timesRole                     // "three times seven"
	pluralRole                    // "three sevens"
	andRole                       // joins tens and units
	pointRole                     // a decimal point
	markRole                      // a character of an address: dot, at, dash
	letterRole                    // a spelled letter
	natoRole                      // a letter by a word that also is a word
	likeRole                      // "B as in bravo"
	fillerRole                    // um; also the listener's okay
	repairRole                    // no, sorry, not
	metaRole                      // talk about the number: the last digit is
	stopRole                      // not part of an address
	prepRole                      // parts a number from the word that asked for it
	unitRole                      // what is counted: dollars, minutes
	monthRole
	ordinalRole
	askRole     // names a class
	numeralRole // written in digits
	breakRole   // a sentence's or a line's end
	nameRole    // asks for somebody's name
)

const (
	numberRoles = digitRole | teenRole | tensRole | tenRole | hundredRole | hundredsRole | thousandRole | repeatRole | numeralRole
	speechRoles = fillerRole | repairRole | metaRole | andRole
)

var roleNames = map[string]role{
	"digit": digitRole, "teen": teenRole, "tens": tensRole, "ten": tenRole, "hundred": hundredRole, "hundreds": hundredsRole,
	"thousand": thousandRole, "big": bigRole, "repeat": repeatRole, "times": timesRole, "plural": pluralRole, "and": andRole,
	"point": pointRole, "mark": markRole, "letter": letterRole, "nato": natoRole | letterRole, "like": likeRole,
	"filler": fillerRole, "repair": repairRole, "meta": metaRole, "stop": stopRole, "prep": prepRole, "unit": unitRole,
	"month": monthRole, "ordinal": ordinalRole, "ask": askRole, "name": nameRole,
}

// meaning is what one language makes of a word or phrase.
type meaning struct {
	role  role
	num   int   // of the number roles
	sym   byte  // of markRole and letterRole
	class Class // of askRole
}

// speech is one language's words. Its text form has one role a line:
//
//	role [value] word word_of_several_words …
//
// Words are written as foldWord leaves them: lower case, without accents.
type speech struct {
	lang  string
	words map[string]meaning // key: the words of a phrase, a space between
	reach map[string]int     // first word → words of its longest phrase
}

// speeches are the six languages' words, by language.
var speeches = sync.OnceValue(func() map[string]*speech {
	all := map[string]*speech{}
	for lang, text := range map[string]string{
		"en": spokenEnglish, "es": spokenSpanish, "zh": spokenChinese,
		"fr": spokenFrench, "de": spokenGerman, "pt": spokenPortuguese,
	} {
		all[lang] = newSpeech(lang, text)
	}
	return all
})

var spokenLangs = []string{"en", "es", "zh", "fr", "de", "pt"}

func newSpeech(lang, text string) *speech {
	l := &speech{lang: lang, words: map[string]meaning{}, reach: map[string]int{}}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		m, words := meaning{role: roleNames[fields[0]]}, fields[1:]
		switch {
		case m.role&askRole != 0:
			m.class, words = Class(words[0]), words[1:]
		case m.role&(markRole|letterRole) != 0:
			m.sym, words = words[0][0], words[1:]
		case m.role&(digitRole|teenRole|tensRole|hundredsRole|repeatRole|pluralRole) != 0:
			m.num, _ = strconv.Atoi(words[0]) // TestLexicons reads every line
			words = words[1:]
		}
		for _, w := range words {
			l.add(w, m)
		}
	}
	return l
}

func (l *speech) add(phrase string, m meaning) {
	var parts []string
	for _, w := range splitWords(nil, []byte(strings.ReplaceAll(phrase, "_", " "))) {
		parts = append(parts, w.text)
	}
	if len(parts) == 0 {
		return
	}
	key := strings.Join(parts, " ")
	old := l.words[key]
	m.role |= old.role
	if old.role&(digitRole|tensRole|teenRole|repeatRole) != 0 {
		m.num = old.num
	}
	if old.sym != 0 {
		m.sym = old.sym
	}
	if old.class != "" {
		m.class = old.class
	}
	l.words[key] = m
	l.reach[parts[0]] = max(l.reach[parts[0]], len(parts))
}

// saidWord is a word, a run of digits or a single other character of a text.
type saidWord struct {
	start, end int
	text       string // folded
	digits     bool
	glued      bool // an apostrophe or a digit stands beside it, or an accent was taken off: no spelled letter
}

// splitWords cuts a text into words. A hyphen between letters parts words
// like a space; a Chinese character is a word.
func splitWords(dst []saidWord, text []byte) []saidWord {
	if dst == nil {
		dst = make([]saidWord, 0, len(text)/5+4)
	}
	return cutWords(dst, text, string(text))
}

// cutWords is splitWords; the plain words are parts of all, which is the text,
// maybe in small letters.
func cutWords(dst []saidWord, text []byte, all string) []saidWord {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		switch {
		case unicode.Is(unicode.Han, r) || r == '〇' || r == '○':
			dst = append(dst, saidWord{start: i, end: i + size, text: string(r)})
		case unicode.IsDigit(r):
			end := runEnd(text, i, unicode.IsDigit)
			dst = append(dst, saidWord{start: i, end: end, text: foldWord(all[i:end]), digits: true})
			size = end - i
		case unicode.IsLetter(r):
			end := runEnd(text, i, func(r rune) bool {
				return (unicode.IsLetter(r) || unicode.IsMark(r)) && !unicode.Is(unicode.Han, r)
			})
			w := saidWord{start: i, end: end, text: foldWord(all[i:end])}
			w.glued = apostrophe(text[end:]) || end < len(text) && isDigit(text[end]) || i > 0 && isDigit(text[i-1]) || len(w.text) == 1 && end-i > 1 && r < 0x2000
			if n := len(dst); n > 0 && apostrophe(text[dst[n-1].end:i]) {
				w.glued = true
			}
			dst = append(dst, w)
			size = end - i
		case r == '-' && tightHyphen(text, i), unicode.IsSpace(r) && r != '\n', r == '\'', r == '’', unicode.Is(unicode.Cf, r):
		default:
			dst = append(dst, saidWord{start: i, end: i + size, text: compatible(all[i : i+size])})
		}
		i += size
	}
	return dst
}

// compatible is the compatible form of a character.
func compatible(s string) string {
	if s[0] < utf8.RuneSelf {
		return s
	}
	return norm.NFKC.String(s)
}

func apostrophe(b []byte) bool {
	return len(b) > 0 && b[0] == '\'' || len(b) > 2 && string(b[:3]) == "’"
}

func tightHyphen(text []byte, i int) bool {
	before, _ := utf8.DecodeLastRune(text[:i])
	after, _ := utf8.DecodeRune(text[i+1:])
	return i > 0 && i+1 < len(text) && unicode.IsLetter(before) && unicode.IsLetter(after)
}

func runEnd(text []byte, i int, in func(rune) bool) int {
	for i < len(text) {
		r, size := utf8.DecodeRune(text[i:])
		if !in(r) {
			break
		}
		i += size
	}
	return i
}

// foldWord gives a word in lower case, without accents and in narrow forms.
func foldWord(b string) string {
	plain := true
	for i := range len(b) {
		if c := b[i]; c >= utf8.RuneSelf || 'A' <= c && c <= 'Z' {
			plain = false
			break
		}
	}
	if plain {
		return b
	}
	var out strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(b)) {
		switch {
		case r == 'ß':
			out.WriteString("ss")
		case unicode.IsDigit(r) && r >= utf8.RuneSelf:
			out.WriteByte('0' + byte(scriptDigit(r)))
		case !unicode.IsMark(r):
			out.WriteRune(r)
		}
	}
	return out.String()
}

// scriptDigit: the digits of every script stand in runs of ten that begin at
// zero (Unicode 15 §4.6).
func scriptDigit(r rune) int {
	v := 0
	for v < 9 && unicode.IsDigit(r-rune(v)-1) {
		v++
	}
	return v
}

// item is a word or phrase with what it means in one language.
type item struct {
	meaning
	start, end int
	text       string // folded; of a phrase its first word
	word       bool   // letters, not a number or a mark
}

func (it *item) is(r role) bool { return it.role&r != 0 }

// read gives the meanings of words, longest phrases first.
func (l *speech) read(dst []item, words []saidWord) []item {
	dst = slices.Grow(dst, len(words))
	var key [64]byte
	for i := 0; i < len(words); {
		if m, ok := l.bracketed(words[i:]); ok {
			dst = append(dst, item{meaning: m, start: words[i].start, end: words[i+2].end, text: words[i+1].text, word: true})
			i += 3
			continue
		}
		n := min(l.reach[words[i].text], len(words)-i)
		for ; n > 0; n-- {
			if m, ok := l.words[string(appendPhrase(key[:0], words[i:i+n]))]; ok {
				it := item{meaning: m, start: words[i].start, end: words[i+n-1].end, text: words[i].text, word: true}
				if n == 1 {
					it.spell(words[i])
				}
				if words[i].glued {
					it.role &^= letterRole | natoRole
				}
				dst = append(dst, it)
				break
			}
		}
		if n == 0 {
			n = 1
			dst = append(dst, l.unknown(words[i]))
		}
		i += n
	}
	return dst
}

// bracketed: "(at)", "[dot]", as people write who hide from collectors of addresses.
func (l *speech) bracketed(words []saidWord) (m meaning, ok bool) {
	if len(words) < 3 || !strings.Contains("( ) [ ] { }", words[0].text+" "+words[2].text) {
		return m, false
	}
	m, ok = l.words[words[1].text]
	return m, ok && m.role&markRole != 0
}

func appendPhrase(dst []byte, words []saidWord) []byte {
	for i, w := range words {
		if i > 0 {
			dst = append(dst, ' ')
		}
		dst = append(dst, w.text...)
	}
	return dst
}

// unknown reads a word that the lexicon does not list.
func (l *speech) unknown(w saidWord) item {
	it := item{start: w.start, end: w.end, text: w.text}
	r, size := utf8.DecodeRuneInString(w.text)
	switch {
	case w.digits:
		it.role = numeralRole
	case unicode.IsLetter(r):
		it.word = true
		if l.lang == "de" {
			if digits, ok := germanNumber(w.text); ok {
				it.role, it.text, it.word = numeralRole, digits, false
			} else if germanOrdinal(w.text) {
				it.role = ordinalRole
			}
		}
		it.spell(w)
	case size == len(w.text) && strings.ContainsRune("@.-_/:+,#。，、", r):
		it.role, it.sym = markRole, w.text[0]
		switch r {
		case '。':
			it.role, it.sym = markRole|breakRole, '.'
		case '，', '、':
			it.sym = ','
		case '.':
			it.role |= breakRole
		}
	case r == '\n' || r == '?' || r == '!' || r == '？' || r == '！':
		it.role = breakRole
	case r == '(' || r == ')' || r == ';' || r == '…' || r == '"' || r == '“' || r == '”' || r == '–' || r == '—' || r == '；':
		it.role, it.sym = markRole, ','
	}
	return it
}

// spell makes a word of one letter a spelled letter.
func (it *item) spell(w saidWord) {
	if len(w.text) == 1 && !w.glued && 'a' <= w.text[0] && w.text[0] <= 'z' {
		it.role |= letterRole
		it.sym = w.text[0]
	}
}
