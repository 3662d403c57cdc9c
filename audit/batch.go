package audit

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit/store"

	"github.com/privet-gateway/privet/audit/evidence"
)

// maxBatch and maxBatchBytes bound one transaction.
const (
	maxBatch      = 1024
	maxBatchBytes = 4 << 20
)

// errStale: a subject of the entry was erased after its key was looked up.
var errStale = errors.New("a subject of the entry was erased meanwhile")

// pending is an entry on its way into a batch. The writer sets index, lane and
// err before it closes done.
type pending struct {
	kind, agent string
	leaf        []byte
	tags        []string
	keys        []*subjectKey
	asOf        int64  // the newest erasure that was known before the keys were
	sealed      []byte // of the first tag
	outcome     bool   // of an intent: nobody waits for it

	done  chan struct{}
	lane  int64
	index int64
	err   error
}

func (p *pending) answer(err error) {
	p.err = err
	close(p.done)
}

// submit queues an entry and waits for its batch.
func (t *Trail) submit(ctx context.Context, p *pending) (Receipt, error) {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return "", ErrClosed
	}
	t.queue = append(t.queue, p)
	enough := len(t.queue) >= t.expected
	t.mu.Unlock()
	if enough {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
	select {
	case <-p.done:
		if p.err != nil {
			return "", p.err
		}
		return receiptOf(p.lane, p.index), nil
	case <-ctx.Done():
		t.abandon(p)
		return "", fmt.Errorf("%w: not stored in time", ErrClosed)
	}
}

// abandon takes an entry whose caller left out of the queue. One that is in a
// batch already may still be stored: an intent that nobody acted on.
func (t *Trail) abandon(p *pending) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, q := range t.queue {
		if q == p {
			t.queue = append(t.queue[:i:i], t.queue[i+1:]...)
			return
		}
	}
}

// write is the trail's only writer: what queued up while one batch was stored
// is the next batch.
func (t *Trail) write(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-t.wake:
		case <-ctx.Done():
			t.drain()
			return
		}
		for {
			batch := t.next()
			if len(batch) == 0 {
				break
			}
			began := time.Now()
			t.store(batch)
			if n := awaited(batch); n > 1 && t.expect(len(batch)) {
				pause.Reset(min(time.Since(began)*time.Duration(n)/gatherShare, maxGather))
				select {
				case <-t.wake:
				case <-pause.C:
				case <-ctx.Done():
				}
			}
		}
	}
}

// Under load a batch waits for more entries, for an eighth of the time that
// storing took for each that somebody waited for: a commit costs as much work
// for one as for thirty. Whoever writes alone never waits.
const (
	gatherShare = 8
	maxGather   = 2 * time.Millisecond
)

// awaited counts the entries that somebody waits for: all but outcomes.
func awaited(batch []*pending) (n int) {
	for _, p := range batch {
		if !p.outcome {
			n++
		}
	}
	return n
}

// expect asks to be woken when as many entries wait as were under way just now;
// false if the trail is closing.
func (t *Trail) expect(stored int) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = stored + len(t.queue)
	select {
	case <-t.wake: // of one that waits already
	default:
	}
	return !t.closed
}

// drain stores what was accepted before the trail was closed.
func (t *Trail) drain() {
	for batch := t.next(); len(batch) > 0; batch = t.next() {
		t.store(batch)
	}
}

func (t *Trail) next() []*pending {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.expected = 1
	n, bytes := 0, 0
	for n < len(t.queue) && n < maxBatch && bytes < maxBatchBytes {
		bytes += len(t.queue[n].leaf) + len(t.queue[n].sealed)
		n++
	}
	batch := t.queue[:n:n]
	t.queue = t.queue[n:]
	return batch
}

// store writes one batch and answers each of its entries.
func (t *Trail) store(batch []*pending) {
	t.begin()
	t.state.Lock()
	defer t.state.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), t.cfg.Timeout)
	defer cancel()
	err := t.storeBatch(ctx, batch)
	t.ended(err)
	if err != nil {
		t.log.Error("trail batch refused", "error", err, "entries", len(batch))
	}
	for _, p := range batch {
		select {
		case <-p.done: // answered on the way
		default:
			p.answer(err)
		}
	}
}

func (t *Trail) begin() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy = time.Now()
}

func (t *Trail) ended(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.busy, t.fault = time.Time{}, err
}

// trouble is why the last batch failed, or that one takes too long: a disk that
// hangs in COMMIT does so until it is repaired.
func (t *Trail) trouble() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return ErrClosed
	case !t.busy.IsZero() && time.Since(t.busy) > t.cfg.Timeout:
		return fmt.Errorf("%w: the database's disk has not answered since %s", ErrClosed, t.busy.Format(time.RFC3339))
	case t.fault != nil:
		return closedBy(t.fault)
	}
	return nil
}

func (t *Trail) storeBatch(ctx context.Context, batch []*pending) error {
	if err := t.settle(ctx); err != nil {
		return err
	}
	for {
		seen, err := t.commit(ctx, batch)
		if errors.Is(err, errStale) {
			if batch, err = t.refresh(ctx, batch, seen); err != nil || len(batch) == 0 {
				return err
			}
			continue
		}
		if !errors.Is(err, errLost) {
			return err
		}
		t.log.Warn("trail lane lost", "lane", t.lane.number)
		t.lane = nil
		if err := t.settle(ctx); err != nil {
			return err
		}
	}
}

// settle makes sure that this process knows the end of its lane: after an
// unknown outcome it reads the end back, after a loss it takes another lane.
func (t *Trail) settle(ctx context.Context) error {
	if t.lane == nil {
		l, err := t.takeLane(ctx)
		if err != nil {
			return err
		}
		t.lane, t.unsure = l, false
		return nil
	}
	if !t.unsure {
		return nil
	}
	if err := t.restore(ctx, t.lane); err != nil {
		return err
	}
	t.unsure = false
	return nil
}

// refresh drops the keys of newly erased subjects and sends the entries that
// used one back to be prepared again.
func (t *Trail) refresh(ctx context.Context, batch []*pending, seen int64) ([]*pending, error) {
	before := t.asOf(batch)
	if err := t.keys.drop(ctx, seen); err != nil {
		return nil, err
	}
	erased, err := t.keys.erasedSince(ctx, before, seen)
	if err != nil {
		return nil, err
	}
	gone := map[string]bool{}
	for _, tag := range erased {
		gone[tag] = true
	}
	var rest []*pending
	for _, p := range batch {
		if p.names(gone) {
			p.answer(errStale)
		} else {
			p.asOf = seen
			rest = append(rest, p)
		}
	}
	return rest, nil
}

// asOf is the newest erasure that was known before any key of the batch was.
func (t *Trail) asOf(batch []*pending) int64 {
	oldest := t.keys.known()
	for _, p := range batch {
		if len(p.keys) > 0 {
			oldest = min(oldest, p.asOf)
		}
	}
	return oldest
}

func (p *pending) names(tags map[string]bool) bool {
	for _, key := range p.keys {
		if tags[key.tag] {
			return true
		}
	}
	return false
}

// commit stores one batch: entries, tiles and the signed head over them.
func (t *Trail) commit(ctx context.Context, batch []*pending) (seen int64, err error) {
	l := t.lane
	now := t.cfg.Clock()
	if err := t.late(l, now); err != nil {
		return 0, err
	}
	if now.Before(l.time) {
		now = l.time // times of one lane never run backwards
	}
	grown := l.tree.clone()
	first := grown.size()
	named := l.tile // since the last full tile; grows in the room behind
	for i, p := range batch {
		evidence.Stamp(p.leaf, now)
		p.lane, p.index = l.number, first+int64(i)
		named = append(named, wording{p.kind, p.agent})
		if err := grown.add(evidence.LeafHash(p.leaf)); err != nil {
			return 0, err
		}
	}
	root := grown.root()
	signed, err := note.Sign(&note.Note{Text: evidence.CheckpointText(l.origin, grown.size(), root)}, l.process.signer)
	if err != nil {
		return 0, err
	}
	known := t.asOf(batch)
	err = t.db.Batch(ctx, func(tx store.Statements) error {
		n, err := tx.Exec(`UPDATE trail_lanes SET size = $1, root = $2, time = $3, head = $4, endorsement = $5, until = $6
			WHERE lane = $7 AND holder = $8 AND size = $9 AND (`+newestErasure+`) = $10`,
			grown.size(), root, micros(now), signed, l.process.endorsement, micros(t.cfg.Clock().Add(leaseTime)), l.number, l.holder, first, known)
		if err != nil {
			return err
		}
		if n != 1 {
			return errMoved
		}
		if err := insertBatch(tx, l.number, micros(now), batch); err != nil {
			return err
		}
		return insertTiles(tx, l.number, grown.full, named)
	})
	if errors.Is(err, errMoved) {
		return t.whatMoved(ctx, l, first)
	}
	if errors.Is(err, store.ErrUnknown) {
		if err = t.readBack(ctx, l, grown.size(), root, err); err != nil {
			return seen, err
		}
	}
	if err != nil {
		return seen, err
	}
	grown.full = nil
	l.tile = named[len(named)-int(grown.size()%tileWidth):]
	l.tree, l.time = grown, now.Truncate(time.Microsecond)
	if l.waits.IsZero() {
		l.waits = now
	}
	return seen, nil
}

// late says that entries have waited too long for the keeper's signature. A house
// where nothing happened all night waits for none.
func (t *Trail) late(l *lane, now time.Time) error {
	if l.waits.IsZero() || now.Sub(l.waits) <= t.cfg.MaxLag {
		return nil
	}
	return fmt.Errorf("the keeper has not signed a checkpoint since %s", l.signed.at.Format(time.RFC3339))
}

// errMoved: the lane or the newest erasure is not what this process knows.
var errMoved = errors.New("the trail has moved on")

// whatMoved tells a lost lane from an erasure, up to which all is seen.
func (t *Trail) whatMoved(ctx context.Context, l *lane, size int64) (seen int64, err error) {
	var ours int
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*), ("+newestErasure+") FROM trail_lanes WHERE lane = $1 AND holder = $2 AND size = $3",
			l.number, l.holder, size).Scan(&ours, &seen)
	})
	switch {
	case err != nil:
		return 0, err
	case ours == 0:
		return 0, errLost
	}
	return seen, errStale
}

// readBack asks the database whether a commit happened whose answer was lost.
func (t *Trail) readBack(ctx context.Context, l *lane, size int64, root []byte, cause error) error {
	t.unsure = true
	var storedSize int64
	var storedRoot []byte
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT size, root FROM trail_lanes WHERE lane = $1", l.number).Scan(&storedSize, &storedRoot)
	})
	if err != nil {
		return cause // settle asks again before the next batch
	}
	if storedSize == size && string(storedRoot) == string(root) {
		t.unsure = false
		return nil
	}
	return cause
}

func insertBatch(tx store.Statements, lane, at int64, batch []*pending) error {
	entries := make([]any, 0, 6*len(batch))
	var mentions []any
	for _, p := range batch {
		entries = append(entries, lane, p.index, at, p.kind, p.agent, p.leaf)
		for i, tag := range p.tags {
			var sealed []byte
			if i == 0 {
				sealed = p.sealed
			}
			mentions = append(mentions, tagBytes(tag), lane, p.index, sealed)
		}
	}
	if _, err := insertAll(tx, "trail_entries (lane, idx, time, kind, agent, leaf)", 6, entries); err != nil {
		return err
	}
	_, err := insertAll(tx, "trail_mentions (tag, lane, idx, sealed)", 4, mentions)
	return err
}

// insertTiles stores the tiles that a batch filled; entries are those since the
// last full tile before it.
func insertTiles(tx store.Statements, lane int64, full []tile, entries []wording) error {
	var tiles []any
	for _, f := range full {
		tiles = append(tiles, lane, f.level, f.n, f.root, f.hashes)
	}
	if _, err := insertAll(tx, "trail_tiles (lane, level, n, root, hashes)", 5, tiles); err != nil {
		return err
	}
	for _, f := range full {
		if f.level > 0 {
			continue
		}
		if err := insertWords(tx, lane, f.n, entries[:tileWidth]); err != nil {
			return err
		}
		entries = entries[tileWidth:]
	}
	return nil
}
