package gateway

import (
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// TestEndWhileAsked: the end of a session ends its requests that a tool has not
// answered yet, towards the tool and towards the agent.
func TestEndWhileAsked(t *testing.T) {
	for _, proto := range []string{"h1", "h2"} {
		t.Run(proto, func(t *testing.T) {
			asked, left := make(chan struct{}), make(chan struct{})
			h := newHouse(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				close(asked)
				<-r.Context().Done()
				close(left)
			}))
			go func() {
				<-asked
				close(h.door.ended)
			}()
			res, err := h.client(proto).Do(h.request("GET", "/api/accounts/alice", nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if said, _ := io.ReadAll(res.Body); res.StatusCode != 403 || !strings.Contains(string(said), "access_ended") {
				t.Errorf("%d %s", res.StatusCode, said)
			}
			<-left
			h.gate.Close()
			if o := h.trail.all("view.outcome"); len(o) != 1 || o[0].Reason != "access_ended" || o[0].Outcome != "failed" {
				t.Errorf("outcome %+v", o)
			}
		})
	}
}

// TestEndBeforeAnswer: an answer that comes at the moment of the end is not shown.
func TestEndBeforeAnswer(t *testing.T) {
	var h *house
	for name, answer := range map[string]http.HandlerFunc{
		"/api/accounts/alice": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			close(h.door.ended)
			io.WriteString(w, account)
		},
		"/api/events": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			close(h.door.ended)
			io.WriteString(w, "data: {\"name\":\"Alice\"}\n\n")
		},
	} {
		t.Run(name, func(t *testing.T) {
			h = newHouse(t, answer)
			res, err := h.client("h1").Do(h.request("GET", name, nil))
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if said, _ := io.ReadAll(res.Body); res.StatusCode != 403 || strings.Contains(string(said), "Alice") {
				t.Errorf("%d %s", res.StatusCode, said)
			}
		})
	}
}

// linked is an agent's connection and its other end, both shaken hands.
func linked(t *testing.T) (own *strictConn, peer *tls.Conn) {
	t.Helper()
	l, err := Listen(t.Context(), ListenConfig{Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{newAuthority(t).issue(t.TempDir(), host).load(t)}}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	there := make(chan *tls.Conn, 1)
	go func() {
		raw, err := net.Dial("tcp", l.Addr().String())
		if err == nil {
			conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true})
			err = conn.Handshake()
			there <- conn
		}
		if err != nil {
			l.Close()
		}
	}()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer = <-there
	t.Cleanup(func() { conn.Close(); peer.Close() })
	return conn.(*strictConn), peer
}

// TestPart: a parted peer gets the last word, and nothing of what is written after it.
func TestPart(t *testing.T) {
	own, peer := linked(t)
	if _, err := io.WriteString(own, "before "); err != nil {
		t.Fatal(err)
	}
	own.part([]byte("goodbye"))
	own.part([]byte("twice"))
	if n, err := io.WriteString(own, "after"); n != 5 || err != nil {
		t.Errorf("the writer hears %d, %v", n, err)
	}
	own.Close()
	if heard, err := io.ReadAll(peer); string(heard) != "before goodbye" || err != nil {
		t.Errorf("heard %q, %v", heard, err)
	}
}

// TestPartStalled: a peer that takes nothing is hung up on at once; if parting
// waited for it, it would wait for ever here.
func TestPartStalled(t *testing.T) {
	for name, last := range map[string][]byte{"stream": nil, "chat": accessEnded} {
		t.Run(name, func(t *testing.T) {
			own, peer := linked(t)
			ended := make(chan error)
			go func() {
				part := bytes.Repeat([]byte("x"), 1<<16)
				for {
					if _, err := own.Conn.Write(part); err != nil { // below the gate: its writer is stuck in it
						ended <- err
						return
					}
				}
			}()
			own.writers.Add(1)
			own.part(last)
			if err := <-ended; err == nil {
				t.Error("the writer goes on")
			}
			if _, err := io.ReadAll(peer); err == nil || errors.Is(err, io.EOF) {
				t.Errorf("the peer reads to an end: %v", err)
			}
		})
	}
}

// TestEndedAlready: a stream that is opened by a session that has just ended
// does not outlive its first moment.
func TestEndedAlready(t *testing.T) {
	h := newHouse(t, ticks{"text/event-stream", make(chan string)})
	close(h.door.ended)
	res, _ := h.do(h.request("GET", "/api/events", nil))
	if res.StatusCode != 403 {
		t.Errorf("%d", res.StatusCode)
	}
}

// TestHushed: an answer that shares its connection, as HTTP/2's do, is not heard any
// more from the moment its session ends, before its handler knows.
func TestHushed(t *testing.T) {
	v := &visit{}
	w := httptest.NewRecorder()
	o := &opening{x: &exchange{visit: v, begun: true}}
	v.w = w
	if _, err := o.Write([]byte("before")); err != nil {
		t.Fatal(err)
	}
	(&ward{v: v}).fallSilent()
	if _, err := o.Write([]byte("after")); !errors.Is(err, errRevoked) || w.Body.String() != "before" {
		t.Errorf("%v, heard %q", err, w.Body)
	}
}
