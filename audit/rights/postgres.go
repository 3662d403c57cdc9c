package rights

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"
)

// Postgres is a holder over a PostgreSQL database. Statements are parametrised;
// names of tables and columns come from the data map and are checked against the
// catalogue before they are quoted. Each write is one transaction over locked rows.
type Postgres struct {
	db    *sql.DB
	write time.Duration
	scans *scans

	mu    sync.Mutex
	types map[string]map[string]string // table → column → type
}

// PostgresConfig says where the database is.
type PostgresConfig struct {
	DB          *sql.DB       // opened with the role that may read and write the mapped tables
	Timeout     time.Duration // of one statement; 0: 10 s
	Connections int           // open at once; 0: 8
}

// NewPostgres makes the holder. It bounds the connections of the pool it is given and
// keeps them: by itself database/sql keeps two, and a new one costs a server more than
// what is asked over it.
func NewPostgres(cfg PostgresConfig) *Postgres {
	n := cmp.Or(cfg.Connections, 8)
	cfg.DB.SetMaxOpenConns(n)
	cfg.DB.SetMaxIdleConns(n)
	cfg.DB.SetConnMaxIdleTime(time.Minute)
	return &Postgres{db: cfg.DB, write: cmp.Or(cfg.Timeout, 10*time.Second), scans: newScans(), types: map[string]map[string]string{}}
}

// columns reads the types of a table's columns; a table that is not there is an
// error, never an empty answer.
func (p *Postgres) columns(ctx context.Context, table string) (map[string]string, error) {
	p.mu.Lock()
	known := p.types[table]
	p.mu.Unlock()
	if known != nil {
		return known, nil
	}
	rows, err := p.db.QueryContext(ctx, `SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute
		WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped`, quoted(table))
	if err != nil {
		return nil, fmt.Errorf("read catalogue: %w", err)
	}
	defer rows.Close()
	cols := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return nil, err
		}
		cols[name] = kind
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	if len(cols) == 0 {
		return nil, fmt.Errorf("%w: the table %s is not there", ErrBroken, table)
	}
	p.mu.Lock()
	p.types[table] = cols
	p.mu.Unlock()
	return cols, nil
}

// quoted quotes "schema.table" part by part.
func quoted(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = quotedName(part)
	}
	return strings.Join(parts, ".")
}

// quotedName quotes one name.
func quotedName(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// column checks that a table has a column and returns it quoted, with its type.
func column(cols map[string]string, c *Collection, field string) (string, string, error) {
	kind, ok := cols[field]
	if !ok {
		return "", "", fmt.Errorf("%w: %s has no column %q", ErrBroken, c.Name, field)
	}
	return quoted(field), kind, nil
}

// Find asks by a column, with the column's own index.
func (p *Postgres) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	cols, err := p.columns(ctx, c.Name)
	if err != nil {
		return noRows(err)
	}
	col, kind, err := column(cols, c, field)
	if values = fitting(kind, values); err != nil || len(values) == 0 {
		return noRows(err)
	}
	where := fmt.Sprintf("%s = ANY($1::text[]::%s[])", col, base(kind))
	if strings.HasPrefix(kind, "character") || kind == "text" {
		where = fmt.Sprintf("%s = ANY($1::text[])", col)
	}
	return p.query(ctx, c, where, values)
}

// fitting drops values that cannot be of an integer column's type.
func fitting(kind string, values []string) []string {
	if !slices.Contains([]string{"integer", "bigint", "smallint"}, kind) {
		return values
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool {
		return v == "" || len(v) > 19 || strings.Trim(strings.TrimPrefix(v, "-"), "0123456789") != ""
	})
}

// base is a type without its modifier: varchar(100) → varchar.
func base(kind string) string { b, _, _ := strings.Cut(kind, "("); return b }

// query streams rows. The timeout is of the database's silence, not of the reader's work.
func (p *Postgres) query(ctx context.Context, c *Collection, where string, args ...any) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		silence := time.AfterFunc(p.write, cancel)
		defer silence.Stop()
		err := p.stream(ctx, c, where, args, func(row Row) bool {
			silence.Stop()
			defer silence.Reset(p.write)
			return yield(row, nil)
		})
		if err != nil {
			yield(Row{}, err)
		}
	}
}

func (p *Postgres) stream(ctx context.Context, c *Collection, where string, args []any, f func(Row) bool) error {
	query := fmt.Sprintf("SELECT %s, '', 0, to_jsonb(t) FROM %s t WHERE %s UNION ALL SELECT %[1]s, '', 0, NULL", security, quoted(c.Name), where)
	return p.read(ctx, query, args, func(_ string, _ int, raw []byte) (bool, error) {
		row, err := decodeRow(c, raw)
		return err == nil && f(row), err
	})
}

// security tells, in every row of a reading query and in one more, whether row
// security would hide rows from it instead of raising an error.
const security = "current_setting('row_security')"

// read runs a query of (security, text, number, jsonb) on a connection on which row
// security raises an error: a connection that is new is told so once. f says whether
// it wants more.
func (p *Postgres) read(ctx context.Context, query string, args []any, f func(text string, n int, raw []byte) (bool, error)) error {
	conn, err := p.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range 2 {
		hides, err := readOn(ctx, conn, query, args, f)
		if err != nil || !hides {
			return err
		}
		if _, err := conn.ExecContext(ctx, "SET row_security = off"); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: row security hides rows from us", ErrBroken)
}

func readOn(ctx context.Context, conn *sql.Conn, query string, args []any, f func(string, int, []byte) (bool, error)) (hides bool, err error) {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	for rows.Next() {
		var set, text string
		var n int
		var raw sql.RawBytes
		if err := rows.Scan(&set, &text, &n, &raw); err != nil {
			return false, err
		}
		if set != "off" {
			return true, nil
		}
		if raw == nil {
			continue // the one more
		}
		if more, err := f(text, n, raw); err != nil || !more {
			return false, err
		}
	}
	return false, rows.Err()
}

func decodeRow(c *Collection, raw []byte) (Row, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber()
	values := map[string]any{}
	if err := dec.Decode(&values); err != nil {
		return Row{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return NewRow(c, values)
}

// Erase deletes or blanks rows named by their keys, all of them or none.
func (p *Postgres) Erase(ctx context.Context, c *Collection, action Action, targets []Target, _ string) (Effect, error) {
	return p.change(ctx, c, func(tx *sql.Tx, cols map[string]string, t Target, where string, args []any) (sql.Result, error) {
		if action == Delete {
			return tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s", quoted(c.Name), where), args...)
		}
		set := make([]string, 0, len(t.Blank))
		for _, field := range t.Blank {
			col, _, err := column(cols, c, field)
			if err != nil {
				return nil, err
			}
			set = append(set, col+" = NULL")
		}
		return tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s WHERE %s", quoted(c.Name), strings.Join(set, ", "), where), args...)
	}, targets)
}

// Correct sets new values where the old ones still stand; a row that says
// something else by now is left alone and shows up in Remains.
func (p *Postgres) Correct(ctx context.Context, c *Collection, targets []Target, _ string) (Effect, error) {
	return p.change(ctx, c, func(tx *sql.Tx, cols map[string]string, t Target, where string, args []any) (sql.Result, error) {
		var set []string
		for _, field := range sortedKeys(t.Set) {
			col, kind, err := column(cols, c, field)
			if err != nil {
				return nil, err
			}
			args = append(args, Text(t.Set[field]), Text(t.Old[field]))
			set = append(set, fmt.Sprintf("%s = $%d::text::%s", col, len(args)-1, kind))
			where += fmt.Sprintf(" AND %s = $%d::text::%s", col, len(args), kind)
		}
		return tx.ExecContext(ctx, fmt.Sprintf("UPDATE %s SET %s WHERE %s", quoted(c.Name), strings.Join(set, ", "), where), args...)
	}, targets)
}

// change runs one statement a target inside one transaction.
func (p *Postgres) change(ctx context.Context, c *Collection, do func(tx *sql.Tx, cols map[string]string, t Target, where string, args []any) (sql.Result, error), targets []Target) (Effect, error) {
	ctx, cancel := context.WithTimeout(ctx, p.write)
	defer cancel()
	cols, err := p.columns(ctx, c.Name)
	if err != nil {
		return Effect{}, err
	}
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return Effect{}, fmt.Errorf("%w: %w", &Later{}, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	var effect Effect
	for _, t := range targets {
		where, args, err := byKey(cols, c, t)
		if err != nil {
			return Effect{}, err
		}
		result, err := do(tx, cols, t, where, args)
		if err != nil {
			return Effect{}, refusedBy(err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return Effect{}, err
		}
		if n > 1 {
			return Effect{}, fmt.Errorf("%w: the key of a row of %s names %d rows; nothing was changed", ErrRefused, c.Name, n)
		}
		effect.Rows += int(n)
	}
	if err := tx.Commit(); err != nil {
		return Effect{}, fmt.Errorf("commit: %w", err) // nobody knows: re-read
	}
	return effect, nil
}

// refusedBy tells a statement the server refused (nothing happened: the
// transaction is gone) from a lost connection.
func refusedBy(err error) error {
	var state interface{ SQLState() string }
	if !errors.As(err, &state) {
		return err
	}
	switch class := state.SQLState()[:2]; class {
	case "40", "53", "55", "57":
		return fmt.Errorf("%w: %w", &Later{}, err)
	default:
		return fmt.Errorf("%w: SQLSTATE %s", ErrRefused, state.SQLState())
	}
}

func byKey(cols map[string]string, c *Collection, t Target) (string, []any, error) {
	var where []string
	var args []any
	named := c.Named(t.Key)
	for _, k := range c.Keys() {
		col, kind, err := column(cols, c, k)
		if err != nil {
			return "", nil, err
		}
		args = append(args, named[k])
		where = append(where, fmt.Sprintf("%s = $%d::text::%s", col, len(args), kind))
	}
	if len(where) == 0 {
		return "", nil, fmt.Errorf("%w: %s declares no key", ErrRefused, c.Name)
	}
	return strings.Join(where, " AND "), args, nil
}

// Remains looks at every row's key as JSON shows it, without an index and without the
// comparison that the write used.
func (p *Postgres) Remains(ctx context.Context, c *Collection, action Action, targets []Target) ([]Target, error) {
	p.mu.Lock()
	delete(p.types, c.Name) // a table dropped or renamed meanwhile must be noticed
	p.mu.Unlock()
	if _, err := p.columns(ctx, c.Name); err != nil {
		return nil, err
	}
	var left []Target
	for batch := range slices.Chunk(targets, batchRows) {
		stand := map[string][]Row{}
		where, args := anyOf(c, batch)
		for row, err := range p.query(ctx, c, where, args...) {
			if err != nil {
				return nil, err
			}
			stand[row.Key] = append(stand[row.Key], row)
		}
		for _, t := range batch {
			rows := stand[t.Key]
			if slices.ContainsFunc(rows, func(r Row) bool { return !settled(action, t, r.Values) }) || (action == Amend && len(rows) == 0) {
				left = append(left, t)
			}
		}
	}
	return left, nil
}

// anyOf is a condition that holds for the rows with the targets' keys as [Text] writes
// them, whatever type their columns have. No index can answer it.
func anyOf(c *Collection, targets []Target) (where string, args []any) {
	keys := c.Keys()
	arrays, parts := make([]string, len(keys)), make([]string, len(keys))
	for i, k := range keys {
		values := make([]string, len(targets))
		for j, t := range targets {
			values[j] = c.Named(t.Key)[k]
		}
		args = append(args, values)
		arrays[i] = fmt.Sprintf("$%d::text[]", len(args))
		parts[i] = fmt.Sprintf("to_jsonb(t.%s)#>>'{}' = k%d", quotedName(k), i)
	}
	names := make([]string, len(keys))
	for i := range keys {
		names[i] = fmt.Sprintf("k%d", i)
	}
	return fmt.Sprintf("EXISTS (SELECT FROM unnest(%s) AS w(%s) WHERE %s)", strings.Join(arrays, ", "), strings.Join(names, ", "), strings.Join(parts, " AND ")), args
}

// settled says whether a row is as its step wanted it.
func settled(action Action, t Target, values map[string]any) bool {
	switch action {
	case Delete:
		return false // it is still there
	case Blank:
		return !slices.ContainsFunc(t.Blank, func(f string) bool { return Text(values[f]) != "" })
	case Amend:
		for f, v := range t.Set {
			if Text(values[f]) != Text(v) {
				return false
			}
		}
	}
	return true
}
