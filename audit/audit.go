// Package audit is the trail: what was shown, changed or refused, written
// before it happens, provable afterwards.
package audit

import (
	"context"
	"errors"
	"time"
)

// Event is one act. All but Personal and Subjects is stored in the clear and
// must hold no personal data of a cardholder.
type Event struct {
	Kind     string            // "view.intent", "view.outcome", "refusal", "signin.code", …
	Agent    string            // who acted, "" if nobody was proven
	Roles    []string          //
	Session  string            // the session's public id, never its token
	Tool     string            //
	Screen   string            //
	Outcome  string            // "allowed", "refused", "failed", …
	Reason   string            // a code, "totp_reused"
	Purpose  string            //
	Case     string            //
	Request  string            // request id
	Intent   Receipt           // of an outcome: the intent it answers
	Bundle   string            // digest of rules and catalogue
	Records  int               //
	Classes  map[string]string // class → treatment
	Detail   map[string]string // further facts without personal data
	Subjects []string          // cardholders; the trail stores their tags
	Personal map[string]string // name → value; committed, stored under the subject's key
}

// Receipt is the trail's name for one entry, URL-safe: "<origin>.<index>".
type Receipt string

// Entry is one stored event.
type Entry struct {
	Receipt Receipt
	Time    time.Time
	Event   Event
}

// ErrClosed: the trail cannot be written, so nothing may be shown.
var ErrClosed = errors.New("the trail cannot be written")

// Trail is an open trail.
type Trail struct{}

// Append returns when the entry is durable and under a signed root.
func (t *Trail) Append(ctx context.Context, e Event) (Receipt, error) { return "", ErrClosed }

// Ready says whether the trail can be written, and why not.
func (t *Trail) Ready(ctx context.Context) error { return ErrClosed }
