package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// written is what an entry says, as far as a test of acts asks.
type written struct{ Kind, Agent, Outcome, Reason string }

// trailOf is the trail of a demo, running or not.
func (d *demo) trailOf(t *testing.T) (all []written) {
	t.Helper()
	for lines := bufio.NewScanner(bytes.NewReader(d.privet(t, "audit", "tail", "--dir", d.dir, "--json", "-n", "1000", "--by", "otto"))); lines.Scan(); {
		var e written
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			t.Fatalf("%v: %s", err, lines.Bytes())
		}
		all = append(all, e)
	}
	return all
}

// wrote fails unless an entry says all that is not empty in want.
func wrote(t *testing.T, all []written, act string, want written) {
	t.Helper()
	for _, e := range all {
		if e.Kind == want.Kind && (want.Agent == "" || e.Agent == want.Agent) && (want.Outcome == "" || e.Outcome == want.Outcome) &&
			(want.Reason == "" || e.Reason == want.Reason) {
			return
		}
	}
	t.Errorf("%s: no entry %+v in the trail", act, want)
}

// Every act on a running house is an entry of its trail (PCI DSS 4.0.1, 10.2.1):
// what people do, what they are refused, what an operator does beside, start,
// reload and stop. Privacy steps: TestPrivacyRequestsInDemo; changed rules:
// TestChangedRules; passkeys, single sign-on and hand-over: package mfa.
func TestEveryActIsInTheTrail(t *testing.T) {
	d := startDemo(t, t.TempDir())
	r := d.ready
	stranger := &person{Client: d.client}
	enter := func(name string) *person {
		token, err := session(r, name)
		if err != nil {
			t.Fatal(err)
		}
		return &person{d.client, token}
	}
	ada, ben, olga := enter("ada"), enter("ben"), enter("olga")
	account, subject := r.Tool+"/api/accounts/"+r.Holders[0].Subject, r.Holders[0].Subject
	by := func(p *person, method, url, body string, want int) func() {
		return func() {
			if status, _, raw := p.do(t, method, url, body); status != want {
				t.Errorf("%s %s: %d, want %d: %.300s", method, url, status, want, raw)
			}
		}
	}
	command := func(args ...string) func() { return func() { d.privet(t, append(args, "--dir", d.dir)...) } }
	acts := []struct {
		act  string
		do   func() // nil: done already
		want written
	}{
		{"the house starts", nil, written{Kind: "privet.start"}},
		{"a password is right", nil, written{Kind: "signin.password", Agent: "ada", Outcome: "allowed"}},
		{"a code is right", nil, written{Kind: "signin.code", Agent: "ada", Outcome: "allowed"}},
		{"a password is wrong", by(stranger, "POST", r.Desk+"/api/login", `{"agent":"ben","password":"not his"}`, 401),
			written{Kind: "signin.password", Outcome: "refused"}},
		{"a code is wrong", func() { wrongCode(t, d, "ben") }, written{Kind: "signin.code", Agent: "ben", Outcome: "refused"}},
		{"somebody without a session asks for an account", by(stranger, "GET", account, "", 401), written{Kind: "refusal", Outcome: "refused"}},
		{"an agent asks for what is no screen", by(ada, "GET", r.Tool+"/admin", "", 404), written{Kind: "refusal", Reason: "screen_unknown"}},
		{"an agent opens an account", by(ada, "GET", account, "", 200), written{Kind: "view.intent", Agent: "ada", Outcome: "allowed"}},
		{"and is shown it", nil, written{Kind: "view.outcome", Agent: "ada"}},
		{"a caller is sent a code", by(ada, "POST", r.Desk+"/api/caller/start", `{"subject":"`+subject+`","channel":"email"}`, 200), written{Kind: "caller.start", Agent: "ada"}},
		{"a caller gives a wrong one", by(ada, "POST", r.Desk+"/api/caller/verify", `{"subject":"`+subject+`","code":"000000"}`, 401),
			written{Kind: "caller.verify", Agent: "ada", Outcome: "refused"}},
		{"glass is broken", by(ben, "POST", r.Desk+"/api/break-glass", `{"reason":"ada.l@example.org with 4111 1111 1111 1111 is in danger, see case 4711"}`, 200), written{Kind: "session.break_glass", Agent: "ben"}},
		{"an officer reads the trail", by(olga, "GET", r.Console+"/api/trail?kind=view.*", "", 200), written{Kind: "trail.read", Agent: "olga"}},
		{"an officer exports it", by(olga, "POST", r.Console+"/api/exports", `{"kind":"view.*"}`, 202), written{Kind: "trail.export", Agent: "olga"}},
		{"an agent signs out", by(ada, "POST", r.Desk+"/api/logout", "", 204), written{Kind: "session.end", Agent: "ada"}},
		{"an agent is added", command("agents", "add", "lee", "--role", "tier1"), written{Kind: "agent.add"}},
		{"is invited again", command("agents", "enrol", "lee"), written{Kind: "agent.invite"}},
		{"gets another role", command("agents", "roles", "lee", "--role", "fraud"), written{Kind: "agent.roles"}},
		{"has an address for notices", command("agents", "email", "lee", "lee@desk.test"), written{Kind: "agent.email"}},
		{"is locked", command("agents", "lock", "lee"), written{Kind: "agent.lock"}},
		{"is let in again", command("agents", "unlock", "lee"), written{Kind: "agent.unlock"}},
		{"an operator exports the trail", command("audit", "export", "--out", filepath.Join(t.TempDir(), "a.zip"), "--by", "otto"), written{Kind: "trail.export", Agent: "otto"}},
		{"an operator looks at it", nil, written{Kind: "trail.read", Agent: "otto"}},
		{"it is backed up", command("audit", "backup", "--out", filepath.Join(t.TempDir(), "b.zip")), written{Kind: "trail.backup"}},
		{"keys are rotated", command("keys", "rotate", "seal", "--by", "otto"), written{Kind: "keys.rotated", Agent: "otto"}},
		{"the configuration is read again", func() { _ = d.process.Process.Signal(syscall.SIGHUP) }, written{Kind: "privet.reload"}},
	}
	for _, a := range acts {
		if a.do != nil {
			a.do()
		}
	}
	keepertest.Eventually(t, func() error { // a reload answers nobody
		if d.trailHas(t, "privet.reload") {
			return nil
		}
		return os.ErrNotExist
	})
	d.end(os.Interrupt)
	all := d.trailOf(t)
	all = append(all, d.trailOf(t)...) // the first look is an act itself
	for _, a := range acts {
		wrote(t, all, a.act, a.want)
	}
	wrote(t, all, "the house stops", written{Kind: "privet.stop"})
	plain := string(d.privet(t, "audit", "tail", "--dir", d.dir, "--json", "--kind", "session.break_glass"))
	if !strings.Contains(plain, "is in danger, see case 4711") || strings.Contains(plain, "ada.l@example.org") || strings.Contains(plain, "1111 1111") {
		t.Errorf("what an agent wrote is not scrubbed: %s", plain)
	}
}

func (d *demo) trailHas(t *testing.T, kind string) bool {
	return strings.Contains(string(d.privet(t, "audit", "tail", "--dir", d.dir, "--kind", kind)), kind)
}

// wrongCode gives the right password and then a code that is none.
func wrongCode(t *testing.T, d *demo, name string) {
	t.Helper()
	for _, p := range d.ready.People {
		if p.Name != name {
			continue
		}
		var ticket struct{ Ticket string }
		if err := post200(d.ready, "/api/login", map[string]string{"agent": name, "password": p.Password}, &ticket); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(map[string]string{"ticket": ticket.Ticket, "code": "000000"})
		if err != nil {
			t.Fatal(err)
		}
		resp, err := d.client.Post(d.ready.Desk+"/api/code", "application/json", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusUnauthorized {
			t.Errorf("a wrong code: %d", resp.StatusCode)
		}
		return
	}
	t.Fatalf("nobody is called %s", name)
}
