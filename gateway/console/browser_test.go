package console_test

import (
	"flag"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/page"
)

var everyLanguage = flag.Bool("every-language", false, "look every page over in all six languages, and not each in two")

// axe-core finds nothing on the officers' pages, in six languages, light and dark.
func TestRequestPagesAccessible(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server := openOffice(t)
	people := office.Desk.People()
	for i, place := range []string{"DE", "US-CA", "BR", "CA-QC"} {
		filed(t, office, rights.Filing{Right: []rights.Right{rights.Access, rights.Erase}[i%2], Email: people[i].Email, Name: people[i].Name.Full, Jurisdiction: place})
	}
	erase := filed(t, office, rights.Filing{Right: rights.Erase, Email: people[10].Email, Name: people[10].Name.Full, Jurisdiction: "US-CA"})
	if _, err := office.Approve(t.Context(), erase.ID, rights.Officer{Name: "rosa"}, erase.Facts.PlanHash); err != nil {
		t.Fatal(err)
	}
	if err := office.SendAsCardholder(t.Context(), erase.ID, "Please hurry.\nThank you!", []rights.File{{Name: "letter.pdf", Type: "application/pdf", Bytes: []byte("%PDF-1.4")}}); err != nil {
		t.Fatal(err)
	}
	access := filed(t, office, rights.Filing{Right: rights.Access, Email: people[11].Email, Name: people[11].Name.Full, Jurisdiction: "US-CA"})
	for _, e := range []rights.Edit{{Words: "Uncle Zeph", Reason: "person"}, {Words: "Annika Brandt", Show: true, Reason: "consent"}} {
		if _, err := office.Redact(t.Context(), access.ID, "rosa", e); err != nil {
			t.Fatal(err)
		}
	}
	b.Visit(t, server.URL)
	b.Do(t, rightstest.Cookie("__Host-privet", "olga", server.URL))
	pages := [][2]string{{"queue", "/"}, {"misses", "/?misses=1"}, {"erase", "/requests/" + erase.ID}, {"access", "/requests/" + access.ID}, {"texts", "/requests/" + access.ID + "/texts"}, {"unknown", "/requests/nothing"}, {"deny"}, {"extend"}}
	for l, lang := range page.Languages() {
		for p, named := range pages {
			name, path := named[0], named[1]
			if !*everyLanguage && p%3 != l%3 {
				continue
			}
			if path == "" { // a page behind a form, in the language that was chosen last
				b.Visit(t, server.URL+"/requests/"+erase.ID+"?lang="+string(lang))
				b.Do(t, chromedp.Submit(`form[action$="/preview"]:has(input[value="`+name+`"])`), chromedp.WaitVisible(".letter"))
				if found := b.Audit(t, "console-"+name+"-"+string(lang)); found != "" {
					t.Errorf("the letter to %s in %s:\n%s", name, lang, found)
				}
				continue
			}
			at := server.URL + path + map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")] + "lang=" + string(lang)
			b.Visit(t, at)
			b.Unfold(t)
			if found := b.Audit(t, "console-"+name+"-"+string(lang)); found != "" {
				t.Errorf("%s in %s:\n%s", name, lang, found)
			}
		}
	}
	b.Visit(t, server.URL+"/requests/"+erase.ID)
	if text := b.Text(t, "main"); !strings.Contains(text, people[10].Email) {
		t.Errorf("the page shows %q", text)
	}
}

// By keyboard alone and without JavaScript: hide words in a transcript, show others,
// approve, and deny another request with the letter looked at first.
func TestOfficerByKeyboard(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	office, server := openOffice(t)
	people := office.Desk.People()
	access := filed(t, office, rights.Filing{Right: rights.Access, Email: people[1].Email, Name: people[1].Name.Full, Jurisdiction: "DE"})
	erase := filed(t, office, rights.Filing{Right: rights.Erase, Email: people[2].Email, Name: people[2].Name.Full, Language: "fr", Jurisdiction: "FR"})
	texts := server.URL + "/requests/" + access.ID + "/texts"
	edits := func(n int) func() bool {
		return func() bool {
			r, err := office.Office.Open(t.Context(), access.ID)
			return err == nil && len(r.Body.Edits) == n
		}
	}
	reached := func(id string, s rights.Status) func() bool {
		return func() bool {
			r, err := office.Get(t.Context(), id)
			return err == nil && r.Status == s
		}
	}
	b.Do(t, rightstest.WithoutScript(), chromedp.Navigate(server.URL), rightstest.Cookie("__Host-privet", "olga", server.URL), chromedp.Navigate(server.URL+"/?lang=en"),
		rightstest.Tab(`a[href="/requests/`+access.ID+`"]`), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#plan"),
		rightstest.Tab(`a[href$="/texts"]`), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#words"),
		rightstest.Tab("#words"), chromedp.KeyEvent("uncle zeph"))
	b.Enter(t)
	rightstest.Until(t, edits(1))
	b.Do(t, chromedp.Navigate(texts), rightstest.Tab(`details:has(input[value="Annika Brandt"]) summary`), chromedp.KeyEvent("\r"),
		rightstest.Tab(`form:has(input[value="Annika Brandt"]) button`))
	b.Enter(t)
	rightstest.Until(t, edits(2))
	b.Visit(t, texts)
	if text := b.Text(t, "ins"); text != "Annika Brandt" {
		t.Errorf("shown again: %q", text)
	}
	b.Do(t, rightstest.Tab(`main a.button[href="/requests/`+access.ID+`"]`), chromedp.KeyEvent("\r"), chromedp.WaitVisible("#decide"),
		rightstest.Tab(`form[action$="/approve"] button`))
	b.Enter(t)
	rightstest.Until(t, reached(access.ID, rights.Scheduled))
	b.Do(t, chromedp.Navigate(server.URL+"/requests/"+erase.ID), rightstest.Tab(`details:has(#reason) summary`), chromedp.KeyEvent("\r"),
		rightstest.Tab(`details:has(#reason) button`), chromedp.KeyEvent("\r"), chromedp.WaitVisible(".letter"))
	if text := b.Text(t, ".letter"); !strings.Contains(text, "vous nous avez demandé d’effacer") {
		t.Errorf("the letter says %q", text)
	}
	b.Do(t, rightstest.Tab(`button.danger`))
	b.Enter(t)
	rightstest.Until(t, reached(erase.ID, rights.DeniedNotVerified))
}
