package gateway

import (
	"bufio"
	"context"
	"encoding/base32"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/mfa"
)

// plainSealer keeps nothing secret: what is tried here is time.
type plainSealer struct{}

func (plainSealer) Seal(_ context.Context, _ string, plaintext []byte) ([]byte, error) {
	return plaintext, nil
}
func (plainSealer) Open(_ context.Context, _ string, sealed []byte) ([]byte, error) {
	return sealed, nil
}

type noTrail struct{}

func (noTrail) Record(context.Context, mfa.Act) (string, error) { return "1.1", nil }

// TestLongStream: an event stream lives for 90 minutes while its agent works,
// and ends with the session when the agent has been idle for 15: events that a
// tool sends are nobody's activity (PCI DSS 4.0.1 8.2.8).
func TestLongStream(t *testing.T) {
	var passed atomic.Int64
	clock := func() time.Time { return tuesday().Add(time.Duration(passed.Load())) }
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + filepath.Join(t.TempDir(), "s.db"), Schemas: []store.Schema{mfa.Schema()}})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	desk, _ := url.Parse("https://desk.localhost")
	door, err := mfa.Open(t.Context(), mfa.Config{Store: db, Sealer: plainSealer{}, Trail: noTrail{}, Desk: desk, Clock: clock,
		Argon: mfa.Argon{Memory: 64, Passes: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	seed := []byte("12345678901234567890")
	if _, err := door.AddAgent(t.Context(), "", mfa.NewPerson{Password: "plum harbour lantern 9", Seed: seed,
		Person: mfa.Person{Name: "ada", Display: "Ada", Kind: "agent", Roles: []string{"tier1"}}}); err != nil {
		t.Fatal(err)
	}
	next, err := door.Login(t.Context(), "ada", "plum harbour lantern 9", mfa.From{Address: "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}
	code, _ := totp.GenerateCode(base32.StdEncoding.EncodeToString(seed), clock())
	in, err := door.Code(t.Context(), next.Ticket, code, mfa.From{Address: "192.0.2.7"})
	if err != nil {
		t.Fatal(err)
	}

	tool := ticks{"text/event-stream", make(chan string)}
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/events" {
			tool.ServeHTTP(w, r)
			return
		}
		says("application/json", account)(w, r)
	}), func(c *Config) { c.Door, c.Clock, c.Recheck, c.Patience = door, clock, 5*time.Millisecond, time.Minute })
	ask := func(path string) *http.Response {
		r := h.request("GET", path, nil)
		r.Header.Set(SessionHeader, in.Token)
		res, err := h.client("h1").Do(r)
		if err != nil || res.StatusCode != 200 {
			t.Fatalf("after %v: %v %v", time.Duration(passed.Load()), res, err)
		}
		return res
	}
	stream := ask("/api/events")
	defer stream.Body.Close()
	lines := bufio.NewReader(stream.Body)
	for i := range 9 {
		passed.Add(int64(10 * time.Minute))
		ask("/api/accounts/alice").Body.Close() // the agent works
		tool.next <- fmt.Sprintf("data: {\"name\":\"A%d\"}\n\n", i)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatalf("the stream ended after %v: %v", time.Duration(passed.Load()), err)
			}
			if strings.Contains(line, fmt.Sprint("A", i)) {
				break
			}
		}
	}
	passed.Add(int64(16 * time.Minute)) // nobody works, though the stream is open
	for {
		if _, err := lines.ReadString('\n'); err != nil {
			return
		}
	}
}
