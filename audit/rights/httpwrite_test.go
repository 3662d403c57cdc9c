package rights

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// What cannot be compared is not overwritten: an API without compare-and-swap whose
// record cannot be read right now may hold something newer.
func TestNothingWrittenUnseen(t *testing.T) {
	written := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			w.WriteHeader(http.StatusForbidden)
			return
		}
		written++
	}))
	defer server.Close()
	api, err := ParseAPI([]byte(`
base: ` + server.URL + `
collections:
  person:
    find: {id: {get: "/people/{value}"}}
    correct: {patch: "/people/{id}", body: "{set}"}
    verify: {get: "/people?id={value}", items: items}
`))
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHTTP(api, nil)
	if err != nil {
		t.Fatal(err)
	}
	c := &Collection{Name: "person", Fields: []Field{{Name: "id", Key: true}, {Name: "name"}}}
	row, err := NewRow(c, map[string]any{"id": "1"})
	if err != nil {
		t.Fatal(err)
	}
	target := Target{Key: row.Key, Old: map[string]any{"name": "Ana"}, Set: map[string]any{"name": "Anna"}}
	if _, err := h.Correct(t.Context(), c, []Target{target}, ""); err == nil || written != 0 {
		t.Errorf("%d writes over a record nobody could read; error %v", written, err)
	}
}
