package keeper

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/tink"
)

// LocalConfig says where the sealed file lies and what opens it.
type LocalConfig struct {
	Path   string // the sealed file, mode 0600
	Root   Root   // the secret that opens it
	Create bool   // make the file if it is missing; leave false where data exists that needs its keys
	Now    func() time.Time
}

// Local is a Keeper whose keys lie in one sealed file.
//
// Other processes may rotate and trim beside it: every call looks at the file
// first (one stat) and reads it again when it was replaced. If the file is
// missing or can be read by others, every call is refused until that is mended.
type Local struct {
	cfg  LocalConfig
	root tink.AEAD
	kdf  kdf

	mu    sync.Mutex
	rings *rings      // nil once closed
	seen  fs.FileInfo // the file that rings came from
}

// OpenLocal opens the sealed file, or makes it with fresh keys if cfg.Create.
func OpenLocal(ctx context.Context, cfg LocalConfig) (*Local, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l := &Local{cfg: cfg}
	_, err := os.Stat(cfg.Path)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing && !cfg.Create {
		return nil, fmt.Errorf("open keeper: %s does not exist; restore it from its backup: %w", cfg.Path, fs.ErrNotExist)
	}
	secret, err := cfg.Root.secret(missing)
	if err != nil {
		return nil, fmt.Errorf("open keeper: %w", err)
	}
	if missing {
		if err := l.create(secret); err != nil {
			return nil, fmt.Errorf("make keeper %s: %w", cfg.Path, err)
		}
	}
	if err := l.unlock(secret); err != nil {
		return nil, fmt.Errorf("open keeper %s: %w", cfg.Path, err)
	}
	return l, nil
}

// create writes the first generation, unless another process was quicker.
func (l *Local) create(secret []byte) error {
	unlock, err := lockFile(l.cfg.Path)
	if err != nil {
		return err
	}
	defer unlock()
	if _, err := os.Stat(l.cfg.Path); err == nil {
		return nil
	}
	f := &sealedFile{Format: fileFormat, KDF: newKDF(secret)}
	root, err := rootAEAD(f.KDF, secret)
	if err != nil {
		return err
	}
	r, err := newRings(l.cfg.Now())
	if err != nil {
		return err
	}
	raw, err := f.seal(root, r)
	if err != nil {
		return err
	}
	return writePrivate(l.cfg.Path, raw)
}

// unlock derives the root key by the file's header and loads the keys.
func (l *Local) unlock(secret []byte) error {
	raw, err := readPrivate(l.cfg.Path)
	if err != nil {
		return err
	}
	f, err := parseFile(raw)
	if err != nil {
		return err
	}
	if l.root, err = rootAEAD(f.KDF, secret); err != nil {
		return err
	}
	l.kdf = f.KDF
	return l.load()
}

// load reads the file into l.rings; l.mu is held or l is not shared yet.
func (l *Local) load() error {
	info, err := os.Stat(l.cfg.Path)
	if err != nil {
		return err
	}
	raw, err := readPrivate(l.cfg.Path)
	if err != nil {
		return err
	}
	f, err := parseFile(raw)
	if err != nil {
		return err
	}
	r, err := f.open(l.root)
	if err != nil {
		return err
	}
	if l.rings != nil && r.generation < l.rings.generation {
		return fmt.Errorf("%w: %s went back from generation %d to %d; trimmed keys must not return",
			ErrDenied, l.cfg.Path, l.rings.generation, r.generation)
	}
	l.rings, l.seen = r, info
	return nil
}

// keys gives the present keys, read anew if the file was replaced.
func (l *Local) keys(ctx context.Context) (*rings, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.current()
}

// current is keys with l.mu held.
func (l *Local) current() (*rings, error) {
	if l.root == nil {
		return nil, fmt.Errorf("%w: it was closed", ErrDown)
	}
	info, err := os.Stat(l.cfg.Path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	if sameFile(info, l.seen) {
		return l.rings, nil
	}
	if err := l.load(); err != nil {
		if errors.Is(err, ErrDenied) {
			return nil, err
		}
		return nil, fmt.Errorf("%w: %w", ErrDown, err)
	}
	return l.rings, nil
}

// change replaces one keyset, in memory only after it is durable in the file.
func (l *Local) change(ctx context.Context, name string, act func(r *rings) (*keyset.Handle, error)) (version int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	unlock, err := lockFile(l.cfg.Path)
	if err != nil {
		return 0, fmt.Errorf("%w: %w", ErrDown, err)
	}
	defer unlock()
	r, err := l.current()
	if err != nil {
		return 0, err
	}
	h, err := act(r)
	if err != nil {
		return 0, err
	}
	next, err := r.with(name, h, l.cfg.Now())
	if err != nil {
		return 0, err
	}
	f := &sealedFile{Format: fileFormat, KDF: l.kdf, Generation: next.generation}
	raw, err := f.seal(l.root, next)
	if err != nil {
		return 0, err
	}
	if err := writePrivate(l.cfg.Path, raw); err != nil {
		return 0, fmt.Errorf("write keeper: %w", err)
	}
	if err := l.load(); err != nil {
		return 0, fmt.Errorf("read keeper back: %w", err)
	}
	return l.rings.spans[name].newest, nil
}

// Health says whether the file is there and private.
func (l *Local) Health(ctx context.Context) error {
	_, err := l.keys(ctx)
	return err
}

// Close forgets the keys.
func (l *Local) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rings, l.root, l.seen = nil, nil, nil
	return nil
}

// LogValue keeps keys out of logs.
func (l *Local) LogValue() slog.Value { return slog.StringValue("local keeper " + l.cfg.Path) }
