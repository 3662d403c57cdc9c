package rights

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Status is where a request stands. After a slash stands the outcome.
type Status string

// The main line, the side states and the ends.
const (
	Received         Status = "received"
	IdentityPending  Status = "identity_pending"
	Verified         Status = "verified"
	Planning         Status = "planning"
	InReview         Status = "in_review"
	AwaitingSecond   Status = "awaiting_second_approval"
	Scheduled        Status = "scheduled" // the last state in which a withdrawal is always honoured
	Executing        Status = "executing"
	AwaitingExternal Status = "awaiting_external" // people or partners have a step in hand
	Verifying        Status = "verifying"
	Notifying        Status = "notifying_recipients"
	NeedsAttention   Status = "needs_attention" // partial failure; never an end

	CompletedFull    Status = "completed/full"
	CompletedPartial Status = "completed/partial_lawful" // something is kept, and the law names it

	DeniedNotVerified Status = "denied/not_verified"
	DeniedNoMatch     Status = "denied/no_match"
	DeniedExempt      Status = "denied/exempt"
	DeniedOutOfScope  Status = "denied/out_of_scope"
	DeniedExcessive   Status = "denied/excessive"
	DeniedFraud       Status = "denied/fraud"
	DeniedOther       Status = "denied/other"

	Withdrawn Status = "withdrawn"
	Expired   Status = "expired"
	Merged    Status = "merged_duplicate" // only after identity is proven
	Appealed  Status = "appealed"         // this request is an appeal of an earlier one
)

// ErrTransition: the request's state does not allow this act.
var ErrTransition = errors.New("not possible in this state")

// Wire is a status in the words of the public protocols.
type Wire struct {
	OpenDSR string // OpenDSR 2.0 §8
	DRP     string // Data Rights Protocol 1.0 §3.02, state or state/reason
	Ketch   string // Ketch forwarder dsr/v1
	Fides   string // nearest PrivacyRequestStatus
	Final   bool
}

// ofSurvivor: a merged request answers with the status of the one that goes on.
const ofSurvivor = "status of the surviving request"

// wires has one row a status; the test holds it against the published vocabularies.
func wires() map[Status]Wire {
	moving := func(fides string) Wire {
		return Wire{"in_progress", "in_progress", "in_progress", fides, false}
	}
	waiting := func(fides string) Wire { return Wire{"pending", "in_progress", "in_progress", fides, false} }
	denied := func(drp string) Wire {
		return Wire{"cancelled + extension.reason", drp, "completed/unknown + resultMessage", "denied", true}
	}
	return map[Status]Wire{
		Received:         {"pending", "open", "pending", "pending", false},
		IdentityPending:  {"pending", "in_progress/need_user_verification", "pending/need_user_verification", "identity_unverified", false},
		Verified:         waiting("approved"),
		Planning:         waiting("approved"),
		InReview:         waiting("pending"),
		AwaitingSecond:   waiting("awaiting_pre_approval"),
		Scheduled:        waiting("paused"),
		Executing:        moving("in_processing"),
		AwaitingExternal: moving("pending_external"),
		Verifying:        moving("in_processing"),
		Notifying:        moving("in_processing"),
		NeedsAttention:   moving("error"),

		CompletedFull:    {"completed", "fulfilled", "completed/executed", "complete", true},
		CompletedPartial: {"completed", "fulfilled + processing_details", "completed/executed + resultMessage", "complete", true},

		DeniedNotVerified: {"cancelled + extension.reason", "denied/insuf_verification", "completed/insufficient_identification", "denied", true},
		DeniedNoMatch:     {"completed + results_count 0", "denied/no_match", "completed/no_match", "complete", true},
		DeniedExempt:      denied("denied/claim_not_covered"),
		DeniedOutOfScope:  denied("denied/outside_jurisdiction"),
		DeniedExcessive:   denied("denied/too_many_requests"),
		DeniedFraud:       {"cancelled (no reason leaked)", "denied/suspected_fraud", "completed/unknown", "denied", true},
		DeniedOther:       {"cancelled + extension.reason", "denied/other", "completed/unknown", "denied", true},

		Withdrawn: {"cancelled", "revoked", "completed/unknown", "canceled", true},
		Expired:   {"cancelled", "expired", "completed/insufficient_identification", "identity_unverified", true},
		Merged:    {ofSurvivor, ofSurvivor, ofSurvivor, "duplicate", true},
		Appealed:  {"(new linked request)", "(new linked request)", "(new linked request)", "pending", false},
	}
}

// Wire gives the status in other protocols' words.
func (s Status) Wire() Wire { return wires()[s] }

// Final says whether nothing more can happen to the request itself.
func (s Status) Final() bool { return wires()[s].Final }

// Known says whether s is a status at all.
func (s Status) Known() bool { _, ok := wires()[s]; return ok }

// among are the statuses that s names: itself, or all below a word.
func (s Status) among() (all []Status) {
	for _, one := range slices.Sorted(maps.Keys(wires())) {
		if one == s || strings.HasPrefix(string(one), string(s)+"/") {
			all = append(all, one)
		}
	}
	return all
}

// Denied lists the reasons a request can be denied for, as an officer names them.
func Denied() []string {
	return []string{"not_verified", "no_match", "exempt", "out_of_scope", "excessive", "fraud", "other"}
}

// next is the state machine: what may follow what. Withdrawal and denial are
// lawful until the first irreversible write, which is why they stop at scheduled.
func next(s Status) []Status {
	open := []Status{Withdrawn, DeniedExempt, DeniedOutOfScope, DeniedExcessive, DeniedFraud, DeniedOther, DeniedNotVerified, DeniedNoMatch}
	switch s {
	case Received:
		return append(open, IdentityPending, Verified, Expired, InReview)
	case Appealed: // its person is proven already; an officer refuses again, or plans
		return append(open, Planning)
	case IdentityPending:
		return append(open, Verified, Expired)
	case Verified:
		return append(open, Planning, Merged)
	case Planning:
		return append(open, InReview, AwaitingSecond, Scheduled, NeedsAttention)
	case InReview:
		return append(open, Planning, AwaitingSecond, Scheduled)
	case AwaitingSecond:
		return append(open, Planning, Scheduled, InReview)
	case Scheduled:
		return append(open, Executing, InReview, Planning)
	case Executing:
		return []Status{AwaitingExternal, Verifying, NeedsAttention}
	case AwaitingExternal:
		return []Status{Executing, Verifying, NeedsAttention}
	case Verifying:
		return []Status{Executing, Notifying, NeedsAttention, CompletedFull, CompletedPartial}
	case Notifying:
		return []Status{Verifying, NeedsAttention, CompletedFull, CompletedPartial}
	case NeedsAttention:
		return []Status{Planning, Executing, Verifying, Notifying, AwaitingExternal}
	}
	return nil
}

// To says whether a request may go from s to t.
func (s Status) To(t Status) error {
	if slices.Contains(next(s), t) {
		return nil
	}
	return fmt.Errorf("%w: %s does not become %s", ErrTransition, s, t)
}
