package redact

import "encoding/binary"

// Numbers: a cluster is a run of digit groups with separators that numbers
// have. Every rule judges the beginnings of the cluster, the best one wins.

const (
	maxGroups = 20
	maxDigits = 48
)

type cluster struct {
	n      int // groups
	tok    [maxGroups]int
	sep    [maxGroups]byte // before each group; the first one's is 0
	end    [maxGroups]int  // digits up to and with each group
	digits [maxDigits + 8]byte
	prev   *tok
	glued  bool // the first group stands right behind a letter, a dot or another number
}

// candidate is the best reading so far of what begins at a token.
type candidate struct {
	last  int
	end   int32 // norm offset, 0: the end of token last
	class Class
	rule  string
	score float64
	veto  int // last token of a surer value of a class nobody asked for
}

func (s *scan) consider(c *candidate, last int, class Class, rule string, score float64) {
	if score >= 0.9 && !s.wants(class, score) {
		c.veto = max(c.veto, last)
	}
	if s.wants(class, score) && (score > c.score || score == c.score && last > c.last) {
		*c = candidate{last: last, class: class, rule: rule, score: score, veto: c.veto}
	}
}

// nextGroup is the digit group after token j of a cluster and the separator
// between them; -1 when the cluster ends.
func (s *scan) nextGroup(j int) (k int, sep byte) {
	k = j + 1
	if k >= s.limit {
		return -1, 0
	}
	t := &s.toks[k]
	if t.kind == number && t.gap == spaced {
		return k, ' '
	}
	if t.kind != mark || t.gap >= newline || k+1 >= s.limit {
		return -1, 0
	}
	n := &s.toks[k+1]
	switch t.ch {
	case '/':
		if n.kind == number && t.gap == joined && n.gap <= spaced {
			return k + 1, '/'
		}
	case '.', '_', '+', '*', ',', ':':
		if n.kind == number && t.gap == joined && n.gap == joined {
			return k + 1, t.ch
		}
	case '-':
		if n.kind == number && n.gap <= spaced {
			return k + 1, '-'
		}
	case '(':
		if n.kind == number && n.gap <= spaced {
			return k + 1, '('
		}
	case ')':
		if t.gap > spaced {
			return -1, 0
		}
		if n.kind == number && n.gap <= spaced {
			return k + 1, ')'
		}
		if n.kind == mark && (n.ch == '-' || n.ch == '.' || n.ch == '/') && n.gap <= spaced && k+2 < s.limit && s.toks[k+2].kind == number && s.toks[k+2].gap <= spaced {
			return k + 2, ')'
		}
	}
	return -1, 0
}

// gather reads the cluster that begins at token i.
func (s *scan) gather(c *cluster, i int) {
	c.n = 0
	c.prev = s.prev(i)
	t := &s.toks[i]
	if i > 1 && t.gap == joined && c.prev.kind == mark && c.prev.gap == joined && c.prev.ch == '-' && s.toks[i-2].kind == mixed {
		c.glued = true
	} else {
		c.glued = false
	}
	c.glued = c.glued || t.gap == joined && (c.prev.kind != mark && c.prev.kind != han || c.prev.ch == '.' || c.prev.ch == '_') || c.prev.form&cut != 0
	n := 0
	for j, sep := i, byte(0); j >= 0 && c.n < maxGroups; {
		t := &s.toks[j]
		if n+int(t.e-t.s) > maxDigits || t.form&cut != 0 {
			break
		}
		if from := s.surface.norm[t.s:cap(s.surface.norm)]; t.e-t.s <= 8 && len(from) >= 8 {
			binary.LittleEndian.PutUint64(c.digits[n:n+8], binary.LittleEndian.Uint64(from)) // sooner than a call
			n += int(t.e - t.s)
		} else {
			n += copy(c.digits[n:], from[:t.e-t.s])
		}
		c.tok[c.n], c.sep[c.n], c.end[c.n] = j, sep, n
		c.n++
		j, sep = s.nextGroup(j)
	}
}

// size is the number of digits in group g.
func (c *cluster) size(g int) int {
	if g == 0 {
		return c.end[0]
	}
	return c.end[g] - c.end[g-1]
}

// ends reports that what follows group g does not continue the number: no
// letter or digit is glued to it.
func (s *scan) ends(last int) bool {
	if last+1 >= s.limit {
		return true
	}
	t := &s.toks[last+1]
	return t.gap != joined || t.kind == mark || t.kind == han || t.ch >= 0xE0
}

// uniform reports that groups 1..g all have the same separator.
func (c *cluster) uniform(g int) bool {
	for i := 2; i <= g; i++ {
		if c.sep[i] != c.sep[1] {
			return false
		}
	}
	return true
}

// number looks for a value that begins with the digits of token i.
func (s *scan) number(i int) {
	t := &s.toks[i]
	if t.form&cut != 0 || t.e-t.s > maxDigits {
		return
	}
	c := &s.group
	s.gather(c, i)
	if c.n == 0 {
		return
	}
	var best candidate
	if size := c.size(0); c.n == 1 && (size == 4 || size == 1) && s.listedCard(i, &best) {
		s.take1(i, &best)
		return
	}
	if c.end[c.n-1] < 7 && !s.words && !s.mayMean(c) {
		return
	}
	size, all := c.size(0), c.end[c.n-1]
	if all >= 12 {
		s.cardNumber(c, &best)
	}
	if c.glued && c.prev.kind != mark {
		s.take1(i, &best)
		return
	}
	if size == 4 && best.class != PAN && c.n <= 4 && all < 19 {
		s.ocrNext(c, &best)
	}
	if i+1 < s.limit && s.toks[i+1].kind == mark && s.toks[i+1].gap == joined && !c.glued {
		if ch := s.toks[i+1].ch; ch == ':' || (ch == '-' || ch == '.') && (size == 2 || size == 4) {
			s.hexColon(i, &best)
		}
	}
	if best.score < 0.9 {
		s.numberRules(c, &best, i)
	}
	s.take1(i, &best)
}

// numberRules asks the rules that can say something of so many digits, so parted.
func (s *scan) numberRules(c *cluster, best *candidate, i int) {
	size, all := c.size(0), c.end[c.n-1]
	if s.recent&(hintCVV|hintPIN|hintOTP|hintExpiry|hintCard) != 0 {
		s.shortCode(c, best)
	}
	if all >= 9 {
		s.socialNumber(c, best)
	}
	if c.n >= 4 && c.sep[1] == '.' {
		s.ipv4(c, best)
	}
	if c.n >= 2 && c.sep[1] != ':' || s.recent&hintDOB != 0 {
		s.dates(c, best)
	}
	if (all >= 9 || s.recent&hintPhone != 0) && best.score < 0.95 {
		s.telephone(c, best, i, false)
	}
	if all == 7 && c.n == 2 && s.words {
		s.localNumber(c, best)
	}
	if all >= 8 || s.recent&hintAccount != 0 {
		s.accountNumber(c, best)
	}
	if s.mayIdentify(c) {
		s.identifiers(i, best)
		s.announced(i, best)
	}
	if size <= 4 && (s.words || s.birth(i) || size == 4 && i+1 < s.limit && s.toks[i+1].kind == han) {
		s.quantity(c, best)
	}
	if s.words && (c.n == 1 || c.sep[1] != ':') {
		if size <= 6 {
			s.address(i, best)
		}
		if all >= 4 {
			s.zip(c, best)
		}
	}
}

// mayMean: a few digits mean something behind a keyword, before letters, in an
// address with colons, or as four parts of an IP address.
func (s *scan) mayMean(c *cluster) bool {
	if c.n >= 3 || s.picked || s.hinted(hintCard|hintCVV|hintPIN|hintExpiry|hintOTP|hintDOB|hintPhone|hintAccount|hintRouting, c.tok[0], 16) {
		return true
	}
	j := c.tok[c.n-1] + 1
	if j >= s.limit || s.toks[j].gap > spaced {
		return false
	}
	if s.toks[j].kind == han {
		return true
	}
	if t := &s.toks[j]; t.kind == mark {
		return t.ch == ':' || t.ch == '-' || t.ch == '.' || j+1 < s.limit && s.toks[j+1].gap == joined && (s.toks[j+1].kind == mixed || s.toks[j+1].kind == word)
	}
	return s.toks[j].kind == mixed || s.toks[j].kind == word && s.toks[j].e-s.toks[j].s <= 4
}

// mayIdentify: enough digits for an identifier, or letters behind them.
func (s *scan) mayIdentify(c *cluster) bool {
	if c.end[c.n-1] >= 6 {
		return true
	}
	j := c.tok[c.n-1] + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].gap == joined {
		j++
	}
	return j < s.limit && s.toks[j].gap <= spaced && (s.toks[j].kind == mixed || s.toks[j].kind == word && s.toks[j].e-s.toks[j].s <= 3)
}

// take1 accepts the best candidate, if there is one.
func (s *scan) take1(i int, c *candidate) bool {
	if c.score == 0 || c.veto > 0 && c.score < 0.8 && c.veto >= c.last {
		return false
	}
	end := c.end
	if end == 0 {
		end = s.toks[c.last].e
	}
	return s.acceptBytes(s.toks[i].s, end, c.last, c.class, c.rule, c.score)
}

// cardNumber: the longest beginning of the cluster that is a card number.
func (s *scan) cardNumber(c *cluster, best *candidate) {
	hint := -1
	for g := c.n - 1; g >= 0; g-- {
		n := c.end[g]
		if n < 12 {
			return
		}
		if n > 19 || !s.ends(c.tok[g]) || !c.cardGroups(g) {
			continue
		}
		if hint < 0 {
			hint = 0
			if s.hinted(hintCard, c.tok[0], 14) {
				hint = 1
			}
		}
		d := c.digits[:n]
		switch {
		case validPAN(d) && (n != 12 && n != 13 || hint == 1 || g > 0):
			s.consider(best, c.tok[g], PAN, "card_number", 0.95)
		case luhn(d) && hint == 1 && !oneDigit(d):
			s.consider(best, c.tok[g], PAN, "card_number_hinted", 0.9)
		case validPAN(d):
			s.consider(best, c.tok[g], PAN, "card_number_short", 0.5)
		case hint == 1 && looksPAN(d) && n >= 13:
			score := 0.7
			if n > 14 { // longer than a telephone number, though its beginning may be one
				score = 0.9
			}
			s.consider(best, c.tok[g], PAN, "card_context", score)
		case n >= 15 && issuer(d) != noBrand && c.fours(g):
			s.consider(best, c.tok[g], PAN, "card_shape", 0.78) // sooner than a telephone number that ends within it
		default:
			continue
		}
		if best.class == PAN {
			return
		}
	}
}

// ocrNext tries a card number with letters where the cluster of digits ends at
// a group with some.
func (s *scan) ocrNext(c *cluster, best *candidate) {
	j := c.tok[c.n-1] + 1
	if j < s.limit && s.toks[j].kind == mark && s.toks[j].ch == '-' && s.toks[j].gap == joined {
		j++
	}
	if j >= s.limit || s.toks[j].gap > spaced || s.toks[j].kind != mixed && s.toks[j].kind != word {
		return
	}
	if n := s.toks[j].e - s.toks[j].s; n > 8 || ocr[s.toks[j].ch] == 0 {
		return
	}
	s.cardLetters(c.tok[0], best)
}

// cardGroups: one separator throughout, no group of one digit but a last one,
// no separators of dates, sums and times.
func (c *cluster) cardGroups(g int) bool {
	if g == 0 {
		return true
	}
	if !c.uniform(g) {
		return false
	}
	switch c.sep[1] {
	case ' ', '-', '.', '_', '+', '*', '/':
	default:
		return false
	}
	for i := 0; i < g; i++ {
		if c.size(i) < 2 {
			return c.singles(g)
		}
	}
	return true
}

// singles: every digit stands alone, "4 1 1 1 …".
func (c *cluster) singles(g int) bool {
	return c.end[g] == g+1
}

// fours: the groups are those printed on cards, 4-4-4-4 or 4-6-5.
func (c *cluster) fours(g int) bool {
	if g == 2 {
		return c.size(0) == 4 && c.size(1) == 6 && c.size(2) >= 4
	}
	if g < 3 {
		return false
	}
	for i := range 3 {
		if c.size(i) != 4 {
			return false
		}
	}
	return true
}

// shortCode: security codes, PINs, one-time codes and expiry dates mean
// something only behind a word that says so.
func (s *scan) shortCode(c *cluster, best *candidate) {
	i, n := c.tok[0], c.size(0)
	if !s.ends(i) {
		return
	}
	if c.n > 1 && (c.sep[1] == '/' || c.sep[1] == '-' || c.sep[1] == ' ' || c.sep[1] == '.') && n <= 2 {
		month := atoi(c.digits[:n])
		year := c.size(1)
		if month >= 1 && month <= 12 && (year == 2 || year == 4) && s.ends(c.tok[1]) && s.hinted(hintExpiry, i, 8) {
			s.consider(best, c.tok[1], Expiry, "card_expiry", 0.9)
			return
		}
		if month >= 1 && month <= 12 && year == 2 && c.sep[1] == '/' && (c.n == 2 || c.sep[2] != '/') && s.ends(c.tok[1]) && s.hinted(hintCard|hintCVV, i, 12) && !s.hinted(hintDOB, i, 6) {
			s.consider(best, c.tok[1], Expiry, "card_expiry", 0.7)
		}
	}
	if c.n == 2 && n == 3 && c.size(1) == 3 && (c.sep[1] == ' ' || c.sep[1] == '-') && s.hinted(hintOTP, i, 8) && s.ends(c.tok[1]) {
		s.consider(best, c.tok[1], Secret, "one_time_code", 0.85)
		return
	}
	if c.n > 1 && c.sep[1] != ' ' && c.sep[1] != ',' && c.sep[1] != '-' {
		return
	}
	pin := n >= 4 && n <= 6 && s.hinted(hintPIN, i, 6)
	expiry := (n == 4 || n == 6) && s.hinted(hintExpiry, i, 4) && expiryDigits(c.digits[:n])
	switch {
	case (n == 3 || n == 4) && s.hinted(hintCVV, i, 7) && !(pin && s.later(hintPIN, hintCVV)) && !(expiry && s.later(hintExpiry, hintCVV)):
		s.consider(best, i, CVV, "security_code", 0.9)
	case pin:
		s.consider(best, i, PIN, "pin_code", 0.9)
	case (n == 3 || n == 4) && s.behindCard(i):
		s.consider(best, i, CVV, "security_code", 0.7)
	case n >= 4 && n <= 8 && s.hinted(hintOTP, i, 8) && !s.otherCode(i):
		s.consider(best, i, Secret, "one_time_code", 0.85)
	case expiry:
		s.consider(best, i, Expiry, "card_expiry", 0.8)
	}
}

func expiryDigits(d []byte) bool {
	m := atoi(d[:2])
	return m >= 1 && m <= 12
}

func atoi(d []byte) int {
	n := 0
	for _, c := range d {
		n = n*10 + int(c-'0')
	}
	return n
}

// socialNumber: the US form 3-2-4.
func (s *scan) socialNumber(c *cluster, best *candidate) {
	hint := func() bool { return s.hinted(hintSSN, c.tok[0], 12) }
	for g := 0; g < min(c.n, 3); g++ {
		if c.end[g] != 9 || !s.ends(c.tok[g]) {
			continue
		}
		d := c.digits[:9]
		shape := g == 2 && c.size(0) == 3 && c.size(1) == 2 && c.sep[1] == c.sep[2]
		switch {
		case !validSSN(d):
			if hint() && (shape || g == 0) {
				s.consider(best, c.tok[g], SSN, "us_ssn_hinted", 0.6)
			}
		case shape && (c.sep[1] == '-' || hint()):
			s.consider(best, c.tok[g], SSN, "us_ssn", 0.9)
		case shape && (c.sep[1] == ' ' || c.sep[1] == '.'):
			s.consider(best, c.tok[g], SSN, "us_ssn", 0.5)
		case g == 1 && c.sep[1] == '-' && (c.size(0) == 3 || c.size(0) == 5):
			s.consider(best, c.tok[g], SSN, "us_ssn_partly", 0.5)
		case g == 0 && hint():
			s.consider(best, c.tok[g], SSN, "us_ssn", 0.85)
		case g == 0:
			s.consider(best, c.tok[g], SSN, "us_ssn_bare", 0.1)
		}
	}
}

// ipv4: four numbers up to 255, not a version.
func (s *scan) ipv4(c *cluster, best *candidate) {
	if c.n < 4 || c.glued {
		return
	}
	for g := range 4 {
		if g > 0 && c.sep[g] != '.' || c.size(g) > 3 || atoi(c.digits[c.end[g]-c.size(g):c.end[g]]) > 255 ||
			c.size(g) > 1 && c.digits[c.end[g]-c.size(g)] == '0' {
			return
		}
	}
	if c.n > 4 && c.sep[4] == '.' || !s.ends(c.tok[3]) {
		return
	}
	if s.hinted(hintVersion, c.tok[0], 2) && !s.hinted(hintIP, c.tok[0], 6) {
		s.consider(best, c.tok[3], IP, "ipv4_or_version", 0.3)
		return
	}
	last, score := c.tok[3], 0.95
	if c.n > 4 && c.sep[4] == '/' && atoi(c.digits[c.end[3]:c.end[4]]) <= 32 && s.ends(c.tok[4]) {
		last = c.tok[4]
	}
	s.consider(best, last, IP, "ipv4", score)
}
