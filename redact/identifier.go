package redact

import "math/bits"

// idTable finds the specs that may begin with a token of a kind and length.
type idTable [5][33]idList

// idList are such specs. Bit n of next says that n letters and digits may stand
// in the token after, bit 0 that there need be none.
type idList struct {
	specs  []idEntry
	next   uint32          // of any of them
	behind [seps]nextSizes // by what stands right behind the token
}

// nextSizes are next of all specs, and of those that need no hint.
type nextSizes struct{ any, alone uint32 }

// sepOf numbers the separators of shapes; 0 is any other byte.
var sepOf = [256]uint8{' ': 1, '-': 2, '.': 3, '/': 4, ':': 5, '+': 6}

const seps = 7

// enter adds what may stand behind the token, where rest is left of a shape.
func (l *idList) enter(rest string, next uint32, bare bool) {
	l.next |= next
	for k := range l.behind {
		if rest != "" && rest[0] != '~' && int(sepOf[rest[0]]) != k {
			continue
		}
		if l.behind[k].any |= next; bare {
			l.behind[k].alone |= next
		}
	}
}

type idEntry struct {
	*idSpec
	next uint32
}

// idsFor has the specs of the classes that are looked for.
func (r *rules) idsFor() *idTable {
	t := new(idTable)
	for i := range idSpecs {
		if least := r.leastOf(idSpecs[i].class); least > 0 {
			sp := new(idSpec)
			*sp = idSpecs[i]
			sp.bare = sp.alone >= least
			t.enter(sp)
		}
	}
	return t
}

// enter finds the tokens that a spec's shape may begin with: up to its first
// separator, or to one that may be missing.
func (t *idTable) enter(sp *idSpec) {
	letters, digits, either := 0, 0, 0
	for at, c := range []byte(sp.shape) {
		switch c {
		case '~':
			t.begin(sp, at, letters, digits, either)
		case '-', '/', '.', '+', ' ':
			t.begin(sp, at, letters, digits, either)
			return
		case 'd', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			digits++
		case 'x':
			either++
		default:
			letters++
		}
	}
	t.begin(sp, len(sp.shape), letters, digits, either)
}

// begin enters a spec for first tokens of so many letters and digits.
func (t *idTable) begin(sp *idSpec, at, letters, digits, either int) {
	n := letters + digits + either
	if n == 0 || n > 32 {
		return
	}
	if digits == 0 && (letters > 0 || either > 0) {
		t.put(word, n, at, sp)
	}
	if letters == 0 {
		t.put(number, n, at, sp)
	}
	if either > 0 || letters > 0 && digits > 0 {
		t.put(mixed, n, at, sp)
	}
}

// put enters a spec of whose shape the first at characters are in the token.
func (t *idTable) put(k tokKind, n, at int, sp *idSpec) {
	l := &t[k][n]
	e := idEntry{sp, sizesOf(sp.shape[at:])}
	l.enter(sp.shape[at:], e.next, sp.bare)
	for i := range l.specs {
		if l.specs[i].idSpec == sp {
			l.specs[i].next |= e.next
			return
		}
	}
	l.specs = append(l.specs, e)
}

// sizesOf are the numbers of characters that the token after may have, where
// rest is left of a shape.
func sizesOf(rest string) (sizes uint32) {
	if rest == "" {
		return 1
	}
	n := 0
	for _, c := range []byte(rest[1:]) {
		switch c {
		case '~', '-', '/', '.', '+', ' ':
			sizes |= 1 << n
			if c != '~' {
				return sizes
			}
		default:
			n++
		}
	}
	return sizes | 1<<n
}

// identifiers tries the specs whose shape begins like token i.
func (s *scan) identifiers(i int, best *candidate) {
	t := &s.toks[i]
	n := int(t.e - t.s)
	if n > 32 || t.form&foreign != 0 || t.kind == word && (t.words&hints != 0 || n > 3 && t.form&shout == 0) { // "plate 4821" is none
		return
	}
	specs := &s.ids[t.kind][n]
	end := s.toks[s.limit-1].e
	next, sizes := &specs.behind[0], uint32(1)
	if t.e < end {
		next, sizes = &specs.behind[sepOf[s.surface.norm[t.e]]], s.sizeAfter(i)
	}
	if next.any&sizes == 0 {
		return
	}
	near := s.near(i, 12)
	if near == 0 && next.alone&sizes == 0 {
		return
	}
	for k := range specs.specs {
		sp := &specs.specs[k]
		if sp.next&sizes == 0 || sp.hinted <= best.score || !sp.bare && sp.hint&near == 0 {
			continue
		}
		compact := &s.idForm
		size, read := matchShape(s.surface.norm[t.s:end], sp.shape, compact)
		if size == 0 {
			continue
		}
		last := i
		for last+1 < s.limit && s.toks[last].e < t.s+int32(read) {
			last++
		}
		if s.toks[last].e != t.s+int32(read) || !s.ends(last) || sp.check != nil && !sp.check(compact[:size]) {
			continue
		}
		if t.kind == number && last+2 < s.limit && s.toks[last+1].kind == mark && (s.toks[last+1].ch == '-' || s.toks[last+1].ch == '.') &&
			s.toks[last+1].gap == joined && s.toks[last+2].gap == joined && s.toks[last+2].kind == number {
			continue // a longer number
		}
		score := sp.alone
		if sp.hint&near != 0 {
			score = sp.hinted
		} else if p := s.prev(i); t.kind == number && score < 0.4 && p.kind == number && t.gap <= spaced {
			continue // the end of something longer
		}
		s.consider(best, last, sp.class, sp.rule, score)
	}
}

// sizeAfter has bit 0 and that of the size of the token behind token i, one
// mark between them at most.
func (s *scan) sizeAfter(i int) uint32 {
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark {
		j++
	}
	if j >= s.limit || s.toks[j].kind == mark {
		return 1
	}
	return 1 | 1<<(s.toks[j].e-s.toks[j].s)
}

// matchShape compares text with a shape; size is the length of the compact
// form, read the bytes of text it took, 0 when they do not fit.
func matchShape(b []byte, shape string, compact *[32]byte) (size, read int) {
	i := 0
	for _, p := range []byte(shape) {
		if i >= len(b) {
			return 0, 0
		}
		c := b[i]
		switch p {
		case '~':
			switch c {
			case ' ', '-', '.', '/', ':':
				i++
			}
			continue
		case '-', '/', '.', '+', ' ':
			if c != p {
				return 0, 0
			}
			i++
			continue
		case 'd':
			if !isDigit(c) {
				return 0, 0
			}
		case 'a':
			if !isLetter(c) {
				return 0, 0
			}
		case 'x':
			if !isLetter(c) && !isDigit(c) {
				return 0, 0
			}
		default:
			if upper(c) != p {
				return 0, 0
			}
		}
		compact[size] = upper(c)
		size++
		i++
	}
	return size, i
}

// announced: what stands right behind the name of an identifier is one, of
// whatever country and with whatever slip: "passport no. FZ123456", "permis :
// 880692310285". Only a copula or a mark may stand between them.
func (s *scan) announced(i int, best *candidate) {
	const names = hintNational | hintTax | hintPassport | hintLicence | hintSSN | hintAccount
	if s.recent&names == 0 && !s.accountSaid(i) {
		return
	}
	j, sure := i-1, false
	for n := 0; j > 0 && n < 3 && (s.toks[j].kind == mark && s.toks[j].gap < newline || s.copula(j)); n++ {
		switch s.toks[j].ch {
		case ':', '=', '#', '-', '.', '"', '(':
			sure = sure || s.toks[j].kind == mark
		default:
			if s.toks[j].kind == mark {
				return
			}
		}
		j--
	}
	if j < 0 || s.toks[j].gap >= newline && j == i {
		return
	}
	class := s.namedAt(j, i)
	last, digits, n := i, 0, 0
	for k := i; k < s.limit; k++ {
		t := &s.toks[k]
		if k > i && t.gap != joined || t.kind == han || t.form&(foreign|cut) != 0 {
			break
		}
		if t.kind == mark {
			if t.ch != '-' && t.ch != '/' && t.ch != '.' || k+1 >= s.limit || s.toks[k+1].gap != joined || s.toks[k+1].kind == mark {
				break
			}
			continue
		}
		digits += digitCount(s.bytes(k, k))
		n += int(t.e - t.s)
		last = k
	}
	if class == "" || digits < 5 || n < 6 || n > 24 || !s.ends(last) || !sure && s.toks[j].e-s.toks[j].s < 4 && s.toks[j].form&shout == 0 && s.toks[j].kind != han {
		return
	}
	s.consider(best, last, class, "identifier_announced", 0.55)
}

// accountSaid: "account" or "account #:" stands before token i.
func (s *scan) accountSaid(i int) bool {
	for i--; i > 0 && s.toks[i].kind == mark && (s.toks[i].ch == '#' || s.toks[i].ch == ':'); i-- {
	}
	return i >= 0 && s.toks[i].e-s.toks[i].s == 7 && s.wordIs(i, "account")
}

// namedAt is the class of identifier whose name ends with token j, or behind it
// and before token i: "licence number".
func (s *scan) namedAt(j, i int) Class {
	if s.wordIs(j, "account") {
		return BankAccount
	}
	for _, h := range [...]struct {
		hint  words
		class Class
	}{{hintPassport, Passport}, {hintLicence, DriverLic}, {hintTax, TaxID}, {hintSSN, SSN}, {hintNational, NationalID}, {hintAccount, BankAccount}} {
		if s.recent&h.hint != 0 && s.lastHint[bits.TrailingZeros32(uint32(h.hint))] >= s.seq+j && s.lastHint[bits.TrailingZeros32(uint32(h.hint))] < s.seq+i {
			return h.class
		}
	}
	return ""
}

// copula: a word that may stand between the name of a value and the value.
func (s *scan) copula(j int) bool {
	if j < 0 || j >= s.limit {
		return false
	}
	switch string(s.lower(j)) {
	case "is", "was", "es", "era", "fue", "foi", "est", "était", "ist", "lautet", "war", "eh", "no", "nr", "num", "number", "the", "el", "le", "o", "是", "为", "号":
		return true
	case "é", "n", "nº", "n°", "numero", "número", "numéro", "nummer":
		return true
	}
	return false
}

// behindCard: a card's number or date was found right before, and a word for
// code stands before token i: "4111 … code 123".
func (s *scan) behindCard(i int) bool {
	if len(s.out) == 0 || i < 1 || s.seq+i-s.done > 6 {
		return false
	}
	if c := s.out[len(s.out)-1].class; c != PAN && c != Expiry {
		return false
	}
	switch string(s.lower(i - 1)) {
	case "code", "codigo", "código", "kode", "码":
		return true
	}
	return false
}

// otherCode: the word before token i says what the code is for, "código de
// comercio 5812", and not that somebody got it.
func (s *scan) otherCode(i int) bool {
	p := s.prev(i)
	if p.kind != word || s.toks[i].gap != spaced || p.words&(isFunction|hints) != 0 || s.hinted(hintOTP, i, 1) || !s.hinted(hintOTP, i, 3) {
		return false
	}
	switch string(s.lower(i - 1)) {
	case "is", "was", "es", "era", "est", "ist", "lautet", "received", "got", "sent", "texted", "erhalten", "recibido", "recebi", "recebido":
		return false
	}
	return true
}
