package redact

// idTable finds the specs that may begin with a token of a kind and length.
type idTable [5][33][]*idSpec

// idsFor has the specs of the classes that are looked for.
func (r *rules) idsFor() *idTable {
	t := new(idTable)
	for i := range idSpecs {
		least := r.leastOf(idSpecs[i].class)
		if least == 0 {
			continue
		}
		sp := new(idSpec)
		*sp = idSpecs[i]
		sp.bare = sp.alone >= least
		letters, digits, either, n := 0, 0, 0, 0
		add := func() {
			switch {
			case n == 0 || n > 32:
			case either > 0:
				if digits == 0 {
					t.put(word, n, sp)
				}
				if letters == 0 {
					t.put(number, n, sp)
				}
				t.put(mixed, n, sp)
			case digits == 0:
				t.put(word, n, sp)
			case letters == 0:
				t.put(number, n, sp)
			default:
				t.put(mixed, n, sp)
			}
		}
		done := false
		for _, c := range []byte(sp.shape) {
			switch c {
			case '~':
				add()
				continue
			case 'd':
				digits++
			case 'a':
				letters++
			case 'x':
				either++
			case '-', '/', '.', '+', ' ':
				add()
				done = true
			default:
				if isDigit(c) {
					digits++
				} else {
					letters++
				}
			}
			if done {
				break
			}
			n++
		}
		if !done {
			add()
		}
	}
	return t
}

func (t *idTable) put(k tokKind, n int, sp *idSpec) {
	for _, have := range t[k][n] {
		if have == sp {
			return
		}
	}
	t[k][n] = append(t[k][n], sp)
}

// identifiers tries the specs whose shape begins like token i.
func (s *scan) identifiers(i int, best *candidate) {
	t := &s.toks[i]
	n := int(t.e - t.s)
	if n > 32 || t.form&foreign != 0 {
		return
	}
	specs := s.ids[t.kind][n]
	if len(specs) == 0 {
		return
	}
	end := s.toks[s.limit-1].e
	near := s.near(i, 12)
	for _, sp := range specs {
		if sp.hinted <= best.score || !sp.bare && sp.hint&near == 0 {
			continue
		}
		compact := &s.idForm
		size, read := matchShape(s.surface.norm[t.s:end], sp.shape, compact)
		if size == 0 {
			continue
		}
		last := i
		for last+1 < s.limit && s.toks[last].e < t.s+int32(read) {
			last++
		}
		if s.toks[last].e != t.s+int32(read) || !s.ends(last) || sp.check != nil && !sp.check(compact[:size]) {
			continue
		}
		if t.kind == number && last+2 < s.limit && s.toks[last+1].kind == mark && (s.toks[last+1].ch == '-' || s.toks[last+1].ch == '.') &&
			s.toks[last+1].gap == joined && s.toks[last+2].gap == joined && s.toks[last+2].kind == number {
			continue // a longer number
		}
		score := sp.alone
		if sp.hint&near != 0 {
			score = sp.hinted
		} else if p := s.prev(i); t.kind == number && score < 0.4 && p.kind == number && t.gap <= spaced {
			continue // the end of something longer
		}
		s.consider(best, last, sp.class, sp.rule, score)
	}
}

// matchShape compares text with a shape; size is the length of the compact
// form, read the bytes of text it took, 0 when they do not fit.
func matchShape(b []byte, shape string, compact *[32]byte) (size, read int) {
	i := 0
	for _, p := range []byte(shape) {
		if i >= len(b) {
			return 0, 0
		}
		c := b[i]
		switch p {
		case '~':
			switch c {
			case ' ', '-', '.', '/', ':':
				i++
			}
			continue
		case '-', '/', '.', ' ':
			if c != p {
				return 0, 0
			}
			i++
			continue
		case 'd':
			if !isDigit(c) {
				return 0, 0
			}
		case 'a':
			if !isLetter(c) {
				return 0, 0
			}
		case 'x':
			if !isLetter(c) && !isDigit(c) {
				return 0, 0
			}
		default:
			if upper(c) != p {
				return 0, 0
			}
		}
		compact[size] = upper(c)
		size++
		i++
	}
	return size, i
}
