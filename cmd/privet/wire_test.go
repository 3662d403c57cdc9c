package main

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire is a TCP connection to a real server that can hang: a fake only where a
// fault must be injected.
type wire struct {
	url  string
	mu   sync.Mutex
	cond *sync.Cond
	hung bool
}

func newWire(t *testing.T, target string) *wire {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	server := u.Host
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u.Host = listener.Addr().String()
	w := &wire{url: u.String()}
	w.cond = sync.NewCond(&w.mu)
	t.Cleanup(func() { w.thaw(); _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				far, err := net.Dial("tcp", server)
				if err != nil {
					_ = near.Close()
					return
				}
				go w.pump(far, near)
				w.pump(near, far)
			}()
		}
	}()
	return w
}

// pump copies while the wire does not hang.
func (w *wire) pump(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		w.mu.Lock()
		for w.hung {
			w.cond.Wait()
		}
		w.mu.Unlock()
		if n > 0 {
			if _, werr := to.Write(buffer[:n]); werr != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

func (w *wire) freeze() { w.mu.Lock(); w.hung = true; w.mu.Unlock() }
func (w *wire) thaw()   { w.mu.Lock(); w.hung = false; w.cond.Broadcast(); w.mu.Unlock() }
