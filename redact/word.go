package redact

// mixed looks for a value that begins with letters and digits in one token.
func (s *scan) mixed(i int) {
	t := &s.toks[i]
	c := &s.toks[max(i-1, 0)]
	if t.form&cut != 0 || i > 0 && t.gap == joined && c.kind != mark && c.kind != han {
		return
	}
	var best candidate
	s.iban(i, &best)
	if i+1 < s.limit && s.toks[i+1].kind == mark && s.toks[i+1].gap == joined {
		s.hexColon(i, &best)
	}
	s.swift(i, &best)
	s.keyShape(i, &best)
	s.cardLetters(i, &best)
	s.identifiers(i, &best)
	s.announced(i, &best)
	if t.e-t.s <= 4 && isDigit(t.ch) && (s.words || s.birth(i)) {
		if n, ok := s.ordinal(i); ok && n >= 1 && n <= 31 {
			s.dayMonth(i, &best)
		}
	}
	if s.words && t.e-t.s <= 5 && isDigit(t.ch) {
		s.address(i, &best) // "221B Baker Street"
	}
	if best.score == 0 && t.e-t.s >= 8 && s.encoded(i) {
		return
	}
	s.take1(i, &best)
}

// word looks for a value that begins with a word.
func (s *scan) word(i int) {
	t := &s.toks[i]
	var best candidate
	var after byte // the mark right behind the word
	if i+1 < s.limit && s.toks[i+1].kind == mark && s.toks[i+1].gap == joined {
		after = s.toks[i+1].ch
	}
	n := t.e - t.s
	switch after {
	case ':':
		s.link(i, &best)
		if n <= 4 && isHex(s.bytes(i, i)) {
			s.hexColon(i, &best)
		}
	case '-', '.':
		if n == 2 || n == 4 {
			s.mac(i, &best)
		}
		if s.urls && t.gap != joined {
			s.domain(i, &best)
		}
	}
	if t.form&(shout|cut) != 0 && t.form&capital != 0 {
		if s.recent&(hintSWIFT|hintIBAN) != 0 {
			s.swift(i, &best)
		}
		if n == 2 && i+1 < s.limit && s.toks[i+1].kind == number && s.toks[i+1].gap == spaced {
			s.iban(i, &best)
		}
	}
	if b := s.surface.norm[t.e:]; n <= 6 && len(b) > 1 && (isDigit(b[0]) || isDigit(b[1]) || n <= 3 && (s.picked || s.hinted(hintVehicle|hintTax, i, 8)) && !s.idleWord(t)) {
		s.identifiers(i, &best)
	}
	if n >= 2 && i+1 < s.limit && s.toks[i+1].gap == joined {
		if s.keys.may(t.ch, s.surface.norm[t.s+1]) || n >= coinLeast && len(s.keys[t.ch].prefixes) > 0 {
			s.keyShape(i, &best)
		}
		if n >= 8 && t.words == 0 && best.score == 0 && (n >= base64Least || after == 0 || after == '+' || after == '/' || after == '-' || after == '_') && s.encoded(i) {
			return
		}
	} else if n >= base64Least && t.form&foreign == 0 && mixedCase(s.bytes(i, i)) && s.encoded(i) {
		return
	}
	if t.humdrum() && s.names.seq != s.seq+i && !(s.words && s.hintedJob(i)) {
		if best.score > 0 {
			s.take1(i, &best)
		}
		return
	}
	s.person(i, &best)
	switch {
	case s.words:
		s.entity(i, &best)
	case t.words&isMonth != 0 && s.birth(i):
		s.monthDate(i, &best)
	}
	s.take1(i, &best)
}

// humdrum: a word in small letters that is no part of a name, a place or a date.
func (t *tok) humdrum() bool {
	const fine = isCommon | isFunction | isSmall | isUnit | isTLD | isDot | isIntro | isGreeting | isCalled | isSpoken | isDay | hints
	return t.form&(capital|foreign) == 0 && t.words&^fine == 0 && t.words&(isCommon|isFunction|hints|isSpoken) != 0
}

// mark looks for a value that begins with punctuation: "+44…", "(555) …", "::1".
func (s *scan) mark(i int) {
	t := &s.toks[i]
	switch t.ch {
	case '+', '(':
		j := i + 1
		if j < s.limit && t.ch == '+' && s.toks[j].kind == mark && s.toks[j].ch == '(' {
			j++
		}
		if j >= s.limit || s.toks[j].kind != number || s.toks[j].gap > spaced {
			return
		}
		if p := s.prev(i); t.gap == joined && p.kind == mark && p.ch == ')' {
			return
		}
		c := &s.group
		s.gather(c, j)
		var best candidate
		if t.ch == '(' {
			// The bracket must close inside the number.
			if c.n < 2 || c.sep[1] != ')' {
				return
			}
			c.glued = false
		}
		s.telephone(c, &best, j, t.ch == '+')
		s.take1(i, &best)
	case ':':
		if i+1 < s.limit && s.toks[i+1].kind == mark && s.toks[i+1].ch == ':' && s.toks[i+1].gap == joined && (t.gap != joined || s.prev(i).kind == mark) {
			var best candidate
			s.hexColon(i, &best)
			s.take1(i, &best)
		}
	case '%', ';':
		s.track(i)
	case '-':
		if i+4 < s.limit && s.toks[i+1].ch == '-' && t.gap != joined {
			s.privateKey(i)
		}
		s.signOn(i)
	}
}

// track: magnetic stripe data, ISO/IEC 7813: "%B<pan>^<name>^<yymm>…?" and
// ";<pan>=<yymm>…?".
func (s *scan) track(i int) {
	j := i + 1
	if j >= s.limit || s.toks[j].gap != joined {
		return
	}
	t := &s.toks[j]
	d := s.surface.norm[t.s:t.e]
	var sep byte = '='
	if s.toks[i].ch == '%' {
		if len(d) < 2 || upper(d[0]) != 'B' {
			return
		}
		d, sep = d[1:], '^'
	}
	if len(d) < 12 || len(d) > 19 || digitCount(d) != len(d) || j+1 >= s.limit || s.toks[j+1].ch != sep && s.toks[j+1].ch != 'D' {
		return
	}
	last := j
	for k := j + 1; k < s.limit && s.toks[k].gap <= spaced; k++ {
		last = k
		if s.toks[k].ch == '?' && s.toks[k].kind == mark {
			break
		}
		if s.toks[k].kind == mark && (s.toks[k].ch == '"' || s.toks[k].ch == '\n') {
			last--
			break
		}
	}
	s.accept(i, last, Track, "magnetic_track", 0.99)
}
