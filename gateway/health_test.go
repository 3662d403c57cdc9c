package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestHealth: a tool that fails two checks is down and its agents are told at
// once, without a request to it; one good check brings it back.
func TestHealth(t *testing.T) {
	var sick, asked atomic.Int64
	sick.Store(200)
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			w.WriteHeader(int(sick.Load()))
			return
		}
		asked.Add(1)
		says("application/json", account)(w, r)
	}), func(c *Config) {
		c.Tools[0].Health = Health{Path: "/health", Every: time.Hour}
		c.Tools[0].Secrets = map[string]string{"Authorization": "Basic eA=="}
	})
	tool := h.gate.tools[host]
	for h.gate.Health()[0].Since.IsZero() { // the watch has checked, and waits an hour
		runtime.Gosched()
	}
	for i, c := range []struct {
		health, status int
		down           bool
	}{{200, 200, false}, {500, 200, false}, {404, 502, true}, {302, 200, false}, {503, 200, false}, {200, 200, false}, {500, 200, false}, {500, 502, true}} {
		sick.Store(int64(c.health))
		before := asked.Load()
		tool.note(tool.check(t.Context()), tuesday())
		if saw, _ := h.seen.last(); saw.Header.Get("Authorization") != "Basic eA==" || saw.Header.Get(SessionHeader) != "" {
			t.Errorf("%d: asked with %v", i, saw.Header)
		}
		if all := h.gate.Health(); (all[0].Err != nil) != c.down || all[0].Tool != "cases" {
			t.Errorf("%d: %+v, want down %v", i, all, c.down)
		}
		res, body := h.get("/api/accounts/alice")
		if res.StatusCode != c.status || c.down && (!strings.Contains(body, "tool_unreachable") || res.Header.Get("Retry-After") == "" || asked.Load() != before) {
			t.Errorf("%d: %d %s", i, res.StatusCode, body)
		}
	}
}

// TestHealthWatch: without a path a connection is enough, over TLS a trusted
// one; the watch finds out by itself.
func TestHealthWatch(t *testing.T) {
	closed, err := net.Listen("tcp", "127.0.0.1:0") // held, so that nobody else gets the port; never accepts TLS
	if err != nil {
		t.Fatal(err)
	}
	defer closed.Close()
	go func() {
		for {
			conn, err := closed.Accept()
			if err != nil {
				return
			}
			conn.Close()
		}
	}()
	h := newHouse(t, http.NotFoundHandler(), func(c *Config) {
		other := c.Tools[0]
		other.Name, other.Host = "secure", "secure.localhost"
		u := *other.Upstream
		u.Scheme, u.Host = "https", closed.Addr().String()
		other.Upstream = &u
		other.Health.Every = time.Millisecond
		c.Tools = append(c.Tools, other)
	})
	for h.gate.Health()[0].Since.IsZero() || h.gate.Health()[1].Since.IsZero() {
		select {
		case <-t.Context().Done():
			t.Fatal("never checked")
		case <-time.After(time.Millisecond):
		}
	}
	if all := h.gate.Health(); all[0].Err != nil || all[1].Err == nil {
		t.Errorf("%+v", all)
	}
	if all := h.gate.Check(t.Context()); all[0].Err != nil || all[1].Err == nil {
		t.Errorf("%+v", all)
	}
}

// TestAskedAgain: a request is repeated only if no byte of the first try left,
// or if its method allows; a tool never sees a change twice.
func TestAskedAgain(t *testing.T) {
	var fail, seen atomic.Int64 // dials to fail; requests that came
	var cut atomic.Bool         // an answer to cut before its first byte
	var said atomic.Value
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if cut.Swap(false) {
			panic(http.ErrAbortHandler)
		}
		body, _ := io.ReadAll(r.Body)
		said.Store(string(body))
	}))
	defer back.Close()
	to, _ := url.Parse(back.URL)
	tool, err := openTool(Tool{Name: "cases", Host: host, Upstream: to})
	if err != nil {
		t.Fatal(err)
	}
	defer tool.close()
	tool.lines.dial = func(ctx context.Context) (net.Conn, error) {
		if fail.Add(-1) >= 0 {
			return nil, &net.OpError{Op: "dial", Err: errors.New("connection refused")}
		}
		return tool.open(ctx)
	}
	ask := func(method, body string) bool {
		r, _ := http.NewRequestWithContext(t.Context(), method, back.URL, strings.NewReader(body))
		if body == "" {
			r.Body, r.GetBody = nil, nil
		}
		res, err := tool.trip.RoundTrip(r)
		if err != nil {
			return false
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		return said.Load() == body
	}
	for _, c := range []struct {
		name         string
		method, body string
		fails        int64
		cut, ok      bool
		tries        int64
	}{
		{"one failed dial", "GET", "", 1, false, true, 1},
		{"one failed dial, a change", "POST", "new", 1, false, true, 1},
		{"two failed dials", "GET", "", 2, false, false, 0},
		{"a cut answer on a used connection", "GET", "", 0, true, true, 2},
		{"a cut answer to a change", "POST", "new", 0, true, false, 1},
		{"a cut answer to a change without a body", "DELETE", "", 0, true, false, 1},
	} {
		if c.fails > 0 {
			tool.lines.hangUp(false)
		} else if !ask("GET", "") { // leaves a used connection
			t.Fatal("not asked")
		}
		fail.Store(c.fails)
		seen.Store(0)
		cut.Store(c.cut)
		if ok := ask(c.method, c.body); ok != c.ok || seen.Load() != c.tries {
			t.Errorf("%s: %v after %d tries, want %v after %d", c.name, ok, seen.Load(), c.ok, c.tries)
		}
		fail.Store(0)
	}
}

// TestHeadersOfTools: a configuration cannot open a header that is Privet's.
func TestHeadersOfTools(t *testing.T) {
	for _, c := range []struct {
		change func(*Tool)
		ok     bool
	}{
		{func(t *Tool) { t.RequestHeaders = []string{"X-Trace"} }, true},
		{func(t *Tool) { t.RequestHeaders = []string{"x_forwarded_for"} }, false},
		{func(t *Tool) { t.RequestHeaders = []string{"Authorization"} }, false},
		{func(t *Tool) { t.RequestHeaders = []string{"A B"} }, false},
		{func(t *Tool) { t.ResponseHeaders = []string{"X-Total-Count", "Content-Security-Policy"} }, true},
		{func(t *Tool) { t.ResponseHeaders = []string{"set-cookie"} }, false},
		{func(t *Tool) { t.ResponseHeaders = []string{"Content-Type"} }, false},
		{func(t *Tool) { t.ResponseHeaders = []string{"Privet-Receipt"} }, false},
		{func(t *Tool) { t.Secrets = map[string]string{"Authorization": "Basic eA=="} }, true},
		{func(t *Tool) { t.Secrets = map[string]string{"X-Forwarded-User": "x"} }, false},
		{func(t *Tool) { t.Secrets = map[string]string{"Privet-Assertion": "x"} }, false},
		{func(t *Tool) { t.Secrets = map[string]string{"X-Key": "a\r\nX: y"} }, false},
		{func(t *Tool) { t.Secrets = map[string]string{"X-Key": ""} }, false},
		{func(t *Tool) { t.Health.Path = "healthz" }, false},
	} {
		tool := Tool{Name: "cases", Host: host, Upstream: &url.URL{Scheme: "http", Host: "127.0.0.1"}}
		c.change(&tool)
		if _, err := openTool(tool); (err == nil) != c.ok {
			t.Errorf("%v %v %v: %v", tool.RequestHeaders, tool.ResponseHeaders, tool.Secrets, err)
		}
	}
}
