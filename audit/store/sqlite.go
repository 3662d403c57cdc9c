package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"modernc.org/sqlite"
)

// readers bounds how many reads of one SQLite file run at once.
const readers = 8

func openSQLite(ctx context.Context, path string) (*DB, error) {
	path = filepath.Clean(path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // SQLite gives -wal and -shm the same mode
	if err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	// secure_delete: what is deleted is overwritten, so an erased row leaves no
	// copy in free pages.
	pragmas := url.Values{"_txlock": {"immediate"}, "_pragma": {"busy_timeout(100)", "journal_mode(WAL)",
		"synchronous(FULL)", "foreign_keys(1)", "secure_delete(1)", "cache_size(-16384)", "temp_store(2)",
		"wal_autocheckpoint(0)"}}
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + "?"
	sweep := newSweep()
	writer, err := openPool(dsn+pragmas.Encode(), 1, sweep.written)
	if err != nil {
		return nil, err
	}
	pragmas.Set("_txlock", "deferred")
	pragmas.Add("_pragma", "query_only(1)")
	reader, err := openPool(dsn+pragmas.Encode(), readers, nil)
	if err != nil {
		return nil, errors.Join(err, writer.Close())
	}
	db := &DB{engine: SQLite, writer: writer, reader: reader, turn: make(chan struct{}, 1), sweep: sweep}
	db.turn <- struct{}{}
	db.startSweep()
	// The first statement creates the WAL, so that its file can be watched.
	for _, pool := range []*sql.DB{writer, reader} {
		if err := whileBusy(ctx, func() error { return pool.PingContext(ctx) }); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
		}
	}
	err = whileBusy(ctx, func() error {
		_, err := writer.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS store_probe (one INTEGER PRIMARY KEY)")
		return err
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	if db.files, err = watch(path, path+"-wal"); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// whileBusy repeats what another process stands in the way of. Opening and
// migrating need the whole file for a moment, and SQLite does not wait for it
// where it would have to wait for itself (a change of journal mode, a lock that
// is raised).
func whileBusy(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil || !wantsRetry(err) {
			return err
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

func openPool(dsn string, connections int, written func(pages int)) (*sql.DB, error) {
	connector, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(preparing{connector, written})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return pool, nil
}

func (db *DB) takeTurn(ctx context.Context) error {
	select {
	case <-db.turn:
		return nil
	case <-ctx.Done():
		return down(fmt.Errorf("wait for the writer's turn: %w", ctx.Err()))
	}
}

func (db *DB) giveTurn() { db.turn <- struct{}{} }

// writeSQLite waits for its turn, and for COMMIT no longer than ctx allows: a
// disk that hangs keeps the turn, so that later writers are refused in time.
func (db *DB) writeSQLite(ctx context.Context, f func(tx *sql.Tx) error) error {
	if err := db.takeTurn(ctx); err != nil {
		return err
	}
	handedOver := false
	defer func() {
		if !handedOver {
			db.giveTurn()
		}
	}()
	if err := db.files.check(); err != nil {
		return err
	}
	tx, err := db.writer.BeginTx(ctx, nil)
	if err != nil {
		return down(err)
	}
	defer func() {
		if !handedOver {
			tx.Rollback()
		}
	}()
	if err := f(tx); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return down(err)
	}
	handedOver = true
	answer := make(chan error, 1)
	go func() {
		answer <- tx.Commit()
		db.giveTurn()
	}()
	select {
	case err := <-answer:
		return committed(err)
	case <-ctx.Done():
		return committed(ctx.Err())
	}
}
