// Package gateway is the door: every request of an agent to a support tool
// walks through it, and nothing of a tool is seen by any other way.
//
// The walk has seven steps, in the order of [Gateway.ServeHTTP]'s code and of
// nothing else: screen, agent, question, decision, trail, tool, view. A step
// that fails ends the request, and one function turns its error into an
// answer. What the package promises:
//
//   - A tool sees a request only when its intent is durable in the trail.
//   - The path that was decided on is the path that is forwarded, byte for byte.
//   - A tool sees no credential of an agent, no header that only Privet may
//     set, and no protocol but HTTP and WebSocket.
//   - An agent sees no byte that the decision's plan has not been over; an
//     answer that cannot be read is withheld, and one that turns bad on the way
//     is torn off, so that it never looks complete.
//
// It fails closed and quickly: what the database, the keeper or the rules do
// not answer within [Config.Patience] is a refusal.
//
// # Why
//
// The order of steps is code because an order that can be configured can be
// configured wrongly. Headers pass by allow-list in both directions because
// deny-lists of spellings have failed every proxy that tried
// (CVE-2026-30851, CVE-2026-54763). Answers are not cached downstream: what an
// agent may see can change within a second.
package gateway

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// Door is what the walk needs of mfa.Door.
type Door interface {
	Session(ctx context.Context, token string) (*mfa.Session, error)
	Ended(sessionID string) <-chan struct{}
	Changed(sessionID string) <-chan struct{} // closed when Session or CallerVerified may say something else
	CallerVerified(ctx context.Context, sessionID, subject string) (time.Time, error)
}

// Rules is what the walk needs of policy.Engine.
type Rules interface {
	Match(tool, method, path string) (*policy.Screen, map[string]string, error)
	Decide(ctx context.Context, s *policy.Screen, q *policy.Question) (*policy.Decision, error)
	Changed() <-chan struct{} // closed when others are in force
}

// Trail is what the walk needs of audit.Trail.
type Trail interface {
	Append(ctx context.Context, e audit.Event) (audit.Receipt, error)
}

// Config is what a gateway is made of. All but the last block is required.
type Config struct {
	Tools  []Tool
	Policy Rules
	Trail  Trail
	Door   Door
	Scan   *redact.Engine // goes over free text, and over headers that can carry it

	Assertions     *Assertions      // who the agent is, for tools; nil: tools are not told
	Desk           *url.URL         // where a person signs in; nil: pages have no link
	TrustedProxies []netip.Prefix   // whose X-Forwarded-For is believed
	Patience       time.Duration    // for all steps before the tool; default 200 ms
	Recheck        time.Duration    // how often an open stream is decided anew; default 100 ms
	Strangers      int              // refusals a second of one address without a session; more are cut short; default 100
	PerAgent       int              // requests of one agent at the same time; default 64
	Clock          func() time.Time // default time.Now
	Logger         *slog.Logger     // default: silent
}

// Gateway is an http.Handler for the hosts of the tools.
type Gateway struct {
	cfg       Config
	tools     map[string]*tool // by host
	agents    crowd
	strangers strangers
	leaks     *redact.Engine             // for headers: what must not stand in them
	guard     http.CrossOriginProtection // of changes that a page of another origin has a browser send
	open      context.Context            // ends when the gateway closes
	shut      context.CancelFunc
	doorway   sync.RWMutex   // closed while the gateway begins to close
	visits    sync.WaitGroup // under way
	watches   sync.WaitGroup // of the tools' health
	outcomes  *outcomes
	vigil     *vigil
}

// New checks the configuration and opens the pools to the tools.
func New(cfg Config) (*Gateway, error) {
	if cfg.Policy == nil || cfg.Trail == nil || cfg.Door == nil || cfg.Scan == nil {
		return nil, errors.New("open gateway: Policy, Trail, Door and Scan are required")
	}
	if cfg.Patience <= 0 {
		cfg.Patience = 200 * time.Millisecond
	}
	if cfg.Recheck <= 0 {
		cfg.Recheck = 100 * time.Millisecond
	}
	if cfg.PerAgent <= 0 {
		cfg.PerAgent = 64
	}
	if cfg.Strangers <= 0 {
		cfg.Strangers = 100
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	leaks, err := redact.New(redact.Config{Classes: headerClasses()})
	if err != nil {
		return nil, fmt.Errorf("open gateway: %w", err)
	}
	g := &Gateway{cfg: cfg, tools: map[string]*tool{}, agents: crowd{most: cfg.PerAgent}, strangers: strangers{rate: cfg.Strangers},
		leaks: leaks, outcomes: newOutcomes(cfg.Trail, cfg.Logger)}
	g.open, g.shut = context.WithCancel(context.Background())
	g.vigil = newVigil(g)
	for _, t := range cfg.Tools {
		opened, err := openTool(t)
		if err != nil {
			return nil, fmt.Errorf("open tool %q: %w", t.Name, err)
		}
		if g.tools[opened.host] != nil {
			return nil, fmt.Errorf("open tool %q: host %s is taken", t.Name, opened.host)
		}
		g.tools[opened.host] = opened
	}
	for _, t := range g.tools {
		g.watches.Go(func() { t.watch(g.open, cfg.Logger) })
	}
	return g, nil
}

// Close ends streams, waits until every answer is given and every outcome is
// in the trail, and closes the pools.
func (g *Gateway) Close() error {
	g.doorway.Lock()
	g.shut()
	g.doorway.Unlock()
	g.watches.Wait()
	g.visits.Wait()
	g.outcomes.close()
	for _, t := range g.tools {
		t.close()
	}
	return nil
}

// admit counts a visit in, which leave ends; false: the gateway is closing.
func (g *Gateway) admit() (leave func(), ok bool) {
	g.doorway.RLock()
	defer g.doorway.RUnlock()
	if g.open.Err() != nil {
		return func() {}, false
	}
	g.visits.Add(1)
	return g.visits.Done, true
}

// shutOut answers who comes while the gateway closes.
func shutOut(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	w.Header().Set("Retry-After", "1")
	w.WriteHeader(http.StatusServiceUnavailable)
}

// visit is one request on its way; each step adds what it found out.
type visit struct {
	g  *Gateway
	w  http.ResponseWriter
	r  *http.Request
	id string // request id

	elsewhere bool      // the answer goes past the gateway
	until     time.Time // when patience before the tool ends, a refusal's entry but for its last moment

	tool     *tool             // 1 screen
	path     string            // canonical
	query    url.Values        //
	screen   *policy.Screen    //
	params   map[string]string //
	token    string            // 2 agent
	session  *mfa.Session      //
	question policy.Question   // 3 question
	verified time.Time         //   until when the caller is
	decision *policy.Decision  // 4 decision
	intent   audit.Receipt     // 5 trail
	tally    redact.Tally      // 7 view
	metered  redact.Tally      //   what of it has been counted towards the daily limit: records, the first subjects
	nested   bool              //   in documents inside of others
	leave    func(ok bool)     // 6 tool: gives its place back
	out      func()            //   gives the place among the agent's requests back
	stays    bool              //   a WebSocket: the walk is over before its end
	changes  atomic.Int64      //   that a long answer was told of, by which its decision is outdated
	hushed   atomic.Bool       //   nothing more of it is written, where the connection is not its own
	failed   error             // why the tool or the view failed
}

// ServeHTTP is the walk; what stops it becomes a refusal.
func (g *Gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	leave, ok := g.admit()
	defer leave()
	if !ok {
		shutOut(w)
		return
	}
	if r.Context().Err() != nil { // taken back before anybody looked: streams opened and reset by the thousand (CVE-2023-44487)
		blameFor(r)
		panic(http.ErrAbortHandler)
	}
	v := &visit{g: g, w: w, r: r, id: rand.Text(), until: time.Now().Add(g.cfg.Patience)}
	if err := g.walk(v); err != nil {
		g.refuse(v, err)
	}
}

func (g *Gateway) walk(v *visit) error {
	if v.preflight() { // a browser's question about a request, not one
		return nil
	}
	if err := g.approach(v); err != nil {
		return err
	}
	return g.show(v)
}

// approach is the walk up to the tool: whether anything may be asked for.
func (g *Gateway) approach(v *visit) error {
	if err := g.findScreen(v); err != nil {
		return err
	}
	ctx, stop := context.WithDeadline(v.r.Context(), v.until)
	defer stop()
	if err := g.judge(ctx, v); err != nil {
		return err
	}
	if v.r.Body != nil && v.r.Body != http.NoBody {
		return g.approachWithBody(v)
	}
	return g.enter(ctx, v)
}

// approachWithBody reads the body first; a slow sender's time is not ours.
func (g *Gateway) approachWithBody(v *visit) error {
	began := time.Now()
	err := v.acceptBody()
	v.until = v.until.Add(time.Since(began))
	if err != nil {
		return err
	}
	ctx, stop := context.WithDeadline(v.r.Context(), v.until)
	defer stop()
	return g.enter(ctx, v)
}

func (g *Gateway) enter(ctx context.Context, v *visit) error {
	if v.screen.Upgrade != "" && !isWebSocket(v.r) {
		return errUpgrade
	}
	return g.intend(ctx, v)
}

// judge is who asks, what is asked, and what the rules say to it.
func (g *Gateway) judge(ctx context.Context, v *visit) error {
	if err := g.knowAgent(ctx, v); err != nil {
		return err
	}
	if v.origin() == "" && g.guard.Check(v.r) != nil {
		return errOrigin
	}
	if err := g.ask(ctx, v); err != nil {
		return err
	}
	return g.decide(ctx, v)
}

// knowAgent: the session proves a password and a fresh second factor.
func (g *Gateway) knowAgent(ctx context.Context, v *visit) error {
	v.token = mfa.TokenOf(v.r)
	if v.token == "" {
		return mfa.ErrNoSession
	}
	ctx = mfa.AtHost(ctx, v.r.Host)
	if v.screen.Polled || isStream(v.screen.Media) && v.screen.Upgrade == "" {
		ctx = mfa.Background(ctx) // what comes back by itself is nobody at work
	}
	session, err := g.cfg.Door.Session(ctx, v.token)
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	v.session = session
	return nil
}

// ask collects all that a decision may rest on.
func (g *Gateway) ask(ctx context.Context, v *visit) error {
	s := v.session
	q := policy.Question{
		Agent: s.Agent, Roles: s.Roles, Groups: s.Groups, Region: s.Region,
		Tool: v.tool.Name, Screen: v.screen.ID, Purpose: s.Purpose, Case: s.Case,
		Address: g.address(v.r), Time: g.cfg.Clock(),
	}
	if q.Time.Before(s.GlassEnd) {
		q.BreakGlass = s.Glass
	}
	q.Proofs = make([]policy.Proof, len(s.Proofs))
	for i, p := range s.Proofs {
		q.Proofs[i] = policy.Proof{Kind: p.Kind, At: p.At}
	}
	if v.screen.Subject != "" {
		q.Subject = v.params[v.screen.Subject]
		until, err := g.cfg.Door.CallerVerified(ctx, s.ID, q.Subject)
		if err != nil {
			return fmt.Errorf("ask whether the caller is verified: %w", err)
		}
		v.verified, q.CallerVerified = until, q.Time.Before(until)
	}
	v.question = q
	return nil
}

// decide: rules give a plan, a refusal, or a demand to step up.
func (g *Gateway) decide(ctx context.Context, v *visit) error {
	d, err := g.cfg.Policy.Decide(ctx, v.screen, &v.question)
	if err != nil {
		return fmt.Errorf("decide: %w: %w", errUndecided, err)
	}
	v.decision = d
	switch {
	case d.StepUp > 0:
		return &stepUp{within: d.StepUp}
	case d.Refused != "":
		return &forbidden{code: d.Refused}
	case d.Plan == nil:
		return errUndecided
	}
	return d.CheckQuery(v.query)
}

// intend makes the intent durable. Without it nothing is asked for.
func (g *Gateway) intend(ctx context.Context, v *visit) error {
	e := v.event("view.intent", "allowed", "")
	if e.Classes = v.decision.Told; v.elsewhere {
		e.Classes = make(map[string]string, len(v.decision.Told))
		for class := range v.decision.Told {
			e.Classes[class] = redact.Show.String()
		}
	}
	receipt, err := g.cfg.Trail.Append(ctx, e)
	if err != nil {
		return fmt.Errorf("record intent: %w: %w", audit.ErrClosed, err)
	}
	v.intent = receipt
	v.w.Header().Set(receiptHeader, string(receipt))
	return nil
}

// show is the tool's part and the view's: forward, rewrite, record the outcome.
func (g *Gateway) show(v *visit) error {
	whole := false
	defer func() {
		if !whole && v.failed == nil {
			v.failed = errTorn // the walk is leaving by a panic: the answer was aborted
		}
		if !v.stays {
			v.part()
		}
	}()
	err := v.takePlaces()
	switch {
	case err != nil:
	case v.screen.Upgrade != "":
		err = v.converse()
	default:
		err = v.forward()
	}
	whole = true
	if err != nil {
		v.failed = err
	}
	return err
}

// takePlaces is one among the agent's requests and one in the tool's load.
func (v *visit) takePlaces() (err error) {
	if v.out, err = v.g.agents.enter(v.session.Agent); err != nil {
		return err
	}
	if v.tool.down() {
		return errToolDown
	}
	v.leave, err = v.tool.load.enter(v.r.Context())
	return err
}

// part gives the places back and records the outcome.
func (v *visit) part() {
	v.settle(!errors.Is(v.failed, errToolDown) && !errors.Is(v.failed, errToolSlow))
	if v.out != nil {
		v.out()
	}
	v.g.conclude(v)
}
