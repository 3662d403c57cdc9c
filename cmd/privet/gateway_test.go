package main

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestGatewayConfiguration: every key of the gateway's configuration does what
// it says, in the running product.
func TestGatewayConfiguration(t *testing.T) {
	var last atomic.Pointer[http.Request]
	var sick atomic.Bool
	s := startServe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/health" {
			if _, pass, _ := r.BasicAuth(); sick.Load() || pass != "hunter2" {
				w.WriteHeader(500)
			}
			return
		}
		_, _ = io.Copy(io.Discard, r.Body)
		last.Store(r)
		w.Header().Set("X-Version", "7")
		w.Header().Set("X-Secret", "no")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "a note")
	}), "")
	client := s.client()
	res, body := s.do(client, "GET", "https://files.localhost/note", nil, "X-Trace", "t1", "X-Forwarded-For", "198.51.100.9", "X-Else", "e")
	if res.StatusCode != 200 || body != "a note" || res.Header.Get("X-Version") != "7" || res.Header.Get("X-Secret") != "" {
		t.Fatalf("%d %q %v", res.StatusCode, body, res.Header)
	}
	saw := last.Load()
	_, pass, _ := saw.BasicAuth()
	for what, got := range map[string][2]string{
		"host": {saw.Host, "files.internal"}, "password": {pass, "hunter2"}, "key": {saw.Header.Get("X-Api-Key"), "k3y"},
		"trace": {saw.Header.Get("X-Trace"), "t1"}, "else": {saw.Header.Get("X-Else"), ""}, "for": {saw.Header.Get("X-Forwarded-For"), "198.51.100.9"},
		"session": {saw.Header.Get("Privet-Session"), ""},
	} {
		if got[0] != got[1] {
			t.Errorf("%s: the tool saw %q, want %q", what, got[0], got[1])
		}
	}
	if !strings.Contains(saw.Header.Get("Accept-Encoding"), "gzip") {
		t.Errorf("the tool was not asked to compress: %q", saw.Header.Get("Accept-Encoding"))
	}

	if res, body := s.do(client, "POST", "https://desk.localhost/api/purpose", strings.NewReader(`{"purpose":"servicing","case":"C-7"}`), "Content-Type", "application/json"); res.StatusCode >= 300 {
		t.Fatalf("naming a case: %d %s", res.StatusCode, body)
	}
	var form bytes.Buffer
	parts := multipart.NewWriter(&form)
	_ = parts.WriteField("file", strings.Repeat("a", 300))
	_ = parts.Close()
	if res, body := s.do(client, "POST", "https://files.localhost/put", bytes.NewReader(form.Bytes()), "Content-Type", parts.FormDataContentType()); res.StatusCode != 200 {
		t.Errorf("an upload: %d %s", res.StatusCode, body)
	}
	if res, body := s.do(client, "POST", "https://files.localhost/put", strings.NewReader(form.String()+strings.Repeat("a", 2000)), "Content-Type", parts.FormDataContentType()); res.StatusCode != 413 {
		t.Errorf("an upload over limits.body: %d %s", res.StatusCode, body)
	}
	if res, _ := s.do(client, "POST", "https://files.localhost/put", strings.NewReader("x"), "Content-Type", "image/png"); res.StatusCode != 403 {
		t.Errorf("an upload of another type: %d", res.StatusCode)
	}
	without := *s
	without.certs = nil
	if _, err := without.client().Get("https://files.localhost/note"); err == nil {
		t.Error("an agent without a client certificate came in")
	}

	for _, c := range []struct {
		host  string
		token string
		want  int
	}{{"wiki.localhost", s.token, 200}, {"files.localhost", s.token, 403}, {"wiki.localhost", "", 401}} {
		res, _ := s.do(http.DefaultClient, "GET", "http://"+s.ask, nil, "X-Forwarded-Method", "GET", "X-Forwarded-Host", c.host,
			"X-Forwarded-Uri", "/note", "X-Forwarded-Proto", "https", "Privet-Session", c.token)
		if res.StatusCode != c.want {
			t.Errorf("forward_auth for %s: %d %s, want %d", c.host, res.StatusCode, res.Header.Get("Privet-Refusal"), c.want)
		}
	}
	for _, page := range []struct{ path, up, down string }{
		{"/readyz", "(?m)^tool files up since ", "(?m)^tool wiki down since .*tool_unreachable"},
		{"/metrics", `(?m)^privet_tool_up\{.*tool="files"\} 1`, `(?m)^privet_tool_up\{.*tool="wiki"\} 0`},
	} {
		for _, want := range []string{page.up, page.down} { // a tool is down after two checks
			for deadline := time.Now().Add(time.Minute); ; {
				res, body := s.do(http.DefaultClient, "GET", "http://"+s.admin+page.path, nil)
				if regexp.MustCompile(want).MatchString(body) && res.StatusCode == 200 {
					break
				}
				if time.Now().After(deadline) {
					t.Fatalf("%s: %d, no %s in\n%s", page.path, res.StatusCode, want, body)
				}
			}
		}
	}
}

// callerCertificate makes an authority, leaves it in file, and a client's
// certificate by it.
func callerCertificate(t *testing.T, file string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// One certificate is its own authority: what is tried is that Privet asks.
	own := &x509.Certificate{SerialNumber: serial(), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true,
		BasicConstraintsValid: true, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, own, own, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// TestReload: a running Privet takes new certificates and configurations while
// agents work and fails none of their requests; one that does not work changes
// nothing and says why.
func TestReload(t *testing.T) {
	s := startServe(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Version", "7")
		w.Header().Set("Content-Type", "text/plain")
		_, _ = io.WriteString(w, "a note")
	}), "")
	stop := make(chan struct{})
	var asked atomic.Int64
	var load sync.WaitGroup
	for range 2 {
		load.Go(func() {
			for client := s.client(); ; asked.Add(1) {
				select {
				case <-stop:
					return
				default:
				}
				r, _ := http.NewRequest("GET", "https://files.localhost/note", nil)
				r.Header.Set("Privet-Session", s.token)
				res, err := client.Do(r)
				if err != nil || res.StatusCode != 200 {
					t.Errorf("request %d: %v %v", asked.Load(), res, err)
					return
				}
				_, _ = io.Copy(io.Discard, res.Body)
				res.Body.Close()
			}
		})
	}
	const taken, kept = "configuration reloaded", "configuration not reloaded; the one before stays in force"
	client := s.client()
	version := func() string {
		res, _ := s.do(client, "GET", "https://files.localhost/note", nil)
		return res.Header.Get("X-Version")
	}

	s.edit("response_headers: [X-Version]", "response_headers: []")
	s.next(1, taken)
	if got := version(); got != "" {
		t.Errorf("the tool's X-Version: %q still passes", got)
	}
	for i, c := range []struct{ from, to, why string }{
		{"per_agent: 8", "per_agents: 8", "per_agents"},
		{"per_agents: 8", "per_agent: -8", "limits"},
		{"per_agent: -8", "per_agent: 8, connections: 5", "limits.connections needs a restart"},
		{", connections: 5", "", ""},
		{"store: sqlite:privet.db", "store: sqlite:other.db", "store needs a restart"},
		{"store: sqlite:other.db", "store: sqlite:privet.db", ""},
		{"file: password}", "file: no-such-file}", "tools[0] (files): secrets.Authorization"},
		{"file: no-such-file}", "file: password}", ""},
		{"response_headers: []", "response_headers: [Set-Cookie]", "written by Privet"},
		{"response_headers: [Set-Cookie]", "response_headers: [X-Version]", ""},
	} {
		failed, done := s.said(kept), s.said(taken)
		s.edit(c.from, c.to)
		if c.why == "" {
			s.next(done+1, taken)
			continue
		}
		if why := s.next(failed+1, kept)["error"].(string); !strings.Contains(why, c.why) {
			t.Errorf("%d: refused because %q, want %q", i, why, c.why)
		}
	}
	if got := version(); got != "7" {
		t.Errorf("the tool's X-Version: %q, want 7", got)
	}
	for range *reloads {
		n := s.said(taken)
		s.hangup()
		s.next(n+1, taken)
	}

	// A certificate is taken when its file changes, without a signal.
	before := s.certificate()
	for _, name := range []string{"files/tls.pem", "files/tls-key.pem", "files/ca.pem"} {
		if err := os.Remove(filepath.Join(s.dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	close(stop) // its clients believe in the old authority
	load.Wait()
	if err := demoCertificate(filepath.Join(s.dir, "files"), []string{"files.localhost"}, time.Now()); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); s.certificate() == before; {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not in use")
		}
	}
	t.Logf("%d requests, none failed", asked.Load())
}

// said counts the lines with a message.
func (s *served) said(message string) (n int) {
	s.log.mu.Lock()
	defer s.log.mu.Unlock()
	for _, line := range s.log.all {
		if line["msg"] == message {
			n++
		}
	}
	return n
}

// certificate is the serial number of the one in use for files.localhost.
func (s *served) certificate() string {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, "PROXY TCP4 192.0.2.7 127.0.0.1 1000 443\r\n")
	secure := tls.Client(conn, &tls.Config{ServerName: "files.localhost", InsecureSkipVerify: true, Certificates: s.certs})
	if err := secure.Handshake(); err != nil {
		s.t.Fatal(err)
	}
	return secure.ConnectionState().PeerCertificates[0].SerialNumber.String()
}
