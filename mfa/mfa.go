// Package mfa answers "is this really our agent, and since when?", and "is this
// caller the cardholder?".
//
// # Signing in
//
// [Door.Login] takes a name and a password and gives a ticket; [Door.Code] takes
// the ticket and a code and gives a session. A ticket lives five minutes and
// serves once. The session's token is 256 random bits; the database holds its
// SHA-256 only.
//
// # One-time codes
//
// pquerna/otp computes the HMAC; which step a code belongs to, and whether it
// may still be spent, is decided here. For every device there is at any moment
// exactly one step whose code is accepted, so a code is good for 30 s (ASVS
// 6.5.5). A step is spent by compare-and-swap (last_step < step) in the very
// transaction that creates the session: of any number of submissions on any
// number of replicas one succeeds (RFC 6238 §5.2, PCI DSS 8.5.1), also when the
// clock is set back. Every step within ±5 min is computed, without an early
// exit; two consecutive codes from outside the window that agree about the
// device's clock move its window (RFC 6238 §6), and are themselves refused.
//
// # Lockout
//
// Ten tries of the second factor, then 30 minutes (PCI DSS 8.3.4). A try is
// reserved before a code is looked at, by one conditional UPDATE, so exactly ten
// are evaluated however many come at once. Only who has proven the first factor
// can use tries up: nobody else can lock an agent out. Wrong passwords are
// slowed by network instead, counted across replicas, and cost the same time as
// right ones.
//
// # Sessions
//
// A check in the request path is a lookup in memory; the record behind it is
// read again when that is a second old. An end (sign-out, lock, role change, idle
// time) is one UPDATE: this replica closes [Door.Ended] at once, the others when
// they next ask which sessions ended, twenty times a second. When that question
// has gone unanswered for half a second every stream is closed: what cannot be
// checked is not shown, and an end holds within a second everywhere.
//
// # Notices
//
// An agent is told of what happened to their own sign-in (ASVS 5 6.3.5, 6.3.7): a
// [Notice] is a row of the transaction that it tells of, shown at the desk until
// its agent confirms it, and sent to the address of the directory, if there is
// one, by whichever replica takes it first. No sign-in waits for that; one that
// cannot be sent three times over is given up, and the trail has it.
//
// # Failure
//
// Every act is written to the trail. A sign-in that cannot be written does not
// happen; an end happens first and is written then. When database, keeper or
// trail are away the answer is an error, never a session.
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

// Cardholders knows the channels on file of the system of record.
type Cardholders interface {
	// ChannelOf returns the address of a channel and when it last changed (the
	// zero time if that is not known). An error means that there is none.
	ChannelOf(ctx context.Context, subject, channel string) (address string, changed time.Time, err error)
}

// Proof is one proven factor.
type Proof struct {
	Kind string    `json:"kind"` // "password", "totp", "passkey", "recovery", "sso", "sso_mfa"
	At   time.Time `json:"at"`
}

// Session is a proven agent. It is shared: read only.
type Session struct {
	ID       string // public, for lists and the trail; not the token
	Agent    string
	Name     string
	Kind     string // "agent" or "officer"
	Roles    []string
	Groups   []string
	Region   string
	Proofs   []Proof
	Purpose  string
	Case     string
	Glass    string    // why the glass is broken; "" where it is not
	GlassEnd time.Time // when it mends
	Created  time.Time
	Seen     time.Time // last user activity, to about ten seconds
	Expires  time.Time // the earlier of idle and absolute limit
	Language string
	Address  string
	Browser  string

	ends time.Time // the absolute limit
}

// Fresh says when the newest second factor was proven; zero if none was.
func (s *Session) Fresh() time.Time {
	var at time.Time
	for _, p := range s.Proofs {
		if (p.Kind == "totp" || p.Kind == "passkey" || p.Kind == "recovery" || p.Kind == "sso_mfa") && p.At.After(at) {
			at = p.At
		}
	}
	return at
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
	ErrSlow      = errors.New("too many tries from this address")
	ErrChannel   = errors.New("no such channel on file")
	ErrRecent    = errors.New("channel was changed too recently")
	ErrUndated   = errors.New("it is not known when the channel was last changed")
	ErrWeak      = errors.New("password is too short, common or known from a breach")
	ErrUnknown   = errors.New("no agent of this name")
	ErrExists    = errors.New("an agent of this name exists")
	ErrReturn    = errors.New("return address is not one of our tools, or not from this browser")
	ErrPasskey   = errors.New("this role signs in with a passkey")
	ErrInput     = errors.New("input out of bounds")
)
