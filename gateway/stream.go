package gateway

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// isStream says whether answers of a media type go on for as long as an agent
// looks at them.
func isStream(media string) bool {
	return media == "text/event-stream" || media == "application/x-ndjson"
}

// stream shows events as they come. A stream has no silence and no place in
// the tool's load; it ends with the session, or when a new decision differs.
func (x *exchange) stream(status int, head http.Header, body io.Reader, kind string) error {
	x.silence.Stop()
	x.silence = nil
	x.settle(true)
	x.answered()
	if x.ended() {
		return errRevoked
	}
	head["X-Accel-Buffering"] = []string{"no"}
	x.begin(status, head)
	live := http.NewResponseController(x.w)
	if live.Flush() != nil { // a reader waits for the head, not for the first event
		x.tear(errLeft)
	}
	defer x.g.vigil.over(x.visit, x.wire(), x.stop)()
	tally, err := x.rewriteLong(&opening{x: x, live: live}, body, kind)
	x.tally = tally
	if err != nil {
		x.tear(toolErrorIn(x.ctx, err))
	}
	return nil
}

// settle gives the tool's place back: what goes on from here is not work of the tool.
func (v *visit) settle(ok bool) {
	if v.leave != nil {
		v.leave(ok)
		v.leave = nil
	}
}

// again asks the whole question as it is now: who the session's agent is, what
// they have proven, which rules hold.
func (v *visit) again(ctx context.Context) (*policy.Decision, error) {
	ctx, done := context.WithTimeout(ctx, v.g.cfg.Patience)
	defer done()
	session, err := v.g.cfg.Door.Session(mfa.Background(mfa.AtHost(ctx, v.r.Host)), v.token)
	if err != nil {
		return nil, err
	}
	now := &visit{g: v.g, r: v.r, w: discard{}, tool: v.tool, screen: v.screen, params: v.params, query: v.query, token: v.token, session: session}
	if err := v.g.ask(ctx, now); err != nil {
		return nil, err
	}
	err = v.g.decide(ctx, now)
	return now.decision, err
}

// planAge is how old the answer to "what holds?" may be inside a long answer
// where nothing tells that it changed.
const planAge = 20 * time.Millisecond

// holding is the decision that holds inside of an answer that stays open.
type holding struct {
	d     *policy.Decision
	asked time.Time
	heard int64 // changes until then
}

// now is asked before every record of a long answer and every message of a chat:
// a new bundle, another role, an older proof, the end of a verification or of
// desk hours take effect there.
func (h *holding) now(v *visit) (*policy.Decision, error) {
	n := v.changes.Load() // before the question: a change meanwhile counts
	if h.d != nil && n == h.heard && time.Since(h.asked) < planAge {
		return h.d, nil
	}
	d, err := v.again(context.WithoutCancel(v.r.Context()))
	if err != nil {
		return nil, errors.Join(errRevoked, err)
	}
	*h = holding{d, time.Now(), n}
	return d, nil
}

// planNow is what tells the rewriter the plan that holds.
func (v *visit) planNow() func(*redact.Tally) (*redact.Plan, error) {
	h, spend := &holding{d: v.decision, asked: time.Now()}, v.meter()
	return func(sofar *redact.Tally) (*redact.Plan, error) {
		if err := spend(sofar); err != nil {
			return nil, err
		}
		d, err := h.now(v)
		if err != nil {
			return nil, err
		}
		return d.Plan, nil
	}
}

// same compares what two decisions show.
func same(a, b *policy.Decision) bool {
	if a.Plan == b.Plan {
		return true
	}
	if len(a.Classes) != len(b.Classes) {
		return false
	}
	for class, ruling := range a.Classes {
		if b.Classes[class].Do != ruling.Do {
			return false
		}
	}
	return true
}

type discard struct{}

func (discard) Header() http.Header         { return http.Header{} }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}
