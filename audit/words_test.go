package audit_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// What was written before a restart is found in the tile that was full after it.
func TestWordsOutliveARestart(t *testing.T) {
	url, k := storetest.URL(t, store.SQLite), localKeeper(t)
	for run, n := range []int{100, 100, 400} {
		tr := openTrail(t, audit.Config{Store: storetest.OpenURL(t, url, audit.Schema()), Signer: k, Wrapper: k})
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range n / 10 {
					mustAppend(t, tr, audit.Event{Kind: fmt.Sprint("run.", run), Agent: "mara"})
				}
			})
		}
		wg.Wait()
		for before, want := range []int{100, 100, 400}[:run+1] {
			found, err := tr.Search(t.Context(), audit.Filter{Kind: fmt.Sprint("run.", before), Agent: "mara", Limit: 1000})
			if err != nil || len(found) != want {
				t.Errorf("after run %d: %d entries of run %d, %v", run, len(found), before, err)
			}
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// A search by the words of tiles finds exactly what looking at every entry
// finds, in the same order and page by page: in full tiles and in the
// unfinished end of two lanes.
func TestSearchFindsWhatIsThere(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			url, k := storetest.URL(t, engine), localKeeper(t)
			var trails []*audit.Trail
			for range 2 {
				trails = append(trails, openTrail(t, audit.Config{Store: storetest.OpenURL(t, url, audit.Schema()), Signer: k, Wrapper: k}))
			}
			var mu sync.Mutex
			var receipts []audit.Receipt
			var wg sync.WaitGroup
			for w := range 32 {
				wg.Go(func() {
					for i := range 40 {
						e := audit.Event{Kind: []string{"view.intent", "view.outcome", "refusal"}[i%3], Agent: fmt.Sprint("agent ", (w+i)%5), Request: fmt.Sprint(w, "-", i)}
						if w == 3 && i == 20 {
							e.Kind, e.Agent = "rare", "rare agent"
						}
						r, err := trails[w%2].Append(context.Background(), e)
						if err != nil {
							t.Error(err)
						}
						mu.Lock()
						receipts = append(receipts, r)
						mu.Unlock()
					}
				})
			}
			wg.Wait()
			all := make([]audit.Entry, 0, len(receipts))
			for _, r := range receipts {
				e, err := trails[0].Entry(context.Background(), r)
				if err != nil {
					t.Fatal(err)
				}
				all = append(all, e)
			}
			slices.SortFunc(all, func(a, b audit.Entry) int {
				return cmp.Or(b.Time.Compare(a.Time), -compareReceipts(a.Receipt, b.Receipt))
			})
			middle := all[len(all)/2].Time
			for _, f := range []audit.Filter{{}, {Kind: "refusal"}, {Kind: "view.*"}, {Kind: "*", Agent: "agent 2"}, {Agent: "agent 1"}, {Kind: "rare"}, {Agent: "rare agent", Kind: "ra*"},
				{Kind: "rare", Agent: "agent 1"}, {Kind: "view.outcome", Agent: "agent 4"}, {Kind: "view.*", Agent: "agent 4"},
				{From: middle}, {To: middle, Kind: "refusal"}, {From: middle, To: middle.Add(time.Microsecond)}, {Kind: "none"}} {
				var want []audit.Receipt
				for _, e := range all {
					if chosen(f, e) {
						want = append(want, e.Receipt)
					}
				}
				var got []audit.Receipt
				for f.Limit = 170; ; {
					page, err := trails[1].Search(context.Background(), f)
					if err != nil {
						t.Fatal(err)
					}
					for _, e := range page {
						got = append(got, e.Receipt)
					}
					if len(page) < f.Limit {
						break
					}
					f.Before = got[len(got)-1]
				}
				if !slices.Equal(got, want) {
					t.Errorf("%+v: %d entries, want %d", f, len(got), len(want))
				}
			}
		})
	}
}

func chosen(f audit.Filter, e audit.Entry) bool {
	prefix, all := strings.CutSuffix(f.Kind, "*")
	return (f.Kind == "" || all && strings.HasPrefix(e.Event.Kind, prefix) || e.Event.Kind == f.Kind) &&
		(f.Agent == "" || f.Agent == e.Event.Agent) &&
		(f.From.IsZero() || !e.Time.Before(f.From)) && (f.To.IsZero() || e.Time.Before(f.To))
}

func compareReceipts(a, b audit.Receipt) int {
	var al, ai, bl, bi int64
	fmt.Sscanf(string(a), "%d.%d", &al, &ai)
	fmt.Sscanf(string(b), "%d.%d", &bl, &bi)
	return cmp.Or(cmp.Compare(al, bl), cmp.Compare(ai, bi))
}
