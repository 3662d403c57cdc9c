package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// list reads the queue by the query's filter.
func (c *Console) list(r *http.Request) ([]brief, rights.Filter, error) {
	q := r.URL.Query()
	f := rights.Filter{Status: rights.Status(q.Get("status")), Open: q.Get("open") != ""}
	if f.Status != "" && !f.Status.Known() {
		return nil, f, fmt.Errorf("%w: status %q is not known", rights.ErrInvalid, f.Status)
	}
	if text := q.Get("due_before"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			at, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			return nil, f, fmt.Errorf("%w: due_before is no date (YYYY-MM-DD) or RFC 3339 time", rights.ErrInvalid)
		}
		f.DueBefore = at
	}
	found, err := c.Office.List(r.Context(), f)
	out := make([]brief, 0, len(found))
	for _, req := range found {
		out = append(out, c.brief(req))
	}
	return out, f, err
}

func (c *Console) apiQueue(w http.ResponseWriter, r *http.Request, _ *mfa.Session) {
	list, _, err := c.list(r)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, map[string]any{"requests": list})
}

// whole reads a request with all an officer sees. That personal data was opened is
// written down first.
func (c *Console) whole(ctx context.Context, id string, who *mfa.Session) (brief, *rights.Request, error) {
	if _, err := c.Office.Get(ctx, id); err != nil {
		return brief{}, nil, err
	}
	if _, err := c.Trail.Append(ctx, audit.Event{Kind: "rights.viewed", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "allowed", Request: id}); err != nil {
		return brief{}, nil, err
	}
	req, err := c.Office.Open(ctx, id)
	if err != nil {
		return brief{}, nil, err
	}
	b := c.brief(req)
	if b.Steps, err = c.Office.Steps(ctx, id); err != nil {
		return b, nil, err
	}
	if b.Timeline, err = c.Office.Timeline(ctx, id); err != nil {
		return b, nil, err
	}
	b.Person = map[string]string{"email": req.Body.Email, "name": req.Body.Name, "subject": req.Body.Subject, "place": req.Body.Place, "text": req.Body.Text}
	if req.Body.Agent != nil {
		b.Person["agent"] = req.Body.Agent.Name + " · " + req.Body.Agent.Permission
	}
	b.Wishes = req.Body.Corrections
	return b, req, nil
}

func (c *Console) apiShow(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	b, _, err := c.whole(r.Context(), r.PathValue("id"), who)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	reply(w, http.StatusOK, b)
}

// orders are the fields of all acts.
type orders struct {
	PlanHash string `json:"plan_hash"`
	Reason   string `json:"reason"`
	Text     string `json:"text"`
	Until    string `json:"until"`
	Step     int    `json:"step"`
}

// do runs one act.
func (c *Console) do(ctx context.Context, act, id string, who *mfa.Session, in orders) error {
	officer := rights.Officer{Name: who.Agent}
	if c.Subject != nil {
		officer.Subject = c.Subject(who.Agent)
	}
	var err error
	switch act {
	case "plan":
		_, err = c.Office.MakePlan(ctx, id, who.Agent)
	case "approve":
		_, err = c.Office.Approve(ctx, id, officer, in.PlanHash)
	case "deny":
		_, err = c.Office.Deny(ctx, id, who.Agent, in.Reason, in.Text)
	case "extend":
		_, err = c.Office.Extend(ctx, id, who.Agent, in.Reason, in.Text)
	case "hold":
		until := c.Office.Now().AddDate(0, 6, 0)
		if in.Until != "" {
			if until, err = time.Parse(time.DateOnly, in.Until[:min(len(in.Until), 10)]); err != nil {
				return fmt.Errorf("%w: until is no date (YYYY-MM-DD)", rights.ErrInvalid)
			}
		}
		err = c.Office.Hold(ctx, id, who.Agent, in.Reason, until)
	case "release":
		err = c.Office.Release(ctx, id, who.Agent)
	case "retry":
		_, err = c.Office.Retry(ctx, id, who.Agent)
	case "attest":
		_, err = c.Office.Attest(ctx, id, in.Step, who.Agent)
	case "message":
		err = c.Office.Send(ctx, id, who.Agent, in.Text, nil)
	}
	return err
}

func (c *Console) apiAct(act string) Handler {
	return func(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
		var in orders
		err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in)
		if err != nil && !errors.Is(err, io.EOF) {
			c.problem(w, r, fmt.Errorf("%w: the body is not the JSON asked for", rights.ErrInvalid))
			return
		}
		if err := c.do(r.Context(), act, r.PathValue("id"), who, in); err != nil {
			c.problem(w, r, err)
			return
		}
		c.apiShow(w, r, who)
	}
}

func (c *Console) formAct(act string) Handler {
	return func(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
		step, _ := strconv.Atoi(r.PostFormValue("step"))
		id := r.PathValue("id")
		err := c.do(r.Context(), act, id, who, orders{r.PostFormValue("plan_hash"), r.PostFormValue("reason"), r.PostFormValue("text"), r.PostFormValue("until"), step})
		if err != nil {
			c.showWith(w, r, who, err)
			return
		}
		http.Redirect(w, r, "/requests/"+id, http.StatusSeeOther)
	}
}

func (c *Console) view(who *mfa.Session, title string, data any) page.View {
	return page.View{Title: title, Data: data, Who: who.Name, Wide: true, Nav: []page.Link{{Href: "/", Word: "nav.queue", Current: title == "queue.title"}, {Href: "/trail", Word: "nav.trail"}}}
}

func (c *Console) render(w http.ResponseWriter, r *http.Request, name string, v page.View) {
	if err := c.pages.Render(w, r, name, v); err != nil {
		c.Log.ErrorContext(r.Context(), "a page could not be rendered", "page", name, "error", err.Error())
	}
}

// forecast is the breach forecast: how many will be late at the present pace.
type forecast struct{ Open, Late, Soon, Near int }

func (c *Console) queue(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	list, f, err := c.list(r)
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	var sum forecast
	for _, b := range list {
		switch word, _ := b.Clock(); word {
		case "clock.late":
			sum.Late++
		case "clock.soon":
			sum.Soon++
		case "clock.near":
			sum.Near++
		}
		if !b.Status.Final() {
			sum.Open++
		}
	}
	c.render(w, r, "queue", c.view(who, "queue.title", map[string]any{"Requests": list, "Sum": sum, "Status": string(f.Status), "Open": f.Open, "Statuses": statuses()}))
}

func statuses() []string {
	return []string{"in_review", "awaiting_second_approval", "needs_attention", "awaiting_external", "identity_pending", "executing", "verifying", "completed/full", "completed/partial_lawful"}
}

// whole page of one request.
type requestPage struct {
	brief
	Plan2    *rights.Plan // with keys of rows, for the officer's eyes
	Messages []rights.Message
	Acts     map[string]bool
	Reasons  []string
	Error    string
	Detail   string
	Mine     bool
}

func (c *Console) show(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	c.showWith(w, r, who, nil)
}

func (c *Console) showWith(w http.ResponseWriter, r *http.Request, who *mfa.Session, failed error) {
	id := r.PathValue("id")
	b, req, err := c.whole(r.Context(), id, who)
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	out := requestPage{brief: b, Reasons: rights.Denied(), Acts: c.acts(req, who)}
	if plan, err := c.Office.PlanOf(r.Context(), req); err == nil {
		out.Plan2 = plan
	}
	if out.Messages, err = c.Office.Messages(r.Context(), id); err != nil {
		c.Log.WarnContext(r.Context(), "messages cannot be opened", "request", id, "error", err.Error())
	}
	for _, a := range req.Facts.Approvals {
		out.Mine = out.Mine || (a.Officer == who.Agent && a.Hash == req.Facts.PlanHash)
	}
	v := c.view(who, "request.title", out)
	if failed != nil {
		a := answerFor(failed)
		v.Status, out.Error, out.Detail = a.status, "error."+a.code, failed.Error()
		if a.code == "unavailable" {
			out.Detail = ""
		}
		v.Data = out
	}
	c.render(w, r, "request", v)
}

// acts says which forms the page offers; the office checks again.
func (c *Console) acts(r *rights.Request, who *mfa.Session) map[string]bool {
	acting := false
	for _, role := range who.Roles {
		for _, may := range c.Acting {
			acting = acting || role == may
		}
	}
	if !acting {
		return map[string]bool{}
	}
	return map[string]bool{
		"plan":    r.Facts.Proven != nil && !r.Facts.Begun && r.Status.To(rights.Planning) == nil,
		"approve": r.Status == rights.InReview || r.Status == rights.AwaitingSecond,
		"deny":    r.Status.To(rights.DeniedOther) == nil,
		"extend":  !r.Status.Final() && !r.Facts.Clock.Extended,
		"hold":    !r.Status.Final(),
		"retry":   r.Status == rights.NeedsAttention,
		"attest":  r.Status == rights.AwaitingExternal,
		"message": !r.Status.Final(),
	}
}

// attachment serves a file of a message: never shown by the browser, never run.
func (c *Console) attachment(w http.ResponseWriter, r *http.Request, _ *mfa.Session) {
	messages, err := c.Office.Messages(r.Context(), r.PathValue("id"))
	seq, _ := strconv.Atoi(r.PathValue("seq"))
	n, _ := strconv.Atoi(r.PathValue("n"))
	if err != nil || seq < 1 || seq > len(messages) || n < 0 || n >= len(messages[seq-1].Files) {
		page.Refuse(w, r, page.Refusal{Status: http.StatusNotFound, Code: "unknown_request"})
		return
	}
	f := messages[seq-1].Files[n]
	head := w.Header()
	head.Set("Content-Type", "application/octet-stream")
	head.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.Name}))
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	head.Set("Cache-Control", "no-store")
	_, _ = w.Write(f.Bytes)
}

// evidence streams a request's archive: what it asked, who decided, what was done and
// proven, and the trail's own entries with their proofs.
func (c *Console) evidence(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	id := r.PathValue("id")
	if _, _, err := c.whole(r.Context(), id, who); err != nil {
		c.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/zip")
	w.Header().Set("Content-Disposition", `attachment; filename="evidence-`+id[:8]+`.zip"`)
	w.Header().Set("Cache-Control", "no-store")
	if err := c.Office.Evidence(r.Context(), w, id, who.Agent, c.Trail.Export); err != nil {
		c.Log.ErrorContext(r.Context(), "evidence broke off", "request", id, "error", err.Error())
		panic(http.ErrAbortHandler) // a cut answer must not look whole
	}
}
