package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// verify looks for proof that every write is so. It looks at once, and again after
// the declared propagation time: a copy may live on in a cache, a feeding system
// may write the old value back. Within that time a finding is a reason to wait;
// after it, one for a person.
func (o *Office) verify(ctx context.Context, r *Request) error {
	plan, err := o.planInHand(ctx, r)
	if err != nil {
		return err
	}
	if r.Right == Access {
		return o.checkPackage(ctx, r, plan)
	}
	found, err := o.prove(ctx, r, plan)
	if err != nil {
		if r.Facts.Blind < mostBlind && ctx.Err() == nil {
			return o.lookLater(ctx, r, err)
		}
		found = append(found, "could not be looked at: "+err.Error())
	}
	settled := o.settles(r, plan)
	now := o.Now()
	receipt, err := o.note(ctx, r, "rights.proof", machine, outcomeOf(found), map[string]string{"findings": fmt.Sprint(len(found)), "final": fmt.Sprint(!now.Before(settled))})
	if err != nil {
		return err
	}
	return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.Facts.Findings, r.Facts.Blind = found, 0
		switch {
		case now.Before(settled):
			r.nextAt = settled
			if len(found) == 0 {
				r.Facts.Proofs++
			}
			return o.tell(ctx, tx, r, "settling", machine, string(receipt), map[string]string{"until": settled.UTC().Format(time.RFC3339)})
		case len(found) > 0:
			r.Status, r.nextAt = NeedsAttention, time.Time{}
			return o.tell(ctx, tx, r, "needs_attention", machine, string(receipt), map[string]string{"findings": fmt.Sprint(len(found))})
		}
		r.Status, r.nextAt = Notifying, now
		r.Facts.Proofs++
		return o.tell(ctx, tx, r, "proven", machine, string(receipt), nil)
	})
}

// mostBlind is how often a proof may fail for want of an answer before a person
// is asked.
const mostBlind = 4

// lookLater waits for a holder that does not answer the proof's questions.
func (o *Office) lookLater(ctx context.Context, r *Request, cause error) error {
	return o.mine(ctx, r, func(_ *sql.Tx, r *Request) error {
		r.Facts.Blind++
		r.nextAt = o.Now().Add(backoff(r.ID, r.Facts.Blind))
		r.Facts.Findings = []string{"could not be looked at yet: " + cause.Error()}
		return nil
	})
}

func outcomeOf(found []string) string {
	if len(found) == 0 {
		return "proven"
	}
	return "unproven"
}

// settles is when the last copy must be gone, or the next sync be over.
func (o *Office) settles(r *Request, plan *Plan) time.Time {
	at := r.Received
	if r.Facts.Written != nil {
		at = *r.Facts.Written
	}
	var longest time.Duration
	for _, s := range plan.Steps {
		system := o.Map.System(s.System)
		longest = max(longest, system.Propagation)
		if r.Right == Correct {
			longest = max(longest, system.Sync)
		}
	}
	return at.Add(longest)
}

// prove asks three ways: each written row by another query than wrote it; each
// link that led to rows; and, for an erasure, each identifier by value everywhere.
// The systems are asked at once. It returns what it found, in words without personal data.
func (o *Office) prove(ctx context.Context, r *Request, plan *Plan) ([]string, error) {
	if o.naive {
		return nil, nil
	}
	steps, err := o.Steps(ctx, r.ID)
	if err != nil {
		return nil, err
	}
	lawful := lawful(plan)
	found, errs := make([][]string, len(o.Map.Systems)), make([]error, len(o.Map.Systems))
	var busy sync.WaitGroup
	for i := range o.Map.Systems {
		busy.Go(func() { found[i], errs[i] = o.proveIn(ctx, &o.Map.Systems[i], r, plan, steps, lawful) })
	}
	busy.Wait()
	return slices.Concat(found...), errors.Join(errs...)
}

// proveIn is prove in one system.
func (o *Office) proveIn(ctx context.Context, in *System, r *Request, plan *Plan, steps []Step, lawful map[string]map[string][]string) ([]string, error) {
	var found []string
	for i, s := range plan.Steps {
		if s.System != in.Name || (i < len(steps) && len(steps[i].Attests) >= 2) {
			continue // two people's word is the proof there is
		}
		left, err := o.Holders[s.System].Remains(ctx, o.Map.Collection(s.System, s.Collection), s.Action, s.Targets)
		if err != nil {
			return found, fmt.Errorf("%s.%s: %w", s.System, s.Collection, err)
		}
		if len(left) > 0 {
			found = append(found, fmt.Sprintf("%s.%s: %d of %d rows are not as they should be", s.System, s.Collection, len(left), len(s.Targets)))
		}
	}
	if r.Right != Erase {
		return found, nil
	}
	again, err := o.linksAgain(ctx, in, plan, lawful[in.Name])
	found = append(found, again...)
	if err != nil {
		return found, err
	}
	hits, err := o.search(ctx, in, plan, lawful[in.Name])
	return append(found, hits...), err
}

// lawful is every row that may still be there, by system and collection: kept ones
// and those whose fields were blanked.
func lawful(plan *Plan) map[string]map[string][]string {
	out := map[string]map[string][]string{}
	add := func(system, collection, key string) {
		if out[system] == nil {
			out[system] = map[string][]string{}
		}
		out[system][collection] = append(out[system][collection], key)
	}
	for _, k := range plan.Kept {
		add(k.System, k.Collection, k.Key)
	}
	for _, s := range plan.Steps {
		if s.Action == Blank {
			for _, t := range s.Targets {
				add(s.System, s.Collection, t.Key)
			}
		}
	}
	return out
}

func (o *Office) linksAgain(ctx context.Context, in *System, plan *Plan, lawful map[string][]string) ([]string, error) {
	var found []string
	for _, link := range plan.Links {
		if link.Place.System != in.Name {
			continue
		}
		n := 0
		for row, err := range o.Holders[in.Name].Find(ctx, o.Map.Collection(in.Name, link.Place.Collection), link.Place.Field, link.Values) {
			if err != nil {
				return found, fmt.Errorf("%s: %w", link.Place, err)
			}
			n += bit(!slices.Contains(lawful[link.Place.Collection], row.Key))
		}
		if n > 0 && !o.manual(in.Name) {
			found = append(found, fmt.Sprintf("%s: %d rows are found again", link.Place, n))
		}
	}
	return found, nil
}

func (o *Office) manual(system string) bool {
	_, is := o.Holders[system].(*Manual)
	return is
}

// search is the canary: identifiers of the person, by value, in all of a system.
func (o *Office) search(ctx context.Context, in *System, plan *Plan, lawful map[string][]string) ([]string, error) {
	var values []string
	kinds := map[string]string{}
	for _, kind := range sortedKeys(plan.Seeds) {
		for _, value := range plan.Seeds[kind] {
			if len(value) >= 6 && kinds[value] == "" { // shorter ones would hit by chance
				values, kinds[value] = append(values, value), kind
			}
		}
	}
	if len(values) == 0 {
		return nil, nil
	}
	hits, err := o.Holders[in.Name].Search(ctx, in, values, lawful)
	if err != nil {
		return nil, fmt.Errorf("search %s: %w", in.Name, err)
	}
	var found []string
	for _, h := range hits {
		found = append(found, fmt.Sprintf("%s: the person's %s still stands in %d rows of %s", in.Name, kinds[h.Value], h.Rows, h.Where))
	}
	return found, nil
}

// notify tells recipients, from the same receipts, and completes.
func (o *Office) notify(ctx context.Context, r *Request) error {
	plan, err := o.planInHand(ctx, r)
	if err != nil {
		return err
	}
	steps, err := o.Steps(ctx, r.ID)
	if err != nil {
		return err
	}
	notice := Notice{Right: r.Right, Identities: plan.Seeds}
	for _, w := range plan.Wishes {
		if notice.Set == nil {
			notice.Set = map[string]string{}
		}
		notice.Set[w.Field] = w.New
	}
	var tell []*task
	for _, s := range steps {
		if s.Action != Notify || s.State == StepDone {
			continue
		}
		tell = append(tell, &task{Step: s, kind: "rights.notify", act: func(ctx context.Context, _ []Target, idem string) (Effect, error) {
			return Effect{Rows: 1}, o.Recipients[s.Name].Notify(ctx, notice, idem)
		}})
	}
	if len(tell) > 0 {
		if err := o.wave(ctx, r, tell); err != nil {
			return err
		}
	}
	if slices.ContainsFunc(tell, func(t *task) bool { return t.State != StepDone }) {
		return nil // postponed, or in need of attention
	}
	return o.complete(ctx, r, plan)
}

// complete is the only way to completed/…: after proof, with everything told.
func (o *Office) complete(ctx context.Context, r *Request, plan *Plan) error {
	status := CompletedFull
	if plan.Partial() {
		status = CompletedPartial
	}
	receipt, err := o.note(ctx, r, "rights.completed", machine, "allowed", map[string]string{"status": string(status), "plan_hash": r.Facts.PlanHash, "proofs": fmt.Sprint(r.Facts.Proofs)})
	if err != nil {
		return err
	}
	err = o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		if r.Right != Access && r.Facts.Proofs == 0 {
			return fmt.Errorf("%w: nothing is proven", ErrTransition)
		}
		r.Status, r.nextAt, r.Facts.Findings = status, time.Time{}, nil
		if r.Right == Erase {
			if err := o.suppress(ctx, tx, r, plan); err != nil {
				return err
			}
		}
		return o.tell(ctx, tx, r, "completed", machine, string(receipt), map[string]string{"status": string(status)})
	})
	if err != nil {
		return err
	}
	letter := "completed"
	if status == CompletedPartial {
		letter = "partial"
	}
	if err := o.mail(ctx, r, letter); err != nil { // the truth stands; the letter can be sent again
		o.Log.WarnContext(ctx, "cannot send the closing e-mail", "request", r.ID, "error", err.Error())
	}
	return nil
}
