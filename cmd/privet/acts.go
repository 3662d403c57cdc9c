package main

import (
	"context"
	"errors"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// acts writes what happens at the door into the trail.
type acts struct{ trail *audit.Trail }

// Record appends one act and returns its receipt.
func (a acts) Record(ctx context.Context, act mfa.Act) (string, error) {
	e := audit.Event{Kind: act.Kind, Agent: act.Agent, Session: act.Session,
		Outcome: act.Outcome, Reason: act.Reason, Detail: act.Detail}
	if act.Subject != "" {
		e.Subjects = []string{act.Subject}
	}
	receipt, err := a.trail.Append(ctx, e)
	return string(receipt), err
}

// rulesChanged writes down that a bundle follows another. The first one of a
// process stands in its start.
func (h *house) rulesChanged(a policy.Activation) {
	if a.From == "" {
		return
	}
	detail := map[string]string{"from": a.From, "changes": strconv.Itoa(a.Changes), "loosens": strconv.FormatBool(a.Loosens)}
	if len(a.Approved) > 0 {
		detail["approved_by"] = strings.Join(a.Approved, " ")
	}
	h.rulesEvent(audit.Event{Kind: "policy.change", Outcome: "allowed", Bundle: a.To, Detail: detail})
}

// rulesRefused writes down that rules were asked for and are not in force.
func (h *house) rulesRefused(err error) {
	h.log.Error("new rules are not in force", "error", err)
	reason := "unavailable"
	for _, known := range []struct {
		err    error
		reason string
	}{{policy.ErrLoosens, "approval_missing"}, {policy.ErrApproval, "approval_invalid"}, {policy.ErrTests, "tests_contradict"},
		{policy.ErrRules, "rules_invalid"}, {policy.ErrCatalogue, "catalogue_invalid"}, {policy.ErrBundle, "bundle_unreadable"}} {
		if errors.Is(err, known.err) {
			reason = known.reason
			break
		}
	}
	detail, event := err.Error(), audit.Event{Kind: "policy.change", Outcome: "refused", Reason: reason}
	if now := h.inForce().policy; now != nil {
		event.Bundle = now.Bundle() // it stays
	}
	event.Detail = map[string]string{"cause": strings.ToValidUTF8(detail[:min(len(detail), 400)], "")}
	h.rulesEvent(event)
}

func (h *house) rulesEvent(e audit.Event) {
	if _, err := h.trail.Append(context.Background(), e); err != nil {
		h.log.Error("change of rules not recorded", "error", err)
	}
}
