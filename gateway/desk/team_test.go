package desk_test

import (
	"bytes"
	"encoding/base32"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

// addSupervisor adds sofia, whose device has a seed of its own.
func (b *bench) addSupervisor(t *testing.T) {
	t.Helper()
	_, err := b.door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "sofia", Display: "Sofia Reis", Kind: "agent", Roles: []string{"supervisor"}},
		Password: password, Seed: supervisorSeed()})
	if err != nil {
		t.Fatal(err)
	}
}

func supervisorSeed() []byte { return bytes.Repeat([]byte("v"), 20) }

// page signs somebody in by hand and returns their browser.
func (b *bench) page(t *testing.T, name string, seed []byte) func(method, path string, form url.Values) (int, string) {
	t.Helper()
	c := browser()
	_, body, _ := b.visit(t, c, "POST", b.server.URL+"/signin", url.Values{"agent": {name}, "password": {password}})
	b.next()
	status, body, _ := b.visit(t, c, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")},
		"code": {codeAt(t, base32.StdEncoding.EncodeToString(seed), b.clock())}})
	if status != 303 {
		t.Fatalf("%s signs in: %d %s", name, status, body)
	}
	return func(method, path string, form url.Values) (int, string) {
		t.Helper()
		status, body, _ := b.visit(t, c, method, b.server.URL+path, form)
		return status, body
	}
}

// A supervisor sees everybody's sessions and broken glass, and ends, locks,
// unlocks and invites; nobody else does, not even on themselves, and not with
// an old second factor.
func TestTeam(t *testing.T) {
	b := open(t)
	b.addSupervisor(t)
	ada := b.page(t, "ada", seed)
	if status, body := ada("POST", "/break-glass", url.Values{"reason": {"too short"}}); status != 400 {
		t.Errorf("a reason of nine characters: %d %s", status, body)
	}
	const reason = "caller lost their phone abroad <b>"
	if status, body := ada("POST", "/break-glass", url.Values{"reason": {reason}}); status != 200 || !strings.Contains(body, "The glass is broken until") {
		t.Fatalf("break the glass: %d %s", status, body)
	}
	if status, _ := ada("GET", "/team", nil); status != 403 {
		t.Errorf("an agent sees the team: %d", status)
	}
	if status, _ := ada("POST", "/team/lock", url.Values{"name": {"sofia"}}); status != 403 {
		t.Errorf("an agent locks a supervisor: %d", status)
	}
	sofia := b.page(t, "sofia", supervisorSeed())
	_, body := sofia("GET", "/team", nil)
	for _, want := range []string{"Ada Brooks", "caller lost their phone abroad &lt;b&gt;", "127.0.0.1", "tier1"} {
		if !strings.Contains(body, want) {
			t.Errorf("the team's page lacks %q", want)
		}
	}
	id := regexp.MustCompile(`name="session" value="([^"]+)"`).FindStringSubmatch(body)
	if id == nil {
		t.Fatalf("no session to end on\n%s", body)
	}
	if status, _ := sofia("POST", "/team/end", url.Values{"session": {id[1]}}); status != 200 {
		t.Errorf("end one session: %d", status)
	}
	if status, _ := ada("GET", "/sessions", nil); status != 401 {
		t.Errorf("ada goes on after that: %d", status)
	}
	if status, _ := sofia("POST", "/team/lock", url.Values{"name": {"sofia"}}); status != 403 {
		t.Errorf("a supervisor locks herself: %d", status)
	}
	for _, act := range []string{"lock", "unlock", "end"} {
		if status, body := sofia("POST", "/team/"+act, url.Values{"name": {"ada"}}); status != 200 || !strings.Contains(body, "Done.") {
			t.Errorf("%s: %d %s", act, status, body)
		}
		people, err := b.door.People(t.Context())
		if err != nil || people[0].LockedAt.IsZero() == (act == "lock") {
			t.Errorf("after %s: %+v, %v", act, people[0], err)
		}
	}
	status, body := sofia("POST", "/team/invite", url.Values{"name": {"ada"}})
	enrol := regexp.MustCompile(`<code>(https://[^<]+/enrol\?invite=[^<]+)</code>`).FindStringSubmatch(body)
	if status != 200 || enrol == nil {
		t.Fatalf("invite: %d %s", status, body)
	}
	if status, body, _ := b.visit(t, browser(), "GET", enrol[1], nil); status != 200 || !strings.Contains(body, `value="ada"`) {
		t.Errorf("the invitation leads to %d %s", status, body)
	}
	if status, _ := sofia("POST", "/team/dance", url.Values{"name": {"ada"}}); status != 404 {
		t.Errorf("an act that is none: %d", status)
	}
	if status, _ := sofia("POST", "/team/lock", url.Values{"name": {"nobody"}}); status != 404 {
		t.Errorf("somebody who is not there: %d", status)
	}
	for range 12 { // six minutes, at work
		b.next()
		sofia("GET", "/team", nil)
	}
	if status, body := sofia("POST", "/team/lock", url.Values{"name": {"ada"}}); status != 401 || !strings.Contains(body, "/step-up?return=/team") {
		t.Errorf("with a second factor of six minutes ago: %d %s", status, body)
	}
}

// Broken glass counts for one session and fifteen minutes.
func TestBreakGlass(t *testing.T) {
	b := open(t)
	session := b.signIn(t)
	if status, got := b.post(t, "/api/break-glass", session, `{"reason":"`+strings.Repeat("x", 501)+`"}`); status != 400 {
		t.Errorf("501 characters: %d %v", status, got)
	}
	status, got := b.post(t, "/api/break-glass", session, `{"reason":"caller in hospital, card stolen"}`)
	if status != 200 || got["until"] != b.clock().Add(15*time.Minute).Format(time.RFC3339) {
		t.Fatalf("break the glass: %d %v", status, got)
	}
	other := b.signIn(t)
	for token, want := range map[string]string{session: "caller in hospital, card stolen", other: ""} {
		s, err := b.door.Session(t.Context(), token)
		if err != nil || s.Glass != want {
			t.Errorf("glass %q, want %q (%v)", s.Glass, want, err)
		}
	}
	for range 31 {
		b.next()
		if _, err := b.door.Session(t.Context(), session); err != nil {
			t.Fatal(err)
		}
	}
	if s, err := b.door.Session(t.Context(), session); err != nil || s.Glass != "" {
		t.Errorf("after fifteen minutes: %+v, %v", s, err)
	}
	if status, got := b.post(t, "/api/break-glass", session, `{"reason":"caller in hospital, card stolen"}`); status != 401 || got["code"] != "step_up" {
		t.Errorf("with an old second factor: %d %v", status, got)
	}
}

// TestPassword: an agent changes their own password on a page, and by program.
func TestPassword(t *testing.T) {
	b := open(t)
	ada := b.page(t, "ada", seed)
	if _, body := ada("GET", "/factors", nil); !strings.Contains(body, `href="/password"`) {
		t.Errorf("no way to the page: %s", body)
	}
	if status, body := ada("GET", "/password", nil); status != 200 || !strings.Contains(body, `type="password" autocomplete="new-password"`) {
		t.Fatalf("%d %s", status, body)
	}
	const fresh = "brass kettle orchard 4"
	for _, c := range []struct {
		present, next string
		status        int
		at            string
	}{
		{"wrong and wrong again", fresh, 401, `id="present"`},
		{password, "password1234", 422, `id="next"`},
		{password, password, 422, `id="next"`},
	} {
		status, body := ada("POST", "/password", url.Values{"present": {c.present}, "next": {c.next}})
		_, rest, _ := strings.Cut(body, c.at)
		if input, _, _ := strings.Cut(rest, ">"); status != c.status || !strings.Contains(input, "aria-invalid") || strings.Contains(body, fresh) || !strings.Contains(body, `role="alert"`) {
			t.Errorf("%q to %q: %d %s", c.present, c.next, status, body)
		}
	}
	if status, body := ada("POST", "/password", url.Values{"present": {password}, "next": {fresh}}); status != 200 || !strings.Contains(body, `role="status"`) {
		t.Errorf("%d %s", status, body)
	}
	_, got := b.post(t, "/api/login", "", `{"agent":"ada","password":"`+fresh+`"}`)
	b.next()
	_, got = b.post(t, "/api/code", "", `{"ticket":"`+got["ticket"].(string)+`","code":"`+b.code(t)+`"}`)
	session := got["session"].(string)
	for body, want := range map[string]int{
		`{"present":"no","next":"another lantern harbour 7"}`: 401,
		`{"present":"` + fresh + `","next":"short"}`:          422,
	} {
		if status, got := b.post(t, "/api/password", session, body); status != want {
			t.Errorf("%s: %d %v", body, status, got)
		}
	}
	if status, got := b.post(t, "/api/password", session, `{"present":"`+fresh+`","next":"another lantern harbour"}`); status != 200 {
		t.Errorf("%d %v", status, got)
	}
	if status, _ := b.post(t, "/api/password", "", `{}`); status != 401 {
		t.Errorf("without a session: %d", status)
	}
	for range 11 {
		b.next()
	}
	if status, got := b.post(t, "/api/password", session, `{"present":"a","next":"b"}`); status != 401 || got["code"] != "step_up" {
		t.Errorf("with an old second factor: %d %v", status, got)
	}
	if status, body := ada("GET", "/password", nil); status != 401 {
		t.Errorf("the page of a session that ended: %d %s", status, body)
	}
}
