package store

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strconv"
	"strings"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"modernc.org/sqlite"
)

// keptStatements bounds the prepared statements of one SQLite connection, about
// 20 KiB each at most.
const keptStatements = 128

// preparing makes SQLite connections that prepare a statement once and keep it:
// compiling the statements of a small transaction costs more than running them.
// (pgx does the same for PostgreSQL.)
type preparing struct {
	driver.Connector
	written func(pages int) // is told of every commit; nil: nobody
}

// driverConn is what database/sql uses of a connection.
type driverConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
	sqlite.DBStatus
}

// driverStmt is what database/sql uses of a statement.
type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

func (p preparing) Connect(ctx context.Context) (driver.Conn, error) {
	made, err := p.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	base, ok := made.(driverConn)
	if !ok {
		return nil, fmt.Errorf("unexpected connection %T", made)
	}
	kept, err := simplelru.NewLRU(keptStatements, func(_ string, k *keptStatement) { k.dropped() })
	if err != nil {
		return nil, err
	}
	return &preparingConn{driverConn: base, kept: kept, written: p.written}, nil
}

type preparingConn struct {
	driverConn
	kept    *simplelru.LRU[string, *keptStatement]
	written func(pages int)
	values  []driver.NamedValue // of a batch's statement, to be used again
}

// keptStatement is used by one caller at a time.
type keptStatement struct {
	driverStmt
	used, gone bool
}

func (k *keptStatement) dropped() {
	k.gone = true
	if !k.used {
		k.Close()
	}
}

func (k *keptStatement) release() error {
	k.used = false
	if k.gone {
		return k.Close()
	}
	return nil
}

// take returns the statement for a query; nil if the query is not worth keeping
// (without arguments: schema changes and pragmas) or its statement is in use.
func (c *preparingConn) take(ctx context.Context, query string, args []driver.NamedValue) (*keptStatement, error) {
	if len(args) == 0 {
		return nil, nil
	}
	return c.keep(ctx, query)
}

// keep is take for a query that is worth keeping.
func (c *preparingConn) keep(ctx context.Context, query string) (*keptStatement, error) {
	k, known := c.kept.Get(query)
	if known && k.used {
		return nil, nil
	}
	if !known {
		made, err := c.PrepareContext(ctx, positional(query))
		if err != nil {
			return nil, err
		}
		base, ok := made.(driverStmt)
		if !ok {
			made.Close()
			return nil, fmt.Errorf("unexpected statement %T", made)
		}
		k = &keptStatement{driverStmt: base}
		c.kept.Add(query, k)
	}
	k.used = true
	return k, nil
}

func (c *preparingConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	k, err := c.take(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return c.driverConn.ExecContext(ctx, query, args)
	}
	defer k.release()
	return k.ExecContext(ctx, args)
}

func (c *preparingConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	k, err := c.take(ctx, query, args)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return c.driverConn.QueryContext(ctx, query, args)
	}
	rows, err := k.QueryContext(ctx, args)
	if err != nil {
		k.release()
		return nil, err
	}
	return &keptRows{rows, k}, nil
}

// keptRows gives its statement back when it is closed.
type keptRows struct {
	driver.Rows
	of *keptStatement
}

func (r *keptRows) Close() error {
	err := r.Rows.Close()
	if r.of != nil {
		k := r.of
		r.of = nil
		if e := k.release(); err == nil {
			err = e
		}
	}
	return err
}

func (c *preparingConn) BeginTx(ctx context.Context, opts driver.TxOptions) (driver.Tx, error) {
	tx, err := c.driverConn.BeginTx(ctx, opts)
	if err != nil || c.written == nil {
		return tx, err
	}
	return &countedTx{tx, c}, nil
}

// countedTx tells how many pages its commit wrote to the write-ahead log.
type countedTx struct {
	driver.Tx
	conn *preparingConn
}

func (t *countedTx) Commit() error {
	if err := t.Tx.Commit(); err != nil {
		return err
	}
	t.conn.count()
	return nil
}

func (c *preparingConn) Close() error {
	c.kept.Purge()
	return c.driverConn.Close()
}

// positional writes $1, $2, … as plain question marks where they stand in that
// order, as they do in every large insert: SQLite takes $1 for a name, and looks
// each up among all that came before.
func positional(query string) string {
	if strings.Contains(query, "--") || strings.Contains(query, "/*") {
		return query
	}
	var b strings.Builder
	quoted, next := false, 1
	for i := 0; i < len(query); i++ {
		switch c := query[i]; {
		case c == '\'' || c == '"':
			quoted = !quoted
		case c == '$' && !quoted:
			number := strconv.Itoa(next)
			rest := query[i+1:]
			if !strings.HasPrefix(rest, number) || len(rest) > len(number) && isWord(rest[len(number)]) {
				return query
			}
			b.WriteByte('?')
			next++
			i += len(number)
			continue
		}
		b.WriteByte(query[i])
	}
	return b.String()
}

func isWord(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}
