package rights

import (
	"context"
	"iter"
)

// Manual is a system nobody's program reaches: a filing cabinet, a partner's
// portal. Each act waits until two different people attest that it was done.
type Manual struct{}

// Find always finds one thing to do per identifier: people look, not programs.
func (*Manual) Find(_ context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, v := range values {
			values := map[string]any{field: v}
			for _, k := range c.Keys() {
				values[k] = v
			}
			row, err := NewRow(c, values)
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// Erase hands the step to people.
func (*Manual) Erase(context.Context, *Collection, Action, []Target, string) (Effect, error) {
	return Effect{}, ErrExternal
}

// Correct hands the step to people.
func (*Manual) Correct(context.Context, *Collection, []Target, string) (Effect, error) {
	return Effect{}, ErrExternal
}

// Remains says that everything remains: only attests, which the office counts, say otherwise.
func (*Manual) Remains(_ context.Context, _ *Collection, _ Action, targets []Target) ([]Target, error) {
	return targets, nil
}

// Search finds nothing: there is nothing a program could search.
func (*Manual) Search(context.Context, *System, []string, map[string][]string) ([]Hit, error) {
	return nil, nil
}
