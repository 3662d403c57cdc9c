package redact

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"strings"
)

// Tally is what a rewritten body showed, by class.
type Tally struct {
	Records      int
	Subjects     []string // ids of the people in it, in order of appearance, without repeats
	Shown        map[Class]int
	Masked       map[Class]int // masked, tokenised or scrubbed
	Withheld     map[Class]int
	Unclassified int // values that no catalogue names
}

// Errors of rewriting. All of them withhold the document.
var (
	ErrMedia    = errors.New("media type cannot be rewritten")
	ErrDocument = errors.New("document is malformed")
	ErrTooLarge = errors.New("record is larger than the memory it may take")
	ErrRevoked  = errors.New("the plan no longer holds")
	errLoneCR   = errors.New("a carriage return inside a line")
)

// wholeBody is the size up to which a body is validated before its first byte leaves.
const wholeBody = 64 << 10

// rewriting is one rewriting of one body.
type rewriting struct {
	plan   *Plan
	live   func(*Tally) (*Plan, error)
	scan   *Engine
	tally  Tally
	seen   map[string]bool // subjects
	known  int             // the set of facts proven by the record at hand
	ear    *ear
	hits   []*stray // met in what is being read
	in     *node    // of the value that comes next, where it is not named
	named  []byte   // under this name
	header []string // of a table
	scratch
}

// scratch is what rewriting one value needs for the moment.
type scratch struct {
	text     []byte
	out      []byte
	scrubbed []byte
	spans    []Span
	met      acquaintance
}

// Rewrite copies one document of a media type ("application/json",
// "text/html", "text/event-stream", …) from src to dst as the plan says. A
// body of at most 64 KiB is validated whole before its first byte is written;
// a larger one is written record by record. On an error dst holds an unusable
// beginning and must be thrown away or aborted.
func (p *Plan) Rewrite(dst io.Writer, src io.Reader, mediaType string, scan *Engine) (Tally, error) {
	return p.RewriteLive(dst, src, mediaType, scan, nil)
}

// RewriteLive is Rewrite that asks live before every record which plan now
// holds, so that a change of rules, role or caller takes effect inside a
// stream; it is shown what was done so far. An error of live ends the document.
// nil: the plan stays.
func (p *Plan) RewriteLive(dst io.Writer, src io.Reader, mediaType string, scan *Engine, live func(sofar *Tally) (*Plan, error)) (Tally, error) {
	v := &rewriting{plan: p, scan: scan, live: live}
	kind := mediaType
	var err error
	if kind != "application/json" {
		if kind, _, err = mime.ParseMediaType(mediaType); err != nil {
			return v.tally, fmt.Errorf("%w: %q", ErrMedia, mediaType)
		}
	}
	if p.utterance != nil && !unending(kind) {
		if src, err = v.listen(src, kind); err != nil {
			return v.tally, err
		}
	}
	err = v.body(dst, src, kind)
	v.settle()
	return v.tally, err
}

// unending kinds are written as they come: each event or line is validated
// whole, and must not wait for the next.
func unending(kind string) bool {
	return kind == "text/event-stream" || kind == "application/x-ndjson" || kind == "application/jsonl"
}

// body rewrites a document of a kind.
func (v *rewriting) body(dst io.Writer, src io.Reader, kind string) error {
	if isJSON(kind) && !v.plan.cfg.Reference {
		return v.fast(dst, src) // the scanner holds a short body whole itself
	}
	write, ok := v.writer(kind)
	if !ok {
		return fmt.Errorf("%w: %q", ErrMedia, kind)
	}
	if unending(kind) {
		return write(dst, src)
	}
	head := make([]byte, wholeBody+1)
	n, err := io.ReadFull(src, head)
	switch {
	case err == nil:
		buffered := bufio.NewWriterSize(dst, 32<<10)
		if err := write(buffered, io.MultiReader(bytes.NewReader(head), src)); err != nil {
			return err
		}
		return buffered.Flush()
	case err == io.EOF || err == io.ErrUnexpectedEOF:
		var whole bytes.Buffer
		if err := write(&whole, bytes.NewReader(head[:n])); err != nil {
			return err
		}
		if kind == "text/html" && v.scan != nil && v.met.mentioned() {
			again := &rewriting{plan: v.plan, live: v.live, scan: v.scan.With(v.met.person()), ear: v.ear.again()}
			whole.Reset()
			if err := again.html(&whole, bytes.NewReader(head[:n])); err != nil {
				return err
			}
			v.tally, v.hits = again.tally, again.hits
		}
		_, err := dst.Write(whole.Bytes())
		return err
	default:
		return fmt.Errorf("read body: %w", err)
	}
}

func (v *rewriting) writer(kind string) (func(io.Writer, io.Reader) error, bool) {
	switch kind {
	case "application/x-ndjson", "application/jsonl", "application/json-seq":
		return v.ndjson, true
	case "text/event-stream":
		return v.events, true
	case "text/html":
		return v.html, true
	case "text/csv":
		return v.csv, true
	case "text/plain":
		return v.plain, true
	case "text/css", "text/javascript", "application/javascript":
		return v.code, true
	}
	if isJSON(kind) {
		return v.json, true
	}
	if strings.HasPrefix(kind, "image/") || strings.HasPrefix(kind, "font/") {
		return v.picture, true
	}
	return nil, false
}

func isJSON(kind string) bool {
	return kind == "application/json" || strings.HasPrefix(kind, "application/") && strings.HasSuffix(kind, "+json")
}

// do is what becomes of a field of the record at hand.
func (v *rewriting) do(f *Field) Treatment { return v.plan.vary[f.at][v.known] }

// renew asks which plan holds now. A plan of another shape ends the document:
// its place in the old one means nothing in the new one.
func (v *rewriting) renew() error {
	if v.live == nil {
		return nil
	}
	p, err := v.live(&v.tally)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRevoked, err)
	}
	if p != v.plan && (p == nil || p.cfg.Record != v.plan.cfg.Record || p.cfg.HTML != v.plan.cfg.HTML) {
		return fmt.Errorf("%w: the document is now read in another way", ErrRevoked)
	}
	v.plan = p
	return nil
}

func count(m *map[Class]int, c Class) {
	if *m == nil {
		*m = map[Class]int{}
	}
	(*m)[c]++
}

func (v *rewriting) note(c Class, t Treatment) {
	switch t {
	case Show:
		count(&v.tally.Shown, c)
	case Withhold:
		count(&v.tally.Withheld, c)
	default:
		count(&v.tally.Masked, c)
	}
}

func (v *rewriting) subject(id string) {
	if id == "" || v.seen[id] {
		return
	}
	if v.seen == nil {
		v.seen = map[string]bool{}
	}
	v.seen[id] = true
	v.tally.Subjects = append(v.tally.Subjects, id)
}
