package audit

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
)

// DefaultRetention is 12 months (PCI DSS 4.0.1, 10.5.1; all of it is at hand,
// where the standard asks for three months).
const DefaultRetention = 366 * 24 * time.Hour

// pruneChunk is how many entries one transaction deletes.
const pruneChunk = 2048

// age prunes what is older than the retention once a day, beside everything else: the
// first time takes long where much is old. What fails is tried again in an hour.
func (t *Trail) age(ctx context.Context) {
	for wait := t.cfg.Checkpoint; ; {
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
		wait = 24 * time.Hour
		if _, err := t.Prune(ctx, t.cfg.Clock().Add(-t.cfg.Retention)); err != nil && ctx.Err() == nil {
			t.log.Warn("pruning delayed", "error", err)
			wait = time.Hour
		}
	}
}

// Prune deletes the entries from before a time. Their hashes stay, so that
// every proof over what remains holds, and a receipt in the trail says what is
// gone. Whole tiles are deleted, so some entries may stay a little longer.
// Entries that name a subject under legal hold stay, and so do receipts of
// erasures and prunings. It may be interrupted and repeated.
func (t *Trail) Prune(ctx context.Context, before time.Time) (pruned int64, err error) {
	ctx = store.Patient(ctx, exportPatience)
	lanes, err := t.Lanes(ctx)
	if err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	for _, l := range lanes {
		n, err := t.pruneLane(ctx, l, before)
		pruned += n
		if err != nil {
			return pruned, fmt.Errorf("prune %s: %w", l.Origin, err)
		}
	}
	return pruned, nil
}

func (t *Trail) pruneLane(ctx context.Context, l LaneHealth, before time.Time) (int64, error) {
	var end int64 // at most what a checkpoint covers
	err := t.db.Read(ctx, func(tx *sql.Tx) (err error) {
		end, err = since(ctx, tx, l.Lane, micros(before), l.Pruned, l.Covered)
		return err
	})
	if err != nil {
		return 0, err
	}
	end -= end % tileWidth
	if end > l.Pruned {
		_, err := t.Append(ctx, Event{Kind: evidence.KindPruned, Outcome: "allowed", Records: int(end - l.Pruned), Detail: map[string]string{
			"lane": strconv.FormatInt(l.Lane, 10), "before": strconv.FormatInt(end, 10), "until": before.UTC().Format(time.RFC3339)}})
		if err != nil {
			return 0, err
		}
		err = t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE trail_lanes SET pruned = $1 WHERE lane = $2 AND pruned < $1", end, l.Lane)
			return err
		})
		if err != nil {
			return 0, err
		}
	}
	end = max(end, l.Pruned)
	deleted, err := t.deleteBefore(ctx, l.Lane, end)
	if err != nil {
		return deleted, err
	}
	return deleted, t.unpublish(l.Lane, end)
}

// notHeld keeps the entries that name a subject of the hold shard.
var notHeld = fmt.Sprintf(`NOT EXISTS (SELECT 1 FROM trail_mentions h JOIN trail_tags g ON g.tag = h.tag AND g.shard = %d
	WHERE h.lane = trail_entries.lane AND h.idx = trail_entries.idx)`, holdShard)

func (t *Trail) deleteBefore(ctx context.Context, lane, end int64) (deleted int64, err error) {
	for from := int64(0); ; from += pruneChunk {
		var next sql.NullInt64 // what went in former years is not gone through again
		err := t.db.Read(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, "SELECT MIN(idx) FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3", lane, from, end).Scan(&next)
		})
		if err != nil {
			return deleted, err
		}
		if !next.Valid {
			break
		}
		from = next.Int64
		to := min(from+pruneChunk, end)
		var n int64
		err = t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
			result, err := tx.ExecContext(ctx, "DELETE FROM trail_entries WHERE lane = $1 AND idx >= $2 AND idx < $3 AND kind <> $4 AND kind <> $5 AND "+notHeld,
				lane, from, to, evidence.KindErased, evidence.KindPruned)
			if err != nil {
				return err
			}
			if n, err = result.RowsAffected(); err != nil || n == 0 {
				return err
			}
			_, err = tx.ExecContext(ctx, `DELETE FROM trail_mentions WHERE lane = $1 AND idx >= $2 AND idx < $3 AND NOT EXISTS
				(SELECT 1 FROM trail_entries e WHERE e.lane = trail_mentions.lane AND e.idx = trail_mentions.idx)`, lane, from, to)
			return err
		})
		if err != nil {
			return deleted, err
		}
		deleted += n
	}
	return deleted, t.db.WriteGuarded(ctx, func(tx *sql.Tx) error { return deleteWords(ctx, tx, lane, end/tileWidth) })
}

// prunings are the receipts of all prunings.
func (t *Trail) prunings(ctx context.Context) (receipts []Receipt, err error) {
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		receipts = nil
		all, err := newest(ctx, tx, Filter{Kind: evidence.KindPruned, Limit: math.MaxInt32})
		for _, d := range slices.Backward(all) {
			receipts = append(receipts, receiptOf(d.lane, d.index))
		}
		return err
	})
	return receipts, err
}
