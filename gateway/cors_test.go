package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// fetched is what a page's script learns of an answer.
type fetched struct {
	Blocked    bool // the browser kept it back
	Redirected bool
	Status     int
	Code       string
	Challenge  string
	Receipt    string
}

// ask is the script; %s are the address and fetch's options.
const ask = `(async () => { try {
	const r = await fetch(%q, {credentials: "include", ...%s});
	let body = {}; try { body = await r.json() } catch {}
	return {Status: r.status, Redirected: r.redirected, Code: body.code || "", Challenge: r.headers.get("WWW-Authenticate") || "", Receipt: r.headers.get("Privet-Receipt") || ""};
} catch { return {Blocked: true} } })()`

// TestSinglePageApp: whatever refuses it, a page's fetch gets a status, a code
// and a challenge that it can read, and is never led elsewhere; only pages of
// the tool itself and of a configured origin read anything. In a real browser.
func TestSinglePageApp(t *testing.T) {
	app := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<!doctype html><title>app</title><main>app</main>")
	}))
	t.Cleanup(app.Close)
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/page/") {
			says("text/html", "<!doctype html><h1>tool</h1>").ServeHTTP(w, r)
			return
		}
		w.Header().Set("Access-Control-Allow-Origin", "*") // careless, and of no effect
		says("application/json", account).ServeHTTP(w, r)
	}), func(c *Config) {
		c.Tools[0].Host, c.Tools[0].Origins = "cases.privet.test", []string{under(app, "app.privet.test")}
	})
	ctx := chromium(t, app, h.front)
	tool := under(h.front, "cases.privet.test")
	_, err := chromedp.Run(ctx, chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetCookie, network.SetCookieParams{Name: mfa.SessionCookie, Value: token, URL: tool, Path: "/", Secure: new(true), HTTPOnly: new(true), SameSite: "Lax"})
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	const plain, asked = `{}`, `{method: "POST", headers: {"Content-Type": "application/json", "X-Requested-With": "app"}, body: "{\"name\":\"Ann\"}"}`
	states := []struct {
		name   string
		path   string
		set    func()
		want   fetched // to who may read it
		hidden bool    // from pages elsewhere that ask first: there is nothing to ask for
	}{
		{"shown", "/api/accounts/7", func() {}, fetched{Status: 200}, false},
		{"no session", "/api/accounts/7", func() { h.door.fail(mfa.ErrNoSession) }, fetched{Status: 401, Code: "no_session", Challenge: `Bearer realm="privet"`}, false},
		{"step up", "/api/accounts/7", func() { h.rules.bendTo(func(d *policy.Decision) { d.StepUp = 5 * time.Minute }) },
			fetched{Status: 401, Code: "step_up", Challenge: `Bearer realm="privet", error="insufficient_user_authentication", error_description="a fresher second factor is needed", max_age="300"`}, false},
		{"forbidden", "/api/accounts/7", func() { h.rules.bendTo(func(d *policy.Decision) { d.Refused = "own_account" }) }, fetched{Status: 403, Code: "own_account"}, false},
		{"locked", "/api/accounts/7", func() { h.door.fail(mfa.ErrLocked) }, fetched{Status: 423, Code: "locked"}, false},
		{"door away", "/api/accounts/7", func() { h.door.fail(context.DeadlineExceeded) }, fetched{Status: 503, Code: "unavailable"}, false},
		{"no rules", "/api/accounts/7", func() { h.rules.fail(errUndecided) }, fetched{Status: 503, Code: "rules_unavailable"}, false},
		{"no screen", "/api/nothing", func() {}, fetched{Status: 404, Code: "screen_unknown"}, true},
	}
	for _, from := range []struct {
		name, page string
		reads      bool
	}{{"its own", tool + "/page/7", true}, {"configured", under(app, "app.privet.test"), true}, {"foreign", under(app, "other.privet.test"), false}} {
		if _, err := chromedp.Run(ctx, chromedp.Navigate(from.page)); err != nil {
			t.Fatal(err)
		}
		for _, s := range states {
			for how, options := range map[string]string{"plain": plain, "asked first": asked} {
				before := h.seen.count()
				s.set()
				got, err := chromedp.Run(ctx, chromedp.Evaluate[fetched](fmt.Sprintf(ask, tool+s.path, options), chromedp.EvalAwaitPromise))
				h.door.fail(nil)
				h.rules.fail(nil)
				h.rules.bendTo(nil)
				if err != nil {
					t.Fatalf("%s, %s, %s: %v", from.name, s.name, how, err)
				}
				want := s.want
				if !from.reads || s.hidden && how == "asked first" && from.name != "its own" {
					want = fetched{Blocked: true}
				}
				if receipt := got.Receipt; !want.Blocked && receipt == "" {
					t.Errorf("%s, %s, %s: no receipt", from.name, s.name, how)
				}
				if got.Receipt = ""; got != want {
					t.Errorf("%s, %s, %s: %+v, want %+v", from.name, s.name, how, got, want)
				}
				if reached := h.seen.count() > before; reached && (s.want.Status != 200 || !from.reads && how == "asked first") {
					t.Errorf("%s, %s, %s: the tool was asked", from.name, s.name, how)
				}
			}
		}
	}
}

// TestPreflight: who may ask, for what, and what is let through.
func TestPreflight(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Origins = []string{"https://app.example"} })
	for _, c := range []struct {
		origin, method, path, headers string
		status                        int
		allowed                       string
	}{
		{"https://app.example", "POST", "/api/accounts/7", "content-type, x-requested-with, x-forwarded-for, authorization", 204, "Content-Type, X-Requested-With"},
		{"https://app.example", "GET", "/api/accounts/7", "privet-session", 204, "Privet-Session"},
		{"https://app.example", "DELETE", "/api/list", "", 404, ""},
		{"https://app.example", "GET", "/api/accounts/..%2f7", "", 400, ""},
		{"https://APP.example", "GET", "/api/list", "", 404, ""},
		{"https://app.example.evil.test", "GET", "/api/list", "", 404, ""},
		{"null", "GET", "/api/list", "", 404, ""},
		{"", "GET", "/api/list", "", 404, ""},
	} {
		r := h.request("OPTIONS", c.path, nil)
		r.Header.Del(SessionHeader)
		r.Header.Set("Origin", c.origin)
		r.Header.Set("Access-Control-Request-Method", c.method)
		r.Header.Set("Access-Control-Request-Headers", c.headers)
		res, body := h.do(r)
		if res.StatusCode != c.status || res.Header.Get("Access-Control-Allow-Headers") != c.allowed {
			t.Errorf("%s %s %s: %d, headers %q\n%s", c.origin, c.method, c.path, res.StatusCode, res.Header.Get("Access-Control-Allow-Headers"), body)
		}
		if c.status == 204 && (res.Header.Get("Access-Control-Allow-Origin") != c.origin || res.Header.Get("Access-Control-Allow-Methods") != c.method || res.Header.Get("Access-Control-Allow-Credentials") != "true") {
			t.Errorf("%s %s %s: %v", c.origin, c.method, c.path, res.Header)
		}
	}
	if n := h.seen.count(); n != 0 {
		t.Errorf("the tool was asked %d times", n)
	}
	for _, bad := range []string{"*", "null", "https://app.example/", "https://App.example", "http://app.example", "app.example", "https://a@app.example"} {
		if _, err := originSet([]string{bad}); err == nil {
			t.Errorf("origin %q is taken", bad)
		}
	}
}

// fail makes the door answer with an error; nil makes it well.
func (o *oneAgent) fail(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func (r *faultyRules) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.err = err
}

// under is a server's origin under a host name.
func under(s *httptest.Server, host string) string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return "https://" + host + ":" + port
}

// chromium starts a browser that finds *.privet.test here and trusts the
// servers' certificates.
func chromium(t *testing.T, servers ...*httptest.Server) context.Context {
	t.Helper()
	bin := os.Getenv("PRIVET_TEST_CHROMIUM")
	if bin == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_CHROMIUM is not set")
		}
		t.Skip("PRIVET_TEST_CHROMIUM is not set")
	}
	var pins []string
	for _, s := range servers {
		spki := sha256.Sum256(s.Certificate().RawSubjectPublicKeyInfo)
		pins = append(pins, base64.StdEncoding.EncodeToString(spki[:]))
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.UserDataDir(t.TempDir()),
		chromedp.Flag("host-resolver-rules", "MAP *.privet.test 127.0.0.1"), chromedp.Flag("ignore-certificate-errors-spki-list", strings.Join(pins, ",")))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(stop)
	if _, err := chromedp.Run(ctx, chromedp.Location()); err != nil { // starts it: its life is this context's
		t.Fatal(err)
	}
	return ctx
}

// TestBrokenGlass: the rules are told of broken glass while it is broken.
func TestBrokenGlass(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	for end, want := range map[time.Time]string{tuesday().Add(time.Second): "caller in hospital", tuesday(): "", {}: ""} {
		h.session.Glass, h.session.GlassEnd = "caller in hospital", end
		h.get("/api/accounts/7")
		if q := h.rules.asked[len(h.rules.asked)-1]; q.BreakGlass != want {
			t.Errorf("until %v the rules hear %q, want %q", end, q.BreakGlass, want)
		}
	}
}
