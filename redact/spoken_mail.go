package redact

import (
	"slices"
	"strings"
)

// addresses appends spoken e-mail and web addresses: an at-word with a domain
// behind it, then "w w w dot", "colon slash slash", and "something dot com".
func (u *utterance) addresses(dst []Span) []Span {
	u.taken = slices.Grow(u.taken[:0], len(u.items))[:len(u.items)]
	clear(u.taken)
	taken := u.taken
	for _, sym := range [...]string{"@", ".:"} {
		done := 0 // items before it belong to an address already
		for i := range u.items {
			if taken[i] {
				done = i + 1
			}
			if i < done || !u.items[i].is(markRole) || strings.IndexByte(sym, u.items[i].sym) < 0 {
				continue
			}
			a, ok := u.address(i, done)
			if !ok || !u.spoken(a.first, a.last) {
				continue
			}
			for j := a.first; j <= a.last; j++ {
				taken[j] = true
			}
			done = a.last + 1
			dst = append(dst, Span{Start: u.items[a.first].start, End: u.items[a.last].end, Class: a.class, Rule: a.rule, Score: 0.9})
		}
	}
	return dst
}

// address is a spoken address in items [first,last].
type address struct {
	first, last int
	class       Class
	rule        string
}

// address reads the address around the mark at item i, not before item done.
func (u *utterance) address(i, done int) (a address, ok bool) {
	a.class, a.rule = URL, "spoken-url"
	if u.items[i].sym != '@' {
		a.first, a.last, ok = u.web(i, done)
		return a, ok
	}
	if a.last, ok = u.domain(i+1, true); !ok {
		return a, false
	}
	switch a.first = u.local(i, done); {
	case a.first == i:
		return a, u.items[i].text != "at"
	case u.webPhrase(i, a.first):
		a.first = i + 1
	default:
		a.class, a.rule = Email, "spoken-email"
	}
	return a, true
}

// spoken: at least one mark of the address is said in words; else the engine
// reads it without our help.
func (u *utterance) spoken(first, last int) bool {
	for i := first; i <= last; i++ {
		if u.items[i].is(markRole) && u.items[i].word {
			return true
		}
	}
	return false
}

// maxLabel is how many words a label of a domain may be spelled in.
const maxLabel = 12

func (u *utterance) dot(i int) bool {
	return i < len(u.items) && u.items[i].is(markRole) && u.items[i].sym == '.' && (u.items[i].word || !u.sentenceEnd(i))
}

// sentenceEnd: a full stop with a space behind it and none before it.
func (u *utterance) sentenceEnd(i int) bool {
	spaceAfter := i+1 == len(u.items) || u.items[i+1].start > u.items[i].end
	spaceBefore := i > 0 && u.items[i].start > u.items[i-1].end
	return spaceAfter && !spaceBefore
}

// domain reads labels with dots between from item i and returns the last one.
// With mail a label may be any word ("exchange"), else spelled or one word.
func (u *utterance) domain(i int, mail bool) (last int, ok bool) {
	for labels := 0; ; labels++ {
		n := 0
		for i < len(u.items) && n < maxLabel && u.labelWord(i) && !u.dot(i) {
			// behind the last dot: letters that are spelled, or one word
			if labels > 0 && n > 0 && !(u.piece(i) && u.piece(i-1)) && !u.dotWithin(i) {
				break
			}
			i, n = u.after(i), n+1
		}
		if n == 0 {
			return last, labels > 1 && last > 0
		}
		last = i - 1
		if !u.dot(i) {
			return u.tail(last), labels > 0
		}
		i++
	}
}

// piece: a spelled letter or a number.
func (u *utterance) piece(i int) bool {
	return u.group[i] > 0 || len(u.items[i].text) == 1 && u.items[i].is(letterRole)
}

// dotWithin: the label goes on to another dot before the address can end.
func (u *utterance) dotWithin(i int) bool {
	for n := 0; n < 3 && i < len(u.items) && u.labelWord(i); n++ {
		if u.dot(i) {
			return true
		}
		i = u.after(i)
	}
	return u.dot(i)
}

func (u *utterance) labelWord(i int) bool {
	it := &u.items[i]
	if u.group[i] > 0 {
		return true
	}
	if it.is(markRole) {
		return it.sym == '-' || it.sym == '_'
	}
	return it.word
}

// tail takes in what may follow a domain: a path.
func (u *utterance) tail(last int) int {
	for i := last + 1; i < len(u.items); {
		it := &u.items[i]
		path := it.is(markRole) && (it.sym == '/' || it.sym == '-' || it.sym == '_' || it.sym == '.' && it.word)
		if !path || i+1 >= len(u.items) || !u.labelWord(i+1) {
			return last
		}
		i = u.after(i + 1)
		for i < len(u.items) && u.piece(i) {
			i = u.after(i)
		}
		last = i - 1
	}
	return last
}

// local is the first item of the address whose at-word is item i.
func (u *utterance) local(i, done int) int {
	first, words := i, 0
	for j := i - 1; j >= done; j-- {
		it := &u.items[j]
		joined := first < i && u.joins(first)
		switch {
		case u.joins(j):
		case u.group[j] > 0 || it.is(letterRole) && len(it.text) == 1 && (!it.is(stopRole|metaRole|andRole) || first == i || u.piece(first)):
		case it.is(natoRole):
		case !it.word, it.is(markRole) && it.sym == '@':
			return first
		case joined, first == i && !it.is(askRole|stopRole):
			words++
		case it.is(stopRole | askRole | prepRole | repairRole | fillerRole | metaRole), words >= 3:
			return first
		default:
			words++
		}
		first = j
	}
	return first
}

// joins: a mark that ties words of a local part.
func (u *utterance) joins(i int) bool {
	it := &u.items[i]
	if !it.is(markRole) {
		return false
	}
	switch it.sym {
	case '.':
		return it.word || !u.sentenceEnd(i)
	case '-', '_', '+':
		return true
	}
	return false
}

// webPhrase: "look at amazon dot com" names a site, not a mailbox.
func (u *utterance) webPhrase(at, first int) bool {
	if at-first != 1 || u.items[at].text != "at" {
		return false
	}
	switch u.items[first].text {
	case "look", "us", "visit", "site", "website", "find", "available", "online", "shop", "shopping", "bought", "purchase", "order",
		"ordered", "charge", "charged", "page", "webpage", "looking", "go", "me", "help", "more", "here", "it", "everything", "details", "information":
		return true
	}
	return false
}

// web reads a web address around the dot or colon at item i.
func (u *utterance) web(i, done int) (first, last int, ok bool) {
	if u.items[i].sym == ':' {
		return u.scheme(i, done)
	}
	if !u.items[i].word && u.sentenceEnd(i) {
		return 0, 0, false
	}
	first = i
	for j := i - 1; j >= done && i-j <= 2*maxLabel; j-- {
		if !u.piece(j) && !(u.items[j].is(letterRole) && u.items[j].word) {
			if first == i && u.items[j].word && !u.items[j].is(stopRole|numberRoles) { // one word, "kore dot ai"
				first = j
			} else if first == i-1 && len(u.items[first].text) > 1 && u.items[j].is(letterRole) {
				first = j // "n vidia"
			}
			break
		}
		first = j
	}
	if first == i {
		return 0, 0, false
	}
	if first > done && first == i-1 && u.piece(first-1) && !u.piece(first) {
		first--
	}
	last, ok = u.domain(first, false)
	if !ok {
		return 0, 0, false
	}
	if u.www(first, i) {
		return first, last, true
	}
	return first, last, u.topLevel(i, last)
}

// www: items [first,to) spell "www".
func (u *utterance) www(first, to int) bool {
	if to-first == 1 {
		return u.items[first].text == "www"
	}
	n := 0
	for i := first; i < to; i++ {
		if !u.items[i].is(letterRole) || u.items[i].sym != 'w' {
			return false
		}
		n++
	}
	return n == 3
}

// topLevel: the label behind the last dot up to item last is a domain's end
// that no ordinary sentence has.
func (u *utterance) topLevel(i, last int) bool {
	for ; i <= last; i++ {
		if !u.dot(i) || i == last {
			continue
		}
		var label []byte
		for j := i + 1; j <= last && !u.items[j].is(markRole); j++ {
			label = append(label, u.items[j].text...)
		}
		switch string(label) {
		case "com", "org", "net", "edu", "gov", "io", "ai", "info", "biz", "dev", "app", "shop", "online", "co", "br", "fr", "mx", "ca", "uk", "cn", "eu", "us":
			return true
		}
	}
	return false
}

// scheme reads "h t t p colon slash slash …".
func (u *utterance) scheme(i, done int) (first, last int, ok bool) {
	if i+2 >= len(u.items) || !u.items[i+1].is(markRole) || !u.items[i+2].is(markRole) || u.items[i+1].sym != '/' || u.items[i+2].sym != '/' {
		return 0, 0, false
	}
	first = i
	for first > done && (u.items[first-1].is(letterRole) || first == i && u.items[first-1].word) {
		first--
	}
	last, ok = u.domain(i+3, true)
	return first, last, ok && first < i
}
