package rights

import (
	"context"
	"encoding/json"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
)

// memory is a holder in memory: a truthful one. Tests embed it to lie.
type memory struct {
	mu      sync.Mutex
	rows    map[string][]map[string]any
	effects int // writes that changed a row
}

func (m *memory) Find(_ context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, has := range m.rows[c.Name] {
			if v := Text(has[field]); v != "" && slices.Contains(values, v) {
				row, err := NewRow(c, maps.Clone(has))
				if !yield(row, err) || err != nil {
					return
				}
			}
		}
	}
}

func (m *memory) each(c *Collection, targets []Target, do func(t Target, values map[string]any) (keep bool)) {
	m.rows[c.Name] = slices.DeleteFunc(m.rows[c.Name], func(values map[string]any) bool {
		row, err := NewRow(c, values)
		i := slices.IndexFunc(targets, func(t Target) bool { return t.Key == row.Key })
		return err == nil && i >= 0 && !do(targets[i], values)
	})
}

func (m *memory) Erase(_ context.Context, c *Collection, action Action, targets []Target, _ string) (Effect, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	m.each(c, targets, func(t Target, values map[string]any) bool {
		n++
		for _, f := range t.Blank {
			values[f] = nil
		}
		return action != Delete
	})
	m.effects += n
	return Effect{Rows: n}, nil
}

func (m *memory) Correct(_ context.Context, c *Collection, targets []Target, _ string) (Effect, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	m.each(c, targets, func(t Target, values map[string]any) bool {
		for f, old := range t.Old {
			if Text(values[f]) != Text(old) {
				return true
			}
		}
		maps.Copy(values, t.Set)
		n++
		return true
	})
	m.effects += n
	return Effect{Rows: n}, nil
}

func (m *memory) Remains(_ context.Context, c *Collection, action Action, targets []Target) ([]Target, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var left []Target
	seen := 0
	m.each(c, targets, func(t Target, values map[string]any) bool {
		seen++
		if !settled(action, t, values) {
			left = append(left, t)
		}
		return true
	})
	if action == Amend && seen < len(targets) {
		return targets, nil
	}
	return left, nil
}

func (m *memory) Search(_ context.Context, s *System, values []string, kept map[string][]string) ([]Hit, error) {
	return eachValue(values, func(value string) ([]Hit, error) { return m.search(s, value, kept) })
}

func (m *memory) search(s *System, value string, kept map[string][]string) ([]Hit, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var hits []Hit
	for _, name := range sortedKeys(m.rows) {
		n := 0
		for _, row := range m.rows[name] {
			raw, err := json.Marshal(row)
			if err != nil {
				return nil, err
			}
			key := ""
			for i := range s.Collections {
				if s.Collections[i].Name == name {
					named, _ := NewRow(&s.Collections[i], row)
					key = named.Key
				}
			}
			n += bit(strings.Contains(string(raw), value) && !slices.Contains(kept[name], key))
		}
		if n > 0 {
			hits = append(hits, Hit{Where: name, Rows: n})
		}
	}
	return hits, nil
}
