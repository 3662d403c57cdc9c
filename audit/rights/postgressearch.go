package rights

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
)

// Search looks for values in every column of every table, view and partition the
// role can see, mapped or not: archives, soft-deleted rows, copies by trigger.
// Searches that wait share a reading.
func (p *Postgres) Search(ctx context.Context, s *System, values []string, kept map[string][]string) ([]Hit, error) {
	found, err := p.scans.search(ctx, 6*p.write, values, p.readFor)
	if err != nil {
		return nil, err
	}
	var hits []Hit
	for _, f := range found {
		if keptRow(s, kept, f) {
			continue
		}
		i := slices.IndexFunc(hits, func(h Hit) bool { return h.Where == f.table && h.Value == values[f.value] })
		if i < 0 {
			i, hits = len(hits), append(hits, Hit{Value: values[f.value], Where: f.table})
		}
		hits[i].Rows++
	}
	return hits, nil
}

// keptRow says whether a row that was found is one of those that may stay.
func keptRow(s *System, kept map[string][]string, f scanned) bool {
	for i := range s.Collections {
		if c := &s.Collections[i]; c.Name == f.table || "public."+c.Name == f.table {
			if row, err := decodeRow(c, f.raw); err == nil && slices.Contains(kept[c.Name], row.Key) {
				return true
			}
		}
	}
	return false
}

// readFor reads all tables once and returns the rows in which values stand. Where there
// are too many for one answer, each value is asked for alone: none may hide another's.
func (p *Postgres) readFor(ctx context.Context, values []string) ([]scanned, error) {
	tables, err := p.tables(ctx)
	if err != nil {
		return nil, err
	}
	var found []scanned
	for some := range slices.Chunk(tables, tablesAtOnce) {
		rows := map[string]int{}
		err := p.read(ctx, searching(some), []any{values}, func(table string, n int, raw []byte) (bool, error) {
			rows[table]++
			found = append(found, scanned{n - 1, table, bytes.Clone(raw)})
			return rows[table] < mostHits || len(values) == 1, nil
		})
		if err != nil {
			return nil, err
		}
		for _, n := range rows {
			if n >= mostHits && len(values) > 1 {
				return p.readEach(ctx, values)
			}
		}
	}
	return found, nil
}

// readEach is readFor, value by value.
func (p *Postgres) readEach(ctx context.Context, values []string) (all []scanned, err error) {
	for i, v := range values {
		found, err := p.readFor(ctx, []string{v})
		if err != nil {
			return nil, err
		}
		for _, f := range found {
			f.value = i
			all = append(all, f)
		}
	}
	return all, nil
}

// Bounds of one searching statement.
const (
	tablesAtOnce = 50
	mostHits     = 2_000 // rows of one table: more are not counted
)

// searching looks for the values $1 in the text of whole rows. OFFSET 0 keeps the text
// from being made anew for each value.
func searching(tables []string) string {
	var b strings.Builder
	for _, table := range tables {
		fmt.Fprintf(&b, `(SELECT %s, '%s', v.n::int, to_jsonb(x.t) FROM (SELECT t, lower(t::text) AS said FROM %s t OFFSET 0) x
			JOIN unnest($1::text[]) WITH ORDINALITY v(value, n) ON strpos(x.said, lower(v.value)) > 0 LIMIT %d) UNION ALL `,
			security, strings.ReplaceAll(table, "'", "''"), quoted(table), mostHits)
	}
	return b.String() + "SELECT " + security + ", '', cardinality($1::text[]), NULL"
}

// tables lists what there is to search. A table that may not be read is an error:
// nobody could say what it holds.
func (p *Postgres) tables(ctx context.Context) (tables []string, err error) {
	rows, err := p.db.QueryContext(ctx, `SELECT n.nspname || '.' || c.relname, has_table_privilege(c.oid, 'SELECT')
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind IN ('r', 'm', 'f') AND n.nspname NOT LIKE 'pg\_%' AND n.nspname <> 'information_schema' ORDER BY 1`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
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
	return tables, rows.Err()
}
