package keeper

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/hashicorp/vault/api"
)

// session keeps one live token. One goroutine does every log-in and renewal, so
// that a storm of refused calls becomes one log-in, and replicas spread theirs.
//
// A token is renewed by vault/api's LifetimeWatcher; when that ends (max_ttl is
// near, or renewal is refused) a new one is fetched before the old one dies.
type session struct {
	client *api.Client // for log-in and renewal; its timeout bounds both
	login  func(ctx context.Context, c *api.Client) (*api.Secret, error)
	health func(ctx context.Context) error
	log    *slog.Logger
	drain  time.Duration // how long calls in flight may still need an old token
	lent   bool          // the token is not ours to revoke

	doubts chan doubt
	done   sync.WaitGroup

	mu      sync.Mutex
	token   string
	err     error         // why there is no token
	changed chan struct{} // closed at every change of the above
}

// doubt asks the goroutine whether a token that was refused is dead.
type doubt struct {
	token  string
	answer chan error // nil: there is another one now
}

func newSession(c *api.Client) *session {
	return &session{client: c, doubts: make(chan doubt), changed: make(chan struct{})}
}

func (s *session) set(token string, err error) (old string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old = s.token
	s.token, s.err = token, err
	close(s.changed)
	s.changed = make(chan struct{})
	return old
}

// await gives the live token. It waits for the first one.
func (s *session) await(ctx context.Context) (string, error) {
	for {
		s.mu.Lock()
		token, err, changed := s.token, s.err, s.changed
		s.mu.Unlock()
		if token != "" || err != nil {
			return token, err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return "", fmt.Errorf("%w: no answer to log-in yet", ErrDown)
		}
	}
}

// suspect reports a refused token and gives its successor, or the refusal back
// if the token is alive: then the policy does not allow the act.
func (s *session) suspect(ctx context.Context, token string, refusal error) (string, error) {
	d := doubt{token, make(chan error, 1)}
	select {
	case s.doubts <- d:
	case <-ctx.Done():
		return "", fmt.Errorf("%w: no answer to log-in yet", ErrDown)
	}
	select {
	case err := <-d.answer:
		if err != nil {
			return "", err
		}
		next, err := s.await(ctx)
		if err == nil && next == token {
			return "", refusal
		}
		return next, err
	case <-ctx.Done():
		return "", fmt.Errorf("%w: no answer to log-in yet", ErrDown)
	}
}

// first logs in once, for OpenVault to tell wrong credentials from a Vault that
// is away.
func (s *session) first(ctx context.Context) (*api.Secret, error) {
	secret, err := s.enter(ctx)
	if err != nil {
		s.set("", err)
		return nil, err
	}
	s.set(secret.Auth.ClientToken, nil)
	return secret, nil
}

// enter is one log-in. The client used for it carries no older token.
func (s *session) enter(ctx context.Context) (*api.Secret, error) {
	c, err := s.client.CloneWithHeaders()
	if err != nil {
		return nil, err
	}
	c.ClearToken()
	secret, err := s.login(ctx, c)
	var refused *api.ResponseError
	switch {
	case errors.As(err, &refused):
		if m := meaning(refused); away(m) || errors.Is(m, ErrBusy) {
			return nil, m
		}
		return nil, fmt.Errorf("%w: log-in: %v", ErrDenied, meaning(refused))
	case errors.Is(err, ErrDenied):
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w: log-in: %v", ErrDown, err)
	case secret == nil || secret.Auth == nil || secret.Auth.ClientToken == "":
		return nil, fmt.Errorf("%w: log-in gave no token", ErrDenied)
	}
	return secret, nil
}

// keep runs until ctx ends: hold a token, then fetch the next.
func (s *session) keep(ctx context.Context, secret *api.Secret) {
	for ctx.Err() == nil {
		if secret != nil {
			s.hold(ctx, secret)
			if ctx.Err() != nil {
				break
			}
		}
		secret = s.fetch(ctx)
	}
	s.mu.Lock()
	token := s.token
	s.mu.Unlock()
	s.set("", fmt.Errorf("%w: it was closed", ErrDown))
	s.revoke(token)
}

// hold renews a token until it must be replaced.
func (s *session) hold(ctx context.Context, secret *api.Secret) {
	c, err := s.client.CloneWithHeaders()
	if err != nil {
		return
	}
	c.SetToken(secret.Auth.ClientToken)
	ended := make(chan error, 1)
	if secret.Auth.LeaseDuration > 0 { // a root token has no lease to renew
		w, err := c.NewLifetimeWatcher(&api.LifetimeWatcherInput{Secret: secret})
		if err != nil {
			return
		}
		s.done.Go(w.Start)
		defer w.Stop()
		go func() { ended <- <-w.DoneCh() }()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-ended:
			s.log.Debug("vault token is replaced", slog.Any("error", err))
			return
		case d := <-s.doubts:
			if d.token != secret.Auth.ClientToken {
				d.answer <- nil
				continue
			}
			_, err := c.Auth().Token().LookupSelfWithContext(ctx)
			var refused *api.ResponseError
			if errors.As(err, &refused) && refused.StatusCode == 403 {
				s.set("", nil) // dead: those who ask wait for the next
				d.answer <- nil
				return
			}
			d.answer <- nil // alive, or Vault is away: the next call will tell
		}
	}
}

// fetch logs in, again and again if need be, waiting for a Vault that is away.
// Those who ask meanwhile get the old token while it lives, else the reason.
func (s *session) fetch(ctx context.Context) *api.Secret {
	for wait := firstProbe; ; wait = min(2*wait, 16*mostProbe) {
		secret, err := s.enter(ctx)
		if err == nil {
			if old := s.set(secret.Auth.ClientToken, nil); old != secret.Auth.ClientToken {
				s.done.Go(func() {
					sleep(ctx, s.drain)
					s.revoke(old)
				})
			}
			return secret
		}
		s.log.Warn("vault log-in failed", slog.Any("error", err))
		s.mu.Lock()
		old := s.token
		s.mu.Unlock()
		if old == "" || errors.Is(err, ErrDenied) {
			s.set("", err)
		}
		if !s.pause(ctx, jitter(wait)) {
			return nil
		}
		for away(err) && !s.settled(ctx) { // ask health, which costs no credential
			if !s.pause(ctx, jitter(mostProbe)) {
				return nil
			}
		}
	}
}

func (s *session) settled(ctx context.Context) bool { return s.health(ctx) == nil }

// pause waits, and tells those in doubt that nothing is known yet.
func (s *session) pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			return true
		case <-ctx.Done():
			return false
		case d := <-s.doubts:
			d.answer <- nil
		}
	}
}

// revoke ends a token that is no longer used; if that fails it ends by itself.
func (s *session) revoke(token string) {
	if token == "" || s.lent {
		return
	}
	c, err := s.client.CloneWithHeaders()
	if err != nil {
		return
	}
	c.SetToken(token)
	ctx, cancel := context.WithTimeout(context.Background(), s.drain)
	defer cancel()
	_ = c.Auth().Token().RevokeSelfWithContext(ctx, "")
}
