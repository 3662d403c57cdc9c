package gateway

import (
	"context"
	"slices"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// count adds what was seen to the agent's daily limit, where the rules keep one.
func (g *Gateway) count(v *visit, shown *redact.Tally) {
	limited, ok := g.cfg.Policy.(interface {
		Seen(ctx context.Context, agent string, tally redact.Tally) error
	})
	if !ok || v.session == nil {
		return
	}
	seen := *shown
	seen.Records, seen.Subjects = max(seen.Records-v.metered.Records, 0), seen.Subjects[min(len(v.metered.Subjects), len(seen.Subjects)):]
	if whom := v.question.Subject; whom != "" && len(seen.Shown)+len(seen.Masked) > 0 { // a page does not say whom it is about
		seen.Records = max(seen.Records, 1)
		if !slices.Contains(seen.Subjects, whom) {
			seen.Subjects = append(slices.Clip(seen.Subjects), whom)
		}
	}
	if err := limited.Seen(context.WithoutCancel(v.r.Context()), v.session.Agent, seen); err != nil {
		g.cfg.Logger.Error("count what was seen", "error", err)
	}
}

// meter counts the records of a view towards the agent's daily limit as they
// come, and ends it where that is reached. A document inside another has a
// tally of its own.
func (v *visit) meter() func(*redact.Tally) error {
	limited, ok := v.g.cfg.Policy.(interface {
		Meter(q *policy.Question) func(ctx context.Context, records int, subjects []string) error
	})
	if !ok || v.session == nil {
		return func(*redact.Tally) error { return nil }
	}
	spend := limited.Meter(&v.question)
	if spend == nil {
		return func(*redact.Tally) error { return nil }
	}
	var of *redact.Tally
	var records, subjects int
	return func(sofar *redact.Tally) error {
		nested := of != nil && of != sofar
		if of != sofar {
			of, records, subjects = sofar, 0, 0
		}
		more, new := sofar.Records-records, sofar.Subjects[subjects:]
		if more <= 0 && len(new) == 0 {
			return nil
		}
		records, subjects = sofar.Records, len(sofar.Subjects)
		v.metered.Records += max(more, 0)
		if v.metered.Subjects = sofar.Subjects; nested || v.nested { // counted again at the end: once is once
			v.metered.Subjects, v.nested = nil, true
		}
		return spend(context.WithoutCancel(v.r.Context()), max(more, 0), new)
	}
}

// planMetered is planNow for an answer that is short enough to be shown whole or
// not at all: the plan stays.
func (v *visit) planMetered() func(*redact.Tally) (*redact.Plan, error) {
	spend := v.meter()
	return func(sofar *redact.Tally) (*redact.Plan, error) { return v.decision.Plan, spend(sofar) }
}
