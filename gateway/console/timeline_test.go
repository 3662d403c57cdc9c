package console_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
)

// What an officer reads of a request is in the officer's language, the events' details,
// the proof of identity and the agent's permission too.
func TestTimelineInOwnLanguage(t *testing.T) {
	office, server := openOffice(t)
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: office.Desk.People()[0].Email, Language: "de", Jurisdiction: "DE",
		Agent: &rights.Proxy{Name: "Ann Proxy", Email: "ann@proxy.example", Permission: "power_of_attorney"}})
	if err := office.Hold(t.Context(), r.ID, "olga", "Az. 17", office.Clock.Now().AddDate(0, 1, 0)); err != nil {
		t.Fatal(err)
	}
	if _, err := office.Extend(t.Context(), r.ID, "olga", "complex", ""); err != nil {
		t.Fatal(err)
	}
	if _, err := office.Deny(t.Context(), r.ID, "olga", "legal_obligation", ""); err != nil {
		t.Fatal(err)
	}
	tags := regexp.MustCompile(`<[^>]*>`)
	for _, lang := range page.Languages()[1:] {
		_, text := form(t, server, "olga", "/requests/"+r.ID+"?lang="+string(lang), nil)
		_, main, _ := strings.Cut(text, "<main")
		if lang == "de" && !strings.Contains(main, "Code per E-Mail") {
			t.Error("how identity was proven is not told in German")
		}
		shown := tags.ReplaceAllString(main, " ")
		for _, english := range []string{"code by e-mail", "regime", "gdpr", "erase", "purpose:", "identity", "rows:", "denied/", "ground:", "legal_obligation", "until:", "due:", "power_of_attorney", "level"} {
			if strings.Contains(shown, english) {
				t.Errorf("%s: the page says %q", lang, english)
			}
		}
	}
}
