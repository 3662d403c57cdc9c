package redact

import (
	"strconv"
	"strings"
)

// group is one number as it was said: "four", "double five", "forty-one",
// "vierhundertelf", "4111".
type group struct {
	from, to   int    // items [from,to)
	digits     string // as a listener writes them down
	single     bool   // one digit, or one digit repeated: nobody counts so
	cardinal   bool   // said with hundred or thousand
	quantity   bool   // said with million and above
	start, end int    // bytes
}

// numberAt reads the number that begins at items[i]; ok is false if none does.
func numberAt(items []item, i int) (g group, ok bool) {
	p := numberParser{items: items, i: i}
	g.from = i
	if digits, ok := p.repeated(); ok {
		g.digits, g.single = digits, true
	} else if items[i].is(numeralRole) {
		g.digits = items[i].text
		g.single = len(g.digits) == 1
		p.i++
	} else {
		value, words, ok := p.cardinal()
		if !ok {
			return g, false
		}
		g.digits = strconv.Itoa(value)
		g.single = words == 1 && items[i].is(digitRole)
		g.cardinal = p.large
	}
	for p.i < len(items) && items[p.i].is(bigRole) && (!items[p.i].is(markRole) || g.cardinal) {
		g.quantity = true
		p.i++
	}
	g.to = p.i
	g.start, g.end = items[g.from].start, items[g.to-1].end
	return g, true
}

type numberParser struct {
	items []item
	i     int
	large bool
}

func (p *numberParser) at(r role) bool { return p.i < len(p.items) && p.items[p.i].is(r) }

// after: the item behind the next one has role r.
func (p *numberParser) after(r role) bool { return p.i+1 < len(p.items) && p.items[p.i+1].is(r) }

// repeated reads "double five", "three sevens", "three times seven", "三个八".
func (p *numberParser) repeated() (string, bool) {
	if p.at(repeatRole) && p.i+1 < len(p.items) {
		next, n := &p.items[p.i+1], p.items[p.i].num
		switch {
		case next.is(digitRole | teenRole | pluralRole):
			p.i += 2
			return strings.Repeat(strconv.Itoa(next.num), n), true
		case next.is(numeralRole) && len(next.text) <= 2:
			p.i += 2
			return strings.Repeat(next.text, n), true
		}
		return "", false
	}
	if !p.at(digitRole) || p.items[p.i].num < 2 || p.items[p.i].num > 8 {
		return "", false
	}
	n := p.items[p.i].num
	if p.after(pluralRole) {
		p.i += 2
		return strings.Repeat(strconv.Itoa(p.items[p.i-1].num), n), true
	}
	if p.after(timesRole) && p.i+2 < len(p.items) && p.items[p.i+2].is(digitRole) {
		p.i += 3
		return strings.Repeat(strconv.Itoa(p.items[p.i-1].num), n), true
	}
	return "", false
}

// cardinal reads a number below a million and counts its words.
func (p *numberParser) cardinal() (value, words int, ok bool) {
	from := p.i
	value, ok = p.belowThousand()
	if p.at(thousandRole) && (!ok || value > 0) {
		if !ok {
			value = 1
		}
		p.i, p.large, ok = p.i+1, true, true
		value *= 1000
		value += p.rest(true)
	}
	return value, p.i - from, ok
}

func (p *numberParser) belowThousand() (int, bool) {
	if p.at(hundredsRole) {
		value := p.items[p.i].num
		p.i, p.large = p.i+1, true
		return value + p.rest(false), true
	}
	value, ok := p.belowHundred()
	if !p.at(hundredRole) || ok && value == 0 {
		return value, ok
	}
	if !ok {
		value = 1
	}
	p.i, p.large = p.i+1, true
	return value*100 + p.rest(false), true
}

// rest reads what follows a hundred or a thousand, perhaps after "and" or 零.
func (p *numberParser) rest(hundreds bool) int {
	from := p.i
	if p.at(andRole) || p.at(digitRole) && p.items[p.i].num == 0 && p.after(digitRole) && p.items[p.i].text == "零" {
		p.i++
	}
	value, ok := 0, false
	if hundreds {
		value, ok = p.belowThousand()
	} else {
		value, ok = p.belowHundred()
	}
	if ok && value > 0 {
		return value
	}
	p.i = from
	return 0
}

func (p *numberParser) belowHundred() (int, bool) {
	if p.i >= len(p.items) {
		return 0, false
	}
	it := &p.items[p.i]
	switch {
	case it.is(tensRole):
		p.i++
		return it.num + p.unit(it.num), true
	case it.is(teenRole):
		p.i++
		return it.num, true
	case it.is(tenRole):
		p.i++
		return 10 + p.unit(10), true
	case !it.is(digitRole):
		return 0, false
	}
	value := it.num
	p.i++
	if value == 0 {
		return 0, true
	}
	if p.at(tenRole) {
		p.i++
		return value*10 + p.unit(10), true
	}
	// "drei und zwanzig"
	if p.at(andRole) && p.after(tensRole) && p.items[p.i].text == "und" {
		p.i += 2
		return p.items[p.i-1].num + value, true
	}
	return value, true
}

// unit reads what may follow a ten: "one", "y uno", "et onze" after sixty.
func (p *numberParser) unit(tens int) int {
	from := p.i
	if p.at(andRole) && p.items[p.i].text != "and" && p.items[p.i].text != "und" {
		p.i++
	}
	if p.i < len(p.items) {
		it := &p.items[p.i]
		switch {
		case it.is(digitRole) && it.num > 0:
			p.i++
			return it.num
		case it.is(teenRole) && it.num < 20 && (tens == 60 || tens == 80) && frenchTeen(it.text):
			p.i++
			return it.num
		}
	}
	p.i = from
	return 0
}

// frenchTeen: only French says sixty-ten.
func frenchTeen(w string) bool {
	switch w {
	case "dix", "onze", "douze", "treize", "quatorze", "quinze", "seize":
		return true
	}
	return false
}

// germanNumber reads numbers that German writes as one word, "zweiundzwanzig",
// "vierhundertelf", and digits run together by a recogniser, "viereinseins".
func germanNumber(w string) (string, bool) {
	if n, ok := germanCardinal(w); ok {
		return strconv.Itoa(n), true
	}
	var digits []byte
	for w != "" {
		d, rest, ok := cutGermanDigit(w)
		if !ok {
			return "", false
		}
		digits, w = append(digits, '0'+byte(d)), rest
	}
	return string(digits), len(digits) > 1
}

// germanOrdinal: "zweiundzwanzigste", "dreizehnten".
func germanOrdinal(w string) bool {
	for _, end := range [...]string{"ste", "sten", "ster", "te", "ten", "ter"} {
		if stem, ok := strings.CutSuffix(w, end); ok {
			if n, ok := germanBelowHundred(stem); ok && n > 3 && n < 100 {
				return true
			}
		}
	}
	return false
}

func germanCardinal(w string) (int, bool) {
	if head, tail, ok := strings.Cut(w, "tausend"); ok {
		h, okh := germanHundreds(head)
		t, okt := germanHundreds(tail)
		if head == "" {
			h, okh = 1, true
		}
		return h*1000 + t, okh && (okt || tail == "")
	}
	return germanHundreds(w)
}

func germanHundreds(w string) (int, bool) {
	if head, tail, ok := strings.Cut(w, "hundert"); ok {
		h, okh := germanBelowHundred(head)
		t, okt := germanBelowHundred(strings.TrimPrefix(tail, "und"))
		if head == "" {
			h, okh = 1, true
		}
		return h*100 + t, okh && (okt || tail == "")
	}
	return germanBelowHundred(w)
}

func germanBelowHundred(w string) (int, bool) {
	words := speeches()["de"].words
	if m, ok := words[w]; ok && m.role&(digitRole|teenRole|tensRole) != 0 {
		return m.num, true
	}
	d, rest, ok := cutGermanDigit(w)
	if !ok || !strings.HasPrefix(rest, "und") {
		return 0, false
	}
	m, ok := words[rest[3:]]
	return m.num + d, ok && m.role&tensRole != 0
}

var germanDigits = []struct {
	word  string
	value int
}{
	{"null", 0}, {"eins", 1}, {"ein", 1}, {"zwei", 2}, {"zwo", 2}, {"drei", 3}, {"vier", 4}, {"funf", 5}, {"fuenf", 5},
	{"sechs", 6}, {"sieben", 7}, {"acht", 8}, {"neun", 9},
}

func cutGermanDigit(w string) (digit int, rest string, ok bool) {
	for _, d := range germanDigits {
		if rest, ok := strings.CutPrefix(w, d.word); ok {
			return d.value, rest, true
		}
	}
	return 0, "", false
}
