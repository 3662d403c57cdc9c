package gateway

import (
	"errors"
	"net"
	"slices"
	"sync"
	"time"

	"github.com/pires/go-proxyproto"
)

// silencers are how many go round when a session ends: what each of them does is
// mostly the system's work.
const silencers = 2

// silence cuts what an agent hears, on every connection, before the first answer
// is taken down: waking thousands of them takes many times as long.
func (w *vigil) silence(open []*ward) {
	began := time.Now()
	var all sync.WaitGroup
	for part := range slices.Chunk(open, len(open)/silencers+1) {
		all.Go(func() {
			for _, one := range part {
				one.fallSilent()
			}
		})
	}
	all.Wait()
	w.g.cfg.Logger.Debug("answers of a session fell silent", "answers", len(open), "took", time.Since(began))
}

// accessEnded is a WebSocket's goodbye: close, policy violation (RFC 6455 §5.5.1, §7.4.1).
var accessEnded = []byte("\x88\x0e\x03\xf0access_ended")

func (one *ward) fallSilent() {
	one.mu.Lock()
	defer one.mu.Unlock()
	switch {
	case one.wire == nil:
		one.v.hushed.Store(true)
	case one.gone:
	case one.v.screen.Upgrade != "":
		one.wire.part(accessEnded)
	default:
		one.wire.part(nil)
	}
}

// wire is the connection that an answer has for itself: HTTP/1's.
func (v *visit) wire() *strictConn {
	wire, _ := v.r.Context().Value(wireKey{}).(*strictConn)
	return wire
}

// overdue watches over a request whose tool lets it wait. It can still be
// refused, so it is not cut, and answered, so a closing gateway waits for it.
func (v *visit) overdue(stop func(error)) (done func()) {
	var mu sync.Mutex
	var left func()
	answered := false
	late := time.AfterFunc(planAge, func() {
		mu.Lock()
		defer mu.Unlock()
		if !answered {
			left = v.g.vigil.over(v, nil, func(why error) {
				if why != errClosing {
					stop(why)
				}
			})
		}
	})
	return func() {
		late.Stop()
		mu.Lock()
		defer mu.Unlock()
		if answered = true; left != nil {
			left()
			left = nil
		}
	}
}

// ended says whether the session is over.
func (v *visit) ended() bool { return isClosed(v.g.cfg.Door.Ended(v.session.ID)) }

func (p *placed) Write(b []byte) (int, error) {
	if p.parting.Load() {
		return writeNow(p.wire(), b)
	}
	return p.Conn.Write(b)
}

// wire is the connection below a PROXY header.
func (p *placed) wire() net.Conn {
	if proxied, ok := p.Conn.(*proxyproto.Conn); ok {
		return proxied.Raw()
	}
	return p.Conn
}

// CloseWrite says to the peer that nothing more comes, and leaves the rest to Close.
func (p *placed) CloseWrite() error {
	if half, ok := p.wire().(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}

// hangUp closes without a word, and without what is still on its way.
func (p *placed) hangUp() {
	if tcp, ok := p.wire().(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = p.Close()
}
