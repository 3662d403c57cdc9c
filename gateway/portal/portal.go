// Package portal is what a cardholder sees: file a privacy request in two minutes
// without an account, prove who they are by a code, follow it, take the answer.
//
// Every act works as a page without JavaScript and as a call of the JSON API; both
// run the same functions of [rights.Office]. Two wire protocols speak to partners:
// OpenDSR 2.0 under /opendsr/ and the Data Rights Protocol 1.0 under /drp/.
//
// A request's number is 125 bits of chance and known to its filer; it shows status,
// dates and timeline, nothing personal. Messages and the package need a fresh proof.
// Whether somebody is a cardholder is told only to who has proven the address.
package portal

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
)

//go:embed *.html words.yaml
var files embed.FS

// Config of the portal.
type Config struct {
	Office  *rights.Office
	OpenDSR *OpenDSR // nil: the protocol is off
	DRP     *DRP     // nil: the protocol is off
	Log     *slog.Logger
}

// Portal is an http.Handler for the portal's host.
type Portal struct {
	Config
	pages *page.Pages
	mux   *http.ServeMux
	guard *http.CrossOriginProtection
}

// New makes the portal.
func New(cfg Config) (*Portal, error) {
	pages, err := page.New(page.Config{FS: files})
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	p := &Portal{Config: cfg, pages: pages, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection()}
	p.routes()
	return p, nil
}

func (p *Portal) routes() {
	p.mux.HandleFunc("GET /{$}", p.home)
	p.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.refuse(w, r, no{http.StatusNotFound, "unknown_request"})
	})
	p.mux.HandleFunc("GET /notice", p.notice)
	p.mux.HandleFunc("GET /notice/{digest}", p.notice)
	p.mux.HandleFunc("POST /requests", p.file)
	p.mux.HandleFunc("GET /requests/{id}", p.show)
	p.mux.HandleFunc("POST /requests/{id}/verify", short(p.verify))
	p.mux.HandleFunc("POST /requests/{id}/code", short(p.resend))
	p.mux.HandleFunc("POST /requests/{id}/withdraw", short(p.withdraw))
	p.mux.HandleFunc("POST /requests/{id}/appeal", short(p.appeal))
	p.mux.HandleFunc("POST /requests/{id}/messages", p.message)
	p.mux.HandleFunc("GET /requests/{id}/package", p.pack)
	p.mux.HandleFunc("POST /requests/{id}/package", short(p.link))

	p.mux.HandleFunc("POST /api/requests", p.apiFile)
	p.mux.HandleFunc("GET /api/requests/{id}", p.apiShow)
	p.mux.HandleFunc("DELETE /api/requests/{id}", p.apiWithdraw)
	p.mux.HandleFunc("POST /api/requests/{id}/verify", p.apiVerify)
	p.mux.HandleFunc("POST /api/requests/{id}/code", p.apiResend)
	p.mux.HandleFunc("POST /api/requests/{id}/appeal", p.apiAppeal)
	p.mux.HandleFunc("POST /api/requests/{id}/messages", p.apiMessage)
	p.mux.HandleFunc("GET /api/requests/{id}/package", p.pack)
	if p.OpenDSR != nil {
		p.mux.Handle("/opendsr/", http.StripPrefix("/opendsr", p.OpenDSR))
		p.mux.Handle("/opengdpr/", http.StripPrefix("/opengdpr", p.OpenDSR)) // §10.1
	}
	if p.DRP != nil {
		p.mux.Handle("/drp/", http.StripPrefix("/drp", p.DRP))
	}
}

// short takes a form without files. Without a bound, whoever sends one with files fills
// the disk: no session is needed for most.
func short(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
		next(w, r)
	}
}

// ServeHTTP answers; a form that another site sends is refused.
func (p *Portal) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := p.guard.Check(r); err != nil {
		page.Refuse(w, r, page.Refusal{Status: http.StatusForbidden, Code: "cross_origin"})
		return
	}
	p.mux.ServeHTTP(w, r)
}

// no is how an error of the office is answered.
type no struct {
	status int
	code   string
}

// answerFor maps errors; what is not listed says nothing about itself.
func answerFor(err error) no {
	for _, m := range []struct {
		err error
		no
	}{
		{rights.ErrInvalid, no{http.StatusBadRequest, "invalid"}},
		{rights.ErrUnknown, no{http.StatusNotFound, "unknown_request"}},
		{rights.ErrUnproven, no{http.StatusUnauthorized, "unproven"}},
		{rights.ErrRange, no{http.StatusRequestedRangeNotSatisfiable, "no_such_range"}},
		{rights.ErrCodeSpent, no{http.StatusTooManyRequests, "code_spent"}},
		{rights.ErrCode, no{http.StatusUnauthorized, "wrong_code"}},
		{rights.ErrTransition, no{http.StatusConflict, "not_now"}},
		{rights.ErrPost, no{http.StatusServiceUnavailable, "post_down"}},
	} {
		if errors.Is(err, m.err) {
			return m.no
		}
	}
	return no{http.StatusServiceUnavailable, "unavailable"}
}

// filed is what went wrong with taking a request in. One whose code could not be
// mailed is filed: another code can be asked for.
func filed(req *rights.Request, err error) error {
	if req != nil && errors.Is(err, rights.ErrPost) {
		return nil
	}
	return err
}

// problem answers a program (RFC 9457). Details of listed errors hold no personal data.
func (p *Portal) problem(w http.ResponseWriter, r *http.Request, err error) {
	n := answerFor(err)
	id, detail := rand.Text()[:16], err.Error()
	if n.code == "unavailable" {
		detail = "try again in a minute; nothing was lost"
		p.Log.WarnContext(r.Context(), "a privacy request was not served", "request", id, "error", err.Error())
	}
	page.Tell(w, page.Problem{Status: n.status, Code: n.code, Detail: detail, RequestID: id})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// sessionCookie holds the proof of one request's identity, for half an hour.
func sessionCookie(id string) string { return "__Host-privet-request-" + id }

func (p *Portal) setSession(w http.ResponseWriter, r *http.Request, id string) (string, error) {
	token, err := p.Office.Session(r.Context(), id)
	if err != nil {
		return "", err
	}
	http.SetCookie(w, &http.Cookie{Name: sessionCookie(id), Value: token, Path: "/", MaxAge: 1800, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
	return token, nil
}

// session is the token a reader carries: cookie, or header for programs.
func session(r *http.Request, id string) string {
	if c, err := r.Cookie(sessionCookie(id)); err == nil {
		return c.Value
	}
	return r.Header.Get("Privet-Session")
}

// view is a request as its person sees it; nothing personal.
type view struct {
	ID       string         `json:"id"`
	Right    rights.Right   `json:"right"`
	Status   rights.Status  `json:"status"`
	Received time.Time      `json:"received"`
	Due      time.Time      `json:"due"`
	Regime   string         `json:"regime"`
	Cite     string         `json:"cite"`
	Extended bool           `json:"extended"`
	Reason   string         `json:"reason,omitempty"`
	Survivor string         `json:"survivor,omitempty"`
	Parent   string         `json:"appeal_of,omitempty"`
	Kept     []string       `json:"kept,omitempty"`
	Cools    *time.Time     `json:"cools,omitempty"`       // the proof counts from here: the address was changed lately
	Second   bool           `json:"second_code,omitempty"` // a second code is asked for, from the telephone on file
	Timeline []rights.Event `json:"timeline"`

	lang string
}

func (p *Portal) view(r *http.Request, id string) (*view, *rights.Request, error) {
	req, err := p.Office.Get(r.Context(), id)
	if err != nil {
		return nil, nil, err
	}
	events, err := p.Office.Timeline(r.Context(), id)
	if err != nil {
		return nil, nil, err
	}
	v := &view{ID: req.ID, Right: req.Right, Status: req.Status, Received: req.Received, Due: endOfDay(req.Due), Regime: req.Facts.Regime, Cite: req.Facts.Clock.Cite,
		Extended: req.Facts.Clock.Extended, Survivor: req.Facts.Survivor, Parent: req.Facts.Parent, lang: string(page.Of(r))}
	if req.Facts.Proven == nil && !req.Status.Final() {
		v.Cools, v.Second = req.Facts.Cools, req.Facts.Second
	}
	if why, cite := p.Office.Why(req, v.lang); why != "" {
		v.Reason = why
		if cite != "" {
			v.Reason += " (" + rights.Law(v.lang, cite) + ")"
		}
	}
	if req.Status == rights.CompletedPartial && req.Facts.Planned != nil {
		for _, why := range req.Facts.Planned.Reasons {
			name, cite, _ := strings.Cut(why, " (")
			v.Kept = append(v.Kept, rights.Because(v.lang, name)+" ("+rights.Law(v.lang, cite))
		}
	}
	for _, e := range events {
		if wordOf(e.Kind) == "" {
			continue // inside matters: holds, findings, repeats
		}
		e.Receipt = ""
		if e.Actor != "cardholder" && e.Actor != "privet" {
			e.Actor = "officer"
		}
		e.Detail = nil
		v.Timeline = append(v.Timeline, e)
	}
	return v, req, nil
}

func endOfDay(t time.Time) time.Time { return t.Add(24*time.Hour - time.Second) }

// wordOf is the timeline's word for an event, or "" for what stays inside.
func wordOf(kind string) string {
	switch kind {
	case "filed", "code_sent", "verified", "planned", "approved", "executing", "verifying", "proven", "completed", "ended", "withdrawn", "extended", "merged", "message", "compiled", "awaiting_external",
		"code_wrong", "code_spent", "file_refused", "cooling":
		return "event." + kind
	case "needs_attention", "drifted":
		return "event.delayed"
	}
	return ""
}

// word makes a status a key of the words: completed/full → status.completed.full.
func word(prefix, s string) string { return prefix + "." + strings.ReplaceAll(s, "/", ".") }
