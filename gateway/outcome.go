package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/redact"
)

// outcomes brings outcomes to the trail a little later and many at once: a
// trail commits in groups, and an outcome that goes alone keeps the next
// request's intent waiting for a commit of its own. Nothing is shown because of
// an outcome; one that a crash loses leaves an intent without an outcome, which
// counts as shown in full.
type outcomes struct {
	trail Trail
	log   *slog.Logger
	slots chan struct{} // waiting or under way, bounded

	mu      sync.Mutex
	waiting []audit.Event
	due     *time.Timer
	sending sync.WaitGroup
}

const (
	linger       = 25 * time.Millisecond
	mostOutcomes = 2048
)

func newOutcomes(trail Trail, log *slog.Logger) *outcomes {
	return &outcomes{trail: trail, log: log, slots: make(chan struct{}, mostOutcomes)}
}

// add takes one; it waits where the trail does not keep up.
func (o *outcomes) add(e audit.Event) {
	o.slots <- struct{}{}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.waiting = append(o.waiting, e)
	if o.due == nil {
		o.due = time.AfterFunc(linger, o.send)
	}
}

func (o *outcomes) send() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range o.waiting {
		o.sending.Go(func() {
			defer func() { <-o.slots }()
			if err := o.append(e); err != nil {
				o.log.Error("outcome not recorded", "request", e.Request, "intent", string(e.Intent), "error", err)
			}
		})
	}
	o.waiting, o.due = nil, nil
}

// append tries for half a minute: nobody waits for it.
func (o *outcomes) append(e audit.Event) error {
	ctx, stop := context.WithTimeout(context.Background(), 30*time.Second)
	defer stop()
	for {
		_, err := o.trail.Append(ctx, e)
		if err == nil || ctx.Err() != nil || errors.Is(err, audit.ErrEvent) {
			return err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// close sends what waits and returns when all of it is in the trail.
func (o *outcomes) close() {
	o.send()
	o.sending.Wait()
}

// conclude writes the outcome, which need not be durable before the last byte:
// an intent without an outcome counts as shown in full.
func (g *Gateway) conclude(v *visit) { g.tell(v, &v.tally, v.failed) }

// tell records what was shown and to whom it belongs. A list of more people than
// one entry can name takes several, each with its part of the names.
func (g *Gateway) tell(v *visit, shown *redact.Tally, failed error) {
	e := v.event("view.outcome", "shown", "")
	if failed != nil {
		e.Outcome, e.Reason = "failed", answerTo(failed).code
		if errors.Is(failed, errLeft) {
			e.Outcome = "shown"
		}
	}
	e.Intent, e.Records, e.Classes = v.intent, shown.Records, treated(shown)
	for _, s := range shown.Subjects {
		if s != v.question.Subject {
			e.Subjects = append(e.Subjects, s)
		}
	}
	parts := (len(e.Subjects) + audit.MaxSubjects - 1) / audit.MaxSubjects
	if parts <= 1 {
		g.outcomes.add(e)
	}
	for n, names := 1, e.Subjects; parts > 1 && n <= parts; n++ {
		part := e
		part.Subjects = names[:min(audit.MaxSubjects, len(names))]
		names = names[len(part.Subjects):]
		part.Detail = maps.Clone(e.Detail)
		part.Detail["part"] = fmt.Sprintf("%d of %d", n, parts)
		g.outcomes.add(part)
		e.Records = 0 // counted in the first
	}
	g.count(v, shown)
}

// treated says, by class, what became of the values in an answer: the most
// open treatment that any of them got.
func treated(t *redact.Tally) map[string]string {
	classes := make(map[string]string, len(t.Shown)+len(t.Masked)+len(t.Withheld))
	for class := range t.Withheld {
		classes[string(class)] = redact.Withhold.String()
	}
	for class := range t.Masked {
		classes[string(class)] = redact.Mask.String()
	}
	for class := range t.Shown {
		classes[string(class)] = redact.Show.String()
	}
	return classes
}
