package redact

// idTable finds the specs that may begin with a token of a kind and length.
type idTable [5][33]idList

// idList are such specs. Bit n of next says that n letters and digits may stand
// in the token after, bit 0 that there need be none.
type idList struct {
	specs []idEntry
	next  uint32 // of any of them
	alone uint32 // of those that need no hint
}

type idEntry struct {
	*idSpec
	next uint32
}

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
		letters, digits, either, n, at := 0, 0, 0, 0, 0
		add := func() {
			switch {
			case n == 0 || n > 32:
			case either > 0:
				if digits == 0 {
					t.put(word, n, at, sp)
				}
				if letters == 0 {
					t.put(number, n, at, sp)
				}
				t.put(mixed, n, at, sp)
			case digits == 0:
				t.put(word, n, at, sp)
			case letters == 0:
				t.put(number, n, at, sp)
			default:
				t.put(mixed, n, at, sp)
			}
		}
		done := false
		for k, c := range []byte(sp.shape) {
			at = k
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
		if at = len(sp.shape); !done {
			add()
		}
	}
	return t
}

// put enters a spec of whose shape the first at characters are in the token.
func (t *idTable) put(k tokKind, n, at int, sp *idSpec) {
	l := &t[k][n]
	e := idEntry{sp, nextSizes(sp.shape[at:])}
	l.next |= e.next
	if sp.bare {
		l.alone |= e.next
	}
	for i := range l.specs {
		if l.specs[i].idSpec == sp {
			l.specs[i].next |= e.next
			return
		}
	}
	l.specs = append(l.specs, e)
}

// nextSizes are the numbers of characters that the token after may have, where
// rest is left of a shape.
func nextSizes(rest string) (sizes uint32) {
	if rest == "" {
		return 1
	}
	n := 0
	for _, c := range []byte(rest[1:]) {
		switch c {
		case '~', '-', '/', '.', '+', ' ':
			sizes |= 1 << n
			if c != '~' {
				return sizes
			}
		default:
			n++
		}
	}
	return sizes | 1<<n
}

// identifiers tries the specs whose shape begins like token i.
func (s *scan) identifiers(i int, best *candidate) {
	t := &s.toks[i]
	n := int(t.e - t.s)
	if n > 32 || t.form&foreign != 0 {
		return
	}
	specs := &s.ids[t.kind][n]
	if specs.next == 0 {
		return
	}
	near := s.near(i, 12)
	sizes := s.sizeAfter(i)
	if near == 0 && specs.alone&sizes == 0 || specs.next&sizes == 0 {
		return
	}
	end := s.toks[s.limit-1].e
	for k := range specs.specs {
		sp := &specs.specs[k]
		if sp.next&sizes == 0 || sp.hinted <= best.score || !sp.bare && sp.hint&near == 0 {
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

// sizeAfter has bit 0 and that of the size of the token behind token i, one
// mark between them at most.
func (s *scan) sizeAfter(i int) uint32 {
	j := i + 1
	if j < s.limit && s.toks[j].kind == mark {
		j++
	}
	if j >= s.limit || s.toks[j].kind == mark {
		return 1
	}
	return 1 | 1<<(s.toks[j].e-s.toks[j].s)
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
