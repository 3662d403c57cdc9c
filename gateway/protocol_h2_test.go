package gateway

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"strings"
	"testing"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// frames is an HTTP/2 connection that writes what a test wants.
type frames struct {
	t    *testing.T
	conn *tls.Conn
	*http2.Framer
	head bytes.Buffer
	enc  *hpack.Encoder
	next uint32 // stream
}

func dialFrames(t *testing.T, addr string) *frames {
	t.Helper()
	return framesOn(t, dialRaw(t, addr, "h2"))
}

func framesOn(t *testing.T, conn *tls.Conn) *frames {
	f := &frames{t: t, conn: conn, Framer: http2.NewFramer(conn, conn), next: 1}
	io.WriteString(conn, http2.ClientPreface)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	f.enc = hpack.NewEncoder(&f.head)
	f.WriteSettings()
	return f
}

// block is a header block; names and values are written as they are.
func (f *frames) block(fields ...string) []byte {
	f.head.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.enc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return bytes.Clone(f.head.Bytes())
}

// answer is what became of a stream: a status, "reset" or "gone".
func (f *frames) answer(stream uint32) (status, body string) {
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return "gone", body
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() {
				f.WriteSettingsAck()
			}
		case *http2.GoAwayFrame:
			if frame.ErrCode != http2.ErrCodeNo {
				return "gone", body
			}
		case *http2.RSTStreamFrame:
			if frame.StreamID == stream && status == "" {
				return "reset", body
			}
		case *http2.MetaHeadersFrame:
			if frame.StreamID != stream {
				continue
			}
			if s := frame.PseudoValue("status"); status == "" && s != "100" {
				status = s
			}
			if frame.StreamEnded() {
				return status, body
			}
		case *http2.DataFrame:
			if body += string(frame.Data()); frame.StreamEnded() {
				return status, body
			}
		}
	}
}

// ask sends one request without a body.
func (f *frames) ask(fields ...string) (status, body string) {
	id := f.next
	f.next += 2
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.block(fields...), EndStream: true, EndHeaders: true})
	return f.answer(id)
}

// TestH2Heads: what HTTP/2 can say and HTTP/1 cannot, or says otherwise, is
// refused before it is written down for a tool (RFC 9113 §8.2, §8.3).
func TestH2Heads(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	const path, session = "/files/a", "privet-session"
	with := func(more ...string) []string {
		return append([]string{":method", "GET", ":scheme", "https", ":authority", host, ":path", path, session, token}, more...)
	}
	for _, c := range []struct {
		name   string
		fields []string
		status string // "": anything but an answer of the tool
	}{
		{"good", with("accept", "*/*", "te", "trailers", "cookie", "a=b", "cookie", "c=d"), "200"},
		{"host for authority", []string{":method", "GET", ":scheme", "https", ":path", path, "host", host, session, token}, "200"},
		{"host as authority", with("host", host), "200"},
		{"another host", with("host", "evil.example"), "400"},
		{"two hosts", with("host", host, "host", "evil.example"), ""},
		{"no authority", []string{":method", "GET", ":scheme", "https", ":path", path, session, token}, "400"},
		{"another authority", []string{":method", "GET", ":scheme", "https", ":authority", "evil.example", ":path", path, session, token}, "404"},
		{"authority with a user", []string{":method", "GET", ":scheme", "https", ":authority", "ada@" + host, ":path", path, session, token}, ""},
		{"authority with a path", []string{":method", "GET", ":scheme", "https", ":authority", host + "/x", ":path", path, session, token}, "400"},
		{"whole URL for a path", []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "http://evil.example" + path, session, token}, "400"},
		{"no slash", []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "files/a", session, token}, ""},
		{"a space in the path", []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "/files/a HTTP/1.1", session, token}, ""},
		{"a line in the path", []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "/files/a\r\nX: y", session, token}, ""},
		{"a fragment", []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "/files/a#b", session, token}, ""},
		{"a line in the method", []string{":method", "GET / HTTP/1.1\r\nX:", ":scheme", "https", ":authority", host, ":path", path, session, token}, ""},
		{"a line in a value", with("x-requested-with", "a\r\nx-forwarded-user: root"), ""},
		{"NUL in a value", with("x-requested-with", "a\x00b"), ""},
		{"a colon in a name", with("accept: x", "y"), ""},
		{"a line in a name", with("accept\r\nx", "y"), ""},
		{"capitals", with("Accept", "*/*"), ""},
		{"pseudo-header late", []string{":method", "GET", ":scheme", "https", session, token, ":authority", host, ":path", path}, ""},
		{"pseudo-header twice", with(":path", "/files/b"), ""},
		{"unknown pseudo-header", append([]string{":host", "evil.example"}, with()...), ""},
		{"no path", []string{":method", "GET", ":scheme", "https", ":authority", host, session, token}, ""},
		{"Connection", with("connection", "close"), ""},
		{"Transfer-Encoding", with("transfer-encoding", "chunked"), ""},
		{"Upgrade", with("upgrade", "h2c"), ""},
		{"Keep-Alive", with("keep-alive", "1"), ""},
		{"Proxy-Connection", with("proxy-connection", "close"), ""},
		{"TE", with("te", "gzip"), ""},
		{"a length without a body", with("content-length", "5"), "400"},
		{"unknown expectation", with("expect", "x"), "417"},
		{"CONNECT", []string{":method", "CONNECT", ":authority", host + ":443", session, token}, "405"},
		{"extended CONNECT", []string{":method", "CONNECT", ":protocol", "websocket", ":scheme", "https", ":authority", host, ":path", "/chat/7", session, token}, ""},
		{"TRACE", []string{":method", "TRACE", ":scheme", "https", ":authority", host, ":path", path, session, token}, "405"},
		{"asterisk", []string{":method", "OPTIONS", ":scheme", "https", ":authority", host, ":path", "*", session, token}, "400"},
	} {
		before := h.seen.count()
		status, body := dialFrames(t, addr).ask(c.fields...)
		if c.status != "" && status != c.status || c.status == "" && status == "200" {
			t.Errorf("%s: %s %s, want %s", c.name, status, body, c.status)
		}
		if reached := h.seen.count() > before; reached != (c.status == "200") {
			got, _ := h.seen.last()
			t.Errorf("%s: reached the tool: %v %v", c.name, reached, got.Header)
		}
	}
}

// TestH2Bodies: a body is as long as it was said to be, trailers forge nothing,
// and nobody is asked for what is refused.
func TestH2Bodies(t *testing.T) {
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Uploads = []string{"text/plain"} })
	addr := h.open(ListenConfig{})
	post := func(path, media string, more ...string) []string {
		return append([]string{":method", "POST", ":scheme", "https", ":authority", host, ":path", path, "privet-session", token, "content-type", media}, more...)
	}
	for _, c := range []struct {
		name     string
		head     []string
		body     string
		trailers []string
		reached  bool
	}{
		{"good", post("/api/accounts/alice", "application/json", "content-length", "2"), "{}", nil, true},
		{"longer", post("/api/accounts/alice", "application/json", "content-length", "1"), "{}", nil, false},
		{"shorter", post("/api/accounts/alice", "application/json", "content-length", "9"), "{}", nil, false},
		{"two lengths", post("/api/accounts/alice", "application/json", "content-length", "2", "content-length", "3"), "{}", nil, false},
		{"trailers", post("/api/accounts/alice", "application/json", "trailer", "x-forwarded-user"), "{}", []string{"x-forwarded-user", "forged", "privet-assertion", "forged"}, true},
		{"trailers of a file", post("/api/upload", "text/plain", "trailer", "x-forwarded-user"), "{}", []string{"x-forwarded-user", "forged", "privet-session", "forged"}, true},
		{"a host in trailers", post("/api/accounts/alice", "application/json", "trailer", "x-sum"), "{}", []string{"host", "forged"}, false},
		{"pseudo-header in trailers", post("/api/accounts/alice", "application/json"), "{}", []string{":path", "/forged"}, false},
		{"a line in trailers", post("/api/accounts/alice", "application/json", "trailer", "x-sum"), "{}", []string{"x-sum", "forged\r\nx: y"}, false},
	} {
		before := h.seen.count()
		f := dialFrames(t, addr)
		f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(c.head...), EndHeaders: true})
		f.WriteData(1, c.trailers == nil, []byte(c.body))
		if c.trailers != nil {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(c.trailers...), EndStream: true, EndHeaders: true})
		}
		status, body := f.answer(1)
		if reached := h.seen.count() > before; reached != c.reached || (status == "200") != c.reached {
			t.Errorf("%s: %s %s, reached the tool: %v", c.name, status, body, reached)
		}
		if got, sent := h.seen.last(); strings.Contains(fmt.Sprint(got.Header, got.Trailer, got.Host), "forged") || sent != "{}" {
			t.Errorf("%s: the tool saw %q with %v %v", c.name, sent, got.Header, got.Trailer)
		}
	}
	f := dialFrames(t, addr) // a body that nobody asks for
	f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(post("/nothing", "application/json", "expect", "100-continue", "content-length", "2")...), EndHeaders: true})
	if status, _ := f.answer(1); status != "404" {
		t.Errorf("expected to go on, answered %s", status)
	}
}

// TestHPACK: a small block that stands for a huge head, tables larger than
// allowed, and blocks that never end, cost the sender the connection or the
// request, and no memory (CVE-2016-6581, CVE-2024-27316).
func TestHPACK(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{})
	good := []string{":method", "GET", ":scheme", "https", ":authority", host, ":path", "/files/a", "privet-session", token}
	before := heap()
	for name, attack := range map[string]func(f *frames) string{
		"bomb": func(f *frames) string { // one entry of 4 KB, named many thousand times
			block := f.block(append(good, "x-a", strings.Repeat("a", 4000))...)
			block = append(block, bytes.Repeat([]byte{0x80 | 62}, 12_000)...)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true})
			status, _ := f.answer(1)
			return status
		},
		"table larger than allowed": func(f *frames) string {
			block := append([]byte{0x3f, 0xe1, 0xff, 0xff, 0xff, 0x07}, f.block(good...)...)
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block, EndStream: true, EndHeaders: true})
			status, _ := f.answer(1)
			return status
		},
		"entry that is not there": func(f *frames) string {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: append(f.block(good...), 0xff, 0x80, 0x01), EndStream: true, EndHeaders: true})
			status, _ := f.answer(1)
			return status
		},
		"endless block": func(f *frames) string {
			f.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: f.block(good...), EndStream: true})
			part := bytes.Repeat([]byte{0x00, 0x01, 'x', 0x01, 'y'}, 3000)
			for range 4096 { // 60 MB, if anybody reads them
				if f.WriteContinuation(1, false, part) != nil {
					return "gone"
				}
			}
			return "all were read"
		},
		"answers by a huge table": func(f *frames) string { // the server's encoder must not take it
			f.WriteSettings(http2.Setting{ID: http2.SettingHeaderTableSize, Val: 1<<32 - 1}, http2.Setting{ID: http2.SettingMaxHeaderListSize, Val: 1})
			f.ask(good...)
			return "gone"
		},
	} {
		status := attack(dialFrames(t, addr))
		if want := map[string]string{"bomb": "431"}[name]; want != "" && status != want || want == "" && status != "gone" {
			t.Errorf("%s: %s", name, status)
		}
	}
	if grown := int64(heap()) - int64(before); grown > 16<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
