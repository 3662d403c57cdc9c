package storetest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
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
			go r.pass(client, upstream, true)
			go r.pass(upstream, client, false)
		}
	}()
	return r
}

func (r *Relay) pass(from, to net.Conn, requests bool) {
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
		if cut == "before" {
			return
		}
		if n > 0 {
			if _, err := to.Write(buf[:n]); err != nil {
				return
			}
		}
		if cut == "after" {
			from.Close() // the answer finds nobody
			to.Read(buf) // the server has committed when it answers
			return
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
