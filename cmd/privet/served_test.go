package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

var reloads = flag.Int("reloads", 5, "how often TestReload reloads under load")

// served is a running "privet serve" over a configuration that a demo left
// behind, with tools of the test's own. Every connection says by the PROXY
// protocol that it comes from 192.0.2.7, which is a trusted proxy.
type served struct {
	t       *testing.T
	dir     string
	process *exec.Cmd
	log     *lines
	gone    chan struct{}
	addr    string // of the TLS port
	admin   string
	ask     string // of forward_auth
	token   string
	certs   []tls.Certificate // of the client
}

// lines is a log that can be waited for.
type lines struct {
	mu   sync.Mutex
	all  []map[string]any
	more chan struct{}
}

func (l *lines) read(r io.Reader) {
	for s := bufio.NewScanner(r); s.Scan(); {
		var line map[string]any
		if json.Unmarshal(s.Bytes(), &line) != nil {
			line = map[string]any{"msg": s.Text()}
		}
		l.mu.Lock()
		l.all = append(l.all, line)
		close(l.more)
		l.more = make(chan struct{})
		l.mu.Unlock()
	}
}

// next waits for the nth line with a message.
func (s *served) next(n int, message string) map[string]any {
	s.t.Helper()
	for {
		s.log.mu.Lock()
		found, more := 0, s.log.more
		for _, line := range s.log.all {
			if line["msg"] == message {
				if found++; found == n {
					s.log.mu.Unlock()
					return line
				}
			}
		}
		all := s.log.all
		s.log.mu.Unlock()
		select {
		case <-more:
		case <-s.gone:
			s.t.Fatalf("privet ended: %v", all)
		case <-time.After(time.Minute):
			s.t.Fatalf("never said %q: %v", message, all)
		}
	}
}

const servedConfig = `
listen: 127.0.0.1:0
admin: 127.0.0.1:0
hosts: {desk: desk.localhost, portal: privacy.localhost, console: officers.localhost, port: 443}
proxies: {protocol: [127.0.0.1], trusted: [192.0.2.0/24]}
limits: {per_agent: 8, patience: 250ms}
forward_auth: {listen: "127.0.0.1:0", peers: [127.0.0.1]}
tls:
  certificate: tls.pem
  key: tls-key.pem
  more: [{certificate: files/tls.pem, key: files/tls-key.pem}]
store: sqlite:privet.db
keeper: {local: {file: keys.sealed, root_key_file: root.key}}
trail: {origin: privet.localhost/demo, key: trail.vkey}
post: {outbox: outbox}
policy: {officers: ["%[3]s"]}
tools:
  - name: files
    host: files.localhost
    upstream: %[1]s
    catalogue: files.yaml
    known_as: files.internal
    tls: {ca: back/ca.pem, server_name: localhost}
    callers: callers.pem
    secrets:
      Authorization: {user: privet, file: password}
      X-Api-Key: {env: PRIVET_TEST_KEY}
    request_headers: [X-Trace]
    response_headers: [X-Version]
    uploads: [multipart/form-data]
    compress: true
    health: {path: /health, every: 1h}
    timeouts: {connect: 2s, answer: 5s, silence: 3s}
    limits: {body: 1KiB, json: 512, connections: 4}
  - {name: wiki, host: wiki.localhost, upstream: "http://127.0.0.1:9", catalogue: wiki.yaml, unviewed: true}
%[2]s`

const filesCatalogue = `
tool: %s
screens:
  - {id: note, path: /note, media: text/plain, shape: note}
  - {id: put, method: POST, path: /put, media: text/plain, shape: note}
shapes:
  note: {fields: {"": text}}
`

// startServe runs privet serve over a demo's people, with the test's tool.
func startServe(t *testing.T, tool http.Handler, more string) *served {
	t.Helper()
	d := startDemo(t, t.TempDir())
	d.end(os.Interrupt)
	s := &served{t: t, dir: d.dir, log: &lines{more: make(chan struct{})}, gone: make(chan struct{})}
	for _, dir := range []string{"files", "back"} {
		host := map[string]string{"files": "files.localhost", "back": "localhost"}[dir]
		if err := os.MkdirAll(filepath.Join(s.dir, dir), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := demoCertificate(filepath.Join(s.dir, dir), []string{host}, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	pair, err := tls.LoadX509KeyPair(filepath.Join(s.dir, "back/tls.pem"), filepath.Join(s.dir, "back/tls-key.pem"))
	if err != nil {
		t.Fatal(err)
	}
	back := httptest.NewUnstartedServer(tool)
	back.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	back.StartTLS()
	t.Cleanup(back.Close)
	s.certs = []tls.Certificate{callerCertificate(t, filepath.Join(s.dir, "callers.pem"))}
	s.write("password", "hunter2\n")
	s.write("files.yaml", fmt.Sprintf(filesCatalogue, "files"))
	s.write("wiki.yaml", fmt.Sprintf(filesCatalogue, "wiki"))
	vkey, err := demoOfficer(s.dir)
	if err != nil {
		t.Fatal(err)
	}
	s.write("privet.yaml", fmt.Sprintf(servedConfig, back.URL, more, vkey))
	s.approve()

	s.process = privetProcess(t, "serve", "--config", filepath.Join(s.dir, "privet.yaml"), "PRIVET_TEST_KEY=k3y")
	said, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { s.log.read(said); _ = s.process.Wait(); close(s.gone) }()
	t.Cleanup(func() { _ = s.process.Process.Kill(); <-s.gone })
	at := func(message, key string) string { // logs keep addresses back, and leave the port
		said := s.next(1, message)[key].(string)
		return "127.0.0.1" + said[strings.LastIndexByte(said, ':'):]
	}
	s.addr, s.admin, s.ask = at("serving", "listen"), at("serving", "admin"), at("answering proxies", "listen")
	s.signIn(d.ready, "ada")
	return s
}

// approve signs as the officer that these tools follow the demo's, which a start
// alone must not bring about.
func (s *served) approve() {
	s.t.Helper()
	config := filepath.Join(s.dir, "privet.yaml")
	why, err := privetProcess(s.t, "check", "--config", config, "PRIVET_TEST_KEY=k3y").CombinedOutput()
	at := regexp.MustCompile("from (sha256:[0-9a-f]{64}) to (sha256:[0-9a-f]{64})").FindSubmatch(why)
	if err == nil || at == nil || !bytes.Contains(why, []byte("second officer's signature")) {
		s.t.Fatalf("the tools change without an officer: %v %s", err, why)
	}
	out, err := privetProcess(s.t, "policy", "approve", "--from", string(at[1]), "--to", string(at[2]),
		"--key", filepath.Join(s.dir, "officer.key"), "--out", filepath.Join(s.dir, "policy.approval")).CombinedOutput()
	if err != nil {
		s.t.Fatalf("approve: %v %s", err, out)
	}
}

func (s *served) write(name, text string) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.dir, name), []byte(text), 0o600); err != nil {
		s.t.Fatal(err)
	}
}

// edit changes the configuration and tells the process.
func (s *served) edit(from, to string) {
	s.t.Helper()
	file := filepath.Join(s.dir, "privet.yaml")
	text, err := os.ReadFile(file)
	if err != nil || !bytes.Contains(text, []byte(from)) {
		s.t.Fatalf("the configuration has no %q: %v", from, err)
	}
	s.write("privet.yaml", strings.Replace(string(text), from, to, 1))
	s.hangup()
}

func (s *served) hangup() {
	if err := s.process.Process.Signal(syscall.SIGHUP); err != nil {
		s.t.Fatal(err)
	}
}

// client speaks the PROXY protocol and verifies the server by files.
func (s *served) client() *http.Client {
	roots := x509.NewCertPool()
	for _, file := range []string{"ca.pem", "files/ca.pem"} {
		text, _ := os.ReadFile(filepath.Join(s.dir, file))
		roots.AppendCertsFromPEM(text)
	}
	tr := &http.Transport{DisableCompression: true, TLSClientConfig: &tls.Config{RootCAs: roots, Certificates: s.certs},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, s.addr)
			if err == nil {
				_, err = io.WriteString(conn, "PROXY TCP4 192.0.2.7 127.0.0.1 1000 443\r\n")
			}
			return conn, err
		}}
	s.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr}
}

func (s *served) signIn(r ready, name string) {
	s.t.Helper()
	var person readyHuman
	for _, p := range r.People {
		if p.Name == name {
			person = p
		}
	}
	var ticket struct{ Ticket, Session string }
	digits, err := code(person.TOTP, time.Now())
	if err != nil {
		s.t.Fatal(err)
	}
	for _, step := range []struct{ path, body string }{
		{"/api/login", fmt.Sprintf(`{"agent":%q,"password":%q}`, name, person.Password)}, {"/api/code", `{"ticket":%q,"code":%q}`},
	} {
		body := step.body
		if ticket.Ticket != "" {
			body = fmt.Sprintf(body, ticket.Ticket, digits)
		}
		res, err := s.client().Post("https://desk.localhost"+step.path, "application/json", strings.NewReader(body))
		if err != nil {
			s.t.Fatal(err)
		}
		err = json.NewDecoder(res.Body).Decode(&ticket)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			s.t.Fatalf("sign in %s: %d %v", step.path, res.StatusCode, err)
		}
	}
	s.token = ticket.Session
}

// do sends the agent's request and reads the answer.
func (s *served) do(client *http.Client, method, url string, body io.Reader, header ...string) (*http.Response, string) {
	s.t.Helper()
	r, err := http.NewRequest(method, url, body)
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Privet-Session", s.token)
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	res, err := client.Do(r)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, url, err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return res, string(text)
}
