package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
)

// Entries come in order and each once, however many are in a span of time, or in
// one microsecond.
func TestInOrder(t *testing.T) {
	at := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	for name, apart := range map[string][]time.Duration{
		"none": nil, "one": {0}, "a page": make([]time.Duration, 5), "one microsecond": make([]time.Duration, 23),
		"spread":  {0, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 233, 377, 610, 987},
		"bunches": append(append(make([]time.Duration, 11), slices.Repeat([]time.Duration{7e6}, 13)...), 7e6+1, 7e6+2, 7e6+3, 9e6),
	} {
		var all []audit.Entry
		for i, d := range apart {
			all = append(all, audit.Entry{Receipt: audit.Receipt(fmt.Sprintf("1.%d", i)), Time: at.Add(d * time.Microsecond)})
		}
		search := func(_ context.Context, f audit.Filter) (page []audit.Entry, err error) {
			begun := f.Before == ""
			for _, e := range slices.Backward(all) {
				if begun && !e.Time.Before(f.From) && (f.To.IsZero() || e.Time.Before(f.To)) && len(page) < f.Limit {
					page = append(page, e)
				}
				begun = begun || e.Receipt == f.Before
			}
			return page, nil
		}
		for _, from := range []time.Time{{}, at} {
			var got []audit.Entry
			err := inOrder(t.Context(), search, audit.Filter{From: from}, 5, func(e audit.Entry) error {
				got = append(got, e)
				return nil
			})
			if err != nil || !slices.EqualFunc(got, all, func(a, b audit.Entry) bool { return a.Receipt == b.Receipt }) {
				t.Errorf("%s: %d of %d entries, or not in order: %v", name, len(got), len(all), err)
			}
		}
	}
}

// tail --follow shows all of 2,500 entries that come between two looks, once each,
// and none of those before the lines that it began with.
func TestTailFollows(t *testing.T) {
	dir := t.TempDir()
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	privet(t, 0, "keys", "init", "--config", config)
	write := func(h *house, agent string) {
		if _, err := h.trail.Append(t.Context(), audit.Event{Kind: "view.intent", Agent: agent}); err != nil {
			t.Error(err)
		}
	}
	trailOf(t, config, func(h *house) {
		for i := range 5 {
			write(h, fmt.Sprintf("before-%d", i))
		}
	})
	ctx, stop := context.WithCancel(t.Context())
	out, in := io.Pipe()
	done := make(chan error, 1)
	go func() {
		c := auditTailCmd{state: state{Config: config}, choice: choice{Kind: "view.intent"}, Lines: 2, Follow: true, By: "otto", JSON: true}
		done <- c.Run(ctx, streams{out: in, err: os.Stderr})
		in.Close()
	}()
	lines := bufio.NewScanner(out)
	next := func() string {
		if !lines.Scan() {
			t.Fatal("tail ended")
		}
		var e struct{ Agent string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatal(err)
		}
		return e.Agent
	}
	if first, second := next(), next(); first != "before-3" || second != "before-4" {
		t.Errorf("begins with %s, %s", first, second)
	}
	const burst = 2500
	trailOf(t, config, func(h *house) {
		for w := range 50 {
			go func() {
				for i := range burst / 50 {
					write(h, fmt.Sprintf("%d-%d", w, i))
				}
			}()
		}
		for seen := map[string]bool{}; len(seen) < burst; {
			agent := next()
			if seen[agent] || strings.HasPrefix(agent, "before") {
				t.Fatalf("%s is shown again", agent)
			}
			seen[agent] = true
		}
	})
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
