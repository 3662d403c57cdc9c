package policy

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/open-policy-agent/opa/v1/bundle"
	"github.com/open-policy-agent/opa/v1/keys"
	"golang.org/x/mod/sumdb/note"
)

// Follow says where bundles come from and whom to believe.
type Follow struct {
	From      string            // an https URL, or a file; beside it lies the approval, "….approval"
	KeyID     string            // the one key that new bundles are signed with
	Keys      map[string]string // by id: PEM public keys; a former one serves the last good bundle alone
	Algorithm string            // of the key, default "ES256"
	Officers  []string          // verifier keys (C2SP signed-note) of those who may approve a loosening
	Keep      string            // directory for the last good bundle; "": none is kept
	Every     time.Duration     // default 30 s
	Client    *http.Client      // for https; default: TLS 1.2 or newer, 10 s
	Changed   func(Activation)  // told of every bundle put in force but the last good one of a restart; may be nil
	Failed    func(error)       // told of every new failure; may be nil
}

// bundleFiles in Keep.
const (
	keptBundle   = "last-good.tar.gz"
	keptApproval = "last-good.approval"
)

// follower fetches bundles and puts them in force.
type follower struct {
	Follow
	engine   *Engine
	keys     map[string]*bundle.KeyConfig
	officers note.Verifiers
	etag     string
	last     string // what was fetched last, to see whether it is new
}

// fetched is a bundle as it came.
type fetched struct{ bundle, approval []byte }

// OpenBundle opens an engine on the bundle that cfg follows; if it cannot be
// had or is not good, on the last good one. The engine follows it until ctx ends.
func OpenBundle(ctx context.Context, cfg Config, follow Follow) (*Engine, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	f, err := newFollower(&Engine{cfg: cfg}, follow)
	if err != nil {
		return nil, fmt.Errorf("open policy: %w", err)
	}
	if err := f.restore(ctx); err != nil {
		return nil, fmt.Errorf("open policy: last good bundle: %w", err)
	}
	err = f.fetch(ctx)
	if err != nil && f.engine.state.Load() == nil {
		return nil, fmt.Errorf("open policy: %w", err)
	}
	f.settle(err)
	go f.run(ctx)
	return f.engine, nil
}

func newFollower(e *Engine, follow Follow) (*follower, error) {
	if follow.Every <= 0 {
		follow.Every = 30 * time.Second
	}
	if follow.Algorithm == "" {
		follow.Algorithm = "ES256"
	}
	if follow.Client == nil {
		follow.Client = &http.Client{Timeout: 10 * time.Second,
			Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}}
	}
	f := &follower{Follow: follow, engine: e, keys: map[string]*bundle.KeyConfig{}}
	for id, pem := range follow.Keys {
		key, err := keys.NewKeyConfig(pem, follow.Algorithm, "")
		if err != nil {
			return nil, fmt.Errorf("%w: key %s: %w", ErrBundle, id, err)
		}
		f.keys[id] = key
	}
	var err error
	f.officers, err = verifiers(follow.Officers)
	return f, err
}

func (f *follower) run(ctx context.Context) {
	again := time.NewTicker(f.Every)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-again.C:
			f.settle(f.fetch(ctx))
		}
	}
}

// settle makes the outcome of a fetch visible to Ready.
func (f *follower) settle(err error) {
	if err == nil {
		f.engine.fault.Store(nil)
		return
	}
	before := f.engine.Ready()
	f.engine.Reject(err)
	if now := f.engine.Ready(); f.Failed != nil && (before == nil || before.Error() != now.Error()) {
		f.Failed(now)
	}
}

// restore puts the last good bundle in force, as it was when it was kept.
func (f *follower) restore(ctx context.Context) error {
	if f.Keep == "" {
		return nil
	}
	raw, err := os.ReadFile(filepath.Join(f.Keep, keptBundle))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	src, author, err := f.unpackKept(raw)
	if err != nil {
		return err
	}
	_, err = f.engine.activate(ctx, src, author, nil, f.officers)
	return err
}

// unpackKept reads the last good bundle, which any of the keys may have signed:
// it was in force when another one was named. What no key vouches for cannot be
// compared with what follows it, so nothing starts on it, and nothing instead.
func (f *follower) unpackKept(raw []byte) (src *source, author string, err error) {
	if src, err = unpack(raw, f.keys, f.KeyID); err == nil {
		return src, f.KeyID, nil
	}
	for id := range f.keys {
		if src, other := unpack(raw, f.keys, id); other == nil {
			return src, id, nil
		}
	}
	return nil, "", fmt.Errorf("%w; if the signing key was changed, name the former one among the keys too until a bundle signed with %s is in force; "+
		"if it is lost, remove %s: the next bundle then takes force without being compared", err, f.KeyID, filepath.Join(f.Keep, keptBundle))
}

// fetch reads the bundle where it comes from, and puts it in force if it is another.
func (f *follower) fetch(ctx context.Context) error {
	got, err := f.get(ctx)
	if err != nil || got == nil {
		return err
	}
	if sum := string(got.bundle) + "\x00" + string(got.approval); sum == f.last && f.engine.Ready() == nil {
		return nil
	} else {
		f.last = sum
	}
	src, err := unpack(got.bundle, f.keys, f.KeyID)
	if err != nil {
		return err
	}
	a, err := f.engine.activate(ctx, src, f.KeyID, got.approval, f.officers)
	if err != nil {
		return err
	}
	if f.Changed != nil && a.From != a.To {
		f.Changed(a)
	}
	return f.keep(got)
}

// keep writes the bundle in force beside the state, whole or not at all.
func (f *follower) keep(got *fetched) error {
	if f.Keep == "" {
		return nil
	}
	for name, text := range map[string][]byte{keptBundle: got.bundle, keptApproval: got.approval} {
		tmp := filepath.Join(f.Keep, name+".new")
		if err := os.WriteFile(tmp, text, 0o600); err != nil {
			return fmt.Errorf("keep bundle: %w", err)
		}
		if err := os.Rename(tmp, filepath.Join(f.Keep, name)); err != nil {
			return fmt.Errorf("keep bundle: %w", err)
		}
	}
	return nil
}

// get reads bundle and approval; nil: nothing new.
func (f *follower) get(ctx context.Context) (*fetched, error) {
	if u, err := url.Parse(f.From); err == nil && u.Scheme == "https" {
		return f.download(ctx)
	} else if err == nil && u.Scheme == "http" {
		return nil, fmt.Errorf("%w: %s: bundles come by https or from a file", ErrBundle, f.From)
	}
	raw, err := os.ReadFile(f.From)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBundle, err)
	}
	approval, err := os.ReadFile(f.From + ".approval")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w: %w", ErrApproval, err)
	}
	return &fetched{raw, approval}, nil
}

// download asks the bundle server, by the ETag of what it gave last. As long
// as that is not in force its approval may still come, so it is asked for whole.
func (f *follower) download(ctx context.Context) (*fetched, error) {
	etag := f.etag
	if f.engine.Ready() != nil || f.engine.state.Load() == nil {
		etag = ""
	}
	raw, tag, err := f.request(ctx, f.From, etag)
	if err != nil || raw == nil {
		return nil, err
	}
	approval, _, err := f.request(ctx, f.From+".approval", "")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f.etag = tag
	return &fetched{raw, approval}, nil
}

func (f *follower) request(ctx context.Context, from, etag string) (body []byte, tag string, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, from, nil)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrBundle, err)
	}
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	res, err := f.Client.Do(req)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrBundle, err)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotModified:
		return nil, etag, nil
	case http.StatusNotFound:
		return nil, "", fmt.Errorf("%w: %s: %w", ErrBundle, from, fs.ErrNotExist)
	default:
		return nil, "", fmt.Errorf("%w: %s answers %s", ErrBundle, from, strings.ToLower(res.Status))
	}
	body, err = io.ReadAll(io.LimitReader(res.Body, maxBundle+1))
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", ErrBundle, err)
	}
	return body, res.Header.Get("ETag"), nil
}
