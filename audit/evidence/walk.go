package evidence

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/merkle/compact"
)

// stream is a lineReader with the line that comes next.
type stream struct {
	name    string
	lines   *lineReader
	line    Line
	ended   bool
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
	if !errors.Is(err, errCut) && !errors.Is(err, io.EOF) {
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
	cut      bool           // leaves are missing because a file is, or its end
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
	if !w.cut {
		c.bounds(w)
	}
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
		return c.absent(w, where, given, ended(streams))
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

// absent goes on over a leaf that is not there, by its hash: whatever else is here
// must still be what was signed. false ends the lane.
func (c *check) absent(w *laneWalk, where place, given []byte, atEnd bool) bool {
	unproven := ""
	if given == nil {
		unproven = "; without its hash nothing of this log can be proven"
	}
	switch {
	case !atEnd && !c.partial:
		c.report.find(Tampered, where.String(), "is missing between others%s", unproven)
	case w.cut && given != nil: // said already
	case atEnd:
		c.report.find(Incomplete, where.String(), "the export ends here; %d leaves of log %d are missing%s", w.lane.End-where.index, where.lane, unproven)
	default:
		c.report.find(Incomplete, where.String(), "is missing with its file%s", unproven)
	}
	w.cut = w.cut || atEnd || c.partial
	return given != nil && c.add(w, given, given) == nil
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
