package audit

import (
	"context"
	"database/sql"
	"testing"
	"time"

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

// FinishErasures writes the receipts that are missing, as the trail does by itself.
func FinishErasures(ctx context.Context, t *Trail, before time.Time) error {
	return t.finishErasures(ctx, before)
}

// LookUp begins an erasure and lets the test finish it.
func LookUp(ctx context.Context, t *Trail, subject string) (finish func() error, err error) {
	key, err := t.freshKey(ctx, want{subject: subject})
	return func() error { return t.deleteKey(ctx, key) }, err
}

// Prepare makes an entry and lets the test store it.
func Prepare(ctx context.Context, t *Trail, e Event) (submit func() (Receipt, error), err error) {
	p, err := t.prepare(ctx, e)
	return func() (Receipt, error) { return t.submit(ctx, p) }, err
}

// ErrStale is what the trail answers with itself, and then prepares anew.
var ErrStale = errStale

// Hang keeps the trail's writer where a disk that hangs in COMMIT keeps it.
func (t *Trail) Hang() (release func()) {
	t.state.Lock()
	return t.state.Unlock
}
