package audit

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// LaneHealth is one log of the trail as it stands.
type LaneHealth struct {
	Lane       int64
	Origin     string
	Size       int64     // entries
	Last       time.Time // of the newest entry; zero if none
	Checkpoint []byte    // newest signed checkpoint; empty if none
	Covered    int64     // entries under it
	Signed     time.Time // when it was signed
	Waits      time.Time // since when entries wait for the next one; zero if none does
	Pruned     int64     // entries whose retention is over
	Held       bool      // a process writes it
}

// Lanes lists the logs that have entries.
func (t *Trail) Lanes(ctx context.Context) (lanes []LaneHealth, err error) {
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		lanes = nil
		rows, err := tx.QueryContext(ctx, `SELECT lane, size, time, checkpoint, checkpoint_size, checkpoint_time, pruned, until,
			CASE WHEN checkpoint_size < size THEN COALESCE((SELECT e.time FROM trail_entries e
				WHERE e.lane = trail_lanes.lane AND e.idx = trail_lanes.checkpoint_size), trail_lanes.time) ELSE 0 END
			FROM trail_lanes WHERE size > 0 ORDER BY lane`)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var l LaneHealth
			var last, signed, until, waits int64
			if err := rows.Scan(&l.Lane, &l.Size, &last, &l.Checkpoint, &l.Covered, &signed, &l.Pruned, &until, &waits); err != nil {
				return err
			}
			if waits > 0 {
				l.Waits = fromMicros(waits)
			}
			l.Origin, l.Last, l.Signed = t.originOf(l.Lane), fromMicros(last), fromMicros(signed)
			l.Held = until > micros(t.cfg.Clock()) && until < restored
			lanes = append(lanes, l)
		}
		return rows.Err()
	})
	if err != nil {
		err = fmt.Errorf("list lanes: %w", err)
	}
	return lanes, err
}
