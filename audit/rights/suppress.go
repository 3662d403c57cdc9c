package rights

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"
)

// suppressFor is how long an import is kept from bringing an erased person back.
const suppressFor = 5 * 365 * 24 * time.Hour

// suppress remembers, with the last word of an erasure, whom an import must leave out:
// keyed hashes of the identifiers, each with an end of its own.
func (o *Office) suppress(ctx context.Context, tx *sql.Tx, r *Request, plan *Plan) error {
	for kind, values := range plan.Seeds {
		for _, v := range values {
			if _, err := tx.ExecContext(ctx, `INSERT INTO rights_suppressed (tag, request, expires) VALUES ($1, $2, $3)
				ON CONFLICT (tag) DO UPDATE SET expires = excluded.expires`, o.tag(kind, v), r.ID, o.Now().Add(suppressFor).UnixMicro()); err != nil {
				return err
			}
		}
	}
	return nil
}

// MostSuppressed is how many identifiers may be asked about at once.
const MostSuppressed = 10_000

// Suppressed says which of values an import must leave out: those that belonged to
// somebody whose data was erased. kind is one of [Identifiers]. Case and surrounding
// blanks do not matter. Whoever fills a system from a backup, a feed or a file asks first.
func (o *Office) Suppressed(ctx context.Context, kind string, values []string) ([]string, error) {
	if !slices.Contains(Identifiers(), kind) {
		return nil, fmt.Errorf("%w: the kind is %q; known are %s", ErrInvalid, kind, strings.Join(Identifiers(), ", "))
	}
	if len(values) > MostSuppressed {
		return nil, fmt.Errorf("%w: ask about %d identifiers at most at once", ErrInvalid, MostSuppressed)
	}
	gone := map[string]bool{}
	for some := range slices.Chunk(values, 500) {
		args, marks := []any{o.Now().UnixMicro()}, make([]string, len(some))
		for i, v := range some {
			args = append(args, o.tag(kind, v))
			marks[i] = fmt.Sprintf("$%d", i+2)
		}
		err := o.DB.Read(ctx, func(tx *sql.Tx) error {
			rows, err := tx.QueryContext(ctx, "SELECT tag FROM rights_suppressed WHERE expires > $1 AND tag IN ("+strings.Join(marks, ", ")+")", args...)
			if err != nil {
				return err
			}
			defer rows.Close()
			for rows.Next() {
				var tag string
				if err := rows.Scan(&tag); err != nil {
					return err
				}
				gone[tag] = true
			}
			return rows.Err()
		})
		if err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(slices.Clone(values), func(v string) bool { return !gone[o.tag(kind, v)] }), nil
}
