package audit_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
)

// receiver collects copies; while broken it takes some and says it failed.
type receiver struct {
	mu     sync.Mutex
	broken bool
	tries  int
	got    []evidence.Line
}

func (r *receiver) take(_ context.Context, entries []evidence.Line) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tries++; r.broken {
		return errors.New("it is away")
	}
	r.got = append(r.got, entries...)
	return nil
}

func (r *receiver) set(broken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.broken = broken
}

// await waits until the newest copy is of an entry.
func (r *receiver) await(t *testing.T, newest audit.Receipt) {
	t.Helper()
	keepertest.Eventually(t, func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		if n := len(r.got); n == 0 || fmt.Sprintf("%d.%d", r.got[n-1].Lane, r.got[n-1].Index) != string(newest) {
			return fmt.Errorf("%d copies, %s is not among them", n, newest)
		}
		return nil
	})
}

// Copies come in order and once, over an outage of the receiver, a restart of the
// process and a restore, and hold nothing personal.
func TestCopiesGoOn(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		var siem receiver
		cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience, Copies: []audit.Copy{{Name: "siem", Send: siem.take, Gap: 10 * time.Millisecond}}}
		open := func() *audit.Trail {
			tr, err := audit.Open(context.Background(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			return tr
		}
		tr := open()
		for i := range 5 {
			mustAppend(t, tr, view(fmt.Sprint("cust_", i)))
		}
		siem.await(t, "1.4")
		siem.set(true)
		mustAppend(t, tr, view("cust_5"))
		keepertest.Eventually(t, func() error {
			siem.mu.Lock()
			defer siem.mu.Unlock()
			if siem.tries < 2 {
				return errors.New("it was not tried yet")
			}
			return nil
		})
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		siem.set(false)
		tr = open()
		mustAppend(t, tr, view("cust_6"))
		siem.await(t, "1.6")
		siem.set(true)
		mustAppend(t, tr, view("cust_7"))
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		// The database is put back whole: its log is closed, and what was not sent of it still goes.
		if err := audit.Adopt(context.Background(), db, time.Now()); err != nil {
			t.Fatal(err)
		}
		siem.set(false)
		tr = open()
		siem.await(t, "1.7")
		if lanes, err := tr.Lanes(context.Background()); err != nil || len(lanes) != 1 || lanes[0].Held {
			t.Errorf("the closed log: %+v, %v", lanes, err)
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		for i, line := range siem.got {
			if line.Index != int64(i) {
				t.Errorf("copy %d is of entry %d", i, line.Index)
			}
			text, err := line.Append(nil)
			if err != nil || strings.Contains(string(text), "cust_") || strings.Contains(string(text), "49 30") {
				t.Errorf("a copy names somebody: %s, %v", text, err)
			}
		}
	})
}
