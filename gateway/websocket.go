package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/gorilla/websocket"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/redact"
)

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
	upstream, err := v.dialSocket(v.r.Context())
	if err != nil {
		return err
	}
	own, err := v.acceptSocket(upstream.Subprotocol())
	if err != nil {
		upstream.Close()
		v.failed = err
		return nil
	}
	v.settle(true)
	v.stays = true
	v.g.visits.Add(1)
	wire := v.wire()
	v.w, v.r = nil, remembered(v.r)
	c := &chat{visit: v, agent: own, tool: upstream}
	c.turns = turns{scan: v.g.cfg.Scan, failed: c.stop}
	c.mu.Lock() // until all of it stands, nothing of it ends
	defer c.mu.Unlock()
	c.pumps.Go(func() { c.pump("caller", c.tool, c.agent, c.fromTool) })
	c.pumps.Go(func() { c.pump("agent", c.agent, c.tool, c.fromAgent) })
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
	c.turns.close()
	c.visit.part()
}

// pump carries messages one way until either side ends, and then listens for
// the goodbye: a connection closed on what is still unread could lose ours.
func (c *chat) pump(speaker string, from, to *websocket.Conn, redacted func([]byte) ([]byte, error)) {
	c.stop(c.carry(speaker, from, to, redacted))
	for {
		if _, _, err := from.NextReader(); err != nil {
			return
		}
	}
}

func (c *chat) carry(speaker string, from, to *websocket.Conn, redacted func([]byte) ([]byte, error)) error {
	send := func(message []byte) error {
		_ = to.SetWriteDeadline(time.Now().Add(c.visit.tool.Timeout))
		return to.WriteMessage(websocket.TextMessage, message)
	}
	passed := make(chan error)
	for {
		kind, message, err := from.ReadMessage()
		if err != nil {
			return err
		}
		if kind != websocket.TextMessage {
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
// no place in a chat (PCI DSS 4.0.1 4.2.2). It also proves that the agent is there,
// unless the screen is one whose page talks by itself.
func (c *chat) fromAgent(message []byte) ([]byte, error) {
	// A context of its own: that of the request may say that nobody is at work.
	ctx, done := context.WithTimeout(mfa.AtHost(context.Background(), c.r.Host), c.g.cfg.Patience)
	defer done()
	if c.screen.Polled {
		ctx = mfa.Background(ctx)
	}
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
	code, why := websocket.CloseNormalClosure, ""
	var said *websocket.CloseError
	var failed error
	switch {
	case errors.As(cause, &said) && said.Code == websocket.CloseAbnormalClosure:
		code = websocket.CloseGoingAway
	case errors.As(cause, &said) && said.Code != websocket.CloseNoStatusReceived:
		code = said.Code
	case errors.Is(cause, errRevoked):
		code, why, failed = websocket.ClosePolicyViolation, "access_ended", errRevoked
	case errors.Is(cause, errClosing):
		code, why, failed = websocket.CloseServiceRestart, "closing", errClosing
	case errors.Is(cause, errBinary):
		code, why, failed = websocket.CloseUnsupportedData, "binary_refused", errBody
	case errors.Is(cause, errAnswer), errors.Is(cause, errBody):
		code, why, failed = websocket.CloseInvalidFramePayloadData, "message_unreadable", cause
	case errors.Is(cause, websocket.ErrReadLimit):
		code, why, failed = websocket.CloseMessageTooBig, "message_too_large", errBody
	}
	goodbye, by := websocket.FormatCloseMessage(code, why), time.Now().Add(farewell)
	late := time.AfterFunc(farewell, c.hangUp)
	for _, side := range [...]*websocket.Conn{c.agent, c.tool} {
		_ = side.SetReadDeadline(by)
		_ = side.WriteControl(websocket.CloseMessage, goodbye, by)
	}
	c.pumps.Wait() // until both have answered
	late.Stop()
	c.hangUp()
	return failed
}

// farewell is how long a peer may take to say goodbye.
const farewell = time.Second

func (c *chat) hangUp() {
	c.agent.Close()
	c.tool.Close()
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
		if !slices.Contains(sum.Subjects, s) {
			sum.Subjects = append(sum.Subjects, s)
		}
	}
}
