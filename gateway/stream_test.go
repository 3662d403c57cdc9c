package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/privet-gateway/privet/policy"
)

// ticks is a tool whose events come when a test says so.
type ticks struct {
	media string
	next  chan string
}

func (s ticks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", s.media)
	w.WriteHeader(200)
	http.NewResponseController(w).Flush()
	for {
		select {
		case <-r.Context().Done():
			return
		case text := <-s.next:
			fmt.Fprint(w, text)
			http.NewResponseController(w).Flush()
		}
	}
}

// TestEvents: each event is shown, rewritten, before the next one exists; the
// stream ends with the session.
func TestEvents(t *testing.T) {
	for _, proto := range []string{"h1", "h2"} {
		for _, s := range []struct{ path, media, event, end string }{
			{"/api/events", "text/event-stream", "data: {\"name\":\"A%d\",\"pan\":\"4111111111111111\"}\n\n", "\n"},
			{"/api/lines", "application/x-ndjson", "{\"name\":\"A%d\",\"pan\":\"4111111111111111\"}\n", ""},
		} {
			t.Run(proto+s.path, func(t *testing.T) {
				tool := ticks{s.media, make(chan string)}
				h := newHouse(t, tool)
				res, err := h.client(proto).Do(h.request("GET", s.path, nil))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				lines := bufio.NewReader(res.Body)
				for i := range 5 {
					tool.next <- fmt.Sprintf(s.event, i)
					line, err := lines.ReadString('\n')
					if err != nil || !strings.Contains(line, fmt.Sprintf("A%d", i)) || strings.Contains(line, "41111") {
						t.Fatalf("event %d: %q %v", i, line, err)
					}
					if s.end != "" {
						lines.ReadString('\n')
					}
				}
				close(h.door.ended)
				if line, err := lines.ReadString('\n'); err == nil {
					t.Fatalf("the stream went on: %q", line)
				}
				h.gate.Close()
				if o := h.trail.all("view.outcome"); len(o) != 1 || o[0].Reason != "access_ended" {
					t.Errorf("outcome %+v", o)
				}
			})
		}
	}
}

// TestStreamDecidedAnew: a stream ends when the rules change their mind.
func TestStreamDecidedAnew(t *testing.T) {
	tool := ticks{"text/event-stream", make(chan string)}
	h := newHouse(t, tool, func(c *Config) { c.Recheck = time.Millisecond })
	res, err := h.client("h2").Do(h.request("GET", "/api/events", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	h.rules.bendTo(func(d *policy.Decision) { d.Refused = "shift_over" })
	if _, err := bufio.NewReader(res.Body).ReadString('\n'); err == nil {
		t.Error("the stream went on")
	}
}

// echo is a chat tool: it greets, then says what it heard.
func echo(t *testing.T) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"chat.v1"}})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		conn.SetReadLimit(1 << 20)
		ctx := r.Context()
		conn.Write(ctx, websocket.MessageText, []byte(`{"name":"Alice","pan":"4111111111111111","cvv":"123","text":"How can I help you today?"}`))
		for {
			kind, heard, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if string(heard) == `{"text":"binary"}` {
				kind = websocket.MessageBinary
			}
			if conn.Write(ctx, kind, heard) != nil {
				return
			}
		}
	})
}

func (h *house) socket(ctx context.Context, change func(*http.Header)) (*websocket.Conn, *http.Response, error) {
	return h.socketAt(ctx, "/chat/7", change)
}

func (h *house) socketAt(ctx context.Context, path string, change func(*http.Header)) (*websocket.Conn, *http.Response, error) {
	header := http.Header{SessionHeader: {token}}
	if change != nil {
		change(&header)
	}
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	h.t.Cleanup(tr.CloseIdleConnections)
	return websocket.Dial(ctx, strings.Replace(h.front.URL, "https", "wss", 1)+path,
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}, HTTPHeader: header, Host: host, Subprotocols: []string{"chat.v1"}})
}

func TestChat(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t, echo(t))
	conn, _, err := h.socket(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if conn.Subprotocol() != "chat.v1" {
		t.Errorf("subprotocol %q", conn.Subprotocol())
	}
	_, greeting, err := conn.Read(ctx)
	if err != nil || strings.Contains(string(greeting), "41111") || !strings.Contains(string(greeting), "Alice") {
		t.Fatalf("greeting %s %v", greeting, err)
	}
	if err := conn.Write(ctx, websocket.MessageText, []byte(`{"name":"Bob","text":"my card is 4111 1111 1111 1111"}`)); err != nil {
		t.Fatal(err)
	}
	if _, heard, err := conn.Read(ctx); err != nil || strings.Contains(string(heard), "1111 1111") || !strings.Contains(string(heard), "my card is") {
		t.Fatalf("heard %s %v", heard, err)
	}
	close(h.door.ended)
	if _, _, err = conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusPolicyViolation {
		t.Errorf("after the session ended: %v", err)
	}
	h.gate.Close()
	if o := h.trail.all("view.outcome"); len(o) != 1 || o[0].Classes["pan"] != "mask" || o[0].Reason != "access_ended" {
		t.Errorf("outcome %+v", o)
	}
}

func TestChatBinary(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t, echo(t))
	for name, send := range map[string]func(*websocket.Conn) error{
		"from the agent": func(c *websocket.Conn) error { return c.Write(ctx, websocket.MessageBinary, []byte("x")) },
		"from the tool":  func(c *websocket.Conn) error { return c.Write(ctx, websocket.MessageText, []byte(`{"text":"binary"}`)) },
	} {
		t.Run(name, func(t *testing.T) {
			conn, _, err := h.socket(ctx, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.CloseNow()
			conn.Read(ctx)
			send(conn)
			if _, m, err := conn.Read(ctx); websocket.CloseStatus(err) != websocket.StatusUnsupportedData {
				t.Errorf("got %s, %v", m, err)
			}
		})
	}
}

// TestChatRefused: a foreign page, a page without a session and a tool that
// says no are told so before anything is opened.
func TestChatRefused(t *testing.T) {
	h := newHouse(t, echo(t))
	for _, c := range []struct {
		name   string
		change func(*http.Header)
		status int
	}{
		{"foreign origin", func(h *http.Header) { h.Set("Origin", "https://evil.example") }, 403},
		{"no session", func(h *http.Header) { h.Del(SessionHeader) }, 401},
	} {
		_, res, err := h.socket(t.Context(), c.change)
		if err == nil || res == nil || res.StatusCode != c.status {
			t.Errorf("%s: %v %v", c.name, res, err)
		}
	}
	if h.seen.count() != 0 {
		t.Error("the tool was asked")
	}
	own, _, err := h.socket(t.Context(), func(hd *http.Header) { hd.Set("Origin", "https://"+host) })
	if err != nil {
		t.Fatalf("the tool's own page: %v", err)
	}
	own.CloseNow()
}

// TestDictated: a number said over several messages is taken out of all of them.
func TestDictated(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for _, said := range []string{"it is four one one one", "one one one one", "one one one one", "one one one one", "that is all", "thank you, bye", "oh, and four one one one"} {
			conn.Write(ctx, websocket.MessageText, []byte(`{"text":"`+said+`"}`))
		}
		conn.Close(websocket.StatusNormalClosure, "")
	}))
	conn, _, err := h.socket(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	var heard strings.Builder
	for {
		_, message, err := conn.Read(ctx)
		if err != nil {
			break
		}
		heard.Write(message)
	}
	if got := heard.String(); strings.Contains(got, "one one") || !strings.Contains(got, "that is all") || strings.Count(got, "text") != 7 {
		t.Errorf("heard %s", got)
	}
}

// TestTunnels: no upgrade but WebSocket is ever forwarded.
func TestTunnels(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	for _, upgrade := range []string{"h2c", "HTTP/2.0", "TLS/1.0", "websocket2", "websocket, h2c", "connect-ip"} {
		r := h.request("GET", "/api/accounts/alice", nil)
		r.Header.Set("Connection", "Upgrade, HTTP2-Settings")
		r.Header.Set("Upgrade", upgrade)
		r.Header.Set("Http2-Settings", "AAMAAABkAAQAAP__")
		res, _ := h.do(r)
		got, _ := h.seen.last()
		if res.StatusCode != 200 || got.Header.Get("Upgrade") != "" || got.Header.Get("Http2-Settings") != "" || got.Header.Get("Connection") != "" {
			t.Errorf("%s: %d, the tool saw %v", upgrade, res.StatusCode, got.Header)
		}
	}
}

// TestChatOnThePort: what a chat says goes past the reader of HTTP heads, to
// whom bytes of a masked frame are a malformed one.
func TestChatOnThePort(t *testing.T) {
	ctx := t.Context()
	h := newHouse(t, echo(t))
	tr := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	t.Cleanup(tr.CloseIdleConnections)
	conn, _, err := websocket.Dial(ctx, "wss://"+h.open(ListenConfig{})+"/chat/7",
		&websocket.DialOptions{HTTPClient: &http.Client{Transport: tr}, HTTPHeader: http.Header{SessionHeader: {token}}, Host: host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if _, _, err := conn.Read(ctx); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		if err := conn.Write(ctx, websocket.MessageText, fmt.Appendf(nil, `{"name":"Bob %d","text":"%s"}`, i, strings.Repeat("good day ", 40))); err != nil {
			t.Fatalf("message %d: %v", i, err)
		}
		if _, said, err := conn.Read(ctx); err != nil || !strings.Contains(string(said), fmt.Sprint("Bob ", i)) {
			t.Fatalf("message %d: %s %v", i, said, err)
		}
	}
}
