package main

import (
	"context"
	"database/sql"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// pathNotes keeps, of all replicas together, which paths of the tools' answers no
// catalogue names. A path that was not met for a quarter of a year is forgotten;
// of new ones no more are taken than there is room for.
type pathNotes struct{ db *store.DB }

const (
	maxPaths   = 5000
	pathsKept  = 90 * 24 * time.Hour
	shareNotes = 10 * time.Second
)

// Add adds counts.
func (p pathNotes) Add(ctx context.Context, list []policy.Noted) error {
	return p.db.Write(ctx, func(tx *sql.Tx) error {
		var room int
		if err := tx.QueryRowContext(ctx, `SELECT $1 - count(*) FROM unclassified`, maxPaths).Scan(&room); err != nil {
			return err
		}
		var last time.Time
		for _, n := range list {
			last = n.Last
			changed, err := tx.ExecContext(ctx, `UPDATE unclassified SET seen = seen + $5, last = $6, class = CASE WHEN class = 'plain' THEN $7 ELSE class END
				WHERE tool = $1 AND screen = $2 AND island = $3 AND path = $4`, n.Tool, n.Screen, n.Island, n.Path, n.Count, n.Last.UnixMicro(), string(n.Class))
			if err != nil {
				return err
			}
			if rows, err := changed.RowsAffected(); err != nil || rows > 0 || room <= 0 {
				if err != nil {
					return err
				}
				continue
			}
			room--
			if _, err := tx.ExecContext(ctx, `INSERT INTO unclassified (tool, screen, island, path, class, seen, first, last)
				VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (tool, screen, island, path) DO UPDATE SET seen = unclassified.seen + excluded.seen`,
				n.Tool, n.Screen, n.Island, n.Path, string(n.Class), n.Count, n.Last.UnixMicro()); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM unclassified WHERE last < $1`, last.Add(-pathsKept).UnixMicro())
		return err
	})
}

// All lists what is kept.
func (p pathNotes) All(ctx context.Context) (list []policy.Noted, err error) {
	err = p.db.Read(ctx, func(tx *sql.Tx) error {
		list = nil
		rows, err := tx.QueryContext(ctx, `SELECT tool, screen, island, path, class, seen, first, last FROM unclassified`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n policy.Noted
			var class string
			var first, last int64
			if err := rows.Scan(&n.Tool, &n.Screen, &n.Island, &n.Path, &class, &n.Count, &first, &last); err != nil {
				return err
			}
			n.Class, n.First, n.Last = redact.Class(class), time.UnixMicro(first).UTC(), time.UnixMicro(last).UTC()
			list = append(list, n)
		}
		return rows.Err()
	})
	return list, err
}

// shareNotes hands on what was noted, until ctx ends and once more then.
func (h *house) shareNotes(ctx context.Context) {
	tick := time.NewTicker(shareNotes)
	defer tick.Stop()
	for ended := false; !ended; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			ended = true
		}
		if err := h.inForce().policy.FlushNotes(context.WithoutCancel(ctx)); err != nil {
			h.log.Warn("unclassified paths not kept", "error", err)
		}
	}
}
