package desk_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/mfa"
)

// strange tries the password and a wrong code thrice, as a stranger's browser does.
func (b *bench) strange(t *testing.T) {
	t.Helper()
	from := mfa.From{Address: "198.51.100.9", Browser: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
	next, err := b.door.Login(t.Context(), "ada", password, from)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		_, _ = b.door.Code(t.Context(), next.Ticket, "000000", from)
	}
}

// ASVS 5.0 6.3.5: the first page after signing in says what happened meanwhile,
// until its agent says that it was them; the list of it all stays.
func TestNoticePage(t *testing.T) {
	b := open(t)
	b.signIn(t)
	b.next()
	b.strange(t)
	_, body, _ := b.visit(t, b.client, "POST", b.server.URL+"/signin", url.Values{"agent": {"ada"}, "password": {password}})
	b.visit(t, b.client, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")}, "code": {b.code(t)}})
	_, body, _ = b.visit(t, b.client, "GET", b.server.URL+"/?lang=de", nil)
	for _, want := range []string{"Wissen Sie davon?", "Falsche Codes nach dem richtigen Passwort", "Firefox, Linux", "Ihre vorige Anmeldung:", "Sicherheitsteam"} {
		if !strings.Contains(body, want) {
			t.Errorf("the first page lacks %q:\n%s", want, body)
		}
	}
	_, newest, _ := strings.Cut(body, `name="up_to" value="`)
	newest, _, _ = strings.Cut(newest, `"`)
	if status, _, to := b.visit(t, b.client, "POST", b.server.URL+"/notices", url.Values{"up_to": {newest}}); status != http.StatusSeeOther || to != "/" {
		t.Fatalf("confirm: %d to %q", status, to)
	}
	if _, body, _ = b.visit(t, b.client, "GET", b.server.URL+"/?lang=en", nil); strings.Contains(body, "Do you know of this?") {
		t.Error("what was confirmed is asked for again")
	}
	if _, body, _ = b.visit(t, b.client, "GET", b.server.URL+"/sessions", nil); !strings.Contains(body, "Wrong codes after the right password") {
		t.Error("the list of what happened lost it")
	}
}
