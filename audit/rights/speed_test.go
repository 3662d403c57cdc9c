package rights

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// One access and one erasure, approved, compiled or carried out, and proven, over 12
// systems (6 PostgreSQL, 6 HTTP). ns/op is one of each.
func BenchmarkTwelveSystems(b *testing.B) {
	people := 40
	w, _ := twelve(b, people)
	o, trail := w.office(b, 1)
	defer trail.Close()
	ctx := store.Patient(context.Background(), time.Minute)
	n := 0
	for b.Loop() {
		if n >= people {
			b.Skip("out of people; use -benchtime 30x")
		}
		for _, right := range []Right{Access, Erase} {
			r, err := o.File(ctx, Filing{Right: right, Email: fmt.Sprintf("person%04d@example.com", n), Jurisdiction: "DE", Proven: "test"})
			if err != nil {
				b.Fatal(err)
			}
			if r, err = o.MakePlan(ctx, r.ID, "olga"); err != nil {
				b.Fatal(err)
			}
			for _, who := range []string{"olga", "rosa"}[:r.needs()] {
				if r, err = o.Approve(ctx, r.ID, Officer{Name: who}, r.Facts.PlanHash); err != nil {
					b.Fatal(err)
				}
			}
			if err := o.Advance(ctx, r.ID); err != nil {
				b.Fatal(err)
			}
			if r, err = o.Get(ctx, r.ID); err != nil || r.Status != CompletedFull {
				b.Fatalf("%s ended %s: %v %v", right, r.Status, r.Facts.Findings, err)
			}
		}
		n++
	}
}

// twelve furnishes 12 honest systems with people.
func twelve(b *testing.B, people int) (crashWorld, []*shaky) {
	b.Helper()
	db, pgURL := scratch(b)
	w := crashWorld{Dir: b.TempDir(), Postgres: pgURL, Store: storetest.URL(b, store.PostgreSQL)}
	var fakes []*shaky
	for i := range halves {
		f := &shaky{rng: rand.New(rand.NewPCG(uint64(i), 5)), records: map[string]map[string]string{}, effects: map[string]int{}, notices: map[string]int{}}
		server := httptest.NewServer(f)
		b.Cleanup(server.Close)
		fakes, w.HTTP = append(fakes, f), append(w.HTTP, server.URL)
	}
	furnish(b, db)
	populate(b, db, fakes, 0, people)
	return w, fakes
}

// Approved requests (access, correct, erase in turn) over 12 systems, carried out and
// proven by thirty-two workers: requests a second. Run with -benchtime 1x.
func BenchmarkThroughput(b *testing.B) {
	const people = 300
	w, _ := twelve(b, people)
	o, trail := w.office(b, 32)
	defer trail.Close()
	var ids []string
	for p := range people {
		ids = append(ids, fileOne(b, o, p))
	}
	for b.Loop() {
		began := time.Now()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = o.Run(ctx) }()
		for stillOpen(b, o, ids[len(ids)-8:]) > 0 || stillOpen(b, o, ids) > 0 {
			time.Sleep(50 * time.Millisecond)
		}
		took := time.Since(began)
		stop()
		<-done
		b.ReportMetric(people/took.Seconds(), "requests/s")
	}
	for _, id := range ids {
		if r, err := o.Get(context.Background(), id); err != nil || r.Status != CompletedFull {
			b.Fatalf("%s ended %s: %v", id, r.Status, err)
		}
	}
}
