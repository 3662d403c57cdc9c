package mfa_test

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
)

// registry is a system of record: one address and four answers for everybody.
type registry struct {
	mu      sync.Mutex
	changed time.Time
	down    error
}

func (r *registry) ChannelOf(context.Context, string, string) (string, time.Time, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return "cardholder@example.test", r.changed, r.down
}

func (r *registry) Questions(context.Context, string, string) ([]mfa.Question, error) {
	return []mfa.Question{{ID: "born", Text: "Date of birth"}, {ID: "street", Text: "Street"}, {ID: "work", Text: "Employer"}, {ID: "user", Text: "User name"}}, nil
}

func (r *registry) Answers(context.Context, string) (map[string]string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return map[string]string{"born": "1980-04-03", "street": "Via Verdi 12", "work": "Café São João", "user": "ana.r"}, r.down
}

func callers(r *registry) func(*mfa.Config) {
	return func(c *mfa.Config) { c.Cardholders, c.Knowledge = r, r }
}

// A code goes to no channel that was changed within 72 h, nor to one of which
// nobody knows when, unless that is allowed.
func TestChannelSettled(t *testing.T) {
	reg := &registry{}
	h := open(t, sqlite(t), 1, callers(reg))
	lax := open(t, sqlite(t), 1, callers(reg), func(c *mfa.Config) { c.Undated = true })
	now := h.clock.now()
	for _, c := range []struct {
		changed time.Time
		want    error
		lax     error
	}{
		{now.Add(-72 * time.Hour), nil, nil},
		{now.Add(-72*time.Hour + time.Microsecond), mfa.ErrRecent, mfa.ErrRecent},
		{now, mfa.ErrRecent, mfa.ErrRecent},
		{now.Add(time.Hour), mfa.ErrRecent, mfa.ErrRecent}, // by a clock ahead of ours
		{time.Time{}, mfa.ErrUndated, nil},
	} {
		reg.changed = c.changed
		before := len(h.post.sent)
		by := mfa.Bearer{ID: "s1", Agent: "ada"}
		if _, err := h.doors[0].CallerStart(t.Context(), by, "c1", "email", "en"); !errors.Is(err, c.want) {
			t.Errorf("changed at %v: %v, want %v", c.changed, err, c.want)
		}
		if sent := len(h.post.sent) > before; sent != (c.want == nil) {
			t.Errorf("changed at %v: sent %v", c.changed, sent)
		}
		if _, err := lax.doors[0].CallerStart(t.Context(), by, "c1", "email", "en"); !errors.Is(err, c.lax) {
			t.Errorf("changed at %v, undated allowed: %v, want %v", c.changed, err, c.lax)
		}
	}
}

// Right answers verify however they are spelt; wrong, few or foreign ones do
// not, and after five tries in an hour nobody may go on, on any replica.
func TestKnowledge(t *testing.T) {
	reg := &registry{}
	h := open(t, storetest.URL(t, store.PostgreSQL), 3, callers(reg))
	door, by := h.doors[0], mfa.Bearer{ID: "s1", Agent: "ada"}
	right := map[string]string{"born": "1980 04 03", "street": "via verdi, 12", "work": "CAFÉ São João"}
	for name, answers := range map[string]map[string]string{
		"two of them":   {"born": "1980-04-03", "street": "Via Verdi 12"},
		"one is wrong":  {"born": "1980-04-03", "street": "Via Verdi 12", "work": "Somewhere"},
		"one is empty":  {"born": "1980-04-03", "street": "Via Verdi 12", "work": ""},
		"one not asked": {"born": "1980-04-03", "street": "Via Verdi 12", "pet": ""},
	} {
		if _, _, err := door.CallerAnswer(t.Context(), by, "c1", answers); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	until, _, err := door.CallerAnswer(t.Context(), by, "c1", right)
	if err != nil || !until.Equal(h.clock.now().Add(30*time.Minute)) {
		t.Fatalf("right answers: until %v, %v", until, err)
	}
	if got, err := h.doors[1].CallerVerified(t.Context(), "s1", "c1"); err != nil || !got.Equal(until) {
		t.Errorf("another replica: %v, %v", got, err)
	}
	if got, _ := door.CallerVerified(t.Context(), "s2", "c1"); !got.IsZero() {
		t.Error("verified for another agent's session")
	}
	if got, _ := door.CallerVerified(t.Context(), "s1", "c2"); !got.IsZero() {
		t.Error("verified for another cardholder")
	}
	var looked, slow atomic.Int64
	var wg sync.WaitGroup
	for i := range 200 { // the right tries are given back: these are five of c1's
		wg.Go(func() {
			by := mfa.Bearer{ID: "t" + string(rune('a'+i%20)), Agent: "mal"}
			_, _, err := h.doors[i%3].CallerAnswer(t.Context(), by, "c1", map[string]string{"born": "1", "street": "2", "work": "3"})
			switch {
			case errors.Is(err, mfa.ErrWrong):
				looked.Add(1)
			case errors.Is(err, mfa.ErrSlow):
				slow.Add(1)
			default:
				t.Errorf("guess: %v", err)
			}
		})
	}
	wg.Wait()
	if looked.Load() != 5 || slow.Load() != 195 {
		t.Errorf("of 200 guesses at once %d were looked at", looked.Load())
	}
	if _, _, err := door.CallerAnswer(t.Context(), by, "c1", right); !errors.Is(err, mfa.ErrSlow) {
		t.Errorf("right answers while nobody may try: %v", err)
	}
	h.clock.add(61 * time.Minute)
	if _, _, err := door.CallerAnswer(t.Context(), by, "c1", right); err != nil {
		t.Errorf("an hour later: %v", err)
	}
	for _, act := range h.book.acts {
		for _, detail := range act.Detail {
			if strings.Contains(detail, "Verdi") || strings.Contains(detail, "1980") {
				t.Errorf("an answer stands in the trail: %+v", act)
			}
		}
	}
	reg.down = errors.New("away")
	if _, _, err := door.CallerAnswer(t.Context(), by, "c3", right); !errors.Is(err, reg.down) {
		t.Errorf("the system of record is away: %v", err)
	}
}

// A caller's code is tried five times at most however many try at once, counts
// for this session and subject only, and once.
func TestCallerCode(t *testing.T) {
	reg := &registry{changed: time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	h := open(t, storetest.URL(t, store.PostgreSQL), 3, callers(reg))
	by := mfa.Bearer{ID: "s1", Agent: "ada"}
	send := func() string {
		t.Helper()
		if _, err := h.doors[0].CallerStart(t.Context(), by, "c1", "email", "de"); err != nil {
			t.Fatal(err)
		}
		return regexp.MustCompile(`\d{6}`).FindString(h.post.sent[len(h.post.sent)-1])
	}
	code := send()
	guess := map[bool]string{true: "000001", false: "000000"}[code == "000000"]
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { _, _, _ = h.doors[i%3].CallerVerify(t.Context(), by, "c1", guess) })
	}
	wg.Wait()
	if _, _, err := h.doors[0].CallerVerify(t.Context(), by, "c1", code); !errors.Is(err, mfa.ErrWrong) {
		t.Errorf("the right code after a hundred wrong ones: %v", err)
	}
	code = send()
	for name, c := range map[string]struct {
		by      mfa.Bearer
		subject string
	}{"another session": {mfa.Bearer{ID: "s2", Agent: "ada"}, "c1"}, "another subject": {by, "c2"}} {
		if _, _, err := h.doors[0].CallerVerify(t.Context(), c.by, c.subject, code); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, _, err := h.doors[2].CallerVerify(t.Context(), by, "c1", code); err != nil {
		t.Errorf("the right code: %v", err)
	}
	if _, _, err := h.doors[1].CallerVerify(t.Context(), by, "c1", code); !errors.Is(err, mfa.ErrWrong) {
		t.Errorf("again: %v", err)
	}
	send()
	send()
	send()
	if _, err := h.doors[1].CallerStart(t.Context(), mfa.Bearer{ID: "s9", Agent: "ben"}, "c1", "email", "en"); !errors.Is(err, mfa.ErrSlow) {
		t.Errorf("a sixth code within the hour: %v", err)
	}
}
