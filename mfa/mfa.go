// Package mfa answers "is this really our agent, and since when?", and "is this
// caller the cardholder?".
package mfa

import (
	"context"
	"errors"
	"time"
)

// Sealer keeps small secrets; the keeper is one.
type Sealer interface {
	Seal(ctx context.Context, context string, secret []byte) ([]byte, error)
	Open(ctx context.Context, context string, sealed []byte) ([]byte, error)
}

// Act is something that happened here and belongs in the trail.
type Act struct {
	Kind    string // "signin.password", "signin.code", "session.end", "caller.verify", …
	Agent   string
	Session string
	Outcome string // "allowed" or "refused"
	Reason  string // a code
	Subject string // the caller's cardholder id
	Detail  map[string]string
}

// Trail writes acts down. An act that cannot be written does not happen.
type Trail interface {
	Record(ctx context.Context, act Act) (receipt string, err error)
}

// Post sends one message to a person (an e-mail, an SMS).
type Post interface {
	Send(ctx context.Context, to, subject, body string) error
}

// Proof is one proven factor.
type Proof struct {
	Kind string // "password", "totp", "passkey", "recovery"
	At   time.Time
}

// Session is a proven agent.
type Session struct {
	ID       string // public, for lists and the trail; not the token
	Agent    string
	Name     string
	Roles    []string
	Groups   []string
	Region   string
	Proofs   []Proof
	Purpose  string
	Case     string
	Created  time.Time
	Expires  time.Time // the earlier of idle and absolute limit
	Language string
}

// Refusal is a no that was recorded.
type Refusal struct {
	Err        error  // one of the sentinels
	Receipt    string // of the refusal in the trail
	RetryAfter time.Duration
}

func (r *Refusal) Error() string { return r.Err.Error() }

// Unwrap gives the sentinel.
func (r *Refusal) Unwrap() error { return r.Err }

// Refusals.
var (
	ErrNoSession = errors.New("no session")
	ErrWrong     = errors.New("wrong name, password or code")
	ErrLocked    = errors.New("locked after too many tries")
	ErrTicket    = errors.New("ticket expired or unknown")
	ErrUnproven  = errors.New("caller is not verified")
)

// Door proves people. (Constructor: Open(ctx, Config).)
type Door struct{}

// Session returns the session of a token, or ErrNoSession.
func (d *Door) Session(ctx context.Context, token string) (*Session, error) {
	return nil, ErrNoSession
}

// Ended is closed when the session ends, on whichever replica.
func (d *Door) Ended(sessionID string) <-chan struct{} { return nil }

// CallerVerified says until when the caller is proven to be this subject, for
// this session; the zero time if not.
func (d *Door) CallerVerified(ctx context.Context, sessionID, subject string) (time.Time, error) {
	return time.Time{}, nil
}
