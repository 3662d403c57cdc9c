package main

import (
	"database/sql"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

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

// A decision asks for the day's counts: it does not wait for records that are slow
// to take them, and what is counted meanwhile is not lost.
func TestDayCountsBesideSlowRecords(t *testing.T) {
	storetest.Each(t, []store.Schema{counterSchema()}, func(t *testing.T, db *store.DB) {
		ctx := store.Patient(t.Context(), time.Minute)
		c := newDayCounts(db, []byte("key"), slog.New(slog.DiscardHandler))
		count := func(agent string, records int, subjects ...string) {
			t.Helper()
			if _, _, err := c.Opened(ctx, agent, "2026-11-22", records, subjects); err != nil {
				t.Fatal(err)
			}
		}
		count("ada", 1, "x")
		held, free := make(chan struct{}), make(chan struct{})
		var work sync.WaitGroup
		work.Go(func() {
			err := db.Write(ctx, func(tx *sql.Tx) error {
				_, err := tx.ExecContext(ctx, `INSERT INTO opened (day, agent, records) VALUES ('2026-11-22', 'ada', 1)`)
				close(held)
				<-free
				return err
			})
			if err != nil {
				t.Error(err)
			}
		})
		<-held
		work.Go(func() { c.exchange(ctx) })
		for range 10_000 { // until the exchange waits for the records, and beyond
			count("ada", 0)
			runtime.Gosched()
		}
		count("ada", 2, "y")
		close(free)
		work.Wait()
		if records, subjects, err := c.Totals(ctx, "ada", "2026-11-22"); err != nil || records != 4 || subjects != 2 {
			t.Errorf("%d records, %d subjects, %v; want 4 and 2", records, subjects, err)
		}
	})
}

// Days gone by leave nothing, of whichever agent.
func TestDayCountsForget(t *testing.T) {
	db := storetest.Open(t, store.SQLite, counterSchema())
	ctx, c := t.Context(), newDayCounts(db, []byte("key"), slog.New(slog.DiscardHandler))
	for agent, day := range map[string]string{"ada": "2026-11-21", "ben": "2026-11-22"} {
		if _, _, err := c.Opened(ctx, agent, day, 1, []string{"x"}); err != nil {
			t.Fatal(err)
		}
	}
	c.exchange(ctx)
	if _, _, err := c.Opened(ctx, "ben", "2026-11-23", 1, []string{"x"}); err != nil {
		t.Fatal(err)
	}
	c.exchange(ctx)
	var rows int
	err := db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM opened) + (SELECT count(*) FROM opened_subject)`).Scan(&rows)
	})
	if err != nil || rows != 2 {
		t.Errorf("%d rows are left, want the last day's two (%v)", rows, err)
	}
}
