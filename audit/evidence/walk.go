package evidence

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/merkle/compact"
)

// maxLine bounds one line of a streamed file.
const maxLine = 16 << 20

// lineReader reads a streamed file line by line, hashing what it reads.
type lineReader struct {
	file   io.Closer
	in     *bufio.Reader
	hashed hash.Hash
	long   []byte
}

func (c *check) lines(name string) (*lineReader, error) {
	f, err := c.files[name].Open()
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	return &lineReader{file: f, in: bufio.NewReaderSize(io.TeeReader(f, h), 1<<18), hashed: h}, nil
}

// errCut: the last line has no end.
var errCut = errors.New("the file ends in the middle of a line")

// next is the next line without its newline, valid until the next call.
func (l *lineReader) next() ([]byte, error) {
	l.long = l.long[:0]
	for {
		part, err := l.in.ReadSlice('\n')
		if err == nil && len(l.long) == 0 {
			return part[:len(part)-1], nil
		}
		if len(l.long)+len(part) > maxLine {
			return nil, fmt.Errorf("line of more than %d bytes", maxLine)
		}
		l.long = append(l.long, part...)
		switch {
		case err == nil:
			return l.long[:len(l.long)-1], nil
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(l.long) > 0:
			return nil, errCut
		default:
			return nil, err
		}
	}
}

// sum reads to the end and returns the SHA-256 of all.
func (l *lineReader) sum() string {
	_, err := io.Copy(io.Discard, l.in)
	if err != nil {
		return err.Error() // no file has this sum
	}
	return hex.EncodeToString(l.hashed.Sum(nil))
}

// stream is a lineReader with the line that comes next.
type stream struct {
	name    string
	lines   *lineReader
	line    Line
	ended   bool
	cut     bool // ended in the middle of a line
	matched bool // its lines are what was asked for
}

// advance reads the next line; what cannot be read ends the stream.
func (c *check) advance(s *stream) {
	text, err := s.lines.next()
	if err == nil {
		s.line, err = parseLine(text)
	}
	if err == nil {
		return
	}
	s.ended = true
	s.cut = errors.Is(err, errCut)
	if !s.cut && !errors.Is(err, io.EOF) {
		c.report.find(Tampered, s.name, "after %d.%d: %v", s.line.Lane, s.line.Index, err)
	}
}

// walk goes through all leaves of all lanes in their order.
func (c *check) walk() {
	var streams []*stream
	for _, name := range []string{EntriesFile, HeadersFile} {
		if c.files[name] == nil {
			if _, listed := c.manifest.Files[name]; listed || name == EntriesFile {
				c.report.find(Incomplete, name, "is missing")
				c.partial = true
			}
			continue
		}
		lines, err := c.lines(name)
		if err != nil {
			c.report.find(Tampered, name, "%v", err)
			continue
		}
		s := &stream{name: name, lines: lines, matched: name == EntriesFile}
		c.advance(s)
		streams = append(streams, s)
	}
	for _, lane := range c.manifest.Lanes {
		if c.ctx.Err() != nil {
			c.report.find(Incomplete, "", "the check was interrupted")
			return
		}
		c.walkLane(lane, streams)
	}
	for _, s := range streams {
		if !s.ended && !c.partial {
			c.report.find(Tampered, fmt.Sprintf("%d.%d", s.line.Lane, s.line.Index), "is a line too many in %s", s.name)
		}
		c.sums[s.name] = s.lines.sum()
	}
	if c.report.Verdict == Verified && c.report.Entries != c.manifest.Entries {
		c.report.find(Tampered, ManifestFile, "speaks of %d entries, here are %d", c.manifest.Entries, c.report.Entries)
	}
	if c.options.Progress != nil {
		c.options.Progress(c.report.Entries + c.report.Headers)
	}
}

// laneWalk is the state of one lane: the root over the leaves as they are, and
// over the hashes that came with them, which says where a leaf was changed.
type laneWalk struct {
	lane     Lane
	leaves   *compact.Range
	hashes   *compact.Range // nil while it is the same as leaves
	hashFile *bufio.Reader  // nil when missing
	differs  int64          // first index where a leaf does not have its hash
	first    time.Time
	last     time.Time
}

func (c *check) walkLane(lane Lane, streams []*stream) {
	name := fmt.Sprintf("%d", lane.Lane)
	left, right, err := c.proofOf(lane)
	if err != nil {
		c.partial = c.partial || errors.Is(err, errMissing)
		c.report.find(verdictOf(err), ProofFile(lane.Lane), "%v", err)
		return
	}
	w := &laneWalk{lane: lane, leaves: left, differs: -1}
	if f := c.files[HashesFile(lane.Lane)]; f != nil {
		if r, err := f.Open(); err == nil {
			defer r.Close()
			w.hashFile = bufio.NewReaderSize(r, 1<<16)
		}
	}
	c.compareOutside(w)
	for index := lane.Begin; index < lane.End; index++ {
		if index&0xffff == 0 && c.ctx.Err() != nil {
			c.report.find(Incomplete, name, "the check was interrupted")
			return
		}
		if !c.leaf(w, index, streams) {
			return
		}
		if len(c.outside) > 0 {
			c.compareOutside(w)
		}
	}
	c.bounds(w)
	c.root(w, right)
}

func verdictOf(err error) Verdict {
	if errors.Is(err, errMissing) {
		return Incomplete
	}
	return Tampered
}

func (c *check) proofOf(lane Lane) (left, right *compact.Range, err error) {
	raw, err := c.read(ProofFile(lane.Lane))
	if err != nil {
		return nil, nil, err
	}
	var p Proof
	if err := json.Unmarshal(raw, &p); err != nil {
		return nil, nil, err
	}
	if left, err = Ranges().NewRange(0, uint64(lane.Begin), p.Left); err != nil {
		return nil, nil, err
	}
	right, err = Ranges().NewRange(uint64(lane.End), uint64(lane.Size), p.Right)
	return left, right, err
}

// place is where a leaf stands; it is written out for findings only.
type place struct{ lane, index int64 }

func (p place) String() string { return fmt.Sprintf("%d.%d", p.lane, p.index) }

// leaf judges the leaf at an index; false ends the lane.
func (c *check) leaf(w *laneWalk, index int64, streams []*stream) bool {
	where := place{w.lane.Lane, index}
	given, err := w.nextHash()
	if err != nil {
		c.report.find(Incomplete, HashesFile(w.lane.Lane), "%v", err)
	}
	s := c.at(w.lane.Lane, index, streams)
	if s == nil {
		if ended(streams) || c.partial {
			c.report.find(Incomplete, where.String(), "the export ends here; %d leaves of log %d are missing", w.lane.End-index, w.lane.Lane)
			return false
		}
		c.report.find(Tampered, where.String(), "is missing between others")
		if given == nil {
			return false
		}
		return c.add(w, given, given) == nil
	}
	own := LeafHash(s.line.Leaf)
	if given == nil {
		given = own
	}
	if !bytes.Equal(own, given) && w.differs < 0 {
		w.differs = index
	}
	if err := c.add(w, own, given); err != nil {
		c.report.find(Tampered, where.String(), "%v", err)
		return false
	}
	c.judge(w, where, s)
	c.advance(s)
	return true
}

// at is the stream whose next line is the wanted one. Lines that are behind
// were moved or repeated.
func (c *check) at(lane, index int64, streams []*stream) *stream {
	for _, s := range streams {
		for !s.ended && (s.line.Lane < lane || s.line.Lane == lane && s.line.Index < index) {
			c.report.find(Tampered, fmt.Sprintf("%d.%d", s.line.Lane, s.line.Index), "stands in %s out of order or twice", s.name)
			c.advance(s)
		}
		if !s.ended && s.line.Lane == lane && s.line.Index == index {
			return s
		}
	}
	return nil
}

func ended(streams []*stream) bool {
	for _, s := range streams {
		if !s.ended {
			return false
		}
	}
	return true
}

func (w *laneWalk) nextHash() ([]byte, error) {
	if w.hashFile == nil {
		return nil, nil
	}
	h := make([]byte, hashSize) // the range over the hashes keeps it
	if _, err := io.ReadFull(w.hashFile, h); err != nil {
		w.hashFile = nil
		return nil, errors.New("is cut off")
	}
	return h, nil
}

func (c *check) add(w *laneWalk, own, given []byte) error {
	if w.hashes == nil && !bytes.Equal(own, given) {
		copied, err := Ranges().NewRange(0, w.leaves.End(), append([][]byte(nil), w.leaves.Hashes()...))
		if err != nil {
			return err
		}
		w.hashes = copied
	}
	if w.hashes != nil {
		if err := w.hashes.Append(given, nil); err != nil {
			return err
		}
	}
	return w.leaves.Append(own, nil)
}

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
	if len(line.Subjects) > len(l.Subjects) || len(line.Personal) > len(l.Personal) {
		c.report.find(Tampered, where.String(), "holds values that were not recorded")
	}
	if erased {
		c.report.Erased++
	}
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

// bounds checks that the range of a lane reaches as far as the filter.
func (c *check) bounds(w *laneWalk) {
	filter, lane := c.manifest.Filter, w.lane
	log := fmt.Sprintf("log %d", lane.Lane)
	if lane.Pruned > 0 {
		if c.pruned[lane.Lane] < lane.Pruned {
			c.report.find(Incomplete, log, "lacks its first %d leaves, and no receipt says that they were pruned", lane.Pruned)
		}
		c.report.Pruned += lane.Pruned
	}
	if lane.Begin > lane.Pruned && (filter.From.IsZero() || !w.first.Before(filter.From)) {
		c.report.find(Incomplete, log, "begins at %d, where earlier entries may have been asked for", lane.Begin)
	}
	if lane.End < lane.Size && (filter.To.IsZero() || lane.End == lane.Begin || w.last.Before(filter.To)) {
		c.report.find(Incomplete, log, "ends at %d of %d, where later entries may have been asked for", lane.End, lane.Size)
	}
	if filter.Subject != "" && filter.Tag != "" && !(Naming{filter.Subject, filter.Opening}).Opens(filter.Tag) {
		c.report.find(Tampered, ManifestFile, "searched for another tag than that of subject %q", filter.Subject)
	}
}

// root compares the computed with the signed root.
func (c *check) root(w *laneWalk, right *compact.Range) {
	want := c.heads[w.lane.Lane].Root
	good := func(r *compact.Range) bool {
		if r == nil || r.AppendRange(right, nil) != nil {
			return false
		}
		root, err := Root(r)
		return err == nil && bytes.Equal(root, want)
	}
	switch {
	case good(w.leaves):
		if w.differs >= 0 {
			c.report.find(Tampered, HashesFile(w.lane.Lane), "does not hold the hash of leaf %d.%d", w.lane.Lane, w.differs)
		}
	case good(w.hashes):
		c.report.find(Tampered, fmt.Sprintf("%d.%d", w.lane.Lane, w.differs), "was changed")
	default:
		c.report.find(Tampered, fmt.Sprintf("log %d", w.lane.Lane), "does not hash to its signed root")
	}
}

// compareOutside compares with the heads that the auditor has kept, where the
// walk has just reached their size.
func (c *check) compareOutside(w *laneWalk) {
	rest := c.outside[:0]
	for _, h := range c.outside {
		switch {
		case h.Origin != w.lane.Origin || h.Size > int64(w.leaves.End()) && h.Size <= w.lane.End:
			rest = append(rest, h)
			continue
		case h.Size == int64(w.leaves.End()):
			if root, err := Root(w.leaves); err != nil || !bytes.Equal(root, h.Root) {
				c.report.find(Forked, h.Origin, "the head given of %d entries is of another history", h.Size)
			}
		case h.Size == w.lane.Size && bytes.Equal(h.Root, c.heads[w.lane.Lane].Root):
		case h.Size == w.lane.Size:
			c.report.find(Forked, h.Origin, "the head given of %d entries is of another history", h.Size)
		default:
			c.report.find(Incomplete, h.Origin, "the head given of %d entries lies outside the exported range; export all to compare", h.Size)
		}
	}
	c.outside = rest
}
