package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit/store"

	"github.com/privet-gateway/privet/audit/evidence"
)

// Certificate states that a subject was erased from the trail. Erased is when
// the last row that held its key was deleted: from then on no replica decrypts.
// Shredded is when the wrapping key that could open copies of that row, in
// backups and snapshots, was destroyed.
type Certificate struct {
	Tag      string
	Receipt  Receipt // the entry that says so
	Erased   time.Time
	Shredded time.Time // zero until the epoch ends
}

// Erase destroys a subject's data key, and with it everything that was sealed
// under it and every link from the trail's leaves to the subject. ErrHeld under
// a legal hold; ErrErased if there is no such subject (any more).
func (t *Trail) Erase(ctx context.Context, subject string) (Certificate, error) {
	key, err := t.freshKey(ctx, want{subject: subject})
	if err != nil {
		return Certificate{}, fmt.Errorf("erase: %w", err)
	}
	err = t.deleteKey(ctx, key)
	if errors.Is(err, store.ErrUnknown) {
		if _, known := t.Certificate(ctx, key.tag); known == nil {
			err = nil // the answer was lost, the deletion was not
		}
	}
	if err != nil {
		return Certificate{}, fmt.Errorf("erase: %w", err)
	}
	if err := t.forget(ctx); err != nil {
		return Certificate{}, fmt.Errorf("erase: %w", err)
	}
	if err := t.finishErasures(ctx, t.cfg.Clock()); err != nil {
		return Certificate{}, fmt.Errorf("erase: receipt: %w", err)
	}
	return t.Certificate(ctx, key.tag)
}

// deleteKey removes every row about the subject, in one transaction.
func (t *Trail) deleteKey(ctx context.Context, key *subjectKey) error {
	handle, tag := t.keys.handle(key.subject), tagBytes(key.tag)
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		var held string
		var shard int
		err := tx.QueryRowContext(ctx, "SELECT held, shard FROM trail_subjects WHERE handle = $1", handle).Scan(&held, &shard)
		switch {
		case errors.Is(err, sql.ErrNoRows):
			return ErrErased
		case err != nil:
			return err
		case held != "":
			return fmt.Errorf("%w: %s", ErrHeld, held)
		}
		result, err := tx.ExecContext(ctx, "DELETE FROM trail_tags WHERE tag = $1", tag)
		if err := oneRow(result, err); err != nil {
			return errors.Join(ErrErased, err) // erased since the key was looked up, and the subject has a new one
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM trail_mentions WHERE tag = $1", tag); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, "DELETE FROM trail_subjects WHERE handle = $1", handle); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO trail_erasures (seq, tag, shard, epoch, time, shredded, receipt)
			SELECT (SELECT COALESCE(MAX(seq), 0) + 1 FROM trail_erasures), $1, shard, epoch, $2, 0, '' FROM trail_epochs WHERE shard = $3`,
			tag, micros(t.cfg.Clock()), shard)
		return err
	})
}

// forget drops what this process knows of erased subjects, and what the
// database's log still holds of their rows.
func (t *Trail) forget(ctx context.Context) error {
	var seen int64
	err := t.db.Read(ctx, func(tx *sql.Tx) error { return tx.QueryRowContext(ctx, newestErasure).Scan(&seen) })
	if err != nil {
		return err
	}
	if err := t.keys.drop(ctx, seen); err != nil {
		return err
	}
	if err := t.db.Scrub(ctx); err != nil {
		t.log.Info("write-ahead log keeps deleted rows until its readers are done", "error", err)
	}
	return nil
}

// finishErasures writes erasures before the time that have no receipt yet into the
// ledger and the trail: of this call, or of a process that died on the way.
func (t *Trail) finishErasures(ctx context.Context, before time.Time) error {
	type erasure struct {
		seq, shard, epoch int64
		tag               []byte
	}
	var open []erasure
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		open = nil
		rows, err := tx.QueryContext(ctx, "SELECT seq, shard, epoch, tag FROM trail_erasures WHERE receipt = '' AND time <= $1 ORDER BY seq", micros(before))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e erasure
			if err := rows.Scan(&e.seq, &e.shard, &e.epoch, &e.tag); err != nil {
				return err
			}
			open = append(open, e)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	for _, e := range open {
		if err := t.ledger(tagText(e.tag)); err != nil {
			return fmt.Errorf("ledger: %w", err)
		}
		receipt, err := t.Append(ctx, Event{Kind: evidence.KindErased, Outcome: "allowed", Detail: map[string]string{
			"tag": tagText(e.tag), "shard": strconv.FormatInt(e.shard, 10), "epoch": strconv.FormatInt(e.epoch, 10)}})
		if err != nil {
			return err
		}
		err = t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
			_, err := tx.ExecContext(ctx, "UPDATE trail_erasures SET receipt = $1 WHERE seq = $2 AND receipt = ''", string(receipt), e.seq)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Certificate returns what is known of the erasure of a tag; ErrNone if there
// was none.
func (t *Trail) Certificate(ctx context.Context, tag string) (Certificate, error) {
	c := Certificate{Tag: tag}
	var erased, shredded int64
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT receipt, time, shredded FROM trail_erasures WHERE tag = $1", tagBytes(tag)).
			Scan(&c.Receipt, &erased, &shredded)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return Certificate{}, fmt.Errorf("certificate: %w", ErrNone)
	}
	if err != nil {
		return Certificate{}, fmt.Errorf("certificate: %w", err)
	}
	c.Erased = fromMicros(erased)
	if shredded != 0 {
		c.Shredded = fromMicros(shredded)
	}
	return c, nil
}
