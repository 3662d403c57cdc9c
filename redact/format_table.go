package redact

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
)

// copyTable redacts a CSV file (RFC 4180) record by record. The first record
// names the columns; a column's name is the context of its cells. Records
// without a finding keep their bytes.
func (f *File) copyTable(out *bufio.Writer, src io.Reader) error {
	lines := bufio.NewReaderSize(src, 64<<10)
	first, err := lines.ReadSlice('\n')
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return fmt.Errorf("read CSV: %w", err)
	}
	first = bytes.Clone(first)
	seen := &seenReader{r: io.MultiReader(bytes.NewReader(first), lines)}
	in := csv.NewReader(seen)
	in.FieldsPerRecord, in.LazyQuotes, in.Comma = -1, true, separator(first)
	t := &table{e: f.engine(""), out: out, w: csv.NewWriter(out)}
	t.w.Comma = in.Comma
	for {
		record, err := in.Read()
		if err == io.EOF {
			_, err = out.Write(seen.take(seen.base + int64(len(seen.buf))))
			return err
		}
		if errors.As(err, new(*csv.ParseError)) {
			err = fmt.Errorf("%w: %w", err, ErrUnread)
		}
		if err != nil {
			return fmt.Errorf("read CSV: %w", err)
		}
		raw := seen.take(in.InputOffset())
		if err := t.record(record, raw); err != nil {
			return err
		}
	}
}

// separator is what parts the names of a table's columns: office programs write
// a comma, a semicolon or a tab, by the language of whoever saves.
func separator(names []byte) rune {
	count := map[rune]int{}
	quoted := false
	for _, c := range string(names) {
		if c == '"' {
			quoted = !quoted
		} else if !quoted {
			count[c]++
		}
	}
	best := ','
	for _, c := range []rune{';', '\t', '|'} {
		if count[c] > count[best] {
			best = c
		}
	}
	return best
}

type table struct {
	e     *Engine
	out   *bufio.Writer
	w     *csv.Writer
	names []string
	text  []byte
}

func (t *table) record(record []string, raw []byte) error {
	changed := false
	for i, cell := range record {
		name := ""
		if i < len(t.names) {
			name = t.names[i]
		}
		var found bool
		if record[i], found = t.cell(name, cell); found {
			changed = true
		}
	}
	if t.names == nil {
		t.names = append([]string{}, record...)
	}
	if !changed {
		_, err := t.out.Write(raw)
		return err
	}
	t.w.UseCRLF = len(raw) > 1 && raw[len(raw)-2] == '\r'
	if err := t.w.Write(record); err != nil {
		return err
	}
	t.w.Flush()
	return t.w.Error()
}

// cell gives a cell as it may be shown.
func (t *table) cell(name, cell string) (string, bool) {
	t.text = t.text[:0]
	if name != "" && len(name) <= maxContext {
		t.text = append(append(t.text, name...), ": "...)
	}
	lead := len(t.text)
	t.text = append(t.text, cell...)
	hits := clip(t.e.findAll(nil, t.text), lead)
	if len(hits) == 0 {
		return cell, false
	}
	return string(t.e.render(nil, t.text[lead:], hits)), true
}
