// Package console is the officer's side: the queue of privacy requests with its
// clocks, plans with other people's rows beside one's own, approvals by two,
// holds, letters, and evidence that can be checked without us.
//
// Every act is a page's form and a call of the JSON API; both run the same function
// of [rights.Office], which writes it into the trail first. Officers sign in at the
// desk; a session without one of the configured roles reads nothing.
package console

import (
	"crypto/rand"
	"embed"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

//go:embed *.html words.yaml
var files embed.FS

// Door knows the session of a request to this host; mfa.Door is one.
type Door interface {
	Recognise(r *http.Request) (*mfa.Session, error)
}

// Config of the console.
type Config struct {
	Office  *rights.Office
	Trail   *audit.Trail
	Door    Door
	Desk    *url.URL          // where officers sign in
	Acting  []string          // roles that may decide; default privacy
	Reading []string          // roles that may look; default auditor, and those above
	Own     map[string]string // officers who are cardholders too: their subject
	Rules   func() Rules      // in force; nil: they are not shown
	Exports string            // directory for archives on their way; "": they are gone with the process
	Log     *slog.Logger
}

// Console is an http.Handler for the console's host.
type Console struct {
	Config
	pages *page.Pages
	mux   *http.ServeMux
	guard *http.CrossOriginProtection

	exports *exports
}

// New makes the console.
func New(cfg Config) (*Console, error) {
	pages, err := page.New(page.Config{FS: files})
	if err != nil {
		return nil, err
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Acting == nil {
		cfg.Acting = []string{"privacy"}
	}
	if cfg.Reading == nil {
		cfg.Reading = []string{"auditor"}
	}
	c := &Console{Config: cfg, pages: pages, mux: http.NewServeMux(), guard: http.NewCrossOriginProtection(),
		exports: openExports(cfg.Trail, cfg.Exports, cfg.Log)}
	c.routes()
	return c, nil
}

func (c *Console) routes() {
	c.mux.HandleFunc("GET /{$}", c.reader(c.queue))
	c.mux.HandleFunc("GET /requests/{id}", c.reader(c.show))
	c.mux.HandleFunc("GET /requests/{id}/texts", c.officer(c.texts))
	c.mux.HandleFunc("POST /requests/{id}/preview", c.officer(c.preview))
	c.mux.HandleFunc("GET /api/requests/{id}/passages", c.officer(c.apiPassages))
	c.mux.HandleFunc("GET /requests/{id}/files/{seq}/{n}", c.reader(c.attachment))
	c.mux.HandleFunc("GET /api/requests", c.reader(c.apiQueue))
	c.mux.HandleFunc("GET /api/requests/{id}", c.reader(c.apiShow))
	c.mux.HandleFunc("GET /api/evidence/{id}", c.reader(c.evidence))
	c.mux.HandleFunc("POST /api/suppressed", c.reader(c.apiSuppressed))
	c.trailRoutes()
	if c.Rules != nil {
		c.mux.HandleFunc("GET /rules", c.reader(c.showRules))
		c.mux.HandleFunc("GET /api/rules", c.reader(c.apiRules))
	}
	c.mux.HandleFunc("/", c.reader(c.missing))
	for _, act := range []string{"plan", "approve", "deny", "extend", "hold", "release", "retry", "attest", "message", "redact", "unredact"} {
		c.mux.HandleFunc("POST /api/requests/{id}/"+act, c.officer(c.apiAct(act)))
		c.mux.HandleFunc("POST /requests/{id}/"+act, c.officer(c.formAct(act)))
	}
}

// ServeHTTP answers; a form that another site sends is refused.
func (c *Console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if err := c.guard.Check(r); err != nil {
		page.Refuse(w, r, page.Refusal{Status: http.StatusForbidden, Code: "cross_origin"})
		return
	}
	c.mux.ServeHTTP(w, r)
}

// Handler answers a request of a proven person.
type Handler func(w http.ResponseWriter, r *http.Request, who *mfa.Session)

// reader lets in who may look, officer who may decide.
func (c *Console) reader(f Handler) http.HandlerFunc {
	return c.with(append(slices.Clone(c.Reading), c.Acting...), f)
}

func (c *Console) officer(f Handler) http.HandlerFunc { return c.with(c.Acting, f) }

func (c *Console) with(roles []string, f Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		id := rand.Text()[:16]
		who, err := c.Door.Recognise(r)
		switch {
		case errors.Is(err, mfa.ErrNoSession):
			page.Refuse(w, r, page.Refusal{Status: http.StatusUnauthorized, Code: "no_session", RequestID: id, Receipt: c.refused(r, &mfa.Session{}, id, "no_session"),
				Challenge: `Bearer realm="privet"`, SignIn: c.signIn(r)})
		case err != nil:
			c.Log.WarnContext(r.Context(), "the console could not serve", "request", id, "error", err.Error())
			page.Refuse(w, r, page.Refusal{Status: http.StatusServiceUnavailable, Code: "unavailable", RequestID: id})
		case !slices.ContainsFunc(who.Roles, func(role string) bool { return slices.Contains(roles, role) }):
			page.Refuse(w, r, page.Refusal{Status: http.StatusForbidden, Code: "not_officer", RequestID: id, Receipt: c.refused(r, who, id, "not_officer")})
		default:
			f(w, r, who)
		}
	}
}

// missing says that there is nothing at an address, and where to go on.
func (c *Console) missing(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	if !page.Navigation(r) {
		page.Refuse(w, r, page.Refusal{Status: http.StatusNotFound, Code: "not_found"})
		return
	}
	v := c.view(who, "missing.title", nil)
	v.Status = http.StatusNotFound
	c.render(w, r, "missing", v)
}

// refused writes down that somebody without a session or the role was here.
func (c *Console) refused(r *http.Request, who *mfa.Session, id, reason string) string {
	receipt, err := c.Trail.Append(r.Context(), audit.Event{Kind: "refusal", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "refused", Request: id, Reason: reason})
	if err != nil {
		c.Log.WarnContext(r.Context(), "a refusal could not be written down", "error", err.Error())
	}
	return string(receipt)
}

func (c *Console) signIn(r *http.Request) string {
	if c.Desk == nil {
		return ""
	}
	u := *c.Desk
	if r.Method == http.MethodGet {
		back := url.URL{Scheme: "https", Host: r.Host, Path: r.URL.Path, RawQuery: r.URL.RawQuery}
		u.RawQuery = url.Values{"to": {back.String()}}.Encode()
	}
	return u.String()
}

type answer struct {
	status int
	code   string
}

// answerFor maps errors; what is not listed says nothing about itself.
func answerFor(err error) answer {
	for _, m := range []struct {
		err error
		answer
	}{
		{rights.ErrInvalid, answer{http.StatusBadRequest, "invalid"}},
		{rights.ErrUnknown, answer{http.StatusNotFound, "unknown_request"}},
		{rights.ErrUnproven, answer{http.StatusConflict, "unproven"}},
		{rights.ErrSame, answer{http.StatusForbidden, "same_officer"}},
		{rights.ErrDrift, answer{http.StatusConflict, "plan_drifted"}},
		{rights.ErrHeld, answer{http.StatusLocked, "held"}},
		{rights.ErrLateNotice, answer{http.StatusConflict, "late_notice"}},
		{rights.ErrNoExtension, answer{http.StatusConflict, "no_extension"}},
		{rights.ErrTransition, answer{http.StatusConflict, "not_now"}},
		{rights.ErrMap, answer{http.StatusUnprocessableEntity, "data_map"}},
		{rights.ErrPost, answer{http.StatusServiceUnavailable, "post_down"}},
		{rights.ErrBroken, answer{http.StatusBadGateway, "holder_broken"}},
		{rights.ErrLater, answer{http.StatusBadGateway, "holder_busy"}},
	} {
		if errors.Is(err, m.err) {
			return m.answer
		}
	}
	return answer{http.StatusServiceUnavailable, "unavailable"}
}

func (c *Console) problem(w http.ResponseWriter, r *http.Request, err error) {
	c.tell(w, r, answerFor(err), err)
}

// tell answers a program; only what is listed says what it is.
func (c *Console) tell(w http.ResponseWriter, r *http.Request, a answer, err error) {
	id, detail := rand.Text()[:16], err.Error()
	if a.code == "unavailable" {
		detail = "try again in a minute; nothing was lost"
		c.Log.WarnContext(r.Context(), "the console could not serve", "request", id, "error", err.Error())
	}
	page.Tell(w, page.Problem{Status: a.status, Code: a.code, Detail: detail, RequestID: id})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// brief is a request as the queue shows it; nothing personal.
type brief struct {
	ID        string              `json:"id"`
	Right     rights.Right        `json:"right"`
	Status    rights.Status       `json:"status"`
	Regime    string              `json:"regime"`
	Language  string              `json:"language"`
	Channel   string              `json:"channel"`
	Received  time.Time           `json:"received"`
	Due       time.Time           `json:"due"`
	DaysLeft  int                 `json:"days_left"`
	Extended  bool                `json:"extended"`
	Proven    string              `json:"identity,omitempty"`
	PlanHash  string              `json:"plan_hash,omitempty"`
	Plan      *rights.Summary     `json:"plan,omitempty"`
	Approvals []rights.Approval   `json:"approvals"`
	Needs     int                 `json:"approvals_needed"`
	Findings  []string            `json:"findings,omitempty"`
	Reason    string              `json:"reason,omitempty"`
	Survivor  string              `json:"survivor,omitempty"`
	Parent    string              `json:"appeal_of,omitempty"`
	Steps     []rights.Step       `json:"steps,omitempty"`
	Timeline  []rights.Event      `json:"timeline,omitempty"`
	Person    map[string]string   `json:"person,omitempty"`
	Wishes    []rights.Correction `json:"corrections,omitempty"`
	Expected  *time.Time          `json:"expected,omitempty"` // the end, at the present pace
	Misses    bool                `json:"misses"`             // its day, at the present pace
	Cools     *time.Time          `json:"cools,omitempty"`
	Second    bool                `json:"second_code,omitempty"`

	known func(key string) bool // of the words
}

// Word is a name of ours as a key of the words, or "" for one that they do not have: a
// law of the configuration, an officer, an event of another version.
func (b brief) Word(prefix, name string) string {
	if key := prefix + "." + name; b.known(key) {
		return key
	}
	return ""
}

// Clock is the queue's words and colour for the days left.
func (b brief) Clock() (word, colour string) {
	switch {
	case b.Status.Final():
		return "clock.done", "plain"
	case b.DaysLeft < 0:
		return "clock.late", "no"
	case b.DaysLeft <= 5:
		return "clock.soon", "no"
	case b.DaysLeft <= 14:
		return "clock.near", "wait"
	}
	return "clock.fine", ""
}

// ClockWord and ClockColour split Clock for templates.
func (b brief) ClockWord() string { w, _ := b.Clock(); return w }

// ClockColour is the badge's class.
func (b brief) ClockColour() string { _, c := b.Clock(); return c }

// StatusWord is the status as a key of the words.
func (b brief) StatusWord() string { return "status." + dotted(string(b.Status)) }

func dotted(s string) string { return strings.ReplaceAll(s, "/", ".") }

// Day is a date as data has it.
func (brief) Day(t time.Time) string { return t.Format(time.DateOnly) }

// Theirs says whether the request waits for its person to prove who they are.
func (b brief) Theirs() bool {
	return b.Status == rights.IdentityPending || b.Status == rights.Received
}

func (c *Console) brief(r *rights.Request) brief {
	b := brief{ID: r.ID, Right: r.Right, Status: r.Status, Regime: r.Facts.Regime, Language: r.Facts.Language, Channel: r.Facts.Channel,
		Received: r.Received, Due: r.Due.Add(24*time.Hour - time.Second), DaysLeft: r.Facts.Clock.DaysLeft(c.Office.Now()), Extended: r.Facts.Clock.Extended,
		Proven: r.Facts.Level, PlanHash: r.Facts.PlanHash, Plan: r.Facts.Planned, Approvals: r.Facts.Approvals, Needs: 1,
		Findings: r.Facts.Findings, Reason: r.Facts.Reason, Survivor: r.Facts.Survivor, Parent: r.Facts.Parent,
		Cools: r.Facts.Cools, Second: r.Facts.Second && r.Facts.Proven == nil, known: c.known}
	if r.Facts.Proven != nil {
		b.Cools = nil
	}
	if r.Right == rights.Erase {
		b.Needs = 2
	}
	if b.Approvals == nil {
		b.Approvals = []rights.Approval{}
	}
	return b
}

func (c *Console) known(key string) bool {
	_, err := c.pages.Text(page.Languages()[0], key)
	return err == nil
}
