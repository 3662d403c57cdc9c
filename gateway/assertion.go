package gateway

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
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
	keys   []ed25519.PrivateKey // of turn-1, turn, turn+1
	signer jose.Signer
	ready  map[assertionKey]signed
}

type assertionKey struct{ session, tool, purpose, matter, roles string }

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
	a := &Assertions{cfg: cfg, turn: -1}
	if err := a.turnTo(ctx, cfg.Clock()); err != nil {
		return nil, fmt.Errorf("open assertions: %w", err)
	}
	return a, nil
}

// turnTo makes the keys of a moment current.
func (a *Assertions) turnTo(ctx context.Context, now time.Time) error {
	turn := now.UnixNano() / int64(a.cfg.Turn)
	a.mu.Lock()
	defer a.mu.Unlock()
	if turn == a.turn {
		return nil
	}
	keys := make([]ed25519.PrivateKey, 0, 3)
	for t := turn - 1; t <= turn+1; t++ {
		seed, err := a.cfg.Seed(ctx, fmt.Sprintf("assertion/%d/%d", int64(a.cfg.Turn.Seconds()), t))
		if err != nil {
			return fmt.Errorf("derive key: %w", err)
		}
		if len(seed) != ed25519.SeedSize {
			return fmt.Errorf("derive key: %d bytes, want %d", len(seed), ed25519.SeedSize)
		}
		keys = append(keys, ed25519.NewKeyFromSeed(seed))
	}
	signer, err := jose.NewSigner(
		jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: keys[1], KeyID: keyID(turn), Algorithm: "EdDSA", Use: "sig"}},
		(&jose.SignerOptions{}).WithType("JWT"))
	if err != nil {
		return fmt.Errorf("make signer: %w", err)
	}
	a.turn, a.keys, a.signer, a.ready = turn, keys, signer, map[assertionKey]signed{}
	return nil
}

func keyID(turn int64) string { return fmt.Sprintf("privet-%d", turn) }

// For returns a statement about a session's agent for a tool. One is used for
// half its life, then signed anew.
func (a *Assertions) For(s *mfa.Session, tool, purpose, matter string) (string, error) {
	now := a.cfg.Clock()
	key := assertionKey{s.ID, tool, purpose, matter, strings.Join(s.Roles, "\x00")}
	a.mu.RLock()
	current := now.UnixNano()/int64(a.cfg.Turn) == a.turn
	have, ok := a.ready[key]
	a.mu.RUnlock()
	if current && ok && now.Before(have.until) {
		return have.token, nil
	}
	if !current {
		ctx, stop := context.WithTimeout(context.Background(), time.Second)
		defer stop()
		if err := a.turnTo(ctx, now); err != nil {
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
	for i, key := range a.keys {
		set.Keys = append(set.Keys, jose.JSONWebKey{Key: key.Public(), KeyID: keyID(a.turn - 1 + int64(i)), Algorithm: "EdDSA", Use: "sig"})
	}
	a.mu.RUnlock()
	w.Header().Set("Content-Type", "application/jwk-set+json")
	w.Header().Set("Cache-Control", "public, max-age=300")
	_ = json.NewEncoder(w).Encode(set)
}
