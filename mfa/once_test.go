package mfa_test

import (
	"database/sql"
	"errors"
	"flag"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var codes = flag.Int("codes", 2, "codes to submit 256 times each to three replicas; the goal is 1000")

const (
	submissions = 256
	storms      = 8 // a ticket lives five minutes: ten codes
)

// crowd is agents at three replicas, each a process, with a ticket for each
// submission. A wrong code leaves its ticket alive: tickets serve several storms.
type crowd struct {
	*house
	url      string
	replicas []*replica
	tickets  []string
	used     int // storms since the tickets were new
}

func openCrowd(t *testing.T) *crowd {
	c := &crowd{url: storetest.URL(t, store.PostgreSQL)}
	c.house = open(t, c.url, 1)
	c.add(t, "ada")
	for range 3 {
		c.replicas = append(c.replicas, startReplica(t, c.url))
	}
	return c
}

// Each of the codes, submitted 256 times at once to three replicas, makes one
// session. Every third storm comes after the clock was set back, in which
// nothing may be accepted; in every fourth a replica is killed while it answers,
// and the whole storm comes again. Codes of two steps that look alike are two.
func TestOnceOnly(t *testing.T) {
	c := openCrowd(t)
	answered := 0
	for n := range *codes {
		c.clock.add(30 * time.Second)
		if n%3 == 2 {
			c.past(t, 30*time.Second)
			c.past(t, time.Hour)
		}
		victim := -1
		if n%4 == 3 {
			victim = n / 4 % len(c.replicas)
		}
		got := c.storm(t, c.code(t, "ada", 0), submissions, victim)
		if victim >= 0 {
			c.replicas[victim] = startReplica(t, c.url)
			c.used = storms
			got += c.storm(t, c.code(t, "ada", 0), submissions, -1)
		}
		if got > 1 || got == 0 && victim < 0 {
			t.Fatalf("code %d: %d submissions were accepted", n, got)
		}
		answered += got
		if made := c.sessions(t, time.Time{}); made != n+1 {
			t.Fatalf("%d codes made %d sessions", n+1, made)
		}
	}
	t.Logf("%d codes × %d submissions × 3 processes: %d sessions, %d of them told to their agent (a kill may come between)", *codes, submissions, *codes, answered)
	for range max(1, *codes/100) {
		c.collide(t)
	}
}

// past submits the code of an earlier time, after the clock was set back to it.
func (c *crowd) past(t *testing.T, ago time.Duration) {
	t.Helper()
	c.clock.add(-ago)
	if got := c.storm(t, c.code(t, "ada", 0), 24, -1); got != 0 {
		t.Fatalf("the code of %v ago works after the clock was set back", ago)
	}
	c.clock.add(ago)
}

// collide goes to the next two near steps that have the same code: each is
// good for one session.
func (c *crowd) collide(t *testing.T) {
	t.Helper()
	near := map[string]int{}
	at := c.clock.now().Add(time.Minute)
	for n := 0; ; n++ {
		code := codeOf(t, seedOf("ada"), at.Add(time.Duration(n)*30*time.Second))
		first, seen := near[code]
		if near[code] = n; !seen || n-first > 10 {
			continue
		}
		start := at.Add(time.Duration(first) * 30 * time.Second)
		c.clock.set(start)
		if err := c.doors[0].Unlock(t.Context(), "sofia", "ada"); err != nil { // it may be months later
			t.Fatal(err)
		}
		c.used = storms
		if got := c.storm(t, code, submissions, -1); got != 1 {
			t.Fatalf("the first of two equal codes: %d submissions were accepted", got)
		}
		c.clock.add(time.Duration(n-first) * 30 * time.Second)
		c.used = storms
		if got := c.storm(t, code, submissions, -1); got != 1 {
			t.Fatalf("the second of two equal codes: %d submissions were accepted", got)
		}
		if made := c.sessions(t, start); made != 2 {
			t.Fatalf("two equal codes made %d sessions", made)
		}
		return
	}
}

// storm submits a code n times at once and says how often it was accepted. A
// victim is killed when some of the answers are there.
func (c *crowd) storm(t *testing.T, code string, n, victim int) int {
	t.Helper()
	c.renew(t)
	now, enough := c.clock.now(), int64(rand.IntN(n/2))
	var ok, answers atomic.Int64
	var once sync.Once
	var wg sync.WaitGroup
	spent := make([]bool, n)
	for i := range n {
		wg.Go(func() {
			got, err := c.replicas[i%len(c.replicas)].submit(submission{c.tickets[i], code, now})
			if answers.Add(1) > enough && victim >= 0 {
				once.Do(c.replicas[victim].kill)
			}
			if spent[i] = got; got {
				ok.Add(1)
			}
			if err != nil && (victim < 0 || i%len(c.replicas) != victim || !errors.Is(err, errGone)) {
				t.Errorf("submission: %v", err)
			}
		})
	}
	wg.Wait()
	for i := range spent {
		if spent[i] {
			c.tickets[i] = c.ticket(t, "ada")
		}
	}
	return int(ok.Load())
}

// renew makes tickets before the old ones run out.
func (c *crowd) renew(t *testing.T) {
	t.Helper()
	if c.used++; c.tickets != nil && c.used < storms {
		return
	}
	c.used, c.tickets = 0, make([]string, submissions)
	for i := range c.tickets {
		c.tickets[i] = c.ticket(t, "ada")
	}
}

// sessions counts those that were ever made, since a time.
func (c *crowd) sessions(t *testing.T, since time.Time) (n int) {
	t.Helper()
	err := c.dbs[0].Read(t.Context(), func(tx *sql.Tx) error {
		return tx.QueryRowContext(t.Context(), `SELECT count(*) FROM mfa_sessions WHERE created >= $1`, max(0, since.UnixMicro())).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
