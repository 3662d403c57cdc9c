package rights

import (
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
)

// shaky is one HTTP system of the crash test. It does what it is told, and answers
// as it likes: busy, broken, too late, or not at all after the deed is done.
type shaky struct {
	mu      sync.Mutex
	rng     *rand.Rand
	rate    float64
	records map[string]map[string]string
	effects map[string]int    // "method id" → how often something changed
	notices map[string]int    // idempotency key → how often it was told anew
	emails  map[string]string // → id, of those found before
	called  chan struct{}     // gets something at every call, unless it is full
}

func (s *shaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case s.called <- struct{}{}:
	default:
	}
	lose := false
	if s.rng.Float64() < s.rate {
		switch s.rng.IntN(4) {
		case 0:
			w.Header().Set("Retry-After", "0")
			w.WriteHeader(http.StatusTooManyRequests)
			return
		case 1:
			w.WriteHeader(http.StatusBadGateway)
			return
		default:
			lose = true // do it, and lose the answer
		}
	}
	answer := func(v any) {
		if lose {
			panic(http.ErrAbortHandler)
		}
		_ = json.NewEncoder(w).Encode(v)
	}
	id := strings.TrimPrefix(r.URL.Path, "/people/")
	find := func(want func(map[string]string) bool) []map[string]string {
		items := []map[string]string{}
		for _, rec := range s.records {
			if want(rec) {
				items = append(items, rec)
			}
		}
		return items
	}
	switch {
	case r.URL.Path == "/notify":
		s.notices[r.Header.Get("Idempotency-Key")]++
		answer(map[string]bool{"ok": true})
	case r.Method == http.MethodDelete:
		if s.records[id] != nil {
			s.effects["delete "+id]++
		}
		delete(s.records, id)
		answer(map[string]bool{"ok": true})
	case r.Method == http.MethodPatch:
		var set map[string]struct{ Old, New string }
		_ = json.NewDecoder(r.Body).Decode(&set)
		for k, v := range set {
			if s.records[id] == nil || s.records[id][k] != v.Old {
				w.WriteHeader(http.StatusConflict)
				return
			}
			s.records[id][k] = v.New
			s.effects["patch "+id]++
		}
		answer(map[string]bool{"ok": true})
	case r.URL.Path == "/people":
		answer(map[string]any{"items": s.byEmail(r.FormValue("email"))})
	case r.URL.Path == "/all":
		items := []map[string]string{}
		if rec := s.records[r.FormValue("id")]; rec != nil {
			items = append(items, rec)
		}
		answer(map[string]any{"items": items})
	case r.URL.Path == "/search":
		answer(map[string]any{"hits": find(func(rec map[string]string) bool {
			for _, v := range rec {
				if strings.Contains(v, r.FormValue("q")) {
					return true
				}
			}
			return false
		})})
	case s.records[id] == nil:
		w.WriteHeader(http.StatusNotFound)
	default:
		answer(s.records[id])
	}
}

// byEmail is an index, as a real system has one.
func (s *shaky) byEmail(email string) []map[string]string {
	if rec := s.records[s.emails[email]]; rec != nil && rec["email"] == email {
		return []map[string]string{rec}
	}
	if s.emails == nil {
		s.emails = map[string]string{}
	}
	for id, rec := range s.records {
		if rec["email"] == email {
			s.emails[email] = id
			return []map[string]string{rec}
		}
	}
	return []map[string]string{}
}

const crashAPI = `
base: %s
rate: 100000
timeout: 5s
search: {get: "/search?q={value}", items: hits}
collections:
  person:
    find:
      email: {get: "/people?email={value}", items: items}
      id: {get: "/people/{value}"}
    erase: {delete: "/people/{id}"}
    correct: {patch: "/people/{id}", body: "{swap}"}
    verify: {get: "/all?id={id}", items: items}
`
