package redact

import "bytes"

// shape is what was learnt of the objects at one place.
type shape struct{ members []member }

// member is one member of an object: the bytes from the end of the value
// before to the beginning of its own value, as they came last.
type member struct {
	between []byte
	name    []byte // decoded
	comma   int    // where in between the comma stands; -1: it came first
	at      *node
	stray   *stray // what is met here where at is nil
}

// seenSet remembers which learnt members an object has had.
type seenSet [maxMembers / 64]uint64

func (set *seenSet) add(i int) bool {
	word, bit := &set[i>>6], uint64(1)<<(i&63)
	if *word&bit != 0 {
		return false
	}
	*word |= bit
	return true
}

// names is a set of names, for objects that cannot be learnt.
type names struct {
	few  [][]byte
	many map[string]bool
}

func (s *names) add(name []byte) bool {
	if s.many != nil {
		if s.many[string(name)] {
			return false
		}
		s.many[string(name)] = true
		return true
	}
	for _, n := range s.few {
		if bytes.Equal(n, name) {
			return false
		}
	}
	s.few = append(s.few, bytes.Clone(name))
	if len(s.few) > 16 {
		s.many = map[string]bool{}
		for _, n := range s.few {
			s.many[string(n)] = true
		}
	}
	return true
}

// value rewrites the value that begins where the scanner stands; kept says
// whether anything of it may stay.
func (s *scanner) value(n *node) (kept bool, err error) {
	if n == nil {
		s.unclassified()
		return false, s.skip()
	}
	start := s.pos
	switch c := s.buf[s.pos]; {
	case c == '{' && n.field == nil && (n.keys != nil || n.any != nil):
		kept, err = true, s.object(n)
	case c == '[' && n.field == nil && n.elem != nil:
		kept, err = true, s.array(n)
	case c == '{' || c == '[':
		err = s.skip()
		s.countWithheld(n, start)
	default:
		kept, err = s.leaf(n)
	}
	if err != nil || !n.marked {
		return kept, err
	}
	return kept, s.observe(n, s.buf[start:s.pos])
}

// soon is how far into a record it costs nothing to begin again.
const soon = 512

// observe reads the facts and the subject that lie at a place. A fact that is not
// what was expected begins the record anew, if not much of it was read.
func (s *scanner) observe(n *node, raw []byte) error {
	if n.subject && raw[0] == '"' {
		if id, err := s.decode(raw); err == nil && !s.seen[string(id)] {
			s.rewriting.subject(string(id))
		}
	}
	other := false
	for _, i := range n.facts {
		if s.plan.facts[i].provenBy(raw) {
			s.proven |= 1 << i
		}
		if bit := 1 << i; (s.proven^s.known)&bit != 0 && s.from >= 0 && !s.sure && s.pos-s.from < soon {
			s.guess ^= bit
			other = true
		}
	}
	if other {
		return errOther
	}
	return nil
}

func (s *scanner) countWithheld(n *node, start int) {
	if n.field == nil {
		s.unclassified()
		s.stray(n, nil, s.buf[start:s.pos])
		return
	}
	s.counts[3*n.index+2]++
}

// leaf rewrites a scalar.
func (s *scanner) leaf(n *node) (bool, error) {
	start := s.pos
	var odd bool // escapes or enough digits for a card number: look closer
	var err error
	if s.buf[start] == '"' {
		odd, err = s.str()
	} else {
		err = s.literal()
		odd = s.pos-start >= 13
	}
	if err != nil {
		return false, err
	}
	raw := s.buf[start:s.pos]
	if n.field == nil {
		if raw[0] == 'n' {
			return true, nil
		}
		s.unclassified()
		s.stray(n, nil, raw)
		return false, nil
	}
	do := s.plan.vary[n.field.at][s.known]
	if do == Show && !odd {
		s.counts[3*n.index]++
		return true, nil
	}
	if s.meeting && !s.meet(n.field.Class, do, raw) {
		return true, nil
	}
	if do == Withhold {
		s.counts[3*n.index+2]++
		return false, nil
	}
	out, done := s.scalar(n, raw)
	switch done {
	case Show:
		s.counts[3*n.index]++
	case Withhold:
		s.counts[3*n.index+2]++
		return false, nil
	default:
		s.counts[3*n.index+1]++
		s.flushRun(start)
		s.ready = append(s.ready, out...)
		s.copied = s.pos
	}
	return true, nil
}

// object rewrites an object that lies within one unit.
func (s *scanner) object(n *node) error {
	if s.depth++; s.depth > maxDepth {
		return errDeep
	}
	sh := &s.shapes[n.id]
	var seen seenSet
	var more names
	next, first, shown := 0, true, false
	s.pos++
	for {
		before := s.pos // what separates the member from the one before begins here
		var at *node
		comma, which := -1, -1
		if i := s.expected(sh, next); i >= 0 {
			m := &sh.members[i]
			s.pos += len(m.between)
			if m.comma >= 0 == first || !seen.add(i) {
				return s.wrong(first, m.comma >= 0)
			}
			at, comma, next, which = m.at, m.comma, i+1, i
			if s.buf[s.pos] <= ' ' {
				if err := s.space(); err != nil {
					return err
				}
			}
		} else {
			from := s.pos
			name, done, c, err := s.name(first)
			if err != nil {
				return err
			}
			if done {
				s.depth--
				return nil
			}
			i := sh.find(name, next)
			if i < 0 {
				i = sh.learn(name, n.lookup(name))
			}
			if i >= 0 {
				m := &sh.members[i]
				m.between, m.comma = append(m.between[:0], s.buf[from:s.pos]...), c
				if !seen.add(i) {
					return errTwice
				}
				at, next, which = m.at, i+1, i
			} else {
				if !more.add(name) {
					return errTwice
				}
				at = n.lookup(name)
			}
			comma = c
		}
		first = false
		if err := s.peek(); err != nil {
			return err
		}
		run, out := s.copied, len(s.ready)
		if !shown && comma >= 0 { // what came before was left out, and its comma with it
			s.flushRun(before)
			run, out = s.copied, len(s.ready)
			s.copied = before + comma + 1
		}
		from := s.pos
		kept, err := s.value(at)
		if err != nil {
			return err
		}
		if kept {
			shown = true
			continue
		}
		if at == nil {
			s.strayMember(n, sh, which, s.buf[from:s.pos])
		}
		s.ready, s.copied = s.ready[:out], run
		s.flushRun(before)
		s.copied = s.pos
	}
}

// strayMember counts the value of a member that is not named; of an object of
// too many members to be learnt all the others are one.
func (s *scanner) strayMember(n *node, sh *shape, i int, raw []byte) {
	all := s.strays()
	if all == nil {
		return
	}
	if i < 0 {
		s.stray(n, []byte("{}"), raw)
		return
	}
	m := &sh.members[i]
	if m.stray == nil {
		m.stray = all.find(n.path, m.name)
	}
	s.strayed(all, m.stray, raw, true)
}

// wrong names the fault of a learnt member in a wrong place.
func (s *scanner) wrong(first, comma bool) error {
	if first == comma {
		return errSyntax
	}
	return errTwice
}

// expected finds the learnt member that comes here, -1 if none of the next does.
func (s *scanner) expected(sh *shape, next int) int {
	for i := next; i < len(sh.members) && i < next+lookAhead; i++ {
		m := &sh.members[i]
		if len(m.between) <= s.end-s.pos && string(s.buf[s.pos:s.pos+len(m.between)]) == string(m.between) {
			return i
		}
	}
	return -1
}

// find returns the index of a learnt name, looking first where it may be.
func (sh *shape) find(name []byte, next int) int {
	for i := range sh.members {
		k := next + i
		if k >= len(sh.members) {
			k -= len(sh.members)
		}
		if string(sh.members[k].name) == string(name) {
			return k
		}
	}
	return -1
}

func (sh *shape) learn(name []byte, at *node) int {
	if len(sh.members) == maxMembers || len(name) > 256 {
		return -1
	}
	sh.members = append(sh.members, member{name: bytes.Clone(name), at: at})
	return len(sh.members) - 1
}

// name reads up to the value of the next member: its decoded name, and where
// from the place it stood at the comma lies. done: the object has ended.
func (s *scanner) name(first bool) (name []byte, done bool, comma int, err error) {
	from := s.pos
	comma = -1
	if err := s.space(); err != nil {
		return nil, false, 0, err
	}
	if s.buf[s.pos] == '}' {
		s.pos++
		return nil, true, 0, nil
	}
	if !first {
		comma = s.pos - from
		if err := s.expect(','); err != nil {
			return nil, false, 0, err
		}
		if err := s.space(); err != nil {
			return nil, false, 0, err
		}
	}
	start := s.pos
	if _, err := s.str(); err != nil {
		return nil, false, 0, err
	}
	if name, err = s.decode(s.buf[start:s.pos]); err != nil {
		return nil, false, 0, err
	}
	if err := s.space(); err != nil {
		return nil, false, 0, err
	}
	if err := s.expect(':'); err != nil {
		return nil, false, 0, err
	}
	return name, false, comma, s.space()
}

// spells says whether shown elements of an array, one after the other, are a
// card number: [4111,1111,1111,1111].
func (v *rewriting) spells(n *node, array []byte) bool {
	return n.field != nil && v.do(n.field) == Show && n.field.Class != PAN && hidesCard(array)
}

// array rewrites an array that lies within one unit.
func (s *scanner) array(n *node) error {
	if s.depth++; s.depth > maxDepth {
		return errDeep
	}
	s.flushRun(s.pos)
	begin := len(s.ready)
	s.pos++
	shown := false
	for first := true; ; first = false {
		before := s.pos
		done, err := s.wayNext(first)
		if err != nil {
			return err
		}
		if done {
			s.depth--
			s.flushRun(s.pos)
			if s.spells(n.elem, s.ready[begin:]) {
				s.ready = append(s.ready[:begin], "[]"...)
			}
			return nil
		}
		if err := s.peek(); err != nil {
			return err
		}
		run, out := s.copied, len(s.ready)
		if !shown && !first {
			s.flushRun(before)
			run, out = s.copied, len(s.ready)
			s.copied = before + 1 + bytes.IndexByte(s.buf[before:s.pos], ',')
		}
		kept, err := s.value(n.elem)
		if err != nil {
			return err
		}
		if kept {
			shown = true
			continue
		}
		s.ready, s.copied = s.ready[:out], run
		s.flushRun(before)
		s.copied = s.pos
	}
}

// skip validates a value that is left out.
func (s *scanner) skip() error {
	switch s.buf[s.pos] {
	case '"':
		_, err := s.str()
		return err
	case '{':
		return s.skipObject()
	case '[':
		if s.depth++; s.depth > maxDepth {
			return errDeep
		}
		s.pos++
		for first := true; ; first = false {
			done, err := s.wayNext(first)
			if err != nil {
				return err
			}
			if done {
				s.depth--
				return nil
			}
			if err := s.peek(); err != nil {
				return err
			}
			if err := s.skip(); err != nil {
				return err
			}
		}
	}
	return s.literal()
}

func (s *scanner) skipObject() error {
	if s.depth++; s.depth > maxDepth {
		return errDeep
	}
	s.pos++
	var seen names
	for first := true; ; first = false {
		name, done, _, err := s.name(first)
		if err != nil {
			return err
		}
		if done {
			s.depth--
			return nil
		}
		if !seen.add(name) {
			return errTwice
		}
		if err := s.peek(); err != nil {
			return err
		}
		if err := s.skip(); err != nil {
			return err
		}
	}
}

// at returns the place that steps lead to.
func (n *node) at(steps []string) *node {
	for _, step := range steps {
		if n == nil {
			return nil
		}
		if step == "[]" {
			n = n.elem
		} else {
			n = n.lookup([]byte(step))
		}
	}
	return n
}
