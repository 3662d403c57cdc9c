package redact

// Words that only strict looks for: places, firms, nationalities, occupations,
// dates in words, ages, and capitalised words that no list knows.

// entity looks for such a value at token i, a word.
func (s *scan) entity(i int, best *candidate) {
	t := &s.toks[i]
	proud := t.form&capital != 0
	ph, last := s.phraseAt(i)
	if ph&(isCountry|isCity|isRegion) != 0 && (proud || ph&isCountry != 0 && ph&isCommon == 0 && last > i) && (ph&(isCommon|isFunction) == 0 || last > i) {
		if last+3 < s.limit && s.toks[last+1].kind == mark && s.toks[last+1].ch == '(' && s.toks[last+2].words&(isNation|isCountry) != 0 && s.toks[last+3].ch == ')' {
			last += 3
		}
		s.consider(best, last, Location, "place_listed", 0.56)
	}
	if ph&isNation != 0 && (proud || ph&isCommon == 0) && ph&isFunction == 0 {
		s.consider(best, last, NRP, "nationality", 0.57)
	}
	if ph&isMonth != 0 && ph&isFunction == 0 || t.words&isMonth != 0 {
		s.monthDate(i, best)
	}
	if proud {
		s.firm(i, best)
		s.street(i, best)
		s.unlisted(i, best)
	}
	if t.words&isJob != 0 || proud || s.hintedJob(i) {
		s.occupation(i, best)
	}
}

// phraseAt is what the lexicon knows of the longest phrase at token i.
func (s *scan) phraseAt(i int) (w words, last int) {
	w, last = s.toks[i].words, i
	if w&isPhrase == 0 {
		return w, last
	}
	h := s.toks[i].hash
	for j := s.follow(i); j >= 0; j = s.follow(j) {
		h = extend(h, s.toks[j].hash)
		ph, ok := s.lex.phrases[h]
		if !ok {
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

// monthDate: "May 5, 1980", "March 2020".
func (s *scan) monthDate(i int, best *candidate) {
	t := &s.toks[i]
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].ch == '.' {
		j++
	}
	if j < s.limit && (s.wordIs(j, "de") || s.wordIs(j, "of")) {
		j++
	}
	if j >= s.limit || t.form&capital == 0 && t.words&isCommon != 0 {
		return
	}
	last := s.dayYear(j)
	if last >= 0 {
		s.dated(i, last, best)
	}
}

// dayYear reads "5", "5th, 1980" or "1980" at token j and returns the last
// token, -1 when there is none.
func (s *scan) dayYear(j int) int {
	t := &s.toks[j]
	if t.gap >= newline || t.kind != number && t.kind != mixed {
		return -1
	}
	n, ok := s.ordinal(j)
	if !ok {
		return -1
	}
	if t.kind == number && n >= 1900 && n <= 2100 {
		return j
	}
	if n < 1 || n > 31 {
		return -1
	}
	k := j + 1
	if k < s.limit && s.toks[k].kind == mark && s.toks[k].ch == ',' {
		k++
	}
	if k < s.limit && s.toks[k].kind == number && s.toks[k].gap <= spaced {
		if y, _ := s.ordinal(k); y >= 1900 && y <= 2100 && s.toks[k].e-s.toks[k].s == 4 {
			return k
		}
	}
	return j
}

// ordinal is the number of "5", "5th", "1st".
func (s *scan) ordinal(j int) (n int, ok bool) {
	b := s.bytes(j, j)
	i := 0
	for i < len(b) && i < 5 && isDigit(b[i]) {
		n = n*10 + int(b[i]-'0')
		i++
	}
	if i == 0 {
		return 0, false
	}
	switch string(b[i:]) {
	case "", "st", "nd", "rd", "th", "er", "o", "a":
		return n, true
	}
	return 0, false
}

// dated records a date in words: of birth, if a word said so.
func (s *scan) dated(i, last int, best *candidate) {
	if s.birth(i) {
		s.consider(best, last, DOB, "date_of_birth", 0.9)
	}
	s.consider(best, last, Date, "date_in_words", 0.6)
}

func (s *scan) wordIs(j int, w string) bool {
	return j < s.limit && s.toks[j].kind == word && string(lowerASCII(s.bytes(j, j))) == w
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
		if u.kind == word && (s.wordIs(j, "and") || u.words&isSmall != 0) && j > i && j+1 < s.limit && s.toks[j+1].form&capital != 0 {
			continue
		}
		if u.kind == word && u.words&isOrgWord != 0 && u.form&capital != 0 && n > 0 {
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
	if n := t.e - t.s; n < 3 || n > 24 || t.form&shout != 0 && n < 5 || !s.english(i) {
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
	if camel(s.bytes(i, i)) {
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
	common, other := 0, 0
	for j := max(0, i-lookBack/2); j < s.limit; j++ {
		t := &s.toks[j]
		if t.kind != word || t.form&capital != 0 || t.e-t.s < 2 {
			continue
		}
		if t.words&isCommon != 0 {
			common++
		} else {
			other++
		}
	}
	return common >= 2 && common >= 3*other
}

// occupation: "as a rolling machine operator", "the CEO".
func (s *scan) occupation(i int, best *candidate) {
	t := &s.toks[i]
	after := s.hintedJob(i)
	if !after && t.form&capital == 0 {
		return
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
			if !after && (j > i || s.prev(i).words&isFunction == 0 && s.prev(i).kind == word) {
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
	if i < 1 {
		return false
	}
	j := i - 1
	if s.toks[j].kind == word && (string(s.bytes(j, j)) == "a" || string(s.bytes(j, j)) == "an") && j > 0 {
		j--
	}
	return s.toks[j].kind == word && string(s.bytes(j, j)) == "as"
}

// quantity: ages, years and dates that begin with a number.
func (s *scan) quantity(c *cluster, best *candidate) {
	i, size := c.tok[0], c.size(0)
	if size > 4 || !s.ends(i) || c.glued {
		return
	}
	n := atoi(c.digits[:size])
	if size <= 3 && n > 0 && n < 120 {
		if s.ageAt(i) {
			s.consider(best, i, Age, "age", 0.8)
			return
		}
	}
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && (s.toks[j].ch == '.' || s.toks[j].ch == '-') {
		j++
	}
	if j < s.limit && s.toks[j].kind == word && (s.wordIs(j, "of") || s.wordIs(j, "de")) {
		j++
	}
	if size <= 2 && n >= 1 && n <= 31 && j < s.limit && s.toks[j].kind == word && s.toks[j].words&isMonth != 0 && s.toks[j].gap <= spaced &&
		!(s.toks[j].words&isCommon != 0 && s.toks[j].form&capital == 0) {
		last := j
		k := j + 1
		for k < s.limit && (s.toks[k].kind == mark && (s.toks[k].ch == ',' || s.toks[k].ch == '.' || s.toks[k].ch == '-') || s.wordIs(k, "de")) {
			k++
		}
		if k < s.limit && s.toks[k].kind == number && s.toks[k].gap <= spaced && s.toks[k].e-s.toks[k].s >= 2 && s.toks[k].e-s.toks[k].s <= 4 {
			last = k
		}
		s.dated(i, last, best)
		return
	}
	if size == 4 && n >= 1900 && n <= 2100 && c.n == 1 && s.yearAt(i) {
		s.consider(best, i, Date, "year", 0.5)
	}
}

// ageAt: "38-year-old", "38 años", "aged 38", "38岁".
func (s *scan) ageAt(i int) bool {
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].ch == '-' {
		j++
	}
	if j < s.limit {
		switch w := string(lowerASCII(s.bytes(j, j))); w {
		case "year", "years", "yr", "yrs", "y":
			for k := j + 1; k < min(s.limit, j+4); k++ {
				if s.wordIs(k, "old") || s.wordIs(k, "o") || s.wordIs(k, "age") {
					return true
				}
			}
		case "yo", "años", "ans", "anos", "岁":
			return w != "ans" || s.toks[j].gap == spaced
		case "jahre":
			return s.wordIs(j+1, "alt")
		}
	}
	return s.hinted(hintAge, i, 4)
}

// yearAt: a preposition of time stands before the number.
func (s *scan) yearAt(i int) bool {
	if i == 0 {
		return false
	}
	switch string(lowerASCII(s.bytes(i-1, i-1))) {
	case "in", "since", "of", "from", "by", "until", "till", "before", "after", "year", "around", "circa", "during", "en", "depuis", "seit", "im", "em", "desde", "(", "late", "early", "年":
		return s.toks[i].gap <= spaced
	}
	return s.prev(i).words&(isMonth|hintDate) != 0
}
