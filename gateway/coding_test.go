package gateway

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/redact"
)

// coded is a body as a tool would compress it.
func coded(t *testing.T, coding, body string) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := redact.Encode(coding, &b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(w, body); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// compressed is a tool that answers in a coding.
func compressed(t *testing.T, media, coding, header, body string) http.HandlerFunc {
	packed := coded(t, coding, body)
	return func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Accept-Encoding"); got != "zstd, br, gzip" {
			t.Errorf("asked for %q", got)
		}
		w.Header().Set("Content-Type", media)
		w.Header().Set("Content-Encoding", header)
		_, _ = w.Write(packed)
	}
}

func compressing(cfg *Config) { cfg.Tools[0].Compress = true }

// TestCodings: what a tool compresses is read, rewritten, and compressed as the
// agent takes it: short answers and long ones, by every coding.
func TestCodings(t *testing.T) {
	long := `{"items":[` + strings.Repeat(`{"name":"Alice","pan":"4111111111111111"},`, 4000) + `{"name":"last"}]}`
	for _, c := range []struct{ tool, accept, want string }{
		{"gzip", "gzip, deflate, br, zstd", "gzip"}, {"br", "gzip, deflate, br, zstd", "br"}, {"zstd", "gzip, deflate, br, zstd", "zstd"},
		{"gzip", "br", "br"}, {"br", "zstd;q=0.5, gzip;q=0.8", "gzip"}, {"zstd", "", ""}, {"zstd", "identity", ""}, {"x-gzip", "*", "gzip"},
	} {
		for size, body := range map[string]string{"short": account, "long": long} {
			t.Run(fmt.Sprintf("%s to %q, %s", c.tool, c.accept, size), func(t *testing.T) {
				h := newHouse(t, compressed(t, "application/json", c.tool, c.tool, body), compressing)
				r := h.request("GET", "/api/accounts/alice", nil)
				if c.accept != "" {
					r.Header.Set("Accept-Encoding", c.accept)
				}
				res, packed := h.do(r)
				if got := res.Header.Get("Content-Encoding"); res.StatusCode != 200 || got != c.want {
					t.Fatalf("%d in %q: %q", res.StatusCode, got, packed)
				}
				if !strings.Contains(strings.Join(res.Header["Vary"], ","), "Accept-Encoding") {
					t.Errorf("Vary %q", res.Header["Vary"])
				}
				plain, err := redact.Decode(c.want, strings.NewReader(packed))
				if err != nil {
					t.Fatal(err)
				}
				shown, err := io.ReadAll(plain)
				if err != nil || !strings.Contains(string(shown), "Alice") || strings.Contains(string(shown), "4111111111111111") {
					t.Errorf("%v: %.200s", err, shown)
				}
			})
		}
	}
}

// TestCodingsRefused: what is stacked, unknown, broken or a bomb is withheld.
func TestCodingsRefused(t *testing.T) {
	bomb := `{"items":["` + strings.Repeat("a", 16<<20) + `"]}`
	for name, tool := range map[string]http.HandlerFunc{
		"stacked":     compressed(t, "application/json", "gzip", "gzip, gzip", account),
		"stacked two": compressed(t, "application/json", "br", "gzip, br", account),
		"unknown":     compressed(t, "application/json", "gzip", "compress", account),
		"deflate":     compressed(t, "application/json", "gzip", "deflate", account),
		"not gzip":    compressed(t, "application/json", "identity", "gzip", account),
		"not br":      compressed(t, "application/json", "identity", "br", account),
		"not zstd":    compressed(t, "application/json", "identity", "zstd", account),
		"wrong one":   compressed(t, "application/json", "gzip", "zstd", account),
		"gzip bomb":   compressed(t, "application/json", "gzip", "gzip", bomb),
		"br bomb":     compressed(t, "application/json", "br", "br", bomb),
		"zstd bomb":   compressed(t, "application/json", "zstd", "zstd", bomb),
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, tool, compressing)
			res, err := h.client("h1").Do(h.request("GET", "/api/accounts/alice", nil))
			if err != nil {
				return // torn off
			}
			defer res.Body.Close()
			body, err := io.ReadAll(res.Body)
			if res.StatusCode == 200 && err == nil {
				t.Errorf("passed: %d bytes", len(body))
			}
			if bytes.Contains(body, []byte("Alice")) {
				t.Errorf("shown: %s", body)
			}
		})
	}
}

// TestCodedStream: an event that is compressed leaves when it came, not when
// the stream ends; and a stream that is torn off has no valid end.
func TestCodedStream(t *testing.T) {
	for _, coding := range []string{"gzip", "br", "zstd"} {
		t.Run(coding, func(t *testing.T) {
			more := make(chan struct{})
			h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "text/event-stream")
				w.Header().Set("Content-Encoding", coding)
				z, err := pack(coding, w, true)
				if err != nil {
					t.Error(err)
					return
				}
				for _, name := range []string{"Alice", "Bob"} {
					fmt.Fprintf(z, "data: {\"name\":%q,\"pan\":\"4111111111111111\"}\n\n", name)
					w.(http.Flusher).Flush()
					select {
					case <-more:
					case <-r.Context().Done():
					}
				}
			}), compressing)
			r := h.request("GET", "/api/events", nil)
			r.Header.Set("Accept-Encoding", coding)
			res, err := h.client("h1").Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			if got := res.Header.Get("Content-Encoding"); got != coding {
				t.Fatalf("%d in %q", res.StatusCode, got)
			}
			plain, err := redact.Decode(coding, res.Body)
			if err != nil {
				t.Fatal(err)
			}
			event := make([]byte, 0, 256)
			for !bytes.HasSuffix(event, []byte("\n\n")) { // the tool still holds the stream open
				var b [1]byte
				if _, err := plain.Read(b[:]); err != nil {
					t.Fatal(err)
				}
				event = append(event, b[0])
			}
			if !bytes.Contains(event, []byte("Alice")) || bytes.Contains(event, []byte("4111111111111111")) {
				t.Errorf("event %q", event)
			}
			close(h.door.ended) // the session ends in the middle
			if rest, err := io.ReadAll(plain); err == nil {
				t.Errorf("a torn stream looks complete: %q", rest)
			}
			close(more)
		})
	}
}
