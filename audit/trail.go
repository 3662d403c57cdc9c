package audit

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/witness"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the trail's tables.
func Schema() store.Schema {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the directory is embedded above
	}
	return store.Schema{Owner: "audit", FS: sub}
}

// Config says what a trail stands on. Store, Signer, Wrapper and Origin must be set.
type Config struct {
	Store   *store.DB
	Signer  Signer
	Wrapper Wrapper
	Origin  string // name of the house in keys and checkpoints, "privet.example/trail"; never changes

	Clock      func() time.Time // default time.Now
	Logger     *slog.Logger     // default: nothing is logged
	Timeout    time.Duration    // longest wait of one Append; default 240 ms
	Lease      time.Duration    // how long an unwrapped data key may be used; default 15 min
	Keys       int              // data keys in use at once; default 100,000 (about 1 KiB each)
	Shards     int              // wrapping keys, 1 to 63, before the first entry; default 16
	Checkpoint time.Duration    // between checkpoints; default 1 s
	MaxLag     time.Duration    // the door closes when the newest checkpoint is older than unsigned entries by this; default 15 min
	Ledger     string           // file outside of the database that remembers erased tags, for a restore; "": none
	Retention  time.Duration    // entries older than this are pruned once a day; 0: never
	Tiles      string           // directory for C2SP tlog-tiles, DIR/<lane>/…; "": none are written
	Witnesses  []Witness        // asked to cosign checkpoints
	Copies     []Copy           // where copies of entries go
	WitnessGap time.Duration    // between tiles and cosignatures; default 10 s
}

func (c *Config) defaults() error {
	if c.Store == nil || c.Signer == nil || c.Wrapper == nil {
		return errors.New("trail needs a store, a signer and a wrapper")
	}
	if !originPattern.MatchString(c.Origin) {
		return fmt.Errorf("origin %q must be a name such as privet.example/trail: letters, digits, dots, dashes, slashes", c.Origin)
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		value    *time.Duration
		standard time.Duration
	}{{&c.Timeout, 240 * time.Millisecond}, {&c.Lease, 15 * time.Minute}, {&c.Checkpoint, time.Second},
		{&c.MaxLag, 15 * time.Minute}, {&c.WitnessGap, 10 * time.Second}} {
		if *d.value <= 0 {
			*d.value = d.standard
		}
	}
	if c.Keys <= 0 {
		c.Keys = 100_000
	}
	if c.Shards <= 0 {
		c.Shards = 16
	}
	if c.Shards > holdShard {
		return fmt.Errorf("%d shards; at most %d", c.Shards, holdShard)
	}
	return nil
}

var originPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._/-]{0,199}$`)

// Trail is an open trail.
type Trail struct {
	cfg    Config
	db     *store.DB
	keys   *keyring
	log    *slog.Logger
	holder string

	mu       sync.Mutex
	queue    []*pending
	expected int           // entries in the queue of which the writer wants to hear
	wake     chan struct{} // holds one token when there are as many
	closed   bool
	busy     time.Time // since when a batch is being stored
	fault    error     // why the last batch failed

	state  sync.Mutex // guards lane; a disk that hangs holds it
	lane   *lane      // nil until taken, and after it was lost
	unsure bool       // the last commit's outcome is not known

	stop context.CancelFunc
	done sync.WaitGroup
}

// Open takes a lane, checks its end against its signed head, and starts the
// writer and the checkpoints. It fails when database or keeper cannot be reached.
func Open(ctx context.Context, cfg Config) (*Trail, error) {
	if err := cfg.defaults(); err != nil {
		return nil, fmt.Errorf("open trail: %w", err)
	}
	if err := cfg.openLedger(); err != nil {
		return nil, fmt.Errorf("open trail: ledger of the erased: %w", err)
	}
	patient := store.Patient(ctx, 30*time.Second)
	keys, err := newKeyring(patient, cfg)
	if err != nil {
		return nil, fmt.Errorf("open trail: %w", err)
	}
	t := &Trail{cfg: cfg, db: cfg.Store, keys: keys, log: cfg.Logger, holder: rand.Text(), wake: make(chan struct{}, 1)}
	if err := t.claim(patient); err != nil {
		return nil, fmt.Errorf("open trail: %w", err)
	}
	if t.lane, err = t.takeLane(patient); err != nil {
		return nil, fmt.Errorf("open trail: %w", err)
	}
	var witnesses []*witness.Client
	for _, w := range cfg.Witnesses {
		client, err := witness.NewClient(w.URL, w.Vkey)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("open trail: %w", err), t.renew(patient, t.lane, fromMicros(0)))
		}
		witnesses = append(witnesses, client)
	}
	running, stop := context.WithCancel(context.Background())
	t.stop = stop
	t.done.Go(func() { t.write(running) })
	t.done.Go(func() { t.tick(running) })
	if cfg.Retention > 0 {
		t.done.Go(func() { t.age(running) })
	}
	for _, c := range cfg.Copies {
		t.done.Go(func() { t.copyOut(running, c) })
	}
	if cfg.Tiles != "" || len(witnesses) > 0 {
		t.done.Go(func() { t.outside(running, witnesses) })
	}
	return t, nil
}

// claim makes sure that this database is the trail of this origin and this
// keeper: with another's keys every subject would look erased.
func (t *Trail) claim(ctx context.Context) error {
	ours := map[string]string{"origin": t.cfg.Origin, "keeper": hex.EncodeToString(t.keys.handle("")[:8])}
	return t.db.Write(ctx, func(tx *sql.Tx) error {
		for name, value := range ours {
			if _, err := tx.ExecContext(ctx, "INSERT INTO trail_house VALUES ($1, $2) ON CONFLICT DO NOTHING", name, value); err != nil {
				return err
			}
			var stored string
			if err := tx.QueryRowContext(ctx, "SELECT value FROM trail_house WHERE name = $1", name).Scan(&stored); err != nil {
				return err
			}
			if stored != value {
				return fmt.Errorf("%w: the database belongs to %s %q, not %q; give it the configuration it was made with", ErrBroken, name, stored, value)
			}
		}
		var epochs []any
		for shard := range holdShard + 1 {
			epochs = append(epochs, shard, 1)
		}
		_, err := insertAll(store.StatementsOf(ctx, tx), "trail_epochs (shard, epoch)", 2, epochs)
		return err
	})
}

// closePatience is how long Close waits for a disk that hangs.
const closePatience = 15 * time.Second

// Close refuses further events, finishes those that wait, has the keeper sign
// what is there, and gives the lane back.
func (t *Trail) Close() error {
	t.mu.Lock()
	if t.closed {
		t.mu.Unlock()
		return nil
	}
	t.closed = true
	t.mu.Unlock()
	t.stop()
	done := make(chan struct{})
	go func() {
		t.done.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(closePatience):
		return fmt.Errorf("close trail: %w: the database's disk does not answer", ErrClosed)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	t.state.Lock()
	defer t.state.Unlock()
	if t.lane == nil {
		return nil
	}
	err := t.checkpoint(ctx, t.lane)
	if err != nil {
		err = fmt.Errorf("close trail: last checkpoint: %w", err)
	}
	return errors.Join(err, t.renew(ctx, t.lane, fromMicros(0)))
}

// Append returns when the entry is durable and under a signed root.
func (t *Trail) Append(ctx context.Context, e Event) (Receipt, error) {
	if e.Kind == "" {
		return "", fmt.Errorf("%w: it has no kind", ErrEvent)
	}
	if len(e.Personal) > 0 && len(e.Subjects) > 1 {
		return "", fmt.Errorf("%w: %q has personal values of %d subjects; append one event for each", ErrEvent, e.Kind, len(e.Subjects))
	}
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	for {
		p, err := t.prepare(ctx, e)
		if err != nil {
			return "", closedBy(err)
		}
		receipt, err := t.submit(ctx, p)
		if errors.Is(err, errStale) && ctx.Err() == nil {
			continue // a subject was erased meanwhile: use its new key
		}
		if err != nil {
			return "", closedBy(err)
		}
		return receipt, nil
	}
}

// closedBy marks every reason why an event was not stored, except a mistake of
// the program, as ErrClosed.
func closedBy(err error) error {
	if errors.Is(err, ErrEvent) || errors.Is(err, ErrClosed) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrClosed, err)
}

// nobody is whom personal values belong to that are about no cardholder: the
// agent, and where none is proven the house itself.
func nobody(agent string) string { return "agent " + agent }

// prepare makes the leaf of an event.
func (t *Trail) prepare(ctx context.Context, e Event) (*pending, error) {
	subjects := e.Subjects
	if len(e.Personal) > 0 && len(subjects) == 0 {
		subjects = []string{nobody(e.Agent)}
	}
	p := &pending{done: make(chan struct{}), kind: e.Kind, agent: e.Agent, outcome: e.Intent != ""}
	var tags []string
	if len(subjects) > 0 {
		wants := make([]want, len(subjects))
		for i, s := range subjects {
			if s == "" {
				return nil, fmt.Errorf("%w: %q names an empty subject", ErrEvent, e.Kind)
			}
			wants[i] = want{subject: s, create: true}
		}
		p.asOf = t.keys.known()
		keys, err := t.keys.get(ctx, wants...)
		if err != nil {
			return nil, err
		}
		tags = make([]string, len(keys))
		for i, key := range keys {
			tags[i] = key.tag
		}
		p.keys = keys
	}
	encoded, openings, err := encode(e, tags)
	if err != nil {
		return nil, err
	}
	p.leaf, p.tags = encoded, tags
	if openings != nil {
		plaintext, err := json.Marshal(openings)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrEvent, err)
		}
		p.sealed = p.keys[0].close(forEntry, plaintext)
	}
	return p, nil
}

// Ready says whether the trail can be written, and why not.
func (t *Trail) Ready(ctx context.Context) error {
	if err := t.trouble(); err != nil {
		return err
	}
	if err := t.db.Ping(ctx); err != nil {
		return closedBy(err)
	}
	return nil
}
