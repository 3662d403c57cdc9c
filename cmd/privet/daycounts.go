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
	c.mu.Lock()
	defer c.mu.Unlock()
	o, err := c.today(ctx, agentDay{agent, day})
	if err != nil {
		return 0, 0, err
	}
	o.fresh += records
	for _, s := range subjects {
		mac := hmac.New(sha256.New, c.key)
		mac.Write([]byte(day + "\x00" + s))
		if tag := string(mac.Sum(nil)[:16]); !o.known[tag] {
			o.known[tag] = true
			o.new = append(o.new, tag)
		}
	}
	return o.records + o.fresh, o.subjects + len(o.new), nil
}

// Totals returns an agent's day.
func (c *dayCounts) Totals(ctx context.Context, agent, day string) (records, subjects int, err error) {
	return c.Opened(ctx, agent, day, 0, nil)
}

// today is an agent's day, read from the records the first time.
func (c *dayCounts) today(ctx context.Context, at agentDay) (*opened, error) {
	if o := c.days[at]; o != nil {
		return o, nil
	}
	o := &opened{known: map[string]bool{}}
	if err := c.db.Read(ctx, func(tx *sql.Tx) error { return o.load(ctx, tx, at) }); err != nil {
		return nil, err
	}
	c.days[at] = o
	return o, nil
}

func (o *opened) load(ctx context.Context, tx *sql.Tx, at agentDay) error {
	row := tx.QueryRowContext(ctx, `SELECT COALESCE((SELECT records FROM opened WHERE day = $1 AND agent = $2), 0)`, at.day, at.agent)
	if err := row.Scan(&o.records); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, `SELECT tag FROM opened_subject WHERE day = $1 AND agent = $2`, at.day, at.agent)
	if err != nil {
		return err
	}
	defer rows.Close()
	o.subjects = 0
	for rows.Next() {
		var tag []byte
		if err := rows.Scan(&tag); err != nil {
			return err
		}
		o.known[string(tag)] = true
		o.subjects++
	}
	return rows.Err()
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
// written now is written the next time.
func (c *dayCounts) exchange(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	today := time.Now().UTC().Format(time.DateOnly)
	for at, o := range c.days {
		if o.fresh > 0 || len(o.new) > 0 {
			next := &opened{known: map[string]bool{}}
			err := c.db.Write(ctx, func(tx *sql.Tx) error {
				if err := o.store(ctx, tx, at); err != nil {
					return err
				}
				return next.load(ctx, tx, at)
			})
			if err != nil {
				c.log.Warn("daily counts not shared", "error", err)
				continue
			}
			c.days[at] = next
		}
		if at.day != today {
			delete(c.days, at)
		}
	}
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
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE day < $1 AND agent = $2`, at.day, at.agent); err != nil {
			return err
		}
	}
	return nil
}
