package store

import (
	"context"

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
	if db.engine == PostgreSQL {
		_, err := provider.Up(ctx)
		return err
	}
	// Another process may hold the file, or make the same tables a moment before
	// us: then the version has grown, and the rest is tried again.
	return whileBusy(ctx, func() error {
		for {
			before := version(ctx, provider)
			_, err := provider.Up(ctx)
			if err == nil || version(ctx, provider) <= before {
				return err
			}
		}
	})
}

// version is how far the tables are; -1 before the first.
func version(ctx context.Context, p *goose.Provider) int64 {
	v, err := p.GetDBVersion(ctx)
	if err != nil {
		return -1
	}
	return v
}
