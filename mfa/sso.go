package mfa

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// SSO is single sign-on by OpenID Connect: authorization code with PKCE. Who
// comes in is matched by issuer and subject, never by name alone, so a provider
// cannot sign in as somebody of the local directory.
type SSO struct {
	Issuer  string              // https://…, its discovery document is read at the first use
	Client  string              // id
	Secret  string              //
	Groups  string              // claim with the groups; default "groups"
	Roles   map[string][]string // group → roles; nobody without a role comes in
	AMR     []string            // methods that count as a second factor; default mfa, otp, hwk
	ACR     []string            // levels that count as a second factor
	MaxAge  time.Duration       // since the person proved who they are at the provider; a session ends then too; default 12 h
	HTTP    *http.Client        // default one with 10 s patience
	Officer []string            // roles whose bearers are officers
}

// ErrNoRole: none of the person's groups has a role here.
var ErrNoRole = errors.New("no role for any of the person's groups")

const ssoCookie = "__Host-privet-sso"

type sso struct {
	SSO
	back     string // redirect address
	mu       sync.Mutex
	provider *oidc.Provider // guarded by mu; nil until it was reached
}

func newSSO(cfg SSO, desk *url.URL) (*sso, error) {
	if cfg.Issuer == "" || cfg.Client == "" || len(cfg.Roles) == 0 {
		return nil, errors.New("issuer, client and roles are required")
	}
	orDefault(&cfg.Groups, "groups")
	orDefault(&cfg.MaxAge, 12*time.Hour)
	if cfg.MaxAge < time.Minute || cfg.MaxAge > 24*time.Hour {
		return nil, fmt.Errorf("a sign-in at the provider lasts %v: not 1m to 24h (SP 800-63B-4 AAL2)", cfg.MaxAge)
	}
	if cfg.AMR == nil {
		cfg.AMR = []string{"mfa", "otp", "hwk"}
	}
	if cfg.HTTP == nil {
		cfg.HTTP = &http.Client{Timeout: 10 * time.Second}
	}
	return &sso{SSO: cfg, back: desk.JoinPath("/sso/callback").String()}, nil
}

// reach discovers the provider, once it answers.
func (s *sso) reach(ctx context.Context) (*oidc.Provider, *oauth2.Config, context.Context, error) {
	ctx = oidc.ClientContext(ctx, s.HTTP)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider == nil {
		// The provider outlives this request: its key set is fetched with its own client.
		provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), s.HTTP), s.Issuer)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("reach identity provider: %w", err)
		}
		s.provider = provider
	}
	return s.provider, &oauth2.Config{ClientID: s.Client, ClientSecret: s.Secret, Endpoint: s.provider.Endpoint(), RedirectURL: s.back,
		Scopes: []string{oidc.ScopeOpenID, "profile", "email", s.Groups}}, ctx, nil
}

// HasSSO says whether single sign-on is configured.
func (d *Door) HasSSO() bool { return d.sso != nil }

// SSOOrigins are where single sign-on leads a browser.
func (d *Door) SSOOrigins() []string {
	if d.sso == nil {
		return nil
	}
	u, err := url.Parse(d.sso.Issuer)
	if err != nil {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}

type ssoBody struct {
	Nonce, Verifier, Back string
	Browser               []byte
}

// SSOStart returns where to sign in, and marks the browser that may come back.
func (d *Door) SSOStart(w http.ResponseWriter, r *http.Request, back string) (string, error) {
	if d.sso == nil {
		return "", ErrUnknown
	}
	_, client, _, err := d.sso.reach(r.Context())
	if err != nil {
		return "", err
	}
	mark, digest := token()
	body := ssoBody{Nonce: rand.Text(), Verifier: oauth2.GenerateVerifier(), Back: cut(back, 8000), Browser: digest}
	text, err := json.Marshal(body)
	if err != nil {
		return "", err
	}
	state, err := d.issue(r.Context(), "sso", "", "", string(text), 2*ticketLife)
	if err != nil {
		return "", err
	}
	setCookie(w, ssoCookie, mark, 2*ticketLife)
	return client.AuthCodeURL(state, oidc.Nonce(body.Nonce), oauth2.S256ChallengeOption(body.Verifier),
		oauth2.SetAuthURLParam("max_age", strconv.Itoa(int(d.sso.MaxAge.Seconds())))), nil
}

// claims are what is read of an ID token.
type claims struct {
	Name     string   `json:"preferred_username"`
	Display  string   `json:"name"`
	Language string   `json:"locale"`
	AMR      []string `json:"amr"`
	ACR      string   `json:"acr"`
	AuthTime int64    `json:"auth_time"`
	Email    string   `json:"email"`
	Verified any      `json:"email_verified"` // some say it as a text
	groups   []string
}

// SSOFinish takes the provider's answer. Where the provider has proven a second
// factor it gives a session, else a ticket to which a code must be added.
func (d *Door) SSOFinish(w http.ResponseWriter, r *http.Request, from From) (in *SignedIn, next *Next, back string, err error) {
	if d.sso == nil {
		return nil, nil, "", ErrUnknown
	}
	ctx, act := r.Context(), Act{Kind: "signin.sso"}
	t, err := d.redeem(ctx, "sso", r.URL.Query().Get("state"))
	if err != nil {
		return nil, nil, "", d.noTicket(ctx, err, act.Kind, from)
	}
	var body ssoBody
	if err := json.Unmarshal([]byte(t.body), &body); err != nil {
		return nil, nil, "", fmt.Errorf("read ticket: %w", err)
	}
	mark, err := r.Cookie(ssoCookie)
	if err != nil || !hmac.Equal(digest(mark.Value), body.Browser) {
		act.Reason = "return"
		return nil, nil, "", d.refuse(ctx, act, ErrReturn, 0)
	}
	setCookie(w, ssoCookie, "", -1)
	subject, c, err := d.sso.exchange(ctx, r.URL.Query().Get("code"), body)
	if err == nil && d.now().Sub(time.Unix(c.AuthTime, 0)) > d.sso.MaxAge+skewAllowed { // OpenID Connect Core 1.0 §3.1.2.1
		err = fmt.Errorf("the provider does not say that the person proved who they are within %v", d.sso.MaxAge)
	}
	if err != nil {
		d.cfg.Logger.WarnContext(ctx, "single sign-on refused", "error", err)
		act.Reason = "provider"
		return nil, nil, "", d.refuse(ctx, act, ErrWrong, 0)
	}
	a, err := d.adopt(ctx, subject, c)
	if errors.Is(err, ErrNoRole) || errors.Is(err, ErrExists) {
		act.Reason = "no_role"
		return nil, nil, "", d.refuse(ctx, act, ErrNoRole, 0)
	}
	if err != nil {
		return nil, nil, "", err
	}
	act.Agent = a.Name
	if left, locked := d.lockedFor(a); locked {
		act.Reason = "locked"
		return nil, nil, "", d.refuse(ctx, act, ErrLocked, left)
	}
	at := d.now()
	if proven := time.Unix(c.AuthTime, 0).UTC(); proven.Before(at) {
		at = proven // when it was proven, not when we heard of it
	}
	proof := Proof{"sso", at}
	if !d.sso.strong(c) || d.passkeys.needed(a.Roles) {
		next, err = d.first(ctx, a, proof, from)
		return nil, next, body.Back, err
	}
	err = d.write(ctx, func(tx *sql.Tx) (err error) {
		in, err = d.begin(ctx, tx, a, []Proof{proof, {"sso_mfa", at}}, from)
		return err
	})
	if err != nil {
		return nil, nil, "", fmt.Errorf("begin session: %w", err)
	}
	in, err = d.welcome(ctx, act, in)
	return in, nil, body.Back, err
}

// address is where the person's notices may go: what the provider does not deny
// to be theirs.
func (c *claims) address() string {
	if c.Verified == false || c.Verified == "false" || checkEmail(c.Email) != nil {
		return ""
	}
	return c.Email
}

// exchange swaps the code for an ID token and checks it.
func (s *sso) exchange(ctx context.Context, code string, body ssoBody) (string, *claims, error) {
	provider, client, ctx, err := s.reach(ctx)
	if err != nil {
		return "", nil, err
	}
	tokens, err := client.Exchange(ctx, code, oauth2.VerifierOption(body.Verifier))
	if err != nil {
		return "", nil, fmt.Errorf("exchange code: %w", err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := provider.Verifier(&oidc.Config{ClientID: s.Client}).Verify(ctx, raw)
	if err != nil {
		return "", nil, fmt.Errorf("verify ID token: %w", err)
	}
	if !hmac.Equal([]byte(id.Nonce), []byte(body.Nonce)) {
		return "", nil, errors.New("ID token is for another sign-in")
	}
	var c claims
	all := map[string]json.RawMessage{}
	if err := errors.Join(id.Claims(&c), id.Claims(&all)); err != nil {
		return "", nil, fmt.Errorf("read claims: %w", err)
	}
	if err := json.Unmarshal(all[s.Groups], &c.groups); err != nil {
		c.groups = nil // no groups, no role
	}
	slices.Sort(c.groups) // whose order means nothing and changes: it must not look like other groups
	c.groups = slices.Compact(c.groups)
	return id.Issuer + " " + id.Subject, &c, nil
}

// strong says whether the provider has proven a second factor.
func (s *sso) strong(c *claims) bool {
	return slices.Contains(s.ACR, c.ACR) || slices.ContainsFunc(c.AMR, func(m string) bool { return slices.Contains(s.AMR, m) })
}

// roles are those of the person's groups, sorted.
func (s *sso) roles(groups []string) []string {
	var roles []string
	for _, g := range groups {
		roles = append(roles, s.Roles[g]...)
	}
	slices.Sort(roles)
	return slices.Compact(roles)
}

// adopt finds the person or adds them, with today's roles. A change of roles
// ends their other sessions.
func (d *Door) adopt(ctx context.Context, subject string, c *claims) (*agent, error) {
	roles := d.sso.roles(c.groups)
	if len(roles) == 0 {
		return nil, ErrNoRole
	}
	var known *agent
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		known, err = scanAgent(tx.QueryRowContext(ctx, `SELECT `+agentColumns+` FROM mfa_agents a WHERE a.sso = $1`, subject))
		return err
	})
	if errors.Is(err, ErrUnknown) {
		p := NewPerson{sso: subject, Person: Person{Name: strings.ToLower(c.Name), Display: c.Display, Kind: "agent", Roles: roles, Groups: c.groups, Language: cut(c.Language, 2), Email: c.address()}}
		if slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(d.sso.Officer, r) }) {
			p.Kind = "officer"
		}
		if _, err := d.AddAgent(ctx, "sso", p); err != nil {
			return nil, err
		}
		return d.agent(ctx, p.Name)
	}
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	if email := c.address(); email != "" && email != known.Email {
		if err := d.SetEmail(ctx, "sso", known.Name, email); err != nil {
			return nil, err
		}
	}
	if !slices.Equal(known.Roles, roles) || !slices.Equal(known.Groups, c.groups) {
		if err := d.Reassign(ctx, "sso", known.Name, roles, c.groups); err != nil {
			return nil, err
		}
		return d.agent(ctx, known.Name)
	}
	return known, nil
}
