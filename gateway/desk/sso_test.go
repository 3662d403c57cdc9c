package desk_test

import (
	"bufio"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

// identity runs deploy/npm, a certified OpenID provider, for a redirect address.
func identity(t *testing.T, redirect string) string {
	t.Helper()
	dir, err := filepath.Abs("../../deploy/npm")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(dir, "node_modules", "oidc-provider"))
	}
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("no OpenID provider: run npm ci in deploy/npm")
		}
		t.Skip("no OpenID provider: run npm ci in deploy/npm")
	}
	cmd := exec.Command(node, "provider.mjs", redirect)
	cmd.Dir = dir
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = in.Close(); _ = cmd.Wait() })
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if strings.HasPrefix(lines.Text(), "http://127.0.0.1:") {
			return lines.Text()
		}
	}
	t.Fatal("the OpenID provider says nothing")
	return ""
}

// comeIn signs in at the provider as somebody and returns the desk's answer.
func (b *bench) comeIn(t *testing.T, c *http.Client, who string) (int, string, string) {
	t.Helper()
	status, body, to := b.visit(t, c, "POST", b.server.URL+"/sso", url.Values{})
	if status != http.StatusSeeOther {
		t.Fatalf("start: %d %s", status, body)
	}
	issuer := to[:strings.Index(to, "/auth")]
	_, _, to = b.visit(t, c, "GET", to, nil)
	for to != "" && !strings.HasPrefix(to, b.server.URL) {
		if strings.HasPrefix(to, "/") {
			to = issuer + to
		}
		if strings.Contains(to, "/interaction/") {
			to += "?" + who
		}
		_, body, to = b.visit(t, c, "GET", to, nil)
	}
	if to == "" {
		t.Fatalf("the provider keeps us: %s", body)
	}
	b.callback = to
	return b.visit(t, c, "GET", to, nil)
}

func TestSSO(t *testing.T) {
	sso := &mfa.SSO{Client: "privet", Secret: "only-for-tests", Roles: map[string][]string{"front-line": {"tier1"}, "fraud": {"fraud", "tier2"}}}
	b := open(t, func(c *mfa.Config) {
		sso.Issuer = identity(t, c.Desk.JoinPath("/sso/callback").String())
		c.SSO = sso
	})
	status, body, to := b.comeIn(t, browser(), "as=kim&groups=front-line,fraud&amr=otp")
	if status != 303 || to != "/" {
		t.Fatalf("with the provider's second factor: %d to %q %s", status, to, body)
	}
	people, err := b.door.People(t.Context())
	if err != nil || len(people) != 2 || strings.Join(people[1].Roles, ",") != "fraud,tier1,tier2" || people[1].Sessions != 1 {
		t.Errorf("people %+v, %v", people, err)
	}
	if status, _, _ := b.visit(t, browser(), "GET", b.callback, nil); status != 401 {
		t.Errorf("the callback again: %d", status)
	}
	b.comeIn(t, browser(), "as=kim&groups=fraud,front-line&amr=otp")
	if people, err = b.door.People(t.Context()); err != nil || people[1].Sessions != 2 {
		t.Errorf("the same groups in another order leave %d sessions of two, %v", people[1].Sessions, err)
	}
	if status, body, _ = b.comeIn(t, browser(), "as=kim&groups=front-line"); status != 200 || !strings.Contains(body, "Second proof") {
		t.Errorf("by password alone a code is wanted: %d %s", status, body)
	}
	people, _ = b.door.People(t.Context())
	if strings.Join(people[1].Roles, ",") != "tier1" || people[1].Sessions != 0 {
		t.Errorf("a group taken away leaves %v and %d sessions", people[1].Roles, people[1].Sessions)
	}
	if status, body, _ = b.comeIn(t, browser(), "as=zoe&groups=visitors&amr=otp"); status != 403 || !strings.Contains(body, "no_role") {
		t.Errorf("without a role: %d %s", status, body)
	}
	if status, _, _ = b.comeIn(t, browser(), "as=ada&groups=front-line&amr=otp"); status != 403 {
		t.Errorf("the provider signs in as somebody of the local directory: %d", status)
	}
	victim, attacker := browser(), browser()
	b.comeIn(t, attacker, "as=mal&groups=front-line&amr=otp")
	if status, _, _ = b.visit(t, victim, "GET", b.callback, nil); status == 303 {
		t.Error("an attacker's answer signs another browser in")
	}
}

// A level (acr) or method (amr) that is configured counts as the second factor;
// every other sign-in gets TOTP on top, and then carries both proofs.
func TestSSOLevels(t *testing.T) {
	b := open(t, func(c *mfa.Config) {
		c.SSO = &mfa.SSO{Client: "privet", Secret: "only-for-tests", Roles: map[string][]string{"front-line": {"tier1"}}, ACR: []string{"urn:test:aal2"}, AMR: []string{"hwk"},
			Issuer: identity(t, c.Desk.JoinPath("/sso/callback").String())}
	})
	proofs := func() (kinds []string) {
		t.Helper()
		list, err := b.door.Sessions(t.Context(), "kim")
		if err != nil || len(list) == 0 {
			t.Fatalf("sessions %v, %v", list, err)
		}
		for _, p := range list[0].Proofs {
			kinds = append(kinds, p.Kind)
		}
		return kinds
	}
	for _, c := range []struct {
		proven string
		strong bool
	}{{"&acr=urn:test:aal2", true}, {"&amr=hwk", true}, {"&acr=urn:test:aal1", false}, {"&acr=urn:test:aal1&amr=otp", false}, {"", false}} {
		b.next()
		status, body, _ := b.comeIn(t, browser(), "as=kim&groups=front-line"+c.proven)
		if strong := status == http.StatusSeeOther; strong != c.strong {
			t.Errorf("%q: %d %s", c.proven, status, body)
		}
		if got := strings.Join(proofs(), " "); c.strong && got != "sso sso_mfa" {
			t.Errorf("%q: proofs %s", c.proven, got)
		}
	}
	invite, err := b.door.Invite(t.Context(), "sofia", "kim")
	if err != nil {
		t.Fatal(err)
	}
	device, err := b.door.Enrol(t.Context(), invite, password, mfa.From{})
	if err != nil {
		t.Fatal(err)
	}
	secret := strings.ReplaceAll(device.Secret, " ", "")
	if _, err := b.door.Confirm(t.Context(), device.Ticket, codeAt(t, secret, b.clock()), mfa.From{}); err != nil {
		t.Fatal(err)
	}
	b.next()
	c := browser()
	_, body, _ := b.comeIn(t, c, "as=kim&groups=front-line&acr=urn:test:aal1")
	status, body, to := b.visit(t, c, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")}, "code": {codeAt(t, secret, b.clock())}})
	if status != http.StatusSeeOther || to != "/" {
		t.Fatalf("with TOTP on top: %d to %q %s", status, to, body)
	}
	if got := strings.Join(proofs(), " "); got != "sso totp" {
		t.Errorf("with TOTP on top: proofs %s", got)
	}
}

// A session that rests on the provider's word lasts no longer than that, however
// busy its person is, and an old word is not taken.
func TestSSOMaxAge(t *testing.T) {
	b := open(t, func(c *mfa.Config) {
		c.SSO = &mfa.SSO{Client: "privet", Secret: "only-for-tests", Roles: map[string][]string{"front-line": {"tier1"}}, MaxAge: 20 * time.Minute,
			Issuer: identity(t, c.Desk.JoinPath("/sso/callback").String())}
	})
	b.set(time.Now().UTC()) // the provider goes by the clock on the wall
	client := browser()
	if status, body, _ := b.comeIn(t, client, "as=kim&groups=front-line&amr=otp"); status != 303 {
		t.Fatalf("%d %s", status, body)
	}
	for minutes, want := range []int{200, 200, 401} {
		if status, _, _ := b.visit(t, client, "GET", b.server.URL+"/sessions", nil); status != want {
			t.Errorf("after %d minutes: %d, want %d", 10*minutes, status, want)
		}
		b.set(b.clock().Add(10*time.Minute + time.Second))
	}
	if status, _, _ := b.comeIn(t, browser(), "as=kim&groups=front-line&amr=otp"); status == 303 {
		t.Error("a word of half an hour ago is taken")
	}
}
