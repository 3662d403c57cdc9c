package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"

	"modernc.org/sqlite"
)

// batchSQLite runs a batch on the writer's connection itself. The driver starts
// a goroutine for every statement that could be interrupted, database/sql one
// for every transaction, and a wait for COMMIT with a limit needs another; here
// a lock of another process ends a statement after the busy timeout, and
// nothing else makes a small one wait.
func (db *DB) batchSQLite(ctx context.Context, f func(tx Statements) error) error {
	if err := db.takeTurn(ctx); err != nil {
		return err
	}
	defer db.giveTurn()
	if err := db.files.check(); err != nil {
		return err
	}
	b, err := db.beginBatch(ctx)
	if err != nil {
		return down(err)
	}
	defer b.held.Close()
	done := false
	defer func() {
		if !done {
			_ = b.conn.run("ROLLBACK") // after a failed COMMIT there may be nothing left to do
		}
	}()
	if err := f(b); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return down(err)
	}
	if err := b.conn.run("COMMIT"); err != nil {
		return committed(err)
	}
	done = true
	b.conn.count()
	return nil
}

type liteBatch struct {
	held *sql.Conn // keeps the connection ours
	conn *preparingConn
}

func (db *DB) beginBatch(ctx context.Context) (*liteBatch, error) {
	held, err := db.writer.Conn(ctx)
	if err != nil {
		return nil, err
	}
	b := &liteBatch{held: held}
	err = held.Raw(func(made any) (err error) {
		conn, ok := made.(*preparingConn)
		if !ok {
			return fmt.Errorf("unexpected connection %T", made)
		}
		b.conn = conn
		return conn.run("BEGIN IMMEDIATE")
	})
	if err != nil {
		held.Close()
		return nil, err
	}
	return b, nil
}

func (b *liteBatch) Exec(query string, args ...any) (int64, error) {
	values := b.conn.values[:0]
	for i, a := range args {
		if n, ok := a.(int); ok {
			a = int64(n)
		}
		values = append(values, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	b.conn.values = values
	result, err := b.conn.ExecContext(context.Background(), query, values)
	clear(values)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// run executes a statement without arguments that is kept.
func (c *preparingConn) run(query string) error {
	k, err := c.keep(context.Background(), query)
	if err != nil {
		return err
	}
	if k == nil {
		return fmt.Errorf("%s inside %s", query, query)
	}
	defer k.release()
	_, err = k.ExecContext(context.Background(), nil)
	return err
}

// count tells how many pages the last commit wrote to the write-ahead log.
func (c *preparingConn) count() {
	if c.written == nil {
		return
	}
	if pages, _, err := c.Status(sqlite.DBStatusCacheWrite, true); err == nil {
		c.written(pages)
	}
}
