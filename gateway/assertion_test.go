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
	"github.com/privet-gateway/privet/mfa"
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

// TestAssertionsWithoutKeeper: a keeper that is away as the keys turn stops nobody,
// as the next one is known; it must be back before the turn after that.
func TestAssertionsWithoutKeeper(t *testing.T) {
	var skew atomic.Int64
	var away atomic.Bool
	clock := func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }
	a, err := NewAssertions(t.Context(), AssertionConfig{Issuer: issuer, Clock: clock,
		Seed: func(_ context.Context, purpose string) ([]byte, error) {
			if away.Load() {
				return nil, errors.New("the keeper is away")
			}
			sum := sha256.Sum256([]byte(purpose))
			return sum[:], nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	desk := httptest.NewServer(a)
	defer desk.Close()
	s := &mfa.Session{ID: "s", Agent: "ada"}
	believed := func() error {
		statement, err := a.For(s, "cases", "", "")
		if err == nil {
			_, err = (&assertion.Verifier{Keys: desk.URL, Issuer: issuer, Tool: "cases", Clock: clock}).Verify(t.Context(), statement)
		}
		return err
	}
	away.Store(true)
	skew.Add(int64(24 * time.Hour))
	if err := believed(); err != nil {
		t.Errorf("at the first turn without the keeper: %v", err)
	}
	skew.Add(int64(24 * time.Hour))
	if err := believed(); !errors.Is(err, errSign) {
		t.Errorf("at the second: %v", err)
	}
	away.Store(false)
	if err := believed(); err != nil {
		t.Errorf("with the keeper back: %v", err)
	}
}

// TestVerifierWithoutDesk: a desk that hangs is asked once, and holds up nobody
// whose key is known.
func TestVerifierWithoutDesk(t *testing.T) {
	signer := testAssertions(t, nil)
	asked, hung, entered := atomic.Int64{}, make(chan struct{}), make(chan struct{}, 1)
	desk := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if asked.Add(1) > 1 {
			entered <- struct{}{}
			<-hung
			return
		}
		signer.ServeHTTP(w, r)
	}))
	defer desk.Close()
	defer close(hung)
	var skew atomic.Int64
	verifier := &assertion.Verifier{Keys: desk.URL, Issuer: issuer, Tool: "cases", Clock: func() time.Time { return time.Now().Add(time.Duration(skew.Load())) }}
	s := &mfa.Session{ID: "s", Agent: "ada"}
	known, err := signer.For(s, "cases", "", "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifier.Verify(t.Context(), known); err != nil {
		t.Fatal(err)
	}
	skew.Add(int64(11 * time.Second))
	later := testAssertions(t, func() time.Time { return time.Now().Add(72 * time.Hour) })
	unknown, err := later.For(s, "cases", "", "")
	if err != nil {
		t.Fatal(err)
	}
	impatient, leave := context.WithCancel(t.Context())
	left := make(chan error)
	go func() {
		_, err := verifier.Verify(impatient, unknown)
		left <- err
	}()
	<-entered
	if _, err := verifier.Verify(t.Context(), known); err != nil {
		t.Errorf("of a known key, while the desk hangs: %v", err)
	}
	leave()
	if err := <-left; !errors.Is(err, assertion.ErrInvalid) {
		t.Errorf("of an unknown key: %v", err)
	}
	if n := asked.Load(); n != 2 {
		t.Errorf("the desk was asked %d times", n)
	}
}
