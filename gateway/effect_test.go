package gateway

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// changes of what an agent may see, while they look. Each must take the
// e-mail address, which tier 1 sees in full of a verified caller, out of sight.
func changes(h *house) map[string]func() {
	return map[string]func(){
		"a new bundle": func() {
			h.rules.bendTo(func(d *policy.Decision) {
				plan, err := d.Plan.With(nil, func(f *redact.Field) (redact.Treatment, []redact.Treatment) {
					if f.Class == redact.Email {
						return redact.Withhold, nil
					}
					return d.Classes[f.Class].Do, nil
				})
				if err != nil {
					panic(err)
				}
				d.Plan = plan
			})
		},
		"another role": func() {
			h.door.mu.Lock()
			defer h.door.mu.Unlock()
			other := *h.session
			other.Roles = []string{"contractor"}
			h.door.session = &other
		},
		"the verification's loss": func() {
			h.door.mu.Lock()
			defer h.door.mu.Unlock()
			h.door.until = time.Time{}
		},
		"the session's end": func() {
			h.door.mu.Lock()
			defer h.door.mu.Unlock()
			h.door.err = mfa.ErrNoSession
			close(h.door.ended)
		},
	}
}

const watched = `{"subject":"alice","name":"Alice","email":"alice@example.com"}`

// pours is a tool whose answer never ends: records until nobody listens.
type pours struct{ media, head, record string }

func (p pours) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", p.media)
	_, err := io.WriteString(w, p.head)
	for err == nil && r.Context().Err() == nil {
		if _, err = io.WriteString(w, p.record); p.media == "text/event-stream" {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

// TestTakesEffect: a change takes effect on the next request at once, and in
// the middle of a stream, of a long document, and of a table within a tenth of
// a second: the time is logged.
func TestTakesEffect(t *testing.T) {
	for path, tool := range map[string]pours{
		"/api/accounts/alice/events": {"text/event-stream", "", "data: " + watched + "\n\n"},
		"/api/accounts/alice/lines":  {"application/x-ndjson", "", watched + "\n"},
		"/api/accounts/alice/list":   {"application/json", `{"items":[` + watched, "," + watched},
		"/api/accounts/alice/table":  {"text/csv", "subject,name,email\n", "alice,Alice,alice@example.com\n"},
	} {
		for _, name := range []string{"a new bundle", "another role", "the verification's loss", "the session's end"} {
			t.Run(tool.media+"/"+name, func(t *testing.T) {
				h := newHouse(t, tool)
				h.door.until = tuesday().Add(time.Hour)
				res, err := h.client("h2").Do(h.request("GET", path, nil))
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				var last, changed atomic.Int64 // when the address was last read, and when the change was made
				body := bufio.NewReader(res.Body)
				for read := 0; ; {
					line, err := body.ReadString('e')  // of "alice" and of "example"
					if strings.HasSuffix(line, "@e") { // a masked one goes on otherwise
						if last.Store(time.Now().UnixNano()); changed.Load() == 0 {
							if read++; read == 1000 {
								changes(h)[name]()
								changed.Store(time.Now().UnixNano())
							}
						}
					}
					gone := time.Duration(time.Now().UnixNano() - max(last.Load(), changed.Load()))
					if err != nil || changed.Load() > 0 && gone > 150*time.Millisecond {
						break // torn off, or another view
					}
				}
				if changed.Load() == 0 {
					t.Fatalf("the address was never shown: %d", res.StatusCode)
				}
				t.Logf("last seen %v after the change", time.Duration(last.Load()-changed.Load()).Round(time.Millisecond))
				res.Body.Close()
				began := time.Now()
				next, err := h.client("h2").Do(h.request("GET", path, nil))
				if err != nil {
					t.Fatal(err)
				}
				defer next.Body.Close()
				start, _ := io.ReadAll(io.LimitReader(next.Body, 10000))
				if strings.Contains(string(start), "alice@") {
					t.Errorf("the next request still shows it: %.200s", start)
				}
				t.Logf("next request: %d, decided anew at once (%v)", next.StatusCode, time.Since(began).Round(time.Millisecond))
			})
		}
	}
}
