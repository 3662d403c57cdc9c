package gateway

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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

// chat is an open WebSocket between an agent and a tool. It outlives the request
// that opened it: thousands are idle, and each keeps only two shallow goroutines,
// one for each side, and no buffer of net/http's.
type chat struct {
	*visit
	agent, tool *websocket.Conn
	turns       turns
	forAgent    holding // for the tool's messages
	forTool     holding // for the agent's
	left        func()  // ends the watch
	pumps       sync.WaitGroup
	over        sync.Once
	mu          sync.Mutex // guards left and tally
}

// converse joins an agent's WebSocket with the tool's. Messages are read whole
// and rewritten: the tool's by the plan, the agent's by the detectors.
func (v *visit) converse() error {
	upstream, err := v.dial(v.r.Context())
	if err != nil {
		return err
	}
	own, err := websocket.Accept(lean{v.w}, v.r, &websocket.AcceptOptions{
		Subprotocols: nonEmpty(upstream.Subprotocol()), InsecureSkipVerify: true, // sameOrigin has been asked
	})
	if err != nil {
		_ = upstream.CloseNow()
		v.failed = fmt.Errorf("%w: %w", errBody, err) // Accept has answered
		return nil
	}
	upstream.SetReadLimit(longestMessage)
	own.SetReadLimit(longestMessage)
	v.settle(true)
	v.stays = true
	v.g.visits.Add(1)
	wire := v.wire()
	v.w, v.r = nil, remembered(v.r)
	c := &chat{visit: v, agent: own, tool: upstream}
	c.turns = turns{scan: v.g.cfg.Scan, failed: c.stop}
	c.mu.Lock() // until all of it stands, nothing of it ends
	defer c.mu.Unlock()
	c.pumps.Go(func() { c.stop(c.pump("caller", c.tool, c.agent, c.fromTool)) })
	c.pumps.Go(func() { c.stop(c.pump("agent", c.agent, c.tool, c.fromAgent)) })
	c.left = v.g.vigil.over(v, wire, c.stop)
	return nil
}

// remembered is what must be known of a request that has been answered.
func remembered(r *http.Request) *http.Request {
	kept := &http.Request{Method: r.Method, Host: r.Host, RemoteAddr: r.RemoteAddr}
	if hops := r.Header["X-Forwarded-For"]; hops != nil {
		kept.Header = http.Header{"X-Forwarded-For": hops}
	}
	return kept
}

// lean hands a connection over with small buffers, and has nobody look for heads
// of HTTP in it any more.
type lean struct{ http.ResponseWriter }

func (l lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	if strict, ok := conn.(*strictConn); ok {
		strict.head, strict.chunked = nil, true
	}
	early := rw.Reader.Buffered()
	r := bufio.NewReaderSize(io.MultiReader(io.LimitReader(rw.Reader, int64(early)), conn), max(early, 512))
	if _, err := r.Peek(early); err != nil {
		conn.Close()
		return nil, nil, err
	}
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, 512)), nil
}

// stop ends the chat. The first to do so says why.
func (c *chat) stop(why error) {
	c.over.Do(func() { go c.part(why) })
}

func (c *chat) part(why error) {
	defer c.g.visits.Done()
	c.mu.Lock()
	c.left()
	c.mu.Unlock()
	if !errors.Is(why, errRevoked) { // what waits is not shown to whom it is not shown any more
		c.turns.letGo()
	}
	c.failed = c.end(why)
	c.pumps.Wait()
	c.turns.close()
	c.visit.part()
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
func (c *chat) pump(speaker string, from, to *websocket.Conn, redacted func([]byte) ([]byte, error)) error {
	send := func(message []byte) error {
		ctx, done := context.WithTimeout(context.Background(), c.visit.tool.Timeout)
		defer done()
		return to.Write(ctx, websocket.MessageText, message)
	}
	passed := make(chan error)
	for {
		kind, message, err := from.Read(context.Background()) // ends when the chat's goodbye does
		if err != nil {
			return err
		}
		if kind != websocket.MessageText {
			return errBinary
		}
		go func() { // a stack that grows with the work must not stay with the one who waits
			message, err := redacted(message)
			if err == nil {
				err = c.turns.say(speaker, heldMessage{json: isJSON(c.screen.Media), body: message, send: send})
			}
			passed <- err
		}()
		if err := <-passed; err != nil {
			return err
		}
	}
}

// fromTool rewrites a tool's message by the plan.
func (c *chat) fromTool(message []byte) ([]byte, error) {
	kind := "text/plain"
	if isJSON(c.screen.Media) {
		kind = c.screen.Media
	}
	d, err := c.forAgent.now(c.visit)
	if err != nil {
		return nil, errRevoked
	}
	var out bytes.Buffer
	tally, err := d.Plan.Rewrite(&out, bytes.NewReader(message), kind, c.g.cfg.Scan)
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
func (c *chat) fromAgent(message []byte) ([]byte, error) {
	// A context of its own: that of the request may say that nobody is at work.
	ctx, done := context.WithTimeout(mfa.AtHost(context.Background(), c.r.Host), c.g.cfg.Patience)
	defer done()
	if _, err := c.g.cfg.Door.Session(ctx, c.token); err != nil {
		return nil, errRevoked
	}
	if c.screen.Body {
		d, err := c.forTool.now(c.visit)
		if err != nil {
			return nil, errRevoked
		}
		if err := d.CheckBody(c.screen.Media, message); err != nil {
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
