// Package store opens the records: one SQLite file in the embedded default,
// PostgreSQL where users outgrow one machine. Same SQL ($1 placeholders, BIGINT
// microseconds for times, BYTEA for bytes), same tests, both engines.
package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
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
}

// DB is an open database.
type DB struct{ engine Engine }

// ErrDown: the database did not answer in time.
var ErrDown = errors.New("database is not reachable")

// Open connects, migrates every schema and returns.
func Open(ctx context.Context, cfg Config) (*DB, error) { return nil, ErrDown }

// Engine says which database it is.
func (db *DB) Engine() Engine { return db.engine }

// Write runs f in one transaction and commits it durably. It is retried when
// the database asks for it, so f must have no effect outside tx.
func (db *DB) Write(ctx context.Context, f func(tx *sql.Tx) error) error { return ErrDown }

// Read runs f in a read-only transaction.
func (db *DB) Read(ctx context.Context, f func(tx *sql.Tx) error) error { return ErrDown }

// Ping answers whether the database does.
func (db *DB) Ping(ctx context.Context) error { return ErrDown }

// Close waits for running transactions and closes.
func (db *DB) Close() error { return nil }
