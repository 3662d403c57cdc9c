package portal

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/page"
)

var everyLanguage = flag.Bool("every-language", false, "look every page over in all six languages, and not each in two")

// axe-core finds nothing on any page, in six languages, light and dark.
func TestAccessible(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server, client := open(t)
	who := office.Desk.People()[3]
	_, pending := call(t, client, "POST", server.URL+"/api/requests", `{"right":"erase","email":"`+who.Email+`","jurisdiction":"DE"}`)
	_, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+who.Email+`","jurisdiction":"DE"}`)
	done := filed["id"].(string)
	_, in := call(t, client, "POST", server.URL+"/api/requests/"+done+"/verify", `{"code":"`+office.Mail.Code(t, who.Email)+`"}`)
	r := office.Settle(t, done)
	if _, err := office.Approve(context.Background(), done, rights.Officer{Name: "olga"}, r.Facts.PlanHash); err != nil {
		t.Fatal(err)
	}
	office.Settle(t, done)
	if err := office.Send(context.Background(), done, "olga", "Hello", nil); err != nil {
		t.Fatal(err)
	}
	denied := filedAndProven(t, office, rights.Filing{Right: rights.Erase, Email: office.Desk.People()[4].Email, Jurisdiction: "DE"})
	if _, err := office.Deny(context.Background(), denied, "olga", "legal_obligation", "Own words."); err != nil {
		t.Fatal(err)
	}
	office.Directory = fresh{office.Directory, office.Clock.Now()}
	cooling, err := office.File(context.Background(), rights.Filing{Right: rights.Correct, Email: office.Desk.People()[5].Email, Jurisdiction: "DE", Corrections: []rights.Correction{{Field: "address.city", Old: "A", New: "B"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.Verify(context.Background(), cooling.ID, office.Mail.Code(t, office.Desk.People()[5].Email)); err != nil {
		t.Fatal(err)
	}
	session, err := office.Session(context.Background(), denied)
	if err != nil {
		t.Fatal(err)
	}
	b.Visit(t, server.URL+"/notice")
	b.Do(t, rightstest.Cookie(sessionCookie(done), in["session"].(string), server.URL), rightstest.Cookie(sessionCookie(denied), session, server.URL))
	for p, named := range [][2]string{{"home", "/"}, {"notice", "/notice"}, {"pending", "/requests/" + pending["id"].(string)}, {"done", "/requests/" + done}, {"denied", "/requests/" + denied},
		{"cooling", "/requests/" + cooling.ID}, {"unknown", "/requests/nothing"}} {
		name, path := named[0], named[1]
		for l, lang := range page.Languages() {
			if !*everyLanguage && p%3 != l%3 {
				continue
			}
			b.Visit(t, server.URL+path+"?lang="+string(lang))
			if name == "home" { // with everything open
				b.Unfold(t)
			}
			if found := b.Audit(t, "portal-"+name+"-"+string(lang)); found != "" {
				t.Errorf("%s in %s:\n%s", name, lang, found)
			}
		}
	}
}

// fresh is a directory whose addresses were changed just now.
type fresh struct {
	rights.Directory
	at time.Time
}

func (f fresh) Find(ctx context.Context, kind, value string) ([]rights.Person, error) {
	people, err := f.Directory.Find(ctx, kind, value)
	for i := range people {
		people[i].Changed = f.at
	}
	return people, err
}

func filedAndProven(t testing.TB, office *rightstest.Office, f rights.Filing) string {
	t.Helper()
	r, err := office.File(context.Background(), f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.Verify(context.Background(), r.ID, office.Mail.Code(t, f.Email)); err != nil {
		t.Fatal(err)
	}
	office.Settle(t, r.ID)
	return r.ID
}

// A journey by keyboard alone and without JavaScript: file, prove, withdraw.
func TestKeyboardWithoutScript(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server, _ := open(t)
	who := office.Desk.People()[9]
	b.Do(t, rightstest.WithoutScript(), chromedp.Navigate(server.URL+"/?lang=en"),
		rightstest.Tab(`input[name="right"]`), chromedp.KeyEvent(" "), rightstest.Tab("#email"), chromedp.KeyEvent(who.Email), rightstest.Tab("#name"), chromedp.KeyEvent("Ana"),
		chromedp.KeyEvent("\r"), chromedp.WaitVisible("#code"))
	b.Do(t, rightstest.Tab("#code"), chromedp.KeyEvent(office.Mail.Code(t, who.Email)), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#letters"),
		rightstest.Tab("summary.button"), chromedp.KeyEvent("\r"), rightstest.Tab(`form[action$="/withdraw"] button`), chromedp.KeyEvent("\r"), chromedp.WaitNotPresent(`form[action$="/withdraw"]`))
	if text := b.Text(t, "main"); !strings.Contains(text, "You took the request back") {
		t.Errorf("withdrawing shows %q", text)
	}
}

// An agent asks to have somebody's data corrected: by keyboard alone and without
// JavaScript, with evidence attached; the request is denied, read and appealed.
func TestAgentCorrectsByKeyboard(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server, _ := open(t)
	who := office.Desk.People()[10]
	evidence := filepath.Join(t.TempDir(), "bill.txt")
	if err := os.WriteFile(evidence, []byte("Electricity bill, 12 New Road"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.Do(t, rightstest.WithoutScript(), chromedp.Navigate(server.URL+"/?lang=en"),
		rightstest.Tab(`input[name="right"]`), chromedp.KeyEvent(kb.ArrowDown), rightstest.Tab("#email"), chromedp.KeyEvent(who.Email), rightstest.Tab("#name"), chromedp.KeyEvent(who.Name.Full),
		rightstest.Tab("details:has(#field) summary"), chromedp.KeyEvent("\r"), rightstest.Tab("#field"), chromedp.KeyEvent("Street"),
		rightstest.Tab("#old"), chromedp.KeyEvent(who.Address.Street), rightstest.Tab("#new"), chromedp.KeyEvent("12 New Road"),
		rightstest.Tab("details:has(#agent) summary"), chromedp.KeyEvent("\r"), rightstest.Tab("#agent"), chromedp.KeyEvent("Adele Anwalt"), rightstest.Tab("#agent_email"), chromedp.KeyEvent("adele@example.org"),
		rightstest.Tab("#permission"), chromedp.KeyEvent("Power"), rightstest.Tab(`form[action="/requests"] button`), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#code"))
	list, err := office.List(t.Context(), rights.Filter{})
	if err != nil || len(list) != 1 {
		t.Fatalf("%d requests: %v", len(list), err)
	}
	id := list[0].ID
	status := func(s rights.Status) func() bool {
		return func() bool {
			r, err := office.Get(t.Context(), id)
			return err == nil && r.Status == s
		}
	}
	at := server.URL + "/requests/" + id
	b.Do(t, rightstest.Tab("#code"), chromedp.KeyEvent(office.Mail.Code(t, who.Email)))
	b.Enter(t)
	rightstest.Until(t, status(rights.Verified))
	opened, err := office.Office.Open(t.Context(), id)
	if err != nil || opened.Body.Agent == nil || opened.Body.Agent.Permission != "power_of_attorney" || opened.Body.Corrections[0] != (rights.Correction{Field: "address.street", Old: who.Address.Street, New: "12 New Road"}) {
		t.Fatalf("filed as %+v: %v", opened.Body, err)
	}
	b.Do(t, chromedp.Navigate(at), chromedp.WaitVisible("#letters"), chromedp.SetUploadFiles("#file", []string{evidence}), rightstest.Tab("#text"), chromedp.KeyEvent("My bill"),
		rightstest.Tab(`form[action$="/messages"] button`))
	b.Enter(t)
	rightstest.Until(t, func() bool {
		m, err := office.Messages(t.Context(), id)
		return err == nil && len(m) == 1 && len(m[0].Files) == 1 && m[0].Files[0].Name == "bill.txt"
	})
	office.Settle(t, id)
	if _, err := office.Deny(t.Context(), id, "olga", "accurate", ""); err != nil {
		t.Fatal(err)
	}
	b.Visit(t, at)
	if text := b.Text(t, "main"); !strings.Contains(text, "more likely than not accurate") || !strings.Contains(text, "On 2 November 2026 you asked us to correct") {
		t.Errorf("the denial shows %q", text)
	}
	b.Do(t, rightstest.Tab("#why"), chromedp.KeyEvent("The bill says so"), rightstest.Tab(`form[action$="/appeal"] button`))
	b.Enter(t)
	rightstest.Until(t, func() bool {
		list, err := office.List(t.Context(), rights.Filter{Status: rights.Appealed})
		return err == nil && len(list) == 1 && list[0].Facts.Parent == id
	})
}

// The package, proven anew and taken by keyboard, without JavaScript.
func TestDownloadByKeyboard(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server, _ := open(t)
	who := office.Desk.People()[11]
	r := answered(t, office, rights.Filing{Right: rights.Access, Email: who.Email, Jurisdiction: "DE"})
	dir := t.TempDir()
	b.Do(t, rightstest.WithoutScript(), rightstest.DownloadsTo(dir), chromedp.Navigate(server.URL+"/requests/"+r.ID+"?lang=en"),
		rightstest.Tab(`form[action$="/code"] button`))
	b.Enter(t)
	if n := count(t, office.Office, r.ID, "code_sent"); n != 2 {
		t.Fatalf("%d codes sent", n)
	}
	b.Do(t, rightstest.Tab("#pcode"), chromedp.KeyEvent(office.Mail.Code(t, who.Email)), chromedp.KeyEvent("\r"))
	rightstest.Until(t, func() bool {
		found, err := filepath.Glob(filepath.Join(dir, "*.zip"))
		if err != nil || len(found) != 1 {
			return false
		}
		raw, err := os.ReadFile(found[0])
		return err == nil && int64(len(raw)) == r.Facts.Package.Bytes && zipOpens(raw)
	})
}
