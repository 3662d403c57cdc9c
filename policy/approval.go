package policy

import (
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// ErrApproval: an officer's word is not one for this change, or not any more.
var ErrApproval = errors.New("approval")

// ApprovalLife is how long an officer's word is good: a change goes out within a
// window of days, over a weekend too. What lies about longer would let anybody
// who can write a file undo a roll-back with it.
const ApprovalLife = 7 * 24 * time.Hour

// clocksApart is how far an officer's clock may be ahead of ours.
const clocksApart = 10 * time.Minute

// approvalText is what an officer signs: that one bundle may follow another.
func approvalText(from, to string) string {
	return "privet policy activation\nfrom " + from + "\nto " + to + "\n"
}

// Approve signs at a time that what to names may follow what from names (C2SP
// signed-note; the signer's name is the officer's). It is good for [ApprovalLife].
func Approve(from, to string, at time.Time, officer note.Signer) ([]byte, error) {
	signed, err := note.Sign(&note.Note{Text: approvalText(from, to) + "given " + at.UTC().Format(time.RFC3339) + "\n"}, officer)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	return signed, nil
}

// ApprovedBy returns the officers (verifier keys) who have signed that what to
// names may follow what from names; none where there is no approval. An approval
// of something else, of nobody known, or out of its time is ErrApproval.
func ApprovedBy(approval []byte, from, to string, now time.Time, officers []string) ([]string, error) {
	known, err := verifiers(officers)
	if err != nil {
		return nil, err
	}
	return approvedBy(approval, from, to, "", term{until: now}, known)
}

// term is when an approval must have been given to count now.
type term struct {
	after time.Time // what it approves was taken out of force then: a word from before is used up
	until time.Time // now
}

// approvedBy leaves out the one named as the bundle's own signer.
func approvedBy(approval []byte, from, to, author string, when term, officers note.Verifiers) ([]string, error) {
	if len(approval) == 0 {
		return nil, nil
	}
	n, err := note.Open(approval, officers)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	said, ok := strings.CutPrefix(n.Text, approvalText(from, to))
	if !ok {
		return nil, fmt.Errorf("%w: is for another change", ErrApproval)
	}
	at, err := time.Parse("given "+time.RFC3339+"\n", said)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: does not say when it was given; sign it again", ErrApproval)
	case when.until.Sub(at) > ApprovalLife:
		return nil, fmt.Errorf("%w: was given %s and is good for %v; sign it again", ErrApproval, at.Format(time.RFC3339), ApprovalLife)
	case at.Before(when.after.Truncate(time.Second)):
		return nil, fmt.Errorf("%w: was given %s, and what it is for was taken out of force again %s; sign it again", ErrApproval, at.Format(time.RFC3339), when.after.UTC().Format(time.RFC3339))
	case at.Sub(when.until) > clocksApart:
		return nil, fmt.Errorf("%w: was given %s, which is yet to come; look at the officer's clock, or at this one", ErrApproval, at.Format(time.RFC3339))
	}
	var names []string
	for _, s := range n.Sigs {
		if s.Name != author {
			names = append(names, s.Name)
		}
	}
	return names, nil
}

// leave remembers that a bundle is not in force any more.
func (e *Engine) leave(bundle string) {
	now := e.cfg.Clock()
	maps.DeleteFunc(e.left, func(_ string, at time.Time) bool { return now.Sub(at) > ApprovalLife })
	if e.left == nil {
		e.left = map[string]time.Time{}
	}
	e.left[bundle] = now
}

func verifiers(keys []string) (note.Verifiers, error) {
	var officers []note.Verifier
	for _, key := range keys {
		v, err := note.NewVerifier(key)
		if err != nil {
			return nil, fmt.Errorf("%w: officer's key: %w", ErrApproval, err)
		}
		officers = append(officers, v)
	}
	return note.VerifierList(officers...), nil
}
