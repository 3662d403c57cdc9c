package store

import (
	"context"
	"fmt"
	"sync"
)

// sweepAfter is how many pages the write-ahead log holds before they are moved
// into the file: 16 MiB, so that hot pages are moved once for many commits.
const sweepAfter = 4000

// sweep keeps SQLite's write-ahead log short, beside the commits: by default
// whoever commits the thousandth page moves all of them and syncs twice, while
// everybody waits.
type sweep struct {
	turn  chan struct{} // holds one token, the right to move pages
	due   chan struct{}
	pages int // written since the last; who holds the writer's turn may touch it
	stop  context.CancelFunc
	done  sync.WaitGroup
}

func newSweep() *sweep {
	s := &sweep{turn: make(chan struct{}, 1), due: make(chan struct{}, 1)}
	s.turn <- struct{}{}
	return s
}

func (db *DB) startSweep() {
	ctx, stop := context.WithCancel(context.Background())
	db.sweep.stop = stop
	db.sweep.done.Go(func() {
		for {
			select {
			case <-db.sweep.due:
			case <-ctx.Done():
				return
			}
			// What fails here, for a full disk or a long reader, is due again later;
			// the commits find out by themselves what the disk can do.
			_ = db.sweepOnce(ctx)
		}
	})
}

// written counts the pages of a commit; the writer's turn is held.
func (s *sweep) written(pages int) {
	if s.pages += pages; s.pages < sweepAfter {
		return
	}
	s.pages = 0
	select {
	case s.due <- struct{}{}:
	default:
	}
}

// sweepOnce moves all that is there, and then, with the writer's turn, the few
// pages that came meanwhile: from then on the log begins at its front again.
func (db *DB) sweepOnce(ctx context.Context) error {
	select {
	case <-db.sweep.turn:
		defer func() { db.sweep.turn <- struct{}{} }()
	case <-ctx.Done():
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(ctx, openTimeout)
	defer cancel()
	if err := db.movePages(ctx, "PASSIVE"); err != nil {
		return err
	}
	if err := db.takeTurn(ctx); err != nil {
		return err
	}
	defer db.giveTurn()
	return db.movePages(ctx, "PASSIVE")
}

// movePages runs a checkpoint of SQLite; TRUNCATE needs the writer's turn too.
func (db *DB) movePages(ctx context.Context, mode string) error {
	var busy, pages, moved int
	if err := db.reader.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &pages, &moved); err != nil {
		return down(err)
	}
	if busy != 0 || moved < pages {
		return fmt.Errorf("%w: a reader still uses the write-ahead log", ErrDown)
	}
	return nil
}

// Scrub moves the WAL into the file and empties it, so that what was deleted
// is gone from both. It waits for readers and may be repeated; PostgreSQL has
// no such act.
func (db *DB) Scrub(ctx context.Context) error {
	if db.engine != SQLite {
		return nil
	}
	bounded, cancel := db.bound(ctx)
	defer cancel()
	select {
	case <-db.sweep.turn:
		defer func() { db.sweep.turn <- struct{}{} }()
	case <-bounded.Done():
		return explain(ctx, down(bounded.Err()))
	}
	_ = db.movePages(bounded, "PASSIVE") // most of it while others commit
	if err := db.takeTurn(bounded); err != nil {
		return explain(ctx, err)
	}
	defer db.giveTurn()
	return explain(ctx, db.movePages(bounded, "TRUNCATE"))
}
