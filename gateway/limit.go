package gateway

import (
	"context"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// crowd counts the requests of each agent that are under way.
type crowd struct {
	most int
	mu   sync.Mutex
	now  map[string]int
}

func (c *crowd) enter(agent string) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now == nil {
		c.now = map[string]int{}
	}
	if c.now[agent] >= c.most {
		return nil, errCrowd
	}
	c.now[agent]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.now[agent]--; c.now[agent] == 0 {
			delete(c.now, agent)
		}
	}, nil
}

// strangers counts the refusals of addresses that have no session. Every
// refusal is an entry in the trail, and whoever is refused for nothing could
// fill it: beyond the rate they are told so without an entry.
type strangers struct {
	rate int
	mu   sync.Mutex
	seen map[string]*standing
}

// standing is what a network has left, and whether it was shut out.
type standing struct {
	*rate.Limiter
	out atomic.Bool
}

func (s *strangers) allow(address string, now time.Time) bool { return s.charge(address, 1, now) }

// charge takes n at once. Who has not so much left is shut out.
func (s *strangers) charge(address string, n int, now time.Time) bool {
	one := s.of(address)
	if one.AllowN(now, n) {
		return true
	}
	one.out.Store(true)
	return false
}

// spent says whether an address has had all it may, without taking more.
func (s *strangers) spent(address string, now time.Time) bool {
	return s.of(address).TokensAt(now) < 1
}

// shut says whether an address is shut out. It is let in again when half of its
// faults are forgiven: one by one, each would buy a handshake.
func (s *strangers) shut(address string, now time.Time) bool {
	one := s.of(address)
	if one.out.Load() && one.TokensAt(now) >= float64(one.Burst())/2 {
		one.out.Store(false)
	}
	return one.out.Load()
}

func (s *strangers) of(address string) *standing {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.seen) >= 10_000 || s.seen == nil {
		s.seen = map[string]*standing{}
	}
	net := mfa.Network(address) // who has one address of a /64 has all
	l := s.seen[net]
	if l == nil {
		l = &standing{Limiter: rate.NewLimiter(rate.Limit(s.rate), 10*s.rate)}
		s.seen[net] = l
	}
	return l
}

// Strangers limits what networks are refused on Privet's own hosts, as a gateway
// does on those of tools: most refusals are entries in the trail.
type Strangers struct{ strangers }

// NewStrangers lets each network be refused so often a second, and ten times as
// often at once; 0 is 100.
func NewStrangers(perSecond int) *Strangers {
	return &Strangers{strangers{rate: orDefault(perSecond, 100)}}
}

// Allow counts a refusal; false: it is one too many, and is not to be written down.
func (s *Strangers) Allow(address string) bool { return s.allow(address, time.Now()) }

// Spare keeps requests of who was refused too often from a handler, unless they
// are of somebody known.
func (s *Strangers) Spare(next http.Handler, address func(*http.Request) string, known func(*http.Request) bool) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := address(r)
		if s.spent(from, time.Now()) && !known(r) {
			a := answerTo(errFlood)
			page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code, RetryAfter: a.retry})
			return
		}
		told := &statusWriter{ResponseWriter: w}
		next.ServeHTTP(told, r)
		if told.status >= 400 {
			s.Allow(from)
		}
	})
}

// statusWriter remembers how a request was answered.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// load bounds how many requests a tool works on at the same time, and learns
// the bound from the tool: it grows by one for every full round of answers in
// time, and shrinks by a tenth when the tool fails or slows down to a multiple
// of its best (additive increase, multiplicative decrease, as TCP does).
// What does not fit waits shortly, then is shed: 503 with Retry-After.
type load struct {
	mu     sync.Mutex
	limit  float64
	least  float64
	most   float64
	now    int
	queue  []chan struct{} // waiting, oldest first
	best   time.Duration   // of recent answers' beginnings, slowly forgotten
	shrunk time.Time       // when the bound last shrank: once per round at most
	ping   time.Duration   // smoothed time of an answer
}

const queuePatience = time.Second

func newLoad(most int) *load {
	return &load{limit: float64(most), least: min(4, float64(most)), most: float64(most)}
}

// enter waits for a place. leave tells how it went.
func (l *load) enter(ctx context.Context) (leave func(ok bool), err error) {
	l.mu.Lock()
	if l.now < int(l.limit) {
		l.now++
		l.mu.Unlock()
		return l.leave, nil
	}
	if len(l.queue) >= int(l.limit) {
		l.mu.Unlock()
		return nil, errBusy
	}
	turn := make(chan struct{})
	l.queue = append(l.queue, turn)
	l.mu.Unlock()

	patience := time.NewTimer(queuePatience)
	defer patience.Stop()
	select {
	case <-turn:
		return l.leave, nil
	case <-patience.C:
		err = errBusy
	case <-ctx.Done():
		err = errLeft
	}
	if !l.giveUp(turn) { // the turn came at the same moment
		return l.leave, nil
	}
	return nil, err
}

// giveUp takes a waiting turn out of the queue; false if it was given already.
func (l *load) giveUp(turn chan struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, t := range l.queue {
		if t == turn {
			l.queue = append(l.queue[:i], l.queue[i+1:]...)
			return true
		}
	}
	return false
}

// began tells how long a tool took until its answer began, at time now.
func (l *load) began(took time.Duration, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.best == 0 || took < l.best {
		l.best = took
	}
	l.best += l.best / 1024 // forget slowly
	if l.ping == 0 {
		l.ping = took
	}
	l.ping += (took - l.ping) / 16
	slow := l.ping > 8*l.best+50*time.Millisecond
	if slow && float64(l.now) >= l.limit/2 {
		l.shrink(now)
		return
	}
	if !slow && float64(l.now) >= l.limit/2 {
		l.limit = min(l.most, l.limit+1/l.limit)
	}
}

func (l *load) shrink(now time.Time) {
	if now.Sub(l.shrunk) < max(l.ping, 10*time.Millisecond) {
		return
	}
	l.shrunk = now
	l.limit = max(l.least, l.limit*0.9)
}

// leave frees a place for the one who waited longest.
func (l *load) leave(ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !ok {
		l.shrink(time.Now())
	}
	l.now--
	for len(l.queue) > 0 && l.now < int(l.limit) {
		close(l.queue[0])
		l.queue = l.queue[1:]
		l.now++
	}
}
