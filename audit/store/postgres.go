package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// connections bounds what one process holds open on a PostgreSQL server.
const connections = 24

func openPostgres(ctx context.Context, url string) (*DB, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	if cfg.RuntimeParams["application_name"] == "" {
		cfg.RuntimeParams["application_name"] = "privet"
	}
	// A client that vanished must not hold its locks for ever.
	cfg.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	pool := sql.OpenDB(connector{stdlib.GetConnector(*cfg, stdlib.OptionAfterConnect(durable))})
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(down(err), pool.Close())
	}
	return &DB{engine: PostgreSQL, writer: pool, reader: pool}, nil
}

// durable raises synchronous_commit where a server's default would acknowledge
// before the commit is on disk, and leaves stricter settings alone.
func durable(ctx context.Context, c *pgx.Conn) error {
	var level string
	if err := c.QueryRow(ctx, "SHOW synchronous_commit").Scan(&level); err != nil {
		return err
	}
	if level == "off" || level == "local" {
		_, err := c.Exec(ctx, "SET synchronous_commit = on")
		return err
	}
	return nil
}

// connector makes connections whose statements obey the deadline of their
// transaction, whatever context the statement was called with. Without it one
// statement under a context of its own hangs as long as the server does.
type connector struct{ driver.Connector }

func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	base, ok := made.(*stdlib.Conn)
	if !ok {
		return nil, fmt.Errorf("unexpected connection %T", made)
	}
	return &conn{Conn: base}, nil
}

type conn struct {
	*stdlib.Conn
	tx context.Context // of the running transaction; nil outside one
}

func (c *conn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.Conn.BeginTx(ctx, opts)
	if err != nil {
		return nil, err
	}
	c.tx = ctx
	return &pgTx{tx, c}, nil
}

func (c *conn) during(ctx context.Context) context.Context {
	if c.tx != nil {
		return c.tx
	}
	return ctx
}

func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	return c.Conn.ExecContext(c.during(ctx), query, args)
}

func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	return c.Conn.QueryContext(c.during(ctx), query, args)
}

func (c *conn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	made, err := c.Conn.PrepareContext(c.during(ctx), query)
	if err != nil {
		return nil, err
	}
	return &stmt{made.(*stdlib.Stmt), c}, nil
}

type stmt struct {
	*stdlib.Stmt
	conn *conn
}

func (s *stmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.Stmt.ExecContext(s.conn.during(ctx), args)
}

func (s *stmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.Stmt.QueryContext(s.conn.during(ctx), args)
}

type pgTx struct {
	driver.Tx
	conn *conn
}

func (t *pgTx) Commit() error {
	t.conn.tx = nil
	return t.Tx.Commit()
}

func (t *pgTx) Rollback() error {
	t.conn.tx = nil
	return t.Tx.Rollback()
}
