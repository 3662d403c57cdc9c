package main

import (
	"net/http"
	"net/http/httptest"
	"testing"
)

// Behind a trusted proxy Privet's own hosts see where people come from, as the
// tools' gateway does: a throttle that counts the proxy slows everybody.
func TestOwnHostsBehindProxy(t *testing.T) {
	cfg := &config{}
	cfg.Proxies.Trusted = []string{"10.0.0.0/8"}
	for _, c := range []struct{ peer, said, want string }{
		{"10.0.0.1:999", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.1:999", "6.6.6.6, 2001:db8::9, 10.0.0.2", "2001:db8::9"},
		{"10.0.0.1:999", "", "10.0.0.1"},
		{"10.0.0.1:999", "nonsense", "10.0.0.1"},
		{"198.51.100.7:999", "203.0.113.9", "198.51.100.7"},
		{"[2001:db8::7]:999", "203.0.113.9", "2001:db8::7"},
	} {
		r := httptest.NewRequest("POST", "https://desk.test/signin", nil)
		r.RemoteAddr = c.peer
		if c.said != "" {
			r.Header.Set("X-Forwarded-For", c.said)
		}
		seen := ""
		(&house{cfg: cfg}).believing(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = comesFrom(r) })).ServeHTTP(httptest.NewRecorder(), r)
		if seen != c.want {
			t.Errorf("%s saying %q: %s, want %s", c.peer, c.said, seen, c.want)
		}
	}
}
