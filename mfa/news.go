package mfa

import (
	"context"
	"database/sql"
	"time"
)

// What ends a session, or changes what it may do, stands in the records from
// the same transaction on. Every replica looks each pollEvery, so that it holds
// everywhere within a tenth of a second.

// latest sums up what the records said at the last look: while it is the same,
// there is no news.
type latest struct{ since, count, sum, last int64 }

// tell notes, inside the transaction that changes a session, that it did.
func (d *Door) tell(ctx context.Context, tx *sql.Tx, session string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO mfa_news (session, at, n) VALUES ($1, $2, 1)
		ON CONFLICT (session) DO UPDATE SET at = excluded.at, n = mfa_news.n + 1`, session, micros(d.now()))
	return err
}

// hear closes what ended on any replica lately, and has what changed read anew.
// Both are asked for again for as long as replicas' clocks may disagree; closing
// twice is closing once.
func (d *Door) hear(ctx context.Context, before latest) (latest, error) {
	ctx, stop := context.WithTimeout(ctx, hearFor)
	defer stop()
	now := latest{since: micros(d.now().Add(-skewAllowed).Truncate(5 * time.Second))} // a window that seldom moves
	ended, changed := []string(nil), map[string]int64{}
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		ended = nil
		clear(changed)
		const lately = ` FROM (SELECT id, ended AS at, 0 AS n FROM mfa_sessions WHERE ended > $1
			UNION ALL SELECT session, at, n FROM mfa_news WHERE at > $1) AS lately`
		row := tx.QueryRowContext(ctx, `SELECT count(*), CAST(COALESCE(sum(at - $1 + n), 0) AS BIGINT), COALESCE(max(at), 0)`+lately, now.since)
		if err := row.Scan(&now.count, &now.sum, &now.last); err != nil || now == before {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT id, n`+lately, now.since)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			var n int64
			if err := rows.Scan(&id, &n); err != nil {
				return err
			}
			if n == 0 {
				ended = append(ended, id)
			} else {
				changed[id] = n
			}
		}
		return rows.Err()
	})
	if err != nil {
		return before, err
	}
	for _, id := range ended {
		d.live.end(id)
	}
	for id, n := range changed {
		d.live.heard(id, n)
	}
	return now, nil
}

// Changed is closed as soon as this replica learns that Session or
// CallerVerified may say something else of a session, or that it ended.
func (d *Door) Changed(sessionID string) <-chan struct{} { return d.live.changed(sessionID) }

func (l *live) changed(id string) <-chan struct{} {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.byID[id]; s != nil {
		return *s.news.Load()
	}
	return l.closed
}

// heard takes a change that the records tell of; one that was heard of before is none.
func (l *live) heard(id string, n int64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.byID[id]; s != nil && s.told.Swap(n) != n {
		s.stale()
	}
}

// stale makes the next check read the session's record, and wakes who waits for that.
func (s *liveSession) stale() {
	s.epoch.Add(1)
	s.checked.Store(0)
	next := make(chan struct{})
	close(*s.news.Swap(&next))
}
