// Package policy answers "what may they see?".
package policy

import (
	"context"
	"errors"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// Question is all that a decision may rest on.
type Question struct {
	Agent          string
	Roles          []string
	Groups         []string
	Region         string
	Tool           string
	Screen         string
	Subject        string // "" where the screen names none
	Purpose        string
	Case           string
	Proofs         []Proof
	CallerVerified bool // for this subject, now
	Address        string
	Time           time.Time
	BreakGlass     string // the reason given, "" if none
}

// Proof is one proven factor and when.
type Proof struct {
	Kind string
	At   time.Time
}

// Ruling is what the rules say of one class.
type Ruling struct {
	Do   redact.Treatment
	Why  string // the rule's reason
	Rule string // file:line
}

// Decision is the compiled answer: a plan, or a refusal, or a demand to step up.
type Decision struct {
	Plan    *redact.Plan
	Bundle  string // digest of rules and catalogue
	Classes map[redact.Class]Ruling
	Refused string        // a code, "" if allowed
	StepUp  time.Duration // >0: a proof not older than this is wanted
}

// Screen is one kind of page or call of a tool.
type Screen struct {
	Tool    string
	ID      string // "account.view"
	Method  string
	Path    string // a net/http.ServeMux pattern's path, "/api/accounts/{subject}"
	Media   string // what the tool answers: "application/json", "text/html", …
	Subject string // the path parameter that names the cardholder, "" if none
}

// ErrScreen: no such screen is configured, so it does not exist.
var ErrScreen = errors.New("no such screen")

// Engine holds the rules and the catalogue. (Constructor: Open(ctx, Config).)
type Engine struct{}

// Match finds the screen of a canonical request, and its path parameters.
func (e *Engine) Match(tool, method, path string) (*Screen, map[string]string, error) {
	return nil, nil, ErrScreen
}

// Decide answers one question for one screen.
func (e *Engine) Decide(ctx context.Context, s *Screen, q *Question) (*Decision, error) {
	return nil, ErrScreen
}

// Ready says whether the rules in force are the ones asked for, and why not.
func (e *Engine) Ready() error { return nil }
