package redact

// nameState remembers which token a name is expected at.
type nameState struct {
	seq    int  // seq of the token behind an introduction
	strong bool // "my name is": whatever comes is a name; else it must look like one
	shy    bool // "hello": it must have a capital too
}

func (n *nameState) reset() { n.seq = -1 }

// introduce notes that a name may follow the phrase that ends at token last.
func (s *scan) introduce(last int, w words) {
	j := last + 1
	strong := w&isCalled != 0
	if w&hintName != 0 && w&isIntro == 0 {
		// "name: John", "Name of the …" is none.
		for ; j < s.limit && s.toks[j].kind == mark && s.toks[j].gap < newline; j++ {
			switch s.toks[j].ch {
			case ':', '=':
				strong = true
			case '"', '\'', '>':
			default:
				return
			}
		}
		if !strong {
			return
		}
	}
	for ; j < s.limit && s.toks[j].kind == mark; j++ {
		switch s.toks[j].ch {
		case '=':
			strong = w&hintName != 0 // a key
		case ':', ',', '"', '\'', '-', '.', '/':
		default:
			return
		}
	}
	if j < s.limit && !(s.names.strong && s.names.seq >= s.seq+j) {
		s.names = nameState{s.seq + j, strong, w&isGreeting != 0}
		s.wake(j)
	}
}

// person looks for a name at token i, a word.
func (s *scan) person(i int, best *candidate) {
	if !s.persons {
		return
	}
	t := &s.toks[i]
	intro := s.names.seq == s.seq+i
	if t.words&isTitle != 0 && s.titled(i, best) {
		return
	}
	if t.ch == 'O' && t.e-t.s == 1 && t.gap != joined && i+2 < s.limit && s.toks[i+1].ch == '\'' && s.toks[i+2].words&isCommon == 0 && s.hyphened(i) {
		s.consider(best, i+2, Person, "name_irish", 0.6) // "O'Shaughnessy, Fionn"
	}
	if !intro && t.form&capital == 0 && (t.words&isFirst == 0 || t.words&(isCommon|hints) != 0) {
		return
	}
	if t.words&isFunction != 0 && !s.initial(i) && !(intro && s.names.strong && (t.form&capital != 0 || t.words&isFirst != 0)) {
		return
	}
	const other = isCommon | hints | isMonth | isDay | isOrgWord | isStreet
	if !intro && t.words&other != 0 && t.words&(isFirst|isLast|isSmall) == 0 && t.e-t.s > 1 {
		return // no name begins with it, see ofName
	}
	proud := t.form&capital != 0
	first := intro && !s.names.shy && !proud && t.words&isFirst != 0 && t.words&(isCommon|isFunction|isCity) == 0 && t.e-t.s > 3 // "mein mann jochen"
	last, n, sure := s.nameRun(i, intro && s.names.strong || first)
	if last < 0 {
		return
	}
	switch {
	case proud && last+1 < s.limit && s.toks[last+1].ch == '<' && s.mailIn(last+1):
		s.consider(best, last, Person, "name_of_mail", 0.7)
	case intro && s.names.strong:
		s.consider(best, last, Person, "name_introduced", 0.85)
	case first:
		s.consider(best, last, Person, "name_introduced", 0.62)
	case intro && proud && (t.words&isCommon == 0 || sure > 0):
		s.consider(best, last, Person, "name_introduced", 0.7)
	case proud && n > 1 && t.words&isFirst != 0 && sure > 1:
		s.consider(best, last, Person, "name_listed", 0.65)
	case proud && n > 1 && sure > 0 && t.words&isCommon == 0:
		s.consider(best, last, Person, "name_listed", 0.55)
	case proud && t.words&isFirst != 0 && t.words&(isCommon|isCity|isCountry|isMonth|isDay) == 0 && t.form&shout == 0:
		s.consider(best, last, Person, "first_name", 0.5)
	case !proud && n > 1 && sure > 1:
		s.consider(best, last, Person, "name_lower_case", 0.5)
	case proud && t.words&isLast != 0 && t.words&isCommon == 0 && (intro || s.english(i)):
		s.consider(best, last, Person, "family_name", 0.42)
	}
}

// initial: a capital with a dot behind it.
func (s *scan) initial(i int) bool {
	t := &s.toks[i]
	return t.form&capital != 0 && t.e-t.s == 1 && i+2 < s.limit && s.toks[i+1].ch == '.' && s.toks[i+1].gap == joined && s.toks[i+2].kind == word && s.toks[i+2].form&capital != 0
}

// titled: "Mr. Smith", "Frau Dr. Meier": the name behind a form of address.
func (s *scan) titled(i int, best *candidate) bool {
	t := &s.toks[i]
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].ch == '.' && s.toks[j].gap == joined {
		j++
	}
	if j >= s.limit || s.toks[j].kind != word || s.toks[j].gap != spaced && !(s.toks[j].gap == joined && j > i+1) {
		return false
	}
	if n := t.e - t.s; t.form&capital == 0 && (n < 2 || j == i+1 && n < 3) || n == 1 && j == i+1 {
		return false
	}
	if s.toks[j].form&capital == 0 {
		return false
	}
	s.names = nameState{seq: s.seq + j, strong: s.toks[j].words&isCommon == 0 || s.toks[j].words&(isFirst|isLast) != 0}
	s.wake(j)
	if t.form&capital != 0 {
		s.consider(best, j-1, Title, "form_of_address", 0.6)
	}
	return true
}

// afterFirst: token j is the family name behind an unmistakable first name,
// although it is an everyday word: "Jane Roe".
func (s *scan) afterFirst(i, j int) bool {
	return s.toks[i].words&isFirst != 0 && s.toks[i].words&(isFunction|hints) == 0 &&
		(s.toks[i].words&(isCommon|isCity) == 0 || s.names.seq == s.seq+i) &&
		s.toks[j].words&(isFunction|hints|isMonth|isDay|isOrgWord|isStreet|isTitle) == 0 && (s.names.seq == s.seq+i || !s.titleCase(j))
}

// nameRun reads the words of one name from token i on: how many, and how many
// of them the lists know.
func (s *scan) nameRun(i int, strong bool) (last, n, sure int) {
	last = -1
	for j := i; j < s.limit && n < 5; j++ {
		t := &s.toks[j]
		if t.kind != word || j > i && t.gap != spaced && !(t.gap == joined && s.toks[j-1].kind == mark) {
			break
		}
		if s.particle(j, n, strong) {
			if n == 0 {
				n++
				last = j
			}
			continue
		}
		if t.e-t.s == 1 && t.form&capital != 0 && j+1 < s.limit && !s.hyphened(j) {
			k := s.behindInitial(j)
			if k < 0 {
				break
			}
			if n == 0 && k == j+1 && !strong {
				return -1, 0, 0
			}
			j = k - 1
			n++
			continue
		}
		listed := t.words&(isFirst|isLast) != 0 && (strong || t.e-t.s > 2 && t.words&hints == 0)
		if !s.ofName(i, j, n, strong, listed) {
			break
		}
		n++
		last = j
		if listed && (strong || t.words&isCommon == 0 || n > 1) {
			sure++
		}
		if s.hyphened(j) {
			j += 2
			last = j
		}
	}
	return last, n, sure
}

// particle: "de la", "van" before more of the name; n words stand before it.
func (s *scan) particle(j, n int, strong bool) bool {
	t := &s.toks[j]
	if t.words&isSmall == 0 || n == 0 && t.form&capital == 0 || n >= 4 || j+1 >= s.limit {
		return false
	}
	next := &s.toks[j+1]
	if next.kind != word || next.gap > spaced {
		return false
	}
	return next.form&capital != 0 || t.e-t.s > 1 && (next.words&isSmall != 0 || strong && next.words&(isCommon|isFunction) == 0)
}

// behindInitial is the capitalised word behind an initial, which counts only
// beside one; -1 if there is none.
func (s *scan) behindInitial(j int) int {
	k := j + 1
	if s.toks[k].kind == mark && s.toks[k].ch == '.' {
		k++
	}
	if k < s.limit && s.toks[k].kind == word && s.toks[k].gap <= spaced && s.toks[k].form&capital != 0 {
		return k
	}
	return -1
}

// ofName: token j may be word n of the name that begins at token i.
func (s *scan) ofName(i, j, n int, strong, listed bool) bool {
	t := &s.toks[j]
	switch {
	case t.form&capital != 0:
		if listed || n == 1 && t.form&shout == 0 && s.afterFirst(i, j) {
			return true
		}
		return !(t.words&(isCommon|hints|isMonth|isDay|isOrgWord|isStreet) != 0 && !(strong && n == 0) || n > 0 && t.words&isCommon != 0)
	case strong && n > 0 && s.toks[j-1].words&isSmall != 0 && s.toks[j-1].kind == word && t.words&(isCommon|isFunction) == 0:
		return true
	case strong && n < 3 && (t.words&isCommon == 0 || listed && t.words&(isSmall|hints) == 0) && t.words&(hints|isMonth|isDay|isPhrase) == 0:
		return true
	}
	return listed && t.words&isCommon == 0 && (n == 0 || s.toks[i].form&capital == 0)
}

// hyphened: a hyphen or an apostrophe and more of the name follow token j.
func (s *scan) hyphened(j int) bool {
	if j+2 >= s.limit {
		return false
	}
	sign, t := &s.toks[j+1], &s.toks[j+2]
	return sign.kind == mark && sign.gap == joined && (sign.ch == '-' || sign.ch == '\'') && t.kind == word && t.gap == joined && (t.e-t.s > 1 || t.ch == 'h' && sign.ch == '\'') &&
		(t.ch == 'h' && t.e-t.s == 1 || t.form&capital != 0 || sign.ch == '-' && t.words&isCommon == 0)
}

// mailIn: an e-mail address stands in the pointed bracket at token j.
func (s *scan) mailIn(j int) bool {
	for j++; j < s.limit && s.toks[j].gap == joined && s.toks[j].ch != '>'; j++ {
		if s.toks[j].ch == '@' {
			return true
		}
	}
	return false
}
