package portal

import (
	"context"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/page"
)

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
	b.Do(t, chromedp.Navigate(server.URL+"/notice"), rightstest.Cookie(sessionCookie(done), in["session"].(string), server.URL))
	for _, path := range []string{"/", "/notice", "/requests/" + pending["id"].(string), "/requests/" + done, "/requests/nothing"} {
		for _, lang := range page.Languages() {
			for _, scheme := range []string{"light", "dark"} {
				name := "portal-" + strings.NewReplacer(pending["id"].(string), "pending", done, "done").Replace(strings.Trim(path, "/")) + "-" + string(lang)
				if found := b.Check(t, server.URL+path+"?lang="+string(lang), scheme, name); found != "" {
					t.Errorf("%s in %s, %s:\n%s", path, lang, scheme, found)
				}
			}
		}
	}
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
		rightstest.Tab(`form[action$="/withdraw"] button`), chromedp.KeyEvent("\r"), chromedp.WaitNotPresent(`form[action$="/withdraw"]`))
	if text := b.Text(t, "main"); !strings.Contains(text, "You took the request back") {
		t.Errorf("withdrawing shows %q", text)
	}
}
