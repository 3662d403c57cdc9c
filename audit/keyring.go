package audit

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/errgroup"

	"github.com/privet-gateway/privet/audit/store"
)

// keyring holds the data keys of subjects that are in use: bounded in number,
// each for the length of a lease, none after its erasure.
//
// What is missing is fetched by one loader at a time. While it waits for
// database and keeper, further misses queue, and the next round fetches all of
// them together: a storm of cold subjects becomes a few large calls.
type keyring struct {
	db      *store.DB
	wrapper Wrapper
	mac     []byte // of handles
	shards  int
	lease   time.Duration
	clock   func() time.Time
	bound   time.Duration

	mu        sync.Mutex
	bySubject *lru.Cache[string, *subjectKey]
	byTag     map[string]*subjectKey // the same keys
	erasures  int64                  // newest erasure that was dropped from the caches
	queue     []*fetch
	waiting   map[want]*fetch
	loading   bool
}

// want names one key, by whom it belongs to or by its tag.
type want struct {
	subject, tag string
	create       bool // make one if there is none
}

// fetch is one want on its way. Its result is set before done is closed.
type fetch struct {
	want want
	done chan struct{}
	key  *subjectKey // nil without err: there is none
	dead []byte      // a wrapped key that nothing can unwrap any more
	err  error
}

// holdShard wraps the keys of subjects under legal hold, so that no erasure of
// others ever touches them.
const holdShard = 63

func newKeyring(ctx context.Context, cfg Config) (*keyring, error) {
	mac, err := cfg.Wrapper.MACKey(ctx, "audit subjects")
	if err != nil {
		return nil, err
	}
	r := &keyring{db: cfg.Store, wrapper: cfg.Wrapper, mac: mac, shards: cfg.Shards, lease: cfg.Lease, clock: cfg.Clock,
		bound: cfg.Timeout, waiting: map[want]*fetch{}, byTag: map[string]*subjectKey{}}
	r.bySubject, err = lru.NewWithEvict(cfg.Keys, func(_ string, key *subjectKey) { delete(r.byTag, key.tag) })
	return r, err
}

// handle is how a subject is found in the database without being named there.
func (r *keyring) handle(subject string) []byte {
	mac := hmac.New(sha256.New, r.mac)
	mac.Write([]byte(subject))
	return mac.Sum(nil)
}

// get returns the keys of the wants in their order; nil where there is none.
func (r *keyring) get(ctx context.Context, wants ...want) ([]*subjectKey, error) {
	keys := make([]*subjectKey, len(wants))
	var fetches []*fetch
	var places []int
	now := r.clock()
	r.mu.Lock()
	for i, w := range wants {
		if key := r.cached(w, now); key != nil {
			keys[i] = key
			continue
		}
		f := r.waiting[w]
		if f == nil {
			f = &fetch{want: w, done: make(chan struct{})}
			r.waiting[w] = f
			r.queue = append(r.queue, f)
		}
		fetches, places = append(fetches, f), append(places, i)
	}
	if len(r.queue) > 0 && !r.loading {
		r.loading = true
		go r.load()
	}
	r.mu.Unlock()
	for i, f := range fetches {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if f.err != nil {
			return nil, f.err
		}
		keys[places[i]] = f.key
	}
	return keys, nil
}

func (r *keyring) cached(w want, now time.Time) *subjectKey {
	var key *subjectKey
	if w.tag != "" {
		if key = r.byTag[w.tag]; key != nil {
			r.bySubject.Get(key.subject) // it was used just now
		}
	} else {
		key, _ = r.bySubject.Get(w.subject)
	}
	if key == nil || !now.Before(key.until) {
		return nil
	}
	return key
}

// maxLoad bounds one round of the loader.
const maxLoad = 4096

func (r *keyring) load() {
	for {
		r.mu.Lock()
		batch := r.queue[:min(len(r.queue), maxLoad)]
		r.queue = slices.Clone(r.queue[len(batch):])
		if len(batch) == 0 {
			r.queue, r.loading = nil, false
			r.mu.Unlock()
			return
		}
		r.mu.Unlock()
		r.round(batch)
	}
}

// round answers one batch. What takes too long at once, on a busy machine, is
// done by halves: the keys of a long list come in the end.
func (r *keyring) round(batch []*fetch) {
	ctx, cancel := context.WithTimeout(context.Background(), r.bound)
	defer cancel()
	seen, err := r.fetch(ctx, batch)
	if half := len(batch) / 2; err != nil && half >= chunk/2 && (ctx.Err() != nil || errors.Is(err, store.ErrDown)) {
		r.round(batch[:half])
		r.round(batch[half:])
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	until := r.clock().Add(r.lease)
	for _, f := range batch {
		if err != nil {
			f.key, f.err = nil, err
		}
		// What was read before an erasure that is known by now is used once and not kept.
		if f.key != nil {
			f.key.until = until
			if seen == r.erasures {
				r.keep(f.key)
			}
		}
		delete(r.waiting, f.want)
		close(f.done)
	}
}

// fetch reads, unwraps and where wanted makes the keys; it returns the newest
// erasure that the read could see.
func (r *keyring) fetch(ctx context.Context, batch []*fetch) (int64, error) {
	for try := 0; ; try++ {
		rows, seen, err := r.read(ctx, batch)
		if err != nil {
			return 0, err
		}
		r.drop(ctx, seen)
		if err := r.unwrap(ctx, rows); err != nil {
			return 0, err
		}
		var missing []*fetch
		for _, f := range batch {
			if f.key == nil && f.err == nil && f.want.create {
				missing = append(missing, f)
			}
		}
		if len(missing) == 0 {
			return seen, nil
		}
		if try == 10 {
			return 0, errors.New("keys of new subjects keep being made by others")
		}
		if err := r.create(ctx, missing); err != nil {
			return 0, err
		}
		batch = missing
	}
}

// wrappedKey is one row on its way to a fetch.
type wrappedKey struct {
	to      *fetch
	shard   int
	context []byte
	wrapped []byte
	name    []byte // by tag: the subject, sealed
}

// unwrap asks the keeper once per shard.
func (r *keyring) unwrap(ctx context.Context, rows []wrappedKey) error {
	byShard := map[int][]wrappedKey{}
	for _, row := range rows {
		byShard[row.shard] = append(byShard[row.shard], row)
	}
	var group errgroup.Group
	group.SetLimit(8)
	for shard, rows := range byShard {
		group.Go(func() error {
			items := make([]Item, len(rows))
			for i, row := range rows {
				items[i] = Item{Context: row.context, Bytes: row.wrapped}
			}
			deks, err := r.wrapper.Unwrap(ctx, shard, items)
			if err != nil && len(deks) != len(items) {
				return err
			}
			for i, row := range rows {
				row.to.key, row.to.err = row.key(deks[i])
			}
			return nil
		})
	}
	return group.Wait()
}

func (w wrappedKey) key(dek []byte) (*subjectKey, error) {
	if dek == nil { // a row from a backup of before the subject was erased
		w.to.dead = w.wrapped
		return nil, nil
	}
	subject := w.to.want.subject
	if w.name != nil {
		_, seal, err := derive(dek)
		if err != nil {
			return nil, err
		}
		name, err := (&subjectKey{seal: seal}).open(forName, w.name)
		if err != nil {
			return nil, err
		}
		subject = string(name)
	}
	return keyOf(dek, subject, w.shard)
}

// keep puts a key into the caches. A subject has one key there at most.
func (r *keyring) keep(key *subjectKey) {
	r.bySubject.Remove(key.subject)
	r.bySubject.Add(key.subject, key)
	r.byTag[key.tag] = key
}

// drop forgets the keys of all erasures up to seq.
func (r *keyring) drop(ctx context.Context, seq int64) error {
	r.mu.Lock()
	known := r.erasures
	r.mu.Unlock()
	if seq <= known {
		return nil
	}
	tags, err := r.erasedSince(ctx, known, seq)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, tag := range tags {
		if key := r.byTag[tag]; key != nil {
			r.bySubject.Remove(key.subject)
		}
	}
	r.erasures = max(r.erasures, seq)
	return nil
}

func (r *keyring) known() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.erasures
}
