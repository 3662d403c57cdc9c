package keeper

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// gate is the breaker in front of Vault. One call that finds Vault away shuts
// it; from then on every call is refused at once, with the reason, and a probe
// in the background (never a user's call) opens it as soon as Vault answers
// again. Shutting on the first failure is cheap because the first probe follows
// at once: a hiccup costs the one call that met it.
//
// # Why
//
// A breaker library lets a user's call through as its probe. That call would
// wait out the whole deadline at a Vault that hangs, every time.
type gate struct {
	ctx   context.Context // ends with the keeper
	probe func(context.Context) error
	done  sync.WaitGroup

	mu  sync.Mutex
	err error // nil: open
}

// Waits between probes of a Vault that is away: doubled from first to most, ±50 %.
const (
	firstProbe = 20 * time.Millisecond
	mostProbe  = 400 * time.Millisecond
)

// check refuses while the gate is shut.
func (g *gate) check() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.err
}

// shut refuses all calls with err until a probe succeeds.
func (g *gate) shut(err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	was := g.err
	g.err = err
	if was == nil && g.ctx.Err() == nil {
		g.done.Go(g.watch)
	}
}

func (g *gate) watch() {
	for wait := firstProbe; ; wait = min(2*wait, mostProbe) {
		err := g.probe(g.ctx)
		g.mu.Lock()
		g.err = err
		g.mu.Unlock()
		if err == nil || !sleep(g.ctx, jitter(wait)) {
			return
		}
	}
}

// jitter spreads d over 50 % to 150 %, so that replicas do not come all at once.
func jitter(d time.Duration) time.Duration {
	return d/2 + rand.N(d+1)
}

// sleep waits d, or says false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
