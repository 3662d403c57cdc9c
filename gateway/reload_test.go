package gateway

import (
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
)

// TestReloads: a hundred new configurations under load fail no request, and
// every answer has its two entries in the trail.
func TestReloads(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	var live Reloadable
	live.Use(h.gate)
	front := httptest.NewTLSServer(&live)
	defer front.Close()
	stop := make(chan struct{})
	var asked atomic.Int64
	var load sync.WaitGroup
	client := h.client("h1")
	for range 4 {
		load.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				r := h.request("GET", "/api/accounts/alice", nil)
				r.URL.Host = front.Listener.Addr().String()
				res, err := client.Do(r)
				if err != nil || res.StatusCode != 200 {
					t.Errorf("request %d: %v %v", asked.Load(), res, err)
					return
				}
				res.Body.Close()
				asked.Add(1)
			}
		})
	}
	for i := range int64(100) {
		for asked.Load() < 2*i && !t.Failed() { // some requests between any two
			runtime.Gosched()
		}
		next, err := New(h.gate.cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := live.Use(next); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if i, o := len(h.trail.all("view.intent")), len(h.trail.all("view.outcome")); int64(i) != asked.Load() || i != o {
		t.Errorf("%d requests, %d intents, %d outcomes", asked.Load(), i, o)
	}
	t.Logf("100 reloads, %d requests, none failed", asked.Load())
}
