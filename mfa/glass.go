package mfa

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	glassFor  = 15 * time.Minute    // how long broken glass lets a session see more
	glassKept = 30 * 24 * time.Hour // for supervisors; the trail keeps it longer
)

// Glass is glass that an agent broke: an emergency, and why.
type Glass struct {
	Agent, Session, Reason string
	At, Until              time.Time
}

// BreakGlass lets a session see more for fifteen minutes: as much as the rules
// give for it. It needs a second factor of the last five minutes and a reason of
// 10 to 500 characters, which the trail keeps and supervisors read.
func (d *Door) BreakGlass(ctx context.Context, s *Session, reason string) (until time.Time, receipt string, err error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 10 || n > 500 {
		return until, "", fmt.Errorf("%w: a reason of %d characters, take 10 to 500", ErrInput, n)
	}
	if err := d.freshly(s); err != nil {
		return until, "", err
	}
	reason = d.cfg.Scrub(reason)
	receipt, err = d.record(ctx, Act{Kind: "session.break_glass", Agent: s.Agent, Session: s.ID, Detail: map[string]string{"why": reason}})
	if err != nil {
		return until, "", err
	}
	now := d.now()
	until = now.Add(glassFor)
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mfa_glass (id, agent, session, reason, at, until) VALUES ($1, $2, $3, $4, $5, $6)`,
			handle(), s.Agent, s.ID, reason, micros(now), micros(until))
		return err
	})
	if err != nil {
		return time.Time{}, "", fmt.Errorf("break glass: %w", err)
	}
	d.live.stale(s.ID)
	return until, receipt, nil
}

// Broken lists the glass broken within thirty days, newest first, at most 100.
func (d *Door) Broken(ctx context.Context) (list []Glass, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		list = nil
		rows, err := tx.QueryContext(ctx, `SELECT agent, session, reason, at, until FROM mfa_glass WHERE at > $1 ORDER BY at DESC, id LIMIT 100`, micros(d.now().Add(-glassKept)))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var g Glass
			var at, until int64
			if err := rows.Scan(&g.Agent, &g.Session, &g.Reason, &at, &until); err != nil {
				return err
			}
			g.At, g.Until = moment(at), moment(until)
			list = append(list, g)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list broken glass: %w", err)
	}
	return list, nil
}
