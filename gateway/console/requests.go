package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

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
		b.Person["agent"], b.Person["permission"] = req.Body.Agent.Name, req.Body.Agent.Permission
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
	System   string `json:"system"`  // retry: only this one
	Words    string `json:"words"`   // redact: as they stand in the text
	Show     bool   `json:"show"`    // redact: show what was found, instead of hiding more
	Passage  string `json:"passage"` // redact: only there
	Receipt  string `json:"receipt"` // unredact: of the edit
}

// do runs one act.
func (c *Console) do(ctx context.Context, act, id string, who *mfa.Session, in orders) error {
	officer := rights.Officer{Name: who.Agent, Subject: c.Own[who.Agent]}
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
		_, err = c.Office.RetryOf(ctx, id, who.Agent, in.System)
	case "attest":
		_, err = c.Office.Attest(ctx, id, in.Step, who.Agent)
	case "redact":
		_, err = c.Office.Redact(ctx, id, who.Agent, rights.Edit{Words: in.Words, Show: in.Show, Where: in.Passage, Reason: in.Reason})
	case "unredact":
		_, err = c.Office.Unredact(ctx, id, who.Agent, in.Receipt)
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
		id, in := r.PathValue("id"), formOrders(r)
		err := c.do(r.Context(), act, id, who, in)
		texts := act == "redact" || act == "unredact"
		switch {
		case err != nil && texts:
			c.textsWith(w, r, who, err)
		case err != nil:
			c.showWith(w, r, who, err)
		case texts:
			http.Redirect(w, r, "/requests/"+id+"/texts?from="+url.QueryEscape(r.PostFormValue("from"))+"#"+url.QueryEscape(in.Passage), http.StatusSeeOther)
		default:
			http.Redirect(w, r, "/requests/"+id, http.StatusSeeOther)
		}
	}
}

// formOrders reads the fields of all forms.
func formOrders(r *http.Request) orders {
	step, _ := strconv.Atoi(r.PostFormValue("step"))
	return orders{PlanHash: r.PostFormValue("plan_hash"), Reason: r.PostFormValue("reason"), Text: r.PostFormValue("text"), Until: r.PostFormValue("until"), Step: step,
		System: r.PostFormValue("system"), Words: r.PostFormValue("words"), Show: r.PostFormValue("show") != "", Passage: r.PostFormValue("passage"), Receipt: r.PostFormValue("receipt")}
}

func (c *Console) view(who *mfa.Session, title string, data any) page.View {
	nav := []page.Link{{Href: "/", Word: "nav.queue", Current: title == "queue.title"}, {Href: "/trail", Word: "nav.trail"}}
	if c.Rules != nil {
		nav = append(nav, page.Link{Href: "/rules", Word: "nav.rules", Current: title == "rules.title"})
	}
	if c.Desk != nil { // where sessions are ended, too
		nav = append(nav, page.Link{Href: c.Desk.String(), Word: "nav.desk"})
	}
	if m, ok := data.(map[string]any); ok {
		m["Fault"] = c.fault()
	}
	return page.View{Title: title, Data: data, Who: who.Name, Wide: true, Nav: nav}
}

func (c *Console) render(w http.ResponseWriter, r *http.Request, name string, v page.View) {
	if err := c.pages.Render(w, r, name, v); err != nil {
		c.Log.ErrorContext(r.Context(), "a page could not be rendered", "page", name, "error", err.Error())
	}
}

// whole page of one request.
type requestPage struct {
	brief
	Plan2    *planView
	Messages []rights.Message
	Acts     map[string]bool
	Grounds  []rights.Ground
	NoExtend string   // why the date cannot move, as a key of the words
	NoCite   string   // and the law that says so
	Reasons  []string // for an extension
	Systems  []string
	Error    string
	Detail   string
	Mine     bool
	Held     string // why nothing may be written, or ""

	lang string
}

// Law is a citation in the reader's language.
func (p requestPage) Law(cite string) string { return rights.Law(p.lang, cite) }

func (c *Console) show(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	c.showWith(w, r, who, nil)
}

func (c *Console) showWith(w http.ResponseWriter, r *http.Request, who *mfa.Session, failed error) {
	id := r.PathValue("id")
	b, req, err := c.whole(r.Context(), id, who)
	if errors.Is(err, rights.ErrUnknown) {
		c.missing(w, r, who)
		return
	}
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	out := requestPage{brief: b, lang: string(page.Of(r)), Grounds: c.grounds(req), Reasons: rights.Extensions(), Acts: c.acts(req, who)}
	if plan, err := c.Office.PlanOf(r.Context(), req); err == nil {
		out.Plan2 = viewPlan(plan, string(page.Of(r)))
	}
	for _, s := range b.Steps {
		if !slices.Contains(out.Systems, s.System) {
			out.Systems = append(out.Systems, s.System)
		}
	}
	if _, err := c.Office.ExtensionLetter(r.Context(), id, rights.Extensions()[0], ""); err != nil && out.Acts["extend"] {
		out.NoExtend, out.NoCite = "error."+answerFor(err).code, out.Law(c.Office.Laws.Regime(req.Facts.Regime, req.Received).ExtendCite())
	}
	if out.Held, err = c.Office.Held(r.Context(), req); err != nil {
		c.Log.WarnContext(r.Context(), "holds cannot be read", "request", id, "error", err.Error())
	}
	out.Acts["release"] = out.Acts["hold"] && (out.Held != "" || err != nil)
	if out.Messages, err = c.Office.Messages(r.Context(), id); err != nil {
		c.Log.WarnContext(r.Context(), "messages cannot be opened", "request", id, "error", err.Error())
	}
	for _, a := range req.Facts.Approvals {
		out.Mine = out.Mine || (a.Officer == who.Agent && a.Hash == req.Facts.PlanHash)
	}
	v := c.view(who, "request.title", out)
	if failed != nil {
		a := answerFor(failed)
		v.Status, out.Error, out.Detail = a.status, "error."+a.code, detailOf(out.lang, failed)
		v.Data = out
	}
	c.render(w, r, "request", v)
}

// detailOf is what to mend, in the reader's language, or what a system said, as it said it.
func detailOf(lang string, err error) string {
	if errors.Is(err, rights.ErrBroken) || errors.Is(err, rights.ErrLater) || errors.Is(err, rights.ErrMap) {
		return err.Error()
	}
	return rights.Mend(lang, err)
}

// acts says which forms the page offers; the office checks again.
func (c *Console) acts(r *rights.Request, who *mfa.Session) map[string]bool {
	acting := false
	for _, role := range who.Roles {
		acting = acting || slices.Contains(c.Acting, role)
	}
	if !acting {
		return map[string]bool{}
	}
	return map[string]bool{
		"plan":    r.Facts.Proven != nil && !r.Facts.Begun && r.Status.To(rights.Planning) == nil,
		"approve": r.Status == rights.InReview || r.Status == rights.AwaitingSecond,
		"deny":    r.Status.To(rights.DeniedOther) == nil,
		"extend":  !r.Status.Final(),
		"hold":    !r.Status.Final(), // and release, where one stands
		"retry":   r.Status == rights.NeedsAttention,
		"attest":  r.Status == rights.AwaitingExternal,
		"message": true, // a person may write after the end, and is answered
		"redact":  r.Right == rights.Access && r.Status == rights.InReview,
	}
}

// attachment serves a file of a message: never shown by the browser, never run.
// That it was opened is written down first.
func (c *Console) attachment(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	id := r.PathValue("id")
	_, err := c.Office.Get(r.Context(), id)
	if err == nil {
		_, err = c.Trail.Append(r.Context(), audit.Event{Kind: "rights.viewed", Agent: who.Agent, Roles: who.Roles, Session: who.ID, Tool: "console", Outcome: "allowed", Request: id, Detail: map[string]string{"what": "attachment"}})
	}
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	messages, err := c.Office.Messages(r.Context(), id)
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
