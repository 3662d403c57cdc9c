package mfa

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"embed"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Schema is the tables of the door.
func Schema() store.Schema {
	sub, err := fs.Sub(migrations, "migrations")
	if err != nil {
		panic(err) // the directory is compiled in
	}
	return store.Schema{Owner: "mfa", FS: sub}
}

// Config is what a door is made of. Store, Sealer, Trail and Desk are required.
type Config struct {
	Store       *store.DB   // migrated with Schema
	Sealer      Sealer      //
	Trail       Trail       //
	Post        Post        // nil: no codes for callers, no notices but at the desk
	Cardholders Cardholders // nil: no codes for callers
	Knowledge   Knowledge   // nil: no questions for callers
	Undated     bool        // take channels of which nobody knows when they last changed
	Desk        *url.URL    // where agents sign in; its host is the passkeys' relying party
	Hosts       []*url.URL  // where sessions may be handed over to: tools and console
	SSO         *SSO        // nil: the local directory only
	Scrub       Scrub       // nil: texts are kept as they are written
	Passkeys    []string    // roles that must sign in with a passkey
	Issuer      string      // shown by authenticator apps; default "Privet"
	Limits      Limits      // zero values take the defaults
	Argon       Argon       // zero values take the defaults
	Clock       func() time.Time
	Logger      *slog.Logger
}

// Scrub takes personal data out of what an agent writes about their work, before
// it is kept: the trail has nothing of the kind in the clear.
type Scrub func(text string) string

// Limits are the times and counts of the standards; a value outside what they
// allow is an error of Open.
type Limits struct {
	Tries    int           // of the second factor; 10 (PCI DSS 8.3.4: at most 10)
	Lock     time.Duration // 30 min (PCI DSS 8.3.4: at least 30 min)
	Idle     time.Duration // 15 min (PCI DSS 8.2.8: at most 15 min)
	Absolute time.Duration // 12 h (SP 800-63B-4 AAL2: at most 24 h)
	Verified time.Duration // how long a verified caller stays so; 30 min
	Unused   time.Duration // without a sign-in until an account is disabled; 90 days (PCI DSS 8.2.6: at most)
	Wrong    float64       // wrong passwords and codes per second and network; 2
	Burst    int           // and at once; 300
	// Strangers are wrong answers per second, and StrangersBurst at once, from all
	// networks together from which nobody signed in within 30 days; 10 and 3,000.
	Strangers      float64
	StrangersBurst int
}

const (
	ticketLife  = 5 * time.Minute
	inviteLife  = 24 * time.Hour
	handLife    = time.Minute
	pollEvery   = 50 * time.Millisecond
	hearFor     = 400 * time.Millisecond // for one answer about ended and changed sessions
	blindFor    = 500 * time.Millisecond // without news before every stream is closed: at most pollEvery+hearFor more
	skewAllowed = 30 * time.Second       // between the clocks of replicas
)

// Door proves people.
type Door struct {
	cfg      Config
	db       *store.DB
	words    *common
	argon    chan struct{} // slots for hashing
	decoy    string        // a hash for names that do not exist
	live     *live
	passkeys *passkeys
	sso      *sso
	hosts    atomic.Pointer[[]*url.URL]
	key      []byte // signs return addresses and hashes callers' codes
	noticed  chan struct{}
	stop     context.CancelFunc
	done     sync.WaitGroup
}

// Open opens the door over a migrated database.
func Open(ctx context.Context, cfg Config) (*Door, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("open door: %w", err)
	}
	d := &Door{cfg: cfg, db: cfg.Store, argon: make(chan struct{}, hashers()), noticed: make(chan struct{}, 1)}
	d.live = newLive(cfg.Clock)
	d.Guard(cfg.Hosts)
	var err error
	if d.words, err = readCommon(); err != nil {
		return nil, fmt.Errorf("open list of common passwords: %w", err)
	}
	if d.decoy, err = d.hash(ctx, rand.Text()); err != nil {
		return nil, err
	}
	if d.key, err = d.sharedKey(ctx, "return"); err != nil {
		return nil, fmt.Errorf("open door: %w", err)
	}
	if d.passkeys, err = newPasskeys(cfg); err != nil {
		return nil, fmt.Errorf("open passkeys: %w", err)
	}
	if cfg.SSO != nil {
		if d.sso, err = newSSO(*cfg.SSO, cfg.Desk); err != nil {
			return nil, fmt.Errorf("open single sign-on: %w", err)
		}
	}
	watch, stop := context.WithCancel(context.WithoutCancel(ctx))
	d.stop = stop
	d.done.Go(func() { d.watch(watch) })
	d.done.Go(func() { d.tend(watch) })
	if cfg.Post != nil {
		d.done.Go(func() { d.post(watch) })
	}
	return d, nil
}

// Guard changes the hosts that sessions may be handed over to.
func (d *Door) Guard(hosts []*url.URL) { d.hosts.Store(&hosts) }

// Close stops watching. Streams that wait on Ended are let go: they end.
func (d *Door) Close() {
	d.stop()
	d.done.Wait()
	d.live.endAll()
}

func (c *Config) complete() error {
	if c.Store == nil || c.Sealer == nil || c.Trail == nil || c.Desk == nil {
		return errors.New("store, sealer, trail and desk are required")
	}
	if c.Scrub == nil {
		c.Scrub = func(text string) string { return text }
	}
	if c.Clock == nil {
		c.Clock = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Issuer == "" {
		c.Issuer = "Privet"
	}
	c.Argon = c.Argon.orDefault()
	return c.Limits.complete()
}

func (l *Limits) complete() error {
	orDefault(&l.Tries, 10)
	orDefault(&l.Lock, 30*time.Minute)
	orDefault(&l.Idle, 15*time.Minute)
	orDefault(&l.Absolute, 12*time.Hour)
	orDefault(&l.Verified, 30*time.Minute)
	orDefault(&l.Wrong, 2)
	orDefault(&l.Burst, 300)
	orDefault(&l.Strangers, 10)
	orDefault(&l.StrangersBurst, 3000)
	orDefault(&l.Unused, 90*24*time.Hour)
	switch {
	case l.Tries < 1 || l.Tries > 10:
		return fmt.Errorf("tries before lockout: %d is not 1 to 10 (PCI DSS 8.3.4)", l.Tries)
	case l.Lock < 30*time.Minute:
		return fmt.Errorf("lockout of %v is shorter than 30m (PCI DSS 8.3.4)", l.Lock)
	case l.Idle < time.Minute || l.Idle > 15*time.Minute:
		return fmt.Errorf("idle time of %v is not 1m to 15m (PCI DSS 8.2.8)", l.Idle)
	case l.Unused < 24*time.Hour || l.Unused > 90*24*time.Hour:
		return fmt.Errorf("accounts unused for %v: not 24h to 2160h (PCI DSS 8.2.6)", l.Unused)
	case l.Wrong < 0 || l.Burst < 1 || l.Strangers < 0 || l.StrangersBurst < 1:
		return errors.New("wrong answers per second and at once: take more than none")
	case l.Absolute < l.Idle || l.Absolute > 24*time.Hour:
		return fmt.Errorf("session of %v is not between the idle time and 24h (SP 800-63B-4 AAL2)", l.Absolute)
	}
	return nil
}

func orDefault[T comparable](v *T, fallback T) {
	var zero T
	if *v == zero {
		*v = fallback
	}
}

// sharedKey is a random key that all replicas share, sealed in the database.
func (d *Door) sharedKey(ctx context.Context, name string) ([]byte, error) {
	fresh := make([]byte, 32)
	_, _ = rand.Read(fresh) // never fails
	sealed, err := d.cfg.Sealer.Seal(ctx, "mfa/key/"+name, fresh)
	if err != nil {
		return nil, fmt.Errorf("seal key: %w", err)
	}
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO mfa_keys (name, sealed) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, name, sealed)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("write key: %w", err)
	}
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT sealed FROM mfa_keys WHERE name = $1`, name).Scan(&sealed)
	})
	if err != nil {
		return nil, fmt.Errorf("read key: %w", err)
	}
	key, err := d.cfg.Sealer.Open(ctx, "mfa/key/"+name, sealed)
	if err != nil {
		return nil, fmt.Errorf("open key: %w", err)
	}
	return key, nil
}

// record writes an act that happened.
func (d *Door) record(ctx context.Context, act Act) (string, error) {
	if act.Outcome == "" {
		act.Outcome = "allowed"
	}
	receipt, err := d.cfg.Trail.Record(ctx, act)
	if err != nil {
		return "", fmt.Errorf("record %s: %w", act.Kind, err)
	}
	return receipt, nil
}

// refuse writes a no and returns it.
func (d *Door) refuse(ctx context.Context, act Act, no error, retry time.Duration) error {
	act.Outcome = "refused"
	receipt, err := d.record(ctx, act)
	if err != nil {
		return err
	}
	return &Refusal{Err: no, Receipt: receipt, RetryAfter: retry}
}

func (d *Door) now() time.Time { return d.cfg.Clock() }

// token is 256 random bits as text, and their SHA-256.
func token() (string, []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	text := base64.RawURLEncoding.EncodeToString(raw)
	return text, digest(text)
}

func digest(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// handle is 128 random bits: an id that may be shown.
func handle() string {
	raw := make([]byte, 16)
	_, _ = rand.Read(raw) // never fails
	return base64.RawURLEncoding.EncodeToString(raw)
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// changed says whether a conditional statement took effect.
func changed(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}
