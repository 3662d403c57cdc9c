// Package redact answers "how does it look once held back?".
package redact

import (
	"errors"
	"io"
	"log/slog"
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
}

// Engine finds and replaces personal data in text. It is immutable and safe
// for concurrent use.
type Engine struct{ cfg Config }

// New compiles an engine.
func New(cfg Config) (*Engine, error) { return &Engine{cfg: cfg}, nil }

// With returns an engine that also knows these people.
func (e *Engine) With(people ...KnownPerson) *Engine { return e }

// Find appends the spans of text to dst, sorted and without overlap.
func (e *Engine) Find(dst []Span, text []byte) []Span { return dst }

// Append appends the redacted form of text to dst.
func (e *Engine) Append(dst, text []byte) []byte { return append(dst, text...) }

// Writer redacts a stream: any chunking gives the same bytes as the whole
// text. Close flushes the held-back tail.
func (e *Engine) Writer(w io.Writer) io.WriteCloser { return nil }

// Handler returns a slog handler that redacts every attribute and message
// before next sees it.
func (e *Engine) Handler(next slog.Handler) slog.Handler { return next }

// ErrUnread: a text that could not be read is withheld, never passed.
var ErrUnread = errors.New("text could not be read and is withheld")
