package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// saas answers like Stripe, HubSpot and Mailchimp do, over one set of records.
type saas struct {
	records map[string]map[string]string
	busy    int // answers 429 so often first
	auth    []string
	keys    map[string]int
}

func (s *saas) list(want func(map[string]string) bool) (out []any) {
	for _, id := range sortedKeys(s.records) {
		if rec := s.records[id]; want(rec) {
			out = append(out, map[string]any{"id": id, "email": rec["email"], "name": rec["name"], "email_address": rec["email"], "full_name": rec["name"], "list_id": "L1",
				"properties": map[string]string{"email": rec["email"], "firstname": rec["name"]}})
		}
	}
	return out
}

func (s *saas) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.auth = append(s.auth, r.Header.Get("Authorization"))
	if s.busy > 0 {
		s.busy--
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return
	}
	if k := r.Header.Get("Idempotency-Key"); k != "" {
		s.keys[k]++
	}
	reply := func(v any) { _ = json.NewEncoder(w).Encode(v) }
	parts := strings.Split(strings.Trim(r.URL.Path, "/"), "/")
	switch path := r.URL.Path; {
	case path == "/v1/customers": // pages of one
		all := s.list(func(rec map[string]string) bool {
			return rec["email"] == r.FormValue("email") && rec["id"] > r.FormValue("starting_after")
		})
		reply(map[string]any{"data": all[:min(1, len(all))], "has_more": len(all) > 1})
	case path == "/v1/customers/search":
		id := strings.Trim(strings.TrimPrefix(r.FormValue("query"), "id:"), "'")
		reply(map[string]any{"data": append([]any{}, s.list(func(rec map[string]string) bool { return rec["id"] == id })...), "has_more": false})
	case strings.HasSuffix(path, "/search"):
		var in struct {
			FilterGroups []struct {
				Filters []struct{ PropertyName, Value string }
			}
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		f := in.FilterGroups[0].Filters[0]
		found := append([]any{}, s.list(func(rec map[string]string) bool { return rec["email"] == f.Value || rec["id"] == f.Value })...)
		reply(map[string]any{"results": found, "total": len(found)})
	case path == "/3.0/search-members":
		found := append([]any{}, s.list(func(rec map[string]string) bool { return rec["email"] == r.FormValue("query") })...)
		reply(map[string]any{"exact_matches": map[string]any{"members": found, "total_items": len(found)}})
	case strings.HasSuffix(path, "/members"):
		found := append([]any{}, s.list(func(rec map[string]string) bool { return rec["id"] == r.FormValue("unique_email_id") })...)
		reply(map[string]any{"members": found, "total_items": len(found)})
	case strings.HasSuffix(path, "/gdpr-delete"):
		var in struct{ ObjectID string }
		_ = json.NewDecoder(r.Body).Decode(&in)
		delete(s.records, in.ObjectID)
		w.WriteHeader(http.StatusNoContent)
	case strings.HasSuffix(path, "/delete-permanent"):
		delete(s.records, parts[4])
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodDelete:
		delete(s.records, parts[len(parts)-1])
		reply(map[string]any{"deleted": true})
	case s.records[parts[len(parts)-1]] == nil:
		http.NotFound(w, r)
	case r.Method == http.MethodPost: // Stripe's forms
		s.records[parts[len(parts)-1]]["name"] = r.FormValue("name")
		reply(map[string]any{"id": parts[len(parts)-1]})
	case r.Method == http.MethodPatch:
		var in struct {
			Properties  map[string]string
			MergeFields map[string]string `json:"merge_fields"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		for _, v := range in.Properties {
			s.records[parts[len(parts)-1]]["name"] = v
		}
		for _, v := range in.MergeFields {
			s.records[parts[len(parts)-1]]["name"] = v
		}
		reply(map[string]any{})
	default:
		reply(s.list(func(rec map[string]string) bool { return rec["id"] == parts[len(parts)-1] })[0])
	}
}

// The declarations that come with Privet find all pages, correct, erase and verify,
// against loopback answers of each API's shape.
func TestKnownAPIs(t *testing.T) {
	for name, c := range map[string]*Collection{
		"stripe":    {Name: "customer", Fields: []Field{{Name: "id", Key: true}, {Name: "email", Identity: "email"}, {Name: "name"}}},
		"hubspot":   {Name: "contacts", Fields: []Field{{Name: "id", Key: true}, {Name: "email", Identity: "email"}, {Name: "firstname"}}},
		"mailchimp": {Name: "member", Fields: []Field{{Name: "id", Key: true}, {Name: "list_id", Key: true}, {Name: "email", Identity: "email"}, {Name: "name"}}},
	} {
		t.Run(name, func(t *testing.T) {
			s := &saas{keys: map[string]int{}, records: map[string]map[string]string{}}
			for i := range 3 {
				id := fmt.Sprintf("c%d", i)
				s.records[id] = map[string]string{"id": id, "email": "ana@example.com", "name": "Ana"}
			}
			s.records["other"] = map[string]string{"id": "other", "email": "bob@example.com", "name": "Bob"}
			server := httptest.NewServer(s)
			defer server.Close()
			api, err := KnownAPI(name, func(key string) (string, error) {
				if strings.HasSuffix(key, "_BASE") {
					return server.URL, nil
				}
				return "secret", nil
			})
			if err != nil {
				t.Fatal(err)
			}
			api.Rate = 1000
			h, err := NewHTTP(api, nil)
			if err != nil {
				t.Fatal(err)
			}
			ctx := context.Background()
			rows, err := rowsOf(h.Find(ctx, c, "email", []string{"ana@example.com"}))
			if err != nil || len(rows) != 3 {
				t.Fatalf("found %d rows: %v", len(rows), err)
			}
			field := c.Fields[len(c.Fields)-1].Name
			var targets, whole []Target
			for _, r := range rows {
				whole = append(whole, Target{Key: r.Key})
				targets = append(targets, Target{Key: r.Key, Old: map[string]any{field: "Ana"}, Set: map[string]any{field: "Anna"}})
			}
			if _, err := h.Correct(ctx, c, targets, "k1"); err != nil {
				t.Fatal(err)
			}
			if left, err := h.Remains(ctx, c, Amend, targets); err != nil || len(left) > 0 {
				t.Errorf("after correcting %d remain: %v", len(left), err)
			}
			s.busy = 1
			var later *Later
			if _, err := h.Erase(ctx, c, Delete, whole, "k2"); !errors.As(err, &later) || later.After > time.Second {
				t.Errorf("a busy answer is %v", err)
			}
			if _, err := h.Erase(ctx, c, Delete, whole, "k2"); err != nil {
				t.Fatal(err)
			}
			if left, err := h.Remains(ctx, c, Delete, whole); err != nil || len(left) > 0 {
				t.Errorf("after erasing %d remain: %v", len(left), err)
			}
			if s.records["other"]["name"] != "Bob" || len(s.records) != 1 {
				t.Errorf("left are %v", s.records)
			}
			for key, n := range s.keys {
				if n > 1 {
					t.Errorf("key %s was used for %d acts", key, n)
				}
			}
			if !strings.HasPrefix(s.auth[0], "Bearer ") && !strings.HasPrefix(s.auth[0], "Basic ") {
				t.Errorf("requests are authorised by %q", s.auth[0])
			}
		})
	}
	if _, err := KnownAPI("nonsense", nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown declaration: %v", err)
	}
}
