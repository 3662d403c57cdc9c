package rights

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

// liar is an HTTP system that answers as its mode wants, whatever it does.
type liar struct {
	mode  string
	clock *clock

	mu      sync.Mutex
	records map[string]map[string]string // the truth
	hidden  map[string]bool              // soft-deleted: there, and not shown by id
	deleted time.Time
	backup  map[string]map[string]string
}

const liarAPI = `
base: %s
rate: 100000
search: {get: "/search?q={value}", items: hits}
collections:
  person:
    find:
      email: {get: "/people?email={value}", items: items}
      id: {get: "/people/{value}"}
    erase: {delete: "/people/{id}"}
    blank: {patch: "/people/{id}", body: "{blank}"}
    correct: {patch: "/people/{id}", body: "{set}"}
    verify: {get: "/all?id={id}", items: items, total: total, next: {cursor: after, field: id, more: more}}
`

const liarMap = `
version: t
systems:
- name: remote
  propagation: 1h
  sync: 1h
  collections:
  - name: person
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}, {name: name, class: person, correctable: name}]
`

func newLiar(t testing.TB, mode string, clock *clock) (*liar, *HTTP) {
	t.Helper()
	l := &liar{mode: mode, clock: clock, hidden: map[string]bool{}, records: map[string]map[string]string{
		"rec-0001": {"id": "rec-0001", "email": "ana.victim@example.com", "name": "Ana"},
		"rec-0002": {"id": "rec-0002", "email": "ana.victim@example.com", "name": "Ana"},
		"rec-0003": {"id": "rec-0003", "email": "bystander@example.com", "name": "Bob"}}}
	server := httptest.NewServer(l)
	t.Cleanup(server.Close)
	api, err := ParseAPI(fmt.Appendf(nil, liarAPI, server.URL))
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHTTP(api, nil)
	if err != nil {
		t.Fatal(err)
	}
	return l, h
}

// left says how much of the victim is really there.
func (l *liar) left() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, rec := range l.records {
		n += bit(rec["email"] == "ana.victim@example.com" || (rec["name"] == "Ana" && rec["id"] != "rec-0003"))
	}
	for range l.backup {
		n++
	}
	return n
}

func (l *liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pass()
	id := strings.TrimPrefix(r.URL.Path, "/people/")
	switch {
	case r.Method == http.MethodDelete:
		l.erase(w, id)
	case r.Method == http.MethodPatch:
		l.patch(w, r, id)
	case r.URL.Path == "/people":
		l.list(w, func(rec map[string]string) bool {
			return rec["email"] == r.FormValue("email") && !l.hidden[rec["id"]]
		}, false)
	case r.URL.Path == "/all":
		l.verify(w, r)
	case r.URL.Path == "/search":
		l.search(w, r.FormValue("q"))
	default:
		rec := l.records[id]
		if rec == nil || l.hidden[id] || (l.mode == "cached 404" && !l.deleted.IsZero()) {
			http.NotFound(w, r)
			return
		}
		_ = json.NewEncoder(w).Encode(rec)
	}
}

// pass lets time do its work: what revives does so after ten minutes.
func (l *liar) pass() {
	if l.deleted.IsZero() || l.clock.Now().Before(l.deleted.Add(10*time.Minute)) {
		return
	}
	if l.mode == "cache revives" || l.mode == "feed writes back" || l.mode == "import resurrects" {
		for id, rec := range l.backup {
			l.records[id] = rec
		}
		l.backup = nil
	}
}

func (l *liar) erase(w http.ResponseWriter, id string) {
	l.deleted = l.clock.Now()
	keep := func() {
		if l.backup == nil {
			l.backup = map[string]map[string]string{}
		}
		l.backup[id] = l.records[id]
	}
	switch l.mode {
	case "200 without delete", "cached 404", "verify fails", "verify is HTML", "truncated listing", "empty page says more", "verify forbidden", "redirect to login":
		w.WriteHeader(http.StatusOK)
		return
	case "202 and nothing":
		w.WriteHeader(http.StatusAccepted)
		return
	case "404 though there":
		w.WriteHeader(http.StatusNotFound)
		return
	case "200 with an error":
		fmt.Fprint(w, `{"error":"not allowed"}`)
		return
	case "soft delete":
		l.hidden[id] = true
		w.WriteHeader(http.StatusNoContent)
		return
	case "first row only":
		if id == "rec-0001" {
			delete(l.records, id)
		}
		w.WriteHeader(http.StatusNoContent)
		return
	case "deletes another":
		delete(l.records, "rec-0003")
		w.WriteHeader(http.StatusNoContent)
		return
	case "renames instead":
		rec := l.records[id]
		delete(l.records, id)
		rec["id"] = "old-" + id
		l.records["old-"+id] = rec
		w.WriteHeader(http.StatusNoContent)
		return
	case "cache revives", "import resurrects":
		keep()
	}
	delete(l.records, id)
	w.WriteHeader(http.StatusNoContent)
}

func (l *liar) patch(w http.ResponseWriter, r *http.Request, id string) {
	var set map[string]*string
	_ = json.NewDecoder(r.Body).Decode(&set)
	l.deleted = l.clock.Now()
	rec := l.records[id]
	if rec == nil {
		http.NotFound(w, r)
		return
	}
	before := map[string]string{}
	for k, v := range rec {
		before[k] = v
	}
	for k, v := range set {
		switch {
		case l.mode == "patch ignored":
		case l.mode == "patch partly" && k == "name":
		case v == nil:
			rec[k] = ""
		default:
			rec[k] = *v
		}
	}
	if l.mode == "feed writes back" {
		if l.backup == nil {
			l.backup = map[string]map[string]string{}
		}
		l.backup[id] = before
	}
	fmt.Fprint(w, `{"ok":true}`)
}

func (l *liar) list(w http.ResponseWriter, want func(map[string]string) bool, truncate bool) {
	items := []map[string]string{}
	for _, id := range sortedKeys(l.records) {
		if want(l.records[id]) {
			items = append(items, l.records[id])
		}
	}
	total := len(items)
	if truncate && len(items) > 0 {
		items = items[:0]
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": items, "total": total})
}

func (l *liar) verify(w http.ResponseWriter, r *http.Request) {
	switch l.mode {
	case "verify fails":
		w.WriteHeader(http.StatusInternalServerError)
	case "verify is HTML":
		fmt.Fprint(w, "<html>Welcome</html>")
	case "verify forbidden":
		w.WriteHeader(http.StatusForbidden)
	case "redirect to login":
		http.Redirect(w, r, "/login", http.StatusFound)
	case "empty page says more":
		fmt.Fprint(w, `{"items":[],"total":0,"more":true}`)
	case "cached 404", "soft delete":
		l.list(w, func(map[string]string) bool { return false }, false)
	default:
		l.list(w, func(rec map[string]string) bool { return rec["id"] == r.FormValue("id") }, l.mode == "truncated listing")
	}
}

func (l *liar) search(w http.ResponseWriter, q string) {
	hits := []map[string]string{}
	for _, id := range sortedKeys(l.records) {
		raw, _ := json.Marshal(l.records[id])
		if strings.Contains(string(raw), q) {
			hits = append(hits, map[string]string{"id": id})
		}
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"hits": hits})
}
