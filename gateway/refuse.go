package gateway

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// What can end a walk. None of them says more than its code.
var (
	errHost        = errors.New("no tool has this host")
	errCertificate = errors.New("this tool wants a client certificate on a connection of its own")
	errMethod      = errors.New("this method is never forwarded")
	errPath        = errors.New("this path could be read in two ways")
	errQuery       = errors.New("this query could be read in two ways")
	errBody        = errors.New("the request's body is not what it says it is")
	errTooLarge    = errors.New("the request's body is too large")
	errCoding      = errors.New("compressed request bodies are not accepted")
	errUpgrade     = errors.New("this screen is a WebSocket")
	errOrigin      = errors.New("a page of another origin asks under the agent's session")
	errCrowd       = errors.New("too many requests of this agent at the same time")
	errFlood       = errors.New("too many refused requests of this address")
	errBusy        = errors.New("the tool is overloaded")
	errUndecided   = errors.New("the rules gave no answer")
	errToolDown    = errors.New("the tool did not answer")
	errToolSlow    = errors.New("the tool did not answer in time")
	errToolTLS     = errors.New("the tool's certificate is not trusted")
	errAnswer      = errors.New("the tool's answer could not be read and is withheld")
	errMedia       = errors.New("the tool's answer is of another kind than its screen")
	errPacked      = errors.New("the tool's answer is compressed in a way that was not asked for")
	errPartial     = errors.New("the tool answered with a part of a document")
	errTorn        = errors.New("the answer was torn off")
	errLeft        = errors.New("the agent went away")
	errClosing     = errors.New("the gateway is closing")
	errRevoked     = errors.New("the session or the permission ended")
)

// forbidden is a no of the rules.
type forbidden struct{ code string }

func (f *forbidden) Error() string { return "refused by rule: " + f.code }

// stepUp is the rules' demand for a fresher proof.
type stepUp struct{ within time.Duration }

func (s *stepUp) Error() string { return "a fresher proof is wanted" }

// toolSays is an error of the tool whose page cannot be shown.
type toolSays struct{ status int }

func (t *toolSays) Error() string { return "the tool answered " + strconv.Itoa(t.status) }

// answer is what an error looks like from outside.
type answer struct {
	status    int
	code      string
	retry     int    // seconds
	challenge string // RFC 9470
}

// answers lists every error that may say something about itself.
var answers = [...]struct {
	err error
	answer
}{
	{mfa.ErrNoSession, answer{401, "no_session", 0, `Bearer realm="privet"`}},
	{mfa.ErrLocked, answer{423, "locked", 60, ""}},
	{audit.ErrClosed, answer{503, "trail_unavailable", 5, ""}},
	{policy.ErrSpent, answer{403, policy.LimitReached, 0, ""}},
	{errUndecided, answer{503, "rules_unavailable", 5, ""}},
	{policy.ErrScreen, answer{404, "screen_unknown", 0, ""}},
	{errHost, answer{404, "host_unknown", 0, ""}},
	{errPeer, answer{403, "peer_unknown", 0, ""}},
	{errViewed, answer{403, "view_required", 0, ""}},
	{errCertificate, answer{421, "certificate_required", 0, ""}},
	{errMethod, answer{405, "method_refused", 0, ""}},
	{errPath, answer{400, "path_ambiguous", 0, ""}},
	{errQuery, answer{400, "query_ambiguous", 0, ""}},
	{errBody, answer{400, "body_unreadable", 0, ""}},
	{errTooLarge, answer{413, "body_too_large", 0, ""}},
	{errCoding, answer{415, "body_compressed", 0, ""}},
	{errRevoked, answer{403, "access_ended", 0, ""}},
	{errClosing, answer{503, "closing", 1, ""}},
	{errLeft, answer{499, "agent_left", 0, ""}},
	{errTorn, answer{502, "answer_torn", 0, ""}},
	{errMedia, answer{502, "answer_unexpected", 0, ""}},
	{errPacked, answer{502, "answer_compressed", 0, ""}},
	{errPartial, answer{502, "answer_partial", 0, ""}},
	{errAnswer, answer{502, "answer_unreadable", 0, ""}},
	{policy.ErrProbe, answer{403, "probe", 0, ""}},
	{policy.ErrMasked, answer{403, "masked_value", 0, ""}},
	{redact.ErrDocument, answer{400, "body_unreadable", 0, ""}},
	{errUpgrade, answer{426, "websocket_expected", 0, ""}},
	{errOrigin, answer{403, "origin_foreign", 0, ""}},
	{errCrowd, answer{429, "agent_busy", 1, ""}},
	{errFlood, answer{429, "too_many_refusals", 10, ""}},
	{errBusy, answer{503, "tool_overloaded", 1, ""}},
	{errToolSlow, answer{504, "tool_slow", 5, ""}},
	{errToolTLS, answer{502, "tool_untrusted", 0, ""}},
	{errToolDown, answer{502, "tool_unreachable", 5, ""}},
	{context.DeadlineExceeded, answer{503, "unavailable", 5, ""}},
}

// answerTo is the only place where an error becomes an answer. An error that
// is not listed says nothing about itself.
func answerTo(err error) answer {
	var no *forbidden
	var step *stepUp
	var says *toolSays
	switch {
	case errors.As(err, &no):
		return answer{status: http.StatusForbidden, code: no.code}
	case errors.As(err, &step):
		return answer{status: http.StatusUnauthorized, code: "step_up", challenge: fmt.Sprintf(
			`Bearer realm="privet", error="insufficient_user_authentication", `+
				`error_description="a fresher second factor is needed", max_age="%d"`,
			int(math.Ceil(step.within.Seconds())))}
	case errors.As(err, &says):
		return answer{status: says.status, code: "tool_refused"}
	}
	for _, known := range answers {
		if errors.Is(err, known.err) {
			return known.answer
		}
	}
	return answer{status: http.StatusServiceUnavailable, code: "unavailable", retry: 5}
}

// refuse records a refusal and answers it.
func (g *Gateway) refuse(v *visit, err error) {
	a, receipt := g.recordRefusal(v, err)
	no := page.Refusal{Status: a.status, Code: a.code, RequestID: v.id, Receipt: receipt,
		RetryAfter: a.retry, Challenge: a.challenge, Origin: v.origin()}
	if receipt != "" {
		v.w.Header().Set(receiptHeader, receipt)
	}
	if g.cfg.Desk != nil && a.challenge != "" { // a tool's own 401 is not the desk's to mend
		no.SignIn = g.signIn(v)
	} else if g.cfg.Desk != nil && a.status == http.StatusForbidden { // what it asks for is stated there
		no.Desk = g.cfg.Desk.String()
		if a.code == "verify_caller" {
			no.Desk = g.cfg.Desk.JoinPath("caller").String()
		}
	}
	page.Refuse(v.w, v.r, no)
}

// recordRefusal writes a refusal down. One that cannot be recorded becomes the
// refusal that the trail is closed.
func (g *Gateway) recordRefusal(v *visit, err error) (answer, string) {
	a, receipt := answerTo(err), v.intent
	if v.session == nil && !g.strangers.allow(g.address(v.r), time.Now()) {
		v.w.Header().Set("Connection", "close")
		return answerTo(errFlood), ""
	}
	if receipt == "" && !errors.Is(err, audit.ErrClosed) {
		ctx, stop := context.WithDeadline(context.WithoutCancel(v.r.Context()), v.lastMoment())
		defer stop()
		var closed error
		if receipt, closed = g.cfg.Trail.Append(ctx, v.event("refusal", "refused", a.code)); closed != nil {
			a = answerTo(audit.ErrClosed)
		}
	}
	g.cfg.Logger.Info("request refused", "request", v.id, "code", a.code, "status", a.status,
		"receipt", string(receipt), "error", err)
	return a, string(receipt)
}

// lastMoment is how long the entry of a refusal may take: what is left of the
// patience, or a fifth of it where a step has used it up.
func (v *visit) lastMoment() time.Time {
	if soon := time.Now().Add(v.g.cfg.Patience / 5); soon.After(v.until) {
		return soon
	}
	return v.until
}

// event is what the trail is told of a visit so far.
func (v *visit) event(kind, outcome, reason string) audit.Event {
	e := audit.Event{Kind: kind, Outcome: outcome, Reason: reason, Request: v.id, Detail: map[string]string{"method": v.r.Method}}
	if checkMethod(v.r) != nil {
		e.Detail["method"] = "other" // what is no method may be anything
	}
	if v.tool != nil {
		e.Tool = v.tool.Name
	}
	if v.screen != nil {
		e.Screen = v.screen.ID
	}
	if s := v.session; s != nil {
		e.Agent, e.Roles, e.Session, e.Purpose, e.Case = s.Agent, s.Roles, s.ID, s.Purpose, s.Case
	}
	if v.question.Subject != "" {
		e.Subjects = []string{v.question.Subject}
	}
	if v.elsewhere {
		e.Detail["shown_by"] = "another proxy"
	}
	if v.question.Address != "" {
		e.Detail["address"] = v.question.Address
	}
	if v.decision != nil {
		e.Bundle = v.decision.Bundle
	}
	return e
}

// signIn is where a person signs in, to come back to this page.
func (g *Gateway) signIn(v *visit) string {
	u := *g.cfg.Desk
	if v.r.Method == http.MethodGet && v.tool != nil && v.path != "" {
		back := url.URL{Scheme: "https", Host: v.toolHost(), Path: v.path, RawQuery: v.r.URL.RawQuery}
		u.RawQuery = url.Values{"to": {back.String()}}.Encode()
	}
	return u.String()
}
