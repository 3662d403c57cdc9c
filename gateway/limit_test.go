package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// TestLoad: places are bounded, waiting ones come in order, what does not fit
// is shed, and the bound follows the tool.
func TestLoad(t *testing.T) {
	l := newLoad(4)
	ctx, stop := context.WithCancel(t.Context())
	for range 4 {
		if _, err := l.enter(ctx); err != nil {
			t.Fatal(err)
		}
	}
	type turn struct {
		i   int
		err error
	}
	turns := make(chan turn)
	for i := range 4 {
		go func() {
			_, err := l.enter(ctx)
			turns <- turn{i, err}
		}()
		for { // until it waits
			l.mu.Lock()
			n := len(l.queue)
			l.mu.Unlock()
			if n == i+1 {
				break
			}
		}
	}
	if _, err := l.enter(ctx); err != errBusy {
		t.Errorf("the ninth: %v", err)
	}
	l.leave(true)
	if got := <-turns; got.i != 0 || got.err != nil {
		t.Errorf("first out: %+v", got)
	}
	stop()
	for range 3 {
		if got := <-turns; got.err != errLeft {
			t.Errorf("left while waiting: %+v", got)
		}
	}
	if l.now != 4 || len(l.queue) != 0 {
		t.Errorf("%d inside, %d waiting", l.now, len(l.queue))
	}
}

func TestLoadLearns(t *testing.T) {
	l := newLoad(100)
	now := time.Unix(0, 0)
	l.now = 100
	for range 200 {
		now = now.Add(time.Second)
		l.began(5*time.Millisecond, now)
	}
	if l.limit != 100 {
		t.Errorf("a healthy tool got %.0f", l.limit)
	}
	for range 200 {
		now = now.Add(time.Second)
		l.began(3*time.Second, now)
	}
	if l.limit >= 50 || l.limit < 4 {
		t.Errorf("a collapsing tool still gets %.0f", l.limit)
	}
	for range 100_000 {
		now = now.Add(time.Second)
		l.now = int(l.limit)
		l.began(5*time.Millisecond, now)
	}
	if l.limit < 90 {
		t.Errorf("a recovered tool gets %.0f", l.limit)
	}
}

// TestLoadFailsTogether: a tool that drops everything at once has failed once, and
// is not shut down to its least for it.
func TestLoadFailsTogether(t *testing.T) {
	l := newLoad(100)
	for range 100 {
		if _, err := l.enter(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for range 100 {
		l.leave(false)
	}
	if l.limit < 80 {
		t.Errorf("100 answers lost at once left %.0f places of 100", l.limit)
	}
}

// TestLoadRace: every place is given back, however waiting ends.
func TestLoadRace(t *testing.T) {
	l := newLoad(3)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			ctx, stop := context.WithTimeout(t.Context(), time.Duration(i%5)*time.Millisecond)
			defer stop()
			if leave, err := l.enter(ctx); err == nil {
				leave(true)
			}
		})
	}
	all.Wait()
	if l.now != 0 || len(l.queue) != 0 {
		t.Errorf("%d inside, %d waiting", l.now, len(l.queue))
	}
}

// TestStrangers: one address cannot fill the trail with refusals, and does not
// keep an agent at the same address out.
func TestStrangers(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Strangers = 1 })
	codes := map[int]int{}
	for range 30 {
		r := h.request("GET", "/api/accounts/alice", nil)
		r.Header.Del(SessionHeader)
		res, _ := h.do(r)
		codes[res.StatusCode]++
	}
	if n := len(h.trail.all("refusal")); codes[401] < 10 || codes[429] < 10 || n != codes[401] {
		t.Errorf("answers %v, %d entries", codes, n)
	}
	if res, _ := h.get("/api/accounts/alice"); res.StatusCode != 200 {
		t.Errorf("the agent got %d", res.StatusCode)
	}
}

// TestStrangersByNetwork: who has one address of an IPv6 network has all of them.
func TestStrangersByNetwork(t *testing.T) {
	s, now, passed := strangers{rate: 1}, tuesday(), 0
	for i := range 100 {
		if s.allow(fmt.Sprintf("2001:db8:0:1::%x", i), now) {
			passed++
		}
	}
	if passed != 10 || !s.allow("2001:db8:0:2::1", now) {
		t.Errorf("%d of 100 addresses of one network passed", passed)
	}
}

// TestShutOut: whoever has had all they may is let in again when half of it is
// forgiven, and not before.
func TestShutOut(t *testing.T) {
	s, now := strangers{rate: 10}, tuesday()
	for i := range 10 {
		if s.shut("192.0.2.1", now) || !s.charge("192.0.2.1", 10, now) {
			t.Fatalf("shut out after %d", i)
		}
	}
	if s.charge("192.0.2.1", 1, now) || !s.shut("192.0.2.1", now) {
		t.Error("not shut out")
	}
	if s.shut("192.0.2.2", now) {
		t.Error("another address is shut out")
	}
	if !s.shut("192.0.2.1", now.Add(4900*time.Millisecond)) || s.shut("192.0.2.1", now.Add(5100*time.Millisecond)) {
		t.Error("not let in after five seconds")
	}
}

// TestSilentToolShrinks: a tool that lets requests wait until they are given up
// gets fewer at the same time.
func TestSilentToolShrinks(t *testing.T) {
	h := newHouse(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }),
		func(c *Config) { c.Tools[0].Timeout = 10 * time.Millisecond })
	for range 3 {
		if res, body := h.get("/api/accounts/alice"); res.StatusCode != 504 {
			t.Fatalf("%d %s", res.StatusCode, body)
		}
	}
	if l := h.gate.tools[host].load; l.limit >= l.most {
		t.Errorf("it still gets %.0f of %.0f", l.limit, l.most)
	}
}

// TestSpare: who is refused all the time is not heard any more, and keeps nobody
// out whom the door knows.
func TestSpare(t *testing.T) {
	s, heard := NewStrangers(1), 0
	h := s.Spare(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		heard++
		w.WriteHeader(http.StatusUnauthorized)
	}), func(r *http.Request) string { return r.RemoteAddr }, func(r *http.Request) bool { return r.Header.Get(SessionHeader) != "" })
	ask := func(from, session string) int {
		r, w := httptest.NewRequest("POST", "/api/login", nil), httptest.NewRecorder()
		if r.RemoteAddr = from; session != "" {
			r.Header.Set(SessionHeader, session)
		}
		h.ServeHTTP(w, r)
		return w.Code
	}
	for range 100 {
		ask("192.0.2.1", "")
	}
	if heard > 12 || ask("192.0.2.1", "") != http.StatusTooManyRequests {
		t.Errorf("%d of 100 were heard", heard)
	}
	if ask("192.0.2.1", "ada") != http.StatusUnauthorized || ask("192.0.2.2", "") != http.StatusUnauthorized {
		t.Error("somebody else was not heard")
	}
}
