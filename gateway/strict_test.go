package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// malformed are heads that servers are known to read differently.
var malformed = map[string]string{
	"bare LF":                "GET / HTTP/1.1\nHost: a\r\n\r\n",
	"bare LF in fields":      "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
	"bare CR in a value":     "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
	"folded line":            "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n",
	"space before colon":     "GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n",
	"space before name":      "GET / HTTP/1.1\r\n Host: a\r\n\r\n",
	"no colon":               "GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n",
	"NUL in a value":         "GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
	"control in a name":      "GET / HTTP/1.1\r\nHost: a\r\nX\x01: a\r\n\r\n",
	"two lengths":            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
	"list of lengths":        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx",
	"signed length":          "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx",
	"hexadecimal length":     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx",
	"endless length":         "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\nx",
	"length and coding":      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"coding and length":      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"two codings":            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"stacked codings":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
	"identity coding":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx",
	"coding with tab":        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n",
	"coding in HTTP/1.0":     "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
	"two hosts":              "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
	"no host":                "GET / HTTP/1.1\r\n\r\n",
	"empty host":             "GET / HTTP/1.1\r\nHost:\r\n\r\n",
	"host with a path":       "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
	"host with a user":       "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
	"two spaces":             "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	"tab in the line":        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"trailing space":         "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
	"space in the target":    "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
	"no version":             "GET /\r\nHost: a\r\n\r\n",
	"version 0.9":            "GET / HTTP/0.9\r\nHost: a\r\n\r\n",
	"version 1.2":            "GET / HTTP/1.2\r\nHost: a\r\n\r\n",
	"small version":          "GET / http/1.1\r\nHost: a\r\n\r\n",
	"fragment in the target": "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
	"high byte in target":    "GET /\xff HTTP/1.1\r\nHost: a\r\n\r\n",
	"line before the method": "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
}

func TestStrictHeads(t *testing.T) {
	for name, head := range malformed {
		for _, size := range []int{1, 7, 4096} { // however it is cut
			c := &strictConn{}
			good := true
			for rest := []byte(head); len(rest) > 0 && good; {
				n := min(size, len(rest))
				good = c.follow(rest[:n])
				rest = rest[n:]
			}
			if good {
				t.Errorf("%s (in pieces of %d) passed", name, size)
			}
		}
	}
	good := "GET /a?b=c HTTP/1.1\r\nHost: a:8443\r\nAccept: */*\r\nX_y: \xff\r\n\r\n" +
		"POST / HTTP/1.0\r\nhost: a\r\ncontent-length:  3 \r\n\r\n\r\n\r" + // a body may hold anything
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n0\r\n\r\nanything"
	for size := 1; size < len(good); size++ {
		c := &strictConn{}
		for rest := []byte(good); len(rest) > 0; {
			n := min(size, len(rest))
			if !c.follow(rest[:n]) {
				t.Fatalf("in pieces of %d: refused before %q", size, rest)
			}
			rest = rest[n:]
		}
		if c.heads != 3 {
			t.Fatalf("in pieces of %d: %d heads", size, c.heads)
		}
	}
}

// FuzzStrictHead: what the guard passes, net/http reads as the same request.
func FuzzStrictHead(f *testing.F) {
	for _, head := range malformed {
		f.Add([]byte(head))
	}
	f.Add([]byte("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok"))
	f.Fuzz(func(t *testing.T, head []byte) {
		end := bytes.Index(head, []byte("\r\n\r\n"))
		if end < 0 {
			return
		}
		length, chunked, err := readHead(head[:end+4])
		if err != nil {
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(head[:end+4])))
		if err != nil {
			return // stricter still
		}
		if r.ContentLength >= 0 && r.ContentLength != length || chunked != (len(r.TransferEncoding) == 1) {
			t.Errorf("the guard reads %d %v, net/http %d %v: %q", length, chunked, r.ContentLength, r.TransferEncoding, head)
		}
	})
}

// open is a front door as serve builds it: our listener, our server.
func (h *house) open(cfg ListenConfig) string {
	h.t.Helper()
	cert := h.front.TLS.Certificates[0]
	if cfg.TLS == nil {
		cfg.TLS = &tls.Config{Certificates: []tls.Certificate{cert}, NextProtos: []string{"h2", "http/1.1"}}
	}
	cfg.Address = "127.0.0.1:0"
	l, err := Listen(h.t.Context(), cfg)
	if err != nil {
		h.t.Fatal(err)
	}
	srv := NewServer(h.gate, nil)
	go srv.Serve(l)
	h.t.Cleanup(func() { srv.Close() })
	return l.Addr().String()
}

func TestStrictServer(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	for name, head := range malformed {
		t.Run(name, func(t *testing.T) {
			conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			head = strings.Replace(head, " / ", " /api/accounts/alice ", 1)
			head = strings.Replace(head, "Host: a\r\n", "Host: "+host+"\r\n"+SessionHeader+": "+token+"\r\n", 1)
			io.WriteString(conn, head)
			conn.CloseWrite()
			answer, _ := io.ReadAll(conn)
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400")) {
				t.Errorf("got %q", answer)
			}
		})
	}
	if h.seen.count() != 0 {
		t.Errorf("%d malformed requests reached the tool", h.seen.count())
	}
	for _, proto := range []string{"h1", "h2"} {
		r := h.request("GET", "/api/accounts/alice", nil)
		r.URL.Host = addr
		for range 3 { // the connection is used again
			res, err := h.client(proto).Do(r)
			if err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, res.Body)
			res.Body.Close()
			if res.StatusCode != 200 || res.Header.Get("Strict-Transport-Security") == "" {
				t.Errorf("%s: %d", proto, res.StatusCode)
			}
		}
	}
}

// TestPipelined: requests sent ahead are each judged, and a chunked one is the
// last of its connection.
func TestPipelined(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	conn, err := tls.Dial("tcp", h.open(ListenConfig{}), &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	one := "GET /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\n" + SessionHeader + ": " + token + "\r\n\r\n"
	chunked := "POST /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\n" + SessionHeader + ": " + token +
		"\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
	io.WriteString(conn, one+one+chunked+one)
	conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	answers, _ := io.ReadAll(conn)
	if n := bytes.Count(answers, []byte("HTTP/1.1 200 OK")); n != 3 || h.seen.count() != 3 {
		t.Errorf("%d answers, %d requests at the tool, want 3", n, h.seen.count())
	}
}

func TestProxyProtocol(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	loop := netipPrefix("127.0.0.0/8")
	for _, c := range []struct {
		name    string
		trusted bool
		begin   string
		address string // "" : hung up
	}{
		{"trusted", true, "PROXY TCP4 192.0.2.7 127.0.0.1 5555 8443\r\n", "192.0.2.7"},
		{"trusted, without", true, "", ""},
		{"stranger", false, "PROXY TCP4 192.0.2.7 127.0.0.1 5555 8443\r\n", ""},
		{"stranger, without", false, "", "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := ListenConfig{ProxyProtocol: netipPrefix("198.51.100.0/24")}
			if c.trusted {
				cfg.ProxyProtocol = loop
			}
			raw, err := net.Dial("tcp", h.open(cfg))
			if err != nil {
				t.Fatal(err)
			}
			defer raw.Close()
			io.WriteString(raw, c.begin)
			conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
			fmt.Fprintf(conn, "GET /api/accounts/alice HTTP/1.1\r\nHost: %s\r\n%s: %s\r\nConnection: close\r\n\r\n", host, SessionHeader, token)
			answer, _ := io.ReadAll(conn)
			if c.address == "" {
				if len(answer) > 0 {
					t.Errorf("got %q", answer)
				}
				return
			}
			if got, _ := h.seen.last(); got == nil || got.Header.Get("X-Forwarded-For") != c.address {
				t.Errorf("answer %q", answer)
			}
		})
	}
}

// A refused request's chunked body ends the connection as an accepted one's does:
// nobody has looked at what may follow it.
func TestRefusedChunkedBodyEndsConnection(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	for path, status := range map[string]string{"/api/accounts/alice": "401", "/nothing": "404"} {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost : %s\r\n\r\n", path, host, host)
		all, err := io.ReadAll(conn)
		if err != nil || strings.Count(string(all), "HTTP/1.1 ") != 1 || !strings.HasPrefix(string(all), "HTTP/1.1 "+status) {
			t.Errorf("%s: %v, %q", path, err, all)
		}
		conn.Close()
	}
}

// dueWriter keeps until when a body may take.
type dueWriter struct {
	*httptest.ResponseRecorder
	due time.Time
}

func (w *dueWriter) SetReadDeadline(at time.Time) error {
	w.due = at
	return nil
}

// A body that nobody reads must come in time too, on every host: net/http waits
// for it before it sends the refusal.
func TestUnreadBodyIsDue(t *testing.T) {
	for size, want := range map[int64]bool{-1: true, 5: true, 0: false} {
		w := &dueWriter{ResponseRecorder: httptest.NewRecorder()}
		r := httptest.NewRequest("POST", "https://desk.localhost/", strings.NewReader("hello"))
		r.ContentLength = size
		NewServer(http.NotFoundHandler(), nil).Handler.ServeHTTP(w, r)
		if soon := !w.due.IsZero() && time.Until(w.due) <= slowStart; soon != want {
			t.Errorf("body of %d: due %v", size, w.due)
		}
	}
}

// scarce is a port of a process that has too many files open for a while.
type scarce struct {
	net.Listener
	left int
}

func (s *scarce) Accept() (net.Conn, error) {
	if s.left--; s.left >= 0 {
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	}
	return s.Listener.Accept()
}

func TestTooManyFilesPass(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := h.open(ListenConfig{Open: &scarce{port, 3}})
	conn, err := (&tls.Dialer{NetDialer: &net.Dialer{Timeout: 5 * time.Second}, Config: &tls.Config{InsecureSkipVerify: true}}).Dial("tcp", addr)
	if err != nil {
		t.Fatalf("after the files were closed: %v", err)
	}
	conn.Close()
}
