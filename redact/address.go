package redact

import "strings"

// address reads a street address that begins with a house number: numbers,
// capitalised words and commas, over line ends too.
func (s *scan) address(i int, best *candidate) {
	t := &s.toks[i]
	if t.e-t.s > 6 || i+1 >= s.limit || s.toks[i+1].gap == joined && s.toks[i+1].kind != mark {
		return
	}
	for j := i + 1; j < s.limit; j++ { // the first word must be a name or a street
		switch u := &s.toks[j]; u.kind {
		case number:
			if s.toks[j-1].ch == '.' && u.gap == joined && s.toks[j-1].gap == joined {
				return
			}
		case mark:
			switch u.ch {
			case ',', '#', '-', '/', '\'', '.':
			default:
				return
			}
		case word:
			if j == i+1 && s.secondHouse(j) {
				continue // "14 bis rue …"
			}
			if u.form == 0 && s.idleWord(u) && u.words&isSmall == 0 && u.e-u.s < 7 {
				return
			}
			s.place(i, best, 0)
			return
		default:
			s.place(i, best, 0)
			return
		}
	}
}

// street reads an address that begins with its street's name.
func (s *scan) street(i int, best *candidate) {
	t := &s.toks[i]
	if i+1 < s.limit && (s.toks[i+1].kind != word || s.toks[i+1].form&capital != 0 || s.toks[i+1].words&isSmall != 0) && s.numbered(i, best) {
		return
	}
	if t.words&isStreet != 0 && i+4 < s.limit && s.toks[i+1].kind == number && s.toks[i+2].ch == ',' && s.toks[i+3].kind == number && s.toks[i+4].form&capital != 0 {
		s.place(i, best, 2) // "Flat 3, 88 Whitechapel Rd"
		return
	}
	if t.words&isFunction != 0 && t.words&isStreet == 0 {
		return
	}
	for j, n := i, 0; j < s.limit && n < 5; j++ {
		u := &s.toks[j]
		if u.kind != word || j > i && u.gap != spaced || u.form&capital == 0 && u.words&(isSmall|isStreet) == 0 {
			return
		}
		if j+1 < s.limit && s.toks[j+1].kind == number && s.toks[j+1].gap == spaced && streetEnd(s.bytes(j, j)) {
			s.place(i, best, 2)
			return
		}
		if u.words&isStreet != 0 && (u.form&capital != 0 || u.e-u.s > 3) && (n > 0 || j+1 < s.limit && (s.toks[j+1].form&capital != 0 || s.toks[j+1].words&isSmall != 0)) {
			if j > i || s.strictStreet(i) {
				s.place(i, best, 2)
			}
			return
		}
		if n++; u.words&isFunction != 0 && n > 0 && u.words&isSmall == 0 {
			return
		}
	}
	if s.hinted(hintAddress, i, 3) && t.words&isFunction == 0 && i+1 < s.limit && s.toks[i+1].kind == number {
		s.place(i, best, 1)
	}
}

// humbleStreet: "avenue Louise", "rue du Lac", "av. Paulista", without a capital.
func (s *scan) humbleStreet(i int) bool {
	if i+1 >= s.limit {
		return false
	}
	t := &s.toks[i+1]
	if t.kind == word && t.gap == spaced && (t.form&capital != 0 || t.words&isSmall != 0 && s.toks[i].words&isCommon == 0) {
		return true
	}
	return t.kind == mark && t.gap == joined && t.ch == '.' && s.toks[i].words&isCommon == 0
}

// numbered: a street with the number of a house behind it begins at token i.
// Either the kind of street says so, "avenue Louise 231", "C/ Alcalá, 112",
// "Av. Paulista 1578", "Lindenstr. 14a", or a postcode and a place behind it:
// "Am Alten Markt 3, 24103 Kiel".
func (s *scan) numbered(i int, best *candidate) bool {
	if !s.numberSoon(i) {
		return false
	}
	kind, names, j := false, 0, i
	for n := 0; j < s.limit && n < 8; n++ {
		t := &s.toks[j]
		if t.kind != word || j > i && (t.gap != spaced && s.toks[j-1].kind != mark || names > 0 && t.form == 0 && s.houseNumber(j)) {
			break
		}
		switch {
		case t.words&isStreet != 0 && (j == i || t.form&capital != 0) || s.wordIs(j, "c") && j == i && j+1 < s.limit && s.toks[j+1].ch == '/':
			kind = true
		case streetEnd(s.bytes(j, j)) || streetShort(s.bytes(j, j)) && t.form&capital != 0:
			kind = true
			names++
		case t.form&capital != 0:
			if t.words&isFunction == 0 {
				names++
			}
		case j > i && t.words&isSmall != 0:
		case j > i && kind && t.form == 0 && t.words&isFunction == 0 && s.hinted(hintAddress, i, 4):
			names++ // "j'habite rue du lac 7"
		default:
			return false
		}
		if j++; j < s.limit && s.toks[j].kind == mark && s.toks[j].gap == joined && (s.toks[j].ch == '.' || s.toks[j].ch == '/' || s.toks[j].ch == '-' || s.toks[j].ch == '\'') {
			j++
		}
	}
	if kind && names == 0 && j <= i+2 && j+1 < s.limit && s.toks[j].kind == number {
		if second := s.gridNumber(j); second > 0 {
			return s.placeFrom(i, second, best, 3) // "Calle 50 Sur #24-31"
		}
	}
	for n := 0; j < s.limit && n < 2 && (s.toks[j].kind == mark && (s.toks[j].ch == ',' || s.toks[j].ch == '#') || s.houseNumber(j)); n++ {
		j++
	}
	if j >= s.limit || names == 0 || s.toks[j].gap >= newline || s.toks[j].kind != number && s.toks[j].kind != mixed || s.toks[j].e-s.toks[j].s > 5 || !isDigit(s.toks[j].ch) {
		return false
	}
	if kind && (s.toks[i].form&capital != 0 || s.toks[i].words&isCommon == 0) || s.postTown(j+1) {
		return s.placeFrom(i, j, best, 3)
	}
	return false
}

// numberSoon: a number may follow the name of a street that begins at token i.
func (s *scan) numberSoon(i int) bool {
	for j := i + 1; j < s.limit; j++ {
		switch t := &s.toks[j]; t.kind {
		case number, mixed:
			return t.gap < newline
		case mark:
			switch t.ch {
			case '.', '/', '-', '\'', ',', '#', 0x80: // "n°"
			default:
				return false
			}
		case word:
			if t.gap >= newline && s.toks[j-1].kind != mark || t.form == 0 && t.words&(isCommon|isFunction) != 0 && t.words&isSmall == 0 && t.ch != 'n' && t.e-t.s < 7 && s.recent&hintAddress == 0 {
				return false
			}
		default:
			return false
		}
	}
	return false
}

// gridNumber is the second number of a street that is a number itself, behind
// "#" or "No." and maybe a word; 0 if there is none.
func (s *scan) gridNumber(j int) int {
	j++
	if j < s.limit && s.toks[j].kind == word && s.toks[j].form&capital != 0 && s.toks[j].gap == spaced && !s.houseNumber(j) {
		j++
	}
	signs := 0
	for j < s.limit && signs < 2 && (s.toks[j].kind == mark && s.toks[j].ch == '#' || s.houseNumber(j)) {
		j, signs = j+1, signs+1
	}
	if signs == 0 || j >= s.limit || s.toks[j].kind != number {
		return 0
	}
	return j
}

// houseNumber: "nº", "no.", "n°", "núm" before the number of a house.
func (s *scan) houseNumber(j int) bool {
	t := &s.toks[j]
	if t.kind != word || t.ch|0x20 != 'n' {
		return t.kind == mark && t.ch == '.' && t.gap == joined
	}
	switch string(s.lower(j)) {
	case "no", "nr", "num", "número", "numero", "n", "nº", "n°":
		return true
	}
	return false
}

// postTown: a comma, a postcode and a place stand at token j.
func (s *scan) postTown(j int) bool {
	if j < s.limit && s.toks[j].kind == word && s.toks[j].e-s.toks[j].s == 1 { // "14 a"
		j++
	}
	if j+2 >= s.limit || s.toks[j].kind != mark || s.toks[j].ch != ',' && s.toks[j].ch != '\n' {
		return false
	}
	if t := &s.toks[j+1]; t.kind != number || t.e-t.s < 4 || t.e-t.s > 6 {
		return false
	}
	j += 2
	if s.toks[j].kind == mark && s.toks[j].ch == '-' && j+2 < s.limit {
		j += 2
	}
	return s.toks[j].kind == word && s.toks[j].form&capital != 0 && s.toks[j].gap == spaced
}

// streetShort: more endings of German streets, which only count before a
// number: "Lindenstr. 14", "Holzweg 3".
func streetShort(b []byte) bool {
	for _, end := range [...]string{"str", "weg", "ring", "markt", "graben", "steig", "winkel", "allee"} {
		if len(b) > len(end)+2 && string(b[len(b)-len(end):]) == end {
			return true
		}
	}
	return false
}

// strictStreet: "Calle Mayor 5", "rue de la Paix": the kind of street stands first
// and a number follows.
func (s *scan) strictStreet(i int) bool {
	for j := i + 1; j < min(s.limit, i+8); j++ {
		if s.toks[j].kind == number {
			return true
		}
		if s.toks[j].kind != word && s.toks[j].ch != ',' {
			return false
		}
	}
	return false
}

// walk is what stands on the way over an address.
type walk struct {
	numbers, names, streets, lines int
	last                           int  // token that belongs to it
	hint                           bool // a word announced an address
	proud                          bool // a word of it has a capital
}

// place walks over everything that belongs to an address from token i on and
// weighs what it saw.
func (s *scan) place(i int, best *candidate, evidence int) {
	s.walkPlace(walk{last: -1}, i, i, best, evidence)
}

// placeFrom is place where token number is known to be that of a house in a
// street that begins at token i.
func (s *scan) placeFrom(i, number int, best *candidate, evidence int) bool {
	s.walkPlace(walk{numbers: 1, names: 1, last: number, proud: true}, i, number+1, best, evidence)
	return true
}

// walkPlace walks on from token j.
func (s *scan) walkPlace(w walk, i, j int, best *candidate, evidence int) {
	if w.hint = s.hinted(hintAddress, i, 8); w.hint {
		evidence += 2
	}
	for ; j < s.limit && s.walkOn(&w, i, j); j++ {
	}
	if w.last <= i || w.names+w.streets == 0 || w.numbers+w.streets == 0 {
		return
	}
	if w.streets > 0 {
		evidence += 2
	}
	if s.toks[i].kind != word && w.names > 0 {
		evidence++
	}
	if w.numbers > 1 && w.names > 0 {
		evidence++
	}
	if w.lines > 0 && w.numbers > 1 {
		evidence++
	}
	if evidence >= 3 {
		s.consider(best, w.last, Address, "street_address", min(0.5+0.08*float64(evidence-2), 0.89))
	}
}

// walkOn takes token j into the address that began at token i; false: it ends
// before it.
func (s *scan) walkOn(w *walk, i, j int) bool {
	t := &s.toks[j]
	if j > i && t.gap == blankLine {
		return false
	}
	if j > i && t.gap == newline {
		if w.lines++; w.lines > 4 || w.streets == 0 && w.numbers == 0 || !s.addressLine(j) {
			return false
		}
	}
	switch t.kind {
	case number:
		if t.e-t.s > 6 {
			return false
		}
		w.numbers++
		w.last = j
	case mixed:
		if t.e-t.s > 8 || camel(s.bytes(j, j)) {
			return false
		}
		w.last = j
	case word:
		return s.walkWord(w, i, j)
	case mark:
		switch t.ch {
		case ',', '#', '-', '/', '\'':
		case '.':
			p := s.prev(j)
			return !(j+1 < s.limit && s.toks[j+1].gap != joined && p.e-p.s > 3 && p.words&isStreet == 0 && s.toks[j+1].gap != newline)
		default:
			return false
		}
	case han:
		return false
	}
	return true
}

// walkWord takes in a word: of a street, a particle or a name.
func (s *scan) walkWord(w *walk, i, j int) bool {
	t := &s.toks[j]
	behind := s.behindNumber(i, j)
	switch {
	case behind && s.secondHouse(j), w.proud && (s.abbreviated(j) || s.stateOrTown(j)):
	case streetEnd(s.bytes(j, j)), t.words&isStreet != 0 && (behind || t.form&capital != 0 || t.words&isFunction == 0 && (t.words&isCommon == 0 || t.e-t.s > 3)):
		w.streets++
	case t.words&isFunction != 0 && t.words&isSmall == 0 && !s.wordIs(j, "nan"):
		return false
	case t.words&isSmall != 0 && t.form&capital == 0:
		return j+1 < s.limit && (s.toks[j+1].form&capital != 0 || s.toks[j+1].words&(isSmall|isFunction) != 0 || w.streets > 0)
	case t.form&capital != 0:
		if behind && t.words&isCommon != 0 && t.words&(isCity|isRegion|isCountry|isLast|isFirst) == 0 && !s.streetSoon(j) && !w.hint {
			return false
		}
		w.names++
		w.proud = true
	case (!w.proud || s.leadsOn(j)) && t.words&isCommon == 0 && w.names+w.streets+w.numbers > 0:
		w.names++
	default:
		return false
	}
	w.last = j
	return true
}

// behindNumber: the house number at token i is all that stands before token j:
// "12 rue", "12, rue", "12 bis, rue".
func (s *scan) behindNumber(i, j int) bool {
	if j > i+1 && s.toks[j-1].ch == ',' && s.toks[j-1].kind == mark {
		j--
	}
	if j == i+2 && s.secondHouse(i+1) {
		j--
	}
	return j == i+1 && s.toks[i].kind != word
}

// secondHouse: "bis", "ter" behind a house number.
func (s *scan) secondHouse(j int) bool {
	return s.toks[j].e-s.toks[j].s == 3 && (s.wordIs(j, "bis") || s.wordIs(j, "ter"))
}

// stateOrTown: token j ends an address although it may be a function word:
// "Curitiba - PR", ", São Paulo", "3. OG links".
func (s *scan) stateOrTown(j int) bool {
	t := &s.toks[j]
	switch p := s.prev(j); {
	case p.kind == mark && t.form&shout != 0:
		return t.e-t.s == 2 && (p.ch == '-' || p.ch == ',' || p.ch == '/')
	case p.kind == mark && t.form&capital != 0:
		return p.ch == ',' && j+1 < s.limit && s.toks[j+1].form&capital != 0 && s.toks[j+1].gap == spaced
	}
	switch string(s.lower(j)) {
	case "links", "rechts", "izquierda", "derecha", "gauche", "droite", "esquerdo", "direito", "frente", "fundos":
		return j+1 < s.limit && s.toks[j+1].kind == mark && s.toks[j+1].ch == ','
	}
	return false
}

// leadsOn: a number, a word with a capital or a comma follows token j.
func (s *scan) leadsOn(j int) bool {
	if j+1 >= s.limit || s.toks[j+1].gap > spaced {
		return false
	}
	t := &s.toks[j+1]
	return t.kind == number || t.form&capital != 0 || t.kind == mark && t.ch == ','
}

// abbreviated: "nº", "izq.", "appt 42", "bât.": a short word in an address.
func (s *scan) abbreviated(j int) bool {
	t := &s.toks[j]
	if t.form&capital != 0 || t.e-t.s > 6 || t.words&(isCommon|isFunction)&^isSmall != 0 || j+1 >= s.limit {
		return false
	}
	next := &s.toks[j+1]
	return next.gap <= spaced && next.kind == number || next.gap == joined && next.kind == mark && (next.ch == '.' || next.ch == ',') || t.gap == joined && t.e-t.s <= 3
}

// streetEnd: the compounds of German, Dutch and the Nordic languages,
// "Hauptstraße", "Kongegade".
func streetEnd(b []byte) bool {
	if len(b) < 7 {
		return false
	}
	switch b[len(b)-1] {
	case 'e', 'z', 'm', 'r', 'n', 't':
	default:
		return false
	}
	for _, end := range [...]string{"stra\xc3\x9fe", "strasse", "gasse", "platz", "allee", "damm", "ufer", "gatan", "gade", "straat", "laan", "vagen"} {
		if len(b) > len(end)+1 && string(b[len(b)-len(end):]) == end {
			return true
		}
	}
	return false
}

// streetSoon: a word for street follows within three words.
func (s *scan) streetSoon(j int) bool {
	for k := j; k < min(s.limit, j+4); k++ {
		if s.toks[k].kind == word && s.toks[k].words&isStreet != 0 && s.toks[k].form&capital != 0 {
			return true
		}
	}
	return false
}

// addressLine: the line that begins at token j may continue an address: it is
// short, or begins with a comma, a number or a place.
func (s *scan) addressLine(j int) bool {
	t := &s.toks[j]
	if t.kind == mark {
		return t.ch == ','
	}
	if t.kind == number {
		return t.e-t.s <= 6
	}
	if t.words&isFunction != 0 || j+1 < s.limit && s.toks[j+1].kind == mark && s.toks[j+1].ch == ':' {
		return false
	}
	return true
}

// zip: a postcode directly behind a place, or behind a word that says so.
func (s *scan) zip(c *cluster, best *candidate) {
	i := c.tok[0]
	last, n := i, c.size(0)
	if c.n > 1 && (c.sep[1] == '-' && c.size(1) >= 3 && c.size(1) <= 4 || c.sep[1] == ' ' && n == 3 && c.size(1) == 2) {
		last, n = c.tok[1], c.end[1]
	}
	if n < 4 || n > 9 || !s.ends(last) || c.glued {
		return
	}
	if s.hinted(hintPostcode, i, 5) && n >= 4 {
		s.consider(best, last, Postcode, "postcode", 0.85)
		return
	}
	if n <= 7 && s.done == s.seq+i && s.toks[i].gap == spaced && len(s.out) > 0 {
		switch s.out[len(s.out)-1].class {
		case Location, Address:
			s.consider(best, last, Postcode, "postcode_behind_place", 0.45)
		}
	}
	if n == 5 && s.behindState(i) {
		s.consider(best, last, Postcode, "postcode_behind_state", 0.6)
		return
	}
	if n == 5 && c.n == 1 && (c.digits[0] != '0' || c.digits[1] != '0') && atoi(c.digits[:5])%1000 != 0 {
		s.consider(best, i, Postcode, "postcode_bare", askOnly)
	}
}

// behindState: "NM 87504": the abbreviation of a state stands before token i, and a comma before that.
func (s *scan) behindState(i int) bool {
	const states = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI SC SD TN TX UT VT VA WA WV WI WY DC PR"
	p := s.prev(i)
	return i > 1 && s.toks[i].gap == spaced && p.kind == word && p.form&shout != 0 && p.e-p.s == 2 && s.toks[i-2].kind == mark && s.toks[i-2].ch == ',' &&
		strings.Contains(states, string(s.bytes(i-1, i-1)))
}

// box: the number behind "P.O. Box", "Postfach", "Apartado".
func (s *scan) box(last int) {
	j := last + 1
	for j < s.limit && s.toks[j].gap < newline && (s.toks[j].kind == mark && s.toks[j].ch != ',' || s.houseNumber(j)) {
		j++
	}
	if j < s.limit && s.toks[j].gap < newline && (s.toks[j].kind == number || s.toks[j].kind == mixed) && s.ends(j) {
		s.expect = expectation{seq: s.seq + j, class: Address, rule: "post_box", score: 0.6}
		s.wake(j)
	}
}
