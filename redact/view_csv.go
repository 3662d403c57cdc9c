package redact

import (
	"encoding/csv"
	"fmt"
	"io"
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
	columns, names, err := v.columns(header)
	if err != nil {
		return err
	}
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
		if err := v.renew(); err != nil {
			return err
		}
		if err := w.Write(v.cells(row, columns)); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

func csvError(err error) error { return fmt.Errorf("%w: %w", ErrDocument, err) }

// columns finds each column's place; names are those that stay.
func (v *rewriting) columns(header []string) (columns []*node, names []string, err error) {
	seen := map[string]bool{}
	for _, name := range header {
		if seen[name] {
			return nil, nil, fmt.Errorf("%w: two columns of one name", ErrDocument)
		}
		seen[name] = true
		n := v.plan.root.lookup([]byte(name))
		columns = append(columns, n)
		if n.everShown() {
			names = append(names, name)
		}
	}
	return columns, names, nil
}

// everShown: some record shows something of this place.
func (n *node) everShown() bool {
	if n == nil || n.field == nil {
		return false
	}
	for _, do := range n.vary {
		if do != Withhold {
			return true
		}
	}
	return false
}

func (v *rewriting) cells(row []string, columns []*node) []string {
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
			if fact := v.plan.cfg.Facts[f]; (row[i] == fact.Value) != fact.Lacks {
				v.known |= 1 << f
			}
		}
	}
	var out []string
	for i, n := range columns {
		if n == nil || n.field == nil {
			v.tally.Unclassified++
			continue
		}
		cell, done := v.treat(n.field.Class, n.vary[v.known], []byte(row[i]))
		v.note(n.field.Class, done)
		if n.everShown() {
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
