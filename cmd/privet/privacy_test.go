package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/audit/rights"
)

// person is somebody at a browser or a program: a client with cookies and headers.
type person struct {
	*http.Client
	session string
}

func (p *person) do(t *testing.T, method, url, body string) (int, map[string]any, []byte) {
	t.Helper()
	req, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if p.session != "" {
		req.Header.Set("Privet-Session", p.session)
	}
	resp, err := p.Client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	_ = json.Unmarshal(raw, &out) // a page or a ZIP stays empty
	return resp.StatusCode, out, raw
}

// sentCode is the newest one-time code in the demo's outbox for an address.
func sentCode(t *testing.T, outbox, to string) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(outbox, "*.eml"))
	if err != nil {
		t.Fatal(err)
	}
	sort.Slice(files, func(i, j int) bool {
		a, _ := os.Stat(files[i])
		b, _ := os.Stat(files[j])
		return a.ModTime().After(b.ModTime())
	})
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if code := regexp.MustCompile(`\b\d{4} ?\d{4}\b`).Find(raw); code != nil && bytes.Contains(raw, []byte(to)) {
			return string(code)
		}
	}
	t.Fatalf("no code was sent to %s", to)
	return ""
}

// A cardholder's access and erasure in a running demo, by the public APIs alone: file,
// prove, two officers, package, proof that the tool holds nothing any more.
func TestPrivacyRequestsInDemo(t *testing.T) {
	d := startDemo(t, t.TempDir())
	r := d.ready
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	cardholder := &person{Client: client(r)}
	cardholder.Jar = jar
	officer := func(name string) *person {
		s, err := session(r, name)
		if err != nil {
			t.Fatal(err)
		}
		return &person{client(r), s}
	}
	olga, rosa, ada := officer("olga"), officer("rosa"), officer("ada")
	who := r.Holders[11]
	file := func(right string) string {
		status, filed, raw := cardholder.do(t, "POST", r.Portal+"/api/requests", `{"right":"`+right+`","email":"`+who.Email+`","name":"`+who.Name+`","language":"es","jurisdiction":"US-CA"}`)
		if status != http.StatusCreated {
			t.Fatalf("filing: %d %s", status, raw)
		}
		id := filed["id"].(string)
		if status, _, raw := cardholder.do(t, "POST", r.Portal+"/api/requests/"+id+"/verify", `{"code":"`+sentCode(t, r.Outbox, who.Email)+`"}`); status != http.StatusOK {
			t.Fatalf("verifying: %d %s", status, raw)
		}
		return id
	}
	until := func(id string, done func(status string) bool) map[string]any {
		for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
			if _, now, _ := olga.do(t, "GET", r.Console+"/api/requests/"+id, ""); now["status"] != nil && done(now["status"].(string)) {
				return now
			}
		}
		_, now, raw := olga.do(t, "GET", r.Console+"/api/requests/"+id, "")
		t.Fatalf("%s is still %v: %s", id, now["status"], raw)
		return nil
	}
	review := func(s string) bool { return s == "in_review" }
	ended := func(s string) bool { return strings.HasPrefix(s, "completed/") || s == "needs_attention" }

	id := file("access")
	plan := until(id, review)
	if status, _, _ := ada.do(t, "GET", r.Console+"/api/requests", ""); status != http.StatusForbidden {
		t.Errorf("an agent reads the officers' queue: %d", status)
	}
	if status, _, raw := olga.do(t, "POST", r.Console+"/api/requests/"+id+"/approve", `{"plan_hash":"`+plan["plan_hash"].(string)+`"}`); status != http.StatusOK {
		t.Fatalf("approving: %d %s", status, raw)
	}
	if now := until(id, ended); !strings.HasPrefix(now["status"].(string), "completed/") {
		t.Fatalf("access ended %v %v", now["status"], now["findings"])
	}
	status, _, raw := cardholder.do(t, "GET", r.Portal+"/api/requests/"+id+"/package", "")
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if status != http.StatusOK || err != nil {
		t.Fatalf("the package: %d %v", status, err)
	}
	page, err := zr.Open("index.html")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(page)
	if err != nil || !strings.Contains(string(text), "Sus datos personales") || !strings.Contains(string(text), who.Email) {
		t.Errorf("the package's page is not the person's: %v", err)
	}

	id = file("erase")
	plan = until(id, review)
	approve := `{"plan_hash":"` + plan["plan_hash"].(string) + `"}`
	if status, now, raw := olga.do(t, "POST", r.Console+"/api/requests/"+id+"/approve", approve); status != http.StatusOK || now["status"] != "awaiting_second_approval" {
		t.Fatalf("first approval: %d %s", status, raw)
	}
	if status, no, _ := olga.do(t, "POST", r.Console+"/api/requests/"+id+"/approve", approve); status != http.StatusForbidden || no["code"] != "same_officer" {
		t.Errorf("one officer approved twice: %d %v", status, no["code"])
	}
	if status, _, raw := rosa.do(t, "POST", r.Console+"/api/requests/"+id+"/approve", approve); status != http.StatusOK {
		t.Fatalf("second approval: %d %s", status, raw)
	}
	if now := until(id, ended); !strings.HasPrefix(now["status"].(string), "completed/") {
		t.Fatalf("erasure ended %v %v", now["status"], now["findings"])
	}
	if status, _, _ := cardholder.do(t, "GET", r.Upstream+"/api/accounts/"+who.Subject, ""); status != http.StatusNotFound {
		t.Errorf("the tool still answers %d for the account", status)
	}
	status, _, raw = rosa.do(t, "GET", r.Console+"/api/evidence/"+id, "")
	_, err = zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if status != http.StatusOK || err != nil {
		t.Fatalf("evidence: %d %v", status, err)
	}
	if bytes.Contains(raw, []byte(who.Email)) {
		t.Error("the evidence holds the erased person's address")
	}
	archive := filepath.Join(t.TempDir(), "evidence.zip")
	if err := os.WriteFile(archive, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := privetProcess(t, "audit", "verify", archive, "--key", r.TrailKey).CombinedOutput(); err != nil || !strings.Contains(string(out), "VERDICT: VERIFIED") {
		t.Errorf("the evidence: %v %s", err, out)
	}
	imported := filepath.Join(t.TempDir(), "import.txt")
	if err := os.WriteFile(imported, []byte("bystander@example.com\n"+who.Email+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for flag, want := range map[string]string{"--kind=email": who.Email + "\n", "--keep": "bystander@example.com\n"} {
		out, err := privetProcess(t, "rights", "suppressed", flag, "--dir", filepath.Dir(r.TrailKey), imported).Output()
		if err != nil || string(out) != want {
			t.Errorf("rights suppressed %s: %v %q", flag, err, out)
		}
	}
	d.privet(t, "keys", "trim", "--dir", d.dir, "--by", "olga")
	all := d.trailOf(t)
	for _, kind := range []string{"rights.filed", "rights.verify", "rights.planned", "rights.approve", "rights.executing", "rights.step", "rights.proof",
		"rights.compiled", "rights.package", "rights.completed", "subject.erased", "keys.trimmed"} {
		wrote(t, all, "a request for access and one for erasure", written{Kind: kind})
	}
	wrote(t, all, "who ended the epoch of keys", written{Kind: "keys.trimmed", Agent: "olga"})
}

// A recipient of the configuration is told with its key, over TLS or on loopback alone.
func TestRecipientsOfTheConfiguration(t *testing.T) {
	told := make(chan string, 1)
	bureau := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		told <- r.Header.Get("Authorization") + " " + r.Header.Get("Idempotency-Key") + " " + string(raw)
	}))
	defer bureau.Close()
	t.Setenv("BUREAU_KEY", "k1")
	var p privacyConfig
	if err := yaml.Unmarshal([]byte("recipients: {bureau: {url: \""+bureau.URL+"\", bearer: \"${BUREAU_KEY}\"}}"), &p); err != nil {
		t.Fatal(err)
	}
	h := &house{}
	to, err := h.recipient(t.Context(), "bureau", p.Recipients["bureau"])
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Notify(t.Context(), rights.Notice{Right: rights.Erase, Identities: rights.Identity{"email": {"a@example.com"}}}, "idem-1"); err != nil {
		t.Fatal(err)
	}
	if got, want := <-told, `Bearer k1 idem-1 {"right":"erase","identities":{"email":["a@example.com"]}}`; got != want {
		t.Errorf("told %s, want %s", got, want)
	}
	for _, c := range []recipientConfig{{URL: "http://bureau.example/x"}, {URL: "bureau"}, {URL: bureau.URL, Bearer: "${NOT_SET}"}, {URL: bureau.URL, Bearer: "${vault:secret/data/privet/x#key}"}} {
		if _, err := h.recipient(t.Context(), "bureau", c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}
