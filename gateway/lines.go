package gateway

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"sync"
	"time"
)

// lines are the connections to a tool that speaks HTTP/1.1 without TLS.
//
// # Why
//
// http.Transport hands every request to one goroutine that writes and every
// answer to another that reads; on a gateway's short answers these changes of
// hands are a third of the time. Here the goroutine of the request writes and
// reads itself. Only what then needs no second pair of hands goes this way:
// requests without a body or with a small one in memory. net/http writes and
// reads the messages as ever.
type lines struct {
	dial    func(ctx context.Context) (net.Conn, error)
	most    int             // idle ones kept
	general *http.Transport // for all else

	mu     sync.Mutex
	idle   []*line // used last at the end
	sweep  *time.Timer
	closed bool
}

const (
	idleFor     = 90 * time.Second
	smallBody   = 16 << 10 // fits the socket's buffer: writing it never waits for the tool
	longestTold = 64 << 10 // head of an answer
	mostInterim = 5        // 1xx answers before the final one
)

// line is one connection.
type line struct {
	net.Conn
	r     *bufio.Reader
	w     *bufio.Writer
	left  int64 // of the head's limit
	heard bool  // a byte of the answer at hand came
	used  bool  // for a request before
	since time.Time
}

// Read counts against the limit of the head.
func (c *line) Read(p []byte) (int, error) {
	if c.left <= 0 {
		return 0, errLongHead
	}
	n, err := c.Conn.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	c.heard = c.heard || n > 0
	return n, err
}

var errLongHead = errors.New("the head of the tool's answer is too long")

// RoundTrip is [http.RoundTripper]. A kept connection that the tool closes at
// the moment of asking is replaced once for methods that may be repeated.
func (l *lines) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Body != nil && (r.GetBody == nil || r.ContentLength > smallBody) {
		return l.general.RoundTrip(r)
	}
	for {
		c, err := l.take(r.Context())
		if err != nil {
			return nil, err
		}
		res, err := l.ask(c, r)
		if err == nil {
			return res, nil
		}
		c.Close()
		if !c.used || c.heard || !repeatable(r) || r.Context().Err() != nil {
			return nil, err
		}
	}
}

// repeatable says whether a request without a body may be sent twice (RFC 9110 §9.2.1).
func repeatable(r *http.Request) bool {
	return r.Body == nil && (r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodOptions)
}

// ask writes the request and reads the head of the answer; the connection goes
// back when the body has been read.
func (l *lines) ask(c *line, r *http.Request) (*http.Response, error) {
	given := context.AfterFunc(r.Context(), func() { _ = c.SetDeadline(time.Unix(1, 0)) })
	res, err := c.exchange(r)
	if err != nil {
		given()
		return nil, err
	}
	c.left = math.MaxInt64
	body := &lineBody{ReadCloser: res.Body, line: c, lines: l, given: given, last: res.Close}
	if res.Body == http.NoBody {
		body.done(true)
	} else {
		res.Body = body
	}
	return res, nil
}

func (c *line) exchange(r *http.Request) (*http.Response, error) {
	c.left, c.heard = longestTold, false
	if err := r.Write(c.w); err != nil {
		return nil, err
	}
	if err := c.w.Flush(); err != nil {
		return nil, err
	}
	for range mostInterim {
		res, err := http.ReadResponse(c.r, r)
		if err != nil {
			return nil, err
		}
		if res.StatusCode == http.StatusSwitchingProtocols {
			return nil, errTunnel
		}
		if res.StatusCode >= 200 {
			return res, nil
		}
	}
	return nil, errInterim
}

var errInterim = errors.New("the tool sent interim answers only")

// lineBody is an answer's body; its end gives the connection back.
type lineBody struct {
	io.ReadCloser
	line  *line
	lines *lines
	given func() bool
	last  bool // the tool closes
	over  bool
}

func (b *lineBody) Read(p []byte) (int, error) {
	if b.over {
		return 0, io.EOF
	}
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.done(err == io.EOF)
	}
	return n, err
}

// Close hangs up if there is more to come: nobody waits for it.
func (b *lineBody) Close() error {
	b.done(false)
	return nil
}

func (b *lineBody) done(whole bool) {
	if b.over {
		return
	}
	b.over = true
	if b.given() && whole && !b.last && b.line.r.Buffered() == 0 {
		b.lines.put(b.line)
		return
	}
	b.line.Close()
}

// take is a kept connection on which nothing has happened, or a new one.
func (l *lines) take(ctx context.Context) (*line, error) {
	for {
		l.mu.Lock()
		n := len(l.idle)
		if n == 0 {
			l.mu.Unlock()
			break
		}
		c := l.idle[n-1]
		l.idle = l.idle[:n-1]
		l.mu.Unlock()
		if silent(c.Conn) {
			return c, nil
		}
		c.Close()
	}
	conn, err := l.dial(ctx)
	if err != nil {
		return nil, err
	}
	c := &line{Conn: conn, w: bufio.NewWriterSize(conn, 4<<10)}
	c.r = bufio.NewReaderSize(c, 4<<10)
	return c, nil
}

func (l *lines) put(c *line) {
	c.used, c.since = true, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed || len(l.idle) >= l.most {
		c.Close()
		return
	}
	l.idle = append(l.idle, c)
	if l.sweep == nil {
		l.sweep = time.AfterFunc(idleFor, l.tidy)
	}
}

// tidy closes what nobody has used for long.
func (l *lines) tidy() {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := 0
	for old < len(l.idle) && time.Since(l.idle[old].since) >= idleFor {
		l.idle[old].Close()
		old++
	}
	l.idle = append(l.idle[:0], l.idle[old:]...)
	l.sweep = nil
	if len(l.idle) > 0 && !l.closed {
		l.sweep = time.AfterFunc(idleFor, l.tidy)
	}
}

// hangUp closes the idle connections; final, also those that come back.
func (l *lines) hangUp(final bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, c := range l.idle {
		c.Close()
	}
	l.idle, l.closed = nil, l.closed || final
	if l.sweep != nil {
		l.sweep.Stop()
		l.sweep = nil
	}
}
