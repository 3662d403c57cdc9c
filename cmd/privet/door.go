package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/privet-gateway/privet/gateway/desk"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// openDoor opens sign-in.
func (h *house) openDoor(ctx context.Context) (*mfa.Door, error) {
	in := h.cfg.SignIn
	var sso *mfa.SSO
	if c := in.SSO; c != nil {
		sso = &mfa.SSO{Issuer: c.Issuer, Client: c.Client, Groups: c.Groups, Roles: c.Roles, Officer: c.Officers,
			AMR: c.AMR, ACR: c.ACR, MaxAge: c.MaxAge, HTTP: &http.Client{Timeout: 5 * time.Second}}
		if c.Secret != "" { // a public client has none
			var err error
			if sso.Secret, err = environ(c.Secret); err != nil {
				return nil, fmt.Errorf("sign_in.sso: %w", err)
			}
		}
	}
	var knowledge mfa.Knowledge
	if len(h.cfg.Persons.Questions) > 0 {
		knowledge = h.persons
	}
	door, err := mfa.Open(ctx, mfa.Config{Knowledge: knowledge, Undated: h.cfg.Persons.Undated, Store: h.db, Sealer: h.keeper, Trail: acts{h.trail}, Post: h.post, Cardholders: h.persons,
		Desk: h.cfg.at(h.cfg.Hosts.Desk), Hosts: h.guarded(), Logger: h.log, SSO: sso, Scrub: func(text string) string { return h.inForce().scan.String(text) }, Passkeys: in.Passkeys,
		Limits: mfa.Limits{Idle: in.Idle, Absolute: in.Absolute, Lock: in.Lockout}})
	if err != nil {
		return nil, err
	}
	h.onClose(door.Close)
	return door, nil
}

// guarded are the hosts that take sessions over from the desk.
func (h *house) guarded() []*url.URL {
	var hosts []*url.URL
	for _, t := range h.cfg.Tools {
		hosts = append(hosts, h.cfg.at(t.Host))
	}
	if h.cfg.Hosts.Console != "" {
		hosts = append(hosts, h.cfg.at(h.cfg.Hosts.Console))
	}
	return hosts
}

// own are Privet's own hosts.
func (h *house) own() (map[string]http.Handler, error) {
	var tools []desk.Tool
	for _, t := range h.cfg.Tools {
		tools = append(tools, desk.Tool{Name: t.Name, URL: h.cfg.at(t.Host).String(), Kind: "agent"})
	}
	if h.cfg.Hosts.Console != "" {
		tools = append(tools, desk.Tool{Name: "Privacy requests", Word: "home.console", URL: h.cfg.at(h.cfg.Hosts.Console).String(), Kind: "officer"})
	}
	pages, err := desk.New(desk.Config{Door: h.door, Trail: acts{h.trail}, Tools: tools, Purposes: h.policy.Purposes(), Logger: h.log})
	if err != nil {
		return nil, fmt.Errorf("open desk: %w", err)
	}
	watched, err := h.telemetry.watched("desk", pages)
	if err != nil {
		return nil, err
	}
	return map[string]http.Handler{h.cfg.Hosts.Desk: watched}, nil
}

// threshold stands before every host that takes sessions over from the desk. A
// browser without one goes to the desk and comes back with one; a program goes
// on and is refused inside. Streams that reconnect are nobody's activity.
func (h *house) threshold(inside http.Handler) http.Handler {
	hosts := map[string]bool{}
	for _, u := range h.guarded() {
		hosts[strings.ToLower(u.Host)] = true
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !hosts[strings.ToLower(r.Host)] {
			inside.ServeHTTP(w, r)
			return
		}
		if r.URL.Path == mfa.EnterPath && r.Method == http.MethodGet {
			h.enter(w, r)
			return
		}
		ctx := mfa.AtHost(r.Context(), r.Host)
		if r.Header.Get("Upgrade") != "" || r.Header.Get("Accept") == "text/event-stream" {
			ctx = mfa.Background(ctx)
		}
		r = r.WithContext(ctx)
		if r.Method == http.MethodGet && page.Navigation(r) {
			if _, err := h.door.Session(ctx, mfa.TokenOf(r)); errors.Is(err, mfa.ErrNoSession) && h.strangers.Allow(comesFrom(r)) { // else it is refused inside
				if to, receipt, err := h.door.Depart(w, r); err == nil {
					w.Header().Set("Privet-Receipt", receipt)
					w.Header().Set("Cache-Control", "no-store")
					http.Redirect(w, r, to, http.StatusSeeOther)
					return
				}
			}
		}
		inside.ServeHTTP(w, r)
	})
}

// enter takes a session over; whoever cannot have it may sign in again.
func (h *house) enter(w http.ResponseWriter, r *http.Request) {
	to, err := h.door.Enter(w, r)
	if err == nil {
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	no := page.Refusal{Status: http.StatusServiceUnavailable, Code: "unavailable", RetryAfter: 1, SignIn: h.cfg.at(h.cfg.Hosts.Desk).String()}
	var recorded *mfa.Refusal
	if errors.As(err, &recorded) {
		no.Status, no.Code, no.RetryAfter, no.Receipt = http.StatusForbidden, "return", 0, recorded.Receipt
	}
	page.Refuse(w, r, no)
}

// addDemoPerson adds an agent or officer with a given password and TOTP seed,
// unless they are there already.
func (h *house) addDemoPerson(ctx context.Context, p demoPerson, password string, seed []byte) (string, error) {
	_, err := h.door.AddAgent(ctx, "demo", mfa.NewPerson{Password: password, Seed: seed,
		Person: mfa.Person{Name: p.Login, Display: p.Name, Kind: p.Kind, Roles: []string{p.Role}}})
	if err != nil && !errors.Is(err, mfa.ErrExists) {
		return "", err
	}
	return h.door.KeyURL(p.Login, seed), nil
}
