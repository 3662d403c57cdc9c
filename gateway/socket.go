package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/gorilla/websocket"
)

// Thousands of sockets are open and idle: each keeps one small buffer for what
// it reads, and borrows a larger one while it writes. A longer message leaves
// in frames of that size (RFC 6455 §5.4).
const (
	socketReads  = 512
	socketWrites = 16 << 10
)

// longestMessage bounds one WebSocket message; a longer one ends the chat.
const longestMessage = 256 << 10

// isWebSocket says whether a request asks for the one protocol, besides HTTP,
// that is spoken here (RFC 6455 §4.1). Every other Upgrade is ignored, which
// is what RFC 9110 §7.8 allows and what keeps tunnels shut.
func isWebSocket(r *http.Request) bool {
	return r.Method == http.MethodGet && r.ProtoMajor == 1 &&
		strings.EqualFold(r.Header.Get("Upgrade"), "websocket") && r.Header.Get("Sec-Websocket-Key") != ""
}

// sameOrigin refuses WebSockets that a page of another origin opened with the
// agent's cookie. Programs send no Origin.
func sameOrigin(r *http.Request) error {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return nil
	}
	u, err := url.Parse(origin)
	if err != nil || !strings.EqualFold(u.Host, r.Host) {
		return errOrigin
	}
	return nil
}

// ends opens both sides of a tool's chats.
type ends struct {
	accept websocket.Upgrader
	dial   websocket.Dialer
}

func (t *tool) openSockets() {
	buffers := &sync.Pool{}
	secure := t.transport.TLSClientConfig.Clone()
	secure.NextProtos = []string{"http/1.1"}
	t.sockets = ends{
		accept: websocket.Upgrader{ReadBufferSize: socketReads, WriteBufferSize: socketWrites, WriteBufferPool: buffers,
			CheckOrigin: func(*http.Request) bool { return true }}, // sameOrigin has been asked
		dial: websocket.Dialer{ReadBufferSize: socketReads, WriteBufferSize: socketWrites, WriteBufferPool: buffers,
			TLSClientConfig: secure, NetDialContext: t.greet},
	}
}

// acceptSocket opens the agent's side. An error has been answered.
func (v *visit) acceptSocket(protocol string) (*websocket.Conn, error) {
	head := v.w.Header().Clone()
	if protocol != "" {
		head.Set("Sec-Websocket-Protocol", protocol)
	}
	conn, err := v.tool.sockets.accept.Upgrade(bare{v.w}, v.r, head)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBody, err)
	}
	conn.SetReadLimit(longestMessage)
	return conn, nil
}

// bare hands a connection over, and has nobody look for heads of HTTP in it any more.
type bare struct{ http.ResponseWriter }

func (b bare) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, rw, err := http.NewResponseController(b.ResponseWriter).Hijack()
	if strict, ok := conn.(*strictConn); ok {
		strict.head, strict.chunked = nil, true
	}
	return conn, rw, err
}

// dialSocket opens the tool's side first, so that its refusal is still an answer.
func (v *visit) dialSocket(ctx context.Context) (*websocket.Conn, error) {
	if err := sameOrigin(v.r); err != nil && v.origin() == "" {
		return nil, err
	}
	header := v.toTool(v.r.Header)
	if err := v.identify(header); err != nil {
		return nil, err
	}
	for _, ours := range [...]string{"Connection", "Upgrade", "Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions"} {
		delete(header, ours)
	}
	header["Host"] = []string{v.toolHost()}
	asked := tokens(v.r.Header["Sec-Websocket-Protocol"])
	if len(asked) > 0 {
		header["Sec-Websocket-Protocol"] = []string{strings.Join(asked, ", ")}
	}
	ctx, done := context.WithTimeout(ctx, v.tool.Timeout)
	defer done()
	to := *v.tool.Upstream
	to.Scheme = strings.Replace(to.Scheme, "http", "ws", 1)
	to.Path, to.RawQuery = v.tool.prefix+v.path, v.r.URL.RawQuery
	conn, res, err := v.tool.sockets.dial.DialContext(ctx, to.String(), header)
	if err != nil {
		if res != nil && res.StatusCode >= 400 {
			return nil, &toolSays{res.StatusCode}
		}
		return nil, toolError(ctx, err)
	}
	if err := agreed(res, asked); err != nil {
		conn.Close()
		return nil, fmt.Errorf("%w: %w", errToolDown, err)
	}
	lift(conn.NetConn())
	conn.SetReadLimit(longestMessage)
	return conn, nil
}

// agreed refuses what was not asked for (RFC 6455 §4.1): a compressed message
// could be a thousand times longer than what bounds it.
func agreed(res *http.Response, asked []string) error {
	if len(res.Header["Sec-Websocket-Extensions"]) > 0 {
		return errors.New("the tool wants an extension that was not asked for")
	}
	chosen := res.Header.Get("Sec-Websocket-Protocol")
	if chosen == "" {
		return nil
	}
	if slices.Contains(asked, chosen) {
		return nil
	}
	return fmt.Errorf("the tool wants the subprotocol %q, which was not asked for", chosen)
}

// greeting is a connection whose first words are bounded: the tool's part of
// the two handshakes.
type greeting struct {
	net.Conn
	left int  // bytes
	over bool // no bound any more
	quit func() bool
}

// longestGreeting is room for a head of 64 KiB and for certificates.
const longestGreeting = 128 << 10

// greet connects to the tool, as long as somebody waits for it.
func (t *tool) greet(ctx context.Context, network, address string) (net.Conn, error) {
	if t.Upstream.Port() == "" {
		address = net.JoinHostPort(t.Upstream.Hostname(), t.Upstream.Scheme)
	}
	conn, err := t.transport.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &greeting{Conn: conn, left: longestGreeting, quit: context.AfterFunc(ctx, func() { conn.Close() })}, nil
}

func (g *greeting) Read(p []byte) (int, error) {
	if g.over {
		return g.Conn.Read(p)
	}
	if g.left <= 0 {
		return 0, fmt.Errorf("the tool's greeting is too long: %w", io.ErrShortBuffer)
	}
	n, err := g.Conn.Read(p[:min(len(p), g.left)])
	g.left -= n
	return n, err
}

// lift ends the bound, and what the request's end would do to the connection.
func lift(conn net.Conn) {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	if g, ok := conn.(*greeting); ok {
		g.quit()
		g.over, g.quit = true, nil
	}
}
