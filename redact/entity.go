package redact

// Words that only strict looks for: places, firms, nationalities, occupations,
// dates in words, ages, and capitalised words that no list knows.

// entity looks for such a value at token i, a word.
func (s *scan) entity(i int, best *candidate) {
	t := &s.toks[i]
	if ph, last := s.meant(i); (ph|t.words)&(isCountry|isRegion|isCity|isNation|isMonth) != 0 {
		s.listed(i, last, ph, best)
	}
	if t.form&capital == 0 {
		if t.words&isStreet != 0 && s.humbleStreet(i) {
			s.numbered(i, best)
		}
		s.humble(i, best)
		if s.hintedJob(i) {
			s.occupation(i, best)
		}
		return
	}
	s.firm(i, best)
	s.street(i, best)
	s.unlisted(i, best)
	s.proper(i, best)
	s.signed(i, best)
	s.occupation(i, best)
}

// listed: a place, a nationality or a month, which the lexicon knows by the
// words from token i to last.
func (s *scan) listed(i, last int, ph words, best *candidate) {
	t := &s.toks[i]
	proud := t.form&capital != 0
	if ph&(isCountry|isRegion) != 0 && ph&(isCommon|isFunction|isFirst|isLast) == 0 ||
		ph&isCity != 0 && ph&(isCommon|isFunction) == 0 && s.hinted(hintPlace, i, 1) && !proud {
		if !s.wordIs(i, "usa") || proud { // "ela usa a conta"
			s.consider(best, last, Location, "place_lower_case", 0.45)
		}
	}
	if last > i && proud && t.words&isFunction != 0 && ph&isCity != 0 && s.toks[last].form&capital == 0 {
		ph = 0 // "La victoria fue …"
	}
	if ph&(isCountry|isCity|isRegion) != 0 && (proud || ph&isCountry != 0 && ph&isCommon == 0 && last > i) && (ph&(isCommon|isFunction) == 0 || last > i) {
		if last+3 < s.limit && s.toks[last+1].kind == mark && s.toks[last+1].ch == '(' && s.toks[last+2].words&(isNation|isCountry) != 0 && s.toks[last+3].ch == ')' {
			last += 3
		}
		s.consider(best, last, Location, "place_listed", 0.56)
	}
	if ph&isNation != 0 && !proud && last == i && (s.wordIs(i-1, "in") || s.wordIs(i-1, "en") || s.wordIs(i-1, "em") || s.wordIs(i-1, "auf")) {
		ph = 0 // a language
	}
	if ph&isNation != 0 && (proud || ph&isCommon == 0) && ph&isFunction == 0 {
		s.consider(best, last, NRP, "nationality", 0.57)
	}
	if ph&isMonth != 0 && ph&isFunction == 0 || t.words&isMonth != 0 {
		s.monthDate(i, best)
	}
}

// meant is what phraseAt said of token i when its hints were noted.
func (s *scan) meant(i int) (w words, last int) {
	if s.phrase.seq == s.seq+i {
		return s.phrase.words, i + s.phrase.more
	}
	return s.toks[i].words, i
}

// phraseAt is what the lexicon knows of the longest phrase at token i.
func (s *scan) phraseAt(i int) (w words, last int) {
	w, last = s.toks[i].words, i
	if w&isPhrase == 0 {
		return w, last
	}
	h := s.toks[i].hash
	for j := s.follow(i); j >= 0; j = s.follow(j) {
		if h = extend(h, s.toks[j].hash); !s.lex.mayLead(h) {
			break
		}
		ph := s.lex.phraseOf(h)
		if ph.hash == 0 {
			break
		}
		if ph.words != 0 {
			w, last = ph.words, j
		}
		if !ph.more {
			break
		}
	}
	return w, last
}

// wordIs: token j is the word w, in any case.
func (s *scan) wordIs(j int, w string) bool {
	if j < 0 || j >= s.limit || s.toks[j].kind != word || int(s.toks[j].e-s.toks[j].s) != len(w) {
		return false
	}
	for i, c := range s.bytes(j, j) {
		if c|0x20 != w[i] {
			return false
		}
	}
	return true
}

// firm: capitalised words up to "Inc", "GmbH"; or a name behind "work for".
func (s *scan) firm(i int, best *candidate) {
	t := &s.toks[i]
	if t.words&isFunction != 0 {
		return
	}
	n, end := 0, -1
	for j := i; j < s.limit && n < 6; j++ {
		u := &s.toks[j]
		if j > i && u.gap >= newline {
			break
		}
		if u.kind == mark {
			if (u.ch == '&' || u.ch == '-' || u.ch == '\'' || u.ch == '.' && j+1 < s.limit && s.toks[j+1].gap == joined) && j > i {
				continue
			}
			if u.ch == ',' && j+1 < s.limit && (s.toks[j+1].words&isOrgWord != 0 || s.toks[j+1].form&capital != 0 && j+2 < s.limit && s.wordIs(j+2, "and")) {
				continue
			}
			break
		}
		if j > i && u.kind == word && (u.words&isSmall != 0 || u.hash == hashAnd) && j+1 < s.limit && s.toks[j+1].form&capital != 0 {
			continue
		}
		if u.kind == word && u.words&isOrgWord != 0 && u.form&capital != 0 && n > 0 && s.toks[j-1].ch != '-' {
			end = j
			n++
			continue
		}
		if u.form&capital == 0 || u.words&isFunction != 0 && n > 0 {
			break
		}
		n++
	}
	if end >= 0 {
		if end+1 < s.limit && s.toks[end+1].kind == mark && s.toks[end+1].ch == '.' && s.toks[end+1].gap == joined {
			end++
		}
		s.consider(best, end, Organization, "firm", 0.66)
		return
	}
	if s.hinted(hintOrg, i, 2) && t.words&(isTitle|isFirst) == 0 {
		if last := s.properRun(i); last >= 0 {
			s.consider(best, last, Organization, "firm_introduced", 0.55)
		}
	}
}

// properRun is the last of the capitalised words from token i on.
func (s *scan) properRun(i int) int {
	last := -1
	for j := i; j < s.limit && j < i+8; j++ {
		u := &s.toks[j]
		if j > i && u.gap >= newline {
			break
		}
		if u.kind == mark {
			if (u.ch == '-' || u.ch == '\'' || u.ch == '&') && j > i && j+1 < s.limit && s.toks[j+1].form&capital != 0 {
				continue
			}
			break
		}
		if u.form&capital == 0 && u.words&isSmall != 0 && j > i && j+1 < s.limit && s.toks[j+1].form&capital != 0 && s.toks[j+1].gap == spaced {
			continue
		}
		if u.form&capital == 0 || j > i && u.words&isFunction != 0 {
			break
		}
		last = j
	}
	return last
}

// unlisted: in an English text a capitalised word that no dictionary has is
// the name of somebody or something.
func (s *scan) unlisted(i int, best *candidate) {
	t := &s.toks[i]
	if t.words&(isCommon|isFunction|hints|isMonth|isDay|isTitle|isJob|isOrgWord) != 0 && !(t.words&(isFirst|isLast|isCity) != 0 && t.words&(isFunction|isCommon|hints) == 0) {
		return
	}
	if n := t.e - t.s; n < 3 || n > 24 || t.form&shout != 0 && n < 5 {
		return
	}
	if p := s.prev(i); t.gap == joined && i > 0 && p.kind == mark {
		switch p.ch {
		case '.', '_', '/', '\\', '=', '@', '#', ':':
			return
		}
	}
	if i+1 < s.limit && s.toks[i+1].gap == joined && (s.toks[i+1].kind != mark || s.toks[i+1].ch == '_' || s.toks[i+1].ch == '=' || s.toks[i+1].ch == '/' || s.toks[i+1].ch == '(' || s.toks[i+1].ch == ':' && i+2 < s.limit && s.toks[i+2].gap == joined) {
		return
	}
	if camel(s.bytes(i, i)) || !s.english(i) || s.wordIs(i+1, "sie") && s.toks[i+1].form&capital != 0 { // "Drücken Sie"
		return
	}
	last := s.properRun(i)
	for last > i && s.toks[last].words&(isCommon|isFunction) != 0 && s.toks[last].words&(isFirst|isLast|isCity) == 0 {
		last--
		for last > i && s.toks[last].kind == mark {
			last--
		}
	}
	class := Person
	if s.hinted(hintPlace, i, 1) {
		class = Location
	}
	s.consider(best, last, class, "unlisted_name", 0.41)
}

// proper: a capitalised word of the dictionary amid a sentence, or in a row
// with names, is a name all the same: "for Capital Cube", "Brabec, White and Reed".
func (s *scan) proper(i int, best *candidate) {
	t := &s.toks[i]
	if t.words&(isFunction|hints|isMonth|isDay|isTitle|isNation) != 0 && t.words&isLast == 0 || t.words&isFunction != 0 ||
		t.e-t.s < 3 || t.form&shout != 0 || t.gap >= newline {
		return
	}
	listed := t.words&(isFirst|isLast) != 0
	row := s.inRow(i)
	p := s.prev(i)
	if !row && (t.gap != spaced || !listed && p.kind != word) || row && !listed && !s.english(i) {
		return
	}
	amid := t.gap == spaced && p.kind == word && p.form&capital == 0 && !s.titleCase(i) && s.english(i)
	if !row && !amid && !(listed && t.gap == spaced && s.wordIs(i+1, "and") && i+2 < s.limit && s.toks[i+2].form&capital != 0 && s.toks[i+2].words&isFunction == 0 && !s.titleCase(i)) {
		return
	}
	if !row && !listed && !s.hinted(hintPlace|hintOrg, i, 1) && !s.wordIs(i-1, "for") && !s.wordIs(i-1, "by") && !s.wordIs(i-1, "with") {
		return
	}
	last := s.properRun(i)
	if last < 0 {
		return
	}
	class := Person
	switch {
	case s.hinted(hintPlace, i, 1):
		class = Location
	case !listed && amid:
		class = Organization
	}
	s.consider(best, last, class, "proper_name", 0.4)
}

// inRow: the token before is a comma or "and" behind a value just found.
func (s *scan) inRow(i int) bool {
	if i < 2 || s.toks[i].gap != spaced || len(s.out) == 0 {
		return false
	}
	j := i - 1
	if !(s.toks[j].kind == mark && (s.toks[j].ch == ',' || s.toks[j].ch == '&') || s.wordIs(j, "and") || s.wordIs(j, "or")) {
		return false
	}
	if s.toks[j].kind == word && j > 0 && s.toks[j-1].kind == mark && s.toks[j-1].ch == ',' {
		j--
	}
	switch s.out[len(s.out)-1].class {
	case Person, Organization:
		return s.done == s.seq+j
	}
	return false
}

// titleCase: most words around token i have a capital, so it says nothing.
func (s *scan) titleCase(i int) bool {
	up, low := 0, 0
	for j := max(0, i-8); j < min(s.limit, i+9); j++ {
		t := &s.toks[j]
		if t.kind != word || t.e-t.s < 3 || j == i {
			continue
		}
		if t.form&capital != 0 {
			up++
		} else {
			low++
		}
	}
	return up > low
}

// signed: a line of nothing but a few capitalised words, one of them no
// everyday word, in a signature or an address.
func (s *scan) signed(i int, best *candidate) {
	t := &s.toks[i]
	if t.gap < newline || t.words&isFunction != 0 {
		return
	}
	if ph, _ := s.meant(i); ph&isIntro != 0 {
		return // "Viele Grüße"
	}
	odd, n, last := 0, 0, i
	for j := i; j < s.limit; j++ {
		u := &s.toks[j]
		if j > i && u.gap >= newline {
			break
		}
		if u.kind == mark && (u.ch == '.' || u.ch == '-' || u.ch == '\'' || u.ch == ',' && j+1 < s.limit && s.toks[j+1].gap < newline) && j > i {
			continue
		}
		if u.kind != word || u.form&capital == 0 && u.words&isSmall == 0 {
			return
		}
		if n++; n > 4 {
			return
		}
		if u.words&(isCommon|hints|isFunction) == 0 && u.e-u.s > 2 || u.words&(isFirst|isLast) != 0 && n > 1 && u.words&(isFunction|hints) == 0 {
			odd++
		}
		last = j
	}
	if odd > 0 && (s.seq+i > 0 || n > 1) && !(s.seq+i == 0 && last+1 >= s.limit) {
		s.consider(best, last, Person, "line_of_names", 0.41)
	}
}

// humble: names and peoples without a capital, in a text that has none.
func (s *scan) humble(i int, best *candidate) {
	t := &s.toks[i]
	if t.e-t.s < 4 || t.words&(isCommon|isFunction|hints|isSpoken) != 0 || t.gap == joined && s.prev(i).kind == mark && s.prev(i).ch != '(' && s.prev(i).ch != '"' {
		return
	}
	if i+1 < s.limit && s.toks[i+1].gap == joined && (s.toks[i+1].kind != mark || s.toks[i+1].ch != ',' && s.toks[i+1].ch != '.' && s.toks[i+1].ch != '?' && s.toks[i+1].ch != '!' && s.toks[i+1].ch != '"' && s.toks[i+1].ch != '\'') {
		return
	}
	if demonym(s.bytes(i, i)) && s.english(i) {
		s.consider(best, i, NRP, "nationality_shape", 0.4)
		return
	}
	if !s.smallTalk(i) || !s.english(i) {
		return
	}
	if t.words&(isFirst|isLast) != 0 || t.form&foreign != 0 || s.inRow(i) || s.hinted(hintOrg|hintAddress, i, 2) {
		last := i
		for last+1 < s.limit && s.toks[last+1].gap == spaced && s.toks[last+1].kind == word && s.toks[last+1].words&(isCommon|isFunction|hints) == 0 {
			last++
		}
		s.consider(best, last, Person, "name_lower_case", 0.4)
	}
}

// smallTalk: no capital within reach.
func (s *scan) smallTalk(i int) bool {
	n := 0
	for j := max(0, i-lookBack/2); j < s.limit; j++ {
		if t := &s.toks[j]; t.kind == word {
			if t.form&capital != 0 {
				return false
			}
			n++
		}
	}
	return n > 4
}

// demonym: the endings of peoples in English.
func demonym(b []byte) bool {
	for _, end := range []string{"ians", "eans", "icans", "eses", "mans", "stanis"} {
		if len(b) > len(end)+2 && string(b[len(b)-len(end):]) == end {
			return true
		}
	}
	return false
}

// camel: "getElement", "PostgreSQL": a word of a program.
func camel(b []byte) bool {
	low := false
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			low = true
		} else if low && c >= 'A' && c <= 'Z' {
			return true
		}
	}
	return false
}

// english reports that the words within reach are mostly English: there a
// capital letter means something.
func (s *scan) english(i int) bool {
	common, other := s.plainWords(max(0, i-lookBack/2), s.limit)
	return common >= 2 && common >= 3*other
}

// sums count words without a capital from the first token on, modulo 256: those
// the dictionary has, and those it has not. No window holds more than 255.
type sums struct{ common, other uint8 }

// plainWords counts such words among tokens [from,to).
func (s *scan) plainWords(from, to int) (common, other int) {
	if s.slow {
		s.summed = 0
	}
	if s.summed < to {
		var seen sums
		if s.summed > 0 {
			seen = s.toks[s.summed-1].seen
		}
		rest := s.toks[s.summed:to]
		for i := range rest { // without branches: which word it is nobody foresees
			t := &rest[i]
			var plain, common uint8
			if uint8(t.kind)|uint8(t.form&capital) == uint8(word) {
				plain = 1
			}
			if t.e-t.s < 2 {
				plain = 0
			}
			if t.words&isCommon != 0 {
				common = plain
			}
			seen.common += common
			seen.other += plain - common
			t.seen = seen
		}
		s.summed = to
	}
	last := s.toks[to-1].seen
	if from > 0 {
		before := s.toks[from-1].seen
		last.common -= before.common
		last.other -= before.other
	}
	return int(last.common), int(last.other)
}

// occupation: "as a rolling machine operator", "the CEO".
func (s *scan) occupation(i int, best *candidate) {
	t := &s.toks[i]
	p, after := s.prev(i), s.hintedJob(i)
	if open := after || p.words&isFunction != 0 || p.kind != word && p.ch == ','; !open && (t.words&isJob == 0 || p.kind == word) {
		return // "the Managing Director", ", Director", "Director"
	}
	if after && t.form&capital != 0 && t.words&(isFunction|isNation) == 0 && s.wordIs(i-1, "as") {
		s.consider(best, max(i, s.properRun(i)), Title, "occupation", 0.43)
	}
	for j, n := i, 0; j < s.limit && n < 6; j++ {
		u := &s.toks[j]
		if j > i && u.gap >= newline || u.kind != word && !(u.kind == mark && (u.ch == '-' || u.ch == '/' || u.ch == ',') && after && j > i) {
			return
		}
		if u.kind == mark {
			continue
		}
		if n++; u.words&isJob != 0 {
			if j+1 < s.limit && s.toks[j+1].kind == mark && s.toks[j+1].ch == ':' {
				return // who speaks: "Agent: …"
			}
			if !after && p.words&isFunction == 0 && (j > i && (p.kind == word || p.ch != ',') || p.kind == word) {
				return
			}
			s.consider(best, j, Title, "occupation", 0.5)
			continue
		}
		if u.words&isFunction != 0 && n > 1 {
			return
		}
	}
}

// hintedJob: "as", "as a" stand before token i.
func (s *scan) hintedJob(i int) bool {
	const other = capital | foreign
	p := s.prev(i)
	if i > 1 && (p.hash == hashA || p.hash == hashAn) && p.form&other == 0 {
		p = s.prev(i - 1)
	}
	return p.hash == hashAs && p.form&other == 0
}
