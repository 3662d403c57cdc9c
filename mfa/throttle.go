package mfa

import (
	"net/netip"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// throttle slows down who is often wrong, by network: an IPv4 address or an
// IPv6 /64. Right answers cost nothing, so a whole office can sign in at nine.
// It lives in each replica, remembers the latest 65,536 networks, and forgets
// on a restart: the lockout, not the throttle, is the limit of the standards.
type throttle struct {
	clock  func() time.Time
	limits Limits
	mu     sync.Mutex
	nets   *lru.Cache[netip.Prefix, *rate.Limiter]
}

func newThrottle(limits Limits, clock func() time.Time) *throttle {
	nets, err := lru.New[netip.Prefix, *rate.Limiter](1 << 16)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &throttle{clock: clock, limits: limits, nets: nets}
}

func network(address string) netip.Prefix {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return netip.Prefix{} // all that cannot be told apart share one
	}
	bits := 32
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the width fits
	return p
}

// wait is how long this address must wait before it may try; 0 is not at all.
func (t *throttle) wait(address string) time.Duration {
	l, now := t.limiter(address), t.clock()
	if l.TokensAt(now) >= 1 {
		return 0
	}
	r := l.ReserveN(now, 1)
	defer r.CancelAt(now)
	return max(r.DelayFrom(now), time.Second)
}

// wrong counts a wrong answer.
func (t *throttle) wrong(address string) { t.limiter(address).AllowN(t.clock(), 1) }

func (t *throttle) limiter(address string) *rate.Limiter {
	t.mu.Lock()
	defer t.mu.Unlock()
	key := network(address)
	l, ok := t.nets.Get(key)
	if !ok {
		l = rate.NewLimiter(rate.Limit(t.limits.Wrong), t.limits.Burst)
		t.nets.Add(key, l)
	}
	return l
}
