package audit_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

const origin = "privet.test/trail"

// patience is what a test lets one append take: a busy machine must not fail it.
const patience = 20 * time.Second

func localKeeper(t testing.TB) *keeper.Local {
	t.Helper()
	dir := t.TempDir()
	k, err := keeper.OpenLocal(context.Background(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"),
		Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func openTrail(t testing.TB, cfg audit.Config) *audit.Trail {
	t.Helper()
	if cfg.Origin == "" {
		cfg.Origin = origin
	}
	if cfg.Timeout == 0 {
		cfg.Timeout = patience
	}
	if cfg.Signer == nil {
		k := localKeeper(t)
		cfg.Signer, cfg.Wrapper = k, k
	}
	tr, err := audit.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := tr.Close(); err != nil && !errors.Is(err, store.ErrDown) {
			t.Errorf("close: %v", err)
		}
	})
	return tr
}

func each(t *testing.T, test func(t *testing.T, db *store.DB)) {
	t.Helper()
	storetest.Each(t, []store.Schema{audit.Schema()}, test)
}

func mustAppend(t testing.TB, tr *audit.Trail, e audit.Event) audit.Receipt {
	t.Helper()
	r, err := tr.Append(context.Background(), e)
	if err != nil {
		t.Fatalf("append %s: %v", e.Kind, err)
	}
	return r
}

// view is an event with every field set.
func view(subject string) audit.Event {
	return audit.Event{Kind: "view.intent", Agent: "mara", Roles: []string{"tier1"}, Session: "s1", Tool: "cases", Screen: "account",
		Outcome: "allowed", Reason: "rule_7", Purpose: "dispute", Case: "C-9", Request: "q1", Intent: "1.0", Bundle: "sha256:ab",
		Records: 1, Classes: map[string]string{"pan": "mask", "cvv": "withhold"}, Detail: map[string]string{"rule": "7"},
		Subjects: []string{subject}, Personal: map[string]string{"phone": "+49 30 1234567", "note": "=1+1"}}
}

func TestEntryComesBackWhole(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		tr := openTrail(t, audit.Config{Store: db})
		sent := view("cust_42")
		r := mustAppend(t, tr, sent)
		got, err := tr.Entry(context.Background(), r)
		if err != nil {
			t.Fatal(err)
		}
		if fmt.Sprintf("%+v", got.Event) != fmt.Sprintf("%+v", sent) {
			t.Errorf("sent %+v\n got %+v", sent, got.Event)
		}
		if got.Receipt != r || time.Since(got.Time) > time.Hour || len(got.Tags) != 1 {
			t.Errorf("got receipt %s, time %s, tags %v", got.Receipt, got.Time, got.Tags)
		}
		if !maps.Equal(got.Event.Personal, sent.Personal) {
			t.Errorf("personal values: %v", got.Event.Personal)
		}
	})
}

// 64 writers share batches; every receipt is its own entry, and a second start
// finds the tree as the first left it.
func TestManyWritersThenRestart(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		const writers, each = 64, 12 // 768 entries: three full tiles
		var mu sync.Mutex
		receipts := map[audit.Receipt]string{}
		var wg sync.WaitGroup
		for w := range writers {
			wg.Go(func() {
				for i := range each {
					request := fmt.Sprintf("w%d-%d", w, i)
					r, err := tr.Append(context.Background(), audit.Event{Kind: "refusal", Request: request, Subjects: []string{fmt.Sprint("cust_", w%5)}})
					if err != nil {
						t.Errorf("append: %v", err)
						return
					}
					mu.Lock()
					receipts[r] = request
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		if len(receipts) != writers*each {
			t.Fatalf("%d receipts for %d entries", len(receipts), writers*each)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		again := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		for r, request := range receipts {
			if e, err := again.Entry(context.Background(), r); err != nil || e.Event.Request != request {
				t.Fatalf("entry %s is %q, want %q (%v)", r, e.Event.Request, request, err)
			}
		}
		if r := mustAppend(t, again, audit.Event{Kind: "start"}); r != audit.Receipt(fmt.Sprintf("1.%d", writers*each)) {
			t.Errorf("first entry after restart is %s", r)
		}
	})
}

func TestBadEventsAreRefused(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	for name, e := range map[string]audit.Event{
		"no kind":       {Agent: "mara"},
		"empty subject": {Kind: "view.intent", Subjects: []string{""}},
		"two owners":    {Kind: "view.intent", Subjects: []string{"a", "b"}, Personal: map[string]string{"x": "y"}},
		"too large":     {Kind: "view.intent", Detail: map[string]string{"x": strings.Repeat("y", 1<<16)}},
	} {
		if _, err := tr.Append(context.Background(), e); !errors.Is(err, audit.ErrEvent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClosedTrailRefuses(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Append(context.Background(), audit.Event{Kind: "start"}); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	if err := tr.Ready(context.Background()); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("ready after close: %v", err)
	}
}

func TestSearch(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		tr := openTrail(t, audit.Config{Store: db, Clock: func() time.Time { return now }})
		for i := range 6 {
			now = now.Add(time.Minute)
			mustAppend(t, tr, audit.Event{Kind: []string{"view.intent", "view.outcome", "refusal"}[i%3], Agent: []string{"mara", "joe"}[i%2],
				Subjects: []string{[]string{"ann", "bob"}[i/3]}, Request: fmt.Sprint(i)})
		}
		at := func(minute int) time.Time { return time.Date(2026, 3, 1, 12, minute, 0, 0, time.UTC) }
		for _, c := range []struct {
			filter audit.Filter
			want   string
		}{
			{audit.Filter{}, "543210"},
			{audit.Filter{Kind: "view.intent"}, "30"},
			{audit.Filter{Kind: "view.*"}, "4310"},
			{audit.Filter{Agent: "joe"}, "531"},
			{audit.Filter{Subject: "ann"}, "210"},
			{audit.Filter{Subject: "nobody"}, ""},
			{audit.Filter{From: at(2), To: at(5)}, "321"},
			{audit.Filter{Agent: "joe", Subject: "bob", Kind: "refusal"}, "5"},
			{audit.Filter{Limit: 2}, "54"},
			{audit.Filter{Before: "1.4", Limit: 2}, "32"},
		} {
			entries, err := tr.Search(context.Background(), c.filter)
			got := ""
			for _, e := range entries {
				got += e.Event.Request
			}
			if err != nil || got != c.want {
				t.Errorf("%+v finds %q, want %q (%v)", c.filter, got, c.want, err)
			}
		}
	})
}
