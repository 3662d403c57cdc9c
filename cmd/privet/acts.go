package main

import (
	"context"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
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
