package store

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// migrate brings one owner's tables up to date. On PostgreSQL a session lock
// lets replicas that start together take turns.
func (db *DB) migrate(ctx context.Context, s Schema) error {
	options := []goose.ProviderOption{goose.WithTableName(s.Owner + "_migrations"), goose.WithDisableGlobalRegistry(true)}
	dialect := goose.DialectSQLite3
	if db.engine == PostgreSQL {
		dialect = goose.DialectPostgres
		locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 30))
		if err != nil {
			return err
		}
		options = append(options, goose.WithSessionLocker(locker))
	}
	provider, err := goose.NewProvider(dialect, db.writer, s.FS, options...)
	if err != nil {
		return err
	}
	if _, err := provider.Up(ctx); err == nil {
		return nil
	} else if db.engine == PostgreSQL {
		return err
	}
	// Another process may have made the same tables a moment before us.
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("second try: %w", err)
	}
	return nil
}
