package gateway

import (
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// TestPolled: a page whose script asks by itself keeps no session alive, as nobody
// is at work; a person who asks does (PCI DSS 4.0.1 8.2.8).
func TestPolled(t *testing.T) {
	for path, alive := range map[string]bool{"/news": false, "/account": true} {
		var passed atomic.Int64
		clock := func() time.Time { return tuesday().Add(time.Duration(passed.Load())) }
		door, err := mfa.Open(t.Context(), mfa.Config{Store: storetest.Open(t, store.SQLite, mfa.Schema()), Sealer: plain{}, Trail: unheard{},
			Desk: &url.URL{Scheme: "https", Host: "desk.localhost"}, Argon: mfa.Argon{Memory: 64, Passes: 1, Threads: 1}, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(door.Close)
		engine, err := policy.Open(t.Context(), policy.Config{Clock: clock, Catalogue: []policy.Document{{Name: "t", Text: []byte(
			`{tool: cases, shapes: {s: {fields: {subject: reference}}}, screens: [
				{id: news, path: /news, media: application/json, shape: s, polled: true}, {id: account, path: /account, media: application/json, shape: s}]}`)}}})
		if err != nil {
			t.Fatal(err)
		}
		in := enter(t, door)
		h := newHouse(t, says("application/json", `{"subject":"c-1"}`), func(c *Config) { c.Policy, c.Door, c.Clock = engine, door, clock })
		status := 0
		for range 5 {
			r := h.request("GET", path, nil)
			r.Header.Set(SessionHeader, in.Token)
			res, _ := h.do(r)
			status = res.StatusCode
			passed.Add(int64(4 * time.Minute))
		}
		if (status == 200) != alive {
			t.Errorf("%s every four minutes: %d after sixteen", path, status)
		}
	}
}
