package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// moving stands before a trail's keeper while its data keys are on their way to
// another: neither keeper's configuration opens the trail until Move is done.
const moving = "moving "

// Moved is what Move did.
type Moved struct {
	Rows int // wrapped for the new keeper, now or in an earlier run
	Lost int // which neither keeper unwraps: of erased people, from a restored backup
}

// Move wraps every data key of a trail anew, for another keeper; settle then
// gives that keeper the old one's MAC key and moves what else must not be left
// behind. No server may be running. Move may be interrupted and repeated; until
// it is done the trail opens with neither keeper, to both of which half of the
// subjects would look erased.
func Move(ctx context.Context, db *store.DB, from, to Wrapper, clock func() time.Time, settle func() error, progress func(rows int)) (Moved, error) {
	patient := store.Patient(ctx, epochPatience)
	var done Moved
	if err := setMoving(patient, db, clock(), true); err != nil {
		return done, fmt.Errorf("move data keys: %w", err)
	}
	for _, table := range []wrappedTable{{"trail_subjects", "handle"}, {"trail_tags", "tag"}} {
		for after := []byte{}; after != nil; {
			var err error
			if after, err = moveRows(patient, db, table, after, from, to, &done); err != nil {
				return done, fmt.Errorf("move data keys: %w", err)
			}
			if progress != nil {
				progress(done.Rows)
			}
		}
	}
	if err := settle(); err != nil {
		return done, err
	}
	if err := setMoving(patient, db, clock(), false); err != nil {
		return done, fmt.Errorf("move data keys: %w", err)
	}
	return done, nil
}

// setMoving locks the trail for a move, or gives it free again.
func setMoving(ctx context.Context, db *store.DB, now time.Time, on bool) error {
	return db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		if err := unused(ctx, tx, now); err != nil {
			return err
		}
		var keeper string
		err := tx.QueryRowContext(ctx, "SELECT value FROM trail_house WHERE name = 'keeper'").Scan(&keeper)
		if errors.Is(err, sql.ErrNoRows) {
			return nil // a trail that was never opened
		}
		if err != nil {
			return err
		}
		keeper = strings.TrimPrefix(keeper, moving)
		if on {
			keeper = moving + keeper
		}
		_, err = tx.ExecContext(ctx, "UPDATE trail_house SET value = $1 WHERE name = 'keeper'", keeper)
		return err
	})
}

// moveRows moves one batch and gives the last key it saw; nil at the end.
func moveRows(ctx context.Context, db *store.DB, table wrappedTable, after []byte, from, to Wrapper, done *Moved) (last []byte, err error) {
	byShard := map[int][]Item{}
	err = db.Read(ctx, func(tx *sql.Tx) error {
		clear(byShard)
		last = nil
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %[1]s, shard, wrapped FROM %[2]s WHERE %[1]s > $1 ORDER BY %[1]s LIMIT %[3]d",
			table.key, table.name, rewrapBatch), after)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var shard int
			var item Item
			if err := rows.Scan(&item.Context, &shard, &item.Bytes); err != nil {
				return err
			}
			byShard[shard] = append(byShard[shard], item)
			last = item.Context
		}
		return rows.Err()
	})
	if err != nil {
		return nil, err
	}
	for shard, items := range byShard {
		if err := moveShard(ctx, db, table, shard, items, from, to, done); err != nil {
			return nil, err
		}
	}
	return last, nil
}

func moveShard(ctx context.Context, db *store.DB, table wrappedTable, shard int, items []Item, from, to Wrapper, done *Moved) error {
	deks, err := from.Unwrap(ctx, shard, items)
	if err != nil && len(deks) != len(items) {
		return err
	}
	there, err := to.Unwrap(ctx, shard, items) // moved by an earlier run
	if err != nil && len(there) != len(items) {
		return err
	}
	var plain, old []Item
	for i, item := range items {
		switch {
		case deks[i] != nil:
			plain = append(plain, Item{Context: item.Context, Bytes: deks[i]})
			old = append(old, item)
		case there[i] != nil:
			clear(there[i])
			done.Rows++
		default:
			done.Lost++
		}
	}
	if len(plain) == 0 {
		return nil
	}
	wrapped, err := to.Wrap(ctx, shard, plain)
	if err != nil {
		return err
	}
	for _, p := range plain {
		clear(p.Bytes)
	}
	err = db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		for i, item := range old {
			_, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET wrapped = $1 WHERE %s = $2 AND wrapped = $3", table.name, table.key),
				wrapped[i], item.Context, item.Bytes)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		done.Rows += len(plain)
	}
	return err
}
