package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Holder is one system that holds personal data. Find, Remains and Search only
// read; Erase and Correct write, and writing what is already so changes nothing.
//
// An error says what is known about the write: [ErrLater] and [ErrRefused] mean
// that nothing happened; anything else means that nobody knows, and the step is
// re-read before it is repeated.
type Holder interface {
	// Find yields the rows of a collection whose field has one of values, each once
	// and as it comes in: memory holds one page, however many there are. An error is
	// the last thing it yields.
	Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error]
	// Erase removes or blanks the targets. idem is the same for every try of one step.
	Erase(ctx context.Context, c *Collection, action Action, targets []Target, idem string) (Effect, error)
	// Correct sets fields of the targets where they still have the old value.
	Correct(ctx context.Context, c *Collection, targets []Target, idem string) (Effect, error)
	// Remains says which targets are not as the step wanted them, read along
	// another path than Erase and Correct wrote and Find located by.
	Remains(ctx context.Context, c *Collection, action Action, targets []Target) ([]Target, error)
	// Search says where each of values still stands, in places the map may not know
	// as well, other than in the rows of s that are kept (collection → keys).
	Search(ctx context.Context, s *System, values []string, kept map[string][]string) ([]Hit, error)
}

// Row is one record. Values are JSON values; Key is the canonical JSON of its key fields.
type Row struct {
	Key    string         `json:"key"`
	Values map[string]any `json:"values"`
}

// Target is one row that a step is about; [Collection.Named] reads its key.
type Target struct {
	Key    string            `json:"key"`
	Owner  Owner             `json:"owner"`
	Blank  []string          `json:"blank,omitempty"`  // erase by blanking: these fields
	Old    map[string]any    `json:"old,omitempty"`    // correct: what they say now
	Set    map[string]any    `json:"set,omitempty"`    // correct: what they shall say
	Hidden map[string]string `json:"hidden,omitempty"` // access: field → why it is withheld
}

// Effect is what a write did.
type Effect struct {
	Rows     int    `json:"rows"`               // rows changed by this call
	External string `json:"external,omitempty"` // the holder's own id of the act
}

// Hit is a place where a searched value still stands.
type Hit struct {
	Value string `json:"-"`     // that was searched
	Where string `json:"where"` // table, path
	Key   string `json:"key,omitempty"`
	Rows  int    `json:"rows"`
}

// eachValue is Search by a function of one value.
func eachValue(values []string, search func(value string) ([]Hit, error)) (all []Hit, err error) {
	for _, v := range values {
		hits, err := search(v)
		if err != nil {
			return nil, err
		}
		for _, h := range hits {
			h.Value = v
			all = append(all, h)
		}
	}
	return all, nil
}

// What is known of a failed write.
var (
	ErrLater    = errors.New("the holder asks to come back later; nothing happened")
	ErrRefused  = errors.New("the holder refuses; nothing happened")
	ErrExternal = errors.New("people have this step in hand")
	ErrBroken   = errors.New("the holder does not answer as declared")
)

// Later is ErrLater with the time the holder named.
type Later struct{ After time.Duration }

func (l *Later) Error() string { return ErrLater.Error() + " (" + l.After.String() + ")" }

// Is makes a Later an ErrLater.
func (l *Later) Is(target error) bool { return target == ErrLater }

// NewRow names a row by the collection's key fields.
func NewRow(c *Collection, values map[string]any) (Row, error) {
	keys := c.Keys()
	parts := make([]any, 0, len(keys))
	for _, k := range keys {
		v, ok := values[k]
		if !ok || v == nil {
			return Row{}, fmt.Errorf("%w: a record of %s has no %q, which its key needs", ErrBroken, c.Name, k)
		}
		parts = append(parts, Text(v))
	}
	if len(parts) == 0 {
		return Row{}, fmt.Errorf("%w: %s declares no key", ErrBroken, c.Name)
	}
	raw, err := json.Marshal(parts)
	return Row{string(raw), values}, err
}

// Text is a JSON value as links and comparisons see it; null is "".
func Text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	raw, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(raw)
}

// texts is the values that flow along a link: of a list, each of its own.
func texts(v any) []string {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var out []string
	for _, v := range list {
		if t := Text(v); t != "" {
			out = append(out, t)
		}
	}
	return out
}

// Named reads the key fields out of a row's key.
func (c *Collection) Named(key string) map[string]string {
	var parts []string
	if err := json.Unmarshal([]byte(key), &parts); err != nil {
		return nil // only NewRow makes keys
	}
	out := make(map[string]string, len(parts))
	for i, k := range c.Keys() {
		if i < len(parts) {
			out[k] = parts[i]
		}
	}
	return out
}

// rowsOf collects what a holder finds, where it is known to be little.
func rowsOf(found iter.Seq2[Row, error]) (rows []Row, err error) {
	for row, err := range found {
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// noRows yields only an error, or nothing.
func noRows(err error) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		if err != nil {
			yield(Row{}, err)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	return slices.Sorted(maps.Keys(m))
}
