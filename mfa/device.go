package mfa

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// newDevice seals a seed for an agent. It is not stored yet, and not confirmed.
func (d *Door) newDevice(ctx context.Context, agent, label string, seed []byte) (*device, error) {
	if len(seed) < 16 || len(seed) > 64 {
		return nil, fmt.Errorf("%w: TOTP seed of %d bytes, take 16 to 64 (RFC 4226 §4)", ErrInput, len(seed))
	}
	dev := &device{ID: handle(), Agent: agent, Label: label, Algorithm: "SHA1", Digits: 6}
	var err error
	if dev.Sealed, err = d.cfg.Sealer.Seal(ctx, dev.context(), seed); err != nil {
		return nil, fmt.Errorf("seal TOTP seed: %w", err)
	}
	return dev, nil
}

// context binds a sealed seed to its row: moved to another agent it does not open.
func (dev *device) context() string { return "mfa/totp/" + dev.Agent + "/" + dev.ID }

func (dev *device) insert(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO mfa_devices (id, agent, label, algorithm, digits, sealed, last_step, drift, miss_step, miss_at, confirmed, created, used)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10, 0)`,
		dev.ID, dev.Agent, dev.Label, dev.Algorithm, dev.Digits, dev.Sealed, dev.LastStep, dev.Drift, dev.Confirmed, micros(now))
	return err
}

const deviceColumns = `id, agent, label, algorithm, digits, sealed, last_step, drift, miss_step, miss_at, confirmed`

func scanDevice(row scanner) (*device, error) {
	var v device
	err := row.Scan(&v.ID, &v.Agent, &v.Label, &v.Algorithm, &v.Digits, &v.Sealed, &v.LastStep, &v.Drift, &v.MissStep, &v.MissAt, &v.Confirmed)
	return &v, err
}

func devicesOf(ctx context.Context, tx *sql.Tx, agent string) ([]*device, error) {
	rows, err := tx.QueryContext(ctx, `SELECT `+deviceColumns+` FROM mfa_devices WHERE agent = $1 AND confirmed > 0 ORDER BY id`, agent)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []*device
	for rows.Next() {
		v, err := scanDevice(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, rows.Err()
}

// spend takes the step if nobody has: compare and swap.
func (dev *device) spend(ctx context.Context, tx *sql.Tx, now time.Time) (bool, error) {
	return changed(tx.ExecContext(ctx, `UPDATE mfa_devices SET last_step = $2, drift = $3, miss_step = 0, miss_at = 0, used = $4
		WHERE id = $1 AND last_step < $2`, dev.ID, dev.LastStep, dev.Drift, micros(now)))
}

// remember keeps what was learned from a miss; a spent step teaches nothing.
func (dev *device) remember(ctx context.Context, tx *sql.Tx, miss int64) error {
	_, err := tx.ExecContext(ctx, `UPDATE mfa_devices SET drift = $2, miss_step = $3, miss_at = $4 WHERE id = $1 AND last_step < $5`,
		dev.ID, dev.Drift, dev.MissStep, dev.MissAt, miss)
	return err
}
