// Package store opens the records: one SQLite file in the embedded default,
// PostgreSQL where users outgrow one machine. Owners bring their tables as
// numbered migrations and write the same SQL for both: $1 placeholders, BIGINT
// microseconds for times, BYTEA for bytes, no statement of one engine only.
//
// # Promises
//
// A Write that returns nil is durable: SQLite runs in WAL mode with
// synchronous=FULL, PostgreSQL never with synchronous_commit below "on".
// Writes are serialisable on both engines; f runs again when the engine asks
// for it. No call but Batch waits longer than Config.Timeout: a hung server, a
// locked or replaced file and a full disk all answer [ErrDown] in that time, and
// the next call works as soon as the database does, without a restart.
//
// # Outcome of a commit
//
// When the connection breaks inside COMMIT nobody knows what happened. Write
// says so with [ErrUnknown] and never repeats f by itself: the caller reads
// back what it wrote, under a key of its own.
//
// # Why one writer in SQLite
//
// SQLite has one writer at a time. Transactions queue in this process for it
// (and begin IMMEDIATE, so that they never fail half-way for want of the lock)
// instead of polling the file's lock in the busy handler.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
)

// Engine names the database behind a DB.
type Engine string

// Engines.
const (
	SQLite     Engine = "sqlite"
	PostgreSQL Engine = "postgres"
)

// Schema is the tables of one owner: numbered goose migrations in FS.
type Schema struct {
	Owner string // "mfa", "audit", …: its migrations are counted in a table of its own
	FS    fs.FS  // NNNNN_name.sql
}

// Config says where the records lie.
type Config struct {
	URL     string // sqlite:DIR/privet.db or postgres://…
	Schemas []Schema
	Timeout time.Duration // how long one transaction may take, waiting included; 0: DefaultTimeout
}

// DefaultTimeout leaves room to say no within 250 ms.
const DefaultTimeout = 200 * time.Millisecond

// openTimeout bounds connecting and migrating.
const openTimeout = time.Minute

// Errors.
var (
	// ErrDown: the database did not answer in time, or cannot store.
	ErrDown = errors.New("database is not reachable")
	// ErrUnknown: the commit may have happened or not; it comes with ErrDown.
	ErrUnknown = errors.New("outcome of the commit is not known")
)

// DB is an open database.
type DB struct {
	engine  Engine
	writer  *sql.DB
	reader  *sql.DB       // the same as writer in PostgreSQL
	turn    chan struct{} // SQLite: holds one token, the right to write
	sweep   *sweep        // SQLite: keeps the write-ahead log short
	files   *files        // SQLite: notices a removed or replaced file
	timeout time.Duration
}

// Open connects, migrates every schema and returns.
func Open(ctx context.Context, cfg Config) (*DB, error) {
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	scheme, rest, _ := strings.Cut(cfg.URL, ":")
	var db *DB
	var err error
	switch scheme {
	case "sqlite":
		db, err = openSQLite(ctx, rest)
	case "postgres", "postgresql":
		db, err = openPostgres(ctx, cfg.URL)
	default:
		err = fmt.Errorf("database URL begins with %q; use sqlite:DIR/privet.db or postgres://HOST/NAME", scheme)
	}
	if err != nil {
		return nil, fmt.Errorf("open database: %w", err)
	}
	if db.timeout = cfg.Timeout; db.timeout <= 0 {
		db.timeout = DefaultTimeout
	}
	for _, s := range cfg.Schemas {
		if err := db.migrate(ctx, s); err != nil {
			return nil, errors.Join(fmt.Errorf("migrate %s: %w", s.Owner, err), db.Close())
		}
	}
	return db, nil
}

// Engine says which database it is.
func (db *DB) Engine() Engine { return db.engine }

// Write runs f in one serialisable transaction and commits it durably. It is
// retried when the database asks for it, so f must have no effect outside tx.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error {
	return db.write(ctx, func(ctx context.Context) error { return db.writeOnce(ctx, sql.LevelSerializable, f) })
}

// WriteGuarded is Write for an f that guards itself by the conditions of its
// statements (compare and swap, unique keys): PostgreSQL then runs it READ
// COMMITTED and has nothing to retry.
func (db *DB) WriteGuarded(ctx context.Context, f func(tx *sql.Tx) error) error {
	return db.write(ctx, func(ctx context.Context) error { return db.writeOnce(ctx, sql.LevelReadCommitted, f) })
}

// Batch is WriteGuarded for a transaction of few and small statements that ask
// for nothing back, by someone on whom nobody waits without a limit of their
// own: on SQLite COMMIT takes as long as the disk does, whatever ctx says. What
// database/sql and the driver do beside such statements costs more than they do.
func (db *DB) Batch(ctx context.Context, f func(tx Statements) error) error {
	return db.write(ctx, func(ctx context.Context) error {
		if db.engine == SQLite {
			return db.batchSQLite(ctx, f)
		}
		return db.writeOnce(ctx, sql.LevelReadCommitted, func(tx *sql.Tx) error { return f(StatementsOf(ctx, tx)) })
	})
}

// Statements is a transaction of which only the number of rows is heard that a
// statement changed. Arguments are int, int64, string, []byte or nil.
type Statements interface {
	Exec(query string, args ...any) (changed int64, err error)
}

// StatementsOf is a transaction as [Statements].
func StatementsOf(ctx context.Context, tx *sql.Tx) Statements { return batchTx{ctx, tx} }

type batchTx struct {
	ctx context.Context
	tx  *sql.Tx
}

func (b batchTx) Exec(query string, args ...any) (int64, error) {
	result, err := b.tx.ExecContext(b.ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (db *DB) write(ctx context.Context, once func(ctx context.Context) error) error {
	bounded, cancel := db.bound(ctx)
	defer cancel()
	for {
		err := once(bounded)
		if err == nil {
			return nil
		}
		if bounded.Err() != nil || errors.Is(err, ErrUnknown) || !wantsRetry(err) {
			return explain(ctx, err)
		}
	}
}

func (db *DB) writeOnce(ctx context.Context, level sql.IsolationLevel, f func(tx *sql.Tx) error) error {
	if db.engine == SQLite {
		return db.writeSQLite(ctx, f)
	}
	tx, err := db.writer.BeginTx(ctx, &sql.TxOptions{Isolation: level})
	if err != nil {
		return down(err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := f(tx); err != nil {
		return err
	}
	return committed(tx.Commit())
}

// Read runs f in a read-only transaction that sees one state of the records.
func (db *DB) Read(ctx context.Context, f func(tx *sql.Tx) error) error {
	bounded, cancel := db.bound(ctx)
	defer cancel()
	opts := &sql.TxOptions{ReadOnly: true}
	if db.engine == PostgreSQL {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.reader.BeginTx(bounded, opts)
	if err != nil {
		return explain(ctx, down(err))
	}
	defer tx.Rollback()
	if err := f(tx); err != nil {
		return explain(ctx, err)
	}
	return nil
}

// Ping answers whether the database does, and would take a write.
func (db *DB) Ping(ctx context.Context) error {
	bounded, cancel := db.bound(ctx)
	defer cancel()
	if err := db.files.check(); err != nil {
		return err
	}
	if err := db.reader.PingContext(bounded); err != nil {
		return explain(ctx, down(err))
	}
	return nil
}

// Close waits for running transactions and closes.
func (db *DB) Close() error {
	if db.reader == db.writer {
		return db.writer.Close()
	}
	db.sweep.stop()
	db.sweep.done.Wait()
	return errors.Join(db.reader.Close(), db.writer.Close())
}

type patience struct{}

// Patient lets the transactions under ctx take d instead of Config.Timeout: for
// an export, a migration, a batch of rewraps; never for a request that someone
// waits for.
func Patient(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, patience{}, d)
}

func (db *DB) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	d, ok := ctx.Value(patience{}).(time.Duration)
	if !ok {
		d = db.timeout
	}
	return context.WithTimeout(ctx, d)
}
