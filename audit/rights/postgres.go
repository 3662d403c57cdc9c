package rights

import (
	"bytes"
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

	mu    sync.Mutex
	types map[string]map[string]string // table → column → type
}

// PostgresConfig says where the database is.
type PostgresConfig struct {
	DB      *sql.DB       // opened with the role that may read and write the mapped tables
	Timeout time.Duration // of one statement; 0: 10 s
}

// NewPostgres makes the holder.
func NewPostgres(cfg PostgresConfig) *Postgres {
	return &Postgres{db: cfg.DB, write: orElse(cfg.Timeout, 10*time.Second), types: map[string]map[string]string{}}
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
		parts[i] = `"` + strings.ReplaceAll(part, `"`, `""`) + `"`
	}
	return strings.Join(parts, ".")
}

// column checks that a column exists and returns it quoted, with its type.
func (p *Postgres) column(ctx context.Context, c *Collection, field string) (string, string, error) {
	cols, err := p.columns(ctx, c.Name)
	if err != nil {
		return "", "", err
	}
	kind, ok := cols[field]
	if !ok {
		return "", "", fmt.Errorf("%w: %s has no column %q", ErrBroken, c.Name, field)
	}
	return quoted(field), kind, nil
}

// Find asks by a column, with the column's own index.
func (p *Postgres) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	col, kind, err := p.column(ctx, c, field)
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
	tx, err := p.look(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // nothing was written
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT to_jsonb(t) FROM %s t WHERE %s", quoted(c.Name), where), args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return err
		}
		row, err := decodeRow(c, raw)
		if err != nil {
			return err
		}
		if !f(row) {
			return nil
		}
	}
	return rows.Err()
}

// look begins a read in which row security raises an error instead of hiding rows.
func (p *Postgres) look(ctx context.Context) (*sql.Tx, error) {
	tx, err := p.db.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: sql.LevelRepeatableRead})
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, "SET LOCAL row_security = off"); err != nil {
		return nil, errors.Join(err, tx.Rollback())
	}
	return tx, nil
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
	return p.change(ctx, c, func(tx *sql.Tx, t Target, where string, args []any) (sql.Result, error) {
		if action == Delete {
			return tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %s WHERE %s", quoted(c.Name), where), args...)
		}
		set := make([]string, 0, len(t.Blank))
		for _, field := range t.Blank {
			col, _, err := p.column(ctx, c, field)
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
	return p.change(ctx, c, func(tx *sql.Tx, t Target, where string, args []any) (sql.Result, error) {
		var set []string
		for _, field := range sortedKeys(t.Set) {
			col, kind, err := p.column(ctx, c, field)
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
func (p *Postgres) change(ctx context.Context, c *Collection, do func(tx *sql.Tx, t Target, where string, args []any) (sql.Result, error), targets []Target) (Effect, error) {
	ctx, cancel := context.WithTimeout(ctx, p.write)
	defer cancel()
	tx, err := p.db.BeginTx(ctx, nil)
	if err != nil {
		return Effect{}, fmt.Errorf("%w: %w", &Later{}, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	var effect Effect
	for _, t := range targets {
		where, args, err := p.byKey(ctx, c, t)
		if err != nil {
			return Effect{}, err
		}
		result, err := do(tx, t, where, args)
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

func (p *Postgres) byKey(ctx context.Context, c *Collection, t Target) (string, []any, error) {
	var where []string
	var args []any
	named := c.Named(t.Key)
	for _, k := range c.Keys() {
		col, kind, err := p.column(ctx, c, k)
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

// Remains reads the whole rows as text, without an index and without naming a
// column the write used: a hidden copy of the key in a renamed column still shows.
func (p *Postgres) Remains(ctx context.Context, c *Collection, action Action, targets []Target) ([]Target, error) {
	p.mu.Lock()
	delete(p.types, c.Name) // a table dropped or renamed meanwhile must be noticed
	p.mu.Unlock()
	if _, err := p.columns(ctx, c.Name); err != nil {
		return nil, err
	}
	var left []Target
	for _, t := range targets {
		named := c.Named(t.Key)
		parts := make([]string, 0, len(named))
		args := []any{}
		for _, k := range sortedKeys(named) {
			args = append(args, k, named[k])
			parts = append(parts, fmt.Sprintf("to_jsonb(t)->>$%d = $%d", len(args)-1, len(args)))
		}
		rows, err := rowsOf(p.query(ctx, c, strings.Join(parts, " AND "), args...))
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(rows, func(r Row) bool { return !settled(action, t, r.Values) }) || (action == Amend && len(rows) == 0) {
			left = append(left, t)
		}
	}
	return left, nil
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

// Search looks for a value in every column of every table, view and partition the
// role can see, mapped or not: archives, soft-deleted rows, copies by trigger.
func (p *Postgres) Search(ctx context.Context, s *System, value string, kept map[string][]string) ([]Hit, error) {
	ctx, cancel := context.WithTimeout(ctx, 6*p.write)
	defer cancel()
	tx, err := p.look(ctx)
	if err != nil {
		return nil, err
	}
	defer tx.Rollback() // nothing was written
	rows, err := tx.QueryContext(ctx, `SELECT n.nspname || '.' || c.relname, has_table_privilege(c.oid, 'SELECT')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var tables []string
	for rows.Next() {
		var name string
		var readable bool
		if err := rows.Scan(&name, &readable); err != nil {
			return nil, err
		}
		if !readable {
			return nil, fmt.Errorf("%w: the role may not read %s, so nobody can say what it holds", ErrBroken, name)
		}
		tables = append(tables, name)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var hits []Hit
	for _, table := range tables {
		n, err := countHits(ctx, tx, table, s, value, kept)
		if err != nil {
			return nil, fmt.Errorf("search %s: %w", table, err)
		}
		if n > 0 {
			hits = append(hits, Hit{Where: table, Rows: n})
		}
	}
	return hits, nil
}

// countHits counts the rows of a table that hold a value and are not kept.
func countHits(ctx context.Context, tx *sql.Tx, table string, s *System, value string, kept map[string][]string) (int, error) {
	var c *Collection
	for i := range s.Collections {
		if name := s.Collections[i].Name; name == table || "public."+name == table {
			c = &s.Collections[i]
		}
	}
	rows, err := tx.QueryContext(ctx, fmt.Sprintf("SELECT to_jsonb(t) FROM %s t WHERE strpos(lower(t::text), lower($1)) > 0 LIMIT 10000", quoted(table)), value)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	n := 0
	for rows.Next() {
		var raw []byte
		if err := rows.Scan(&raw); err != nil {
			return 0, err
		}
		if c != nil {
			if row, err := decodeRow(c, raw); err == nil && slices.Contains(kept[c.Name], row.Key) {
				continue
			}
		}
		n++
	}
	return n, rows.Err()
}
