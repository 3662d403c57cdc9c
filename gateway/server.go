package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pires/go-proxyproto"
)

// ListenConfig says where agents connect.
type ListenConfig struct {
	Address       string       // "127.0.0.1:8443"
	Open          net.Listener // a TCP socket that is open already, in place of Address
	TLS           *tls.Config
	Connections   int                   // open at the same time; default 20000
	Blames        int                   // malformed heads and requests reset at once, a second, of one network; a head over 64 KiB counts for five. Beyond ten times that much its connections are closed before TLS until half is forgiven; default 10
	Spares        func(netip.Addr) bool // who is never blamed: a proxy whose connections carry many people's requests
	ProxyProtocol []netip.Prefix        // peers that begin with a PROXY header; from all others one is refused
}

// Listen opens the port. Handshakes are made here, each in its own time, so
// that a slow one holds nobody up; HTTP/1 heads are read strictly.
func Listen(ctx context.Context, cfg ListenConfig) (net.Listener, error) {
	if cfg.TLS == nil {
		return nil, errors.New("listen: TLS is required")
	}
	inner := cfg.Open
	if inner == nil {
		var err error
		if inner, err = (&net.ListenConfig{KeepAlive: 30 * time.Second}).Listen(ctx, "tcp", cfg.Address); err != nil {
			return nil, fmt.Errorf("listen: %w", err)
		}
	}
	if len(cfg.ProxyProtocol) > 0 {
		inner = &proxyproto.Listener{Listener: inner, ReadHeaderTimeout: handshakePatience,
			ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
				if peer, err := netip.ParseAddrPort(o.Upstream.String()); err == nil &&
					slices.ContainsFunc(cfg.ProxyProtocol, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) }) {
					return proxyproto.REQUIRE, nil
				}
				return proxyproto.SKIP, nil // a header would be read as a handshake, and fail
			}}
	}
	l := &listener{Listener: inner, tls: hardened(cfg.TLS), ready: make(chan net.Conn), done: make(chan struct{}),
		places: make(chan struct{}, orDefault(cfg.Connections, 20000)), blamed: strangers{rate: orDefault(cfg.Blames, 10)}, spares: cfg.Spares}
	go l.admit()
	return l, nil
}

const handshakePatience = 5 * time.Second

// listener hands out connections whose handshake is done.
type listener struct {
	net.Listener
	tls    *tls.Config
	ready  chan net.Conn
	places chan struct{}
	blamed strangers
	spares func(netip.Addr) bool
	once   sync.Once
	done   chan struct{}
	failed error // why Accept ends; written before done is closed
}

// admit goes on until the port is closed: what else an Accept can fail of, too
// many open files above all, passes.
func (l *listener) admit() {
	for wait := time.Duration(0); ; {
		conn, err := l.Listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			l.end(err)
			return
		}
		if err != nil {
			wait = min(max(2*wait, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(wait):
			case <-l.done:
				return
			}
			continue
		}
		wait = 0
		select {
		case l.places <- struct{}{}:
			go l.handshake(&placed{Conn: conn, free: sync.OnceFunc(func() { <-l.places }), to: l})
		default:
			conn.Close()
		}
	}
}

func (l *listener) handshake(conn *placed) {
	if conn.shutOut() {
		conn.hangUp()
		return
	}
	ctx, stop := context.WithTimeout(context.Background(), handshakePatience)
	defer stop()
	secure := tls.Server(conn, l.tls)
	if err := secure.HandshakeContext(ctx); err != nil {
		conn.Close()
		return
	}
	var ready net.Conn = secure
	if secure.ConnectionState().NegotiatedProtocol != "h2" {
		ready = &strictConn{Conn: secure, wire: conn, blame: conn.blame}
	}
	select {
	case l.ready <- ready:
	case <-l.done:
		conn.Close()
	}
}

func (l *listener) end(err error) {
	l.once.Do(func() { l.failed = err; close(l.done) })
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case conn := <-l.ready:
		return conn, nil
	case <-l.done:
		return nil, l.failed
	}
}

func (l *listener) Close() error {
	l.end(net.ErrClosed)
	return l.Listener.Close()
}

func (l *listener) spared(peer netip.Addr) bool { return l.spares != nil && l.spares(peer) }

// placed gives its place back when it closes, and knows whom to blame.
type placed struct {
	net.Conn
	free    func()
	to      *listener
	parting atomic.Bool // what is written now must not wait
}

func (p *placed) peer() netip.Addr {
	peer, _ := netip.ParseAddrPort(p.RemoteAddr().String())
	return peer.Addr().Unmap()
}

// blame counts n faults that nobody commits in good faith against the address. It
// hangs up on who does it all the time.
func (p *placed) blame(n int) {
	if peer := p.peer(); !p.to.blamed.charge(peer.String(), n, time.Now()) && !p.to.spared(peer) {
		p.hangUp()
	}
}

// shutOut says whether nobody listens to the address any more.
func (p *placed) shutOut() bool {
	peer := p.peer()
	return p.to.blamed.shut(peer.String(), time.Now()) && !p.to.spared(peer)
}

func (p *placed) Close() error {
	defer p.free()
	return p.Conn.Close()
}

type tlsKey struct{}

type (
	wireKey struct{} // HTTP/1's *strictConn
	blame   struct{} // how a connection is blamed
)

// blameFor counts a request against the address that it came from.
func blameFor(r *http.Request) {
	if blame, ok := r.Context().Value(blame{}).(func(int)); ok {
		blame(1)
	}
}

// NewServer serves a handler on a listener of [Listen]. Its limits hold before
// any handler runs: 64 KiB of head in 5 s, 128 streams of HTTP/2, frames of 16 KiB.
//
// # Conformance
//
// Of h2spec's 145 cases 142 pass, or 141. The others are net/http's, and stricter or
// as strict as asked; but in the last no handler runs:
//
//   - 6.5.3/1, one SETTINGS frame with two values of the same setting: the
//     connection is closed. RFC 9113 §6.5.3 lets the last one win; no client
//     sends two, and floods of settings do (CVE-2019-9515).
//   - 8.1.2.2/1 and /2, Connection: or a TE: other than trailers: answered with
//     400 instead of a stream error, which RFC 9113 §8.1.1 allows.
//   - Now and then, cases with further frames on a stream (6.9.1/3, 8.1.2.6): where the
//     answer is whole before they come, the stream is closed and RFC 9113 §5.1 has
//     them ignored.
func NewServer(handler http.Handler, log *slog.Logger) *http.Server {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	return &http.Server{
		Handler:                      secured(handler),
		DisableGeneralOptionsHandler: true, // OPTIONS * walks like all else
		Protocols:                    protocols,
		ReadHeaderTimeout:            5 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               longestHead,
		HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 128, MaxReadFrameSize: 16 << 10,
			SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second},
		ConnContext: introduce,
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
}

// introduce tells requests what is known of their connection.
func introduce(ctx context.Context, conn net.Conn) context.Context {
	strict, old := conn.(*strictConn)
	if old {
		conn = strict.Conn
	}
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return ctx
	}
	if p, ok := secure.NetConn().(*placed); ok {
		ctx = context.WithValue(ctx, blame{}, p.blame)
	}
	if !old {
		return ctx
	}
	ctx = context.WithValue(ctx, wireKey{}, strict)
	state := secure.ConnectionState()
	return context.WithValue(ctx, tlsKey{}, &state)
}

// secured puts back what net/http can say of a plain *tls.Conn only, tells
// browsers to come by TLS next time too (RFC 6797), has bodies keep moving, and
// refuses what the readers of heads let pass.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if state, ok := r.Context().Value(tlsKey{}).(*tls.ConnectionState); ok && r.TLS == nil {
			r.TLS = state
		}
		w.Header()["Strict-Transport-Security"] = []string{"max-age=31536000"}
		if r.ContentLength != 0 {
			r = receive(w, r)
		}
		if status := ambiguous(r); status != 0 {
			blameFor(r)
			w.WriteHeader(status)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ambiguous is the status of the refusal of a head that servers read in two ways,
// or 0: a host beside another authority, a whole URL for a path (RFC 9113 §8.3.1),
// a length that the body has not (§8.1.1), an expectation that nobody can meet
// (RFC 9110 §10.1.1).
func ambiguous(r *http.Request) int {
	if expected := r.Header["Expect"]; len(expected) > 0 && !strings.EqualFold(strings.Join(expected, ","), "100-continue") {
		return http.StatusExpectationFailed
	}
	if r.ProtoMajor < 2 {
		return 0
	}
	for _, named := range r.Header["Host"] {
		if !strings.EqualFold(named, r.Host) {
			return http.StatusBadRequest
		}
	}
	if length := r.Header["Content-Length"]; len(length) > 1 || len(length) == 1 && length[0] != strconv.FormatInt(r.ContentLength, 10) {
		return http.StatusBadRequest
	}
	if r.Method != http.MethodConnect && (r.URL.Host != "" || r.URL.Scheme != "" || !plainHost([]byte(r.Host))) {
		return http.StatusBadRequest
	}
	return 0
}
