package rights

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"syscall"
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
	dbs, urls := furnish(b)
	w := crashWorld{Dir: b.TempDir(), Postgres: urls, Store: storetest.URL(b, store.PostgreSQL)}
	var fakes []*shaky
	for i := range halves {
		f := &shaky{rng: rand.New(rand.NewPCG(uint64(i), 5)), records: map[string]map[string]string{}, effects: map[string]int{}, notices: map[string]int{}}
		server := httptest.NewServer(f)
		b.Cleanup(server.Close)
		fakes, w.HTTP = append(fakes, f), append(w.HTTP, server.URL)
	}
	populate(b, dbs, fakes, 0, people)
	return w, fakes
}

var throughput = flag.Int("throughput", 300, "how many requests BenchmarkThroughput has carried out")

// Approved requests (access, correct, erase in turn) over 12 systems, carried out and
// proven by thirty-two workers: requests a second. Run with -benchtime 1x.
func BenchmarkThroughput(b *testing.B) {
	people := *throughput
	w, _ := twelve(b, people)
	o, trail := w.office(b, 32)
	defer trail.Close()
	var ids []string
	for p := range people {
		ids = append(ids, fileOne(b, o, p))
	}
	for b.Loop() {
		began, spent := time.Now(), cpu()
		ctx, stop := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); _ = o.Run(ctx) }()
		for working(b, o) > 0 || stillOpen(b, o, ids) > 0 {
			time.Sleep(20 * time.Millisecond)
		}
		took := time.Since(began)
		stop()
		<-done
		b.ReportMetric(float64(people)/took.Seconds(), "requests/s")
		b.ReportMetric(float64((cpu()-spent).Milliseconds())/float64(people), "ms-of-own-CPU/request")
	}
	for _, id := range ids {
		if r, err := o.Get(context.Background(), id); err != nil || r.Status != CompletedFull {
			b.Fatalf("%s ended %s: %v", id, r.Status, err)
		}
	}
}

// working counts the requests that the machine still has to do with.
func working(b *testing.B, o *Office) (n int) {
	b.Helper()
	err := o.DB.Read(context.Background(), func(tx *sql.Tx) error {
		return tx.QueryRow("SELECT COUNT(*) FROM rights_requests WHERE next_at > 0").Scan(&n)
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

// cpu is what this process has used, the HTTP half of the systems included.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
