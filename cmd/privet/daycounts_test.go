package main

import (
	"fmt"
	"log/slog"
	"testing"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// Two replicas count one agent's day together; a person opened twice is one
// subject, and a new day begins at nothing.
func TestDayCounts(t *testing.T) {
	storetest.Each(t, []store.Schema{counterSchema()}, func(t *testing.T, db *store.DB) {
		ctx := t.Context()
		a, b := newDayCounts(db, []byte("key"), slog.New(slog.DiscardHandler)), newDayCounts(db, []byte("key"), slog.New(slog.DiscardHandler))
		totals := func(c *dayCounts, day string) string {
			t.Helper()
			records, subjects, err := c.Totals(ctx, "ada", day)
			if err != nil {
				t.Fatal(err)
			}
			return fmt.Sprint(records, " records, ", subjects, " subjects")
		}
		open := func(c *dayCounts, records int, subjects ...string) {
			t.Helper()
			if _, _, err := c.Opened(ctx, "ada", "2026-11-22", records, subjects); err != nil {
				t.Fatal(err)
			}
		}
		open(a, 3, "x", "y", "x")
		open(b, 2, "y", "z")
		if got := totals(a, "2026-11-22"); got != "3 records, 2 subjects" {
			t.Errorf("alone: %s", got)
		}
		a.exchange(ctx)
		b.exchange(ctx)
		open(a, 1, "z")
		a.exchange(ctx)
		for i, c := range []*dayCounts{a, newDayCounts(db, []byte("key"), nil)} {
			if got := totals(c, "2026-11-22"); got != "6 records, 3 subjects" {
				t.Errorf("replica %d: %s", i, got)
			}
		}
		if got := totals(a, "2026-11-23"); got != "0 records, 0 subjects" {
			t.Errorf("the next day: %s", got)
		}
	})
}
