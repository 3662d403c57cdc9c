package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/witness"
)

// Witness is an outside party that cosigns checkpoints (C2SP tlog-witness).
type Witness struct {
	URL  string // its add-checkpoint endpoint lies below
	Vkey string
}

// Cosigned is what a witness has signed of a lane.
type Cosigned struct {
	Witness string
	Size    int64
	Time    time.Time
	Note    []byte // the checkpoint with the witness's signature
}

// outside writes tiles and asks witnesses, beside the writer and never in its
// way: no acknowledgement waits for anybody outside.
func (t *Trail) outside(ctx context.Context, witnesses []*witness.Client) {
	ticker := time.NewTicker(t.cfg.WitnessGap)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		t.state.Lock()
		l := t.lane
		var signed checkpointed
		if l != nil {
			signed = l.signed
		}
		t.state.Unlock()
		if l == nil || signed.size == 0 {
			continue
		}
		if t.cfg.Tiles != "" {
			if err := t.publish(ctx, l.number, signed); err != nil && ctx.Err() == nil {
				t.log.Warn("tiles delayed", "error", err)
			}
		}
		for _, w := range witnesses {
			if err := t.askWitness(ctx, w, l.number, signed); err != nil && ctx.Err() == nil {
				t.log.Warn("cosignature delayed", "witness", w.Name(), "error", err)
			}
		}
	}
}

// askWitness gets one checkpoint cosigned.
func (t *Trail) askWitness(ctx context.Context, w *witness.Client, lane int64, signed checkpointed) error {
	ctx = store.Patient(ctx, 10*time.Second)
	var old int64
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT size FROM trail_cosigned WHERE lane = $1 AND witness = $2", lane, w.Name()).Scan(&old)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if old == signed.size {
		return nil
	}
	lines, err := t.cosign(ctx, w, lane, signed, old)
	var known *witness.Known
	if errors.As(err, &known) {
		if known.Size > signed.size {
			return fmt.Errorf("%w: it knows %d entries, this trail has %d", witness.ErrConflict, known.Size, signed.size)
		}
		lines, err = t.cosign(ctx, w, lane, signed, known.Size)
	}
	if err != nil {
		return err
	}
	full := append(append([]byte(nil), signed.note...), lines...)
	return t.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO trail_cosigned (lane, witness, size, time, note) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (lane, witness) DO UPDATE SET size = excluded.size, time = excluded.time, note = excluded.note`,
			lane, w.Name(), signed.size, micros(t.cfg.Clock()), full)
		return err
	})
}

func (t *Trail) cosign(ctx context.Context, w *witness.Client, lane int64, signed checkpointed, old int64) ([]byte, error) {
	var proof [][]byte
	if old > 0 && old < signed.size {
		err := t.db.Read(ctx, func(tx *sql.Tx) (err error) {
			proof, err = nodesOf(tx, lane).consistency(ctx, old, signed.size)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return w.Cosign(ctx, signed.note, old, proof)
}

// Cosignatures lists what witnesses have signed of a lane.
func (t *Trail) Cosignatures(ctx context.Context, lane int64) (all []Cosigned, err error) {
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		all = nil
		rows, err := tx.QueryContext(ctx, "SELECT witness, size, time, note FROM trail_cosigned WHERE lane = $1 ORDER BY witness", lane)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c Cosigned
			var at int64
			if err := rows.Scan(&c.Witness, &c.Size, &at, &c.Note); err != nil {
				return err
			}
			c.Time = fromMicros(at)
			all = append(all, c)
		}
		return rows.Err()
	})
	return all, err
}
