package redact

// Dates in words, years and ages.

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
	if j >= s.limit {
		return
	}
	last := s.dayYear(j)
	if t.form&capital == 0 && t.words&isCommon != 0 && last == j && !s.birth(i) && s.toks[j].kind != mixed {
		return // "may 5 people come?"
	}
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
	if size <= 2 && n >= 1 && n <= 31 && s.dayMonth(i, best) || size == 4 && s.hanDate(i, best) {
		return
	}
	if size == 4 && n >= 1900 && n <= 2100 && c.n == 1 && s.yearAt(i) {
		s.consider(best, i, Date, "year", 0.5)
	}
}

// dayMonth: "5 May 1980", "22nd of November 1964", "3 de marzo de 1980", from
// the day at token i on.
func (s *scan) dayMonth(i int, best *candidate) bool {
	j := i + 1
	if j >= s.limit || s.toks[j].gap > spaced || s.toks[j].kind != mark && (s.toks[j].kind != word || s.toks[j].words&isMonth == 0 && s.toks[j].e-s.toks[j].s > 2) {
		return false
	}
	if j < s.limit && s.toks[j].kind == mark && (s.toks[j].ch == '.' || s.toks[j].ch == '-') {
		j++
	}
	if j < s.limit && s.toks[j].kind == word && (s.wordIs(j, "of") || s.wordIs(j, "de")) {
		j++
	}
	if j >= s.limit || s.toks[j].kind != word || s.toks[j].words&isMonth == 0 || s.toks[j].gap > spaced ||
		s.toks[j].words&isCommon != 0 && s.toks[j].form&capital == 0 && j == i+1 && s.toks[i].kind == number && !s.birth(i) {
		return false
	}
	last := j
	k := j + 1
	for k < s.limit && (s.toks[k].kind == mark && (s.toks[k].ch == ',' || s.toks[k].ch == '.' || s.toks[k].ch == '-') || s.wordIs(k, "de") || s.wordIs(k, "del")) {
		k++
	}
	if k < s.limit && s.toks[k].kind == number && s.toks[k].gap <= spaced && s.toks[k].e-s.toks[k].s >= 2 && s.toks[k].e-s.toks[k].s <= 4 {
		last = k
	}
	s.dated(i, last, best)
	return true
}

// hanDate: "1988年3月14日", of birth where 出生 or 生 stands behind it.
func (s *scan) hanDate(i int, best *candidate) bool {
	if s.hanAt(i+1) != "年" || i+2 >= s.limit || s.toks[i+2].kind != number || s.hanAt(i+3) != "月" {
		return false
	}
	last := i + 3
	if i+5 < s.limit && s.toks[i+4].kind == number && (s.hanAt(i+5) == "日" || s.hanAt(i+5) == "号") {
		last = i + 5
	}
	if born := s.hanAt(last + 1); born == "生" || born == "出" && s.hanAt(last+2) == "生" {
		s.consider(best, last, DOB, "date_of_birth", 0.9)
	}
	s.dated(i, last, best)
	return true
}

// ageAt: "38-year-old", "38 años", "aged 38", "38岁".
func (s *scan) ageAt(i int) bool {
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].ch == '-' {
		j++
	}
	if j < s.limit && ageWord[s.toks[j].ch] {
		switch w := string(s.lower(j)); w {
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

// ageWord are the first bytes of the words behind an age, of 岁 too.
var ageWord = [256]bool{'y': true, 'Y': true, 'a': true, 'A': true, 'j': true, 'J': true, 0xE5: true}

// yearAt: a preposition of time stands before the number.
func (s *scan) yearAt(i int) bool {
	if i == 0 {
		return false
	}
	switch string(s.lower(i - 1)) {
	case "in", "since", "of", "from", "by", "until", "till", "before", "after", "year", "around", "circa", "during", "en", "depuis", "seit", "im", "em", "desde", "(", "late", "early", "年":
		return s.toks[i].gap <= spaced
	}
	return s.prev(i).words&(isMonth|hintDate) != 0
}
