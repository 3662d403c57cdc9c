package redact

import (
	"bytes"
	"sync"
	"unicode"
	"unicode/utf8"
)

// Most texts hold no dictation; the gate says so at the price of one look at
// each word's first letters. It errs by letting too much through, never too
// little: TestGate holds it against the grammar.

// gate knows every word that can carry a digit or take one back, and those that
// mean a dot.
type gate struct {
	begins [1 << 6]uint64 // bits: hashes of three first letters
	words  map[string]role
	han    map[rune]role
}

var spokenGate = sync.OnceValue(func() *gate {
	g := &gate{words: map[string]role{}, han: map[rune]role{}}
	const carries = digitRole | teenRole | tensRole | tenRole | hundredRole | hundredsRole | thousandRole | repeatRole | pluralRole
	for _, l := range speeches() {
		for phrase, m := range l.words {
			r := m.role & (carries | letterRole | repairRole)
			if m.role&markRole != 0 {
				r |= markRole
			}
			if r == 0 {
				continue
			}
			w := splitWords(nil, []byte(phrase))[0].text // of a phrase, its first word
			if c, _ := utf8.DecodeRuneInString(w); c >= 0x2000 {
				g.han[c] |= r
				continue
			}
			g.words[w] |= r
			h := firstLetters([]byte(w))
			g.begins[h>>6] |= 1 << (h & 63)
		}
	}
	return g
})

// firstLetters hashes up to three first letters of a word in lower case.
func firstLetters(w []byte) (h uint32) {
	for i := 0; i < 3 && i < len(w); i++ {
		h = h*67 + uint32(w[i])
	}
	return h & 4095
}

const (
	gateHits = 3  // parts that may be dictation
	gateGap  = 12 // words without one that make them forgotten
)

// open: the text may hold a spoken number or address.
func (g *gate) open(text []byte) bool {
	parts, words, idle := 0, 0, 0 // parts of a number; of which words
	at := false
	for i := 0; i < len(text); {
		if parts >= gateHits && words > 0 {
			return true
		}
		c := text[i]
		if c|0x20-'a' >= 26 && c < utf8.RuneSelf {
			from := i
			for i++; isDigit(c) && i < len(text) && isDigit(text[i]); i++ {
			}
			if isDigit(text[from]) {
				parts, idle = parts+1, 0
			}
			continue
		}
		end, r := g.word(text, i)
		if r&markRole != 0 {
			at = true
		}
		switch {
		case r&^(markRole|letterRole|repairRole) != 0:
			parts, words, idle = parts+1, words+1, 0
		case r&letterRole != 0:
			parts, idle = parts+1, 0
			if end-i == 1 {
				words++
			}
		case r&repairRole != 0: // digits that are taken back are spoken, however they are written
			words, idle = words+1, 0
		default:
			if idle++; idle > gateGap {
				parts, words = 0, 0
			}
		}
		i = end
	}
	return parts >= gateHits && words > 0 || at && g.dots(text)
}

// word reads the word at i and says what of interest it can be.
func (g *gate) word(text []byte, i int) (end int, r role) {
	if text[i] >= utf8.RuneSelf {
		c, size := utf8.DecodeRune(text[i:])
		if c >= 0x2000 {
			r := g.han[c]
			if r == 0 && (unicode.IsDigit(c) || unicode.IsLetter(c) && !unicode.Is(unicode.Han, c)) {
				r = digitRole // full-width forms are not looked through
			}
			return i + size, r
		}
	}
	var lower [16]byte
	n, plain := 0, true
	for end = i; end < len(text); end++ {
		c := text[end]
		if c >= utf8.RuneSelf {
			if c >= 0xe2 { // a Chinese character or a dash
				break
			}
			plain = false
		} else if c|0x20-'a' >= 26 {
			break
		} else {
			c |= 0x20
		}
		if n < len(lower) {
			lower[n] = c
		}
		n++
	}
	w := lower[:min(n, len(lower))]
	if !plain { // accents are not looked through
		return end, digitRole | markRole
	}
	if n == 1 {
		return end, letterRole
	}
	h := firstLetters(w)
	if g.begins[h>>6]&(1<<(h&63)) == 0 {
		return end, 0
	}
	if r := g.words[string(w)]; r != 0 {
		return end, r
	}
	if n > 5 { // German writes numbers as one word
		if _, rest, ok := cutGermanDigit(string(w)); ok && rest != "" ||
			bytes.Contains(w, []byte("hundert")) || bytes.Contains(w, []byte("tausend")) {
			return end, digitRole
		}
	}
	return end, 0
}

// dots: the text has a word for a dot, or a dot within a word.
func (g *gate) dots(text []byte) bool {
	for i := 0; i < len(text); {
		c := text[i]
		if c|0x20-'a' < 26 || c >= utf8.RuneSelf {
			end, r := g.word(text, i)
			if r&markRole != 0 && !(end-i == 2 && text[i]|0x20 == 'a' && text[i+1]|0x20 == 't') {
				return true
			}
			i = end
			continue
		}
		if c == '.' && i+1 < len(text) && text[i+1]|0x20-'a' < 26 {
			return true
		}
		i++
	}
	return false
}
