// Package audit is the trail: what was shown, changed or refused, written
// before it happens, provable afterwards, and silent about the erased.
//
// # The way of an event
//
// [Trail.Append] looks up the data key of each subject the event names, and
// makes the leaf: a line of JSON with the event's facts, one tag per subject
// and one commitment per personal value. The leaf waits for its batch. One
// transaction stores the batch's leaves, sealed values, full hash tiles, and
// the head: the RFC 6962 root over all leaves so far, signed by the process.
// Then all of the batch are acknowledged. Each second the keeper signs a
// checkpoint over the head.
//
// # Formats
//
//	leaf        {"time":…,"kind":…,…,"subjects":[tag…],"personal":{name:commitment}}
//	tag         HMAC-SHA256(HKDF(data key, "privet tag v1"), subject), 24 bytes, base64url
//	commitment  HMAC-SHA256(opening, name ‖ 0 ‖ value), base64url; opening: 32 random bytes
//	sealed      AES-256-GCM(HKDF(data key, "privet seal v1"), openings and values)
//	tree        RFC 6962 §2.1 over leaves; checkpoint: C2SP tlog-checkpoint
//	receipt     <lane>.<index>; a lane is one log, its origin <Origin>/<lane>
//
// # Promises, and how it fails
//
// An acknowledged entry is durable and under a signed root. If that cannot be
// had within Config.Timeout, Append answers [ErrClosed], and the caller shows
// nothing. After a commit whose outcome is unknown the head is read back before
// the next batch. No lane has two writers: every batch compares and swaps the
// head and its holder.
//
// A leaf holds no personal data, and nothing that can be guessed: what it holds
// in place of personal data is keyed with a secret of the subject. Erasing a
// subject destroys that secret; leaves, roots and proofs stay as they are.
//
// # Why not a hash chain, or a log server
//
// A chain cannot prove one entry without all, nor prune. A log server acknowledges
// an entry after its own batch timers; here the transaction that stores an entry
// also stores the root over it, so there is nothing to wait for.
package audit

import (
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

// Entry is one stored event.
type Entry struct {
	Receipt Receipt
	Time    time.Time
	Event   Event
	Tags    []string // of the subjects, in their order
	Erased  []string // tags whose subject is erased: Event.Subjects says "" there
}

// Errors.
var (
	// ErrClosed: the trail cannot be written, so nothing may be shown.
	ErrClosed = errors.New("the trail cannot be written")
	// ErrEvent: the event is not well formed; a mistake of the program.
	ErrEvent = errors.New("event is not well formed")
	// ErrErased: the key that could open this was destroyed with its subject.
	ErrErased = errors.New("subject is erased")
	// ErrHeld: a legal hold forbids erasing the subject.
	ErrHeld = errors.New("subject is under legal hold")
	// ErrNone: there is no such entry.
	ErrNone = errors.New("no such entry")
	// ErrPruned: the entry's retention is over; its hash remains.
	ErrPruned = errors.New("entry was pruned")
	// ErrBroken: the stored trail contradicts its own signed head.
	ErrBroken = errors.New("the stored trail does not match its signed head")
)
