package audit_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// record is an event whose leaf is about 1 KiB.
func record(i int) audit.Event {
	return audit.Event{Kind: "view.intent", Agent: fmt.Sprint("agent-", i%40), Session: "s1", Tool: "cases", Screen: "account", Outcome: "allowed",
		Request: fmt.Sprint("request-", i), Bundle: strings.Repeat("b", 64), Classes: map[string]string{"pan": "mask", "cvv": "withhold"},
		Detail: map[string]string{"filler": strings.Repeat("x", 640)}}
}

// run appends n entries from the writers and reports what an append takes.
func run(b *testing.B, trails []*audit.Trail, writers int, event func(i int) audit.Event) {
	var next atomic.Int64
	times := make([][]time.Duration, writers*len(trails))
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range times {
		wg.Go(func() {
			for {
				i := int(next.Add(1))
				if i > b.N {
					return
				}
				start := time.Now()
				if _, err := trails[w%len(trails)].Append(context.Background(), event(i)); err != nil {
					b.Error(err)
					return
				}
				times[w] = append(times[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(times...)
	slices.Sort(all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(all[len(all)*99/100].Microseconds())/1000, "p99-ms")
}

func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name              string
		engine            store.Engine
		replicas, writers int
	}{
		{"sqlite/1", store.SQLite, 1, 1}, {"sqlite/64", store.SQLite, 1, 64},
		{"postgres/1", store.PostgreSQL, 1, 1}, {"postgres/64", store.PostgreSQL, 1, 64}, {"postgres/3x64", store.PostgreSQL, 3, 64},
	} {
		b.Run(c.name, func(b *testing.B) {
			url := storetest.URL(b, c.engine)
			k := localKeeper(b)
			var trails []*audit.Trail
			for range c.replicas {
				db := storetest.OpenURL(b, url, audit.Schema())
				trails = append(trails, openTrail(b, audit.Config{Store: db, Signer: k, Wrapper: k}))
			}
			run(b, trails, c.writers, record)
			if path, ok := strings.CutPrefix(url, "sqlite:"); ok {
				b.ReportMetric(float64(dirSize(b, filepath.Dir(path)))/float64(b.N), "B/record")
			}
		})
	}
}

// An event that names a subject: what the commitment and the tag cost.
func BenchmarkAppendSubject(b *testing.B) {
	for _, subjects := range []int{1, 1000} {
		b.Run(fmt.Sprint(subjects), func(b *testing.B) {
			tr := openTrail(b, audit.Config{Store: storetest.Open(b, store.SQLite, audit.Schema())})
			names := make([]string, subjects)
			for i := range names {
				names[i] = fmt.Sprint("cust_", i)
			}
			event := func(i int) audit.Event {
				return audit.Event{Kind: "view.intent", Agent: "mara", Subjects: names}
			}
			if _, err := tr.Append(context.Background(), event(0)); err != nil {
				b.Fatal(err)
			}
			run(b, []*audit.Trail{tr}, 1, event)
		})
	}
}

func dirSize(b *testing.B, dir string) (n int64) {
	b.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range files {
		if info, err := f.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}

// BenchmarkList appends the entry of a list that shows 1,000 people: warm, with
// all their keys in the cache, and cold, with each of them unwrapped anew in
// calls of many.
func BenchmarkList(b *testing.B) {
	people := make([]string, 1000)
	for i := range people {
		people[i] = fmt.Sprint("cust_", i)
	}
	vault := func(b *testing.B) audit.Config {
		s := keepertest.StartVault(b)
		k := keepertest.OpenVault(b, s.Config(b, s.Mount(b)))
		return audit.Config{Signer: k, Wrapper: k}
	}
	for name, keeper := range map[string]func(b *testing.B) audit.Config{
		"local": func(b *testing.B) audit.Config { k := localKeeper(b); return audit.Config{Signer: k, Wrapper: k} }, "vault": vault} {
		for heat, keys := range map[string]int{"warm": 2000, "cold": 1} {
			b.Run(name+"/"+heat, func(b *testing.B) {
				cfg := keeper(b)
				cfg.Store, cfg.Keys = storetest.Open(b, store.SQLite, audit.Schema()), keys
				tr := openTrail(b, cfg)
				list := audit.Event{Kind: "view.outcome", Agent: "mara", Tool: "cases", Screen: "list", Records: len(people), Subjects: people}
				mustAppend(b, tr, list)
				for b.Loop() {
					mustAppend(b, tr, list)
				}
				b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N)/float64(len(people)), "µs/person")
			})
		}
	}
}
