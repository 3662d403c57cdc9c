package redact

import "strings"

// Known persons: the gateway knows whose account is open, so that person's own
// data are matched token by token, whatever stands between the tokens and
// however they are written.

// knownForm is one value as the hashes of its tokens without marks.
type knownForm struct {
	rest  []uint64 // hashes after the first
	class Class
	rule  string
	proud bool // counts only where it begins with a capital: a name that is also a word
}

// knownNumber is one number or identifier without separators.
type knownNumber struct {
	text  string
	class Class
}

// knownIndex is immutable; with makes a larger one.
type knownIndex struct {
	forms   map[uint64][]knownForm
	numbers map[byte][]knownNumber // by first character
	heads   [16]uint64             // bits: top bits of the hashes in forms
	firsts  [4]uint64              // bits: the characters in numbers
	scan    *scan                  // cuts values into tokens while the index is made
	plain   *rules                 // by which it does
}

// mayBegin says no of most words at which no value begins.
func (k *knownIndex) mayBegin(t *tok) bool {
	c := upper(t.ch)
	return k.heads[t.hash>>60]>>(t.hash>>54&63)&1 != 0 || k.firsts[c>>6]>>(c&63)&1 != 0
}

// with borrows a scan: a list has a person in each record.
func (k *knownIndex) with(people []KnownPerson, s *scan) *knownIndex {
	out := &knownIndex{forms: map[uint64][]knownForm{}, numbers: map[byte][]knownNumber{}, scan: s}
	if k != nil {
		for h, f := range k.forms {
			out.forms[h] = f[:len(f):len(f)]
		}
		for c, n := range k.numbers {
			out.numbers[c] = n[:len(n):len(n)]
		}
	}
	for _, p := range people {
		out.addPerson(p)
	}
	for h := range out.forms {
		out.heads[h>>60] |= 1 << (h >> 54 & 63)
	}
	for c := range out.numbers {
		out.firsts[c>>6] |= 1 << (c & 63)
	}
	out.scan, out.plain = nil, nil
	return out
}

func (k *knownIndex) addPerson(p KnownPerson) {
	for _, n := range p.Names {
		parts := k.addForm(n, Person, false, knownRule)
		if len(parts) < 2 {
			continue
		}
		for _, w := range strings.Fields(n) { // a first or family name alone
			if part := strings.Trim(w, ".,"); len(part) > 2 && lexiconOf().find(hashOf(part))&isSmall == 0 {
				k.addForm(part, Person, lexiconOf().find(hashOf(part))&(isCommon|hints) != 0, knownRule)
			}
		}
		if len(parts) == 2 { // "Family, First"
			f := strings.Fields(n)
			k.addForm(f[len(f)-1]+" "+f[0], Person, false, knownRule)
		}
	}
	for _, m := range p.Emails {
		k.addForm(m, Email, false, knownRule)
	}
	for _, a := range p.Addresses {
		k.addForm(a, Address, false, knownRule)
		if head, _, ok := strings.Cut(a, ","); ok && len(strings.Fields(head)) > 1 {
			k.addForm(head, Address, false, knownRule)
		}
	}
	for _, n := range p.Phones {
		k.addPhone(n)
	}
	for class, values := range p.Numbers {
		for _, v := range values {
			if c := Canonical(NationalID, []byte(v)); len(c) >= 3 {
				k.addNumber(c, class)
			}
		}
	}
}

// addForm indexes a value by its tokens and returns their hashes.
func (k *knownIndex) addForm(value string, class Class, proud bool, rule string) []uint64 {
	if k.scan == nil {
		k.scan = new(scan)
	}
	if k.plain == nil {
		k.plain = plainRules()
	}
	s := k.scan
	s.reset(k.plain)
	s.take([]byte(value), true)
	s.tokenise(0, true)
	hashes := make([]uint64, 0, len(s.toks))
	for _, t := range s.toks {
		if t.kind != mark {
			hashes = append(hashes, t.hash)
		}
	}
	if len(hashes) > 0 {
		k.forms[hashes[0]] = append(k.forms[hashes[0]], knownForm{hashes[1:], class, rule, proud})
	}
	return hashes
}

func (k *knownIndex) addNumber(text string, class Class) {
	k.numbers[text[0]] = append(k.numbers[text[0]], knownNumber{text, class})
}

// addPhone indexes a number with and without country code and trunk prefix.
func (k *knownIndex) addPhone(value string) {
	d := strings.TrimPrefix(Canonical(Phone, []byte(value)), "+")
	if len(d) < 6 {
		return
	}
	k.addNumber(d, Phone)
	for n := 1; n <= 3 && n < len(d)-5; n++ {
		for _, r := range phones().byCode[atoi([]byte(d[:n]))] {
			if nsn := d[n:]; r.valid([]byte(nsn)) {
				k.addNumber(nsn, Phone)
				k.addNumber("00"+d, Phone)
				if r.prefix != "" {
					k.addNumber(r.prefix+nsn, Phone)
				}
				return
			}
		}
	}
	if d[0] == '0' && len(d) > 7 {
		k.addNumber(d[1:], Phone) // as it is written behind a country code
	}
}

const knownRule = "known_person"

// findKnown looks for a known person's value that begins at token i.
func (s *scan) findKnown(i int) bool {
	return s.toks[i].kind != mark && s.matchKnown(s.known, i)
}

// matchKnown records the longest form of an index that begins at token i.
func (s *scan) matchKnown(k *knownIndex, i int) bool {
	t := &s.toks[i]
	best, class, rule := -1, Class(""), knownRule
	for _, f := range k.forms[t.hash] {
		if f.proud && t.form&capital == 0 {
			continue
		}
		if last := s.matchForm(i, f.rest); last > best {
			best, class, rule = last, f.class, f.rule
		}
	}
	if t.kind != han {
		for _, n := range k.numbers[upper(t.ch)] {
			if last := s.matchNumber(i, n.text); last > best {
				best, class, rule = last, n.class, knownRule
			}
		}
	}
	if best < 0 || s.picked && !s.wants(class, 1) {
		return false
	}
	s.record(t.s, s.toks[best].e, best, class, rule, 1)
	return true
}

// matchForm walks the tokens after i; up to three marks may stand between two.
func (s *scan) matchForm(i int, rest []uint64) int {
	j := i
	for _, h := range rest {
		marks := 0
		for j++; j < s.limit && s.toks[j].kind == mark && marks < 3; j++ {
			marks++
		}
		if j >= s.limit || s.toks[j].hash != h || s.toks[j].kind == mark {
			return -1
		}
	}
	return j
}

// matchNumber compares letters and digits only, whatever the grouping.
func (s *scan) matchNumber(i int, want string) int {
	at, marks := 0, 0
	for j := i; j < s.limit; j++ {
		t := &s.toks[j]
		if t.kind == mark {
			if marks++; marks > 3 {
				return -1
			}
			continue
		}
		marks = 0
		for _, c := range s.surface.norm[t.s:t.e] {
			if at == len(want) || upper(c) != want[at] {
				return -1
			}
			at++
		}
		if at == len(want) {
			return j
		}
	}
	return -1
}
