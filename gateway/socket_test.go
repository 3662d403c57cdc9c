package gateway

import (
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

// TestSocketGreetings: a tool that answers a WebSocket's opening with what was
// not asked for is refused, and none of it is read without bound.
func TestSocketGreetings(t *testing.T) {
	for name, c := range map[string]struct {
		head   string // %s: the right Sec-WebSocket-Accept
		status int
	}{
		"all is well":        {"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", 101},
		"a wrong key":        {"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x%s\r\n\r\n", 502},
		"another protocol":   {"101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", 502},
		"a subprotocol":      {"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n", 502},
		"compression":        {"101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\nSec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover; client_no_context_takeover\r\n\r\n", 502},
		"a head without end": {"101 Switching Protocols\r\nSec-WebSocket-Accept: %s\r\nX: " + strings.Repeat("a", 1<<20), 502},
		"no answer at all":   {"", 502},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) // RFC 6455 §4.2.2
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				if c.head != "" {
					fmt.Fprintf(conn, "HTTP/1.1 "+c.head, base64.StdEncoding.EncodeToString(sum[:]))
				}
				if c.status == 101 {
					_, _ = io.Copy(io.Discard, conn)
				}
			}))
			conn, res, err := h.socket(t.Context(), nil)
			if err == nil {
				conn.CloseNow()
			}
			if res == nil || res.StatusCode != c.status {
				t.Errorf("got %v, %v; want %d", res, err, c.status)
			}
		})
	}
}

// TestSocketOverTLS: a tool behind TLS, which would rather speak HTTP/2, is
// chatted with; messages longer than any buffer arrive whole, both ways.
func TestSocketOverTLS(t *testing.T) {
	back := httptest.NewUnstartedServer(echo(t))
	back.EnableHTTP2 = true
	back.StartTLS()
	t.Cleanup(back.Close)
	h := newHouse(t, http.NotFoundHandler(), func(c *Config) {
		c.Tools[0].Upstream, _ = url.Parse(back.URL)
		c.Tools[0].TLS = &tls.Config{RootCAs: back.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	})
	conn, _, err := h.socket(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	conn.SetReadLimit(1 << 20)
	if _, _, err := conn.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 100, 1000, 70_000, 200_000} {
		said := `{"name":"` + strings.Repeat("good day ", size/9) + `"}`
		if err := conn.Write(t.Context(), websocket.MessageText, []byte(said)); err != nil {
			t.Fatal(err)
		}
		if _, heard, err := conn.Read(t.Context()); err != nil || string(heard) != said {
			t.Fatalf("%d bytes: heard %d, %v", len(said), len(heard), err)
		}
	}
}
