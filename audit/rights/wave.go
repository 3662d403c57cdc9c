package rights

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// task is a step with what it takes to carry it out.
type task struct {
	Step
	kind    string // of its intent in the trail
	targets []Target
	look    func(ctx context.Context, targets []Target) ([]Target, error) // what is left to do; nil: the other side knows the idempotency key
	act     func(ctx context.Context, targets []Target, idem string) (Effect, error)

	effect Effect
	ready  bool // to act
	err    error
}

// waves sorts steps into groups: none of a group waits for another of it, so that a
// group's intents are written down together, then all act, then all receipts are.
// Whatever must come first, by order or because it leads to the rest, is in an earlier one.
func (m *Map) waves(steps []PlanStep) (level []int) {
	before := m.ahead()
	level = make([]int, len(steps))
	for i, s := range steps {
		for j, earlier := range steps[:i] {
			a, b := earlier.System+"."+earlier.Collection, s.System+"."+s.Collection
			if before[b][a] || before[a][b] {
				level[i] = max(level[i], level[j]+1)
			}
		}
	}
	return level
}

// ahead says of each collection which others are to be erased before it: children,
// erase_after, and before rows that identify a person all that do not.
func (m *Map) ahead() map[string]map[string]bool {
	if m.settled != nil {
		return m.settled.ahead
	}
	direct, last := map[string][]string{}, map[string]bool{}
	var names []string
	for _, s := range m.Systems {
		for i := range s.Collections {
			name := s.Name + "." + s.Collections[i].Name
			names = append(names, name)
			last[name] = s.Collections[i].Identities()
			direct[name] = append(direct[name], s.Collections[i].EraseAfter...)
		}
	}
	for _, e := range mustEdges(m) {
		from, to := e.from.System+"."+e.from.Collection, e.to.System+"."+e.to.Collection
		direct[from] = append(direct[from], to)
	}
	out := map[string]map[string]bool{}
	for _, name := range names {
		out[name] = map[string]bool{}
		for todo := slices.Clone(direct[name]); len(todo) > 0; todo = todo[1:] {
			if d := todo[0]; !out[name][d] {
				out[name][d] = true
				todo = append(todo, direct[d]...)
			}
		}
		for _, other := range names {
			if last[name] && !last[other] {
				out[name][other] = true
			}
		}
	}
	return out
}

// wave carries tasks out at once, those of one system in turn: all intents are
// durable before the first acts, and each outcome has its receipt before anything
// that waits for it begins. A process killed in between re-reads each.
func (o *Office) wave(ctx context.Context, r *Request, tasks []*task) error {
	together(tasks, func(t *task) string { return fmt.Sprint(t.N) }, func(t *task) { t.err = o.intend(ctx, r, t) })
	intents := 0
	for _, t := range tasks {
		if t.err == nil && t.ready {
			intents++
			t.State, t.Attempts, t.At = StepIntent, t.Attempts+1, o.Now().UTC()
		}
	}
	if intents > 0 {
		if err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
			if held, err := heldIn(ctx, tx, r.tag, o.Now()); err != nil || held != "" {
				return errors.Join(err, fmt.Errorf("%w: %s", ErrHeld, held))
			}
			r.Facts.Begun = true
			return saveTasks(ctx, tx, r.ID, tasks)
		}); err != nil {
			return err
		}
		o.fault("intent")
		together(tasks, func(t *task) string { return t.System }, func(t *task) {
			if t.err == nil && t.ready {
				t.effect, t.err = t.act(ctx, t.targets, o.idem(r, t.Step))
				o.fault("acted")
			}
		})
	}
	together(tasks, func(t *task) string { return fmt.Sprint(t.N) }, func(t *task) { o.outcome(ctx, r, t) })
	err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error { return o.settleTasks(ctx, tx, r, tasks) })
	o.fault("received")
	return err
}

// together runs f over all tasks at once, those of one lane in turn.
func together(tasks []*task, lane func(*task) string, f func(*task)) {
	lanes := map[string][]*task{}
	for _, t := range tasks {
		lanes[lane(t)] = append(lanes[lane(t)], t)
	}
	var busy sync.WaitGroup
	for _, lane := range lanes {
		busy.Go(func() {
			for _, t := range lane {
				f(t)
			}
		})
	}
	busy.Wait()
}

// intend writes a task's intent into the trail. What was intended before is re-read:
// it may have happened.
func (o *Office) intend(ctx context.Context, r *Request, t *task) error {
	if t.State == StepIntent && t.look != nil {
		left, err := t.look(ctx, t.targets)
		if err != nil {
			return fmt.Errorf("re-read: %w", err)
		}
		if t.targets = left; len(left) == 0 {
			t.Reread = true
			return nil
		}
	}
	receipt, err := o.note(ctx, r, t.kind, machine, "intent", map[string]string{"step": fmt.Sprint(t.N), "system": t.System, "collection": t.Name, "action": string(t.Action), "rows": fmt.Sprint(len(t.targets))})
	t.Intent, t.ready = string(receipt), err == nil
	return err
}

// outcome decides what became of a task: done with its receipt in the trail, to be
// tried later, in people's hands, or failed.
func (o *Office) outcome(ctx context.Context, r *Request, t *task) {
	if t.err == nil {
		receipt, err := o.note(ctx, r, "rights.step", machine, "done", map[string]string{"step": fmt.Sprint(t.N), "system": t.System, "rows": fmt.Sprint(t.effect.Rows), "reread": fmt.Sprint(t.Reread)})
		if t.err = err; err == nil {
			t.State, t.Rows, t.External, t.Receipt, t.Error, t.At = StepDone, t.Rows+t.effect.Rows, t.effect.External, string(receipt), "", o.Now().UTC()
			return
		}
	}
	var later *Later
	t.Error = t.err.Error()
	switch {
	case errors.Is(t.err, ErrExternal):
		t.State, t.Error = StepWaiting, ""
	case errors.Is(t.err, ErrRefused):
		t.State = StepFailed
	case errors.As(t.err, &later) && errors.Is(t.err, ErrLater):
		t.State = StepPending
	}
	if t.Attempts >= mostTries && t.State != StepWaiting {
		t.State = StepFailed
	}
}

// settleTasks stores the outcomes and what they mean for the request: one that failed
// asks for a person, one to be tried later moves the next look.
func (o *Office) settleTasks(ctx context.Context, tx *sql.Tx, r *Request, tasks []*task) error {
	if err := saveTasks(ctx, tx, r.ID, tasks); err != nil {
		return err
	}
	var failed []string
	var wait time.Duration
	system := ""
	for _, t := range tasks {
		switch t.State {
		case StepDone, StepWaiting:
		case StepFailed:
			failed, system = append(failed, t.System+"."+t.Name+": "+t.Error), cmp.Or(system, t.System)
		default:
			again := backoff(r.ID, t.Attempts)
			if later := (*Later)(nil); t.State == StepPending && errors.As(t.err, &later) {
				again = max(later.After, firstDelay)
			}
			wait = max(wait, again)
		}
	}
	switch {
	case len(failed) > 0:
		r.Status, r.nextAt, r.Facts.Findings = NeedsAttention, time.Time{}, failed
		return o.tell(ctx, tx, r, "needs_attention", machine, "", map[string]string{"system": system})
	case wait > 0:
		r.nextAt = o.Now().Add(wait)
	}
	return nil
}

// saveTasks stores the steps of tasks in one statement.
func saveTasks(ctx context.Context, tx *sql.Tx, id string, tasks []*task) error {
	query, args := "INSERT INTO rights_steps (request, n, system, name, action, state, attempts, detail) VALUES ", []any{}
	for i, t := range tasks {
		if i > 0 {
			query += ", "
		}
		n := len(args)
		query += fmt.Sprintf("($%d, $%d, $%d, $%d, $%d, $%d, $%d, $%d)", n+1, n+2, n+3, n+4, n+5, n+6, n+7, n+8)
		args = append(args, id, t.N, t.System, t.Name, t.Action, t.State, t.Attempts, mustJSON(t.StepFacts))
	}
	_, err := tx.ExecContext(ctx, query+" ON CONFLICT (request, n) DO UPDATE SET state = excluded.state, attempts = excluded.attempts, detail = excluded.detail", args...)
	return err
}
