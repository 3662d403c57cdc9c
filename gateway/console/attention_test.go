package console_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
)

// stubborn refuses every erasure until it is mended, and counts how often each
// collection was erased.
type stubborn struct {
	rights.Holder
	mu     sync.Mutex
	mended bool
	erased map[string]int
}

func (s *stubborn) Erase(ctx context.Context, c *rights.Collection, action rights.Action, targets []rights.Target, idem string) (rights.Effect, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.mended {
		return rights.Effect{}, fmt.Errorf("%w: a lost grant", rights.ErrRefused)
	}
	s.erased[c.Name]++
	return s.Holder.Erase(ctx, c, action, targets, idem)
}

// A system that refuses asks for a person: the page says which and why, offers to try
// only that system again, and the request goes on when it is mended. What other systems
// did is neither shown as undone nor done again.
func TestNeedsAttention(t *testing.T) {
	office, server := openOffice(t)
	desk := &stubborn{Holder: office.Holders["supportdesk"], erased: map[string]int{}}
	office.Holders["supportdesk"] = desk
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: office.Desk.People()[6].Email, Jurisdiction: "DE"})
	for _, who := range []string{"olga", "rosa"} {
		if status, body := act(t, server, who, "POST", "/api/requests/"+r.ID+"/approve", `{"plan_hash":"`+r.Facts.PlanHash+`"}`); status != 200 {
			t.Fatalf("%s: %d %v", who, status, body)
		}
	}
	if r = office.Settle(t, r.ID); r.Status != rights.NeedsAttention {
		t.Fatalf("ended %s", r.Status)
	}
	for _, lang := range page.Languages() {
		shown := pageOf(t, server.Client(), server.URL+"/requests/"+r.ID+"?lang="+string(lang))
		for _, want := range []string{`action="/requests/` + r.ID + `/retry"`, "<option>supportdesk</option>", "a lost grant"} {
			if !strings.Contains(shown, want) {
				t.Errorf("in %s the page does not show %s", lang, want)
			}
		}
	}
	if status, body := act(t, server, "paul", "POST", "/api/requests/"+r.ID+"/retry", `{}`); status != 403 {
		t.Errorf("an auditor tries again: %d %v", status, body)
	}
	if status, body := act(t, server, "olga", "POST", "/api/requests/"+r.ID+"/retry", `{"system":"nowhere"}`); status != 400 {
		t.Errorf("an unknown system: %d %v", status, body)
	}
	again := func() {
		t.Helper()
		retried(t, server.Client(), server.URL+"/requests/"+r.ID+"/retry")
		r = office.Settle(t, r.ID)
	}
	if again(); r.Status != rights.NeedsAttention {
		t.Errorf("not mended, and it ended %s", r.Status)
	}
	desk.mu.Lock()
	desk.mended = true
	desk.mu.Unlock()
	if again(); !strings.HasPrefix(string(r.Status), "completed/") {
		t.Errorf("mended, and it ended %s: %v", r.Status, r.Facts.Findings)
	}
	for name, n := range desk.erased {
		if n != 1 {
			t.Errorf("%s was erased %d times", name, n)
		}
	}
	events, err := office.Timeline(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	tried := slices.DeleteFunc(events, func(e rights.Event) bool { return e.Kind != "retried" })
	if len(tried) != 2 || tried[0].Actor != "olga" || tried[0].Detail["system"] != "supportdesk" {
		t.Errorf("the timeline says %+v", tried)
	}
}

// retried sends the page's form.
func retried(t *testing.T, client *http.Client, address string) {
	t.Helper()
	req, err := http.NewRequest("POST", address, strings.NewReader(url.Values{"system": {"supportdesk"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Privet-Session", "olga")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if resp.Body.Close(); resp.StatusCode != 200 { // after the redirect
		t.Fatalf("trying again: %d", resp.StatusCode)
	}
}

func pageOf(t *testing.T, client *http.Client, address string) string {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", "olga")
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

var told = regexp.MustCompile(`(?:o\.tell\(ctx, tx, r|o\.remark\(ctx, r), "([a-z_]+)"`)

// Every event that the office tells has words, and a page names it in six languages.
func TestEventsHaveWords(t *testing.T) {
	words, err := os.ReadFile("words.yaml")
	if err != nil {
		t.Fatal(err)
	}
	sources, err := filepath.Glob("../../audit/rights/*.go")
	if err != nil {
		t.Fatal(err)
	}
	kinds := []string{"redacted", "shown", "unredacted", "extended", "code_wrong", "code_spent"} // made of other names
	for _, name := range sources {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range told.FindAllSubmatch(raw, -1) {
			if kind := string(m[1]); kind != "code_" {
				kinds = append(kinds, kind)
			}
		}
	}
	if len(kinds) < 25 {
		t.Fatalf("only %d kinds were found in the source", len(kinds))
	}
	for _, kind := range kinds {
		if !strings.Contains(string(words), "\nevent."+kind+":\n") {
			t.Errorf("the event %q has no words", kind)
		}
	}
	office, server := openOffice(t)
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: office.Desk.People()[7].Email, Jurisdiction: "DE"})
	for lang, want := range map[string]string{"en": "Identity proven", "es": "Identidad demostrada", "zh": "身份已确认", "fr": "Identité prouvée", "de": "Identität belegt", "pt": "Identidade comprovada"} {
		if shown := pageOf(t, server.Client(), server.URL+"/requests/"+r.ID+"?lang="+lang); !strings.Contains(shown, want) || strings.Contains(shown, `<span class="mono">verified`) {
			t.Errorf("in %s the page does not say %q", lang, want)
		}
	}
}
