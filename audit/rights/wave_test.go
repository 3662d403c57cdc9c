package rights

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// What leads to other rows is erased in a later wave than they are, and rows that
// identify the person after all that do not; what does not wait goes together.
func TestWaves(t *testing.T) {
	m := fides(t, "data/dataset/postgres_example_test_dataset.yml")
	order, err := m.order(mustEdges(m))
	if err != nil {
		t.Fatal(err)
	}
	var steps []PlanStep
	for _, name := range order {
		steps = append(steps, PlanStep{System: m.Systems[0].Name, Collection: name[len(m.Systems[0].Name)+1:], Action: Delete})
	}
	level := m.waves(steps)
	at := func(name string) int {
		return level[slices.IndexFunc(steps, func(s PlanStep) bool { return s.Collection == name })]
	}
	for _, pair := range [][2]string{{"order_item", "orders"}, {"orders", "customer"}, {"login", "customer"}, {"payment_card", "customer"}, {"address", "customer"}} {
		if at(pair[0]) >= at(pair[1]) {
			t.Errorf("%s (%d) does not go before %s (%d)", pair[0], at(pair[0]), pair[1], at(pair[1]))
		}
	}
	for i, s := range steps {
		for j, other := range steps {
			if m.Collection(s.System, s.Collection).Identities() && !m.Collection(s.System, other.Collection).Identities() && level[i] <= level[j] {
				t.Errorf("%s (%d), which identifies people, does not go after %s (%d)", s.Collection, level[i], other.Collection, level[j])
			}
		}
	}
	if waves := slices.Max(level) + 1; waves >= len(steps) {
		t.Errorf("%d steps go in %d waves: nothing goes together", len(steps), waves)
	}
}

// watching looks, at each write, at what is stored about the request.
type watching struct {
	*memory
	look func(collection string)
}

func (w watching) Erase(ctx context.Context, c *Collection, action Action, targets []Target, idem string) (Effect, error) {
	w.look(c.Name)
	return w.memory.Erase(ctx, c, action, targets, idem)
}

// When a holder is written to, the step's intent is stored, with its receipt, and the
// receipts of all earlier waves are.
func TestIntentBeforeReceiptAfter(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		m, h := shopInMemory(t)
		var f *fixture
		var id string
		var mu sync.Mutex
		seen := []string{}
		look := func(collection string) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, collection)
			steps, err := f.Steps(t.Context(), id)
			if err != nil {
				t.Error(err)
			}
			for _, s := range steps {
				switch {
				case s.Name == collection && (s.State != StepIntent || s.Intent == "" || s.Receipt != ""):
					t.Errorf("%s is written to, and its step is %+v", collection, s)
				case collection == "customer" && s.Name == "note" && (s.State != StepDone || s.Receipt == ""):
					t.Errorf("customers are erased before notes are known to be: %+v", s)
				}
			}
		}
		f = newFixture(t, db, m, map[string]Holder{"shop": watching{h, look}}, func(c *Config) { c.Directory = someone{} })
		r := f.approve(t, f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"}))
		id = r.ID
		if r = f.advance(t, id); r.Status != CompletedFull || !slices.Equal(seen, []string{"note", "customer"}) {
			t.Errorf("ended %s after %v: %v", r.Status, seen, r.Facts.Findings)
		}
	})
}

// A worker that was taken for dead changes nothing any more, and writes to no holder.
func TestFencing(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		m, h := shopInMemory(t)
		f := newFixture(t, db, m, map[string]Holder{"shop": h}, func(c *Config) { c.Directory = someone{} })
		ctx := store.Patient(t.Context(), storetest.Timeout)
		r := f.approve(t, f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"}))
		slow, err := f.claim(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.claim(ctx, r.ID); !errors.Is(err, ErrLost) {
			t.Errorf("two workers have it: %v", err)
		}
		if err := f.open(ctx, slow); err != nil {
			t.Fatal(err)
		}
		f.clock.add(2 * leaseLife)
		quick, err := f.claim(ctx, r.ID)
		if err != nil || quick.lease <= slow.lease {
			t.Fatalf("the claim does not end: %v", err)
		}
		if err := f.begin(ctx, slow); !errors.Is(err, ErrLost) {
			t.Errorf("the slow one begins: %v", err)
		}
		slow.Status = Executing
		if err := f.execute(ctx, slow); !errors.Is(err, ErrLost) || h.effects != 0 {
			t.Errorf("the slow one goes on: %v, %d rows changed", err, h.effects)
		}
		f.release(ctx, slow.ID, slow.lease) // is not its to give back
		if _, err := f.claim(ctx, r.ID); !errors.Is(err, ErrLost) {
			t.Errorf("the slow one gave it away: %v", err)
		}
		if err := f.mine(ctx, quick, func(*sql.Tx, *Request) error { return nil }); err != nil {
			t.Errorf("the quick one has lost it: %v", err)
		}
		f.release(ctx, quick.ID, quick.lease)
		if r = f.advance(t, r.ID); r.Status != CompletedFull {
			t.Errorf("ended %s %v", r.Status, r.Facts.Findings)
		}
	})
}
