package gateway

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/mfa"
)

func netipPrefix(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }

// spellings of a header's name that some server takes for the same one.
func spellings(name string) []string {
	under, dot := strings.ReplaceAll(name, "-", "_"), strings.ReplaceAll(name, "-", ".")
	return []string{name, strings.ToLower(name), strings.ToUpper(name), under, strings.ToLower(under), dot,
		strings.Replace(name, "-", "_", 1), strings.Replace(name, "-", ".", 1), name + "_", "_" + name, "Http-" + name, "X-" + name}
}

// TestForgedHeaders: no spelling of a name that only Privet may set survives,
// alone, doubled, or nominated in Connection.
func TestForgedHeaders(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Assertions = testAssertions(t, nil) })
	names := []string{"Privet-Assertion", "Privet-Session", "Privet-Receipt", "Privet-Agent", "X-Forwarded-For", "X-Forwarded-Host",
		"X-Forwarded-Proto", "X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Forwarded-Prefix", "X-Forwarded-Uri",
		"X-Forwarded-Port", "X-Forwarded-Server", "X-Forwarded-Client-Cert", "X-Forwarded-Preferred-Username", "Forwarded", "X-Real-Ip",
		"X-Original-Url", "X-Original-Uri", "X-Original-Host", "X-Rewrite-Url", "X-Http-Method-Override", "X-Http-Method", "X-Method-Override", "X-Remote-User", "Remote-User",
		"X-Auth-Request-User", "X-Auth-User", "X-User", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip", "X-Ssl-Client-S-Dn", "Ssl-Client-Cert",
		"X-Envoy-External-Address", "Authorization", "Proxy-Authorization", "Via", "X-Webauth-User", "X-Token-Subject", "X-Amzn-Oidc-Identity",
		"X-Goog-Authenticated-User-Email", "X-Pomerium-Jwt-Assertion", "X-Cluster-Client-Ip", "X-Host", "X-Waf-Bypass"}
	const forged = "forged-by-mallory"
	tries := 0
	for _, proto := range []string{"h1", "h2"} {
		client := h.client(proto)
		for _, name := range names {
			for _, as := range spellings(name) {
				for _, nominated := range []bool{false, true} {
					if nominated && proto == "h2" {
						continue // h2 has no Connection
					}
					r := h.request("GET", "/api/accounts/alice", nil)
					r.Header[as] = []string{forged, forged + "2"}
					if strings.EqualFold(as, SessionHeader) {
						r.Header[SessionHeader] = []string{token}
					}
					if nominated {
						r.Header["Connection"] = []string{"keep-alive, Privet-Assertion, X-Forwarded-For, " + as}
					}
					res, err := client.Do(r)
					if err != nil {
						t.Fatalf("%s %s: %v", proto, as, err)
					}
					io.Copy(io.Discard, res.Body) // so that the connection is used again
					res.Body.Close()
					got, _ := h.seen.last()
					checkForged(t, fmt.Sprint(proto, " ", as, " nominated ", nominated), got, forged)
					tries++
				}
			}
		}
	}
	t.Logf("%d forgeries, none survived", tries)
}

func checkForged(t *testing.T, name string, got *http.Request, forged string) {
	t.Helper()
	if got == nil {
		t.Fatalf("%s: nothing reached the tool", name)
	}
	for key, values := range got.Header {
		if strings.Contains(strings.Join(values, " "), forged) {
			t.Errorf("%s: %s survived: %v", name, key, values)
		}
	}
	if len(got.Header["Privet-Assertion"]) != 1 || got.Header.Get("X-Forwarded-For") != "127.0.0.1" || got.Header.Get("X-Forwarded-Proto") != "https" {
		t.Errorf("%s: the true ones are gone: %v", name, got.Header)
	}
}

// TestCredentials: neither header nor cookie of a session reaches a tool; the
// tool's own cookies do.
func TestCredentials(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) {
		c.Tools[0].Secrets = map[string]string{"Authorization": "Basic dG9vbA=="}
	})
	r := h.request("GET", "/api/accounts/alice", nil)
	r.Header.Del(SessionHeader)
	r.Header.Set("Cookie", `theme=dark; `+mfa.SessionCookie+`=`+token+`; sid=abc;__host-privet=x; Privet=y`)
	r.Header.Set("Authorization", "Bearer "+token)
	if res, body := h.do(r); res.StatusCode != 200 {
		t.Fatalf("%d %s", res.StatusCode, body)
	}
	got, _ := h.seen.last()
	if c := got.Header.Get("Cookie"); c != "theme=dark; sid=abc" {
		t.Errorf("cookies %q", c)
	}
	if got.Header.Get("Authorization") != "Basic dG9vbA==" {
		t.Errorf("authorization %q", got.Header.Get("Authorization"))
	}
	if strings.Contains(fmt.Sprint(got.Header), token) {
		t.Errorf("the session reached the tool: %v", got.Header)
	}
	if got.Host != r.Host || got.Header.Get("Accept-Encoding") != "identity" {
		t.Errorf("host %q, coding %q", got.Host, got.Header.Get("Accept-Encoding"))
	}
}

func TestTrustedName(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	u := h.gate.tools[host].Upstream
	for _, name := range []string{"X_Forwarded_For", "x.forwarded.user", "Privet_Session", "COOKIE", "authorization"} {
		if _, err := openTool(Tool{Name: "t", Host: "t", Upstream: u, RequestHeaders: []string{name}}); err == nil {
			t.Errorf("%s may be configured to pass", name)
		}
	}
	if _, err := openTool(Tool{Name: "t", Host: "t", Upstream: u, RequestHeaders: []string{"Tenant-Id", "Hosting-Zone"}}); err != nil {
		t.Errorf("a tool's own header: %v", err)
	}
}

// TestPaths: what two servers could read differently is refused; what passes
// is what is forwarded, byte for byte.
func TestPaths(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	for _, path := range []string{"/api/accounts/a%2fb", "/api/accounts/a%5Cb", "/api/accounts/a%00", "/api/accounts/..", "/api/accounts/%2e%2e",
		"/api//accounts/a", "/api/accounts/a;b", "/api/accounts/a%3Bb", "/api/accounts/a%25b", "/api/accounts/a%252fb", "/api/accounts/.",
		"/api/accounts/a%0d%0a", "/api/accounts/%ff", "/api/accounts/a%3fb", "/api/accounts/a%23b", "/api/accounts/a%c0%af", "//api/accounts/a"} {
		r := h.request("GET", "/", nil)
		r.URL.Opaque = path
		if strings.HasPrefix(path, "//") {
			continue // net/http sends this as another host; TestStrictServer's ground
		}
		if res, body := h.do(r); res.StatusCode != 400 || !strings.Contains(body, "path_ambiguous") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if h.seen.count() != 0 {
		t.Errorf("%d reached the tool", h.seen.count())
	}
	for sent, want := range map[string]string{"/files/caf%C3%A9": "/files/caf%C3%A9", "/files/a%20b": "/files/a%20b", "/files/%61": "/files/a", "/files/a+b": "/files/a+b"} {
		r := h.request("GET", "/", nil)
		r.URL.Opaque = sent
		if res, body := h.do(r); res.StatusCode != 200 {
			t.Errorf("%s: %d %s", sent, res.StatusCode, body)
			continue
		}
		if got, _ := h.seen.last(); got.RequestURI != want {
			t.Errorf("%s arrived as %s, want %s", sent, got.RequestURI, want)
		}
	}
}

func FuzzCanonicalPath(f *testing.F) {
	for _, seed := range []string{"/", "/a/b", "/a%2fb", "/..;/", "/%252e", "/caf%c3%a9", "/a//b", "/\\"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		r, err := http.NewRequest("GET", target, nil)
		if err != nil || r.URL.Host != "" {
			return
		}
		path, err := canonicalPath(r.URL)
		if err != nil {
			return
		}
		r2, err := http.NewRequest("GET", (&urlOf{path}).String(), nil)
		if err != nil {
			t.Fatalf("%q became unreadable: %q", target, path)
		}
		if again, err := canonicalPath(r2.URL); err != nil || again != path {
			t.Errorf("%q → %q → %q %v", target, path, again, err)
		}
		if strings.Contains(path, "//") || strings.Contains(path, "/../") || strings.HasSuffix(path, "/..") || strings.ContainsAny(path, "\\;%\x00") {
			t.Errorf("%q passed as %q", target, path)
		}
	})
}

// TestAnswerHeaders: headers of a tool leak as bodies do.
func TestAnswerHeaders(t *testing.T) {
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hd := w.Header()
		hd.Set("Content-Type", "application/json")
		hd.Set("X-Debug", "alice")
		hd.Set("X-Powered-By", "PHP/5")
		hd.Set("Server", "old")
		hd.Set("Privet-Receipt", "forged")
		hd.Add("Set-Cookie", "sid=1; Domain=localhost; Path=/")
		hd.Add("Set-Cookie", mfa.SessionCookie+"=stolen; Path=/; Secure")
		hd.Set("Strict-Transport-Security", "max-age=0")
		hd.Set("Content-Security-Policy", "default-src 'self'")
		if r.URL.Path == "/files/moved" {
			hd.Set("Location", "http://"+r.Host+"/files/there?x=1")
			w.WriteHeader(302)
			return
		}
		fmt.Fprint(w, account)
	}))
	res, _ := h.get("/files/a")
	for _, name := range []string{"X-Debug", "X-Powered-By", "Server"} {
		if v := res.Header.Get(name); v != "" {
			t.Errorf("%s: %q passed", name, v)
		}
	}
	if got := res.Header.Values("Set-Cookie"); len(got) != 1 || got[0] != "sid=1; Path=/; Secure" {
		t.Errorf("cookies %q", got)
	}
	if got := res.Header.Values("Privet-Receipt"); len(got) != 1 || got[0] != "test.0" {
		t.Errorf("receipts %q", got)
	}
	if res.Header.Get("Content-Security-Policy") == "" {
		t.Error("the page's own policy is gone")
	}
	if res, body := h.get("/files/moved"); res.StatusCode != 302 || res.Header.Get("Location") != "/files/there?x=1" || body != "" {
		t.Errorf("moved: %d %q %q", res.StatusCode, res.Header.Get("Location"), body)
	}
}

// TestLeakingHeaders: an address, a link, a file name and a cookie that say
// whom they are about are dropped; those that do not stay.
func TestLeakingHeaders(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"Location", "/cards/4111111111111111", ""},
		{"Location", "/find?mail=jane.doe%40example.com", ""},
		{"Location", "/files/next", "/files/next"},
		{"Location", "http://UPSTREAM/apple", "/apple"},
		{"Link", "</cards/4111111111111111>; rel=next", ""},
		{"Link", "</files/2>; rel=next", "</files/2>; rel=next"},
		{"Content-Disposition", `attachment; filename="4111111111111111.json"`, "attachment"},
		{"Content-Disposition", `attachment; filename="march.json"`, "attachment; filename=march.json"},
		{"Location", "/find?mail=jane.doe%40example.com&rate=5%", ""},
		{"Location", "https://ada:secret@cases.localhost/files/a", ""},
		{"Location", "/files/a#jane.doe%40example.com", ""},
		{"Link", "</find?mail=jane.doe%40example.com>; rel=next", ""},
		{"Link", "</files/2>; rel=next; title*=UTF-8''jane.doe%40example.com", ""},
		{"Content-Disposition", `attachment; filename*=UTF-8''jane.doe%40example.com.json`, "attachment"},
		{"Content-Disposition", `attachment; filename="jane.doe%40example.com.json"`, "attachment"},
		{"Content-Disposition", `attachment; filename="a.json"; name="jane.doe@example.com"`, "attachment; filename=a.json"},
		{"Content-Disposition", `attachment; filename="a.json`, "attachment"},
		{"Content-Location", "/cards/4111111111111111", ""},
		{"Refresh", "0; url=/cards/4111111111111111", ""},
		{"Warning", `299 - "4111111111111111"`, ""},
		{"Content-Security-Policy", "report-uri /r?m=jane.doe%40example.com", ""},
		{"Set-Cookie", "sid=1; Path=/cards/4111111111111111", ""},
		{"Set-Cookie", "sid=1; Path=/of/jane.doe%40example.com", ""},
		{"Set-Cookie", "4111111111111111=1", ""},
		{"Set-Cookie", "mail=jane.doe%40example.com", ""},
		{"Set-Cookie", "sid=1; Comment=4111111111111111; Domain=evil.example", "sid=1; Secure"},
		{"Set-Cookie", "last=4111111111111111", ""},
		{"Set-Cookie", "sid=f7b2c1", "sid=f7b2c1; Secure"},
		{"Content-Language", "jane.doe@example.com", ""},
	} {
		h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set(c.name, strings.ReplaceAll(c.value, "UPSTREAM", r.Header.Get("X-Upstream")))
			says("application/json", account)(w, r)
		}), func(cfg *Config) {
			at := *cfg.Tools[0].Upstream
			cfg.Tools[0].Secrets = map[string]string{"X-Upstream": at.Host}
			at.Path = "/app"
			cfg.Tools[0].Upstream = &at
		})
		if res, _ := h.get("/files/a"); res.Header.Get(c.name) != c.want {
			t.Errorf("%s: %s became %q, want %q", c.name, c.value, res.Header.Get(c.name), c.want)
		}
	}
}

// TestAddress: only a trusted proxy is believed about where an agent is.
func TestAddress(t *testing.T) {
	for _, c := range []struct {
		trusted, said, want string
	}{
		{"198.51.100.0/24", "203.0.113.9", "127.0.0.1"},
		{"127.0.0.0/8", "203.0.113.9", "203.0.113.9"},
		{"127.0.0.0/8", "6.6.6.6, 203.0.113.9", "203.0.113.9"},
		{"127.0.0.0/8", "203.0.113.9, 127.0.0.2", "203.0.113.9"},
		{"127.0.0.0/8", "nonsense", "127.0.0.1"},
		{"127.0.0.0/8", "", "127.0.0.1"},
	} {
		h := newHouse(t, says("application/json", account), func(cfg *Config) { cfg.TrustedProxies = netipPrefix(c.trusted) })
		r := h.request("GET", "/api/accounts/alice", nil)
		r.Header.Set("X-Forwarded-For", c.said)
		h.do(r)
		if got := h.rules.asked[0].Address; got != c.want {
			t.Errorf("%+v: got %q", c, got)
		}
	}
}
