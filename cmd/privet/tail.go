package main

import (
	"context"
	"slices"
	"time"

	"github.com/privet-gateway/privet/audit"
)

type auditTailCmd struct {
	state
	choice
	Lines  int    `short:"n" help:"How many entries to begin with." default:"20"`
	Follow bool   `short:"f" help:"Go on with new entries as they come."`
	By     string `help:"Who looks, for the trail." env:"SUDO_USER,USER" placeholder:"NAME"`
	JSON   bool   `help:"One JSON object a line."`
}

const (
	// late is how much older than the newest a new entry may be: replicas' clocks
	// differ, and one commits before the other.
	late     = 30 * time.Second
	tailPage = 1000 // the most that a search gives
)

// Run prints entries, the oldest first.
func (c *auditTailCmd) Run(ctx context.Context, std streams) error {
	h, err := keysState{state: c.state}.trail(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	filter := c.choice.filter()
	filter.Limit = c.Lines
	if err := looked(ctx, h.trail, actor(c.By), filter); err != nil {
		return err
	}
	var entries []audit.Entry
	last := time.Now()
	if c.Lines > 0 { // none to begin with is none, as with tail
		if entries, err = h.trail.Search(ctx, filter); err != nil {
			return err
		}
		last = time.Time{}
	}
	for _, e := range slices.Backward(entries) {
		if err := printEntry(std.out, e, c.JSON); err != nil {
			return err
		}
	}
	if !c.Follow {
		return nil
	}
	if len(entries) > 0 {
		last = entries[0].Time
	}
	return follow(ctx, h.trail, filter, last, func(e audit.Entry) error { return printEntry(std.out, e, c.JSON) })
}

// follow shows the entries newer than last as they come, each once and none
// left out however many come at once, until ctx ends.
func follow(ctx context.Context, trail *audit.Trail, f audit.Filter, last time.Time, show func(audit.Entry) error) error {
	asked, began := f.From, last
	seen := map[audit.Receipt]bool{} // of the last look
	for first := true; ; first = false {
		if f.From = last.Add(-late); f.From.Before(asked) {
			f.From = asked
		}
		now := make(map[audit.Receipt]bool, len(seen))
		err := inOrder(ctx, trail.Search, f, tailPage, func(e audit.Entry) error {
			now[e.Receipt] = true
			if e.Time.After(last) {
				last = e.Time
			}
			if seen[e.Receipt] || first && !e.Time.After(began) { // or was there before
				return nil
			}
			return show(e)
		})
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		seen = now
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Second):
		}
	}
}

// inOrder gives all entries of a filter, the oldest first, with a page of them in
// memory: a search begins at the newest, so a span of time that has more than
// a page is halved until it has not.
func inOrder(ctx context.Context, search func(context.Context, audit.Filter) ([]audit.Entry, error), f audit.Filter, page int, each func(audit.Entry) error) error {
	f.Limit = page
	entries, err := search(ctx, f)
	if err != nil || len(entries) == 0 {
		return err
	}
	if len(entries) == page {
		end := entries[0].Time.Add(time.Microsecond)
		if span := end.Sub(f.From); span > time.Microsecond {
			older, newer := f, f
			older.To = f.From.Add(span / 2).Truncate(time.Microsecond)
			newer.From, newer.To = older.To, end
			if err := inOrder(ctx, search, older, page, each); err != nil {
				return err
			}
			return inOrder(ctx, search, newer, page, each)
		}
		for more := entries; len(more) == page; entries = append(entries, more...) { // of one microsecond
			f.Before = more[page-1].Receipt
			if more, err = search(ctx, f); err != nil {
				return err
			}
		}
	}
	for _, e := range slices.Backward(entries) {
		if err := each(e); err != nil {
			return err
		}
	}
	return nil
}
