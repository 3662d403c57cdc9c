package gateway

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit"
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
