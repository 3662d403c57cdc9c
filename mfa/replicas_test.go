package mfa_test

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
)

var (
	connections = flag.Int("connections", 5000, "streams that wait for the end of their session")
	tries       = flag.Int("tries", 16, "sign-ins per kind of name, for the report on time; the goal is 10000")
)

// Of 1,000 parallel guesses over three replicas ten are looked at.
func TestLockout(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 3)
	h.add(t, "ada")
	ticket := h.ticket(t, "ada")
	right := h.code(t, "ada", 0)
	var wg sync.WaitGroup
	slots := make(chan struct{}, 96) // as many as the replicas have connections
	for i := range 1000 {
		guess := fmt.Sprintf("%06d", i*997%1000000)
		if guess == right {
			guess = "999999"
		}
		wg.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			_, err := h.doors[i%3].Code(t.Context(), ticket, guess, from)
			if !errors.Is(err, mfa.ErrWrong) && !errors.Is(err, mfa.ErrLocked) {
				t.Errorf("guess: %v", err)
			}
		})
	}
	wg.Wait()
	if got := h.book.count("signin.code", "wrong"); got != 10 {
		t.Errorf("%d guesses were looked at", got)
	}
	var no *mfa.Refusal
	if _, err := h.doors[1].Code(t.Context(), ticket, right, from); !errors.As(err, &no) || no.Err != mfa.ErrLocked || no.RetryAfter < 29*time.Minute {
		t.Errorf("the right code while locked: %v", err)
	}
	again := open(t, storetest.URL(t, store.SQLite), 1) // a restart, on the other engine
	again.add(t, "ada")
	for range 10 {
		_, _ = again.doors[0].Code(t.Context(), again.ticket(t, "ada"), "000000", from)
	}
	again.clock.add(29 * time.Minute)
	if _, err := again.doors[0].Login(t.Context(), "ada", password, from); !errors.Is(err, mfa.ErrLocked) {
		t.Errorf("after 29 minutes: %v", err)
	}
	again.clock.add(2 * time.Minute)
	again.signIn(t, "ada")
}

// Without the first factor nobody can lock an agent out.
func TestNoLockoutByPassword(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		for range 200 {
			if _, err := h.doors[0].Login(t.Context(), "ada", "guess after guess", from); !errors.Is(err, mfa.ErrWrong) {
				t.Fatal(err)
			}
		}
		h.signIn(t, "ada")
	})
}

// The throttle slows one network down, on all replicas, and not its neighbour,
// and not who is right.
func TestThrottle(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 3, func(c *mfa.Config) { c.Limits = mfa.Limits{Burst: 5, Wrong: 1} })
	h.add(t, "ada")
	for i := range 20 {
		if _, err := h.doors[i%3].Login(t.Context(), "ada", password, from); err != nil {
			t.Fatal(err)
		}
	}
	var slow *mfa.Refusal
	for i := range 6 {
		_, err := h.doors[i%3].Login(t.Context(), "ada", "wrong", from)
		errors.As(err, &slow)
		if want := map[bool]error{true: mfa.ErrWrong, false: mfa.ErrSlow}[i < 5]; !errors.Is(err, want) {
			t.Errorf("wrong password %d: %v, want %v", i+1, err, want)
		}
	}
	if slow.RetryAfter <= 0 {
		t.Errorf("sixth wrong password: %v", slow)
	}
	if _, err := h.doors[0].Login(t.Context(), "ada", password, mfa.From{Address: "198.51.100.1"}); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	h.clock.add(2 * time.Second)
	if _, err := h.doors[0].Login(t.Context(), "ada", password, from); err != nil {
		t.Errorf("after a wait: %v", err)
	}
}

// A storm from many networks is slowed as one, and keeps nobody out who comes
// from where somebody signed in before.
func TestStorm(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 3, func(c *mfa.Config) {
		c.Limits = mfa.Limits{Burst: 1 << 20, Strangers: 1, StrangersBurst: 50}
	})
	h.add(t, "ada")
	h.signIn(t, "ada") // from an office
	looked := 0
	for i := range 300 {
		_, err := h.doors[i%3].Login(t.Context(), "ada", "guess", mfa.From{Address: fmt.Sprintf("2001:db8:%x::1", i)})
		switch {
		case errors.Is(err, mfa.ErrWrong):
			looked++
		case !errors.Is(err, mfa.ErrSlow):
			t.Fatal(err)
		}
	}
	if looked != 50 {
		t.Errorf("%d of 300 guesses from as many networks were looked at", looked)
	}
	if _, err := h.doors[1].Login(t.Context(), "ada", password, from); err != nil {
		t.Errorf("from the office, in the storm: %v", err)
	}
	h.clock.add(31 * 24 * time.Hour)
	if _, err := h.doors[1].Login(t.Context(), "ada", password, mfa.From{Address: "2001:db8:fff::1"}); err != nil {
		t.Errorf("a stranger, after the storm: %v", err)
	}
}

// One network alone makes no storm, at whichever door it knocks: it is slowed
// before it could keep other strangers out.
func TestStormOfOne(t *testing.T) {
	for name, knock := range map[string]func(d *mfa.Door) error{
		"password": func(d *mfa.Door) error { _, err := d.Login(t.Context(), "ada", "guess", from); return err },
		"ticket":   func(d *mfa.Door) error { _, err := d.Code(t.Context(), "none", "123456", from); return err },
		"passkey":  func(d *mfa.Door) error { _, err := d.PasskeySignIn(t.Context(), "none", from); return err },
		"ceremony": func(d *mfa.Door) error { _, err := d.PasskeyFinish(t.Context(), "none", nil, nil, from); return err },
		"hand-over": func(d *mfa.Door) error {
			_, err := d.Enter(httptest.NewRecorder(), httptest.NewRequest("GET", "https://cases.test"+mfa.EnterPath+"?code=none", nil))
			return err
		},
	} {
		h := open(t, sqlite(t), 1, func(c *mfa.Config) { c.Limits = mfa.Limits{Burst: 5, Wrong: 1, Strangers: 1, StrangersBurst: 20} })
		h.add(t, "ada")
		var err error
		for range 100 {
			if err = knock(h.doors[0]); !errors.Is(err, mfa.ErrWrong) && !errors.Is(err, mfa.ErrTicket) && !errors.Is(err, mfa.ErrSlow) {
				t.Fatal(err)
			}
		}
		if name != "hand-over" && !errors.Is(err, mfa.ErrSlow) {
			t.Errorf("%s: the hundredth is not slowed: %v", name, err)
		}
		if _, err := h.doors[0].Login(t.Context(), "ada", password, mfa.From{Address: "198.51.100.1"}); err != nil {
			t.Errorf("%s: another stranger: %v", name, err)
		}
	}
}

// Who has not signed in for ninety days needs a supervisor, whatever they prove.
func TestUnused(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		h.signIn(t, "ada")
		h.clock.add(89 * 24 * time.Hour)
		h.signIn(t, "ada")
		h.clock.add(90*24*time.Hour + time.Minute)
		if _, err := h.doors[0].Login(t.Context(), "ada", password, from); !errors.Is(err, mfa.ErrLocked) {
			t.Errorf("after ninety days: %v", err)
		}
		if err := h.doors[0].Unlock(t.Context(), "sofia", "ada"); err != nil {
			t.Fatal(err)
		}
		h.signIn(t, "ada")
	})
}

// An end on one replica closes the streams of all, whatever it was.
func TestEnd(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			h := open(t, storetest.URL(t, engine), 3)
			h.add(t, "ada")
			for name, end := range map[string]func(s *mfa.Session) error{
				"sign-out":   func(s *mfa.Session) error { return h.doors[0].End(t.Context(), "ada", s.ID, "sign_out") },
				"supervisor": func(*mfa.Session) error { return h.doors[0].EndAgent(t.Context(), "sofia", "ada", "supervisor") },
				"role change": func(*mfa.Session) error {
					return h.doors[0].Reassign(t.Context(), "sofia", "ada", []string{"tier2"}, nil)
				},
				"lock": func(*mfa.Session) error {
					return errors.Join(h.doors[0].Lock(t.Context(), "sofia", "ada", "left"), h.doors[0].Unlock(t.Context(), "sofia", "ada"))
				},
				"idle":  func(*mfa.Session) error { h.clock.add(15 * time.Minute); return nil },
				"reset": nil,
			} {
				if end == nil {
					continue
				}
				in := h.signIn(t, "ada")
				var waits []<-chan struct{}
				var s *mfa.Session
				for _, door := range h.doors {
					var err error
					if s, err = door.Session(t.Context(), in.Token); err != nil {
						t.Fatal(err)
					}
					waits = append(waits, door.Ended(s.ID))
				}
				if err := end(s); err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				for i, ended := range waits {
					select {
					case <-ended:
					case <-time.After(10 * time.Second): // never reached unless the promise broke
						t.Errorf("%s: replica %d keeps its streams", name, i)
					}
					if _, err := h.doors[i].Session(t.Context(), in.Token); !errors.Is(err, mfa.ErrNoSession) {
						t.Errorf("%s: replica %d: %v", name, i, err)
					}
				}
				<-h.doors[0].Ended(s.ID) // asked for too late, it is closed
			}
		})
	}
}

// Activity on one replica keeps a session alive on the others; streams do not;
// nothing outlives the absolute limit.
func TestIdle(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 2)
	h.add(t, "ada")
	in := h.signIn(t, "ada")
	for range 60 {
		h.clock.add(11 * time.Minute)
		if _, err := h.doors[0].Session(t.Context(), in.Token); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.doors[1].Session(t.Context(), in.Token); err != nil {
		t.Errorf("the other replica: %v", err)
	}
	h.clock.add(8 * time.Minute)
	if _, err := h.doors[1].Session(mfa.Background(t.Context()), in.Token); err != nil {
		t.Errorf("a stream: %v", err)
	}
	h.clock.add(8 * time.Minute)
	if _, err := h.doors[0].Session(t.Context(), in.Token); !errors.Is(err, mfa.ErrNoSession) {
		t.Errorf("16 minutes after the last act of a person: %v", err)
	}
	in = h.signIn(t, "ada")
	for range 72 {
		h.clock.add(10 * time.Minute)
		_, _ = h.doors[0].Session(t.Context(), in.Token)
	}
	if _, err := h.doors[0].Session(t.Context(), in.Token); !errors.Is(err, mfa.ErrNoSession) {
		t.Errorf("after twelve hours: %v", err)
	}
}

// A replica that cannot read a session which, by what it knows, ran out ends it for
// itself, and not for the replica where the agent works.
func TestIdleUnread(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 2)
	h.add(t, "ada")
	in := h.signIn(t, "ada")
	s, err := h.doors[1].Session(t.Context(), in.Token)
	if err != nil {
		t.Fatal(err)
	}
	h.clock.add(11 * time.Minute)
	if _, err := h.doors[0].Session(t.Context(), in.Token); err != nil {
		t.Fatal(err)
	}
	roles := func(set string) {
		t.Helper()
		err := h.dbs[0].Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.ExecContext(t.Context(), "UPDATE mfa_agents SET roles = "+set)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	roles(`'broken ' || roles`)
	h.clock.add(5 * time.Minute)
	<-h.doors[1].Ended(s.ID)
	time.Sleep(300 * time.Millisecond) // in which it would end for all
	roles(`substr(roles, 8)`)
	h.clock.add(time.Second)
	if _, err := h.doors[0].Session(t.Context(), in.Token); err != nil {
		t.Errorf("active five minutes ago: %v", err)
	}
}

// One read a session and second: within it no database is needed, after it
// none means no session.
func TestOneRead(t *testing.T) {
	h := open(t, sqlite(t), 1)
	h.add(t, "ada")
	in := h.signIn(t, "ada")
	if _, err := h.doors[0].Session(t.Context(), in.Token); err != nil {
		t.Fatal(err)
	}
	if err := h.dbs[0].Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := h.doors[0].Session(t.Context(), in.Token); err != nil {
		t.Errorf("within the second: %v", err)
	}
	h.clock.add(time.Second)
	if _, err := h.doors[0].Session(t.Context(), in.Token); err == nil {
		t.Error("a second later, without a database, there is a session")
	}
}

// A replica that hears nothing of the records closes its streams and answers
// nobody, so that an end that it cannot hear of holds there too; when it hears
// again it goes on.
func TestBlind(t *testing.T) {
	relay := storetest.NewRelay(t)
	cut := open(t, relay.URL, 1)
	cut.add(t, "ada")
	in := cut.signIn(t, "ada")
	s, err := cut.doors[0].Session(t.Context(), in.Token)
	if err != nil {
		t.Fatal(err)
	}
	stream := cut.doors[0].Ended(s.ID)
	relay.Hang()
	start := time.Now()
	select {
	case <-stream:
		t.Logf("streams close %v after the last news", time.Since(start).Round(time.Millisecond))
	case <-time.After(20 * time.Second): // never reached unless the promise broke
		t.Error("streams stay open")
	}
	ctx, stop := context.WithTimeout(t.Context(), 200*time.Millisecond) // as the gateway asks
	defer stop()
	if got, err := cut.doors[0].Session(ctx, in.Token); err == nil {
		t.Errorf("a session that nobody can check: %+v", got)
	}
	relay.Resume()
	for t.Context().Err() == nil {
		if _, err = cut.doors[0].Session(t.Context(), in.Token); err == nil {
			return
		}
	}
	t.Error(err)
}

func BenchmarkSession(b *testing.B) {
	h := open(b, sqlite(b), 1)
	h.add(b, "ada")
	in := h.signIn(b, "ada")
	for b.Loop() {
		if _, err := h.doors[0].Session(b.Context(), in.Token); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkEnd reports how long after an end the streams of the session are
// told, here and on two more replicas.
func BenchmarkEnd(b *testing.B) {
	h := open(b, storetest.URL(b, store.PostgreSQL), 3)
	h.add(b, "ada")
	var here, there []time.Duration
	for b.Loop() {
		in := h.signIn(b, "ada")
		var wg sync.WaitGroup
		took := make([]time.Duration, *connections)
		var start time.Time
		var id string
		ready := make(chan struct{})
		for i := range took {
			s, err := h.doors[i%3].Session(b.Context(), in.Token)
			if err != nil {
				b.Fatal(err)
			}
			id = s.ID
			ended := h.doors[i%3].Ended(id)
			wg.Go(func() { <-ready; <-ended; took[i] = time.Since(start) })
		}
		start = time.Now()
		close(ready)
		if err := h.doors[0].End(b.Context(), "", id, "bench"); err != nil {
			b.Fatal(err)
		}
		wg.Wait()
		for i, d := range took {
			if i%3 == 0 {
				here = append(here, d)
			} else {
				there = append(there, d)
			}
		}
	}
	slices.Sort(here)
	slices.Sort(there)
	b.ReportMetric(float64(here[len(here)*99/100].Microseconds())/1000, "p99-here-ms")
	b.ReportMetric(float64(there[len(there)*99/100].Microseconds())/1000, "p99-there-ms")
}

// TestOracle reports, and does not judge, how long answers about existing,
// missing and locked names take.
func TestOracle(t *testing.T) {
	h := open(t, sqlite(t), 1, func(c *mfa.Config) { c.Argon = mfa.Argon{} })
	h.add(t, "existing")
	h.add(t, "locked")
	if err := h.doors[0].Lock(t.Context(), "sofia", "locked", "test"); err != nil {
		t.Fatal(err)
	}
	names := []string{"existing", "missing", "locked"}
	took := map[string][]time.Duration{}
	for range *tries {
		for _, name := range names { // in turn, so that noise falls on all alike
			start := time.Now()
			_, err := h.doors[0].Login(t.Context(), name, "not the password", from)
			took[name] = append(took[name], time.Since(start))
			var no *mfa.Refusal
			if !errors.As(err, &no) || *no != (mfa.Refusal{Err: mfa.ErrWrong, Receipt: no.Receipt}) {
				t.Errorf("%s: %+v", name, err)
			}
		}
	}
	apart := func(a, b string) time.Duration { // of tries that came one after the other
		var d []time.Duration
		for i := range took[a] {
			d = append(d, took[a][i]-took[b][i])
		}
		slices.Sort(d)
		return d[len(d)/2]
	}
	t.Logf("median difference of %d pairs: existing and missing %v, locked and missing %v", *tries, apart("existing", "missing"), apart("locked", "missing"))
	for _, name := range names {
		all := took[name]
		slices.Sort(all)
		t.Logf("%s: median %v, quartiles %v and %v", name, all[len(all)/2], all[len(all)/4], all[len(all)*3/4])
	}
}

// What one replica changes of a session another one says at once when it has
// heard of it, and it wakes those who wait for that.
func TestNews(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			h := open(t, storetest.URL(t, engine), 2)
			h.add(t, "ada")
			in := h.signIn(t, "ada")
			var s *mfa.Session
			for _, door := range h.doors {
				var err error
				if s, err = door.Session(t.Context(), in.Token); err != nil {
					t.Fatal(err)
				}
			}
			for _, step := range []struct {
				name   string
				change func() error
				took   func(*mfa.Session) bool
			}{
				{"purpose", func() error { return h.doors[0].SetPurpose(t.Context(), s, "dispute", "D-7") },
					func(now *mfa.Session) bool { return now.Case == "D-7" }},
				{"caller", func() error { return h.doors[0].CallerEnd(t.Context(), mfa.Bearer{Agent: "ada", ID: s.ID}, "c-1") }, nil},
				{"purpose again", func() error { return h.doors[0].SetPurpose(t.Context(), s, "servicing", "") },
					func(now *mfa.Session) bool { return now.Purpose == "servicing" }},
				{"end", func() error { return h.doors[0].End(t.Context(), "ada", s.ID, "sign_out") }, nil},
			} {
				news, began := h.doors[1].Changed(s.ID), time.Now()
				if err := step.change(); err != nil {
					t.Fatalf("%s: %v", step.name, err)
				}
				select {
				case <-news:
					t.Logf("%s: heard of %v after the call", step.name, time.Since(began).Round(time.Millisecond))
				case <-time.After(10 * time.Second): // never reached unless the promise broke
					t.Fatalf("%s: the other replica does not hear of it", step.name)
				}
				if step.took == nil {
					continue
				}
				if now, err := h.doors[1].Session(t.Context(), in.Token); err != nil || !step.took(now) {
					t.Errorf("%s: the other replica says %+v, %v", step.name, now, err)
				}
			}
			<-h.doors[1].Changed(s.ID) // asked for too late, it is closed
		})
	}
}
