package console

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// trailRoutes are the trail's pages and API.
func (c *Console) trailRoutes() {
	c.mux.HandleFunc("GET /trail", c.reader(c.trail))
	c.mux.HandleFunc("GET /trail/{receipt}", c.reader(c.entry))
	c.mux.HandleFunc("GET /trail/proofs/{receipt}", c.reader(c.proof))
	c.mux.HandleFunc("POST /trail/exports", c.reader(c.formExport))
	c.mux.HandleFunc("GET /trail/exports/{id}", c.reader(c.showExport))
	c.mux.HandleFunc("GET /trail/exports/{id}/file", c.reader(c.exportFile))
	c.mux.HandleFunc("GET /api/trail", c.reader(c.apiTrail))
	c.mux.HandleFunc("GET /api/trail/{receipt}", c.reader(c.apiEntry))
	c.mux.HandleFunc("POST /api/exports", c.reader(c.apiExport))
	c.mux.HandleFunc("GET /api/exports/{id}", c.reader(c.apiExportStatus))
	c.mux.HandleFunc("GET /api/exports/{id}/file", c.reader(c.exportFile))
}

// errQuery: a search that cannot be understood.
var errQuery = errors.New("want from and to as 2026-03-01 or RFC 3339, limit as a number, before as a receipt")

// chosen reads a filter from a query or a form.
func chosen(v url.Values) (audit.Filter, error) {
	f := audit.Filter{Kind: v.Get("kind"), Agent: v.Get("agent"), Subject: v.Get("subject"), Before: audit.Receipt(v.Get("before"))}
	for name, to := range map[string]*time.Time{"from": &f.From, "to": &f.To} {
		text := v.Get(name)
		if text == "" {
			continue
		}
		var err error
		if *to, err = time.Parse(time.RFC3339, text); err != nil {
			*to, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			return f, errQuery
		}
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return f, errQuery
		}
		f.Limit = n
	}
	return f, nil
}

// looked writes down who looks into the trail before they see it (PCI DSS
// 4.0.1, 10.2.1.3).
func (c *Console) looked(ctx context.Context, who *mfa.Session, f audit.Filter, receipt audit.Receipt) error {
	e := audit.Event{Kind: "trail.read", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "allowed", Intent: receipt,
		Detail: map[string]string{"kind": f.Kind, "agent": f.Agent}}
	if f.Subject != "" {
		_, err := c.Trail.Tag(ctx, f.Subject)
		switch {
		case err == nil:
			e.Subjects = []string{f.Subject}
		case !errors.Is(err, audit.ErrErased): // who is not known gets no key by being searched for
			return err
		}
	}
	_, err := c.Trail.Append(ctx, e)
	return err
}

// found is one page of entries and where the next begins.
type found struct {
	Entries []entry `json:"entries"`
	Next    string  `json:"next,omitempty"`
}

// entry is an entry as the console shows it.
type entry struct {
	Receipt  audit.Receipt     `json:"receipt"`
	Time     time.Time         `json:"time"`
	Kind     string            `json:"kind"`
	Agent    string            `json:"agent,omitempty"`
	Roles    []string          `json:"roles,omitempty"`
	Session  string            `json:"session,omitempty"`
	Tool     string            `json:"tool,omitempty"`
	Screen   string            `json:"screen,omitempty"`
	Outcome  string            `json:"outcome,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Purpose  string            `json:"purpose,omitempty"`
	Case     string            `json:"case,omitempty"`
	Request  string            `json:"request,omitempty"`
	Intent   audit.Receipt     `json:"intent,omitempty"`
	Bundle   string            `json:"bundle,omitempty"`
	Records  int               `json:"records,omitempty"`
	Classes  map[string]string `json:"classes,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Subjects []string          `json:"subjects,omitempty"`
	Personal map[string]string `json:"personal,omitempty"`
	Tags     []string          `json:"tags,omitempty"`   // of the subjects, as an export names them
	Erased   int               `json:"erased,omitempty"` // subjects that were erased since
}

// EntryOf is an entry as programs read it, here and from the command line.
func EntryOf(e audit.Entry) any { return entryOf(e) }

func entryOf(e audit.Entry) entry {
	v := e.Event
	return entry{e.Receipt, e.Time, v.Kind, v.Agent, v.Roles, v.Session, v.Tool, v.Screen, v.Outcome, v.Reason, v.Purpose, v.Case, v.Request, v.Intent,
		v.Bundle, v.Records, v.Classes, v.Detail, slices.DeleteFunc(slices.Clone(v.Subjects), func(s string) bool { return s == "" }), v.Personal, e.Tags, len(e.Erased)}
}

// Colour is the badge of the outcome.
func (e entry) Colour() string {
	switch e.Outcome {
	case "refused", "failed":
		return "no"
	case "allowed":
		return ""
	}
	return "plain"
}

// OutcomeWord is the outcome as a key of the words, or "" for one of another version.
func (e entry) OutcomeWord() string {
	if slices.Contains([]string{"allowed", "refused", "done", "failed", "intent", "proven", "unproven"}, e.Outcome) {
		return "outcome." + e.Outcome
	}
	return ""
}

// Clock is the time to the second.
func (e entry) Clock() string { return e.Time.Format("2006-01-02 15:04:05") }

// Whom names the first subjects.
func (e entry) Whom() string {
	if len(e.Subjects) > 3 {
		return strings.Join(e.Subjects[:3], ", ") + " …"
	}
	return strings.Join(e.Subjects, ", ")
}

func (c *Console) search(r *http.Request, who *mfa.Session) (found, audit.Filter, error) {
	f, err := chosen(r.URL.Query())
	if err != nil {
		return found{}, f, err
	}
	if err := c.looked(r.Context(), who, f, ""); err != nil {
		return found{}, f, err
	}
	list, err := c.Trail.Search(r.Context(), f)
	if err != nil {
		return found{}, f, err
	}
	out := found{Entries: make([]entry, len(list))}
	for i, e := range list {
		out.Entries[i] = entryOf(e)
	}
	if limit := min(max(f.Limit, 0), 1000); len(list) > 0 && (limit == 0 && len(list) == 100 || len(list) == limit) {
		out.Next = string(list[len(list)-1].Receipt)
	}
	return out, f, nil
}

func (c *Console) apiTrail(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	out, _, err := c.search(r, who)
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	reply(w, http.StatusOK, out)
}

func (c *Console) apiEntry(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	receipt := audit.Receipt(r.PathValue("receipt"))
	err := c.looked(r.Context(), who, audit.Filter{}, receipt)
	var e audit.Entry
	if err == nil {
		e, err = c.Trail.Entry(r.Context(), receipt)
	}
	if err != nil {
		c.trailProblem(w, r, err)
		return
	}
	reply(w, http.StatusOK, entryOf(e))
}

// trailAnswer maps the trail's errors.
func trailAnswer(err error) answer {
	switch {
	case errors.Is(err, errQuery):
		return answer{http.StatusBadRequest, "invalid"}
	case errors.Is(err, audit.ErrNone):
		return answer{http.StatusNotFound, "unknown_entry"}
	case errors.Is(err, audit.ErrPruned):
		return answer{http.StatusGone, "pruned"}
	case errors.Is(err, audit.ErrEarly):
		return answer{http.StatusConflict, "early"}
	case errors.Is(err, errBusy):
		return answer{http.StatusTooManyRequests, "busy"}
	}
	return answer{http.StatusServiceUnavailable, "unavailable"}
}

func (c *Console) trailProblem(w http.ResponseWriter, r *http.Request, err error) {
	c.tell(w, r, trailAnswer(err), err)
}

// lane is the health of one log.
type lane struct {
	audit.LaneHealth
	Late      bool // entries wait for a checkpoint longer than they should
	Lag       time.Duration
	Witnesses []audit.Cosigned
}

// SignedAt is when the newest checkpoint was signed.
func (l lane) SignedAt() string { return l.Signed.Format("2006-01-02 15:04:05") }

func (c *Console) health(ctx context.Context) ([]lane, error) {
	list, err := c.Trail.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	lanes := make([]lane, len(list))
	for i, l := range list {
		lanes[i] = lane{LaneHealth: l}
		if l.Size > l.Covered && time.Since(l.Waits) > 5*time.Second {
			lanes[i].Late, lanes[i].Lag = true, time.Since(l.Waits).Round(time.Second)
		}
		if lanes[i].Witnesses, err = c.Trail.Cosignatures(ctx, l.Lane); err != nil {
			return nil, err
		}
	}
	return lanes, nil
}

func (c *Console) trail(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	out, f, err := c.search(r, who)
	var lanes []lane
	if err == nil {
		lanes, err = c.health(r.Context())
	}
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	next := ""
	if out.Next != "" {
		q := r.URL.Query()
		q.Set("before", out.Next)
		next = "/trail?" + q.Encode()
	}
	day := func(t time.Time) string {
		if t.IsZero() {
			return ""
		}
		return t.Format(time.DateOnly)
	}
	c.render(w, r, "trail", c.trailView(who, "trail.title", map[string]any{"Entries": out.Entries, "Next": next, "Filter": f,
		"From": day(f.From), "To": day(f.To), "Lanes": lanes}))
}

func (c *Console) refuse(w http.ResponseWriter, r *http.Request, who *mfa.Session, err error) {
	a := trailAnswer(err)
	if a.code == "unavailable" {
		c.Log.WarnContext(r.Context(), "the trail could not be read", "error", err.Error())
	}
	if a.status == http.StatusNotFound {
		c.missing(w, r, who)
		return
	}
	page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
}

func (c *Console) trailView(who *mfa.Session, title string, data any) page.View {
	v := c.view(who, title, data)
	for i := range v.Nav {
		v.Nav[i].Current = v.Nav[i].Href == "/trail"
	}
	return v
}

func (c *Console) entry(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	receipt := audit.Receipt(r.PathValue("receipt"))
	err := c.looked(r.Context(), who, audit.Filter{}, receipt)
	var e audit.Entry
	if err == nil {
		e, err = c.Trail.Entry(r.Context(), receipt)
	}
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	proof, err := c.Trail.Prove(r.Context(), receipt)
	if err != nil && !errors.Is(err, audit.ErrEarly) {
		c.refuse(w, r, who, err)
		return
	}
	c.render(w, r, "entry", c.trailView(who, "entry.title", map[string]any{"Entry": entryOf(e), "Tags": e.Tags, "Proven": err == nil,
		"Hash": hex.EncodeToString(proof.Hash), "Size": proof.Size, "Origin": proof.Origin, "Leaf": string(proof.Leaf)}))
}

func (c *Console) proof(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	receipt := r.PathValue("receipt")
	err := c.looked(r.Context(), who, audit.Filter{}, audit.Receipt(receipt))
	var proof audit.Proof
	if err == nil {
		proof, err = c.Trail.Prove(r.Context(), audit.Receipt(receipt))
	}
	if err != nil {
		c.refuse(w, r, who, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Content-Disposition", `attachment; filename="`+receipt+`.tlog-proof"`)
	_, _ = w.Write(proof.Text)
}
