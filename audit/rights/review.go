package rights

import (
	"context"
	"crypto/subtle"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Officer is who reviews: the account's name, and the cardholder it belongs to, if any.
type Officer struct {
	Name    string
	Subject string // "" unless the officer is a cardholder too
}

// MakePlan locates and plans afresh. The same rows under the same map give the same
// hash, so that planning again changes nothing then; approvals of another hash fall away.
func (o *Office) MakePlan(ctx context.Context, id, actor string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Facts.Proven == nil {
		return nil, ErrUnproven
	}
	if r.Facts.Begun {
		return nil, fmt.Errorf("%w: writing has begun, so the plan stands", ErrTransition)
	}
	if starts := []Status{Verified, Appealed, NeedsAttention}; slices.Contains(starts, r.Status) {
		if _, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
			if slices.Contains(starts, r.Status) {
				r.Status, r.nextAt = Planning, o.Now().Add(leaseLife)
			}
			return nil
		}); err != nil {
			return nil, err
		}
	}
	plan, err := o.plan(ctx, r)
	switch {
	case errors.Is(err, ErrNobody):
		return o.end(ctx, id, DeniedNoMatch, "no system holds a row about this person")
	case err != nil:
		return nil, fmt.Errorf("plan: %w", err)
	}
	hash, err := plan.Hash()
	if err != nil {
		return nil, err
	}
	sealed, err := o.Keys.Seal(ctx, "request/"+id, []byte(mustJSON(plan)))
	if err != nil {
		return nil, err
	}
	receipt, err := o.note(ctx, r, "rights.planned", actor, "allowed", map[string]string{"plan_hash": hash, "rows": fmt.Sprint(plan.Rows), "kept": fmt.Sprint(len(plan.Kept))})
	if err != nil {
		return nil, err
	}
	return o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		if err := savePlan(ctx, tx, id, sealed); err != nil {
			return err
		}
		stands := r.Facts.PlanHash == hash && r.Status != Planning
		r.Facts.PlanHash, r.Facts.Planned = hash, summary(plan)
		r.Facts.Approvals = slices.DeleteFunc(r.Facts.Approvals, func(a Approval) bool { return a.Hash != hash })
		switch {
		case stands:
		case r.Approved(): // what had drifted is again as it was approved
			r.Status, r.nextAt = Scheduled, o.starts(r)
		case r.approvals() > 0:
			r.Status, r.nextAt = AwaitingSecond, time.Time{}
		default:
			r.Status, r.nextAt = InReview, time.Time{}
		}
		return o.tell(ctx, tx, r, "planned", actor, string(receipt), map[string]string{"rows": fmt.Sprint(plan.Rows)})
	})
}

// starts is when an approved request may begin: after the days of grace, if it destroys.
func (o *Office) starts(r *Request) time.Time {
	if r.Right == Erase {
		return o.Now().UTC().Add(o.Grace)
	}
	return o.Now().UTC()
}

// plan makes a plan for a request; it reads and writes nothing.
func (o *Office) plan(ctx context.Context, r *Request) (*Plan, error) {
	salt := o.mac("plan", r.ID)
	regime := o.Laws.Regime(r.Facts.Regime, r.Received)
	return makePlan(ctx, o.Map, o.Laws, o.Holders, &Plan{Right: r.Right, Salt: salt, Seeds: r.Body.Seeds, Wishes: r.Body.Corrections, Edits: r.Body.Edits}, regime, r.Received)
}

func summary(p *Plan) *Summary {
	s := &Summary{Rows: p.Rows, Shared: p.Shared, Others: p.Others, Kept: len(p.Kept), Calls: p.Calls, Warning: p.Warning, Left: withheld(p)}
	for _, step := range p.Steps {
		s.Steps = append(s.Steps, StepSummary{step.System, step.Collection, step.Action, len(step.Targets)})
	}
	for _, k := range p.Kept {
		if why := k.Why + " (" + k.Cite + ")"; !slices.Contains(s.Reasons, why) {
			s.Reasons = append(s.Reasons, why)
		}
	}
	return s
}

// Approve is one officer's yes to the plan with this hash. Never for oneself, never
// before identity is proven, never under a hold; two different officers for an erasure.
func (o *Office) Approve(ctx context.Context, id string, who Officer, hash string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	refuse := func(err error) (*Request, error) {
		_, noteErr := o.note(ctx, r, "rights.approve", who.Name, "refused", map[string]string{"reason": err.Error()})
		return nil, errors.Join(err, noteErr)
	}
	switch {
	case who.Name == "":
		return nil, fmt.Errorf("%w: an approval needs an officer", ErrInvalid)
	case r.Facts.Proven == nil:
		return refuse(ErrUnproven)
	case who.Subject != "" && who.Subject == r.Body.Subject:
		return refuse(fmt.Errorf("%w: nobody approves a request of their own", ErrSame))
	case r.Facts.PlanHash == "" || subtle.ConstantTimeCompare([]byte(hash), []byte(r.Facts.PlanHash)) != 1:
		return refuse(fmt.Errorf("%w: plan_hash is not that of the plan that stands; look at the plan again", ErrDrift))
	}
	if held, err := o.Held(ctx, r); err != nil || held != "" {
		return refuse(errors.Join(err, fmt.Errorf("%w: %s", ErrHeld, held)))
	}
	plan, err := o.PlanOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if r.Right == Correct && len(plan.Steps) == 0 {
		return refuse(invalid("nothing", "no row says what is to be corrected; ask the person, or deny the request"))
	}
	receipt, err := o.note(ctx, r, "rights.approve", who.Name, "allowed", map[string]string{"plan_hash": hash})
	if err != nil {
		return nil, err
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		if r.Status != InReview && r.Status != AwaitingSecond {
			return fmt.Errorf("%w: %s", ErrTransition, r.Status)
		}
		if r.Facts.PlanHash != hash {
			return ErrDrift
		}
		for _, a := range r.Facts.Approvals {
			if a.Officer == who.Name && a.Hash == hash {
				return ErrSame
			}
		}
		now := o.Now().UTC()
		r.Facts.Approvals = append(r.Facts.Approvals, Approval{who.Name, hash, now, string(receipt)})
		if !r.Approved() {
			r.Status = AwaitingSecond
			return o.tell(ctx, tx, r, "approved_once", who.Name, string(receipt), nil)
		}
		r.Status, r.nextAt = Scheduled, o.starts(r)
		if err := o.layOut(ctx, tx, r, plan); err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "approved", who.Name, string(receipt), map[string]string{"starts": r.nextAt.UTC().Format(time.RFC3339)})
	})
	o.nudge()
	return out, err
}

// layOut writes a plan's steps down as rows, so that each has a state of its own.
func (o *Office) layOut(ctx context.Context, tx *sql.Tx, r *Request, plan *Plan) error {
	if _, err := tx.ExecContext(ctx, "DELETE FROM rights_steps WHERE request = $1", r.ID); err != nil {
		return err
	}
	n := 0
	add := func(system, name string, action Action) error {
		n++
		_, err := tx.ExecContext(ctx, "INSERT INTO rights_steps (request, n, system, name, action, state, attempts, detail) VALUES ($1, $2, $3, $4, $5, 'pending', 0, '{}')",
			r.ID, n, system, name, action)
		return err
	}
	for _, s := range plan.Steps {
		if err := add(s.System, s.Collection, s.Action); err != nil {
			return err
		}
	}
	if r.Right == Access {
		return nil
	}
	for _, s := range o.Map.Systems {
		if !slices.ContainsFunc(plan.Steps, func(p PlanStep) bool { return p.System == s.Name }) {
			continue
		}
		for _, name := range s.Recipients {
			if len(name) > 7 && name[:7] == "notify:" {
				if err := add(s.Name, name[7:], Notify); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Notify is the action of a step that tells a recipient.
const Notify Action = "notify"

func mustJSON(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain structs of this package always encode
	}
	return string(raw)
}
