package redact

// accountNumber: routing and account numbers need a word that says so.
func (s *scan) accountNumber(c *cluster, best *candidate) {
	for g := min(c.n, 6) - 1; g >= 0; g-- {
		n := c.end[g]
		if !s.ends(c.tok[g]) || g > 0 && (!c.uniform(g) || c.sep[1] != ' ' && c.sep[1] != '-') {
			continue
		}
		d := c.digits[:n]
		switch {
		case n == 9 && validRouting(d) && s.hinted(hintRouting, c.tok[0], 10):
			s.consider(best, c.tok[g], Routing, "aba_routing", 0.95)
		case n == 9 && validRouting(d) && (g == 0 || g == 2 && c.size(0) == 4 && c.size(1) == 4 && c.sep[1] == '-'):
			score := 0.1
			if g == 2 {
				score = 0.6
			}
			s.consider(best, c.tok[g], Routing, "aba_routing", score)
		case n == 9 && s.hinted(hintRouting, c.tok[0], 6):
			s.consider(best, c.tok[g], Routing, "aba_routing_hinted", 0.6)
		}
		if n >= 6 && n <= 20 && s.hinted(hintAccount, c.tok[0], 6) {
			s.consider(best, c.tok[g], BankAccount, "account_number", 0.65)
		} else if n >= 8 && n <= 17 && g == 0 {
			s.consider(best, c.tok[g], BankAccount, "account_number_bare", askOnly)
		}
	}
}

// iban reads the compact form of what begins at token i: groups of letters
// and digits, single blanks, dashes or dots between them.
func (s *scan) iban(i int, best *candidate) bool {
	t := &s.toks[i]
	b := s.surface.norm
	if t.e-t.s < 2 || !isLetter(b[t.s]) || !isLetter(b[t.s+1]) {
		return false
	}
	var buf [40]byte
	n, want := 0, 0
	for j := i; j < s.limit; j++ {
		t := &s.toks[j]
		if t.kind == mark {
			if t.ch != '-' && t.ch != '.' || t.gap != joined {
				break
			}
			continue
		}
		if t.kind == han || j > i && t.gap >= newline || t.form&foreign != 0 || n+int(t.e-t.s) > len(buf)-2 {
			break
		}
		n += copy(buf[n:], b[t.s:t.e])
		if want == 0 && n >= 4 {
			if want = ibanLength(buf[:n]); want == 0 {
				return false
			}
		}
		switch {
		case want == 0 || n < want:
			continue
		case n == want && s.ends(j) && validIBAN(buf[:n]) && oneCase(buf[4:n]):
			s.consider(best, j, IBAN, "iban", 0.98)
			return true
		case n == want && s.ends(j) && (s.hinted(hintIBAN, i, 8) || n-digitCount(buf[4:n]) <= 8 && s.hinted(hintAccount, i, 8)):
			s.consider(best, j, IBAN, "iban_hinted", 0.6)
			return true
		}
		return false
	}
	return false
}

// oneCase: an IBAN is written in capitals or, carelessly, in small letters,
// not in both.
func oneCase(b []byte) bool {
	var low, up bool
	for _, c := range b {
		low = low || c >= 'a' && c <= 'z'
		up = up || c >= 'A' && c <= 'Z'
	}
	return !low || !up
}

func digitCount(b []byte) int {
	n := 0
	for _, c := range b {
		if isDigit(c) {
			n++
		}
	}
	return n
}

// swift: ISO 9362, four letters, a country, two and optionally three more,
// in capitals, behind a word that says so.
func (s *scan) swift(i int, best *candidate) {
	t := &s.toks[i]
	b := s.surface.norm[t.s:t.e]
	if len(b) != 8 && len(b) != 11 || t.form&(shout|cut) == 0 || t.form&foreign != 0 || !s.ends(i) || !s.hinted(hintSWIFT|hintIBAN, i, 12) {
		return
	}
	for _, c := range b[:6] {
		if !isLetter(c) {
			return
		}
	}
	if _, ok := ibanLengths[[2]byte{b[4], b[5]}]; ok || string(b[4:6]) == "US" || string(b[4:6]) == "CN" || string(b[4:6]) == "CA" || string(b[4:6]) == "MX" || string(b[4:6]) == "AU" || string(b[4:6]) == "IN" {
		s.consider(best, i, SWIFT, "swift", 0.85)
	}
}
