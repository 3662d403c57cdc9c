package gateway

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func TestEnter(t *testing.T) {
	desk, _ := url.Parse("https://desk.localhost:8443")
	for _, c := range []struct {
		name, origin, session, to string
		status                    int
		code                      string
	}{
		{"good", "https://desk.localhost:8443", token, "/api/accounts/alice?x=1", 303, ""},
		{"no page named", "https://desk.localhost:8443", token, "", 303, ""},
		{"another page", "https://evil.example", token, "/", 403, "origin_foreign"},
		{"no origin", "", token, "/", 403, "origin_foreign"},
		{"wrong session", "https://desk.localhost:8443", "x", "/", 401, "no_session"},
		{"no session", "https://desk.localhost:8443", "", "/", 401, "no_session"},
		{"way out", "https://desk.localhost:8443", token, "//evil.example/", 400, "path_ambiguous"},
		{"way out by backslash", "https://desk.localhost:8443", token, `/\evil.example/`, 400, "path_ambiguous"},
		{"absolute", "https://desk.localhost:8443", token, "https://evil.example/", 400, "path_ambiguous"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account), func(cfg *Config) { cfg.Desk = desk })
			r := h.request("POST", EnterPath, strings.NewReader(url.Values{"session": {c.session}, "to": {c.to}}.Encode()))
			r.Header.Del(SessionHeader)
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Origin", c.origin)
			res, body := h.do(r)
			if res.StatusCode != c.status || !strings.Contains(body, c.code) {
				t.Fatalf("%d %s", res.StatusCode, body)
			}
			if c.status != 303 {
				if len(res.Cookies()) > 0 {
					t.Errorf("a cookie was set: %v", res.Cookies())
				}
				return
			}
			cookie := res.Cookies()[0]
			if cookie.Name != SessionCookie || !cookie.Secure || !cookie.HttpOnly || cookie.Domain != "" || cookie.SameSite != http.SameSiteLaxMode {
				t.Errorf("cookie %v", cookie)
			}
			next := h.request("GET", "/api/accounts/alice", nil)
			next.Header.Del(SessionHeader)
			next.AddCookie(cookie)
			if res, body := h.do(next); res.StatusCode != 200 {
				t.Errorf("with the cookie: %d %s", res.StatusCode, body)
			}
			if h.seen.count() != 1 {
				t.Errorf("the tool saw %d requests, want the view alone", h.seen.count())
			}
		})
	}
}
