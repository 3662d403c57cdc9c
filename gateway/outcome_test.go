package gateway

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/policy"
)

// named checks that every outcome fits one entry, and returns whom all name.
func named(t *testing.T, h *house) (people map[string]bool, records int) {
	t.Helper()
	people = map[string]bool{}
	for _, e := range h.trail.all("view.outcome") {
		if len(e.Subjects) > audit.MaxSubjects {
			t.Errorf("one entry names %d people", len(e.Subjects))
		}
		if e.Intent != "test.0" || e.Classes["person"] != "show" {
			t.Errorf("a part says %+v", e)
		}
		for _, s := range e.Subjects {
			if people[s] {
				t.Errorf("%s is named twice", s)
			}
			people[s] = true
		}
		records += e.Records
	}
	return people, records
}

// A list of more people than an entry can name names them all, in several.
func TestLongListNamesEverybody(t *testing.T) {
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/x-ndjson")
		for i := range 5000 {
			fmt.Fprintf(w, "{\"subject\":\"c%d\",\"name\":\"Ann\"}\n", i)
		}
	}))
	res, err := h.client("h1").Do(h.request("GET", "/api/lines", nil))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	h.gate.Close()
	if people, records := named(t, h); len(people) != 5000 || records != 5000 {
		t.Errorf("%d people and %d records in %d entries", len(people), records, len(h.trail.all("view.outcome")))
	}
}

// A page counts towards the daily limit as its JSON does: its path says whom it is about.
func TestPageCountsAgainstLimit(t *testing.T) {
	counts := policy.NewMemory()
	engine, err := policy.Open(t.Context(), policy.Config{Clock: tuesday, Counter: counts,
		Catalogue: []policy.Document{{Name: "test.yaml", Text: []byte(testCatalogue)}}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, says("text/html", `<h1>Account</h1><p class="name">Alice</p>`), func(c *Config) { c.Policy = engine })
	for _, path := range []string{"/page/alice", "/page/bob", "/page/alice"} {
		if res, body := h.get(path); res.StatusCode != 200 || !strings.Contains(body, "Account") {
			t.Fatalf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	h.gate.Close()
	if records, subjects, _ := counts.Totals(t.Context(), "ada", tuesday().Format(time.DateOnly)); records != 3 || subjects != 2 {
		t.Errorf("three pages about two people count as %d records of %d", records, subjects)
	}
}

// A long chat names everybody, too, before it ends.
func TestLongChatNamesEverybody(t *testing.T) {
	const people = audit.MaxSubjects + 100
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"chat.v1"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for i := range people {
			if conn.Write(r.Context(), websocket.MessageText, fmt.Appendf(nil, `{"subject":"c%d","name":"Ann"}`, i)) != nil {
				return
			}
		}
		conn.Read(r.Context())
	}))
	conn, _, err := h.socket(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	for range people {
		if _, _, err := conn.Read(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	conn.Close(websocket.StatusNormalClosure, "")
	h.gate.Close()
	if named, _ := named(t, h); len(named) != people || len(h.trail.all("view.outcome")) != 2 {
		t.Errorf("%d of %d people in %d entries", len(named), people, len(h.trail.all("view.outcome")))
	}
}

// A list ends where the daily limit is reached, and not after it: a long one is
// torn off there, a short one is not shown at all.
func TestLimitInsideList(t *testing.T) {
	today := tuesday().Format(time.DateOnly)
	for name, c := range map[string]struct{ people, left int }{"short": {30, 10}, "long": {5000, 1000}} {
		t.Run(name, func(t *testing.T) {
			counts := policy.NewMemory()
			engine, err := policy.Open(t.Context(), policy.Config{Clock: tuesday, Counter: counts,
				Catalogue: []policy.Document{{Name: "test.yaml", Text: []byte(testCatalogue)}}})
			if err != nil {
				t.Fatal(err)
			}
			before := make([]string, 2000-c.left) // of 2,000 people a day that the rules allow
			for i := range before {
				before[i] = fmt.Sprint("old", i)
			}
			if _, _, err := counts.Opened(t.Context(), "ada", today, 0, before); err != nil {
				t.Fatal(err)
			}
			var list strings.Builder
			for i := range c.people {
				fmt.Fprintf(&list, `,{"subject":"c%d","name":"Ann %s"}`, i, strings.Repeat("x", 100))
			}
			h := newHouse(t, says("application/json", `{"items":[`+list.String()[1:]+`]}`), func(c *Config) { c.Policy = engine })
			res, err := h.client("h1").Do(h.request("GET", "/api/accounts/c0/list", nil))
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(res.Body)
			res.Body.Close()
			shown := strings.Count(string(body), `"name"`)
			switch {
			case name == "short" && (res.StatusCode != 403 || shown > 0 || !strings.Contains(string(body), policy.LimitReached)):
				t.Errorf("%d with %d records: %s", res.StatusCode, shown, body)
			case name == "long" && (res.StatusCode != 200 || err == nil || shown == 0 || shown > c.left):
				t.Errorf("%d with %d records, %v", res.StatusCode, shown, err)
			}
			h.gate.Close()
			if _, subjects, _ := counts.Totals(t.Context(), "ada", today); subjects != 2000 {
				t.Errorf("%d people are counted, the limit is 2000", subjects)
			}
		})
	}
}
