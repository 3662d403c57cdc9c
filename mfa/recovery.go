package mfa

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

const recoveryCodes = 10

// recoveryShape: XXXXXXXX-XXXXXXXX-XXXXXXXX in base32. The first part names
// the row, the rest (80 bits) is the secret.
var recoveryShape = regexp.MustCompile(`^([A-Z2-7]{8})-?([A-Z2-7]{8})-?([A-Z2-7]{8})$`)

// NewRecovery replaces an agent's recovery codes and returns the new ones: the
// only time they are seen.
func (d *Door) NewRecovery(ctx context.Context, by, name string) ([]string, error) {
	codes := make([]string, recoveryCodes)
	hashes := make([]string, recoveryCodes)
	for i := range codes {
		raw := rand.Text() // 26 characters of base32
		codes[i] = raw[:8] + "-" + raw[8:16] + "-" + raw[16:24]
		var err error
		if hashes[i], err = d.hash(ctx, raw[8:24]); err != nil {
			return nil, err
		}
	}
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mfa_recovery WHERE agent = $1`, name); err != nil {
			return err
		}
		for i, code := range codes {
			if _, err := tx.ExecContext(ctx, `INSERT INTO mfa_recovery (id, agent, hash, used) VALUES ($1, $2, $3, 0)`, code[:8], name, hashes[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("write recovery codes: %w", err)
	}
	if _, err := d.record(ctx, Act{Kind: "recovery.new", Agent: by, Detail: map[string]string{"name": name}}); err != nil {
		return nil, err
	}
	return codes, nil
}

// proveRecovery evaluates a recovery code. Its hash is slow, so the try is
// reserved in a transaction of its own before the code is looked at.
func (d *Door) proveRecovery(ctx context.Context, a *agent, code string, accept func(*sql.Tx, *agent, Proof) error) (why string, err error) {
	parts := recoveryShape.FindStringSubmatch(strings.ToUpper(code))
	id, secret := parts[1], parts[2]+parts[3]
	hash, reserved := d.decoy, false
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		hash = d.decoy
		if reserved, err = d.reserve(ctx, tx, a.Name); err != nil || !reserved {
			return err
		}
		err := tx.QueryRowContext(ctx, `SELECT hash FROM mfa_recovery WHERE id = $1 AND agent = $2 AND used = 0`, id, a.Name).Scan(&hash)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("prove recovery code: %w", err)
	}
	if !reserved {
		return "locked", nil
	}
	right, _, err := d.matches(ctx, secret, hash)
	if err != nil {
		return "", err
	}
	if !right {
		return "wrong", nil
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		spent, err := changed(tx.ExecContext(ctx, `UPDATE mfa_recovery SET used = $1 WHERE id = $2 AND used = 0`, micros(d.now()), id))
		if err != nil {
			return err
		}
		if !spent {
			why = "replayed"
			return nil
		}
		why = ""
		if err := d.forgive(ctx, tx, a.Name); err != nil {
			return err
		}
		return accept(tx, a, Proof{"recovery", d.now()})
	})
	if err != nil {
		return "", fmt.Errorf("spend recovery code: %w", err)
	}
	return why, nil
}
