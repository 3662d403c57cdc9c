package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
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
	rules   *faultyRules
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
	h.session = &mfa.Session{ID: "sess-1", Agent: "ada", Roles: []string{"tier1"}, Purpose: "servicing", Case: "C-1",
		Proofs: []mfa.Proof{{Kind: "password", At: tuesday()}, {Kind: "totp", At: tuesday()}}}
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
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		t.Fatal(err)
	}
	upstream, _ := url.Parse(h.back.URL)
	cfg := Config{Tools: []Tool{{Name: "cases", Host: host, Upstream: upstream}},
		Policy: h.rules, Trail: h.trail, Door: h.door, Scan: scan, Clock: tuesday, Strangers: 1 << 20}
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
	news    news
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

func (o *oneAgent) Changed(string) <-chan struct{} {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.news.now()
}

// change changes what the door says, and tells it.
func (o *oneAgent) change(f func(*oneAgent)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	f(o)
	o.news.tell()
}

// news is a channel that is closed and made anew with every change.
type news struct{ c chan struct{} }

func (n *news) now() <-chan struct{} {
	if n.c == nil {
		n.c = make(chan struct{})
	}
	return n.c
}

func (n *news) tell() {
	if n.c != nil {
		close(n.c)
	}
	n.c = nil
}

func (o *oneAgent) CallerVerified(context.Context, string, string) (time.Time, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.until, nil
}

const testCatalogue = `
tool: cases
screens:
  - {id: account.view, path: "/api/accounts/{subject}", media: application/json, subject: subject, shape: account, query: {view: plain, email: email}}
  - {id: account.change, method: POST, path: "/api/accounts/{subject}", media: application/json, subject: subject, shape: account, body: change}
  - {id: account.options, method: OPTIONS, path: "/api/accounts/{subject}", media: application/json, subject: subject, shape: account}
  - {id: watch.events, path: "/api/accounts/{subject}/events", media: text/event-stream, subject: subject, shape: watched}
  - {id: watch.lines, path: "/api/accounts/{subject}/lines", media: application/x-ndjson, subject: subject, shape: watched}
  - {id: watch.list, path: "/api/accounts/{subject}/list", media: application/json, subject: subject, shape: watched_list}
  - {id: watch.table, path: "/api/accounts/{subject}/table", media: text/csv, subject: subject, shape: watched}
  - {id: watch.chat, path: "/api/accounts/{subject}/chat", upgrade: websocket, media: application/json, subject: subject, shape: watched}
  - {id: upload, method: POST, path: /api/upload, media: application/json, shape: account}
  - {id: list, path: /api/list, media: application/json, shape: list}
  - {id: file, path: "/files/{name}", media: application/json, shape: account}
  - {id: events, path: /api/events, media: text/event-stream, shape: account}
  - {id: lines, path: /api/lines, media: application/x-ndjson, shape: account}
  - {id: chat, path: "/chat/{id}", upgrade: websocket, media: application/json, shape: account, body: change}
  - {id: page, path: "/page/{subject}", media: text/html, subject: subject, shape: page}
  - {id: style, path: /style.css, media: text/css, shape: asset}
  - {id: picture, path: /logo.png, media: "image/*", shape: asset}
shapes:
  account:
    subject: subject
    fields: {subject: reference, name: person, pan: pan, cvv: cvv, text: text, "items[]": {name: person, pan: pan}}
  list: {record: "items[]", fields: {"items[]": {name: person, pan: pan}}}
  watched: {subject: subject, fields: {subject: reference, name: person, email: email}}
  watched_list: {record: "items[]", fields: {"items[]": "@watched"}}
  change: {fields: {name: person, text: text, cvv: cvv}}
  page: {fields: {h1: plain, ".name": person, ".pan": pan}}
  asset: {fields: {"": plain}}
`

// faultyRules is a real engine whose decisions a test can bend.
type faultyRules struct {
	*policy.Engine
	mu    sync.Mutex
	bend  func(*policy.Decision)
	err   error
	asked []policy.Question
	news  news
}

func (r *faultyRules) Changed() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.news.now()
}

func newRules(t testing.TB) *faultyRules {
	t.Helper()
	engine, err := policy.Open(context.Background(), policy.Config{Clock: tuesday,
		Catalogue: []policy.Document{{Name: "test.yaml", Text: []byte(testCatalogue)}}})
	if err != nil {
		t.Fatal(err)
	}
	return &faultyRules{Engine: engine}
}

// tuesday is within desk hours.
func tuesday() time.Time { return time.Date(2026, 3, 3, 10, 0, 0, 0, time.UTC) }

func (r *faultyRules) Decide(ctx context.Context, s *policy.Screen, q *policy.Question) (*policy.Decision, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, *q)
	if r.err != nil {
		return nil, r.err
	}
	d, err := r.Engine.Decide(ctx, s, q)
	if err != nil || r.bend == nil {
		return d, err
	}
	bent := *d
	r.bend(&bent)
	return &bent, nil
}

func (r *faultyRules) bendTo(bend func(*policy.Decision)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.bend = bend
	r.news.tell()
}
