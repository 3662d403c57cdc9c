package gateway

import (
	"bytes"
	"errors"
	"io"
	"math"
	"net"
	"strconv"
	"sync/atomic"
)

// strictConn reads HTTP/1 heads before net/http does, and hangs up on those
// that two servers could read differently: bare CR or LF, folded lines, space
// before a colon, several lengths, a length beside a coding, several hosts.
// net/http accepts some of them and writes them anew, which is harmless until
// a proxy in front of it has read them otherwise (RFC 9112 §2.2, §5.1, §6.3).
//
// It counts bodies by Content-Length. After a chunked one the connection
// closes, see [receive], so it need not read chunks.
type strictConn struct {
	net.Conn
	wire    *placed // below TLS
	head    []byte  // of the head at hand, so far
	body    int64   // bytes of the body still to come
	chunked bool    // what follows is not ours to judge
	heads   int
	bad     bool
	blame   func(n int)  // counts a malformed head against its sender
	writers atomic.Int32 // under way, and parted
}

const (
	longestHead = 64 << 10
	hugeFault   = 5 // what a longer head counts for, beside a malformed one
)

var errHead = errors.New("malformed head")

func (c *strictConn) Read(p []byte) (int, error) {
	if c.bad {
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p)
	if n > 0 && !c.follow(p[:n]) {
		c.bad = true
		status, fault := "400 Bad Request", 1
		if len(c.head) > longestHead {
			status, fault = "431 Request Header Fields Too Large", hugeFault
		}
		c.head = nil
		if c.blame != nil {
			defer c.blame(fault)
		}
		if c.heads == 0 { // nobody else is writing yet
			_, _ = io.WriteString(c.Conn, "HTTP/1.1 "+status+"\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
		}
		return 0, io.EOF
	}
	return n, err
}

// parted is the bit that says that nothing more is said to the peer.
const parted = math.MinInt32

// Write sends nothing once the peer has been parted from: what was not under
// way by then is not shown any more.
func (c *strictConn) Write(p []byte) (int, error) {
	defer c.writers.Add(-1)
	if c.writers.Add(1) < 0 {
		return len(p), nil
	}
	return c.Conn.Write(p)
}

// part sends last, if it is not nil, and then nothing ever. It does not wait: a
// peer that cannot be told at once, because it takes its bytes too slowly, is
// hung up on, and what is on its way to it is lost.
func (c *strictConn) part(last []byte) {
	before := c.writers.Or(parted)
	if before < 0 {
		return
	}
	var err error
	switch {
	case before > 0:
		err = errBusy
	case last == nil:
		err = c.wire.CloseWrite()
	default:
		c.wire.parting.Store(true)
		_, err = c.Conn.Write(last)
	}
	if err != nil {
		c.wire.hangUp()
	}
}

// follow reads what came; false if a head is malformed.
func (c *strictConn) follow(p []byte) bool {
	for len(p) > 0 && !c.chunked {
		if c.body > 0 {
			skip := min(c.body, int64(len(p)))
			c.body -= skip
			p = p[skip:]
			continue
		}
		before := len(c.head)
		c.head = append(c.head, p...)
		end := bytes.Index(c.head[max(0, before-3):], []byte("\r\n\r\n"))
		if end < 0 {
			return len(c.head) <= longestHead && wellEnded(c.head, before-1)
		}
		end += max(0, before-3) + 4
		length, chunked, err := readHead(c.head[:end])
		if err != nil {
			return false
		}
		p = p[end-before:]
		c.head, c.body, c.chunked = c.head[:0], length, chunked
		c.heads++
	}
	return true
}

// wellEnded says whether every line so far ends with CR LF and nothing else
// holds a CR or LF. What stands before from was asked about before.
func wellEnded(b []byte, from int) bool {
	for i := max(0, from); i < len(b); i++ {
		switch b[i] {
		case '\n':
			if i == 0 || b[i-1] != '\r' {
				return false
			}
		case '\r':
			if i+1 < len(b) && b[i+1] != '\n' {
				return false
			}
		case 0:
			return false
		}
	}
	return true
}

// readHead checks one whole head, and says how its body is framed.
func readHead(head []byte) (length int64, chunked bool, err error) {
	if !wellEnded(head, 0) {
		return 0, false, errHead
	}
	line, rest, _ := bytes.Cut(head, []byte("\r\n"))
	old, ok := requestLine(line)
	if !ok {
		return 0, false, errHead
	}
	seen := map[string]int{}
	length = -1
	for {
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if len(line) == 0 {
			break
		}
		name, value, ok := field(line)
		if !ok {
			return 0, false, errHead
		}
		switch name {
		case "host", "content-type", "origin", "upgrade", "expect", "transfer-encoding", "content-length":
			seen[name]++
			if seen[name] > 1 {
				return 0, false, errHead
			}
		}
		switch name {
		case "host":
			if !plainHost(value) {
				return 0, false, errHead
			}
		case "content-length":
			if length, err = strconv.ParseInt(string(value), 10, 64); err != nil || !digits(value) {
				return 0, false, errHead
			}
		case "transfer-encoding":
			if !bytes.EqualFold(value, []byte("chunked")) || old {
				return 0, false, errHead
			}
			chunked = true
		}
	}
	if seen["host"] != 1 || chunked && length >= 0 {
		return 0, false, errHead
	}
	return max(length, 0), chunked, nil
}

// requestLine is method SP target SP version, and no other space.
func requestLine(line []byte) (old, ok bool) {
	method, rest, _ := bytes.Cut(line, []byte(" "))
	target, version, _ := bytes.Cut(rest, []byte(" "))
	if len(method) == 0 || len(target) == 0 {
		return false, false
	}
	for _, c := range method {
		if !tokenByte(c) {
			return false, false
		}
	}
	for _, c := range target {
		if c <= ' ' || c >= 0x7f || c == '#' || c == '\\' {
			return false, false
		}
	}
	if !plainTarget(method, target) {
		return false, false
	}
	switch string(version) {
	case "HTTP/1.1":
		return false, true
	case "HTTP/1.0":
		return true, true
	}
	return false, false
}

// plainTarget says whether a target has one of the four forms of RFC 9112 §3.2:
// a path, a URL of the web with a host and without a user, a host to connect to,
// or the asterisk.
func plainTarget(method, target []byte) bool {
	if target[0] == '/' || string(method) == "CONNECT" || string(target) == "*" {
		return true
	}
	scheme, rest, _ := bytes.Cut(target, []byte("://"))
	if !bytes.EqualFold(scheme, []byte("http")) && !bytes.EqualFold(scheme, []byte("https")) {
		return false
	}
	host, _, _ := bytes.Cut(rest, []byte("/"))
	return plainHost(host)
}

// field is one line of a head: its name in lower case, and its value.
func field(line []byte) (name string, value []byte, ok bool) {
	key, value, found := bytes.Cut(line, []byte(":"))
	if !found || len(key) == 0 {
		return "", nil, false
	}
	for _, c := range key {
		if !tokenByte(c) {
			return "", nil, false
		}
	}
	for _, c := range value {
		if c < ' ' && c != '\t' || c == 0x7f {
			return "", nil, false
		}
	}
	return string(bytes.ToLower(key)), bytes.Trim(value, " \t"), true
}

func plainHost(value []byte) bool {
	for _, c := range value {
		if c <= ' ' || c >= 0x7f || bytes.IndexByte([]byte(`/\@?#,;"'<>`), c) >= 0 {
			return false
		}
	}
	return len(value) > 0
}

func digits(value []byte) bool {
	for _, c := range value {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(value) > 0 && len(value) < 19
}

// tokenByte is tchar of RFC 9110 §5.6.2.
func tokenByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || bytes.IndexByte([]byte("!#$%&'*+-.^_`|~"), c) >= 0
}
