package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
)

// Copy is where copies of entries go, such as a SIEM. They are never the record:
// nobody waits for them. A copy is the leaf with its receipt, as the trail hashes
// it: no names and no personal values, so that nobody must be erased there.
type Copy struct {
	// Name keeps the place in the trail; under another name all begins anew.
	Name string
	// Send delivers entries of one lane in order; after an error they come again.
	Send func(ctx context.Context, entries []evidence.Line) error
	// Gap is the time between looks at what is new; 1 s if zero.
	Gap time.Duration
}

const (
	copyBatch = 2048
	copyRest  = time.Minute // longest wait after failures
)

// copyOut sends copies, beside the writer and never in its way. Each process
// sends the lane it writes and those that nobody writes. The place is kept in the
// records, so a restart goes on there; what was under way comes again.
func (t *Trail) copyOut(ctx context.Context, c Copy) {
	gap := c.Gap
	if gap <= 0 {
		gap = time.Second
	}
	wait := gap
	for {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		err := t.copyLanes(ctx, c)
		if err == nil {
			wait = gap
			continue
		}
		wait = min(2*wait, copyRest)
		if ctx.Err() == nil {
			t.log.Warn("copies delayed", "to", c.Name, "error", err)
		}
	}
}

func (t *Trail) copyLanes(ctx context.Context, c Copy) error {
	ctx = store.Patient(ctx, exportPatience)
	lanes, err := t.Lanes(ctx)
	if err != nil {
		return err
	}
	t.state.Lock()
	var own int64
	if t.lane != nil {
		own = t.lane.number
	}
	t.state.Unlock()
	for _, l := range lanes {
		if l.Held && l.Lane != own {
			continue
		}
		for sent := copyBatch; sent == copyBatch; {
			if sent, err = t.copyLane(ctx, c, l); err != nil {
				return fmt.Errorf("copy %s: %w", l.Origin, err)
			}
		}
	}
	return nil
}

// copyLane sends the next entries of a lane and moves the place behind them.
func (t *Trail) copyLane(ctx context.Context, c Copy, l LaneHealth) (int, error) {
	var rows []found
	next := l.Pruned
	err := t.db.Read(ctx, func(tx *sql.Tx) (err error) {
		var at int64
		err = tx.QueryRowContext(ctx, "SELECT next FROM trail_copies WHERE name = $1 AND lane = $2", c.Name, l.Lane).Scan(&at)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		next = max(at, l.Pruned)
		rows, err = collect(ctx, tx, "SELECT lane, idx, leaf FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 ORDER BY idx", l.Lane, next, next+copyBatch)
		return err
	})
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	lines := make([]evidence.Line, len(rows))
	for i, row := range rows {
		lines[i] = evidence.Line{Lane: row.lane, Index: row.index, Leaf: row.leaf}
	}
	if err := c.Send(ctx, lines); err != nil {
		return 0, err
	}
	return len(rows), t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO trail_copies (name, lane, next) VALUES ($1, $2, $3)
			ON CONFLICT (name, lane) DO UPDATE SET next = excluded.next WHERE trail_copies.next < excluded.next`,
			c.Name, l.Lane, rows[len(rows)-1].index+1)
		return err
	})
}
