package mfa

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

// recheck is how old a session's record in memory may be.
const recheck = time.Second

type tokenKey [32]byte

// live is what this replica knows of sessions in use.
type live struct {
	mu      sync.RWMutex
	tokens  map[tokenKey]liveToken  // guarded by mu
	byID    map[string]*liveSession // guarded by mu
	clock   func() time.Time        //
	closed  chan struct{}           // what Ended answers for the unknown
	flights singleflight.Group
}

type liveToken struct {
	*liveSession
	host string
}

// liveSession is one session; its channel closes once, when it ends.
type liveSession struct {
	session atomic.Pointer[Session]
	callers atomic.Pointer[map[string]time.Time]
	checked atomic.Int64 // microseconds; 0 asks for a new look
	told    atomic.Int64 // the number of the change heard of last
	epoch   atomic.Int64 // how often its record was outdated
	news    atomic.Pointer[chan struct{}]
	done    chan struct{}
	once    sync.Once
	keys    []tokenKey // guarded by live.mu
}

func newLive(clock func() time.Time) *live {
	l := &live{tokens: map[tokenKey]liveToken{}, byID: map[string]*liveSession{}, clock: clock, closed: make(chan struct{})}
	close(l.closed)
	return l
}

// fresh returns the session while its record is young enough and it has not ended.
func (s *liveSession) fresh(now time.Time) *Session {
	age := now.UnixMicro() - s.checked.Load()
	if age < 0 || age >= recheck.Microseconds() || s.gone() { // age < 0: the clock was set back
		return nil
	}
	if session := s.session.Load(); now.Before(session.Expires) {
		return session
	}
	return nil
}

func (s *liveSession) gone() bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (l *live) get(key tokenKey) (*liveSession, string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	t := l.tokens[key]
	return t.liveSession, t.host
}

// epoch tells a read of a token's session from one that began before a change.
func (l *live) epoch(key tokenKey) int64 {
	if s, _ := l.get(key); s != nil {
		return s.epoch.Load()
	}
	return 0
}

// put keeps what was read of a session, for as long as it was not outdated meanwhile.
func (l *live) put(key tokenKey, host string, s *Session, callers map[string]time.Time, read time.Time, epoch int64) *liveSession {
	l.mu.Lock()
	defer l.mu.Unlock()
	ls := l.byID[s.ID]
	if ls == nil {
		ls = &liveSession{done: make(chan struct{})}
		news := make(chan struct{})
		ls.news.Store(&news)
		l.byID[s.ID] = ls
	}
	if _, known := l.tokens[key]; !known {
		l.tokens[key] = liveToken{ls, host}
		ls.keys = append(ls.keys, key)
	}
	ls.session.Store(s)
	ls.callers.Store(&callers)
	if ls.checked.Store(read.UnixMicro()); ls.epoch.Load() != epoch {
		ls.checked.Store(0)
	}
	return ls
}

// forget drops a token that names no live session any more.
func (l *live) forget(key tokenKey) {
	if s, _ := l.get(key); s != nil {
		l.end(s.session.Load().ID)
	}
}

func (l *live) ended(id string) <-chan struct{} {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.byID[id]; s != nil {
		return s.done
	}
	return l.closed
}

// stale makes the next check of a session read its record.
func (l *live) stale(id string) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.byID[id]; s != nil {
		s.stale()
	}
}

// end closes a session's channel and forgets it.
func (l *live) end(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.byID[id]
	if s == nil {
		return
	}
	s.once.Do(func() { close(s.done) })
	s.stale()
	delete(l.byID, id)
	for _, key := range s.keys {
		delete(l.tokens, key)
	}
}

func (l *live) endAll() {
	l.mu.RLock()
	ids := make([]string, 0, len(l.byID))
	for id := range l.byID {
		ids = append(ids, id)
	}
	l.mu.RUnlock()
	for _, id := range ids {
		l.end(id)
	}
}

// overdue are the sessions that by this replica's knowledge have run out.
func (l *live) overdue(now time.Time) []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var ids []string
	for id, s := range l.byID {
		if !now.Before(s.session.Load().Expires) {
			ids = append(ids, id)
		}
	}
	return ids
}

// watch asks which sessions ended or changed elsewhere. Nothing else may hold it up.
func (d *Door) watch(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	heard, blind, known := time.Now(), false, latest{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		asked := time.Now()
		now, err := d.hear(ctx, known)
		if known = now; err == nil {
			heard, blind = asked, false
		} else if time.Since(heard) > blindFor {
			if !blind && ctx.Err() == nil {
				d.cfg.Logger.ErrorContext(ctx, "sessions cannot be checked, streams are closed", "error", err)
			}
			blind = true
			d.live.endAll()
		}
	}
}

// tend ends sessions that ran out each second, and each minute deletes what is old.
func (d *Door) tend(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if d.expire(ctx); n%60 == 0 {
			d.sweep(ctx)
		}
	}
}

// expire ends sessions that ran out, after a look at whether the agent was active on
// another replica. What cannot be read ends here, and elsewhere only if its record says
// that it ran out.
func (d *Door) expire(ctx context.Context) {
	for _, id := range d.live.overdue(d.now()) {
		s, _, callers, err := d.readSession(ctx, `s.id = $1 LIMIT 1`, id)
		if err == nil {
			d.live.refresh(s, callers)
			continue
		}
		d.live.end(id)
		n, err := d.end(ctx, "expired", `id = $3 AND (absolute <= $1 OR seen <= $4)`, id, micros(d.now().Add(-d.cfg.Limits.Idle)))
		if err == nil && n > 0 { // of all replicas that noticed, one writes it down
			_, err = d.record(ctx, Act{Kind: "session.end", Session: id, Reason: "expired"})
		}
		if err != nil {
			d.cfg.Logger.WarnContext(ctx, "end of a session is not recorded", "error", err)
		}
	}
}

func (l *live) refresh(s *Session, callers map[string]time.Time) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if known := l.byID[s.ID]; known != nil {
		known.session.Store(s)
		known.callers.Store(&callers)
	}
}

// sweep deletes what has had its time.
func (d *Door) sweep(ctx context.Context) {
	now := d.now()
	err := d.write(ctx, func(tx *sql.Tx) error {
		if err := d.halves(ctx, tx, now); err != nil {
			return err
		}
		for statement, before := range map[string]time.Time{
			`DELETE FROM mfa_tickets WHERE expires < $1`:                 now,
			`DELETE FROM mfa_sendings WHERE at < $1`:                     now.Add(-24 * time.Hour),
			`DELETE FROM mfa_callers WHERE expires < $1 AND proven < $1`: now.Add(-24 * time.Hour),
			`DELETE FROM mfa_sessions WHERE absolute < $1`:               now.Add(-24 * time.Hour),
			`UPDATE mfa_agents SET used = $1 WHERE used = 0`:             now,
			`DELETE FROM mfa_glass WHERE at < $1`:                        now.Add(-glassKept),
			`DELETE FROM mfa_answers WHERE until < $1`:                   now,
			`DELETE FROM mfa_notices WHERE at < $1`:                      now.Add(-noticesKept),
			`DELETE FROM mfa_browsers WHERE at < $1`:                     now.Add(-noticesKept),
			`DELETE FROM mfa_news WHERE at < $1`:                         now.Add(-2 * skewAllowed),
			`DELETE FROM mfa_networks WHERE due < $1 AND proven < $1`:    now.Add(-knownFor),
		} {
			if _, err := tx.ExecContext(ctx, statement, micros(before)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		d.cfg.Logger.WarnContext(ctx, "old tickets and sessions stay for now", "error", err)
	}
}
