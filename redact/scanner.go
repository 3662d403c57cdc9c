package redact

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// scanner rewrites JSON in one pass over a window of bytes. It validates as
// strictly as jsontext (RFC 8259, UTF-8, no duplicate names, depth) and copies
// what is shown in runs, as it stands. It learns in which order the members of
// an object come, with the bytes between them: where a document goes on as
// the one before, one comparison reads a whole name. What is learnt chooses
// speed, never an action: the same bytes always mean the same place.
type scanner struct {
	*rewriting
	src     io.Reader
	full    []byte // the window's memory
	buf     []byte // the window and pad zero bytes
	end     int    // of the window
	pos     int
	eof     bool
	ready   []byte // output not yet written
	copied  int    // what lies in the window from here on is not yet in ready
	depth   int
	shapes  []shape // by node of learnt
	learnt  *tree
	counts  []int32 // by class: shown, masked, withheld; the last: unclassified
	saved   []int32
	whole   bool // the body is in the window, and leaves at once or not at all
	guess   int  // the facts that the record before has proven
	proven  int
	meeting bool   // a record's person, who is not known yet
	sure    bool   // what the record proves is known
	unread  bool   // a text of it was put off
	from    int    // where the record begins; -1: it lies outside of records
	names   []byte // scratch of one decoded name
	lent    scratch
}

// pad lets eight bytes be read at any place of the window. Zero bytes are no
// JSON, so a scan always stops at the window's end.
const (
	pad        = 8
	flushAt    = 32 << 10
	maxDepth   = 10000 // jsontext's
	maxMembers = 256   // learnt of one object
	lookAhead  = 4
)

var (
	errShort  = errors.New("the window ends inside a value")
	errSyntax = errors.New("not JSON")
	errTwice  = errors.New("duplicate name")
	errDeep   = errors.New("nested too deeply")
	errUTF8   = errors.New("invalid UTF-8")
	errOther  = errors.New("the record proves something else")
)

// fast rewrites one JSON document with the scanner.
func (v *rewriting) fast(dst io.Writer, src io.Reader) error {
	s, _ := v.plan.scratch.Get().(*scanner)
	if s == nil {
		s = &scanner{}
	}
	plan := v.plan
	v.scratch, s.lent = s.lent, v.scratch
	s.begin(v, src)
	err := s.document(dst)
	s.tallyUp(plan)
	s.rewriting, s.src = nil, nil
	v.scratch, s.lent = s.lent, v.scratch
	if err != nil {
		return documentError(err)
	}
	v.plan.scratch.Put(s)
	return nil
}

func (s *scanner) begin(v *rewriting, src io.Reader) {
	s.rewriting, s.src = v, src
	s.end, s.pos, s.copied, s.depth, s.eof, s.from = 0, 0, 0, 0, false, -1
	s.ready = s.ready[:0]
	s.prepare(v.plan)
	if s.full == nil {
		s.full = make([]byte, 16<<10)
	}
	s.buf = s.full[:pad]
	clear(s.buf)
}

// fill reads a short body to its end.
func (s *scanner) fill() error {
	for !s.eof && s.end <= s.plan.whole {
		if err := s.more(); err != nil {
			return err
		}
	}
	s.whole = s.eof
	return nil
}

// prepare makes room for what is counted and learnt under a plan.
func (s *scanner) prepare(p *Plan) {
	if s.learnt != p.tree {
		s.learnt = p.tree
		s.shapes = make([]shape, p.nodes)
		s.counts = make([]int32, 3*len(p.classes)+1)
		s.saved = make([]int32, len(s.counts))
	}
	clear(s.counts)
}

// tallyUp adds what was counted to the tally.
func (s *scanner) tallyUp(p *Plan) {
	for i, class := range p.classes {
		for k, m := range []*map[Class]int{&s.tally.Shown, &s.tally.Masked, &s.tally.Withheld} {
			if n := s.counts[3*i+k]; n > 0 {
				if *m == nil {
					*m = map[Class]int{}
				}
				(*m)[class] += int(n)
			}
		}
	}
	s.tally.Unclassified += int(s.counts[len(s.counts)-1])
	clear(s.counts)
}

func (s *scanner) unclassified() { s.counts[len(s.counts)-1]++ }

// document rewrites the root value and sees that nothing follows it.
func (s *scanner) document(dst io.Writer) error {
	if err := s.fill(); err != nil {
		return err
	}
	if err := s.unit(s.space); err != nil {
		return err
	}
	kept, err := s.envelope(dst, s.plan.root, nil)
	if err != nil {
		return err
	}
	if !kept {
		s.ready = append(s.ready, "null"...)
	}
	if err := s.unit(func() error {
		if err := s.space(); err != nil {
			return err
		}
		if s.pos < s.end {
			return errSyntax
		}
		if !s.eof {
			return errShort
		}
		return nil
	}); err != nil {
		return err
	}
	_, err = dst.Write(s.ready)
	return err
}

// unit runs f at the place it stands. If the window ends inside, more is read
// and f runs again from the beginning, as if it had not run.
func (s *scanner) unit(f func() error) error {
	for {
		start, out, depth, hits := s.pos, len(s.ready), s.depth, len(s.hits)
		s.copied = start
		if !s.eof {
			copy(s.saved, s.counts)
		}
		err := f()
		if err != errShort {
			return err
		}
		s.pos, s.ready, s.depth, s.hits = start, s.ready[:out], depth, s.hits[:hits]
		copy(s.counts, s.saved)
		if s.end-start > s.plan.cfg.MaxRecord {
			return fmt.Errorf("%w: more than %d bytes", ErrTooLarge, s.plan.cfg.MaxRecord)
		}
		if err := s.grow(s.end - start); err != nil {
			return err
		}
	}
}

// grow reads on. A unit that is long already is not run again before there is
// half as much more of it: a tool that dribbles costs no more than one that pours.
func (s *scanner) grow(had int) error {
	for {
		if err := s.more(); err != nil {
			return err
		}
		if s.eof || had < 4096 || s.end-s.pos >= had+had/2 {
			return nil
		}
	}
}

// more moves the window to the place where it stands and reads on.
func (s *scanner) more() error {
	if s.eof {
		return io.ErrUnexpectedEOF
	}
	rest := s.end - s.pos
	if rest+pad >= len(s.full)*3/4 {
		grown := make([]byte, 2*len(s.full))
		copy(grown, s.full[s.pos:s.end])
		s.full = grown
	} else {
		copy(s.full, s.full[s.pos:s.end])
	}
	s.pos, s.copied, s.end = 0, 0, rest
	for !s.eof && s.end == rest {
		n, err := s.src.Read(s.full[s.end : len(s.full)-pad])
		s.end += n
		if err == io.EOF {
			s.eof = true
		} else if err != nil {
			return fmt.Errorf("read body: %w", err)
		}
	}
	s.buf = s.full[:s.end+pad]
	clear(s.buf[s.end:])
	return nil
}

// renewed asks for the plan that now holds, and begins to count and learn anew if it is another.
func (s *scanner) renewed() error {
	before := s.plan
	if err := s.renew(); err != nil {
		return err
	}
	if s.plan != before {
		s.tallyUp(before)
		s.prepare(s.plan)
	}
	return nil
}

// record rewrites one record by the facts that it proves, and its free texts by
// whose record it is. It is written as if it proved what the one before has proven,
// and by what stands before its texts; and again if that was wrong.
func (s *scanner) record(n *node) (kept bool, err error) {
	start, out, hits, depth := s.pos, len(s.ready), len(s.hits), s.depth
	copy(s.saved, s.counts)
	stranger := s.scan
	defer func() { s.scan, s.known, s.meeting, s.from = stranger, 0, false, -1 }() // what stands outside of records has proven nothing
	s.meeting, s.sure = s.scan != nil && s.plan.scrubs, false
	for {
		s.known, s.proven, s.unread = s.guess, 0, false
		if s.meeting {
			s.met.forget()
			s.scan = stranger
		}
		s.from, s.depth = start, depth
		switch kept, err = s.valueRun(n); {
		case err == errOther:
		case err != nil:
			return false, err
		case s.proven != s.known:
			s.guess, s.sure = s.proven, true
		default:
			if !s.meeting || !s.unread && s.met.readWell() {
				s.tally.Records++
				return kept, nil
			}
			s.meeting = false
			if s.met.known < len(s.met.held) && s.met.mentioned() {
				s.scan = stranger.With(s.met.person())
			}
			s.sure = true
		}
		s.pos, s.copied, s.ready, s.hits = start, start, s.ready[:out], s.hits[:hits]
		copy(s.counts, s.saved)
	}
}

// meet takes notice of a value before it is shown or held back. Of a free text it
// says whether it should be read now, by an engine that knows whose record it is:
// not if the record seems to prove something else than the one before.
func (s *scanner) meet(class Class, do Treatment, raw []byte) bool {
	s.met.meetRaw(class, do, raw)
	if do != Scrub {
		return true
	}
	if s.proven != s.known && !s.sure {
		s.unread = true
		return false
	}
	if s.met.known == 0 && s.met.introduces() {
		s.scan = s.scan.With(s.met.person())
	}
	return true
}

// valueRun rewrites a value and takes what stays of it over into the output.
func (s *scanner) valueRun(n *node) (kept bool, err error) {
	if kept, err = s.value(n); kept {
		s.flushRun(s.pos)
	}
	s.copied = s.pos
	return kept, err
}

// flushRun takes what was copied up to a place over into the output.
func (s *scanner) flushRun(to int) {
	s.ready = append(s.ready, s.buf[s.copied:to]...)
	s.copied = to
}

// decode gives the name that a raw string stands for.
func (s *scanner) decode(raw []byte) ([]byte, error) {
	for _, c := range raw {
		if c == '\\' {
			name, err := jsontext.AppendUnquote(s.names[:0], raw)
			s.names = name
			return name, err
		}
	}
	return raw[1 : len(raw)-1], nil
}
