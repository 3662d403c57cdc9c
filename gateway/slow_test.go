package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/privet-gateway/privet/audit"
)

// hurried is a port at which every deadline comes many times sooner.
type hurried struct {
	net.Listener
	times time.Duration
}

func (h *hurried) Accept() (net.Conn, error) {
	conn, err := h.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &hurriedConn{Conn: conn, by: h}, nil
}

type hurriedConn struct {
	net.Conn
	by *hurried
}

// sooner leaves short deadlines, those of heads and handshakes, as they are.
func (c *hurriedConn) sooner(due time.Time) time.Time {
	wait := time.Until(due)
	if due.IsZero() || wait < 10*time.Second {
		return due
	}
	return time.Now().Add(wait / c.by.times)
}

func (c *hurriedConn) SetReadDeadline(due time.Time) error {
	return c.Conn.SetReadDeadline(c.sooner(due))
}

func (c *hurriedConn) SetWriteDeadline(due time.Time) error {
	return c.Conn.SetWriteDeadline(c.sooner(due))
}

// hurry is a front door whose clock of slowness runs fast.
func (h *house) hurry() string {
	h.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	return h.open(ListenConfig{Open: &hurried{Listener: l, times: 60}})
}

// TestSlowReader: who takes a long answer too slowly is hung up on, and until
// then the tool waits: nothing piles up. The outcome says that it was torn.
func TestSlowReader(t *testing.T) {
	protos := []string{"http/1.1"}
	if *full { // streams of HTTP/2 have a clock of their own, which takes half a minute
		protos = append(protos, "h2")
	}
	for _, proto := range protos {
		t.Run(proto, func(t *testing.T) {
			var gave atomic.Int64
			block := bytes.Repeat([]byte(`{"name":"Alice Example","pan":"4111111111111111"},`), 1000)
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				_, err := io.WriteString(w, `{"items":[`)
				for n := 0; err == nil; gave.Add(int64(n)) {
					n, err = w.Write(block)
				}
			}))
			torn := make(chan audit.Event, 1)
			h.trail.durable = func(e audit.Event) {
				if e.Kind == "view.outcome" {
					torn <- e
				}
			}
			before := heap()
			conn := dialRaw(t, h.hurry(), proto)
			conn.SetDeadline(time.Time{})
			if proto == "h2" {
				f := framesOn(t, conn)
				f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, EndStream: true, EndHeaders: true,
					BlockFragment: f.block(":method", "GET", ":scheme", "https", ":authority", host, ":path", "/api/list", "privet-session", token)})
			} else {
				fmt.Fprintf(conn, "GET /api/list HTTP/1.1\r\nHost: %s\r\n%s\r\n", host, sess)
			}
			e := <-torn // nothing is read until here
			grown := int64(heap()) - int64(before)
			t.Logf("the tool gave %.1f MB, the heap grew by %.1f MB", float64(gave.Load())/1e6, float64(grown)/1e6)
			if grown > 16<<20 || gave.Load() > 64<<20 {
				t.Errorf("the tool gave %d bytes to nobody, the heap grew by %d", gave.Load(), grown)
			}
			if e.Reason != "agent_left" && e.Reason != "answer_torn" {
				t.Errorf("outcome %+v", e)
			}
			if rest, err := io.ReadAll(conn); proto != "h2" && (err == nil || bytes.HasSuffix(rest, []byte("0\r\n\r\n"))) {
				t.Error("a torn answer looks complete")
			}
		})
	}
}

// TestSlowSender: who sends a body too slowly holds no place for long, and the
// tool is not asked, or sees that the file is not whole.
func TestSlowSender(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Uploads = []string{"text/plain"} })
	addr := h.hurry()
	for name, ask := range map[string]string{
		"JSON":    "POST /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"chunked": "POST /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\n" + sess + "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
	} {
		said := speak(t, addr, ask)
		if !strings.HasPrefix(said, "HTTP/1.1 400 ") || !strings.Contains(said, "body_unreadable") || h.seen.count() != 0 {
			t.Errorf("%s: %q, reached the tool: %d", name, said, h.seen.count())
		}
	}
	for name, ask := range map[string]string{ // nobody but the server reads these
		"no session":          "POST /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
		"no session, chunked": "POST /api/accounts/alice HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
	} {
		if said := speak(t, addr, ask); !strings.HasPrefix(said, "HTTP/1.1 401 ") {
			t.Errorf("%s: %q", name, said)
		}
	}
	said := speak(t, addr, "POST /api/upload HTTP/1.1\r\nHost: "+host+"\r\n"+sess+"Content-Type: text/plain\r\nContent-Length: 100\r\n\r\nhalf")
	if strings.HasPrefix(said, "HTTP/1.1 200") {
		t.Errorf("a file: %q", said)
	}
}
