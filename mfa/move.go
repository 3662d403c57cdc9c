package mfa

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// Move seals every seed and shared key anew, for another keeper, and says how
// many. No door may be open on the database. It may be interrupted and repeated.
func Move(ctx context.Context, db *store.DB, from, to Sealer) (moved int, err error) {
	ctx = store.Patient(ctx, 30*time.Second)
	for _, t := range []struct{ table, key, context string }{
		{"mfa_devices", "id", "'mfa/totp/' || agent || '/' || id"}, // as device.context
		{"mfa_keys", "name", "'mfa/key/' || name"},                 // as sharedKey
	} {
		rows, err := sealedRows(ctx, db, t.table, t.key, t.context)
		if err != nil {
			return moved, fmt.Errorf("move sealed secrets: %w", err)
		}
		for _, r := range rows {
			if err := r.move(ctx, db, t.table, t.key, from, to); err != nil {
				return moved, fmt.Errorf("move sealed secret %s of %s: %w", r.key, t.table, err)
			}
			moved++
		}
	}
	return moved, nil
}

// sealedRow is a secret at rest.
type sealedRow struct {
	key, context string
	sealed       []byte
}

func sealedRows(ctx context.Context, db *store.DB, table, key, about string) (all []sealedRow, err error) {
	err = db.Read(ctx, func(tx *sql.Tx) error {
		all = nil
		rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT %s, %s, sealed FROM %s ORDER BY 1", key, about, table))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var r sealedRow
			if err := rows.Scan(&r.key, &r.context, &r.sealed); err != nil {
				return err
			}
			all = append(all, r)
		}
		return rows.Err()
	})
	return all, err
}

func (r sealedRow) move(ctx context.Context, db *store.DB, table, key string, from, to Sealer) error {
	secret, err := from.Open(ctx, r.context, r.sealed)
	if err != nil {
		if _, there := to.Open(ctx, r.context, r.sealed); there == nil {
			return nil // an earlier run moved it
		}
		return err
	}
	defer clear(secret)
	sealed, err := to.Seal(ctx, r.context, secret)
	if err != nil {
		return err
	}
	return db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET sealed = $1 WHERE %s = $2", table, key), sealed, r.key)
		return err
	})
}
