package gateway

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// trickle gives a byte whenever a time has passed, n times, and then its end.
type trickle struct {
	ctx   context.Context
	every time.Duration
	n     int
}

func (b *trickle) Read(p []byte) (int, error) {
	if b.n == 0 {
		return 0, io.EOF
	}
	time.Sleep(b.every)
	if b.ctx != nil && b.ctx.Err() != nil {
		return 0, b.ctx.Err()
	}
	b.n--
	return copy(p, " "), nil
}

func (b *trickle) Close() error { return nil }

type tripFunc func(*http.Request) (*http.Response, error)

func (f tripFunc) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestPhases: each phase of a request has its own patience. A tool that does not
// answer, and one that falls silent in its answer, are given up; an upload or an
// answer that moves is not, however long it takes.
func TestPhases(t *testing.T) {
	read := func(r *http.Request) (*http.Response, error) {
		var part [1]byte
		for {
			_, err := r.Body.Read(part[:])
			if r.Context().Err() != nil {
				return nil, r.Context().Err()
			}
			if err == io.EOF {
				return &http.Response{StatusCode: 204, Body: http.NoBody}, nil
			}
		}
	}
	answer := func(every time.Duration, n int) tripFunc {
		return func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"Content-Type": {"application/json"}}, ContentLength: -1,
				Body: &trickle{r.Context(), every, n}}, nil
		}
	}
	for name, c := range map[string]struct {
		upload io.ReadCloser
		tool   tripFunc
		want   error
		after  time.Duration
	}{
		"no answer":     {nil, func(r *http.Request) (*http.Response, error) { <-r.Context().Done(); return nil, r.Context().Err() }, errToolSlow, 30 * time.Second},
		"slow upload":   {&trickle{every: 20 * time.Second, n: 10}, read, nil, 200 * time.Second},
		"stuck upload":  {&trickle{every: 31 * time.Second, n: 10}, read, errToolSlow, 31 * time.Second},
		"silent answer": {nil, answer(61*time.Second, 3), errToolSlow, 61 * time.Second},
		"slow answer":   {nil, answer(59*time.Second, 3), errAnswer, 177 * time.Second}, // whole, and no JSON
	} {
		t.Run(name, func(t *testing.T) {
			rules := newRules(t)
			screen, _, err := rules.Match("cases", "GET", "/api/list")
			if err != nil {
				t.Fatal(err)
			}
			session := &mfa.Session{ID: "sess-1", Agent: "ada", Roles: []string{"tier1"}, Purpose: "servicing", Case: "C-1",
				Proofs: []mfa.Proof{{Kind: "password", At: tuesday()}, {Kind: "totp", At: tuesday()}}}
			asked := policy.Question{Agent: "ada", Roles: session.Roles, Tool: "cases", Screen: screen.ID,
				Purpose: "servicing", Case: "C-1", Time: tuesday(), Proofs: []policy.Proof{{Kind: "password", At: tuesday()}, {Kind: "totp", At: tuesday()}}}
			decided, err := rules.Decide(t.Context(), screen, &asked)
			if err != nil || decided.Plan == nil {
				t.Fatal(decided, err)
			}
			scan, err := redact.New(redact.Config{Profile: redact.Chat})
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				gate, err := New(Config{Policy: rules, Trail: &memoryTrail{}, Door: &oneAgent{session: session, ended: make(chan struct{})}, Scan: scan, Clock: tuesday})
				if err != nil {
					t.Fatal(err)
				}
				defer gate.Close()
				began := time.Now()
				r := httptest.NewRequest("POST", "/api/list", c.upload)
				v := &visit{g: gate, w: httptest.NewRecorder(), r: r, path: "/api/list", screen: screen, decision: decided, session: session, token: token, question: asked,
					tool: &tool{Tool: Tool{Upstream: &url.URL{Scheme: "http", Host: "tool"}, Timeout: 30 * time.Second, Silence: time.Minute}, load: newLoad(4), trip: c.tool}}
				if c.upload == nil {
					r.Body, r.ContentLength = nil, 0
				}
				err = v.forward()
				if c.want == nil && err != nil || c.want != nil && !errors.Is(err, c.want) || time.Since(began) != c.after {
					t.Errorf("after %v: %v; want %v after %v", time.Since(began), err, c.want, c.after)
				}
			})
		})
	}
}

// TestUploads: files of named kinds pass byte for byte, all others are refused
// before the tool is asked, and none is longer than the tool takes.
func TestUploads(t *testing.T) {
	picture := bytes.Repeat([]byte{0xff, 0xd8, 0, 1}, 1<<16)
	for name, c := range map[string]struct {
		media  string
		body   []byte
		status int
		code   string
	}{
		"named":    {"image/png", picture, 200, ""},
		"unnamed":  {"application/zip", picture, 403, "probe"},
		"too long": {"image/png", append(picture, picture...), 413, "body_too_large"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Uploads, c.Tools[0].MaxBody = []string{"image/*"}, 300<<10 })
			r := h.request("POST", "/api/upload", bytes.NewReader(c.body))
			r.Header.Set("Content-Type", c.media)
			if res, err := h.client("h1").Do(r); err == nil { // else hung up on while still sending: RFC 9110 §10.1.1 allows that
				said, _ := io.ReadAll(res.Body)
				res.Body.Close()
				if res.StatusCode != c.status || !strings.Contains(string(said), c.code) {
					t.Errorf("%d %s", res.StatusCode, said)
				}
			} else if c.status == 200 {
				t.Error(err)
			}
			_, body := h.seen.last()
			if c.status == 200 && body != string(c.body) || c.status != 200 && h.seen.count() > 0 {
				t.Errorf("the tool saw %d bytes in %d requests", len(body), h.seen.count())
			}
		})
	}
}

// TestToolHTTP2: a tool may speak HTTP/2 without TLS.
func TestToolHTTP2(t *testing.T) {
	spoken := make(chan string, 1)
	back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		spoken <- r.Proto
		says("application/json", account)(w, r)
	}))
	back.Config.Protocols = new(http.Protocols)
	back.Config.Protocols.SetUnencryptedHTTP2(true)
	back.Start()
	t.Cleanup(back.Close)
	upstream, _ := url.Parse(back.URL)
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Upstream, c.Tools[0].HTTP2 = upstream, true })
	if res, body := h.get("/api/accounts/alice"); res.StatusCode != 200 || !strings.Contains(body, "Alice") {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	if proto := <-spoken; proto != "HTTP/2.0" {
		t.Errorf("the tool heard %s", proto)
	}
}

// TestConnections: beyond the limit a connection is closed, and a place that is
// given back is taken again.
func TestConnections(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{Connections: 1})
	cfg := &tls.Config{InsecureSkipVerify: true}
	first, err := tls.Dial("tcp", addr, cfg)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := tls.Dial("tcp", addr, cfg); err == nil {
		t.Error("a second connection was let in")
		second.Close()
	}
	first.Close()
	for t.Context().Err() == nil {
		if again, err := tls.Dial("tcp", addr, cfg); err == nil {
			again.Close()
			return
		}
	}
}
