package console_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/gateway/console"
	"github.com/privet-gateway/privet/mfa"
)

// doors lets in by the name of the session.
type doors map[string]*mfa.Session

func (d doors) Recognise(r *http.Request) (*mfa.Session, error) {
	if s := d[mfa.TokenOf(r)]; s != nil {
		return s, nil
	}
	return nil, mfa.ErrNoSession
}

func openConsole(t *testing.T) (*audit.Trail, *httptest.Server) {
	t.Helper()
	trail := openTrail(t)
	web := serveConsole(t, trail, "")
	return trail, web
}

func openTrail(t *testing.T) *audit.Trail {
	t.Helper()
	dir := t.TempDir()
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(t.Context(), audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k, Origin: "privet.test/trail",
		Timeout: storetest.Timeout, Checkpoint: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close(); k.Close() })
	return trail
}

// serveConsole serves a console until the test ends, with its exports in a directory.
func serveConsole(t *testing.T, trail *audit.Trail, exports string) *httptest.Server {
	t.Helper()
	c, err := console.New(console.Config{Trail: trail, Exports: exports, Door: doors{
		"officer": {ID: "s1", Agent: "olga", Name: "Olga Petrova", Roles: []string{"privacy"}},
		"auditor": {ID: "s2", Agent: "otto", Name: "Otto", Roles: []string{"auditor"}},
		"agent":   {ID: "s3", Agent: "mara", Roles: []string{"tier1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(c)
	ctx, stop := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() { c.Run(ctx) })
	t.Cleanup(func() { web.Close(); stop(); work.Wait() })
	return web
}

func ask(t *testing.T, method, url, session, body string, want int) []byte {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Privet-Session", session)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != want {
		t.Fatalf("%s %s: status %d, want %d (%v)\n%.400s", method, url, answer.StatusCode, want, err, text)
	}
	return text
}

func fillTrail(t *testing.T, trail *audit.Trail) (first audit.Receipt) {
	t.Helper()
	for i, e := range []audit.Event{
		{Kind: "signin.code", Agent: "mara", Outcome: "refused", Reason: "totp_reused"},
		{Kind: "view.intent", Agent: "mara", Roles: []string{"tier1"}, Tool: "cases", Screen: "account", Outcome: "allowed", Purpose: "dispute", Case: "C-1042",
			Subjects: []string{"cust_42"}, Personal: map[string]string{"caller": "+49 30 1234567"}, Classes: map[string]string{"pan": "mask", "cvv": "withhold"}},
		{Kind: "view.outcome", Agent: "mara", Tool: "cases", Screen: "account", Outcome: "allowed", Intent: "1.1", Records: 1, Subjects: []string{"cust_42"}},
		{Kind: "refusal", Agent: "joe", Tool: "cases", Screen: "disputes", Outcome: "refused", Reason: "screen_denied", Subjects: []string{"cust_43"}},
	} {
		r, err := trail.Append(t.Context(), e)
		if err != nil {
			t.Fatal(err)
		}
		if i == 1 {
			first = r
		}
	}
	return first
}

func TestTrailAPI(t *testing.T) {
	trail, web := openConsole(t)
	first := fillTrail(t, trail)
	var page struct {
		Entries []struct {
			Receipt, Kind, Agent string
			Subjects             []string
			Personal             map[string]string
		}
		Next string
	}
	if err := json.Unmarshal(ask(t, "GET", web.URL+"/api/trail?subject=cust_42&kind=view.*", "auditor", "", 200), &page); err != nil || len(page.Entries) != 2 {
		t.Fatalf("%+v, %v", page, err)
	}
	if e := page.Entries[1]; e.Receipt != string(first) || e.Subjects[0] != "cust_42" || e.Personal["caller"] == "" {
		t.Errorf("entry %+v", e)
	}
	if err := json.Unmarshal(ask(t, "GET", web.URL+"/api/trail?limit=2", "officer", "", 200), &page); err != nil || page.Next == "" {
		t.Fatalf("%+v, %v", page, err)
	}
	// Who looked is in the trail, before they saw it.
	if page.Entries[0].Kind != "trail.read" || page.Entries[0].Agent != "olga" {
		t.Errorf("the newest entry is %+v", page.Entries[0])
	}
	ask(t, "GET", web.URL+"/api/trail?from=yesterday", "officer", "", 400)
	ask(t, "GET", web.URL+"/api/trail/9.9", "officer", "", 404)
	ask(t, "GET", web.URL+"/api/trail", "agent", "", 403)
	ask(t, "GET", web.URL+"/api/trail", "", "", 401)
	ask(t, "GET", web.URL+"/api/trail/"+string(first), "auditor", "", 200)
}

func TestExportAPI(t *testing.T) {
	trail, web := openConsole(t)
	fillTrail(t, trail)
	var job struct{ ID, Status, File string }
	if err := json.Unmarshal(ask(t, "POST", web.URL+"/api/exports", "officer", `{"kind":"view.*"}`, 202), &job); err != nil {
		t.Fatal(err)
	}
	ask(t, "GET", web.URL+"/api/exports/"+job.ID, "auditor", "", 404) // another's
	if r := verify(t, trail, download(t, web, job.ID)); r.Entries != 2 {
		t.Errorf("%s %v", r.Line(), r.Findings)
	}
}

// Pages in all languages; with PRIVET_SCREENSHOTS=DIR they are photographed.
func TestTrailPages(t *testing.T) {
	trail, web := openConsole(t)
	first := fillTrail(t, trail)
	if err := trail.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, lang := range []string{"en", "es", "zh", "fr", "de", "pt"} {
		list := string(ask(t, "GET", web.URL+"/trail?lang="+lang, "officer", "", 200))
		for _, want := range []string{"cust_42", "view.intent", "totp_reused", "privet.test/trail/1", `lang="` + lang + `"`} {
			if !strings.Contains(list, want) {
				t.Errorf("%s: no %q on the page", lang, want)
			}
		}
		one := string(ask(t, "GET", web.URL+"/trail/"+string(first)+"?lang="+lang, "officer", "", 200))
		for _, want := range []string{"C-1042", "49 30 1234567", "/trail/proofs/1.1"} {
			if !strings.Contains(one, want) {
				t.Errorf("%s: no %q on the page", lang, want)
			}
		}
	}
	proof := string(ask(t, "GET", web.URL+"/trail/proofs/"+string(first), "officer", "", 200))
	if !strings.HasPrefix(proof, "c2sp.org/tlog-proof@v1\n") {
		t.Errorf("proof: %s", proof)
	}
	if strings.Contains(string(ask(t, "GET", web.URL+"/trail?kind=%3Cscript%3E", "officer", "", 200)), "<script>") {
		t.Error("the page repeats markup")
	}
	var export struct{ ID string }
	if err := json.Unmarshal(ask(t, "POST", web.URL+"/api/exports", "officer", "{}", 202), &export); err != nil {
		t.Fatal(err)
	}
	photograph(t, web.URL, "/trail", "/trail/"+string(first), "/trail/exports/"+export.ID)
}

func photograph(t *testing.T, base string, paths ...string) {
	t.Helper()
	dir, browser := os.Getenv("PRIVET_SCREENSHOTS"), os.Getenv("PRIVET_TEST_CHROMIUM")
	if dir == "" || browser == "" {
		return
	}
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(browser), chromedp.NoSandbox, chromedp.WindowSize(1200, 900))...)
	defer cancel()
	ctx, cancel := chromedp.NewContext(alloc)
	defer cancel()
	for _, scheme := range []string{"light", "dark"} {
		for _, lang := range []string{"en", "zh", "de"} {
			for _, path := range paths {
				file := filepath.Join(t.TempDir(), "page.html")
				if err := os.WriteFile(file, ask(t, "GET", base+path+"?lang="+lang, "officer", "", 200), 0o600); err != nil {
					t.Fatal(err)
				}
				err := chromedp.Do(ctx, inScheme(scheme), chromedp.Navigate("file://"+file))
				if err != nil {
					t.Fatal(err)
				}
				png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
				if err != nil {
					t.Fatal(err)
				}
				name := strings.Trim(strings.ReplaceAll(strings.Split(path, "s/")[0], "/", "-"), "-")
				if err := os.WriteFile(filepath.Join(dir, name+"-"+lang+"-"+scheme+".png"), png, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// inScheme is a person who prefers light or dark pages.
func inScheme(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}
