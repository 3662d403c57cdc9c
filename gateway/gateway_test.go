package gateway

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

const account = `{"subject":"alice","name":"Alice","pan":"4111111111111111","cvv":"123","secret_note":"hush"}`

// says is a tool that always answers the same.
func says(contentType, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		io.WriteString(w, body)
	}
}

func TestView(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	h.trail.durable = func(e audit.Event) {
		if e.Kind == "view.intent" && h.seen.count() != 0 {
			t.Error("the tool was asked before the intent was durable")
		}
	}
	res, body := h.get("/api/accounts/alice")
	if res.StatusCode != 200 || strings.Contains(body, "4111111111111111") || !strings.Contains(body, "1111") {
		t.Fatalf("got %d %s", res.StatusCode, body)
	}
	for _, gone := range []string{"123", "hush", "secret_note", "cvv"} {
		if strings.Contains(body, gone) {
			t.Errorf("%q was shown: %s", gone, body)
		}
	}
	if res.Header.Get("Privet-Receipt") != "test.0" {
		t.Errorf("receipt %q, want the intent's", res.Header.Get("Privet-Receipt"))
	}
	if got := res.Header.Get("Cache-Control"); got != "private, no-store" {
		t.Errorf("Cache-Control %q", got)
	}
	h.gate.Close()
	outcomes := h.trail.all("view.outcome")
	if len(outcomes) != 1 || outcomes[0].Intent != "test.0" || outcomes[0].Outcome != "shown" {
		t.Fatalf("outcomes: %+v", outcomes)
	}
	if c := outcomes[0].Classes; c["pan"] != "mask" || c["person"] != "show" {
		t.Errorf("classes %v", c)
	}
	intent := h.trail.all("view.intent")[0]
	if intent.Agent != "ada" || intent.Screen != "account.view" || len(intent.Subjects) != 1 || intent.Subjects[0] != "alice" {
		t.Errorf("intent %+v", intent)
	}
}

// TestRefusals: each no has its code, a receipt, and nothing reached the tool.
func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*house, *http.Request)
		status int
		code   string
	}{
		{"no session", func(_ *house, r *http.Request) { r.Header.Del(SessionHeader) }, 401, "no_session"},
		{"wrong session", func(_ *house, r *http.Request) { r.Header.Set(SessionHeader, "x") }, 401, "no_session"},
		{"unknown host", func(_ *house, r *http.Request) { r.Host = "evil.localhost" }, 404, "host_unknown"},
		{"unknown screen", func(_ *house, r *http.Request) { r.URL.Path = "/api/nothing" }, 404, "screen_unknown"},
		{"other method", func(_ *house, r *http.Request) { r.Method = "DELETE" }, 404, "screen_unknown"},
		{"trace", func(_ *house, r *http.Request) { r.Method = "TRACE" }, 405, "method_refused"},
		{"made-up method", func(_ *house, r *http.Request) { r.Method = "get" }, 405, "method_refused"},
		{"refused by rule", func(h *house, _ *http.Request) {
			h.rules.bendTo(func(d *policy.Decision) { d.Refused = "not_your_case" })
		}, 403, "not_your_case"},
		{"step up", func(h *house, _ *http.Request) {
			h.rules.bendTo(func(d *policy.Decision) { d.StepUp = time.Minute })
		}, 401, "step_up"},
		{"rules fail", func(h *house, _ *http.Request) { h.rules.err = errors.New("boom") }, 503, "rules_unavailable"},
		{"method override", func(_ *house, r *http.Request) { r.URL.RawQuery = "_method=delete" }, 400, "query_ambiguous"},
		{"two query separators", func(_ *house, r *http.Request) { r.URL.RawQuery = "a=1;b=2" }, 400, "query_ambiguous"},
		{"unnamed parameter", func(_ *house, r *http.Request) { r.URL.RawQuery = "debug=1" }, 403, "probe"},
		{"filter by a masked field", func(_ *house, r *http.Request) { r.URL.RawQuery = "email=a@b.example" }, 403, "probe"},
		{"locked", func(h *house, _ *http.Request) { h.door.err = fmt.Errorf("session: %w", mfa.ErrLocked) }, 423, "locked"},
		{"door fails", func(h *house, _ *http.Request) { h.door.err = errors.New("disk on fire") }, 503, "unavailable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account))
			r := h.request("GET", "/api/accounts/alice", nil)
			c.change(h, r)
			res, body := h.do(r)
			var problem struct{ Code, Receipt string }
			if err := json.Unmarshal([]byte(body), &problem); err != nil {
				t.Fatalf("not a problem document: %s", body)
			}
			if res.StatusCode != c.status || problem.Code != c.code {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, problem.Code, c.status, c.code)
			}
			if problem.Receipt == "" || res.Header.Get("Privet-Receipt") != problem.Receipt {
				t.Errorf("receipt %q, header %q", problem.Receipt, res.Header.Get("Privet-Receipt"))
			}
			if h.seen.count() != 0 {
				t.Error("the tool was asked")
			}
			if got := h.trail.all("refusal"); len(got) != 1 || got[0].Reason != c.code {
				t.Errorf("trail: %+v", got)
			}
			if strings.Contains(body, "fire") || strings.Contains(body, "boom") {
				t.Errorf("an error spoke about itself: %s", body)
			}
		})
	}
}

func TestStepUpChallenge(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	h.rules.bendTo(func(d *policy.Decision) { d.StepUp = 90 * time.Second })
	res, _ := h.get("/api/accounts/alice")
	if got := res.Header.Get("WWW-Authenticate"); !strings.Contains(got, `error="insufficient_user_authentication"`) || !strings.Contains(got, `max_age="90"`) {
		t.Errorf("challenge %q", got)
	}
}

// TestTrailClosed: a trail that refuses, and one that hangs, show nothing.
func TestTrailClosed(t *testing.T) {
	for name, breakIt := range map[string]func(*memoryTrail){
		"closed": func(m *memoryTrail) { m.closed = true },
		"stuck":  func(m *memoryTrail) { m.stuck = true },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account))
			breakIt(h.trail)
			res, body := h.get("/api/accounts/alice")
			if res.StatusCode != 503 || !strings.Contains(body, "trail_unavailable") || h.seen.count() != 0 {
				t.Errorf("got %d %s; tool asked %d times", res.StatusCode, body, h.seen.count())
			}
			h.trail.mu.Lock()
			h.trail.closed, h.trail.stuck = false, false
			h.trail.mu.Unlock()
			if res, _ := h.get("/api/accounts/alice"); res.StatusCode != 200 {
				t.Errorf("did not recover: %d", res.StatusCode)
			}
		})
	}
}

func zipped(body string) []byte {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	io.WriteString(z, body)
	z.Close()
	return b.Bytes()
}

// TestBadAnswers: what cannot be read is withheld, with a clear refusal and an
// outcome that says so.
func TestBadAnswers(t *testing.T) {
	for _, c := range []struct {
		name   string
		tool   http.HandlerFunc
		status int
		code   string
	}{
		{"malformed JSON", says("application/json", `{"name":"Alice","pan":"4111111111111111"`), 502, "answer_unreadable"},
		{"duplicate name", says("application/json", `{"name":"Alice","name":"4111111111111111"}`), 502, "answer_unreadable"},
		{"two documents", says("application/json", `{"name":"Alice"}{"pan":"4111111111111111"}`), 502, "answer_unreadable"},
		{"wrong type", says("text/html", account), 502, "answer_unexpected"},
		{"no type", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"] = nil
			io.WriteString(w, account)
		}, 502, "answer_unexpected"},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped(account))
		}, 502, "answer_compressed"},
		{"packed twice", func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Encoding"] = []string{"identity", "gzip"}
			says("application/json", account)(w, nil)
		}, 502, "answer_compressed"},
		{"odd status", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(conn, "HTTP/1.1 099 Odd\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
			conn.Close()
		}, 502, "tool_unreachable"},
		{"called compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "br")
			io.WriteString(w, account)
		}, 502, "answer_compressed"},
		{"deflated", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Content-Encoding", "deflate")
			io.WriteString(w, account)
		}, 502, "answer_compressed"},
		{"partial", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(206)
			io.WriteString(w, account)
		}, 502, "answer_partial"},
		{"foreign letters", says("application/json; charset=utf-16", account), 502, "answer_unexpected"},
		{"error page", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no such card 4111111111111111", 404)
		}, 404, "tool_refused"},
		{"hangs up", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 502, "tool_unreachable"},
		{"switches protocols", func(w http.ResponseWriter, _ *http.Request) {
			conn, _, _ := w.(http.Hijacker).Hijack()
			io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n4111111111111111")
			conn.Close()
		}, 502, "tool_unreachable"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, c.tool)
			res, body := h.get("/api/accounts/alice")
			if res.StatusCode != c.status || !strings.Contains(body, `"`+c.code+`"`) {
				t.Errorf("got %d %s, want %d %s", res.StatusCode, body, c.status, c.code)
			}
			if strings.Contains(body, "4111") || strings.Contains(body, "Alice") {
				t.Errorf("shown: %s", body)
			}
			h.gate.Close()
			if o := h.trail.all("view.outcome"); len(o) != 1 || o[0].Outcome != "failed" || o[0].Reason != c.code {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

// TestTornAnswer: a long answer that turns bad on the way never looks complete:
// one of many records is torn off, one that is a single record is refused.
func TestTornAnswer(t *testing.T) {
	for _, c := range []struct {
		proto, path string
		status      int
	}{{"h1", "/api/list", 200}, {"h2", "/api/list", 200}, {"h1", "/api/accounts/alice", 502}} {
		t.Run(c.proto+c.path, func(t *testing.T) {
			long := `{"items":[` + strings.Repeat(`{"name":"Alice"},`, 20_000) + `{"name":]}`
			h := newHouse(t, says("application/json", long))
			res, err := h.client(c.proto).Do(h.request("GET", c.path, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if _, err := io.ReadAll(res.Body); res.StatusCode != c.status || (err == nil) != (c.status != 200) {
				t.Errorf("%d %v", res.StatusCode, err)
			}
			h.gate.Close()
			if o := h.trail.all("view.outcome"); len(o) != 1 || o[0].Outcome != "failed" {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

func TestLongAnswer(t *testing.T) {
	const n = 40_000
	long := `{"items":[` + strings.Repeat(`{"name":"Alice","pan":"4111111111111111"},`, n) + `{"name":"last"}]}`
	h := newHouse(t, says("application/json", long))
	res, body := h.get("/api/accounts/alice")
	if res.StatusCode != 200 || strings.Contains(body, "4111") || strings.Count(body, "Alice") != n || !json.Valid([]byte(body)) {
		t.Errorf("got %d, %d bytes, %d records", res.StatusCode, len(body), strings.Count(body, "Alice"))
	}
}

// TestHiddenAnswers: interim answers, trailers, ranges and validators carry
// nothing past the view.
func TestHiddenAnswers(t *testing.T) {
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Early", "4111111111111111")
		w.WriteHeader(http.StatusEarlyHints)
		w.Header().Set("Trailer", "X-Pan")
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("ETag", `"4111111111111111"`)
		w.Header().Set("Last-Modified", "Mon, 02 Jan 2006 15:04:05 GMT")
		w.Header().Set("X-Pan", "4111111111111111")
		io.WriteString(w, account)
		w.Header().Set("X-Pan", "4111111111111111")
		w.Header().Set(http.TrailerPrefix+"X-Pan2", "4111111111111111")
	}))
	r := h.request("GET", "/api/accounts/alice", nil)
	r.Header.Set("Range", "bytes=0-3")
	r.Header.Set("If-None-Match", `"x"`)
	res, _ := h.do(r)
	if len(res.Trailer) > 0 || res.Header.Get("ETag") != "" || res.Header.Get("X-Pan") != "" || res.Header.Get("X-Early") != "" || res.Header.Get("Last-Modified") != "" {
		t.Errorf("headers %v trailers %v", res.Header, res.Trailer)
	}
	if got, _ := h.seen.last(); got.Header.Get("Range") != "" || got.Header.Get("If-None-Match") != "" {
		t.Errorf("the tool saw %v", got.Header)
	}
}

func TestHead(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	res, body := h.do(h.request("HEAD", "/api/accounts/alice", nil))
	if res.StatusCode != 200 || body != "" || res.Header.Get("Content-Length") != "" {
		t.Errorf("got %d %q length %q", res.StatusCode, body, res.Header.Get("Content-Length"))
	}
}

// TestRequestBodies: what a tool could read in two ways never reaches it.
func TestRequestBodies(t *testing.T) {
	huge := func() io.Reader { return io.LimitReader(endless{}, 1<<30) }
	for _, c := range []struct {
		name, media, coding string
		body                io.Reader
		status              int
		code                string
	}{
		{"good", "application/json", "", strings.NewReader(`{"name":"Bob"}`), 200, ""},
		{"form", "application/x-www-form-urlencoded", "", strings.NewReader(`name=Bob`), 200, ""},
		{"unnamed field", "application/json", "", strings.NewReader(`{"admin":true}`), 403, "probe"},
		{"unseen field", "application/x-www-form-urlencoded", "", strings.NewReader(`cvv=123`), 403, "probe"},
		{"two methods", "application/x-www-form-urlencoded", "", strings.NewReader(`name=Bob&_method=delete`), 403, "probe"},
		{"unknown kind", "application/xml", "", strings.NewReader(`<a/>`), 403, "probe"},
		{"malformed", "application/json", "", strings.NewReader(`{"name":1`), 400, "body_unreadable"},
		{"duplicate", "application/json", "", strings.NewReader(`{"name":"a","name":"b"}`), 400, "body_unreadable"},
		{"no type", "", "", strings.NewReader(`{"a":1}`), 400, "body_unreadable"},
		{"compressed", "application/json", "gzip", strings.NewReader("\x1f\x8b"), 415, "body_compressed"},
		{"huge JSON", "application/json", "", huge(), 413, "body_too_large"},
		{"huge form", "application/octet-stream", "", huge(), 413, "body_too_large"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account))
			r := h.request("POST", "/api/accounts/alice", c.body)
			r.Header.Set("Content-Type", c.media)
			if c.coding != "" {
				r.Header.Set("Content-Encoding", c.coding)
			}
			if strings.HasPrefix(c.name, "huge") {
				r.ContentLength = 1 << 30
			}
			res, err := h.client("h1").Do(r)
			if err != nil {
				if strings.HasPrefix(c.name, "huge") {
					return // hung up while still sending: RFC 9110 §10.1.1 allows that
				}
				t.Fatal(err)
			}
			defer res.Body.Close()
			body, _ := io.ReadAll(res.Body)
			if res.StatusCode != c.status || !strings.Contains(string(body), c.code) {
				t.Errorf("got %d %s", res.StatusCode, body)
			}
			if reached := h.seen.count() > 0; reached != (c.status == 200) {
				t.Errorf("reached the tool: %v", reached)
			}
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// TestCrowd: one agent cannot take all places.
func TestCrowd(t *testing.T) {
	enter, leave := make(chan struct{}, 8), make(chan struct{})
	var once atomic.Bool
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		enter <- struct{}{}
		<-leave
		says("application/json", account)(w, r)
	}), func(c *Config) { c.PerAgent = 2 })
	client := h.client("h1")
	done := make(chan int, 2)
	for range 2 {
		go func() {
			res, err := client.Do(h.request("GET", "/api/accounts/alice", nil))
			if err != nil {
				t.Error(err)
				done <- 0
				return
			}
			res.Body.Close()
			done <- res.StatusCode
		}()
	}
	<-enter
	<-enter
	res, _ := h.get("/api/accounts/alice")
	if res.StatusCode != 429 || res.Header.Get("Retry-After") == "" {
		t.Errorf("the third got %d", res.StatusCode)
	}
	if once.CompareAndSwap(false, true) {
		close(leave)
	}
	for range 2 {
		if status := <-done; status != 200 {
			t.Errorf("one of the first two got %d", status)
		}
	}
}

// TestClosed: who comes while the gateway closes is turned away; nothing reaches
// the tool, and what is under way is awaited.
func TestClosed(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	h.gate.Close()
	for _, path := range []string{"/api/accounts/alice", "/nowhere"} {
		w := httptest.NewRecorder()
		h.gate.ServeHTTP(w, h.request("GET", path, nil))
		if w.Code != http.StatusServiceUnavailable || w.Body.Len() > 0 || w.Header().Get("Connection") != "close" {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
	if asked, _ := h.seen.last(); asked != nil {
		t.Errorf("the tool was asked %v", asked.URL)
	}
}

// TestRefusalsAreExplained: a person reads of every refusal what it is and what to
// do, but for those of which the status says all there is to say.
func TestRefusalsAreExplained(t *testing.T) {
	plain := map[string]bool{ // what only a program or a broken page causes, and what a role may not
		"host_unknown": true, "peer_unknown": true, "view_required": true, "certificate_required": true, "method_refused": true, "path_ambiguous": true,
		"query_ambiguous": true, "body_unreadable": true, "body_compressed": true, "websocket_expected": true, "agent_left": true,
		"agent_busy": true, "too_many_refusals": true, policy.ScreenClosed: true, policy.RoleUnknown: true,
	}
	said := func(code string, status int) string {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
		page.Refuse(w, r, page.Refusal{Status: status, Code: code})
		var p page.Problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		return p.Detail
	}
	codes := map[string]int{"tool_refused": 500, "step_up": 401, policy.LimitReached: 403, policy.ScreenClosed: 403, policy.RoleUnknown: 403}
	for _, known := range answers {
		codes[known.code] = known.status
	}
	for _, code := range []string{"purpose_required", "off_hours", "read_only", "verify_caller"} { // of the built-in rules
		codes[code] = 403
	}
	for code, status := range codes {
		if own := said(code, status) != said("of which nobody has heard", status); !own && !plain[code] {
			t.Errorf("%s (%d) is explained by its status alone: %s", code, status, said(code, status))
		}
	}
}
