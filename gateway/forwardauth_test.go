package gateway

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/gateway/assertion"

	"github.com/privet-gateway/privet/mfa"
)

// frontProxy is another product in front of the tool, asking us.
type frontProxy struct {
	name string
	url  string
}

// needs finds a program of the system; without it the test is skipped, or
// fails where everything must be there.
func needs(t *testing.T, program string) string {
	t.Helper()
	if filepath.IsAbs(program) { // a file that need not be a program
		if _, err := os.Stat(program); err == nil {
			return program
		}
	}
	path, err := exec.LookPath(program)
	if err != nil {
		if path, err = exec.LookPath("/usr/sbin/" + program); err == nil {
			return path
		}
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not installed", program)
		}
		t.Skipf("%s is not installed", program)
	}
	return path
}

// start runs a server until the test ends and waits until it listens. What it
// says goes to a file.
func start(t *testing.T, addr, log, program string, args ...string) {
	t.Helper()
	cmd := exec.Command(needs(t, program), args...)
	said, err := os.Create(log)
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // asked first, so that it ends its workers
		cmd.Process.Signal(syscall.SIGTERM)
		late := time.AfterFunc(5*time.Second, func() { cmd.Process.Kill() })
		cmd.Wait()
		late.Stop()
	})
	deadline := time.Now().Add(20 * time.Second)
	for {
		conn, err := net.Dial("tcp", addr)
		if err == nil {
			conn.Close()
			return
		}
		if time.Now().After(deadline) {
			text, _ := os.ReadFile(said.Name())
			t.Fatalf("%s does not listen: %s", program, text)
		}
	}
}

// sample reads a sample of deploy/forward-auth with its placeholders filled in.
func sample(t *testing.T, name string, with map[string]string) string {
	t.Helper()
	text, err := os.ReadFile("../deploy/forward-auth/" + name)
	if err != nil {
		t.Fatal(err)
	}
	filled := string(text)
	for from, to := range with {
		if !strings.Contains(filled, from) {
			t.Fatalf("%s does not mention %s", name, from)
		}
		filled = strings.ReplaceAll(filled, from, to)
	}
	path := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(path, []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func startNginx(t *testing.T, decide, tool string) frontProxy {
	addr := keepertest.FreeAddress(t)
	server := sample(t, "nginx.conf", map[string]string{"127.0.0.1:9180": decide, "127.0.0.1:8000": tool, "127.0.0.1:8080": addr, "cases.example.com": host})
	dir := t.TempDir()
	main := filepath.Join(dir, "main.conf")
	os.WriteFile(main, fmt.Appendf(nil, "pid %s/pid;\nerror_log %s/error.log;\ndaemon off;\nuser root;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %s/b;\nproxy_temp_path %s/p;\nfastcgi_temp_path %s/f;\nuwsgi_temp_path %s/u;\nscgi_temp_path %s/s;\ninclude %s;\n}\n",
		dir, dir, dir, dir, dir, dir, dir, server), 0o600)
	start(t, addr, filepath.Join(dir, "said"), "nginx", "-c", main)
	return frontProxy{"nginx", "http://" + addr}
}

func startCaddy(t *testing.T, decide, tool string) frontProxy {
	addr := keepertest.FreeAddress(t)
	file := sample(t, "Caddyfile", map[string]string{"127.0.0.1:9180": decide, "127.0.0.1:8000": tool, "http://cases.example.com:8080": "http://" + host + ":" + strings.Split(addr, ":")[1]})
	t.Setenv("XDG_DATA_HOME", t.TempDir())
	t.Setenv("XDG_CONFIG_HOME", t.TempDir())
	start(t, addr, file+".said", "caddy", "run", "--adapter", "caddyfile", "--config", file)
	return frontProxy{"caddy", "http://" + addr}
}

func startTraefik(t *testing.T, decide, tool string) frontProxy {
	addr := keepertest.FreeAddress(t)
	file := sample(t, "traefik.yaml", map[string]string{"127.0.0.1:9180": decide, "127.0.0.1:8000": tool, "cases.example.com": host})
	start(t, addr, file+".said", "traefik", "--entrypoints.web.address="+addr, "--providers.file.filename="+file, "--global.checknewversion=false", "--global.sendanonymoususage=false", "--log.level=ERROR")
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		r, _ := http.NewRequest("GET", "http://"+addr+"/", nil)
		r.Host = host
		if res, err := http.DefaultClient.Do(r); err == nil {
			res.Body.Close()
			if res.StatusCode != http.StatusNotFound { // it listens before it knows its routes
				return frontProxy{"traefik", "http://" + addr}
			}
		}
	}
	t.Fatal("traefik does not find its routes")
	return frontProxy{}
}

// TestForwardAuth: behind real nginx, real Caddy and, where there is one
// (deploy/traefikserver), real Traefik a request is decided as it is inline, the tool is told who asks, and credentials and forgeries stay out.
func TestForwardAuth(t *testing.T) {
	n := 300
	if *full {
		n = 10_000
	}
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/style.css" {
			says("text/css", "body { margin: 0 }")(w, r)
			return
		}
		says("application/json", account)(w, r)
	}), func(c *Config) {
		c.Tools[0].Unviewed = true
		c.Tools[0].Secrets = nil
		c.Assertions = testAssertions(t, nil)
		c.PerAgent = 1 << 20
	})
	decide := httptest.NewServer(h.gate.ForwardAuth(netipPrefix("127.0.0.0/8")))
	defer decide.Close()
	at, back := strings.TrimPrefix(decide.URL, "http://"), strings.TrimPrefix(h.back.URL, "http://")
	fronts := []func(*testing.T, string, string) frontProxy{startNginx, startCaddy}
	if _, err := exec.LookPath("traefik"); err == nil {
		fronts = append(fronts, startTraefik)
	}
	for _, open := range fronts {
		t.Run("", func(t *testing.T) {
			front := open(t, at, back)
			t.Log(front.name)
			inline, ahead := h.client("h1"), &http.Client{CheckRedirect: noRedirect}
			random := rand.New(rand.NewPCG(8, 1))
			allowed := 0
			for i := range n {
				method, path, change := randomRequest(random)
				r := h.request(method, "/", nil)
				r.URL.Opaque = path
				change(r)
				want, err := inline.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				want.Body.Close()

				before := h.seen.count()
				to, _ := url.Parse(front.url)
				r = r.Clone(t.Context())
				r.URL = &url.URL{Scheme: "http", Host: to.Host, Opaque: path}
				r.Header.Set(assertion.Header, "forged")
				got, err := ahead.Do(r)
				if err != nil {
					t.Fatal(err)
				}
				io.Copy(io.Discard, got.Body)
				got.Body.Close()
				if (want.StatusCode == 200) != (got.StatusCode == 200) || (want.StatusCode == 401) != (got.StatusCode == 401) {
					t.Errorf("request %d, %s %s %v: inline %d, behind %s %d", i, method, path, r.Header, want.StatusCode, front.name, got.StatusCode)
				}
				if got.StatusCode != 200 {
					if h.seen.count() != before {
						t.Errorf("%s %s was refused and reached the tool", method, path)
					}
					continue
				}
				allowed++
				atTool, _ := h.seen.last()
				if a := atTool.Header.Values(assertion.Header); len(a) != 1 || strings.Count(a[0], ".") != 2 {
					t.Fatalf("assertion at the tool: %q", a)
				}
				if strings.Contains(fmt.Sprint(atTool.Header), token) {
					t.Fatalf("the session reached the tool: %v", atTool.Header)
				}
			}
			if allowed == 0 || allowed == n {
				t.Errorf("%d of %d were allowed: the test compares nothing", allowed, n)
			}
			t.Logf("%d requests decided alike, %d of them allowed", n, allowed)
		})
	}
}

// randomRequest is a request that may be right, or wrong in one of many ways.
func randomRequest(r *rand.Rand) (method, path string, change func(*http.Request)) {
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	method = pick("GET", "GET", "GET", "GET", "DELETE", "PUT", "OPTIONS")
	path = pick("/api/accounts/alice", "/api/accounts/bob-7", "/files/x", "/style.css", "/nothing", "/api/accounts/a%2fb", "/api/accounts/a%252fb",
		"/api/accounts/caf%C3%A9", "/api/accounts/a;b", "/api//accounts/a", "/api/accounts/alice?view=full", "/api/accounts/alice?debug=1", "/api/accounts/alice?a=1&_method=x")
	session := pick(token, token, token, token, "wrong", "")
	byCookie := r.IntN(2) == 0
	return method, path, func(req *http.Request) {
		req.Header.Del(SessionHeader)
		switch {
		case byCookie && session != "":
			req.Header.Set("Cookie", "a=b; "+mfa.SessionCookie+"="+session+"; c=d")
		case session != "":
			req.Header.Set(SessionHeader, session)
		}
		if r.IntN(4) == 0 {
			req.Header.Set("X-Forwarded-Uri", "/style.css")
			req.Header.Set("X-Forwarded-Method", "GET")
			req.Header.Set("X-Forwarded-For", "203.0.113.1")
		}
	}
}

// TestForwardAuthTraefik: by the sample, Traefik gives the tool none of Privet's
// cookies, no session and no forged assertion. This needs no Traefik, which takes
// long to build: what it does with authResponseHeaders is written down in its
// documentation (forwardauth): each listed header of the request is replaced by
// the one of the answer, and deleted where the answer has none.
func TestForwardAuthTraefik(t *testing.T) {
	text, err := os.ReadFile("../deploy/forward-auth/traefik.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		HTTP struct {
			Middlewares map[string]struct {
				ForwardAuth struct {
					Trust   bool     `yaml:"trustForwardHeader"`
					Headers []string `yaml:"authResponseHeaders"`
				} `yaml:"forwardAuth"`
			}
		}
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	ask := file.HTTP.Middlewares["privet"].ForwardAuth
	if ask.Trust || len(ask.Headers) == 0 {
		t.Fatalf("the sample says %+v", ask)
	}
	h := newHouse(t, says("application/json", account), func(c *Config) {
		c.Tools[0].Unviewed = true
		c.Assertions = testAssertions(t, nil)
	})
	for _, cookie := range []string{"a=b; " + mfa.SessionCookie + "=" + token + "; c=d", mfa.SessionCookie + "=" + token, ""} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header = http.Header{"Privet-Assertion": {"forged"}, "Accept": {"a"}}
		if cookie != "" {
			r.Header["Cookie"] = []string{cookie}
		} else {
			r.Header[SessionHeader] = []string{token}
		}
		question := r.Clone(t.Context())
		question.Header.Set("X-Forwarded-Method", "GET")
		question.Header.Set("X-Forwarded-Host", host)
		question.Header.Set("X-Forwarded-Uri", "/api/accounts/alice")
		w := httptest.NewRecorder()
		h.gate.ForwardAuth(netipPrefix("192.0.2.0/24")).ServeHTTP(w, question)
		if w.Code != 200 {
			t.Fatalf("%q: %d %v", cookie, w.Code, w.Header())
		}
		for _, name := range ask.Headers {
			r.Header.Del(name)
			if values := w.Header().Values(name); len(values) > 0 {
				r.Header[http.CanonicalHeaderKey(name)] = values
			}
		}
		if got := fmt.Sprint(r.Header); strings.Contains(got, token) || strings.Contains(got, "forged") || strings.Contains(cookie, "a=b") != strings.Contains(got, "a=b; c=d") {
			t.Errorf("%q: the tool would see %s", cookie, got)
		}
	}
}

// TestForwardAuthPeers: only named proxies may ask, and only for tools whose
// answers hold nothing to withhold.
func TestForwardAuthPeers(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	for peers, code := range map[string]string{"198.51.100.0/24": "peer_unknown", "192.0.2.0/24": "view_required"} {
		r := httptest.NewRequest("GET", "/", nil) // from 192.0.2.1
		r.Header = http.Header{"X-Forwarded-Method": {"GET"}, "X-Forwarded-Host": {host}, "X-Forwarded-Uri": {"/api/accounts/alice"}, SessionHeader: {token}}
		w := httptest.NewRecorder()
		h.gate.ForwardAuth(netipPrefix(peers)).ServeHTTP(w, r)
		if w.Code != 403 || w.Header().Get("Privet-Refusal") != code || w.Header().Get(assertion.Header) != "" {
			t.Errorf("peers %s: %d %v", peers, w.Code, w.Header())
		}
	}
}

func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
