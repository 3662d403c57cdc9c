package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/coder/websocket"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/redact"
)

// longestMessage bounds one WebSocket message; a longer one ends the chat.
const longestMessage = 256 << 10

// isWebSocket says whether a request asks for the one protocol, besides HTTP,
// that is spoken here (RFC 6455 §4.1). Every other Upgrade is ignored, which
// is what RFC 9110 §7.8 allows and what keeps tunnels shut.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 &&
		strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.Header.Get("Sec-Websocket-Key") != ""
}

// sameOrigin refuses WebSockets that a page of another origin opened with the
// agent's cookie. Programs send no Origin.
func sameOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return errOrigin
	}
	return nil
}

// chat is an open WebSocket between an agent and a tool.
type chat struct {
	*visit
	agent, tool *websocket.Conn
	turns       turns
	mu          sync.Mutex // guards tally
}

// converse joins an agent's WebSocket with the tool's. Messages are read whole
// and rewritten: the tool's by the plan, the agent's by the detectors.
func (v *visit) converse() error {
	ctx, stop := context.WithCancel(context.WithoutCancel(v.r.Context()))
	defer stop()
	upstream, err := v.dial(ctx)
	if err != nil {
		return err
	}
	defer upstream.CloseNow()
	own, err := websocket.Accept(v.w, v.r, &websocket.AcceptOptions{
		Subprotocols: nonEmpty(upstream.Subprotocol()), InsecureSkipVerify: true, // sameOrigin has been asked
	})
	if err != nil {
		v.failed = fmt.Errorf("%w: %w", errBody, err) // Accept has answered
		return nil
	}
	defer own.CloseNow()
	upstream.SetReadLimit(longestMessage)
	own.SetReadLimit(longestMessage)
	v.settle(true)

	// The first to end says why. The context outlives the goodbyes, because a
	// read whose context ends drops its connection without a word.
	ended := make(chan error, 4)
	end := func(why error) {
		select {
		case ended <- why:
		default:
		}
	}
	defer v.watchEnd(end)()
	c := &chat{visit: v, agent: own, tool: upstream, turns: turns{scan: v.g.cfg.Scan, failed: end}}
	defer c.turns.close()
	var pumps sync.WaitGroup
	pumps.Go(func() { end(c.pump(ctx, "caller", c.tool, c.agent, c.fromTool)) })
	pumps.Go(func() { end(c.pump(ctx, "agent", c.agent, c.tool, c.fromAgent)) })
	why := <-ended
	if !errors.Is(why, errRevoked) { // what waits is not shown to whom it is not shown any more
		c.turns.letGo()
	}
	v.failed = c.end(why)
	stop()
	pumps.Wait()
	return nil
}

// dial opens the tool's side first, so that its refusal is still an answer.
func (v *visit) dial(ctx context.Context) (*websocket.Conn, error) {
	if err := sameOrigin(v.r); err != nil && v.origin() == "" {
		return nil, err
	}
	header := v.toTool(v.r.Header)
	if err := v.identify(header); err != nil {
		return nil, err
	}
	ctx, done := context.WithTimeout(ctx, v.tool.Timeout)
	defer done()
	to := *v.tool.Upstream
	to.Path, to.RawQuery = strings.TrimSuffix(to.Path, "/")+v.path, v.r.URL.RawQuery
	conn, res, err := websocket.Dial(ctx, to.String(), &websocket.DialOptions{
		HTTPClient: &http.Client{Transport: v.tool.sockets, CheckRedirect: noRedirect},
		HTTPHeader: header, Host: v.toolHost(), Subprotocols: tokens(v.r.Header["Sec-Websocket-Protocol"]),
	})
	if err != nil {
		if res != nil && res.StatusCode >= 400 {
			return nil, &toolSays{res.StatusCode}
		}
		return nil, toolError(ctx, err)
	}
	return conn, nil
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

func nonEmpty(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func tokens(lines []string) []string {
	var list []string
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}

// pump carries messages one way until either side ends.
func (c *chat) pump(ctx context.Context, speaker string, from, to *websocket.Conn, redacted func(context.Context, []byte) ([]byte, error)) error {
	send := func(message []byte) error {
		ctx, done := context.WithTimeout(ctx, c.visit.tool.Timeout)
		defer done()
		return to.Write(ctx, websocket.MessageText, message)
	}
	for {
		kind, message, err := from.Read(ctx)
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return errBinary
		}
		if message, err = redacted(ctx, message); err != nil {
			return err
		}
		if err := c.turns.say(speaker, heldMessage{json: isJSON(c.screen.Media), body: message, send: send}); err != nil {
			return err
		}
	}
}

// fromTool rewrites a tool's message by the plan.
func (c *chat) fromTool(_ context.Context, message []byte) ([]byte, error) {
	kind := "text/plain"
	if isJSON(c.screen.Media) {
		kind = c.screen.Media
	}
	var out bytes.Buffer
	tally, err := c.decision.Plan.Rewrite(&out, bytes.NewReader(message), kind, c.g.cfg.Scan)
	c.mu.Lock()
	defer c.mu.Unlock()
	addTally(&c.tally, &tally)
	if len(c.tally.Subjects) >= audit.MaxSubjects { // no name waits for the end of a long chat
		c.g.tell(c.visit, &c.tally, nil)
		c.tally = redact.Tally{}
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAnswer, err)
	}
	return bytes.TrimRight(out.Bytes(), "\n"), nil
}

// fromAgent takes personal data out of what an agent writes; a card number has
// no place in a chat (PCI DSS 4.0.1 4.2.2). It also proves that the agent is there.
func (c *chat) fromAgent(_ context.Context, message []byte) ([]byte, error) {
	// A context of its own: that of the request may say that nobody is at work.
	ctx, done := context.WithTimeout(mfa.AtHost(context.Background(), c.r.Host), c.g.cfg.Patience)
	defer done()
	if _, err := c.g.cfg.Door.Session(ctx, c.token); err != nil {
		return nil, errRevoked
	}
	if c.screen.Body {
		if err := c.decision.CheckBody(c.screen.Media, message); err != nil {
			return nil, fmt.Errorf("%w: %w", errBody, err)
		}
	}
	if !isJSON(c.screen.Media) {
		return c.g.cfg.Scan.Append(nil, message), nil
	}
	clean, err := scrubJSON(c.g.cfg.Scan, message)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	return clean, nil
}

// scrubJSON puts every string and number of a document through the detectors.
func scrubJSON(scan *redact.Engine, message []byte) ([]byte, error) {
	var out bytes.Buffer
	err := eachToken(message, func(t jsontext.Token, _ bool) jsontext.Token {
		if k := t.Kind(); k == '"' || k == '0' {
			said := t.String()
			if clean := string(scan.Append(nil, []byte(said))); clean != said {
				return jsontext.String(clean)
			}
		}
		return t
	}, &out)
	return bytes.TrimRight(out.Bytes(), "\n"), err
}

var errBinary = errors.New("binary messages are not accepted")

// end says goodbye to both sides and tells how it went: an end by either side
// is a good one.
func (c *chat) end(cause error) error {
	code, why := websocket.StatusNormalClosure, ""
	var said websocket.CloseError
	var failed error
	switch {
	case errors.As(cause, &said):
		code = said.Code
	case errors.Is(cause, errRevoked):
		code, why, failed = websocket.StatusPolicyViolation, "access_ended", errRevoked
	case errors.Is(cause, errClosing):
		code, why, failed = websocket.StatusServiceRestart, "closing", errClosing
	case errors.Is(cause, errBinary):
		code, why, failed = websocket.StatusUnsupportedData, "binary_refused", errBody
	case errors.Is(cause, errAnswer), errors.Is(cause, errBody):
		code, why, failed = websocket.StatusInvalidFramePayloadData, "message_unreadable", cause
	case errors.Is(cause, websocket.ErrMessageTooBig):
		code, why, failed = websocket.StatusMessageTooBig, "message_too_large", errBody
	case errors.Is(cause, context.Canceled), errors.Is(cause, io.EOF):
		code = websocket.StatusGoingAway
	}
	if code == websocket.StatusNoStatusRcvd || code == websocket.StatusAbnormalClosure {
		code = websocket.StatusNormalClosure
	}
	var both sync.WaitGroup
	both.Go(func() { _ = c.agent.Close(code, why) })
	runtime.Gosched() // the agent first: thousands may end together
	both.Go(func() { _ = c.tool.Close(code, why) })
	grace := time.AfterFunc(time.Second, func() { c.agent.CloseNow(); c.tool.CloseNow() })
	both.Wait()
	grace.Stop()
	return failed
}

// addTally adds what one message showed.
func addTally(sum, t *redact.Tally) {
	sum.Records += t.Records
	sum.Unclassified += t.Unclassified
	for _, add := range [...]struct {
		to   *map[redact.Class]int
		from map[redact.Class]int
	}{{&sum.Shown, t.Shown}, {&sum.Masked, t.Masked}, {&sum.Withheld, t.Withheld}} {
		for class, n := range add.from {
			if *add.to == nil {
				*add.to = map[redact.Class]int{}
			}
			(*add.to)[class] += n
		}
	}
	for _, s := range t.Subjects {
		sum.Subjects = appendNew(sum.Subjects, s)
	}
}

func appendNew(list []string, s string) []string {
	for _, have := range list {
		if have == s {
			return list
		}
	}
	return append(list, s)
}
