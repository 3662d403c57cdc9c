package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const (
	host  = "cases.localhost"
	token = "s3cret-token-of-ada"
)

// house is a gateway with a tool behind it, and doors whose faults a test can
// choose. Rules, door and trail of the real house are tried in cmd/privet.
type house struct {
	t       *testing.T
	gate    *Gateway
	front   *httptest.Server // the gateway over TLS, h1 and h2
	back    *httptest.Server // the tool
	seen    *seen
	trail   *memoryTrail
	rules   *tableRules
	door    *oneAgent
	session *mfa.Session
}

// seen is what reached the tool.
type seen struct {
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

func (s *seen) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

func (s *seen) last() (*http.Request, string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.requests) == 0 {
		return nil, ""
	}
	return s.requests[len(s.requests)-1], s.bodies[len(s.bodies)-1]
}

func newHouse(t *testing.T, tool http.Handler, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, seen: &seen{}, trail: &memoryTrail{}, rules: newRules(t)}
	h.session = &mfa.Session{ID: "sess-1", Agent: "ada", Roles: []string{"tier1"}, Purpose: "support", Case: "C-1"}
	h.door = &oneAgent{session: h.session, ended: make(chan struct{})}
	h.back = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := ""
		if r.Header.Get("Upgrade") == "" {
			read, _ := io.ReadAll(io.LimitReader(r.Body, 1<<20))
			body = string(read)
		}
		h.seen.mu.Lock()
		h.seen.requests, h.seen.bodies = append(h.seen.requests, r.Clone(context.Background())), append(h.seen.bodies, body)
		h.seen.mu.Unlock()
		tool.ServeHTTP(w, r)
	}))
	t.Cleanup(h.back.Close)
	scan, err := redact.New(redact.Config{})
	if err != nil {
		t.Fatal(err)
	}
	upstream, _ := url.Parse(h.back.URL)
	cfg := Config{Tools: []Tool{{Name: "cases", Host: host, Upstream: upstream}},
		Policy: h.rules, Trail: h.trail, Door: h.door, Scan: scan}
	for _, c := range change {
		c(&cfg)
	}
	if h.gate, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.gate.Close() })
	h.front = httptest.NewUnstartedServer(h.gate)
	h.front.EnableHTTP2 = true
	h.front.StartTLS()
	t.Cleanup(h.front.Close)
	return h
}

// client speaks to the gateway under the tool's host, as "h1" or "h2".
func (h *house) client(proto string) *http.Client {
	tr := h.front.Client().Transport.(*http.Transport).Clone()
	tr.TLSClientConfig = &tls.Config{InsecureSkipVerify: true} // the certificate is httptest's
	tr.Protocols = new(http.Protocols)
	tr.Protocols.SetHTTP1(proto == "h1")
	tr.Protocols.SetHTTP2(proto == "h2")
	tr.DisableCompression = true
	h.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, CheckRedirect: noRedirect}
}

// request is one of the proven agent's.
func (h *house) request(method, path string, body io.Reader) *http.Request {
	h.t.Helper()
	r, err := http.NewRequest(method, h.front.URL+path, body)
	if err != nil {
		h.t.Fatal(err)
	}
	r.Host = host
	r.Header.Set(SessionHeader, token)
	return r
}

// do sends a request over HTTP/1.1 and reads the answer.
func (h *house) do(r *http.Request) (*http.Response, string) {
	h.t.Helper()
	res, err := h.client("h1").Do(r)
	if err != nil {
		h.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		body = fmt.Appendf(body, " <%v>", err)
	}
	return res, string(body)
}

func (h *house) get(path string) (*http.Response, string) {
	h.t.Helper()
	return h.do(h.request("GET", path, nil))
}

// memoryTrail remembers; closed, it refuses; stuck, it never answers in time.
type memoryTrail struct {
	mu      sync.Mutex
	events  []audit.Event
	closed  bool
	stuck   bool
	durable func(audit.Event) // called when an entry becomes durable
}

func (m *memoryTrail) Append(ctx context.Context, e audit.Event) (audit.Receipt, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.stuck {
		<-ctx.Done()
		return "", fmt.Errorf("append: %w", audit.ErrClosed)
	}
	if m.closed {
		return "", audit.ErrClosed
	}
	m.events = append(m.events, e)
	if m.durable != nil {
		m.durable(e)
	}
	return audit.Receipt(fmt.Sprintf("test.%d", len(m.events)-1)), nil
}

func (m *memoryTrail) all(kind string) (found []audit.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// oneAgent knows one session.
type oneAgent struct {
	mu      sync.Mutex
	session *mfa.Session
	ended   chan struct{}
	err     error
	until   time.Time
}

func (o *oneAgent) Session(ctx context.Context, t string) (*mfa.Session, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return nil, o.err
	}
	if t != token {
		return nil, mfa.ErrNoSession
	}
	return o.session, nil
}

func (o *oneAgent) Ended(string) <-chan struct{} { return o.ended }

func (o *oneAgent) CallerVerified(context.Context, string, string) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.until, nil
}

// tableRules is a catalogue of a few screens under one plan.
type tableRules struct {
	mu       sync.Mutex
	screens  map[string]*policy.Screen // "GET /path/{x}"
	mux      *http.ServeMux
	plan     *redact.Plan
	decision policy.Decision
	err      error
	asked    []policy.Question
}

func newRules(t *testing.T) *tableRules {
	t.Helper()
	plan, err := redact.NewPlan(redact.PlanConfig{Fields: []redact.Field{
		{Path: "subject", Class: redact.Username, Do: redact.Show},
		{Path: "pan", Class: redact.PAN, Do: redact.Mask},
		{Path: "name", Class: redact.Person, Do: redact.Show},
		{Path: "text", Class: redact.Person, Do: redact.Show},
		{Path: "items[].name", Class: redact.Person, Do: redact.Show},
	}})
	if err != nil {
		t.Fatal(err)
	}
	rules := &tableRules{screens: map[string]*policy.Screen{}, mux: http.NewServeMux(), plan: plan}
	for _, s := range []policy.Screen{
		{ID: "account.view", Method: "GET", Path: "/api/accounts/{subject}", Media: "application/json", Subject: "subject"},
		{ID: "account.change", Method: "POST", Path: "/api/accounts/{subject}", Media: "application/json", Subject: "subject"},
		{ID: "file", Method: "GET", Path: "/files/{name}", Media: "application/json"},
		{ID: "events", Method: "GET", Path: "/api/events", Media: "text/event-stream"},
		{ID: "lines", Method: "GET", Path: "/api/lines", Media: "application/x-ndjson"},
		{ID: "chat", Method: "GET", Path: "/chat/{id}", Media: "application/json"},
	} {
		rules.add(s)
	}
	return rules
}

func (r *tableRules) add(s policy.Screen) {
	s.Tool = "cases"
	pattern := s.Method + " " + s.Path
	r.screens[pattern] = &s
	r.mux.HandleFunc(pattern, func(http.ResponseWriter, *http.Request) {})
}

func (r *tableRules) Match(tool, method, path string) (*policy.Screen, map[string]string, error) {
	req := &http.Request{Method: method, URL: &url.URL{Path: path}, Host: host}
	_, pattern := r.mux.Handler(req)
	s := r.screens[pattern]
	if s == nil {
		return nil, nil, policy.ErrScreen
	}
	params := map[string]string{}
	want, have := strings.Split(s.Path, "/"), strings.Split(path, "/")
	for i, segment := range want {
		if strings.HasPrefix(segment, "{") {
			params[strings.Trim(segment, "{}")] = have[i]
		}
	}
	return s, params, nil
}

func (r *tableRules) Decide(_ context.Context, _ *policy.Screen, q *policy.Question) (*policy.Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, *q)
	if r.err != nil {
		return nil, r.err
	}
	d := r.decision
	if d.Plan == nil {
		d.Plan = r.plan
	}
	return &d, nil
}

func (r *tableRules) set(change func(*tableRules)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}
