package storetest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/privet-gateway/privet/audit/store"
)

// Relay stands between a store and PostgreSQL, and fails as networks do.
type Relay struct {
	URL string // of an empty database, through the relay

	mu   sync.Mutex
	flow chan struct{} // closed while bytes pass
	cut  string        // "", or when COMMIT cuts the connection: "before" or "after" the server gets it
}

// NewRelay makes an empty PostgreSQL database behind a relay.
func NewRelay(t testing.TB) *Relay {
	t.Helper()
	target, err := url.Parse(URL(t, store.PostgreSQL))
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	r := &Relay{flow: make(chan struct{})}
	close(r.flow)
	server := target.Host
	target.Host = l.Addr().String()
	r.URL = target.String()
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			upstream, err := net.Dial("tcp", server)
			if err != nil {
				client.Close()
				continue
			}
			cut := new(atomic.Bool)
			go r.pass(client, upstream, true, cut)
			go r.pass(upstream, client, false, cut)
		}
	}()
	return r
}

// pass moves bytes one way. The connection is cut when the server's next answer
// comes, once it is marked.
func (r *Relay) pass(from, to net.Conn, requests bool, marked *atomic.Bool) {
	defer from.Close()
	defer to.Close()
	buf := make([]byte, 1<<16)
	for {
		n, err := from.Read(buf)
		r.mu.Lock()
		flow, cut := r.flow, ""
		if requests && bytes.Contains(buf[:n], []byte("Q\x00\x00\x00\x0bcommit\x00")) {
			cut, r.cut = r.cut, ""
		}
		r.mu.Unlock()
		<-flow
		if cut == "before" || !requests && marked.Load() {
			return
		}
		if cut == "after" {
			marked.Store(true) // the server has committed when it answers
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// Hang holds all bytes back until Resume.
func (r *Relay) Hang() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.flow = make(chan struct{})
}

// Resume ends Hang.
func (r *Relay) Resume() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.flow)
}

// CutCommit cuts the connection of the next COMMIT: "before" the server gets
// it, or "after", when it has committed but the answer does not arrive.
func (r *Relay) CutCommit(when string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cut = when
}
