package console_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
)

// An import asks whom it must leave out: by program, for officers' eyes, and the trail
// says how many were asked about and never which.
func TestSuppressedAPI(t *testing.T) {
	office, server := openOffice(t)
	who := office.Desk.People()[8]
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: who.Email, Jurisdiction: "DE"})
	for _, officer := range []string{"olga", "rosa"} {
		if _, err := office.Approve(t.Context(), r.ID, rights.Officer{Name: officer}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
	}
	if r = office.Settle(t, r.ID); !strings.HasPrefix(string(r.Status), "completed/") {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	ask := func(as, kind string, values ...string) (int, string) {
		t.Helper()
		status, body := act(t, server, as, "POST", "/api/suppressed", fmt.Sprintf(`{"kind":%q,"values":["%s"]}`, kind, strings.Join(values, `","`)))
		return status, fmt.Sprint(body["suppressed"])
	}
	for _, tc := range []struct {
		kind, value string
		want        bool
	}{{"email", who.Email, true}, {"email", " " + strings.ToUpper(who.Email), true}, {"subject", who.Subject, true}, {"phone", who.Phone.Mobile, true}, {"subject", who.Email, false}, {"email", office.Desk.People()[9].Email, false}} {
		want := "[]"
		if tc.want {
			want = "[" + tc.value + "]"
		}
		if status, got := ask("paul", tc.kind, "nobody@example.org", tc.value); status != 200 || got != want {
			t.Errorf("%s %q: %d %s, want %s", tc.kind, tc.value, status, got, want)
		}
	}
	if status, _ := ask("ada", "email", who.Email); status != 403 {
		t.Errorf("a support agent asks: %d", status)
	}
	if status, _ := ask("olga", "shoe size", "44"); status != 400 {
		t.Errorf("an unknown kind: %d", status)
	}
	if status, body := act(t, server, "olga", "POST", "/api/suppressed", "["); status != 400 || body["code"] != "invalid" {
		t.Errorf("no JSON: %d %v", status, body)
	}
	entries, err := office.Trail.Search(t.Context(), audit.Filter{Kind: "rights.suppressed"})
	if err != nil || len(entries) != 6 || entries[0].Event.Records != 2 || strings.Contains(fmt.Sprint(entries), who.Email) {
		t.Errorf("the trail says %+v: %v", entries, err)
	}
}
