package rights

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"
)

// Step is one act on one system, with a state of its own.
type Step struct {
	N        int       `json:"n"`
	System   string    `json:"system"`
	Name     string    `json:"name"` // collection or recipient
	Action   Action    `json:"action"`
	State    StepState `json:"state"`
	Attempts int       `json:"attempts"`
	StepFacts
}

// StepState is where a step stands.
type StepState string

// States of a step.
const (
	StepPending StepState = "pending"
	StepIntent  StepState = "intent"  // it may have happened: re-read before anything else
	StepDone    StepState = "done"    //
	StepWaiting StepState = "waiting" // people have it in hand
	StepFailed  StepState = "failed"
)

// StepFacts is what is known of a step; nothing personal.
type StepFacts struct {
	Rows     int       `json:"rows,omitempty"`
	Reread   bool      `json:"reread,omitempty"` // found done by reading, not by the write's answer
	External string    `json:"external,omitempty"`
	Error    string    `json:"error,omitempty"`
	Intent   string    `json:"intent,omitempty"`  // receipt
	Receipt  string    `json:"receipt,omitempty"` // of the outcome
	At       time.Time `json:"at,omitzero"`
	Attests  []Attest  `json:"attests,omitempty"`
}

// Attest is one person's word that a manual step was done.
type Attest struct {
	Officer string    `json:"officer"`
	At      time.Time `json:"at"`
	Receipt string    `json:"receipt"`
}

// Steps reads a request's steps in order.
func (o *Office) Steps(ctx context.Context, id string) (out []Step, err error) {
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		out = nil
		rows, err := tx.QueryContext(ctx, "SELECT n, system, name, action, state, attempts, detail FROM rights_steps WHERE request = $1 ORDER BY n", id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Step
			var detail string
			if err := rows.Scan(&s.N, &s.System, &s.Name, &s.Action, &s.State, &s.Attempts, &detail); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(detail), &s.StepFacts); err != nil {
				return err
			}
			out = append(out, s)
		}
		return rows.Err()
	})
	return out, err
}

func saveStep(ctx context.Context, tx *sql.Tx, id string, s Step) error {
	_, err := tx.ExecContext(ctx, "UPDATE rights_steps SET state = $3, attempts = $4, detail = $5 WHERE request = $1 AND n = $2", id, s.N, s.State, s.Attempts, mustJSON(s.StepFacts))
	return err
}

// idem names one step of one plan for ever: holders that understand idempotency
// keys do nothing twice.
func (o *Office) idem(r *Request, s Step) string {
	return fmt.Sprintf("%x", o.mac("step", r.ID, fmt.Sprint(s.N), r.Facts.PlanHash)[:16])
}

// execute runs what is not done, wave by wave. A step that fails stops the later
// waves: the way to their rows may lead through it. Steps in people's hands stop nobody.
func (o *Office) execute(ctx context.Context, r *Request) error {
	plan, err := o.planInHand(ctx, r)
	if err != nil {
		return err
	}
	if r.Right == Access {
		return o.compile(ctx, r, plan)
	}
	steps, err := o.Steps(ctx, r.ID)
	if err != nil {
		return err
	}
	for {
		next, waiting, err := o.nextWave(plan, steps)
		if err != nil {
			return err
		}
		if len(next) == 0 {
			return o.executed(ctx, r, waiting)
		}
		if err := o.wave(ctx, r, next); err != nil {
			return err
		}
		for _, t := range next {
			steps[t.N-1] = t.Step
			if t.State != StepDone && t.State != StepWaiting {
				return nil // postponed, or in need of attention
			}
		}
	}
}

// nextWave is the earliest steps that are not done, and whether people have others.
func (o *Office) nextWave(plan *Plan, steps []Step) (next []*task, waiting bool, err error) {
	level, lowest := o.Map.waves(plan.Steps), -1
	for i, s := range steps {
		if s.Action == Notify || s.State == StepDone {
			continue
		}
		if s.State == StepWaiting {
			waiting = true
			continue
		}
		if i >= len(plan.Steps) || plan.Steps[i].System != s.System || plan.Steps[i].Collection != s.Name {
			return nil, false, fmt.Errorf("%w: step %d is not in the plan", ErrDrift, s.N)
		}
		if lowest < 0 || level[i] < lowest {
			next, lowest = nil, level[i]
		}
		if level[i] == lowest {
			next = append(next, o.taskOf(s, plan.Steps[i]))
		}
	}
	return next, waiting, nil
}

func (o *Office) taskOf(s Step, p PlanStep) *task {
	h, c, gone := o.placed(p)
	return &task{Step: s, kind: "rights.step", targets: p.Targets,
		look: func(ctx context.Context, targets []Target) ([]Target, error) {
			if gone != nil {
				return nil, gone
			}
			return h.Remains(ctx, c, p.Action, targets)
		},
		act: func(ctx context.Context, targets []Target, idem string) (Effect, error) {
			if gone != nil {
				return Effect{}, gone
			}
			if p.Action == Amend {
				return h.Correct(ctx, c, targets, idem)
			}
			return h.Erase(ctx, c, p.Action, targets, idem)
		}}
}

// placed is where a step's rows lie. What left the data map since the plan was
// made is [ErrDrift].
func (o *Office) placed(s PlanStep) (Holder, *Collection, error) {
	h, c := o.Holders[s.System], o.Map.Collection(s.System, s.Collection)
	if h == nil || c == nil {
		return nil, nil, fmt.Errorf("%w: the data map has no %s.%s any more; put it back", ErrDrift, s.System, s.Collection)
	}
	return h, c, nil
}

// executed moves on when every step is done, or waits for people.
func (o *Office) executed(ctx context.Context, r *Request, waiting bool) error {
	return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		now := o.Now().UTC()
		r.nextAt = now
		switch {
		case !waiting:
			r.Status, r.Facts.Written = Verifying, &now
			return o.tell(ctx, tx, r, "verifying", machine, "", nil)
		case r.Status != AwaitingExternal:
			r.Status, r.nextAt = AwaitingExternal, time.Time{}
			return o.tell(ctx, tx, r, "awaiting_external", machine, "", nil)
		}
		r.nextAt = time.Time{}
		return nil
	})
}

// Attest is one person's word that a step outside our reach was done; two
// different people's words finish it.
func (o *Office) Attest(ctx context.Context, id string, n int, officer string) (*Request, error) {
	r, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	receipt, err := o.note(ctx, r, "rights.attest", officer, "allowed", map[string]string{"step": fmt.Sprint(n)})
	if err != nil {
		return nil, err
	}
	steps, err := o.Steps(ctx, id)
	if err != nil {
		return nil, err
	}
	if n < 1 || n > len(steps) || steps[n-1].State != StepWaiting {
		return nil, fmt.Errorf("%w: step %d is not in people's hands", ErrTransition, n)
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		var detail string
		s := steps[n-1]
		if err := tx.QueryRowContext(ctx, "SELECT detail FROM rights_steps WHERE request = $1 AND n = $2", id, n).Scan(&detail); err != nil {
			return err
		}
		s.StepFacts = StepFacts{}
		if err := json.Unmarshal([]byte(detail), &s.StepFacts); err != nil {
			return err
		}
		for _, a := range s.Attests {
			if a.Officer == officer {
				return ErrSame
			}
		}
		s.Attests = append(s.Attests, Attest{officer, o.Now().UTC(), string(receipt)})
		if len(s.Attests) >= 2 {
			s.State, r.nextAt = StepDone, o.Now()
		}
		if err := saveStep(ctx, tx, id, s); err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "attested", officer, string(receipt), map[string]string{"step": fmt.Sprint(n)})
	})
	o.nudge()
	return out, err
}

// Retry lets the machine try again after an officer has mended what was wrong:
// every write is re-read first, and only what is not so is written again.
func (o *Office) Retry(ctx context.Context, id, officer string) (*Request, error) {
	return o.RetryOf(ctx, id, officer, "")
}

// RetryOf is Retry of one system's steps; what the others did stands.
func (o *Office) RetryOf(ctx context.Context, id, officer, system string) (*Request, error) {
	if system != "" && o.Map.System(system) == nil {
		return nil, fmt.Errorf("%w: the data map has no system %q", ErrInvalid, system)
	}
	r, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Status != NeedsAttention {
		return nil, fmt.Errorf("%w: nothing failed", ErrTransition)
	}
	receipt, err := o.note(ctx, r, "rights.retry", officer, "allowed", map[string]string{"system": cmp.Or(system, "all")})
	if err != nil {
		return nil, err
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		if _, err := tx.ExecContext(ctx, "UPDATE rights_steps SET state = 'intent', attempts = 0 WHERE request = $1 AND action <> $2 AND state IN ('done', 'failed') AND detail NOT LIKE '%\"attests\"%' AND (CAST($3 AS TEXT) = '' OR system = $3)", id, Notify, system); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "UPDATE rights_steps SET state = 'pending', attempts = 0 WHERE request = $1 AND action = $2 AND state = 'failed' AND (CAST($3 AS TEXT) = '' OR system = $3)", id, Notify, system); err != nil {
			return err
		}
		r.Status, r.nextAt, r.Facts.Findings = Executing, o.Now(), nil
		return o.tell(ctx, tx, r, "retried", officer, string(receipt), map[string]string{"system": cmp.Or(system, "all")})
	})
	o.nudge()
	return out, err
}
