package gateway

import (
	"bufio"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// dialRaw is a TLS connection that speaks what a test writes.
func dialRaw(t *testing.T, addr, proto string) *tls.Conn {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{proto}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second)) // of a test that hangs
	return conn
}

// speak writes raw bytes and gives all that the server says until it hangs up.
func speak(t *testing.T, addr, raw string) string {
	t.Helper()
	conn := dialRaw(t, addr, "http/1.1")
	io.WriteString(conn, raw)
	said, err := io.ReadAll(conn)
	var late net.Error
	if errors.As(err, &late) && late.Timeout() {
		t.Errorf("the connection stays open after %q", said)
	}
	return string(said)
}

// sess is the line that makes a request the proven agent's.
const sess = SessionHeader + ": " + token + "\r\n"

// TestTargets: whatever form a request's target has, the host that it names is
// the one that is decided on, and the tool sees its own host and a plain path
// (RFC 9112 §3.2). What opens a tunnel or mirrors a request is refused.
func TestTargets(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	for _, c := range []struct {
		name, line, host string
		status           string
		code             string // of a refusal, which is in the trail
	}{
		{"origin form", "GET /files/a", host, "200", ""},
		{"absolute form", "GET http://" + host + "/files/a", host, "200", ""},
		{"absolute form, TLS", "GET https://" + host + ":8443/files/a", host, "200", ""},
		{"absolute form, other Host", "GET http://" + host + "/files/a", "evil.example", "200", ""},
		{"absolute form of another", "GET http://evil.example/files/a", host, "404", "host_unknown"},
		{"absolute form of the tool itself", "GET " + h.back.URL + "/files/a", host, "404", "host_unknown"},
		{"absolute form with a user", "GET http://ada:x@" + host + "/files/a", host, "400", ""},
		{"absolute form, user for host", "GET http://" + host + ":80@evil.example/files/a", host, "400", ""},
		{"absolute form without a path", "GET http://" + host, host, "400", "path_ambiguous"},
		{"absolute form without a host", "GET http:///files/a", host, "400", ""},
		{"absolute form of another scheme", "GET ftp://" + host + "/files/a", host, "400", ""},
		{"no host at all", "GET javascript:/files/a", host, "400", ""},
		{"network path", "GET //evil.example/files/a", host, "400", "path_ambiguous"},
		{"authority form", "GET " + host + ":443", host, "400", ""},
		{"asterisk form", "OPTIONS *", host, "400", "path_ambiguous"},
		{"asterisk form, other method", "GET *", host, "400", "path_ambiguous"},
		{"CONNECT", "CONNECT " + host + ":443", host + ":443", "405", "method_refused"},
		{"CONNECT elsewhere", "CONNECT evil.example:443", "evil.example:443", "404", "host_unknown"},
		{"CONNECT with a path", "CONNECT /files/a", host, "405", "method_refused"},
		{"TRACE", "TRACE /files/a", host, "405", "method_refused"},
		{"TRACE of the proxy", "TRACE *", host, "405", "method_refused"},
		{"TRACK", "TRACK /files/a", host, "405", "method_refused"},
	} {
		before, refused := h.seen.count(), len(h.trail.all("refusal"))
		said := speak(t, addr, c.line+" HTTP/1.1\r\nHost: "+c.host+"\r\n"+sess+"Connection: close\r\nX-Mirror: mirrored\r\n\r\n")
		if !strings.HasPrefix(said, "HTTP/1.1 "+c.status+" ") || strings.Count(said, "HTTP/1.1 ") != 1 || strings.Contains(said, "mirrored") {
			t.Errorf("%s: %.300q, want %s", c.name, said, c.status)
		}
		if reached := h.seen.count() > before; reached != (c.status == "200") {
			t.Errorf("%s: reached the tool: %v", c.name, reached)
		}
		if got, _ := h.seen.last(); c.status == "200" && got != nil && (got.RequestURI != "/files/a" || canonicalHost(got.Host) != host || canonicalHost(got.Header.Get("X-Forwarded-Host")) != host) {
			t.Errorf("%s: the tool saw %s at %s for %v", c.name, got.RequestURI, got.Host, got.Header)
		}
		if no := h.trail.all("refusal"); c.code != "" && (len(no) != refused+1 || no[refused].Reason != c.code) {
			t.Errorf("%s: the trail says %+v, want %s", c.name, no[refused:], c.code)
		}
	}
}

// TestExpect: a body is asked for only once it is wanted, and never where the
// request is refused; other expectations cannot be met (RFC 9110 §10.1.1).
func TestExpect(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	const body = `{"name":"Bob"}`
	for _, c := range []struct {
		name, path, session, expect string
		asked                       bool
		status                      string
	}{
		{"allowed", "/api/accounts/alice", sess, "100-continue", true, "200"},
		{"in capitals", "/api/accounts/alice", sess, "100-Continue", true, "200"},
		{"no session", "/api/accounts/alice", "", "100-continue", false, "401"},
		{"no screen", "/nothing", sess, "100-continue", false, "404"},
		{"unknown", "/api/accounts/alice", sess, "200-ok", false, "417"},
		{"unknown beside", "/api/accounts/alice", sess, "100-continue, x=y", false, "417"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := h.seen.count()
			conn := dialRaw(t, addr, "http/1.1")
			fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\n%sContent-Type: application/json\r\nContent-Length: %d\r\nExpect: %s\r\n\r\n", c.path, host, c.session, len(body), c.expect)
			r := bufio.NewReader(conn)
			first, _ := r.ReadString('\n')
			if asked := first == "HTTP/1.1 100 Continue\r\n"; asked != c.asked {
				t.Fatalf("first %q, asked for the body %v, want %v", first, asked, c.asked)
			}
			if c.asked {
				r.ReadString('\n')
				io.WriteString(conn, body)
				first, _ = r.ReadString('\n')
			}
			if !strings.HasPrefix(first, "HTTP/1.1 "+c.status) {
				t.Errorf("answered %q, want %s", first, c.status)
			}
			if !c.asked { // what a client sends all the same is no request
				fmt.Fprintf(conn, "GET /files/smuggled HTTP/1.1\r\nHost: %s\r\n%s\r\n", host, sess)
				rest, _ := io.ReadAll(r)
				if strings.Contains(string(rest), "HTTP/1.1 ") {
					t.Errorf("went on: %q", rest)
				}
			}
			if reached := h.seen.count() > before; reached != c.asked {
				t.Errorf("reached the tool: %v", reached)
			}
			if got, sent := h.seen.last(); c.asked && (got.Header.Get("Expect") != "" || sent != body) {
				t.Errorf("the tool saw %q with %q", got.Header, sent)
			}
		})
	}
}

// TestAfterRefusal: a request that is refused takes its body with it: nothing
// in it is ever read as a request. After a malformed head nothing is read.
func TestAfterRefusal(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	inner := "GET /files/smuggled HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "\r\n"
	next := "GET /files/next HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "Connection: close\r\n\r\n"
	post := func(path, session, framing, body string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + session + "Content-Type: application/json\r\n" + framing + "\r\n\r\n" + body
	}
	length := fmt.Sprintf("Content-Length: %d", len(inner))
	chunks := fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(inner), inner)
	for _, c := range []struct {
		name, first string
		status      string
		next        bool // whether the connection may go on
	}{
		{"no session", post("/api/accounts/alice", "", length, inner), "401", true},
		{"no screen", post("/nothing", sess, length, inner), "404", true},
		{"unreadable body", post("/api/accounts/alice", sess, length, inner), "400", true},
		{"a body that is too large", post("/nothing", sess, "Content-Length: 400000", strings.Repeat(" ", 400000)), "404", false},
		{"chunked, no session", post("/api/accounts/alice", "", "Transfer-Encoding: chunked", chunks), "401", false},
		{"chunked, unreadable", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", chunks), "400", false},
		{"chunk of a wrong size", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "0x2\r\n{}\r\n0\r\n\r\n"), "400", false},
		{"chunk with a sign", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "+2\r\n{}\r\n0\r\n\r\n"), "400", false},
		{"chunk that overflows", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "ffffffffffffffff2\r\n{}\r\n0\r\n\r\n"), "400", false},
		{"chunk line of a bare LF", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "2;\n{}\r\n0\r\n\r\n"), "400", false},
		{"chunk that is longer", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "2\r\n{}xx0\r\n\r\n"), "400", false},
		{"trailer that is a request", post("/api/accounts/alice", sess, "Transfer-Encoding: chunked", "2\r\n{}\r\n0\r\n"+inner), "400", false},
		{"malformed head", "GET /files/x HTTP/1.1\r\nHost : " + host + "\r\n\r\n", "400", false},
		{"length and coding", post("/api/accounts/alice", sess, length+"\r\nTransfer-Encoding: chunked", chunks), "400", false},
	} {
		before := h.seen.count()
		said := speak(t, addr, c.first+next)
		want := 1
		if c.next {
			want = 2
		}
		if !strings.HasPrefix(said, "HTTP/1.1 "+c.status) || strings.Count(said, "HTTP/1.1 ") != want {
			t.Errorf("%s: %.400q, want %s and %d answers", c.name, said, c.status, want)
		}
		got, _ := h.seen.last()
		if n := h.seen.count() - before; n != want-1 || n == 1 && got.URL.Path != "/files/next" {
			t.Errorf("%s: %d requests reached the tool", c.name, n)
		}
	}
	// The malformed one may come later, too.
	before := h.seen.count()
	said := speak(t, addr, strings.Replace(next, "Connection: close\r\n", "", 1)+"GET /files/x HTTP/1.1\r\nHost: "+host+"\r\n"+sess+"X: a\r\n b\r\n\r\n"+next)
	if n := strings.Count(said, "HTTP/1.1 200"); n > 1 || strings.Count(said, "HTTP/1.1 ") != n || h.seen.count()-before > 1 {
		t.Errorf("after a good one: %d reached the tool, said %.400q", h.seen.count()-before, said)
	}
}

// TestRequestTrailers: what stands behind a body forges nothing that stands
// before it, for a body that is read and for one that passes.
func TestRequestTrailers(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Uploads = []string{"text/plain"} })
	addr := h.open(ListenConfig{})
	trailers := "X-Forwarded-User: forged\r\nPrivet-Session: forged\r\nPrivet-Assertion: forged\r\nX-Forwarded-For: 6.6.6.6\r\nAuthorization: forged\r\nHost: forged\r\nX-Sum: forged\r\n"
	for path, media := range map[string]string{"/api/accounts/alice": "application/json", "/api/upload": "text/plain"} {
		before := h.seen.count()
		said := speak(t, addr, "POST "+path+" HTTP/1.1\r\nHost: "+host+"\r\n"+sess+"Content-Type: "+media+
			"\r\nTrailer: X-Forwarded-User, Privet-Session, X-Sum\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"+trailers+"\r\n")
		if !strings.HasPrefix(said, "HTTP/1.1 200") || h.seen.count() != before+1 {
			t.Fatalf("%s: %.300q", path, said)
		}
		got, body := h.seen.last()
		if all := fmt.Sprint(got.Header, got.Trailer, got.Host); body != "{}" || strings.Contains(all, "forged") || strings.Contains(all, "6.6.6.6") || len(got.Trailer) > 0 {
			t.Errorf("%s: the tool saw %q and %s", path, body, all)
		}
	}
}

// TestTornUpload: a file that does not come whole never looks whole to a tool.
func TestTornUpload(t *testing.T) {
	ends := make(chan error, 2)
	tool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, err := io.Copy(io.Discard, r.Body)
		ends <- err
	}))
	defer tool.Close()
	h := newHouse(t, http.NotFoundHandler(), func(c *Config) {
		c.Tools[0].Uploads = []string{"text/plain"}
		c.Tools[0].Upstream, _ = url.Parse(tool.URL)
	})
	addr := h.open(ListenConfig{})
	for name, framing := range map[string]string{"length": "Content-Length: 100\r\n\r\nhalf", "chunked": "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"} {
		conn := dialRaw(t, addr, "http/1.1")
		io.WriteString(conn, "POST /api/upload HTTP/1.1\r\nHost: "+host+"\r\n"+sess+"Content-Type: text/plain\r\n"+framing)
		conn.CloseWrite()
		said, _ := io.ReadAll(conn)
		if err := <-ends; err == nil || strings.HasPrefix(string(said), "HTTP/1.1 200") {
			t.Errorf("%s: the tool read %v, the agent %.200q", name, err, said)
		}
	}
}
