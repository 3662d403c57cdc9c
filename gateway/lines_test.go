package gateway

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// TestLines: what a tool says out of turn, too long or after its end is never
// taken for an answer, least of all for the next request's.
func TestLines(t *testing.T) {
	for _, c := range []struct {
		name  string
		says  string // to every request
		body  string // what is read of the first answer; "-": an error
		conns int64  // connections for two requests
	}{
		{"length", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", 1},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab", 1},
		{"chunked, trailer", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX: y\r\n\r\n", "ab", 1},
		{"no content", "HTTP/1.1 204 No Content\r\n\r\n", "", 1},
		{"interim", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", 1},
		{"interim only", strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 9), "-", 2},
		{"switched", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nab", "-", 2},
		{"close", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab", "ab", 2},
		{"old", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nab", "ab", 2},
		{"one answer too many", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nxx", "ab", 2},
		{"a body where none is", "HTTP/1.1 204 No Content\r\n\r\nab", "", 2},
		{"length and coding", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", "ab", 1},
		{"two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "-", 2},
		{"long head", "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", longestTold) + "\r\nContent-Length: 2\r\n\r\nab", "-", 2},
		{"not HTTP", "hello\r\n\r\n", "-", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			var conns atomic.Int64
			l := &lines{most: 4, dial: func(context.Context) (net.Conn, error) {
				near, far := tcpPair(t)
				conns.Add(1)
				go func() {
					for r := bufio.NewReader(far); ; {
						if _, err := http.ReadRequest(r); err != nil {
							return
						}
						io.WriteString(far, c.says)
					}
				}()
				return near, nil
			}}
			defer l.hangUp(true)
			for range 2 {
				r, _ := http.NewRequestWithContext(t.Context(), "GET", "http://tool/", nil)
				res, err := l.RoundTrip(r)
				body := "-"
				if err == nil {
					read, bad := io.ReadAll(res.Body)
					if body = string(read); bad != nil {
						body = fmt.Sprint("-", bad)
					}
					res.Body.Close()
				}
				if body != c.body {
					t.Errorf("read %q %v, want %q", body, err, c.body)
				}
			}
			if conns.Load() != c.conns {
				t.Errorf("%d connections, want %d", conns.Load(), c.conns)
			}
		})
	}
}

// TestLinesLeft: a request that is given up hangs up, and what was not read to
// its end is not asked on again.
func TestLinesLeft(t *testing.T) {
	closed := make(chan struct{})
	l := &lines{most: 4, dial: func(context.Context) (net.Conn, error) {
		near, far := tcpPair(t)
		go func() {
			r := bufio.NewReader(far)
			http.ReadRequest(r)
			io.WriteString(far, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab")
			r.ReadByte() // until the other side hangs up
			close(closed)
		}()
		return near, nil
	}}
	ctx, stop := context.WithCancel(t.Context())
	r, _ := http.NewRequestWithContext(ctx, "GET", "http://tool/", nil)
	res, err := l.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	stop()
	if _, err := io.ReadAll(res.Body); err == nil {
		t.Error("the body ended well")
	}
	<-closed
	if len(l.idle) != 0 {
		t.Error("the connection was kept")
	}
}

// tcpPair is both ends of a connection.
func tcpPair(t *testing.T) (near, far net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if near, err = net.Dial("tcp", listener.Addr().String()); err == nil {
		far, err = listener.Accept()
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { near.Close(); far.Close() })
	return near, far
}
