package store

import (
	"context"
	"errors"
	"fmt"
)

// ErrDump: a copy of PostgreSQL is made with its own tools.
var ErrDump = errors.New("copy PostgreSQL with pg_dump, or by its own continuous backup")

// Copy writes all records of SQLite as they are at one moment into a file that
// is empty or not there, beside writers of other processes; those of this one wait.
func (db *DB) Copy(ctx context.Context, file string) error {
	if db.engine != SQLite {
		return ErrDump
	}
	if _, err := db.writer.ExecContext(ctx, "VACUUM INTO $1", file); err != nil {
		return fmt.Errorf("copy database: %w", err)
	}
	return nil
}
