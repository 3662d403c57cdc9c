package rights

import (
	"context"
	"sync"
	"time"
)

// scans lets searches that wait share one reading of all tables: a search by value uses
// no index, so with many requests at once each would read everything for itself.
// A search always gets a reading that began after it was asked.
type scans struct {
	turn chan struct{} // holds one token: one reading at a time
	mu   sync.Mutex
	next *scan // not begun yet; nil: none
}

// scan is one reading for several searches.
type scan struct {
	values []string
	done   chan struct{}
	found  []scanned
	err    error
}

// scanned is one row that holds a value.
type scanned struct {
	value int // index
	table string
	raw   []byte
}

// mostShared bounds the values of one reading: each is looked for in every row.
const mostShared = 64

func newScans() *scans { return &scans{turn: make(chan struct{}, 1)} }

// search waits for a reading for values and yields the rows in which each stands.
func (s *scans) search(ctx context.Context, patience time.Duration, values []string, read func(ctx context.Context, values []string) ([]scanned, error)) (rows []scanned, err error) {
	mine, first, leads := s.join(values)
	if leads {
		go s.lead(context.WithoutCancel(ctx), patience, mine, read) // others wait for it too
	}
	select {
	case <-mine.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	for _, f := range mine.found {
		if f.value >= first && f.value < first+len(values) {
			f.value -= first
			rows = append(rows, f)
		}
	}
	return rows, mine.err
}

// join adds values to the reading that has not begun, and says where they stand in it.
func (s *scans) join(values []string) (mine *scan, first int, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.next == nil || len(s.next.values)+len(values) > mostShared {
		s.next, leads = &scan{done: make(chan struct{})}, true
	}
	first = len(s.next.values)
	s.next.values = append(s.next.values, values...)
	return s.next, first, leads
}

// lead reads when it is its turn; who comes until then joins.
func (s *scans) lead(ctx context.Context, patience time.Duration, mine *scan, read func(ctx context.Context, values []string) ([]scanned, error)) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.mu.Lock()
	if s.next == mine {
		s.next = nil
	}
	s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	mine.found, mine.err = read(ctx, mine.values)
	close(mine.done)
}
