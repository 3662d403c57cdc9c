package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// TestForeignChange: no page of another origin, a neighbour's under the same site
// neither, changes anything under the agent's session; one that is configured, the
// tool's own, and programs may. Behind another proxy it is the same.
func TestForeignChange(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) {
		c.Tools[0].Origins = []string{"https://app.localhost"}
		c.Tools[0].Unviewed = true
	})
	for _, c := range []struct {
		method, origin, site string
		passes               bool
	}{
		{"POST", "", "", true},
		{"POST", "https://" + host, "same-origin", true},
		{"POST", "https://app.localhost", "same-site", true},
		{"POST", "https://other.localhost", "same-site", false},
		{"POST", "https://evil.test", "cross-site", false},
		{"POST", "https://evil.test", "", false},
		{"POST", "null", "cross-site", false},
		{"POST", "", "none", true},
		{"GET", "https://other.localhost", "same-site", true}, // CORS keeps it from reading
	} {
		head := http.Header{"Cookie": {mfa.SessionCookie + "=" + token}}
		if c.origin != "" {
			head.Set("Origin", c.origin)
		}
		if c.site != "" {
			head.Set("Sec-Fetch-Site", c.site)
		}
		before := h.seen.count()
		r := h.request(c.method, "/api/accounts/alice", strings.NewReader(`{"name":"Bob"}`))
		if c.method == "GET" {
			r = h.request(c.method, "/api/accounts/alice", nil)
		}
		r.Header = head.Clone()
		r.Header.Set("Content-Type", "application/json")
		res, body := h.do(r)
		if passed := res.StatusCode == 200; passed != c.passes || (h.seen.count() > before) != c.passes || !passed && !strings.Contains(body, "origin_foreign") {
			t.Errorf("%s of %q (%s): %d %s", c.method, c.origin, c.site, res.StatusCode, body)
		}
		question := httptest.NewRequest("GET", "/", nil)
		question.Header = head.Clone()
		question.Header.Set("X-Forwarded-Method", c.method)
		question.Header.Set("X-Forwarded-Host", host)
		question.Header.Set("X-Forwarded-Uri", "/api/accounts/alice")
		w := httptest.NewRecorder()
		h.gate.ForwardAuth(netipPrefix("192.0.2.0/24")).ServeHTTP(w, question)
		if (w.Code == 200) != c.passes {
			t.Errorf("%s of %q (%s) behind another proxy: %d %v", c.method, c.origin, c.site, w.Code, w.Header())
		}
	}
}

// TestTwoHostsAsked: a question about two hosts is about none.
func TestTwoHostsAsked(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Unviewed = true })
	r := httptest.NewRequest("GET", "/", nil)
	r.Header = http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Host": {host, "other.localhost"}, "X-Forwarded-Uri": {"/api/accounts/alice"}, SessionHeader: {token}}
	w := httptest.NewRecorder()
	h.gate.ForwardAuth(netipPrefix("192.0.2.0/24")).ServeHTTP(w, r)
	if w.Code == 200 {
		t.Error("passed")
	}
}

// TestEndWhileSending: a change whose body arrives slowly is judged by what holds
// when it is there.
func TestEndWhileSending(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	body, send := io.Pipe()
	r := h.request("POST", "/api/accounts/alice", body)
	r.Header.Set("Content-Type", "application/json")
	go func() {
		io.WriteString(send, `{"name":`)
		for { // until the head has been judged
			h.rules.mu.Lock()
			asked := len(h.rules.asked)
			h.rules.mu.Unlock()
			if asked > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		h.door.change(func(o *oneAgent) { o.err = mfa.ErrNoSession })
		time.Sleep(2 * planAge) // as long as a decision may be old
		io.WriteString(send, `"Bob"}`)
		send.Close()
	}()
	if res, body := h.do(r); res.StatusCode != 401 || h.seen.count() != 0 {
		t.Errorf("%d %s, %d at the tool", res.StatusCode, body, h.seen.count())
	}
}

// TestWideText: a text in UTF-16 is read as browsers read it, whatever its head says.
func TestWideText(t *testing.T) {
	for name, order := range map[string]func(uint16) [2]byte{
		"big end first":    func(c uint16) [2]byte { return [2]byte{byte(c >> 8), byte(c)} },
		"little end first": func(c uint16) [2]byte { return [2]byte{byte(c), byte(c >> 8)} },
	} {
		for _, times := range []int{1, 4000} {
			var wide []byte
			for _, c := range utf16.Encode([]rune("\ufeff" + strings.Repeat("客户王小明, ada@example.com\n", times))) {
				b := order(c)
				wide = append(wide, b[:]...)
			}
			engine, err := policy.Open(t.Context(), policy.Config{Clock: tuesday, Catalogue: []policy.Document{{Name: "t", Text: []byte(
				`{tool: cases, screens: [{id: note, path: /note, media: text/plain, shape: note}], shapes: {note: {fields: {"": text}}}}`)}}})
			if err != nil {
				t.Fatal(err)
			}
			h := newHouse(t, says("text/plain", string(wide)), func(c *Config) { c.Policy = engine })
			res, body := h.get("/note")
			if res.StatusCode != 200 || strings.Count(body, "客户") != times || strings.Contains(body, "ada@") || strings.ContainsAny(body, "\x00\ufeff") {
				t.Errorf("%s, %d lines: %d %.80q", name, times, res.StatusCode, body)
			}
		}
	}
}

// TestNoMethod: what is no method is refused, and not written down.
func TestNoMethod(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	h.do(h.request("4111111111111111", "/api/accounts/alice", nil))
	if all := h.trail.all("refusal"); len(all) != 1 || strings.Contains(fmt.Sprint(all), "4111") {
		t.Errorf("%+v", all)
	}
}
