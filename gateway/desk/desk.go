// Package desk is the agent's own pages and API: sign in, enrol, step up, see
// and end sessions, state a purpose, verify a caller.
//
// Pages and API do the same acts through [mfa.Door]; pages work without
// JavaScript, but for passkeys. A program gets problem documents, a browser's
// navigation pages. Requests that change something and come from another site
// are refused (http.CrossOriginProtection); a return address is followed only
// if the door signed it and it leads to one of the configured hosts. What goes
// wrong inside says nothing about itself: the log has it, under the request id
// that the answer shows.
package desk

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

//go:embed *.html words.yaml passkey.js
var files embed.FS

// Tool is a tool or another of Privet's hosts that a signed-in person can open.
type Tool struct {
	Name string // as people call it
	Word string // and the key of its name in every language, for one of ours
	URL  string // https://host
	Kind string // who sees it: "agent", "officer"; "" is everybody
}

// Config is what a desk is made of. Door is required.
type Config struct {
	Door     *mfa.Door
	Tools    []Tool
	Purposes []string // offered where an agent says why
	// Supervisors are the roles that may lock, unlock, invite and end others.
	Supervisors []string         // default "supervisor"
	Trail       mfa.Trail        // takes refusals that the door does not write down; nil for none
	Clock       func() time.Time // default time.Now
	Logger      *slog.Logger     // default: none
}

// Desk serves one host.
type Desk struct {
	cfg     Config
	door    *mfa.Door
	pages   *page.Pages
	handler http.Handler
}

// New reads the pages and lays the routes.
func New(cfg Config) (*Desk, error) {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.Supervisors == nil {
		cfg.Supervisors = []string{"supervisor"}
	}
	pages, err := page.New(page.Config{FS: files})
	if err != nil {
		return nil, err
	}
	d := &Desk{cfg: cfg, door: cfg.Door, pages: pages}
	csrf := http.NewCrossOriginProtection()
	csrf.SetDenyHandler(d.handle(func(http.ResponseWriter, *http.Request) error { return errCrossOrigin }))
	d.handler = csrf.Handler(d.routes())
	return d, nil
}

// ServeHTTP answers a request to the desk's host.
func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r = r.WithContext(context.WithValue(r.Context(), requestID{}, rand.Text()[:16]))
	d.handler.ServeHTTP(w, r)
}

func (d *Desk) routes() http.Handler {
	mux := http.NewServeMux()
	for pattern, h := range map[string]func(http.ResponseWriter, *http.Request) error{
		"POST /api/login":               d.apiLogin,
		"POST /api/code":                d.apiCode,
		"POST /api/logout":              d.apiLogout,
		"POST /api/step-up":             d.apiStepUp,
		"POST /api/purpose":             d.apiPurpose,
		"GET /api/session":              d.apiSession,
		"GET /api/sessions":             d.apiSessions,
		"POST /api/sessions/end":        d.apiEndSession,
		"GET /api/notices":              d.apiNotices,
		"POST /api/notices/confirm":     d.apiConfirmNotices,
		"POST /api/caller/start":        d.apiCallerStart,
		"POST /api/caller/verify":       d.apiCallerVerify,
		"POST /api/caller/questions":    d.apiCallerQuestions,
		"POST /api/caller/answer":       d.apiCallerAnswer,
		"POST /api/caller/end":          d.apiCallerEnd,
		"POST /api/passkey/begin":       d.passkeyBegin,
		"POST /api/passkey/finish":      d.apiPasskeyFinish,
		"POST /api/break-glass":         d.apiBreakGlass,
		"GET /api/team":                 d.apiTeam,
		"POST /api/agents/{name}/{act}": d.apiSupervise,

		"GET /{$}":               d.home,
		"POST /signin":           d.signIn,
		"POST /code":             d.code,
		"POST /logout":           d.logout,
		"GET /step-up":           d.stepUpPage,
		"POST /step-up":          d.stepUp,
		"POST /purpose":          d.purpose,
		"POST /notices":          d.confirmNotices,
		"POST /break-glass":      d.breakGlass,
		"GET /password":          d.passwordPage,
		"POST /password":         d.password,
		"POST /api/password":     d.apiPassword,
		"GET /team":              d.team,
		"POST /team/{act}":       d.teamAct,
		"GET /sessions":          d.sessions,
		"POST /sessions/end":     d.endSession,
		"GET /caller":            d.caller,
		"POST /caller/start":     d.callerStart,
		"POST /caller/verify":    d.callerVerify,
		"POST /caller/answer":    d.callerAnswer,
		"POST /caller/end":       d.callerEnd,
		"GET /help":              d.help,
		"GET /enrol":             d.enrolPage,
		"POST /enrol":            d.enrol,
		"POST /enrol/confirm":    d.confirm,
		"GET /factors":           d.factors,
		"POST /factors/device":   d.addDevice,
		"POST /factors/remove":   d.removeFactor,
		"POST /factors/recovery": d.newRecovery,
		"GET /passkey.js":        d.script,
		"POST /passkey/begin":    d.passkeyBegin,
		"POST /passkey/finish":   d.passkeyFinish,
		"POST /sso":              d.ssoStart,
		"GET /sso/callback":      d.ssoFinish,
		"/":                      func(http.ResponseWriter, *http.Request) error { return errNothing },
	} {
		mux.Handle(pattern, d.handle(h))
	}
	return mux
}

type requestID struct{}

// handle is the only place where an error becomes an answer.
func (d *Desk) handle(h func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		err := h(w, r)
		if errors.Is(err, page.ErrRender) { // answered already
			d.cfg.Logger.ErrorContext(r.Context(), "page cannot be rendered", "error", err)
			return
		}
		if err != nil {
			no := d.refusal(r, err)
			if (no.Status == http.StatusUnauthorized || no.Status == http.StatusForbidden) && no.Receipt == "" && d.cfg.Trail != nil {
				no.Receipt = d.refused(r, no)
			}
			page.Refuse(w, r, no)
		}
	})
}

// refused writes down who was kept from what (PCI DSS 4.0.1, 10.2.1.4).
func (d *Desk) refused(r *http.Request, no page.Refusal) string {
	act := mfa.Act{Kind: "refusal", Outcome: "refused", Reason: no.Code, Detail: map[string]string{"place": "desk", "request": no.RequestID}}
	if s, err := d.door.Recognise(r); err == nil {
		act.Agent, act.Session = s.Agent, s.ID
	}
	receipt, err := d.cfg.Trail.Record(r.Context(), act)
	if err != nil {
		d.cfg.Logger.ErrorContext(r.Context(), "a refusal could not be written down", "request", no.RequestID, "error", err)
	}
	return receipt
}

var (
	errCrossOrigin = errors.New("request from another site")
	errNothing     = errors.New("no such page")
	errRole        = errors.New("this is for supervisors")
	errBody        = errors.New("body is not what this address takes")
)

// answers: which refusal an error becomes. What is not listed is a 500 that
// says nothing about itself.
var answers = []struct {
	err    error
	status int
	code   string
}{
	{mfa.ErrNoSession, http.StatusUnauthorized, "no_session"},
	{mfa.ErrWrong, http.StatusUnauthorized, "wrong"},
	{mfa.ErrTicket, http.StatusUnauthorized, "ticket"},
	{mfa.ErrLocked, http.StatusLocked, "locked"},
	{mfa.ErrPasskey, http.StatusForbidden, "passkey_required"},
	{mfa.ErrSlow, http.StatusTooManyRequests, "slow_down"},
	{mfa.ErrChannel, http.StatusNotFound, "channel_unknown"},
	{mfa.ErrRecent, http.StatusConflict, "channel_recent"},
	{mfa.ErrUndated, http.StatusConflict, "channel_undated"},
	{mfa.ErrWeak, http.StatusUnprocessableEntity, "password_weak"},
	{mfa.ErrReused, http.StatusUnprocessableEntity, "password_reused"},
	{mfa.ErrReturn, http.StatusBadRequest, "return"},
	{mfa.ErrInput, http.StatusBadRequest, "input"},
	{mfa.ErrUnknown, http.StatusNotFound, "agent_unknown"},
	{mfa.ErrStale, http.StatusUnauthorized, "step_up"},
	{mfa.ErrNoRole, http.StatusForbidden, "no_role"},
	{mfa.ErrLast, http.StatusConflict, "last_factor"},
	{errRole, http.StatusForbidden, "not_supervisor"},
	{errBody, http.StatusBadRequest, "body"},
	{errCrossOrigin, http.StatusForbidden, "cross_origin"},
	{errNothing, http.StatusNotFound, "not_found"},
}

func (d *Desk) refusal(r *http.Request, err error) page.Refusal {
	id, _ := r.Context().Value(requestID{}).(string)
	no := page.Refusal{Status: http.StatusServiceUnavailable, Code: "unavailable", RequestID: id, RetryAfter: 1}
	for _, a := range answers {
		if errors.Is(err, a.err) {
			no = page.Refusal{Status: a.status, Code: a.code, RequestID: id}
			break
		}
	}
	var recorded *mfa.Refusal
	if errors.As(err, &recorded) {
		no.Receipt, no.RetryAfter = recorded.Receipt, mfa.Seconds(recorded.RetryAfter)
	}
	switch no.Code {
	case "no_session":
		no.SignIn, no.Challenge = "/", `Bearer realm="privet"`
	case "step_up":
		no.SignIn, no.Challenge = "/step-up?return="+home(r.URL.Path), page.StepUp("", 300)
	case "ticket":
		no.SignIn = "/"
	case "unavailable":
		d.cfg.Logger.ErrorContext(r.Context(), "desk cannot answer", "request", id, "error", err)
	}
	return no
}

// home is the page of ours that an act belongs to.
func home(path string) string {
	for _, own := range []string{"/factors", "/team", "/password"} {
		if strings.HasPrefix(path, own) {
			return own
		}
	}
	return "/"
}

// from says where a request comes from.
func from(r *http.Request) mfa.From {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return mfa.From{Address: host, Browser: r.UserAgent()}
}

func bearer(s *mfa.Session) mfa.Bearer { return mfa.Bearer{ID: s.ID, Agent: s.Agent} }
