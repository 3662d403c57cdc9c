// Package redact answers "how does it look once held back?".
//
// An Engine finds personal data in text and replaces it. The text is
// normalised while it streams (surface), cut into tokens (scan), and every token
// is asked once whether a value begins there: numbers are judged by length,
// check digits and issuers' ranges, words by lists and by what stands before
// them. What a token means depends on at most 224 bytes after it and on what
// was read before it, never on how the stream was cut, so a stream and the
// whole text give the same bytes.
//
// It fails closed: a text that cannot be read, and a text at which a rule
// panics, is withheld, never passed.
package redact

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Profile names a ready-made choice of classes.
type Profile string

// Profiles. Logs fails closed (a doubtful card number goes), chat keeps more
// context, strict looks for every class.
const (
	Logs   Profile = "logs"
	Chat   Profile = "chat"
	Strict Profile = "strict"
)

// Span is one detected value: byte offsets [Start,End) into the text.
type Span struct {
	Start, End int
	Class      Class
	Rule       string  // the detector's name
	Score      float64 // 0..1
}

// Tokeniser turns a canonical value into a stable token. It is the keeper's
// key that makes tokens unguessable.
type Tokeniser interface {
	Token(class Class, canonical string) (string, error)
}

// KnownPerson is somebody whose data the gateway already knows, because the account is
// open: matched exactly, in every surface form.
type KnownPerson struct {
	Names     []string
	Emails    []string
	Phones    []string
	Addresses []string
	Numbers   map[Class][]string // pan, ssn, …
}

// Config chooses what an Engine looks for and what becomes of it.
type Config struct {
	Profile Profile             // default Logs
	Lang    string              // en es zh fr de pt, or "auto" (default)
	Classes []Class             // default: the profile's
	Treat   map[Class]Treatment // default Withhold: "[class]"
	Tokens  Tokeniser           // needed where Treat says Tokenise
	Known   []KnownPerson
	Rules   Rules // the user's own detectors and suppressions
}

// Engine finds and replaces personal data in text. It is immutable and safe
// for concurrent use.
type Engine struct {
	rules *rules
	pool  *sync.Pool // of *scan
}

// New compiles an engine. An error says which setting is wrong.
func New(cfg Config) (*Engine, error) {
	r, err := compile(cfg)
	if err != nil {
		return nil, fmt.Errorf("compile redaction: %w", err)
	}
	e := &Engine{rules: r, pool: &sync.Pool{New: func() any { return new(scan) }}}
	return e.With(cfg.Known...), nil
}

// With returns an engine that also knows these people.
func (e *Engine) With(people ...KnownPerson) *Engine {
	if len(people) == 0 {
		return e
	}
	r := *e.rules
	s := e.pool.Get().(*scan)
	r.known = r.known.with(people, s)
	e.pool.Put(s)
	return &Engine{rules: &r, pool: e.pool}
}

// Find appends the spans of text to dst, sorted and without overlap. If a rule
// fails, the whole text is one span of class secret.
func (e *Engine) Find(dst []Span, text []byte) (spans []Span) {
	n := len(dst)
	s := e.pool.Get().(*scan)
	defer func() {
		if recover() != nil {
			spans = append(dst[:n], Span{0, len(text), Secret, "withheld", 1})
			return // the scan's state is not trusted again
		}
		e.pool.Put(s)
	}()
	s.reset(e.rules)
	s.feed(text, true)
	for _, f := range s.out {
		dst = append(dst, Span{f.start, f.end, f.class, f.rule, f.score})
	}
	return dst
}

// Append appends the redacted form of text to dst. If a rule or the key fails
// with a panic, the whole text becomes "[secret]".
func (e *Engine) Append(dst, text []byte) (out []byte) {
	n := len(dst)
	s := e.pool.Get().(*scan)
	defer func() {
		if recover() != nil {
			out = append(dst[:n], "[secret]"...)
			return // the scan's state is not trusted again
		}
		e.pool.Put(s)
	}()
	s.reset(e.rules)
	s.feed(text, true)
	at := 0
	for i := range s.out {
		f := &s.out[i]
		dst = append(dst, text[at:f.start]...)
		dst = e.rules.replace(dst, f.class, text[f.start:f.end])
		at = f.end
	}
	return append(dst, text[at:]...)
}

// ErrUnread: a text that could not be read is withheld, never passed.
var ErrUnread = errors.New("text could not be read and is withheld")

// Writer redacts a stream: any chunking gives the same bytes as the whole
// text. Close flushes the held-back tail, at most 256 bytes, and does not
// close w. Should a rule fail, the rest is withheld and every call returns
// ErrUnread.
func (e *Engine) Writer(w io.Writer) io.WriteCloser {
	out := &writer{to: w, engine: e, scan: new(scan)}
	out.scan.reset(e.rules)
	return out
}
