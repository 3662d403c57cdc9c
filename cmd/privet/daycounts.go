package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"embed"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

//go:embed migrations
var counterMigrations embed.FS

func counterSchema() store.Schema {
	files, err := fs.Sub(counterMigrations, "migrations")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	return store.Schema{Owner: "limits", FS: files}
}

// dayCounts keeps what each agent has opened today, for the rules' daily limits.
// It counts in memory and shares its counts with the other replicas each second:
// a limit is exact within one replica and a second late over several. Subjects
// are kept as keyed tags of the day, and days gone by are deleted.
type dayCounts struct {
	db  *store.DB
	key []byte
	log *slog.Logger

	mu   sync.Mutex
	days map[agentDay]*opened
}

type agentDay struct{ agent, day string }

// opened is one agent's day: what all replicas had counted at the last exchange,
// and what this one has counted since.
type opened struct {
	records, subjects int // at the last exchange
	known             map[string]bool
	fresh             int      // records since
	new               []string // tags since
}

func newDayCounts(db *store.DB, key []byte, log *slog.Logger) *dayCounts {
	return &dayCounts{db: db, key: key, log: log, days: map[agentDay]*opened{}}
}

// Opened adds to an agent's day and returns its totals.
func (c *dayCounts) Opened(ctx context.Context, agent, day string, records int, subjects []string) (int, int, error) {
	at := agentDay{agent, day}
	for {
		if records, subjects, known := c.add(at, records, subjects); known {
			return records, subjects, nil
		}
		if err := c.recall(ctx, at); err != nil {
			return 0, 0, err
		}
	}
}

// add counts, if the day was read from the records before.
func (c *dayCounts) add(at agentDay, records int, subjects []string) (int, int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.days[at]
	if o == nil {
		return 0, 0, false
	}
	o.fresh += records
	for _, s := range subjects {
		mac := hmac.New(sha256.New, c.key)
		mac.Write([]byte(at.day + "\x00" + s))
		o.meet(string(mac.Sum(nil)[:16]))
	}
	return o.records + o.fresh, o.subjects + len(o.new), true
}

// meet notes a subject that was not met before.
func (o *opened) meet(tag string) {
	if !o.known[tag] {
		o.known[tag] = true
		o.new = append(o.new, tag)
	}
}

// Totals returns an agent's day.
func (c *dayCounts) Totals(ctx context.Context, agent, day string) (records, subjects int, err error) {
	return c.Opened(ctx, agent, day, 0, nil)
}

// recall reads an agent's day from the records.
func (c *dayCounts) recall(ctx context.Context, at agentDay) error {
	var o *opened
	err := c.db.Read(ctx, func(tx *sql.Tx) (err error) {
		o, err = readDay(ctx, tx, at)
		return err
	})
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.days[at] == nil {
		c.days[at] = o
	}
	return nil
}

func readDay(ctx context.Context, tx *sql.Tx, at agentDay) (*opened, error) {
	o := &opened{known: map[string]bool{}}
	row := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT records FROM opened WHERE day = $1 AND agent = $2), 0)`, at.day, at.agent)
	if err := row.Scan(&o.records); err != nil {
		return nil, err
	}
	rows, err := tx.QueryContext(ctx, `SELECT tag FROM opened_subject WHERE day = $1 AND agent = $2`, at.day, at.agent)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var tag []byte
		if err := rows.Scan(&tag); err != nil {
			return nil, err
		}
		o.known[string(tag)] = true
		o.subjects++
	}
	return o, rows.Err()
}

// share exchanges counts with the other replicas each second until ctx ends,
// and once more then.
func (c *dayCounts) share(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			c.exchange(ctx)
		case <-ctx.Done():
			c.exchange(context.WithoutCancel(ctx))
			return
		}
	}
}

// exchange writes what is new and reads what all have counted. What cannot be
// written now is written the next time. Nobody who counts meanwhile waits for the
// records.
func (c *dayCounts) exchange(ctx context.Context) {
	today := time.Now().UTC().Format(time.DateOnly)
	for at, news := range c.news(today) {
		var next *opened
		err := c.db.Write(ctx, func(tx *sql.Tx) (err error) {
			if err = news.store(ctx, tx, at); err == nil {
				next, err = readDay(ctx, tx, at)
			}
			return err
		})
		if err != nil {
			c.log.Warn("daily counts not shared", "error", err)
			continue
		}
		c.shared(at, news, next)
	}
}

// news is what each agent has opened since the last exchange. Days gone by with
// none are forgotten.
func (c *dayCounts) news(today string) map[agentDay]opened {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := map[agentDay]opened{}
	for at, o := range c.days {
		switch {
		case o.fresh > 0 || len(o.new) > 0:
			all[at] = opened{fresh: o.fresh, new: o.new}
		case at.day != today:
			delete(c.days, at)
		}
	}
	return all
}

// shared takes what the records say after an exchange; what came meanwhile is new
// to them.
func (c *dayCounts) shared(at agentDay, news opened, next *opened) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.days[at]
	next.fresh = now.fresh - news.fresh
	for _, tag := range now.new[len(news.new):] {
		next.meet(tag)
	}
	c.days[at] = next
}

func (o *opened) store(ctx context.Context, tx *sql.Tx, at agentDay) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO opened (day, agent, records) VALUES ($1, $2, $3)
		ON CONFLICT (day, agent) DO UPDATE SET records = opened.records + excluded.records`, at.day, at.agent, o.fresh)
	if err != nil {
		return err
	}
	for _, tag := range o.new {
		_, err := tx.ExecContext(ctx, `INSERT INTO opened_subject (day, agent, tag) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, at.day, at.agent, []byte(tag))
		if err != nil {
			return err
		}
	}
	for _, table := range []string{"opened", "opened_subject"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE day < $1`, at.day); err != nil {
			return err
		}
	}
	return nil
}
