package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/gateway/console"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// Whatever is not there, an officer is led on from it, in every language; who is
// not one is not even told that it is not.
func TestMissingLeadsOn(t *testing.T) {
	_, web := openOffice(t)
	for _, path := range []string{"/nothing", "/requests/none", "/trail/1.999999", "/requests/none/plan", "/trail/proofs/1.999999"} {
		for _, lang := range page.Languages() {
			if status, body := form(t, web, "olga", path+"?lang="+string(lang), nil); status != http.StatusNotFound || !strings.Contains(body, `<a class="button" href="/">`) || !strings.Contains(body, "<nav") {
				t.Errorf("%s in %s: %d %s", path, lang, status, body)
			}
		}
		if status, _ := form(t, web, "ada", path, nil); status != http.StatusForbidden {
			t.Errorf("%s for an agent: %d", path, status)
		}
	}
	if status, out := act(t, web, "olga", "GET", "/api/nothing", ""); status != http.StatusNotFound || out["code"] != "not_found" {
		t.Errorf("a program: %d %v", status, out)
	}
}

// Who opens what a person sent, or an entry's proof, is in the trail before they see it.
func TestLooksAreWrittenDown(t *testing.T) {
	office, web := openOffice(t)
	person := office.Desk.People()[1]
	r := filed(t, office, rights.Filing{Right: rights.Access, Email: person.Email, Language: "en"})
	file, err := rights.CheckFile("passport.pdf", []byte("%PDF-1.4\n%%EOF\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := office.SendAsCardholder(t.Context(), r.ID, "here it is", []rights.File{file}); err != nil {
		t.Fatal(err)
	}
	for path, kind := range map[string]string{"/requests/" + r.ID + "/files/1/0": "rights.viewed", "/trail/proofs/1.1": "trail.read"} {
		before := looks(t, office.Trail, kind)
		status, body := form(t, web, "paul", path, nil)
		if status == http.StatusNotFound || looks(t, office.Trail, kind) != before+1 {
			t.Errorf("%s: %d, %d looks more: %.80s", path, status, looks(t, office.Trail, kind)-before, body)
		}
	}
}

func looks(t *testing.T, trail *audit.Trail, kind string) (n int) {
	t.Helper()
	list, err := trail.Search(t.Context(), audit.Filter{Kind: kind, Agent: "paul"})
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// silent writes nothing down and keeps secrets as they are.
type silent struct{}

func (silent) Record(context.Context, mfa.Act) (string, error)            { return "test", nil }
func (silent) Seal(_ context.Context, _ string, b []byte) ([]byte, error) { return b, nil }
func (silent) Open(_ context.Context, _ string, b []byte) ([]byte, error) { return b, nil }

// A session that was handed over to a tool's host is none at the console, however
// the console's name is written.
func TestOtherHostsSession(t *testing.T) {
	desk, _ := url.Parse("https://desk.test")
	tool, _ := url.Parse("https://cases.test:8443")
	door, err := mfa.Open(t.Context(), mfa.Config{Store: storetest.Open(t, store.SQLite, mfa.Schema()), Sealer: silent{}, Trail: silent{}, Desk: desk, Hosts: []*url.URL{tool},
		Argon: mfa.Argon{Memory: 64, Passes: 1, Threads: 1}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(door.Close)
	office, _ := openOffice(t)
	c, err := console.New(console.Config{Office: office.Office, Trail: office.Trail, Door: door, Desk: desk})
	if err != nil {
		t.Fatal(err)
	}
	everywhere, here := signedIn(t, door)
	for _, host := range []string{"console.test:8443", "console.test", "CONSOLE.test:8443"} {
		for token, want := range map[string]int{everywhere: http.StatusOK, here: http.StatusUnauthorized} {
			r := httptest.NewRequest("GET", "https://"+host+"/api/requests", nil)
			r.AddCookie(&http.Cookie{Name: mfa.SessionCookie, Value: token})
			w := httptest.NewRecorder()
			if c.ServeHTTP(w, r); w.Code != want {
				t.Errorf("%s: %d, want %d", host, w.Code, want)
			}
		}
	}
}

// signedIn is an officer's session: of the desk, and handed over to the tool's host.
func signedIn(t *testing.T, door *mfa.Door) (everywhere, here string) {
	t.Helper()
	const password = "plum harbour lantern 9"
	if _, err := door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "olga", Kind: "officer", Roles: []string{"privacy"}}, Password: password, Seed: []byte(strings.Repeat("o", 20))}); err != nil {
		t.Fatal(err)
	}
	codes, err := door.NewRecovery(t.Context(), "olga", "olga")
	if err != nil {
		t.Fatal(err)
	}
	next, err := door.Login(t.Context(), "olga", password, mfa.From{})
	if err != nil {
		t.Fatal(err)
	}
	in, err := door.Code(t.Context(), next.Ticket, codes[0], mfa.From{})
	if err != nil {
		t.Fatal(err)
	}
	s, err := door.Session(t.Context(), in.Token)
	if err != nil {
		t.Fatal(err)
	}
	left := httptest.NewRecorder()
	to, _, err := door.Depart(left, httptest.NewRequest("GET", "https://cases.test:8443/", nil))
	if err != nil {
		t.Fatal(err)
	}
	back, _ := url.Parse(to)
	enter, err := door.HandOver(t.Context(), s, back.Query().Get("return"))
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", enter, nil)
	r.AddCookie(left.Result().Cookies()[0])
	entered := httptest.NewRecorder()
	if _, err := door.Enter(entered, r); err != nil {
		t.Fatal(err)
	}
	for _, cookie := range entered.Result().Cookies() {
		if cookie.Name == mfa.SessionCookie {
			here = cookie.Value
		}
	}
	return in.Token, here
}
