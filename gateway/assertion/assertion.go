// Package assertion is how a tool learns who an agent is: a signed statement
// in the header Privet-Assertion, which Privet sets and nobody else can.
//
// A tool verifies it with the keys that the desk publishes:
//
//	v := assertion.Verifier{Keys: "https://desk.example.com/.well-known/jwks.json",
//		Issuer: "https://desk.example.com", Tool: "cases"}
//	http.ListenAndServe(":8000", v.Protect(app))
//	…
//	who, _ := assertion.From(r.Context())
//
// A statement is a JWT (RFC 7519) under EdDSA or ES256, for one tool, valid for
// at most 60 seconds. A request without a valid one gets 401 and never reaches
// the application. Keys are fetched when an unknown one is met, at most once in
// ten seconds, and kept while the desk does not answer.
//
// The package imports nothing of Privet, so that a tool gets a small dependency.
package assertion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Header carries the statement.
const Header = "Privet-Assertion"

// Longest is how long a statement may be valid.
const Longest = 60 * time.Second

// Agent is who acts, and why.
type Agent struct {
	Name    string   `json:"sub"`
	Roles   []string `json:"roles"`
	Purpose string   `json:"purpose,omitempty"`
	Case    string   `json:"case,omitempty"`
}

// ErrInvalid: there is no statement, or it does not hold.
var ErrInvalid = errors.New("no valid assertion")

// Verifier checks statements. Its zero value refuses all; fill in the first
// three fields. It is safe for concurrent use and must not be copied.
type Verifier struct {
	Keys   string // URL of the key set
	Issuer string // who must have signed
	Tool   string // whom the statement must be for

	Client *http.Client     // default: a client with 5 s patience
	Clock  func() time.Time // default time.Now

	mu      sync.Mutex
	set     jose.JSONWebKeySet
	fetched time.Time
	asking  chan struct{} // closed when the desk has answered, or has not; nil: nobody asks it
}

// Verify returns the agent that a statement names.
func (v *Verifier) Verify(ctx context.Context, statement string) (Agent, error) {
	token, err := jwt.ParseSigned(statement, []jose.SignatureAlgorithm{jose.EdDSA, jose.ES256})
	if err != nil || len(token.Headers) != 1 || v.Issuer == "" || v.Tool == "" {
		return Agent{}, fmt.Errorf("read assertion: %w", ErrInvalid)
	}
	key, err := v.key(ctx, token.Headers[0].KeyID)
	if err != nil {
		return Agent{}, err
	}
	var claims jwt.Claims
	var agent Agent
	if err := token.Claims(key, &claims, &agent); err != nil {
		return Agent{}, fmt.Errorf("check signature: %w", ErrInvalid)
	}
	if claims.Expiry == nil || claims.IssuedAt == nil || claims.Expiry.Time().Sub(claims.IssuedAt.Time()) > Longest {
		return Agent{}, fmt.Errorf("check validity: %w", ErrInvalid)
	}
	expected := jwt.Expected{Issuer: v.Issuer, AnyAudience: jwt.Audience{v.Tool}, Time: v.now()}
	if err := claims.ValidateWithLeeway(expected, 5*time.Second); err != nil {
		return Agent{}, fmt.Errorf("check claims: %w", ErrInvalid)
	}
	return agent, nil
}

func (v *Verifier) now() time.Time {
	if v.Clock != nil {
		return v.Clock()
	}
	return time.Now()
}

// key finds a key by its id, and asks the desk for one it does not know. Only who
// needs such a one waits for the desk.
func (v *Verifier) key(ctx context.Context, id string) (*jose.JSONWebKey, error) {
	for {
		v.mu.Lock()
		known, asking := v.set.Key(id), v.asking
		if len(known) == 0 && asking == nil && v.now().Sub(v.fetched) >= 10*time.Second {
			asking = make(chan struct{})
			v.asking, v.fetched = asking, v.now()
			go v.refresh(context.WithoutCancel(ctx), asking)
		}
		v.mu.Unlock()
		switch {
		case len(known) == 1:
			return &known[0], nil
		case asking == nil:
			return nil, fmt.Errorf("find key: %w", ErrInvalid)
		}
		select {
		case <-asking:
		case <-ctx.Done():
			return nil, fmt.Errorf("fetch keys: %w: %w", ErrInvalid, context.Cause(ctx))
		}
	}
}

// refresh asks the desk once; the keys at hand stay if it does not answer.
func (v *Verifier) refresh(ctx context.Context, asking chan struct{}) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	set, err := v.fetch(ctx)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.asking = nil; err == nil {
		v.set = set
	}
	close(asking)
}

func (v *Verifier) fetch(ctx context.Context) (set jose.JSONWebKeySet, err error) {
	client := v.Client
	if client == nil {
		client = &http.Client{Timeout: 5 * time.Second}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, v.Keys, nil)
	if err != nil {
		return set, err
	}
	res, err := client.Do(req)
	if err != nil {
		return set, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return set, fmt.Errorf("the desk answered %d", res.StatusCode)
	}
	return set, json.NewDecoder(io.LimitReader(res.Body, 1<<20)).Decode(&set)
}

type agentKey struct{}

// Protect lets requests through that carry a valid statement, with the agent in
// their context.
func (v *Verifier) Protect(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sent := r.Header.Values(Header)
		if len(sent) != 1 {
			http.Error(w, "this application is reached through Privet only", http.StatusUnauthorized)
			return
		}
		agent, err := v.Verify(r.Context(), sent[0])
		if err != nil {
			http.Error(w, "the assertion is not valid", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), agentKey{}, agent)))
	})
}

// From returns the agent of a protected request.
func From(ctx context.Context) (Agent, bool) {
	agent, ok := ctx.Value(agentKey{}).(Agent)
	return agent, ok
}
