package main

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/pquerna/otp"

	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
)

var canaries = flag.Int("canaries", 90, "people whose values TestCanaries plants, about seven each; the full run has 300")

// TestCanaries plants hundreds of values, with -canaries 300 two thousand — card numbers, social security
// numbers, names, addresses, mails, passwords, tokens, TOTP seeds — sends them
// through the whole journey in every place where one could slip into a file or a
// line, and then looks for each of them, byte by byte, in all that was kept.
func TestCanaries(t *testing.T) {
	desk := tool.New(tool.Config{Seed: 77, People: *canaries})
	upstream := httptest.NewServer(desk)
	defer upstream.Close()
	spans := newCollector()
	defer spans.Close()

	d := startDemo(t, t.TempDir(), "--upstream", upstream.URL, "OTEL_EXPORTER_OTLP_ENDPOINT="+spans.URL, "OTEL_BSP_SCHEDULE_DELAY=100")
	planted := walkCanaries(t, d, desk)
	if len(planted) < 6**canaries {
		t.Fatalf("only %d values planted", len(planted))
	}
	metrics := fetchAll(t, d.ready.Metrics)
	archive := filepath.Join(t.TempDir(), "trail.zip")
	exported := d.privet(t, "audit", "export", "--dir", d.dir, "--out", archive)
	d.end(os.Interrupt)

	places := map[string][]byte{"standard output": d.stdout.Bytes(), "standard error": d.stderr.Bytes(),
		"metrics": metrics, "spans": spans.bytes(), "export's output": exported}
	kept(t, d.dir, archive, places)
	if spans.count() == 0 || len(places) < 10 {
		t.Fatalf("%d spans, %d places: the search proves nothing", spans.count(), len(places))
	}
	look := newLookout(planted)
	for name, text := range places {
		for _, what := range look.in(text) {
			t.Errorf("%s holds %s", name, what)
		}
	}
	t.Logf("%d values looked for in %d places", len(planted), len(places))
}

// lookout finds any of many values in one walk over a text.
type lookout map[[headSize]byte][]sought

type sought struct {
	what string
	form []byte
}

const headSize = 6 // no value that is planted is shorter

func newLookout(planted map[string]string) lookout {
	l := lookout{}
	for what, value := range planted {
		for _, form := range forms(value) {
			head := [headSize]byte(form)
			l[head] = append(l[head], sought{what, form})
		}
	}
	return l
}

func (l lookout) in(text []byte) (found []string) {
	for i := 0; i+headSize <= len(text); i++ {
		for _, s := range l[[headSize]byte(text[i:])] {
			if bytes.HasPrefix(text[i:], s.form) {
				found = append(found, s.what)
			}
		}
	}
	return found
}

// forms are the ways a value could lie there.
func forms(v string) [][]byte {
	out := [][]byte{[]byte(v), []byte(base64.StdEncoding.EncodeToString([]byte(v)))}
	if q := url.QueryEscape(v); q != v {
		out = append(out, []byte(q))
	}
	if j, _ := json.Marshal(v); string(j[1:len(j)-1]) != v {
		out = append(out, j[1:len(j)-1])
	}
	return out
}

// walkCanaries goes everywhere with every value.
func walkCanaries(t *testing.T, d *demo, desk *tool.Desk) map[string]string {
	t.Helper()
	planted := map[string]string{}
	for i, p := range d.ready.People {
		key, err := otp.NewKeyFromURL(p.TOTP)
		if err != nil {
			t.Fatal(err)
		}
		planted[fmt.Sprint("TOTP seed ", i)] = key.Secret()
	}
	var agents []string
	for _, name := range []string{"ada", "ben"} {
		token, err := session(d.ready, name)
		if err != nil {
			t.Fatal(err)
		}
		planted["session of "+name] = token
		agents = append(agents, token)
	}
	people := desk.People()
	for i, a := range people {
		plant(planted, i, a)
		token := agents[i%2]
		for _, path := range []string{"/api/accounts/" + a.Subject, "/accounts/" + a.Subject, "/api/calls/call-" + a.Subject + "/transcript", "/api/cases/case-" + a.Subject} {
			visit(t, d, http.MethodGet, path, token, nil)
		}
		// where a careless product would log them
		visit(t, d, http.MethodGet, "/nowhere/"+url.PathEscape(a.Card.PAN)+"?email="+url.QueryEscape(a.Email), token, nil)
		visit(t, d, http.MethodGet, "/api/accounts?ssn="+a.SSN+"&name="+url.QueryEscape(a.Name.Full), token, nil)
		visit(t, d, http.MethodPost, "/api/accounts/"+a.Subject+"/notes", token, map[string]string{"text": a.Card.PAN + " " + a.SSN})
		visit(t, d, http.MethodGet, "/api/accounts/"+a.Subject, "not-a-session-"+a.Card.PAN, nil)
	}
	for i := range min(120, len(people)) {
		password := fmt.Sprintf("Canary-password-%04d-%s", i, people[i].SSN)
		planted[fmt.Sprint("typed password ", i)] = password
		body, _ := json.Marshal(map[string]string{"agent": people[i].Email, "password": password})
		resp, err := client(d.ready).Post(d.ready.Desk+"/api/login", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	return planted
}

func plant(planted map[string]string, i int, a tool.Account) {
	for what, value := range map[string]string{"PAN": a.Card.PAN, "SSN": a.SSN, "e-mail": a.Email, "phone": a.Phone.Mobile,
		"passport": a.Passport, "name": a.Name.Full, "IBAN": a.Bank.IBAN} {
		if len(value) > 7 { // a shorter one could stand anywhere by chance
			planted[fmt.Sprintf("%s of %d", what, i)] = value
		}
	}
}

func visit(t *testing.T, d *demo, method, path, token string, body any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, d.ready.Tool+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", token)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", path)
	req.Header.Set("Referer", "https://cases.localhost"+path)
	resp, err := d.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
}

// kept reads every file of the directory, and what is in the archive. The
// outbox is the post: messages that left the house for their readers.
func kept(t *testing.T, dir, archive string, places map[string][]byte) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && entry.Name() == "outbox" {
			return filepath.SkipDir
		}
		if entry.Type().IsRegular() {
			if places[path], err = os.ReadFile(path); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for _, f := range z.File {
		if places["export: "+f.Name], err = zipped(archive, f.Name); err != nil {
			t.Fatal(err)
		}
	}
}

func fetchAll(t *testing.T, url string) []byte {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// collector takes OTLP over HTTP, as an OpenTelemetry Collector does, and keeps the bytes.
type collector struct {
	*httptest.Server
	mu   sync.Mutex
	all  []byte
	sent int
}

func newCollector() *collector {
	c := &collector{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.all = append(c.all, body...)
		if r.URL.Path == "/v1/traces" {
			c.sent++
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	return c
}

func (c *collector) bytes() []byte { c.mu.Lock(); defer c.mu.Unlock(); return c.all }
func (c *collector) count() int    { c.mu.Lock(); defer c.mu.Unlock(); return c.sent }

// The search of TestCanaries finds what is there, in each of its forms.
func TestLookout(t *testing.T) {
	look := newLookout(map[string]string{"name": `Ann "Bo" Müller`, "PAN": "4111111111111111"})
	for text, want := range map[string]int{`x Ann "Bo" Müller`: 1, "Ann+%22Bo%22+M%C3%BCller": 1, `{"n":"Ann \"Bo\" Müller"}`: 1, "NDExMTExMTExMTExMTExMQ==": 1, "411111111111111": 0} {
		if found := look.in([]byte(text)); len(found) != want {
			t.Errorf("%q: %v", text, found)
		}
	}
}
