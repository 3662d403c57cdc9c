package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// epochPatience bounds one transaction of an epoch's end.
const epochPatience = 30 * time.Second

// rewrapBatch is how many keys move to the new version at once.
const rewrapBatch = 512

// Retirement is what the end of an epoch did.
type Retirement struct {
	Shards    int // whose old keys are destroyed now
	Rewrapped int // rows that moved to the new key
	Dropped   int // rows that nothing could unwrap, from a restored backup
}

// Retire ends the epoch of every shard that holds copies of erased keys, or of
// all shards: a new wrapping key is made, the keys of those who remain move to
// it, and the old one is destroyed. Then no backup or snapshot of the database
// opens anything of who was erased before. It may be interrupted and repeated;
// by stands in the trail as who did it.
func (t *Trail) Retire(ctx context.Context, by string, all bool, progress func(rewrapped int)) (Retirement, error) {
	var done Retirement
	shards, err := t.dueShards(ctx, all)
	if err != nil {
		return done, fmt.Errorf("retire keys: %w", err)
	}
	for _, shard := range shards {
		if err := t.retire(ctx, by, shard, &done, progress); err != nil {
			return done, fmt.Errorf("retire keys of shard %d: %w", shard, err)
		}
		done.Shards++
	}
	return done, nil
}

func (t *Trail) dueShards(ctx context.Context, all bool) (shards []int, err error) {
	query := "SELECT DISTINCT shard FROM trail_erasures WHERE shredded = 0 ORDER BY shard"
	if all {
		query = "SELECT shard FROM (SELECT shard FROM trail_subjects UNION SELECT shard FROM trail_erasures WHERE shredded = 0) AS used ORDER BY shard"
	}
	patient := store.Patient(ctx, epochPatience)
	err = t.db.Read(patient, func(tx *sql.Tx) error {
		shards = nil
		rows, err := tx.QueryContext(patient, query)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var shard int
			if err := rows.Scan(&shard); err != nil {
				return err
			}
			shards = append(shards, shard)
		}
		return rows.Err()
	})
	return shards, err
}

func (t *Trail) retire(ctx context.Context, by string, shard int, done *Retirement, progress func(int)) error {
	if _, err := t.cfg.Wrapper.Rotate(ctx, shard); err != nil {
		return err
	}
	patient := store.Patient(ctx, epochPatience)
	var epoch int64
	err := t.db.Write(patient, func(tx *sql.Tx) error {
		// Waits for everybody who is storing a key of the old epoch.
		if _, err := tx.ExecContext(patient, "UPDATE trail_epochs SET epoch = epoch + 1 WHERE shard = $1", shard); err != nil {
			return err
		}
		return tx.QueryRowContext(patient, "SELECT epoch FROM trail_epochs WHERE shard = $1", shard).Scan(&epoch)
	})
	if err != nil {
		return err
	}
	before := done.Rewrapped
	for _, table := range []wrappedTable{{"trail_subjects", "handle"}, {"trail_tags", "tag"}} {
		for {
			n, err := t.rewrap(patient, table, shard, epoch, done)
			if err != nil {
				return err
			}
			if n == 0 {
				break
			}
			if progress != nil {
				progress(done.Rewrapped)
			}
		}
	}
	if err := t.cfg.Wrapper.Trim(ctx, shard); err != nil {
		return err
	}
	if _, err := t.Append(ctx, Event{Kind: "keys.trimmed", Agent: by, Outcome: "allowed", Records: done.Rewrapped - before, Detail: map[string]string{
		"shard": strconv.Itoa(shard), "epoch": strconv.FormatInt(epoch, 10)}}); err != nil {
		return err
	}
	return t.db.WriteGuarded(patient, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(patient, "UPDATE trail_erasures SET shredded = $1 WHERE shard = $2 AND epoch < $3 AND shredded = 0",
			micros(t.cfg.Clock()), shard, epoch)
		return err
	})
}

// wrappedTable is a table of wrapped keys and its key column.
type wrappedTable struct{ name, key string }

// rewrap moves one batch of rows to the newest version; 0 when none is left.
func (t *Trail) rewrap(ctx context.Context, table wrappedTable, shard int, epoch int64, done *Retirement) (int, error) {
	var items []Item
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		items = nil
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %s, wrapped FROM %s WHERE shard = $1 AND epoch < $2 LIMIT %d",
			table.key, table.name, rewrapBatch), shard, epoch)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var item Item
			if err := rows.Scan(&item.Context, &item.Bytes); err != nil {
				return err
			}
			items = append(items, item)
		}
		return rows.Err()
	})
	if err != nil || len(items) == 0 {
		return 0, err
	}
	wrapped, err := t.cfg.Wrapper.Rewrap(ctx, shard, items)
	if err != nil && len(wrapped) != len(items) {
		return 0, err
	}
	var moved, dropped int
	err = t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		moved, dropped = 0, 0
		for i, item := range items {
			// A row that somebody else changed meanwhile is left for the next round.
			if wrapped[i] == nil {
				dropped++
				_, err := tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s = $1 AND wrapped = $2", table.name, table.key), item.Context, item.Bytes)
				if err != nil {
					return err
				}
				continue
			}
			moved++
			_, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET wrapped = $1, epoch = $2 WHERE %s = $3 AND wrapped = $4", table.name, table.key),
				wrapped[i], epoch, item.Context, item.Bytes)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	done.Rewrapped += moved
	done.Dropped += dropped
	return len(items), nil
}
