package redact

// telephone judges the beginnings of a cluster as a telephone number; plus
// says that a '+' stands before it.
func (s *scan) telephone(c *cluster, best *candidate, i int, plus bool) {
	if c.glued && !plus {
		return
	}
	if !s.phones {
		return
	}
	hint := s.hinted(hintPhone, i, 10)
	if all := c.end[c.n-1]; c.n > 6 && all >= 7 && all <= 15 && hint && c.singles(c.n-1) && c.uniform(c.n-1) && s.ends(c.tok[c.n-1]) {
		s.consider(best, c.tok[c.n-1], Phone, "phone_digit_by_digit", 0.75)
		return
	}
	least := 9 // see phoneScore
	if hint || plus {
		least = 5
	}
	for g := c.phoneGroups(); g >= 0 && c.end[g] >= least; g-- {
		if !s.ends(c.tok[g]) {
			continue
		}
		if score := s.phoneScore(c, g, i, plus, hint); score > 0 && (hint || plus || !s.amidIBAN(c.tok[0])) {
			s.consider(best, s.extension(c.tok[g]), Phone, "phone", score)
			if best.class == Phone && best.last >= c.tok[g] {
				return
			}
		}
	}
}

// phoneGroups is the last group up to which the cluster is written like a
// telephone number: its separators, no more than two slashes, no group that is
// a lone digit but one, 17 digits at most; -1 if the first is too long.
func (c *cluster) phoneGroups() int {
	slashes, lone := 0, 0
	for g := 0; g < min(c.n, 8); g++ {
		if g > 0 {
			switch c.sep[g] {
			case ' ', '-', ')', '(':
			case '.':
				if g == 1 && c.end[0] == 1 && c.digits[0] == '0' {
					return 0
				}
			case '/':
				slashes++
			default:
				return g - 1
			}
			if c.size(g) == 1 && c.sep[g] != '(' {
				lone++
			}
		}
		if c.end[g] > 17 || slashes > 2 || lone > 1 {
			return g - 1
		}
	}
	return min(c.n, 8) - 1
}

// bareNumber is the score of digits in one piece that no word announces.
const bareNumber = 0.3

func (s *scan) phoneScore(c *cluster, g, i int, plus, hint bool) float64 {
	d := c.digits[:c.end[g]]
	if plus || len(d) > 9 && d[0] == '0' && d[1] == '0' {
		if !plus {
			d = d[2:]
		}
		switch {
		case len(d) >= 7 && validInternational(d):
			return 0.95
		case len(d) >= 8 && len(d) <= 15 && hint:
			return 0.6
		case len(d) >= 8 && len(d) <= 15 && plus:
			return 0.5
		case !plus:
			break
		default:
			return 0
		}
		if plus {
			return 0
		}
		d = c.digits[:c.end[g]]
	}
	if c.sep[0] == 0 && g >= 2 && c.dateLike(g) {
		return 0
	}
	if !hint && g == 0 && s.behindPhone(i) && s.homes.dialled(d) {
		return 0.6 // "from 512-555-0143 to 5125550199"
	}
	if !hint && g == 0 && len(d) == 11 && d[0] == '1' && s.amidHan(i) && s.homes.dialled(d) {
		return 0.6
	}
	if !hint && s.ordered(i) {
		return 0
	}
	if !hint && (len(d) < 9 || g == 0 && s.leastOf(Phone) > bareNumber) {
		return 0 // any number of that length would do
	}
	valid := s.homes.dialled(d)
	if !valid && len(d) >= 11 && (hint || g > 1) && validInternational(d) {
		valid = true
	}
	switch {
	case valid && hint && len(d) >= 7:
		return 0.9
	case valid && g > 0 && len(d) >= 9 && c.phoneShape(g):
		return 0.75
	case valid && g > 0 && len(d) >= 9:
		return 0.5
	case hint && len(d) >= 7 && len(d) <= 15 && (g > 0 || len(d) >= 9 || s.hinted(hintPhone, i, 5)):
		return 0.6
	case len(d) == 10 && g == 2 && c.size(0) == 3 && c.size(1) == 3 && c.sep[2] != ' ':
		return 0.55
	case len(d) == 11 && g == 3 && c.size(0) == 1 && c.size(1) == 3 && c.size(2) == 3:
		return 0.55
	case valid && len(d) >= 10:
		return bareNumber
	}
	return 0
}

// behindPhone: a telephone number was found right before token i.
func (s *scan) behindPhone(i int) bool {
	return len(s.out) > 0 && s.out[len(s.out)-1].class == Phone && s.toks[i].gap == spaced && s.seq+i-s.done <= 3
}

// amidIBAN: the groups before token i lead back to a country and two digits,
// "AL47 2121 1009": an account number with a digit wrong is no telephone number.
func (s *scan) amidIBAN(i int) bool {
	for j := i; j > 0 && j > i-9 && s.toks[j].gap == spaced; j-- {
		t := &s.toks[j-1]
		if t.kind == number {
			continue
		}
		b := s.surface.norm[t.s:t.e]
		return t.kind == mixed && len(b) == 4 && ibanLength(b) > 0
	}
	return false
}

// localNumber: a North American number without its area code in running
// text, "668 5702" (NANP: the exchange begins with 2 to 9).
func (s *scan) localNumber(c *cluster, best *candidate) {
	i := c.tok[0]
	if s.phones && c.size(0) == 3 && c.digits[0] >= '2' && (c.sep[1] == ' ' || c.sep[1] == '-') && c.prev.kind == word && s.toks[i].gap == spaced &&
		s.ends(c.tok[1]) && s.english(i) {
		s.consider(best, c.tok[1], Phone, "phone_local", 0.42)
	}
}

// dateLike: the first three groups are a date, not a telephone number.
func (c *cluster) dateLike(g int) bool {
	if c.sep[1] != c.sep[2] || c.sep[1] == '(' {
		return false
	}
	return c.size(0) == 4 && c.size(1) == 2 && c.size(2) == 2 && isYear(c.digits[:4]) && plausibleDate(c.digits[:4], c.digits[4:6], c.digits[6:8])
}

// phoneShape: groups as people write telephone numbers, two to four digits
// each, or a long last one.
func (c *cluster) phoneShape(g int) bool {
	for i := 0; i <= g; i++ {
		if n := c.size(i); n > 8 || n == 1 && i > 0 && c.sep[i] != '(' {
			return false
		}
	}
	return true
}

// extension is the last token of "x123", "ext. 123" or "#123" behind a number.
func (s *scan) extension(last int) int {
	j := last + 1
	if j+1 >= s.limit || s.toks[j].gap > spaced {
		return last
	}
	t := &s.toks[j]
	switch {
	case t.kind == mark && t.ch == 'x', t.kind == mark && t.ch == '#' && t.gap == joined:
	case t.kind == word:
		switch string(s.lower(j)) {
		case "x", "ext", "extn", "extension", "durchwahl", "poste", "ramal":
		default:
			return last
		}
		if s.toks[j+1].kind == mark && s.toks[j+1].ch == '.' && j+2 < s.limit {
			j++
		}
	default:
		return last
	}
	if n := &s.toks[j+1]; n.kind == number && n.e-n.s <= 6 && n.gap <= spaced {
		return j + 1
	}
	return last
}

// ordered: the number at token i is said to be that of an order, an invoice or a case.
func (s *scan) ordered(i int) bool {
	j := i - 1
	for j > 0 && i-j < 4 && (s.toks[j].kind == mark || s.houseNumber(j) || s.wordIs(j, "number")) {
		j--
	}
	if j < 0 || s.toks[j].kind != word || s.toks[j+1].gap >= newline {
		return false
	}
	switch string(s.lower(j)) {
	case "order", "orders", "invoice", "ticket", "case", "tracking", "pedido", "factura", "commande", "facture", "bestellung", "rechnung", "fatura":
		return true
	}
	return false
}
