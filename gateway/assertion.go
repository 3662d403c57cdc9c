package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/privet-gateway/privet/gateway/assertion"
	"github.com/privet-gateway/privet/mfa"
)

var errSign = errors.New("the agent's identity could not be signed")

// AssertionConfig says how tools are told who an agent is.
type AssertionConfig struct {
	Issuer string // the desk's URL
	// Seed gives 32 secret bytes for a purpose, always the same for the same
	// purpose, so that every replica signs with the same key: keeper.MACKey.
	Seed  func(ctx context.Context, purpose string) ([]byte, error)
	Turn  time.Duration    // how long a key signs; default 24 h
	Clock func() time.Time // default time.Now
}

// Assertions signs who an agent is, for one tool and at most a minute. Keys
// turn with the clock; the one before and the one after are published too, so
// that neither a late statement nor a fast clock is refused.
type Assertions struct {
	cfg AssertionConfig

	mu     sync.RWMutex
	turn   int64
	keys   map[int64]ed25519.PrivateKey // of turn, and of the turns before and after as far as they could be had; never changed
	signer jose.Signer
	ready  map[assertionKey]signed
}

type assertionKey struct{ session, tool, purpose, matter, roles string }

// signPatience is how long a statement waits for the keeper.
const signPatience = 200 * time.Millisecond

type signed struct {
	token string
	until time.Time
}

// NewAssertions derives the keys of today.
func NewAssertions(ctx context.Context, cfg AssertionConfig) (*Assertions, error) {
	if cfg.Turn <= 0 {
		cfg.Turn = 24 * time.Hour
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Issuer == "" || cfg.Seed == nil {
		return nil, errors.New("open assertions: Issuer and Seed are required")
	}
	a := &Assertions{cfg: cfg, turn: -1, keys: map[int64]ed25519.PrivateKey{}}
	if err := a.turnTo(ctx, cfg.Clock()); err != nil {
		return nil, fmt.Errorf("open assertions: %w", err)
	}
	return a, nil
}

// turnTo has the keys of a moment and of the turns around it. The one that signs is
// known a turn ahead: a keeper that is away as they turn stops nobody.
func (a *Assertions) turnTo(ctx context.Context, now time.Time) error {
	turn := a.turnOf(now)
	a.mu.RLock()
	keys, same := maps.Clone(a.keys), turn == a.turn
	a.mu.RUnlock()
	if same && len(keys) == 3 {
		return nil
	}
	maps.DeleteFunc(keys, func(t int64, _ ed25519.PrivateKey) bool { return t < turn-1 || t > turn+1 })
	var failed error
	for _, t := range [...]int64{turn, turn + 1, turn - 1} {
		if _, known := keys[t]; known || failed != nil {
			continue
		}
		var seed []byte
		if seed, failed = a.cfg.Seed(ctx, fmt.Sprintf("assertion/%d/%d", int64(a.cfg.Turn.Seconds()), t)); failed != nil {
			continue
		}
		if len(seed) != ed25519.SeedSize {
			return fmt.Errorf("derive key: %d bytes, want %d", len(seed), ed25519.SeedSize)
		}
		keys[t] = ed25519.NewKeyFromSeed(seed)
	}
	if keys[turn] == nil {
		return fmt.Errorf("derive key: %w", failed)
	}
	return a.use(turn, keys)
}

func (a *Assertions) turnOf(now time.Time) int64 { return now.UnixNano() / int64(a.cfg.Turn) }

// use signs with a turn's key from now on.
func (a *Assertions) use(turn int64, keys map[int64]ed25519.PrivateKey) error {
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: keys[turn], KeyID: keyID(turn), Algorithm: "EdDSA", Use: "sig"}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("make signer: %w", err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn, a.keys, a.signer, a.ready = turn, keys, signer, map[assertionKey]signed{}
	return nil
}

// turned is what a statement waits for when the turn is another: nothing, where its
// key is known. The keys around it are then asked for meanwhile.
func (a *Assertions) turned(now time.Time) error {
	turn := a.turnOf(now)
	a.mu.RLock()
	keys := a.keys
	a.mu.RUnlock()
	if keys[turn] == nil {
		ctx, stop := context.WithTimeout(context.Background(), signPatience)
		defer stop()
		return a.turnTo(ctx, now)
	}
	if err := a.use(turn, keys); err != nil {
		return err
	}
	go func() {
		ctx, stop := context.WithTimeout(context.Background(), 10*signPatience)
		defer stop()
		_ = a.turnTo(ctx, now) // whoever asks for the keys has it tried again
	}()
	return nil
}

func keyID(turn int64) string { return fmt.Sprintf("privet-%d", turn) }

// For returns a statement about a session's agent for a tool. One is used for
// half its life, then signed anew.
func (a *Assertions) For(s *mfa.Session, tool, purpose, matter string) (string, error) {
	now := a.cfg.Clock()
	key := assertionKey{s.ID, tool, purpose, matter, strings.Join(s.Roles, "\x00")}
	a.mu.RLock()
	current := a.turnOf(now) == a.turn
	have, ok := a.ready[key]
	a.mu.RUnlock()
	if current && ok && now.Before(have.until) {
		return have.token, nil
	}
	if !current {
		if err := a.turned(now); err != nil {
			return "", fmt.Errorf("%w: %w", errSign, err)
		}
	}
	return a.sign(key, s, now)
}

func (a *Assertions) sign(key assertionKey, s *mfa.Session, now time.Time) (string, error) {
	a.mu.RLock()
	signer := a.signer
	a.mu.RUnlock()
	claims := jwt.Claims{Issuer: a.cfg.Issuer, Audience: jwt.Audience{key.tool},
		IssuedAt: jwt.NewNumericDate(now), Expiry: jwt.NewNumericDate(now.Add(assertion.Longest))}
	token, err := jwt.Signed(signer).Claims(claims).
		Claims(assertion.Agent{Name: s.Agent, Roles: slices.Clone(s.Roles), Purpose: key.purpose, Case: key.matter}).Serialize()
	if err != nil {
		return "", fmt.Errorf("%w: %w", errSign, err)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(a.ready) >= 16384 { // more agents than that in half a minute: begin anew
		clear(a.ready)
	}
	a.ready[key] = signed{token, now.Add(assertion.Longest / 2)}
	return token, nil
}

// ServeHTTP publishes the keys (RFC 7517), for /.well-known/jwks.json.
func (a *Assertions) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := a.turnTo(r.Context(), a.cfg.Clock()); err != nil {
		http.Error(w, "keys are not available", http.StatusServiceUnavailable)
		return
	}
	a.mu.RLock()
	var set jose.JSONWebKeySet
	for _, turn := range slices.Sorted(maps.Keys(a.keys)) {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: a.keys[turn].Public(), KeyID: keyID(turn), Algorithm: "EdDSA", Use: "sig"})
	}
	a.mu.RUnlock()
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_ = json.NewEncoder(w).Encode(set)
}
