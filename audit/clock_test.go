package audit_test

import (
	"sync/atomic"
	"time"
)

// clock is set by the test while the trail's own goroutines read it.
type clock struct{ us atomic.Int64 }

func newClock(t time.Time) *clock {
	c := new(clock)
	c.us.Store(t.UnixMicro())
	return c
}

func (c *clock) now() time.Time { return time.UnixMicro(c.us.Load()).UTC() }

func (c *clock) add(d time.Duration) { c.us.Add(d.Microseconds()) }
