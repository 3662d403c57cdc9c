package redact

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
)

// csv rewrites a table whose first row names its columns (RFC 4180). A column
// that may not be shown is left out of every row; in a row whose record
// proves less than another, a held-back cell is empty.
func (v *rewriting) csv(dst io.Writer, src io.Reader) error {
	bound := &recordBound{r: src, max: v.plan.cfg.MaxRecord}
	r := csv.NewReader(bound)
	r.ReuseRecord = true
	header, err := r.Read()
	if err == io.EOF {
		return nil
	}
	if err != nil {
		return csvError(err)
	}
	columns, err := v.columns(header)
	if err != nil {
		return err
	}
	kept := make([]bool, len(columns))
	var names []string
	for i, n := range columns {
		if kept[i] = v.everShown(n); kept[i] {
			names = append(names, header[i])
		}
	}
	header = slices.Clone(header)
	v.header = header
	w := csv.NewWriter(dst)
	if err := w.Write(names); err != nil {
		return err
	}
	for {
		bound.n = 0
		row, err := r.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return csvError(err)
		}
		before := v.plan.tree
		if err := v.renew(); err != nil {
			return err
		}
		if v.plan.tree != before {
			if columns, err = v.columns(header); err != nil {
				return err
			}
		}
		if err := w.Write(v.cells(row, columns, kept)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func csvError(err error) error { return fmt.Errorf("%w: %w", ErrDocument, err) }

// columns finds each column's place.
func (v *rewriting) columns(header []string) (columns []*node, err error) {
	seen := map[string]bool{}
	for _, name := range header {
		if seen[name] {
			return nil, fmt.Errorf("%w: two columns of one name", ErrDocument)
		}
		seen[name] = true
		columns = append(columns, v.plan.root.lookup([]byte(name)))
	}
	return columns, nil
}

// everShown: some record shows something of this place.
func (v *rewriting) everShown(n *node) bool {
	return n != nil && n.field != nil && slices.ContainsFunc(v.plan.vary[n.field.at], func(do Treatment) bool { return do != Withhold })
}

// cells are those of the columns that the table began with.
func (v *rewriting) cells(row []string, columns []*node, kept []bool) []string {
	v.tally.Records++
	v.known = 0
	for i, n := range columns {
		if n == nil {
			continue
		}
		if n.subject {
			v.subject(row[i])
		}
		for _, f := range n.facts {
			if fact := v.plan.facts[f]; (row[i] == fact.Value) != fact.Lacks {
				v.known |= 1 << f
			}
		}
	}
	var out []string
	for i, n := range columns {
		var cell []byte
		if n == nil || n.field == nil {
			v.tally.Unclassified++
			v.strayCell(v.header[i], row[i])
		} else {
			var done Treatment
			cell, done = v.treat(n.field.Class, v.do(n.field), []byte(row[i]))
			v.note(n.field.Class, done)
		}
		if kept[i] {
			out = append(out, string(cell))
		}
	}
	return out
}

// recordBound ends a record that grows beyond what may be held in memory.
type recordBound struct {
	r      io.Reader
	n, max int
}

func (b *recordBound) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.n += n; b.n > b.max+8192 {
		return 0, ErrTooLarge
	}
	return n, err
}
