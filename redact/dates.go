package redact

// dates: numeric dates are personal when a word of birth stands near; other
// dates only count for those who ask for every class.
func (s *scan) dates(c *cluster, best *candidate) {
	i := c.tok[0]
	if c.n > 1 && c.sep[1] == '.' && s.hinted(hintVersion, i, 1) {
		return // "Version 3.9.12"
	}
	if c.n >= 3 && c.sep[1] == c.sep[2] && (c.sep[1] == '/' || c.sep[1] == '-' || c.sep[1] == '.' || c.sep[1] == ' ') && s.ends(c.tok[2]) {
		if c.n > 3 && c.sep[3] == c.sep[1] && c.sep[1] != ' ' {
			return
		}
		a, b, y := c.digits[:c.end[0]], c.digits[c.end[0]:c.end[1]], c.digits[c.end[1]:c.end[2]]
		if !plausibleDate(a, b, y) {
			return
		}
		switch {
		case s.birth(i):
			s.consider(best, c.tok[2], DOB, "date_of_birth", 0.9)
		case c.sep[1] != ' ':
			s.consider(best, c.tok[2], Date, "date", 0.6)
		}
		return
	}
	if c.n >= 2 && c.size(0) == 4 && c.sep[1] == '-' && s.timestamp(c, best) {
		return
	}
	if c.n == 2 && c.sep[1] == '/' && c.size(0) <= 2 && c.size(1) <= 2 && s.ends(c.tok[1]) {
		if a, b := atoi(c.digits[:c.end[0]]), atoi(c.digits[c.end[0]:c.end[1]]); isMonthDay(a, b) || isMonthDay(b, a) {
			s.consider(best, c.tok[1], Date, "day_of_month", askOnly)
		}
	}
	if n := c.size(0); s.ends(i) && s.birth(i) {
		d := c.digits[:n]
		switch {
		case n == 8 && (plausibleDate(d[:4], d[4:6], d[6:]) || plausibleDate(d[:2], d[2:4], d[4:])):
			s.consider(best, i, DOB, "date_of_birth", 0.8)
		case n == 6 && plausibleDate(d[:2], d[2:4], d[4:]):
			s.consider(best, i, DOB, "date_of_birth", 0.7)
		case n == 4 && atoi(d) >= 1900 && atoi(d) <= 2100:
			s.consider(best, i, DOB, "year_of_birth", 0.7)
		}
	}
}

// birth: a word of birth was read shortly before.
func (s *scan) birth(i int) bool { return s.hinted(hintDOB, i, 8) }

// plausibleDate accepts day, month and year in the orders in use.
func plausibleDate(a, b, c []byte) bool {
	if len(a) == 4 {
		return len(b) <= 2 && len(c) <= 2 && isYear(a) && isMonthDay(atoi(b), atoi(c))
	}
	if len(a) > 2 || len(b) > 2 || len(c) != 2 && len(c) != 4 || len(c) == 4 && !isYear(c) {
		return false
	}
	x, y := atoi(a), atoi(b)
	return isMonthDay(x, y) || isMonthDay(y, x)
}

func isYear(d []byte) bool { y := atoi(d); return y >= 1850 && y <= 2150 }

// isMonthDay knows how long the months are.
func isMonthDay(m, d int) bool {
	return m >= 1 && m <= 12 && d >= 1 && d <= int([12]byte{31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31}[m-1])
}

// timestamp: RFC 3339, whose day and hour are one token, "2024-03-15T14:30:00Z".
func (s *scan) timestamp(c *cluster, best *candidate) bool {
	j := c.tok[1] + 2
	if c.n != 2 || j >= s.limit || s.toks[j].kind != mixed || s.toks[j].gap != joined || s.toks[j-1].ch != '-' {
		return false
	}
	b := s.bytes(j, j)
	if len(b) != 5 || b[2]|0x20 != 't' || digitCount(b) != 4 || !isYear(c.digits[:4]) || !isMonthDay(atoi(c.digits[4:c.end[1]]), atoi(b[:2])) {
		return false
	}
	last := j
	for k := j + 1; k < s.limit && s.toks[k].gap == joined && k < j+12; k++ {
		if t := &s.toks[k]; t.kind == mark && t.ch != ':' && t.ch != '.' && t.ch != '+' && t.ch != '-' {
			break
		} else if t.kind != mark {
			last = k
		}
	}
	s.consider(best, last, Date, "timestamp", 0.45)
	return true
}
