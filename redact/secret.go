package redact

// Secrets: what stands behind "password:" or "Authorization: Bearer", and
// shapes that only keys have.

// swallow goes on with the last value while no byte ends it, however long it is.
type swallow struct {
	active bool
	quote  byte // ends at this mark; 0: at a space or a closing mark
	depth  int  // bytes of that mark in the raw text: 2 for \"
	key    bool // goes on while the characters of keys do
	pem    bool // ends behind the line that says END
	ended  int  // dashes seen behind END, and one
	next   int  // seq of the next token that may belong to it
}

// announce looks behind the keyword at tokens i..last for an assignment.
func (s *scan) announce(i, last int, w words) {
	var class Class
	var rules [2]string // said, assigned
	switch {
	case w&hintPassword != 0:
		class, rules = Password, [2]string{"password_said", "password_assigned"}
	case w&hintSecret != 0:
		class, rules = Secret, [2]string{"secret_said", "secret_assigned"}
	case w&hintUser != 0:
		class, rules = Username, [2]string{"", "username_assigned"}
	default:
		return
	}
	j, sure := s.assigned(last)
	if j < 0 {
		return
	}
	if class == Username && !sure && !s.oddly(j) {
		return
	}
	rule, score := rules[1], 0.9
	if !sure {
		rule, score = rules[0], 0.7
	}
	if class == Username {
		score = 0.5
	}
	s.expect = expectation{seq: s.seq + j, class: class, rule: rule, score: score}
	s.wake(j)
}

// assigned finds the first token of the value behind the keyword that ends at
// token i; sure tells an assignment from a sentence.
func (s *scan) assigned(i int) (j int, sure bool) {
	j = i + 1
	quoted := false
	for n := 0; j < s.limit && n < 8; n++ {
		t := &s.toks[j]
		if t.gap >= newline && !sure {
			return -1, false
		}
		if t.gap == blankLine {
			return -1, false
		}
		if t.kind == mark {
			switch t.ch {
			case ':', '=', '>':
				sure = true
			case '"', '\'', '`':
				quoted = true
				if sure {
					return j, true
				}
			case ']', ')', '#', '-', '(', '[':
				if sure {
					return j, sure
				}
			default:
				if sure {
					return j, sure
				}
				return -1, false
			}
			j++
			continue
		}
		if sure {
			if t.words&hintSecret != 0 && t.kind == word && j+1 < s.limit && s.toks[j+1].gap == spaced {
				j++ // "Authorization: Bearer …"
				continue
			}
			return j, true
		}
		switch string(s.lower(j)) {
		case "is", "was", "es", "est", "ist", "lautet", "eh", "era", "war", "to", "on", "for", "a", "en":
			if b := s.surface.norm[t.s:t.e]; len(b) > 1 && string(b) != "to" && string(b) != "on" && string(b) != "for" && string(b) != "en" {
				k := j + 1
				for k < s.limit && s.toks[k].kind == mark && (s.toks[k].ch == '"' || s.toks[k].ch == '\'' || s.toks[k].ch == ':') {
					k++
				}
				if k < s.limit && (secretLike(s, k) || quotedAt(s, k)) {
					return k, false
				}
			}
			return -1, false
		}
		if j == i+1 && t.gap == joined && s.toks[i].kind == han && t.kind != han && (t.kind != number || t.e-t.s > 4) {
			return j, true // "微信号wx_liuyang90"
		}
		if t.kind == han {
			if b := string(s.surface.norm[t.s:t.e]); b == "是" || b == "为" || b == "号" {
				j++
				if j < s.limit && s.toks[j].kind != han {
					return j, true
				}
				continue
			}
			return -1, false
		}
		if quoted {
			return -1, false
		}
		if t.gap == spaced && secretLike(s, j) && t.kind == mixed {
			return j, false
		}
		return s.saidLater(j), false
	}
	return -1, false
}

// saidLater: "the password you gave me was Spring!2026": within a few words a
// copula and, behind it, what is no word; -1 if there is none.
func (s *scan) saidLater(j int) int {
	for k := j; k < min(s.limit-1, j+6) && s.toks[k].kind == word && s.toks[k].gap == spaced; k++ {
		if !s.copula(k) || s.toks[k].e-s.toks[k].s < 2 || s.toks[k+1].gap != spaced {
			continue
		}
		if t := &s.toks[k+1]; t.kind != mark && s.oddly(k+1) {
			return k + 1
		}
		return -1
	}
	return -1
}

// oddly: token k and what is joined to it holds letters, digits and more, as
// passwords and user names do and words do not.
func (s *scan) oddly(k int) bool {
	letters, digits, marks := false, false, false
	for j := k; j < s.limit && (j == k || s.toks[j].gap == joined); j++ {
		t := &s.toks[j]
		if t.kind == mark {
			inside := j+1 < s.limit && s.toks[j+1].gap == joined && s.toks[j+1].kind != mark
			marks = marks || inside && t.ch != '-' && t.ch != '\'' && t.ch != ','
			continue
		}
		d := digitCount(s.bytes(j, j))
		digits = digits || d > 0
		letters = letters || d < int(t.e-t.s)
	}
	return letters && (digits || marks)
}

func quotedAt(s *scan, k int) bool {
	t := s.prev(k)
	return t.kind == mark && (t.ch == '"' || t.ch == '\'')
}

// secretLike: not a plain word of a sentence ("the password is wrong").
func secretLike(s *scan, k int) bool {
	t := &s.toks[k]
	if t.kind != word {
		return t.kind != mark
	}
	if k+1 < s.limit && s.toks[k+1].gap == joined && s.toks[k+1].kind != mark {
		return true
	}
	if k+2 < s.limit && s.toks[k+1].gap == joined && s.toks[k+2].gap == joined && s.toks[k+2].kind != mark {
		return true
	}
	return t.words == 0 && t.form&foreign == 0 && t.e-t.s > 3 && mixedCase(s.surface.norm[t.s:t.e])
}

// mixedCase: capitals inside a word.
func mixedCase(b []byte) bool {
	for _, c := range b[1:] {
		if c >= 'A' && c <= 'Z' {
			return b[len(b)-1] >= 'a' || b[0] >= 'a'
		}
	}
	return false
}

// lower is the text of token j in small letters, if it is short; it is valid
// until the next call.
func (s *scan) lower(j int) []byte {
	b := s.bytes(j, j)
	n := copy(s.low[:], b)
	for i, c := range s.low[:n] {
		if c >= 'A' && c <= 'Z' {
			s.low[i] = c | 0x20
		}
	}
	if n < len(b) {
		return nil
	}
	return s.low[:n]
}

// expected takes the announced value that begins at token i.
func (s *scan) expected(i int) bool {
	x := s.expect
	s.expect.seq = -1
	if x.seq != s.seq+i {
		return false
	}
	t := &s.toks[i]
	quote, depth := byte(0), 0
	start := i
	if t.kind == mark && (t.ch == '"' || t.ch == '\'' || t.ch == '`') {
		if start++; start >= s.limit || s.toks[start].kind == mark && s.toks[start].ch == t.ch && s.width(start) == s.width(i) {
			return false
		}
		quote, depth = t.ch, s.width(i)
	} else if p := s.prev(i); p.kind == mark && (p.ch == '"' || p.ch == '\'') && t.gap == joined {
		quote, depth = p.ch, s.width(i-1)
	}
	if s.ownMark(start) || s.emptyValue(start) {
		return false
	}
	last := start
	for j := start; j < s.limit && (j == start || s.goesOn(j, quote, depth)); j++ {
		last = j
	}
	for quote == 0 && last > start && s.toks[last].kind == mark && (s.toks[last].ch == '.' || s.toks[last].ch == '!' && x.class != Password) {
		last--
	}
	if s.toks[last].kind == mark && last == start && quote == 0 {
		return false
	}
	before := len(s.out)
	if !s.accept(start, last, x.class, x.rule, x.score) {
		return false
	}
	if len(s.out) == before {
		return true // suppressed
	}
	s.swallow = swallow{active: true, quote: quote, depth: depth, next: s.seq + last + 1}
	return true
}

// emptyValue: "null", "true", "none" hide nothing.
func (s *scan) emptyValue(i int) bool {
	switch string(s.lower(i)) {
	case "null", "true", "false", "none", "nil", "undefined", "redacted", "string", "required", "invalid", "incorrect", "expired", "reset":
		return s.ends(i)
	}
	return false
}

// ownMark: a label that redaction has put there, "[password]".
func (s *scan) ownMark(i int) bool {
	t := &s.toks[i]
	if t.kind != mark || t.ch != '[' && t.ch != '*' && t.ch != 0x80 {
		return false
	}
	if t.ch != '[' {
		return true
	}
	for j := i + 1; j < min(s.limit, i+5); j++ {
		if s.toks[j].kind == mark && s.toks[j].ch == ']' {
			return true
		}
	}
	return false
}

// goesOn reports that token j still belongs to the secret before it.
func (s *scan) goesOn(j int, quote byte, depth int) bool {
	t := &s.toks[j]
	if quote != 0 {
		return t.gap < newline && !(t.kind == mark && t.ch == quote && s.width(j) <= depth)
	}
	if t.gap != joined {
		return false
	}
	if t.kind == mark {
		switch t.ch {
		case '"', '\'', ',', ';', '<', '>', ')', ']', '}', '|', '\n', '`':
			return false
		case '&': // of a password, unless another parameter begins there
			return j+1 < s.limit && s.toks[j+1].gap == joined && s.toks[j+1].kind != mark &&
				!(j+2 < s.limit && s.toks[j+2].gap == joined && (s.toks[j+2].ch == '=' || s.toks[j+2].ch == '_'))
		}
	}
	return true
}

// width is how many raw bytes token j takes: an escaped quote is wider than one
// that closes the string around it.
func (s *scan) width(j int) int { return s.at(s.toks[j].e) - s.at(s.toks[j].s) }

// swallowing extends the last value by token i.
func (s *scan) swallowing(i int) bool {
	w := &s.swallow
	switch {
	case s.seq+i < w.next:
		return true
	case w.pem && s.inKey(i), w.key && s.goesOn(i, 0, 0) && (s.toks[i].kind != mark || localMark[s.toks[i].ch] || s.toks[i].ch == '/' || s.toks[i].ch == '='),
		!w.pem && !w.key && s.goesOn(i, w.quote, w.depth) && !(w.quote == 0 && s.toks[i].kind == mark && (s.toks[i].ch == '.' || s.toks[i].ch == '!') && (i+1 >= s.limit || s.toks[i+1].gap != joined)):
		s.out[len(s.out)-1].end = s.at(s.toks[i].e)
		w.next = s.seq + i + 1
		s.done = w.next
		return true
	}
	w.active = false
	return false
}

// inKey follows a private key to the dashes behind its END.
func (s *scan) inKey(i int) bool {
	w := &s.swallow
	switch t := &s.toks[i]; {
	case t.kind == word && s.wordIs(i, "end"):
		w.ended = 1
	case w.ended > 5:
		return false
	case w.ended > 0 && t.kind == mark && t.ch == '-':
		w.ended++
	}
	return true
}

// signOn: "-u name:password", "--user name:password", as curl takes them.
func (s *scan) signOn(i int) {
	j := i + 1
	if j < s.limit && s.toks[j].ch == '-' {
		j++
	}
	if s.toks[i].gap == joined || j+3 >= s.limit || !s.wordIs(j, "u") && !s.wordIs(j, "user") || s.toks[j].gap != joined || s.toks[j+1].gap != spaced {
		return
	}
	for k := j + 2; k < min(s.limit, j+10) && s.toks[k].gap == joined; k++ {
		if s.toks[k].ch == ':' && s.toks[k].kind == mark {
			if k+1 < s.limit && s.toks[k+1].gap == joined {
				s.expect = expectation{seq: s.seq + k + 1, class: Password, rule: "password_command", score: 0.85}
				s.wake(k + 1)
			}
			return
		}
	}
}
