package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// down marks an error of the database, not of the caller.
func down(err error) error {
	if errors.Is(err, ErrDown) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrDown, err)
}

// explain turns what went wrong inside a transaction into what the caller can
// act on: its own cancellation, its own error, or ErrDown.
func explain(caller context.Context, err error) error {
	if errors.Is(err, ErrUnknown) {
		return err
	}
	if caller.Err() != nil {
		return context.Cause(caller)
	}
	if isDown(err) {
		return down(err)
	}
	return err
}

// committed reads the answer to COMMIT: only the server's own refusal says for
// certain that nothing was stored.
func committed(err error) error {
	if err == nil {
		return nil
	}
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) && !serverGoing(pg.Code) {
		return err
	}
	if lite := (*sqlite.Error)(nil); errors.As(err, &lite) && primary(lite) == sqlite3.SQLITE_BUSY {
		return err
	}
	return fmt.Errorf("%w: %w: %w", ErrDown, ErrUnknown, err)
}

// wantsRetry: serialisation failure or deadlock (SQLSTATE class 40, PostgreSQL
// manual 13.5), or another process holds the SQLite file.
func wantsRetry(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return pg.Code == "40001" || pg.Code == "40P01"
	}
	lite := (*sqlite.Error)(nil)
	return errors.As(err, &lite) && primary(lite) == sqlite3.SQLITE_BUSY
}

func isDown(err error) bool {
	if pg := (*pgconn.PgError)(nil); errors.As(err, &pg) {
		return serverGoing(pg.Code) || wantsRetry(err)
	}
	if lite := (*sqlite.Error)(nil); errors.As(err, &lite) {
		switch primary(lite) {
		case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_RANGE, sqlite3.SQLITE_MISUSE, sqlite3.SQLITE_TOOBIG:
			return false
		}
		return true
	}
	var network net.Error
	for _, target := range []error{context.DeadlineExceeded, driver.ErrBadConn, sql.ErrConnDone, sql.ErrTxDone, io.EOF, io.ErrUnexpectedEOF} {
		if errors.Is(err, target) {
			return true
		}
	}
	return errors.As(err, &network)
}

// serverGoing: connection exception, out of resources, operator intervention,
// system error, internal error, completion unknown.
func serverGoing(code string) bool {
	if len(code) != 5 {
		return true
	}
	switch code[:2] {
	case "08", "53", "57", "58", "XX":
		return true
	}
	return code == "40003"
}

// primary strips the extended part of an SQLite code.
func primary(err *sqlite.Error) int { return err.Code() & 0xff }
