package gateway

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"
	"time"

	"github.com/coder/websocket"

	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

var effects = flag.Int("effects", 1, "how often each change is made, for the report on time")

// withhold takes the e-mail address out of every decision.
func withhold(d *policy.Decision) {
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
}

// changes of what an agent may see, while they look. Each must take the
// e-mail address, which tier 1 sees in full of a verified caller, out of sight.
var changes = map[string]func(h *house){
	"a new bundle": func(h *house) { h.rules.bendTo(withhold) },
	"another role": func(h *house) {
		h.door.change(func(o *oneAgent) {
			other := *h.session
			other.Roles = []string{"contractor"}
			o.session = &other
		})
	},
	"the verification's loss": func(h *house) { h.door.change(func(o *oneAgent) { o.until = time.Time{} }) },
	"the session's end": func(h *house) {
		h.door.change(func(o *oneAgent) {
			o.err = mfa.ErrNoSession
			close(o.ended)
		})
	},
}

const watched = `{"subject":"alice","name":"Alice","email":"alice@example.com"}`

// shownAddress stands in a view that shows the address, and in no masked one.
const shownAddress = "alice@e"

// pours is a tool whose answer never ends: records until nobody listens.
type pours struct{ media, head, record string }

func (p pours) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Upgrade") != "" {
		p.talk(w, r)
		return
	}
	w.Header().Set("Content-Type", p.media)
	_, err := io.WriteString(w, p.head)
	for err == nil && r.Context().Err() == nil {
		if _, err = io.WriteString(w, p.record); p.media == "text/event-stream" {
			_ = http.NewResponseController(w).Flush()
		}
	}
}

func (p pours) talk(w http.ResponseWriter, r *http.Request) {
	conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true, Subprotocols: []string{"chat.v1"}})
	if err != nil {
		return
	}
	defer conn.CloseNow()
	ctx := conn.CloseRead(r.Context())
	for err == nil {
		err = conn.Write(ctx, websocket.MessageText, []byte(p.record))
	}
}

var poured = map[string]pours{
	"/api/accounts/alice/events": {"text/event-stream", "", "data: " + watched + "\n\n"},
	"/api/accounts/alice/lines":  {"application/x-ndjson", "", watched + "\n"},
	"/api/accounts/alice/list":   {"application/json", `{"items":[` + watched, "," + watched},
	"/api/accounts/alice/table":  {"text/csv", "subject,name,email\n", "alice,Alice,alice@example.com\n"},
	"/api/accounts/alice/chat":   {"application/json", "", strings.Replace(watched, `"alice"`, `"the-reference-of-alice"`, 1)}, // what is longest counts as said
}

// opened is an endless answer that an agent reads.
type opened struct {
	read func() ([]byte, error) // a piece; it may hold the address
	gave *atomic.Int64          // when the gateway last gave out the address
	stop func()
}

// giving notes when a handler writes the address.
func giving(next http.Handler, last *atomic.Int64) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") == "" {
			w = &given{w, last}
		}
		next.ServeHTTP(w, r)
	})
}

type given struct {
	http.ResponseWriter
	last *atomic.Int64
}

func (g *given) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte(shownAddress)) {
		g.last.Store(time.Now().UnixNano())
	}
	return g.ResponseWriter.Write(p)
}

func (g *given) Unwrap() http.ResponseWriter { return g.ResponseWriter }

func (h *house) pour(path string) opened {
	h.t.Helper()
	h.door.until = tuesday().Add(time.Hour)
	o := opened{gave: &atomic.Int64{}}
	h.front.Config.Handler = giving(h.gate, o.gave)
	if strings.HasSuffix(path, "/chat") {
		conn, _, err := h.socketAt(h.t.Context(), path, nil)
		if err != nil {
			h.t.Fatal(err)
		}
		o.read = func() ([]byte, error) {
			_, message, err := conn.Read(h.t.Context())
			return message, err
		}
		o.stop = func() { _ = conn.CloseNow() }
		return o
	}
	res, err := h.client("h2").Do(h.request("GET", path, nil))
	if err != nil {
		h.t.Fatal(err)
	}
	piece := make([]byte, 32<<10)
	o.read = func() ([]byte, error) {
		n, err := res.Body.Read(piece)
		return piece[:n], err
	}
	o.stop = func() { _ = res.Body.Close() }
	return o
}

// until reads until the address is out of sight, or the answer torn off, and
// gives the time of its last sight: by the gateway and by the reader.
func (o opened) until(t *testing.T, change func() time.Time) (gave, seen time.Duration) {
	t.Helper()
	var changed, last time.Time
	sights := 0
	for pieces := 0; ; pieces++ {
		if pieces > 20000 {
			t.Fatalf("the answer never ends; changed: %v", !changed.IsZero())
		}
		piece, err := o.read()
		if bytes.Contains(piece, []byte(shownAddress)) {
			if last, sights = time.Now(), sights+1; sights == 10 {
				changed = change()
			}
		}
		if err != nil || !changed.IsZero() && time.Since(last) > 150*time.Millisecond {
			break // torn off, or another view
		}
	}
	if changed.IsZero() {
		t.Fatal("the address was never shown")
	}
	return max(0, time.Unix(0, o.gave.Load()).Sub(changed)), max(0, last.Sub(changed))
}

// TestTakesEffect: a change takes effect on the next request at once, and in
// the middle of a stream, of a chat, of a long document and of a table within a
// tenth of a second: the time is logged.
func TestTakesEffect(t *testing.T) {
	for path, tool := range poured {
		for name, change := range changes {
			for range *effects {
				t.Run(path[len("/api/accounts/alice/"):]+"/"+name, func(t *testing.T) {
					h := newHouse(t, tool)
					o := h.pour(path)
					defer o.stop()
					gave, seen := o.until(t, func() time.Time { change(h); return time.Now() })
					t.Logf("last given out %v, last read %v after the change", gave.Round(time.Microsecond), seen.Round(time.Microsecond))
					h.seesNoAddress(path)
				})
			}
		}
	}
}

// seesNoAddress asks once more.
func (h *house) seesNoAddress(path string) {
	h.t.Helper()
	if strings.HasSuffix(path, "/chat") {
		path = strings.TrimSuffix(path, "chat") + "lines"
	}
	next, err := h.client("h2").Do(h.request("GET", path, nil))
	if err != nil {
		h.t.Fatal(err)
	}
	defer next.Body.Close()
	start, _ := io.ReadAll(io.LimitReader(next.Body, 10000))
	if strings.Contains(string(start), shownAddress) {
		h.t.Errorf("the next request still shows it: %.200s", start)
	}
}

// bundleServer serves one bundle, from a file or over https.
type bundleServer struct {
	follow policy.Follow
	put    func(bundle []byte)
}

func newBundleServer(t *testing.T, https bool) (*bundleServer, policy.Signing) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	file := filepath.Join(t.TempDir(), "policy.tar.gz")
	s := &bundleServer{follow: policy.Follow{From: file, KeyID: "k", Keys: map[string]string{"k": asPEM("PUBLIC KEY", public)}, Every: 5 * time.Millisecond}}
	s.put = func(bundle []byte) {
		if err := os.WriteFile(file+".new", bundle, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	if https {
		web := httptest.NewTLSServer(http.FileServer(http.Dir(filepath.Dir(file))))
		t.Cleanup(web.Close)
		s.follow.From, s.follow.Client = web.URL+"/policy.tar.gz", web.Client()
	}
	return s, policy.Signing{KeyID: "k", Algorithm: "ES256", Key: asPEM("EC PRIVATE KEY", private)}
}

// smallRules show everything to everybody, or every class but one.
func smallRules(but string) fs.FS {
	text := "package privet.view\n\nopen contains {\"why\": \"a test\"}\n\n" +
		`grant contains {"classes": {"all"}, "do": "show", "why": "a test"}` + "\n"
	if but != "" {
		text += "\n" + `cap contains {"classes": {"` + but + `"}, "do": "withhold", "why": "it leaks"}` + "\n"
	}
	var all []string
	for _, class := range redact.FieldClasses() {
		all = append(all, string(class))
	}
	conditions := "roles: [tier1]\nclasses: {all: [" + strings.Join(all, ", ") + "]}\n"
	return fstest.MapFS{"view.rego": &fstest.MapFile{Data: []byte(text)}, "conditions.yaml": &fstest.MapFile{Data: []byte(conditions)}}
}

// TestBundleTakesEffect: a bundle that comes as a file or from a server is in
// force inside of streams that are open within a tenth of a second.
func TestBundleTakesEffect(t *testing.T) {
	pack := func(key policy.Signing, rules fs.FS) []byte {
		var b bytes.Buffer
		cfg := policy.Config{Rules: rules, Catalogue: []policy.Document{{Name: "test.yaml", Text: []byte(testCatalogue)}}}
		if err := policy.Pack(&b, cfg, key); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for from, https := range map[string]bool{"file": false, "server": true} {
		server, key := newBundleServer(t, https)
		before, after := pack(key, smallRules("")), pack(key, smallRules("email"))
		for _, path := range []string{"/api/accounts/alice/events", "/api/accounts/alice/lines", "/api/accounts/alice/chat"} {
			for range *effects {
				t.Run(from+path[len("/api/accounts/alice"):], func(t *testing.T) {
					server.put(before)
					active := make(chan time.Time, 2)
					server.follow.Changed = func(policy.Activation) { active <- time.Now() }
					engine, err := policy.OpenBundle(t.Context(), policy.Config{Clock: tuesday}, server.follow)
					if err != nil {
						t.Fatal(err)
					}
					<-active
					h := newHouse(t, poured[path], func(c *Config) { c.Policy = engine })
					o := h.pour(path)
					defer o.stop()
					gave, seen := o.until(t, func() time.Time { server.put(after); return <-active })
					t.Logf("last given out %v, last read %v after the activation", gave.Round(time.Microsecond), seen.Round(time.Microsecond))
					h.seesNoAddress(path)
				})
			}
		}
	}
}
