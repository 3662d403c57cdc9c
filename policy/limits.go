package policy

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// LimitReached is the code of a refusal by a daily limit.
const LimitReached = "limit_reached"

// Counter keeps what agents have opened in a day. Where several gateways
// serve one desk, it is one counter behind all of them.
type Counter interface {
	// Opened adds to an agent's day (UTC, "2006-01-02") and returns its totals:
	// records, and distinct subjects.
	Opened(ctx context.Context, agent, day string, records int, subjects []string) (int, int, error)
	// Totals returns an agent's day without adding to it. It is asked before
	// every view and must be quick.
	Totals(ctx context.Context, agent, day string) (records, subjects int, err error)
}

// Seen counts what a view has shown towards the agent's daily limit.
func (e *Engine) Seen(ctx context.Context, agent string, tally redact.Tally) error {
	if e.cfg.Counter == nil {
		return nil
	}
	if _, _, err := e.cfg.Counter.Opened(ctx, agent, day(e.cfg.Clock()), tally.Records, tally.Subjects); err != nil {
		return fmt.Errorf("count what was seen: %w", err)
	}
	return nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// spent says whether an agent has reached the limit of all of their roles.
// A counter that does not answer is a limit that is reached.
func (e *Engine) spent(ctx context.Context, known *Conditions, q *Question, roles uint64) bool {
	if e.cfg.Counter == nil || roles == 0 { // who has no role is refused for that
		return false
	}
	most := known.widest(roles)
	if most.Records == math.MaxInt && most.Subjects == math.MaxInt {
		return false
	}
	records, subjects, err := e.cfg.Counter.Totals(ctx, q.Agent, day(e.cfg.Clock()))
	return err != nil || records >= most.Records || subjects >= most.Subjects
}

// widest is the limit of all of an agent's roles together.
func (c *Conditions) widest(roles uint64) Limit {
	var most Limit
	for i, role := range c.Roles {
		if roles>>i&1 == 0 {
			continue
		}
		l := c.limit(role)
		most.Records, most.Subjects = max(most.Records, atMost(l.Records)), max(most.Subjects, atMost(l.Subjects))
	}
	return most
}

// ErrSpent: the daily limit was reached inside a view.
var ErrSpent = errors.New("the daily limit of records or cardholders is reached")

// Meter counts what one view shows as it goes, and says ErrSpent when that has
// reached the agent's daily limit: the next record is one too many. It is nil
// for who has no limit: theirs is counted by Seen at the end.
func (e *Engine) Meter(q *Question) func(ctx context.Context, records int, subjects []string) error {
	known := e.state.Load().rules.known
	_, roles := known.situate(q, e.cfg.Clock())
	most := known.widest(roles)
	if e.cfg.Counter == nil || most.Records == math.MaxInt && most.Subjects == math.MaxInt {
		return nil
	}
	today := day(e.cfg.Clock())
	return func(ctx context.Context, records int, subjects []string) error {
		allRecords, allSubjects, err := e.cfg.Counter.Opened(ctx, q.Agent, today, records, subjects)
		if err != nil || allRecords >= most.Records || allSubjects >= most.Subjects {
			return errors.Join(ErrSpent, err)
		}
		return nil
	}
}

// atMost is a limit as a number to compare with; 0 is none.
func atMost(limit int) int {
	if limit == 0 {
		return math.MaxInt
	}
	return limit
}

// Memory is a Counter of one process.
type Memory struct {
	mu   sync.Mutex
	day  string
	open map[string]*opened
}

type opened struct {
	records  int
	subjects map[string]struct{}
}

// maxSubjects bounds what is remembered of one agent: beyond it every subject counts as new.
const maxSubjects = 10000

// NewMemory returns an empty counter.
func NewMemory() *Memory { return &Memory{open: map[string]*opened{}} }

// Opened adds to an agent's day.
func (m *Memory) Opened(_ context.Context, agent, day string, records int, subjects []string) (int, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	o := m.of(agent, day)
	o.records += records
	for _, s := range subjects {
		if len(o.subjects) < maxSubjects {
			o.subjects[s] = struct{}{}
		}
	}
	return o.records, len(o.subjects), nil
}

// Totals returns an agent's day.
func (m *Memory) Totals(_ context.Context, agent, day string) (int, int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.day != day || m.open[agent] == nil {
		return 0, 0, nil
	}
	o := m.open[agent]
	return o.records, len(o.subjects), nil
}

// of returns an agent's day, and forgets the days before.
func (m *Memory) of(agent, day string) *opened {
	if m.day != day {
		m.day = day
		clear(m.open)
	}
	if m.open[agent] == nil {
		m.open[agent] = &opened{subjects: map[string]struct{}{}}
	}
	return m.open[agent]
}
