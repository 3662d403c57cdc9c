package desk_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base32"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/gateway/desk"
	"github.com/privet-gateway/privet/mfa"
)

// parts are the neighbours of a desk under test.
type parts struct {
	mu   sync.Mutex
	n    int
	sent []string
	now  time.Time
}

func (p *parts) Seal(_ context.Context, _ string, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}
func (p *parts) Open(_ context.Context, _ string, b []byte) ([]byte, error) {
	return bytes.Clone(b), nil
}
func (p *parts) Record(context.Context, mfa.Act) (string, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.n++
	return "test.1", nil
}
func (p *parts) Send(_ context.Context, _, _, body string) error {
	p.sent = append(p.sent, body)
	return nil
}
func (p *parts) ChannelOf(_ context.Context, subject, channel string) (string, time.Time, error) {
	switch {
	case subject == "moved":
		return "moved@example.test", p.clock().Add(-71 * time.Hour), nil
	case subject == "c1" && channel == "email":
		return "cardholder@example.test", p.clock().Add(-73 * time.Hour), nil
	}
	return "", time.Time{}, mfa.ErrChannel
}
func (p *parts) clock() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.now
}
func (p *parts) set(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = at
}
func (p *parts) next() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.now = p.now.Add(30 * time.Second)
}

const password = "plum harbour lantern 9"

var seed = bytes.Repeat([]byte("s"), 20)

type bench struct {
	*parts
	door     *mfa.Door
	server   *httptest.Server
	tool     *httptest.Server // what stands for a tool's host: it only takes sessions over
	cert     *x509.Certificate
	callback string       // where the identity provider sent us last
	client   *http.Client // a browser: keeps cookies, follows nothing
}

func open(t *testing.T, change ...func(*mfa.Config)) *bench {
	t.Helper()
	b := &bench{parts: &parts{now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}}
	var d *desk.Desk
	b.server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { d.ServeHTTP(w, r) }))
	t.Cleanup(b.server.Close)
	b.tool = httptest.NewTLSServer(http.HandlerFunc(b.serveTool))
	t.Cleanup(b.tool.Close)
	b.cert = b.server.Certificate()
	b.server.URL, b.tool.URL = named(b.server, "desk.localhost"), named(b.tool, "cases.localhost")
	at, _ := url.Parse(b.server.URL)
	tool, _ := url.Parse(b.tool.URL)
	db := storetest.Open(t, store.SQLite, mfa.Schema())
	var err error
	cfg := mfa.Config{Store: db, Sealer: b.parts, Trail: b.parts, Post: b.parts, Cardholders: b.parts, Desk: at,
		Hosts: []*url.URL{tool}, Argon: mfa.Argon{Memory: 64, Passes: 1, Threads: 1}, Clock: b.clock}
	for _, f := range change {
		f(&cfg)
	}
	b.door, err = mfa.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.door.Close)
	if d, err = desk.New(desk.Config{Door: b.door, Trail: b.parts, Logger: slog.Default(), Tools: []desk.Tool{{Name: "Cases", URL: b.tool.URL, Kind: "agent"}}, Clock: b.clock}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "ada", Display: "Ada Brooks", Kind: "agent", Roles: []string{"tier1"}}, Password: password, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	b.client = browser()
	return b
}

// named is a server's address under a host name: cookies and passkeys go by it.
func named(s *httptest.Server, host string) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://" + host + ":" + port
}

// transport finds *.localhost on this machine, as browsers do.
func transport() *http.Transport {
	return &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, // the test server's own certificate
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			_, port, err := net.SplitHostPort(address)
			if err != nil {
				return nil, err
			}
			return new(net.Dialer).DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
		}}
}

// serveTool is what a gateway does on a tool's host before any screen.
func (b *bench) serveTool(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == mfa.EnterPath {
		to, err := b.door.Enter(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	s, err := b.door.Recognise(r)
	if err != nil {
		to, _, err := b.door.Depart(w, r)
		if err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		http.Redirect(w, r, to, http.StatusSeeOther)
		return
	}
	io.WriteString(w, "hello "+s.Agent)
}

func (b *bench) code(t *testing.T) string {
	t.Helper()
	b.next()
	return codeAt(t, base32.StdEncoding.EncodeToString(seed), b.clock())
}

// post sends JSON and returns status and body.
func (b *bench) post(t *testing.T, path, session, body string, headers ...string) (int, map[string]any) {
	t.Helper()
	r, _ := http.NewRequest("POST", b.server.URL+path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	if session != "" {
		r.Header.Set("Privet-Session", session)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := (&http.Client{Transport: transport()}).Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var out map[string]any
	_ = json.NewDecoder(res.Body).Decode(&out)
	if res.Header.Get("Retry-After") != "" && out != nil {
		out["after"] = res.Header.Get("Retry-After")
	}
	return res.StatusCode, out
}

// signIn signs a program in.
func (b *bench) signIn(t *testing.T) string {
	t.Helper()
	_, got := b.post(t, "/api/login", "", `{"agent":"ada","password":"`+password+`"}`)
	ticket, _ := got["ticket"].(string)
	status, got := b.post(t, "/api/code", "", `{"ticket":"`+ticket+`","code":"`+b.code(t)+`"}`)
	session, _ := got["session"].(string)
	if status != 200 || session == "" || got["expires_at"] != b.clock().Add(15*time.Minute).Format(time.RFC3339) {
		t.Fatalf("sign in: %d %v", status, got)
	}
	return session
}

func TestAPI(t *testing.T) {
	b := open(t)
	session := b.signIn(t)
	for _, c := range []struct {
		path, session, body string
		status              int
		code                string
	}{
		{"/api/login", "", `{"agent":"ada","password":"wrong"}`, 401, "wrong"},
		{"/api/login", "", `{"agent":"nobody","password":"wrong"}`, 401, "wrong"},
		{"/api/login", "", `{"agent":`, 400, "body"},
		{"/api/login", "", `{} {}`, 400, "body"},
		{"/api/login", "", strings.Repeat(" ", 1<<20) + `{}`, 400, "body"},
		{"/api/code", "", `{"ticket":"x","code":"123456"}`, 401, "ticket"},
		{"/api/logout", "", ``, 401, "no_session"},
		{"/api/caller/start", "", `{"subject":"c1","channel":"email"}`, 401, "no_session"},
		{"/api/caller/start", session, `{"subject":"c1","channel":"pigeon"}`, 404, "channel_unknown"},
		{"/api/caller/start", session, `{"subject":"../c1","channel":"email"}`, 404, "channel_unknown"},
		{"/api/caller/start", session, `{"subject":"moved","channel":"email"}`, 409, "channel_recent"},
		{"/api/caller/verify", session, `{"subject":"c1","code":"000000"}`, 401, "wrong"},
		{"/api/nothing", session, `{}`, 404, "not_found"},
	} {
		status, got := b.post(t, c.path, c.session, c.body)
		if status != c.status || got["code"] != c.code || got["request_id"] == "" {
			t.Errorf("%s %.40s: %d %v, want %d %s", c.path, c.body, status, got, c.status, c.code)
		}
		if receipt, _ := got["receipt"].(string); (status == 401 || status == 403) && receipt == "" {
			t.Errorf("%s %.40s: a refusal that nobody wrote down: %v", c.path, c.body, got)
		}
	}
	if status, got := b.post(t, "/api/caller/start", session, `{"subject":"c1","channel":"email"}`); status != 200 || len(b.sent) != 1 {
		t.Fatalf("start: %d %v, %d messages", status, got, len(b.sent))
	}
	code := regexp.MustCompile(`\d{6}`).FindString(b.sent[0])
	if status, got := b.post(t, "/api/caller/verify", session, `{"subject":"c1","code":"`+code+`"}`); status != 200 || got["verified"] != true {
		t.Errorf("verify: %d %v", status, got)
	}
	if status, _ := b.post(t, "/api/caller/verify", session, `{"subject":"c1","code":"`+code+`"}`); status != 401 {
		t.Errorf("verify with a spent code: %d", status)
	}
	if status, _ := b.post(t, "/api/logout", session, ""); status != 204 {
		t.Errorf("logout: %d", status)
	}
	if status, got := b.post(t, "/api/purpose", session, `{}`); status != 401 || got["code"] != "no_session" {
		t.Errorf("after logout: %d %v", status, got)
	}
}

// Ten wrong codes lock, wrong passwords do not.
func TestAPILock(t *testing.T) {
	b := open(t)
	for range 30 {
		if status, _ := b.post(t, "/api/login", "", `{"agent":"ada","password":"wrong"}`); status != 401 {
			t.Fatalf("wrong password: %d", status)
		}
	}
	_, got := b.post(t, "/api/login", "", `{"agent":"ada","password":"`+password+`"}`)
	ticket := got["ticket"].(string)
	for i := range 12 {
		status, got := b.post(t, "/api/code", "", `{"ticket":"`+ticket+`","code":"000000"}`)
		if want := map[bool]int{true: 401, false: 423}[i < 10]; status != want {
			t.Errorf("wrong code %d: %d %v", i+1, status, got)
		}
		if i >= 10 && got["after"] != "1800" {
			t.Errorf("wrong code %d: retry after %v", i+1, got["after"])
		}
	}
	if status, got := b.post(t, "/api/code", "", `{"ticket":"`+ticket+`","code":"`+b.code(t)+`"}`); status != 423 {
		t.Errorf("right code while locked: %d %v", status, got)
	}
}

func TestCrossOrigin(t *testing.T) {
	b := open(t)
	session := b.signIn(t)
	for _, h := range [][]string{{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.test"}} {
		if status, got := b.post(t, "/api/logout", session, "", h...); status != 403 || got["code"] != "cross_origin" {
			t.Errorf("%v: %d %v", h, status, got)
		}
	}
}

// Whoever a wrong password is for, the answer is the same to the byte, but for
// the request's own number and receipt.
func TestSameAnswer(t *testing.T) {
	b := open(t)
	if _, err := b.door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "ben", Kind: "agent"}, Password: password, Seed: seed}); err != nil {
		t.Fatal(err)
	}
	if err := b.door.Lock(t.Context(), "sofia", "ben", "test"); err != nil {
		t.Fatal(err)
	}
	answers := map[string]string{}
	for _, name := range []string{"ada", "nobody", "ben"} {
		status, got := b.post(t, "/api/login", "", `{"agent":"`+name+`","password":"not the password"}`)
		delete(got, "request_id")
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		answers[http.StatusText(status)+string(text)] = name
	}
	if len(answers) != 1 {
		t.Errorf("answers differ: %v", answers)
	}
}
