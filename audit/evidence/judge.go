package evidence

import (
	"bytes"
	"slices"
	"strings"
	"time"
)

// judge evaluates the filter on a leaf and opens what has to open.
func (c *check) judge(w *laneWalk, where place, s *stream) {
	filter := c.manifest.Filter
	personal := bytes.Contains(s.line.Leaf, []byte(`"personal":{`))
	plain := filter.All() && !personal // only the tags matter
	matches := true
	l := Leaf{Subjects: tagsIn(s.line.Leaf)}
	if !plain {
		var at time.Time
		var err error
		if l, at, err = Decode(s.line.Leaf); err != nil {
			c.report.find(Tampered, where.String(), "%v", err)
			return
		}
		matches = filter.Matches(l, at)
		if where.index == w.lane.Begin {
			w.first = at
		}
		w.last = at
	}
	switch {
	case matches != s.matched && matches:
		c.report.find(Tampered, where.String(), "was asked for, and is only a header")
	case matches != s.matched:
		c.report.find(Tampered, where.String(), "was not asked for, and is an entry")
	case matches:
		c.report.Entries++
		c.openAll(where, l, s.line)
	default:
		c.report.Headers++
		if len(s.line.Subjects)+len(s.line.Personal) > 0 {
			c.report.find(Tampered, where.String(), "is a header, and names somebody")
		}
	}
	if n := c.report.Entries + c.report.Headers; c.options.Progress != nil && n&0x3fff == 0 {
		c.options.Progress(n)
	}
}

// tagsIn cuts the tags out of a leaf: no string of a leaf can hold these quotes
// unescaped, and no other field named "subjects" is a list.
func tagsIn(leaf []byte) []string {
	_, rest, found := bytes.Cut(leaf, []byte(`"subjects":["`))
	list, _, closed := bytes.Cut(rest, []byte(`"]`))
	if !found || !closed {
		return nil
	}
	return strings.Split(string(list), `","`)
}

// openAll checks that each tag and each commitment of an entry is opened, or
// lawfully cannot be.
func (c *check) openAll(where place, l Leaf, line Line) {
	erased := false
	for _, tag := range l.Subjects {
		naming, named := line.Subjects[tag]
		switch {
		case named && !c.opens(tag, naming):
			c.report.find(Tampered, where.String(), "subject %q is not the one that the entry names", naming.Subject)
		case named:
		case c.erased[tag]:
			erased = true
		default:
			c.report.find(Incomplete, where.String(), "says not whom it names, and no receipt says that they were erased")
		}
	}
	owner := len(l.Subjects) > 0 && c.erased[l.Subjects[0]]
	for name, commitment := range l.Personal {
		opening, opened := line.Personal[name]
		switch {
		case opened && !opening.Opens(name, commitment):
			c.report.find(Tampered, where.String(), "the value of %q is not the one that was recorded", name)
		case opened:
		case owner:
			erased = true
		default:
			c.report.find(Incomplete, where.String(), "the value of %q is missing, and no receipt says that it was erased", name)
		}
	}
	if l.lacks(line) {
		c.report.find(Tampered, where.String(), "holds values that were not recorded")
	}
	if erased {
		c.report.Erased++
	}
}

// lacks says whether a line opens anything that its leaf does not hold.
func (l *Leaf) lacks(line Line) bool {
	if len(line.Subjects) > len(l.Subjects) || len(line.Personal) > len(l.Personal) {
		return true
	}
	for name := range line.Personal {
		if _, recorded := l.Personal[name]; !recorded {
			return true
		}
	}
	for tag := range line.Subjects {
		if !slices.Contains(l.Subjects, tag) {
			return true
		}
	}
	return false
}

// maxNamings bounds how many subjects are remembered.
const maxNamings = 1 << 14

// opens says whether a naming shows whom a tag names. A subject is named the
// same way in all of its entries, so the last answers are remembered.
func (c *check) opens(tag string, n Naming) bool {
	if known, ok := c.named[tag]; ok && known.Subject == n.Subject && bytes.Equal(known.Key, n.Key) {
		return true
	}
	if !n.Opens(tag) {
		return false
	}
	if len(c.named) >= maxNamings {
		clear(c.named)
	}
	c.named[tag] = n
	return true
}
