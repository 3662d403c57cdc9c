package policy

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/privet-gateway/privet/redact"
)

func decideOn(t *testing.T, e *Engine, method, path string, q *Question) *Decision {
	t.Helper()
	s, _, err := e.Match("cases", method, path)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Decide(context.Background(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	if d.Plan == nil {
		t.Fatalf("refused: %+v", d)
	}
	return d
}

func TestProbes(t *testing.T) {
	d := decideOn(t, openSample(t), "GET", "/api/accounts", question("tier1", nil))
	for query, want := range map[string]error{
		"limit=10":              nil,
		"":                      nil,
		"sort=opened":           ErrProbe, // not a field of the shape
		"sort=name.family":      ErrProbe, // a VIP's name is not shown
		"pan_like=4111":         ErrProbe,
		"limit=1&pan=4":         ErrProbe,
		"email=a%40example.com": ErrProbe, // masked
		"sort=card.pan":         ErrProbe,
		"LIMIT=1":               ErrProbe,
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.CheckQuery(values); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%q: got %v, want %v", query, err, want)
		}
	}
}

func TestWrites(t *testing.T) {
	e := openSample(t)
	verified := question("tier1", func(q *Question) { q.CallerVerified = true })
	d := decideOn(t, e, "PATCH", "/api/accounts/c-1", verified)
	for body, want := range map[string]error{
		`{"email":"new@example.com"}`:               nil,
		`{"notes":"called back"}`:                   nil,
		`{"card":{"pan":"4111111111111111"}}`:       ErrProbe, // masked for tier 1
		`{"card":{"pan":"•••• 1111"}}`:              ErrProbe,
		`{"name":{"given":"A•• ••••"}}`:             ErrMasked,
		`{"notes":"the card [pan] was lost"}`:       ErrMasked,
		`{"vip":false}`:                             ErrProbe, // it would lift a cap
		`{"region":"us"}`:                           ErrProbe,
		`{"unknown":1}`:                             ErrProbe,
		`{"card":{"cvv":"1"}}`:                      ErrProbe,
		`{"email":"a","email":"b"}`:                 redact.ErrDocument,
		`{"email":`:                                 redact.ErrDocument,
		`{"email":{"deep":1}}`:                      ErrProbe,
		`{"\u0065mail":"\u2022\u2022\u2022\u2022"}`: ErrMasked,
	} {
		if err := d.CheckBody("application/json", []byte(body)); !errors.Is(err, want) || (err == nil) != (want == nil) {
			t.Errorf("%s: got %v, want %v", body, err, want)
		}
	}
	if err := d.CheckBody("application/x-www-form-urlencoded", []byte("email=a%40b.com&card.pan=4")); !errors.Is(err, ErrProbe) {
		t.Errorf("form: %v", err)
	}
	if err := d.CheckBody("application/octet-stream", []byte("x")); !errors.Is(err, ErrProbe) {
		t.Errorf("bytes: %v", err)
	}
}
