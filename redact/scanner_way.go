package redact

import (
	"io"
)

// envelope rewrites a value on the way to the records: its parts may leave
// before the whole has been seen. Anything else is one unit.
func (s *scanner) envelope(dst io.Writer, n *node, steps []string) (kept bool, err error) {
	if err := s.unit(s.peek); err != nil {
		return false, err
	}
	if n != nil && n.record && s.live != nil {
		if err := s.renewed(); err != nil {
			return false, err
		}
		n = s.plan.root.at(steps)
	}
	c := s.buf[s.pos]
	switch {
	case n != nil && n.record:
		err = s.unit(func() (err error) { kept, err = s.record(n); return err })
		return kept, err
	case n != nil && n.way && c == '{' && len(n.keys)+boolInt(n.any != nil) > 0:
		return true, s.wayObject(dst, n, steps)
	case n != nil && n.way && c == '[' && n.elem != nil:
		return true, s.wayArray(dst, n, steps)
	}
	err = s.unit(func() error {
		from := s.pos
		if kept, err = s.valueRun(n); err == nil && n == nil {
			s.stray(s.in, s.named, s.buf[from:s.pos])
		}
		return err
	})
	return kept, err
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// peek sees to it that there is a byte to look at.
func (s *scanner) peek() error {
	if s.pos >= s.end {
		return s.short()
	}
	return nil
}

// short is the error of a window that ends too early.
func (s *scanner) short() error {
	if s.eof {
		return io.ErrUnexpectedEOF
	}
	return errShort
}

// wayObject rewrites an object on the way to the records, member by member.
func (s *scanner) wayObject(dst io.Writer, n *node, steps []string) error {
	s.pos++
	s.ready = append(s.ready, '{')
	s.depth++
	var seen names
	for first, shown := true, 0; ; first = false {
		var name []byte
		done := false
		if err := s.unit(func() (err error) { name, done, err = s.wayName(first); return err }); err != nil {
			return err
		}
		if done {
			s.depth--
			s.ready = append(s.ready, '}')
			return nil
		}
		plain, err := s.decode(name)
		if err != nil {
			return err
		}
		if !seen.add(plain) {
			return errTwice
		}
		below := steps
		if s.live != nil { // the place must be found again in another plan
			below = append(steps[:len(steps):len(steps)], string(plain))
		}
		at, mark := n.lookup(plain), len(s.ready)
		if at == nil {
			s.in, s.named = n, append(s.named[:0], plain...)
		}
		if shown > 0 {
			s.ready = append(s.ready, ',')
		}
		s.ready = append(append(s.ready, name...), ':')
		plan := s.plan
		kept, err := s.envelope(dst, at, below)
		if err != nil {
			return err
		}
		if s.plan != plan {
			n = s.plan.root.at(steps)
		}
		if kept {
			shown++
		} else {
			s.ready = s.ready[:mark]
		}
	}
}

// wayName reads the separator, the name (a copy, in quotes) and the colon of the next member.
func (s *scanner) wayName(first bool) (name []byte, done bool, err error) {
	if err := s.space(); err != nil {
		return nil, false, err
	}
	if s.buf[s.pos] == '}' {
		s.pos++
		return nil, true, nil
	}
	if !first {
		if err := s.expect(','); err != nil {
			return nil, false, err
		}
	}
	if err := s.space(); err != nil {
		return nil, false, err
	}
	from := s.pos
	if _, err := s.str(); err != nil {
		return nil, false, err
	}
	name = append([]byte(nil), s.buf[from:s.pos]...)
	if err := s.space(); err != nil {
		return nil, false, err
	}
	if err := s.expect(':'); err != nil {
		return nil, false, err
	}
	return name, false, s.space()
}

// wayArray rewrites an array on the way to the records, or of records, element by element.
func (s *scanner) wayArray(dst io.Writer, n *node, steps []string) error {
	s.pos++
	s.ready = append(s.ready, '[')
	if s.live != nil {
		steps = append(steps[:len(steps):len(steps)], "[]")
	}
	s.depth++
	elem := n.elem
	for first, shown := true, 0; ; first = false {
		done := false
		if err := s.unit(func() (err error) { done, err = s.wayNext(first); return err }); err != nil {
			return err
		}
		if done {
			s.depth--
			s.ready = append(s.ready, ']')
			return nil
		}
		mark := len(s.ready)
		if shown > 0 {
			s.ready = append(s.ready, ',')
		}
		plan := s.plan
		kept, err := s.envelope(dst, elem, steps)
		if err != nil {
			return err
		}
		if s.plan != plan {
			elem = s.plan.root.at(steps)
		}
		if kept {
			shown++
		} else {
			s.ready = s.ready[:mark]
		}
		if len(s.ready) > flushAt && !s.whole {
			if _, err := dst.Write(s.ready); err != nil {
				return err
			}
			s.ready = s.ready[:0]
		}
		if len(s.hits) > 1024 {
			s.settle()
		}
	}
}

func (s *scanner) wayNext(first bool) (done bool, err error) {
	if err := s.space(); err != nil {
		return false, err
	}
	if s.buf[s.pos] == ']' {
		s.pos++
		return true, nil
	}
	if !first {
		if err := s.expect(','); err != nil {
			return false, err
		}
		if err := s.space(); err != nil {
			return false, err
		}
		if s.buf[s.pos] == ']' {
			return false, errSyntax
		}
	}
	return false, nil
}
