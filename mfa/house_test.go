package mfa_test

import (
	"bytes"
	"context"
	"encoding/base32"
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
)

// clock is set by the test.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

// box is a keeper for tests: it binds a secret to its context and can be down.
type box struct {
	mu   sync.Mutex
	down error
}

func (b *box) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.down = err
}

func (b *box) Seal(_ context.Context, where string, secret []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]byte(where+"\x00"), flip(secret)...), b.down
}

func (b *box) Open(_ context.Context, where string, sealed []byte) ([]byte, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	secret, ok := bytes.CutPrefix(sealed, []byte(where+"\x00"))
	if !ok {
		return nil, fmt.Errorf("sealed for another context")
	}
	return flip(secret), b.down
}

func flip(b []byte) []byte {
	out := make([]byte, len(b))
	for i := range b {
		out[i] = ^b[i]
	}
	return out
}

// book is a trail for tests: it keeps acts and can be closed.
type book struct {
	mu     sync.Mutex
	acts   []mfa.Act
	closed error
}

func (b *book) Record(_ context.Context, act mfa.Act) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed != nil {
		return "", b.closed
	}
	b.acts = append(b.acts, act)
	return fmt.Sprintf("test.%d", len(b.acts)), nil
}

func (b *book) close(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = err
}

// count says how many acts there are of a kind with a reason.
func (b *book) count(kind, reason string) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, a := range b.acts {
		if a.Kind == kind && a.Reason == reason {
			n++
		}
	}
	return n
}

// outbox keeps messages.
type outbox struct {
	mu   sync.Mutex
	sent []string
}

func (o *outbox) Send(_ context.Context, to, _, body string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.sent = append(o.sent, to+": "+body)
	return nil
}

// house is one or several doors over one database.
type house struct {
	clock *clock
	box   *box
	book  *book
	post  *outbox
	doors []*mfa.Door
	dbs   []*store.DB
}

var cheap = mfa.Argon{Memory: 64, Passes: 1, Threads: 1} // tests of the cost use their own

const password = "plum harbour lantern 9"

func schemas() []store.Schema { return []store.Schema{mfa.Schema()} }

var deskURL, _ = url.Parse("https://desk.test")

// open makes replicas over the database at rawURL.
func open(t testing.TB, rawURL string, replicas int, change ...func(*mfa.Config)) *house {
	t.Helper()
	h := &house{clock: &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}, box: &box{}, book: &book{}, post: &outbox{}}
	desk := deskURL
	tool, _ := url.Parse("https://cases.test")
	for range replicas {
		db := storetest.OpenURL(t, rawURL, schemas()...)
		cfg := mfa.Config{Store: db, Sealer: h.box, Trail: h.book, Post: h.post, Desk: desk, Hosts: []*url.URL{tool},
			Argon: cheap, Clock: h.clock.now, Limits: mfa.Limits{Burst: 1 << 30, StrangersBurst: 1 << 30}}
		for _, f := range change {
			f(&cfg)
		}
		door, err := mfa.Open(context.Background(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(door.Close)
		h.doors, h.dbs = append(h.doors, door), append(h.dbs, db)
	}
	return h
}

// each runs a test over both engines with one door.
func each(t *testing.T, test func(t *testing.T, h *house), change ...func(*mfa.Config)) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) { test(t, open(t, storetest.URL(t, engine), 1, change...)) })
	}
}

func seedOf(name string) []byte { return bytes.Repeat([]byte(name[:1]), 20) }

// add adds an agent with the password and a device.
func (h *house) add(t testing.TB, name string, roles ...string) {
	t.Helper()
	if len(roles) == 0 {
		roles = []string{"tier1"}
	}
	_, err := h.doors[0].AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: name, Display: strings.ToUpper(name), Kind: "agent", Roles: roles},
		Password: password, Seed: seedOf(name)})
	if err != nil {
		t.Fatal(err)
	}
}

// code is what the agent's device shows, ahead seconds from now.
func (h *house) code(t testing.TB, name string, ahead time.Duration) string {
	t.Helper()
	return codeOf(t, seedOf(name), h.clock.now().Add(ahead))
}

func codeOf(t testing.TB, seed []byte, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(seed), at, totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

var from = mfa.From{Address: "192.0.2.7", Browser: "test"}

func (h *house) ticket(t testing.TB, name string) string {
	t.Helper()
	next, err := h.doors[0].Login(t.Context(), name, password, from)
	if err != nil {
		t.Fatal(err)
	}
	return next.Ticket
}

// signIn signs in with the code of a new step.
func (h *house) signIn(t testing.TB, name string) *mfa.SignedIn {
	t.Helper()
	h.clock.add(30 * time.Second)
	in, err := h.doors[0].Code(t.Context(), h.ticket(t, name), h.code(t, name, 0), from)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

func sqlite(t testing.TB) string { return storetest.URL(t, store.SQLite) }
