package gateway

import (
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/gateway/assertion"
)

type urlOf struct{ path string }

func (u *urlOf) String() string { return (&url.URL{Path: u.path}).String() }

const issuer = "https://desk.localhost"

// testAssertions derives keys as keeper.MACKey does: same purpose, same key.
func testAssertions(t *testing.T, clock func() time.Time) *Assertions {
	t.Helper()
	a, err := NewAssertions(t.Context(), AssertionConfig{Issuer: issuer, Clock: clock,
		Seed: func(_ context.Context, purpose string) ([]byte, error) {
			sum := sha256.Sum256([]byte("test " + purpose))
			return sum[:], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func lastOfPart(s string, i int) bool { return i == len(s)-1 || s[i+1] == '.' }

// TestAssertion: a tool that uses the published helper learns who asks, across
// a turn of the keys and from another replica; nobody else is believed.
func TestAssertion(t *testing.T) {
	var skew atomic.Int64
	clock := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	signer := testAssertions(t, clock)
	replica := testAssertions(t, clock)
	desk := httptest.NewServer(replica)
	defer desk.Close()
	verifier := &assertion.Verifier{Keys: desk.URL, Issuer: issuer, Tool: "cases", Clock: clock}
	h := newHouse(t, verifier.Protect(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := assertion.From(r.Context())
		if !ok || who.Name != "ada" || len(who.Roles) != 1 || who.Purpose != "servicing" || who.Case != "C-1" {
			t.Errorf("the tool learned %+v %v", who, ok)
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, account)
	})), func(c *Config) { c.Assertions = signer })
	for range 3 {
		if res, body := h.get("/api/accounts/alice"); res.StatusCode != 200 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
		skew.Add(int64(25 * time.Hour)) // the keys turn
	}

	statement, err := signer.For(h.session, "cases", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if again, _ := signer.For(h.session, "cases", "", ""); again != statement {
		t.Error("signed anew within half a minute")
	}
	other := &assertion.Verifier{Keys: desk.URL, Issuer: issuer, Tool: "mail", Clock: clock}
	if _, err := other.Verify(t.Context(), statement); !errors.Is(err, assertion.ErrInvalid) {
		t.Errorf("another tool believes it: %v", err)
	}
	foreign := &assertion.Verifier{Keys: desk.URL, Issuer: "https://evil", Tool: "cases", Clock: clock}
	if _, err := foreign.Verify(t.Context(), statement); !errors.Is(err, assertion.ErrInvalid) {
		t.Errorf("of another issuer: %v", err)
	}
	for i := range len(statement) {
		bent := []byte(statement)
		bent[i] ^= 1
		// The last character of a part has spare bits that mean nothing.
		if who, err := verifier.Verify(t.Context(), string(bent)); err == nil && !lastOfPart(statement, i) {
			t.Errorf("byte %d changed, still believed: %+v", i, who)
		}
	}
	skew.Add(int64(2 * time.Minute))
	if _, err := verifier.Verify(t.Context(), statement); !errors.Is(err, assertion.ErrInvalid) {
		t.Errorf("after two minutes: %v", err)
	}
	if res, err := http.Get(h.back.URL + "/api/accounts/alice"); err != nil || res.StatusCode != 401 {
		t.Errorf("past the gateway: %v %v", res, err)
	}
}
