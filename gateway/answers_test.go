package gateway

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// rawTool answers each request with raw bytes, and says how many it saw.
func rawTool(t *testing.T, answer func(w net.Conn, r *http.Request)) (*url.URL, func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var mu sync.Mutex
	seen := 0
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				in := bufio.NewReader(conn)
				for {
					r, err := http.ReadRequest(in)
					if err != nil {
						return
					}
					io.Copy(io.Discard, r.Body)
					mu.Lock()
					seen++
					mu.Unlock()
					answer(conn, r)
					if r.Header.Get("X-Requested-With") == "last" {
						return
					}
				}
			}()
		}
	}()
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, func() int {
		mu.Lock()
		defer mu.Unlock()
		return seen
	}
}

const forgedAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 17\r\n\r\n{\"name\":\"Forged\"}"

// TestFraming: an answer ends where its head says. One that is shorter never
// looks complete; what follows it is never the answer to another request
// (RFC 9112 §6.3, §9.2), also where a method or a status forbids a body.
func TestFraming(t *testing.T) {
	const body = `{"name":"Alice"}`
	ok := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, c := range map[string]struct {
		method, answer string
		status         string // of the first answer; "": refused, or torn off
	}{
		"longer than it says":         {"GET", ok + "Content-Length: 16\r\n\r\n" + body + forgedAnswer, "200"},
		"shorter than it says":        {"GET", ok + "Content-Length: 99\r\n\r\n" + body, ""},
		"two lengths":                 {"GET", ok + "Content-Length: 16\r\nContent-Length: 99\r\n\r\n" + body, ""},
		"a length that is none":       {"GET", ok + "Content-Length: 0x10\r\n\r\n" + body, ""},
		"length and coding":           {"GET", ok + "Content-Length: 99\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n" + body + "\r\n0\r\n\r\n" + forgedAnswer, "200"},
		"unknown coding":              {"GET", ok + "Transfer-Encoding: gzip, chunked\r\n\r\n10\r\n" + body + "\r\n0\r\n\r\n", ""},
		"chunks without an end":       {"GET", ok + "Transfer-Encoding: chunked\r\n\r\n10\r\n" + body + "\r\n", ""},
		"chunk of a wrong size":       {"GET", ok + "Transfer-Encoding: chunked\r\n\r\n-10\r\n" + body + "\r\n0\r\n\r\n", ""},
		"HEAD with a body":            {"HEAD", ok + "Content-Length: 16\r\n\r\n" + body + forgedAnswer, "200"},
		"204 with a body":             {"GET", "HTTP/1.1 204 No Content\r\nContent-Length: 16\r\n\r\n" + body + forgedAnswer, "204"},
		"304 with a body":             {"GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 16\r\n\r\n" + body + forgedAnswer, "304"},
		"205 with a body":             {"GET", "HTTP/1.1 205 Reset Content\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + body + forgedAnswer, "205"},
		"redirect with a body":        {"GET", "HTTP/1.1 302 Found\r\nLocation: /files/b\r\nContent-Length: 16\r\n\r\n" + body + forgedAnswer, "302"},
		"interim answers only":        {"GET", strings.Repeat("HTTP/1.1 102 Processing\r\n\r\n", 200) + ok + "Content-Length: 16\r\n\r\n" + body, ""},
		"an answer nobody asked for":  {"GET", ok + "Content-Length: 16\r\n\r\n" + body + "\r\n" + forgedAnswer, "200"},
		"a head that is folded":       {"GET", ok + "X-A: b\r\n Content-Length: 1\r\nContent-Length: 16\r\n\r\n" + body, "200"},
		"a head with a bare CR":       {"GET", ok + "X-A: b\rSet-Cookie: a=b\r\nContent-Length: 16\r\n\r\n" + body, ""},
		"a name with a space":         {"GET", ok + "Content-Length : 99\r\n\r\n" + body, "200"},
		"no version":                  {"GET", "200 OK\r\n\r\n" + body, ""},
		"a status that is no number":  {"GET", "HTTP/1.1 2x0 OK\r\n\r\n" + body, ""},
		"a status out of range":       {"GET", "HTTP/1.1 1000 Odd\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n" + body, ""},
		"a switch nobody asked for":   {"GET", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n" + forgedAnswer, ""},
		"an older version's open end": {"GET", "HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n" + body, "200"},
	} {
		t.Run(name, func(t *testing.T) {
			upstream, _ := rawTool(t, func(w net.Conn, r *http.Request) {
				if r.URL.Path == "/files/next" {
					io.WriteString(w, ok+"Content-Length: 16\r\n\r\n"+body)
					return
				}
				io.WriteString(w, c.answer)
				if !strings.Contains(c.answer, forgedAnswer) {
					w.Close()
				}
			})
			h := newHouse(t, http.NotFoundHandler(), func(cfg *Config) { cfg.Tools[0].Upstream = upstream })
			ask := func(method, path, more string) string {
				return method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\n" + sess + more + "\r\n"
			}
			said := speak(t, h.open(ListenConfig{}), ask(c.method, "/files/a", "")+ask("GET", "/files/next", "Connection: close\r\n"))
			one, rest, _ := strings.Cut(said[min(len(said), 9):], "HTTP/1.1 ")
			if c.status != "" && !strings.HasPrefix(one, c.status) || c.status == "" && !strings.HasPrefix(one, "502") {
				t.Errorf("answered %.300q, want %s", one, c.status)
			}
			if strings.Contains(said, "Forged") || strings.Contains(said, "a=b") {
				t.Errorf("what followed was shown: %q", said)
			}
			if strings.Contains(one, "Alice") && c.status != "200" {
				t.Errorf("shown: %q", one)
			}
			if c.status != "" && !strings.HasPrefix(rest, "200") {
				t.Errorf("the next request: %.300q", rest)
			}
		})
	}
}

// TestInterim: what a tool says ahead of its answer or behind it is not shown,
// by either way to a tool and over either protocol (RFC 8297; RFC 9110 §6.5).
func TestInterim(t *testing.T) {
	const leak = "4111111111111111"
	upstream, _ := rawTool(t, func(w net.Conn, r *http.Request) {
		io.WriteString(w, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </cards/"+leak+">; rel=preload\r\nSet-Cookie: early="+leak+"\r\nX-Early: "+leak+"\r\n\r\n"+
			"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTrailer: X-Late, Set-Cookie\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n{\"name\":\"Alice\"}\r\n0\r\nX-Late: "+leak+"\r\nSet-Cookie: late="+leak+"\r\nPrivet-Receipt: forged\r\nContent-Type: text/html\r\n\r\n")
	})
	h := newHouse(t, http.NotFoundHandler(), func(c *Config) {
		c.Tools[0].Upstream, c.Tools[0].Uploads, c.Tools[0].ResponseHeaders = upstream, []string{"text/plain"}, []string{"X-Early", "X-Late"}
	})
	addr := h.open(ListenConfig{})
	for name, ask := range map[string]string{
		"short": "GET /files/a HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "Connection: close\r\nTE: trailers\r\n\r\n",
		"file":  "POST /api/upload HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "Connection: close\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfile",
	} {
		said := speak(t, addr, ask)
		if !strings.HasPrefix(said, "HTTP/1.1 200 ") || !strings.Contains(said, "Alice") || strings.Contains(said, leak) || strings.Contains(said, "forged") || strings.Contains(said, "HTTP/1.1 1") {
			t.Errorf("%s: %q", name, said)
		}
	}
	r := h.request("GET", "/files/a", nil)
	r.URL.Host = addr
	r = r.WithContext(httptrace.WithClientTrace(r.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, head textproto.MIMEHeader) error {
		t.Errorf("h2: %d %v", code, head)
		return nil
	}}))
	res, err := h.client("h2").Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, _ := io.ReadAll(res.Body); res.ProtoMajor != 2 || !strings.Contains(string(body), "Alice") || len(res.Trailer) > 0 || strings.Contains(fmt.Sprint(res.Header), leak) {
		t.Errorf("%s %s %v %v", res.Proto, body, res.Header, res.Trailer)
	}
}

// TestRanges: a part is cut out of the answer that is shown, not of the one that
// a tool gave: the tool is never asked for one, and one that it gives is withheld.
func TestRanges(t *testing.T) {
	for name, c := range map[string]struct{ ask, answer, status string }{
		"asked":          {"Range: bytes=0-3\r\n", "", "200"},
		"asked again":    {"Range: bytes=10-20\r\nIf-Range: \"v1\"\r\n", "", "200"},
		"several":        {"Range: bytes=0-1,5-9\r\n", "", "200"},
		"past the end":   {"Range: bytes=9999-\r\n", "", "200"},
		"in spite":       {"", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/40\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n41111", "502"},
		"disguised":      {"", "HTTP/1.1 200 OK\r\nContent-Range: bytes 0-4/40\r\nContent-Type: application/json\r\nContent-Length: 5\r\n\r\n41111", "502"},
		"in parts":       {"", "HTTP/1.1 200 OK\r\nContent-Type: multipart/byteranges; boundary=x\r\nContent-Length: 5\r\n\r\n41111", "502"},
		"not satisfied":  {"", "HTTP/1.1 416 Range Not Satisfiable\r\nContent-Range: bytes */41111\r\nContent-Length: 0\r\n\r\n", "502"},
		"a part of HEAD": {"HEAD", "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/40\r\nContent-Length: 5\r\n\r\n", "502"},
	} {
		upstream, _ := rawTool(t, func(w net.Conn, r *http.Request) {
			if r.Header.Get("Range") != "" || r.Header.Get("If-Range") != "" {
				io.WriteString(w, "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/40\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n11")
				return
			}
			answer := c.answer
			if answer == "" {
				answer = fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nAccept-Ranges: bytes\r\nETag: \"v1\"\r\nContent-Length: %d\r\n\r\n%s", len(account), account)
			}
			io.WriteString(w, answer)
		})
		h := newHouse(t, http.NotFoundHandler(), func(cfg *Config) { cfg.Tools[0].Upstream = upstream })
		method, ask := "GET", c.ask
		if ask == "HEAD" {
			method, ask = "HEAD", ""
		}
		said := speak(t, h.open(ListenConfig{}), method+" /api/accounts/alice HTTP/1.1\r\nHost: "+host+"\r\n"+sess+ask+"Connection: close\r\n\r\n")
		if !strings.HasPrefix(said, "HTTP/1.1 "+c.status) || strings.Contains(said, "41111") || strings.Contains(said, "Accept-Ranges") || strings.Contains(said, "Content-Range") ||
			(c.status == "200") != strings.Contains(said, `"name":"Alice"`) {
			t.Errorf("%s: %q", name, said)
		}
	}
}
