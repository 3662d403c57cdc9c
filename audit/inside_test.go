package audit

import (
	"context"
	"database/sql"
	"testing"

	"github.com/privet-gateway/privet/audit/store"
)

// Expire lets every lease end now, as if its process had been silent for long.
func Expire(t *testing.T, db *store.DB) {
	t.Helper()
	Exec(t, db, "UPDATE trail_lanes SET until = 0")
}

// Exec changes the database behind the trail's back.
func Exec(t testing.TB, db *store.DB, query string, args ...any) {
	t.Helper()
	err := db.Write(context.Background(), func(tx *sql.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
