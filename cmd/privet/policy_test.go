package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// as asks as one of the demo's people.
func (d *demo) as(t *testing.T, token, address string) (int, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Privet-Session", token)
	res, err := d.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

// signIn signs in who has a role.
func (d *demo) signIn(t *testing.T, role string) (name, token string) {
	t.Helper()
	i := slices.IndexFunc(d.ready.People, func(h readyHuman) bool { return h.Role == role })
	if i < 0 {
		t.Fatalf("the demo has no %s", role)
	}
	token, err := session(d.ready, d.ready.People[i].Name)
	if err != nil {
		t.Fatal(err)
	}
	return d.ready.People[i].Name, token
}

// again repeats a question until the answer holds what is wanted.
func again(t *testing.T, want string, ask func() string) string {
	t.Helper()
	got := ""
	for range 500 {
		if got = ask(); strings.Contains(got, want) {
			return got
		}
	}
	t.Fatalf("never %q: %.2000s", want, got)
	return ""
}

// What explain shows of an agent whose name alone it is given is, byte for
// byte, what the gateway shows them; it stands in the trail that somebody
// looked; and what no catalogue names is listed
// from live answers, without a value.
func TestExplainIsTheGatewaysAnswer(t *testing.T) {
	d := startDemo(t, t.TempDir())
	config := filepath.Join(d.dir, "privet.yaml")
	subject := d.ready.Holders[3].Subject
	for _, role := range []string{"tier1", "supervisor"} {
		name, token := d.signIn(t, role)
		status, shown := d.as(t, token, d.ready.Tool+"/api/accounts/"+subject)
		if status != http.StatusOK || !strings.Contains(shown, subject) {
			t.Fatalf("%s: %d %s", role, status, shown)
		}
		var x struct {
			View   string
			Bundle string
			Fields []struct{ Path, Do, Rule string }
		}
		out := d.privet(t, "policy", "explain", "--config", config, "--agent", name, "--tool", "supportdesk", "--screen", "account.view", "--subject", subject, "--json")
		if err := json.Unmarshal(out, &x); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if x.View != shown {
			t.Errorf("%s:\nexplained %s\nshown     %s", role, x.View, shown)
		}
		if len(x.Fields) < 40 || !strings.Contains(x.Fields[0].Rule, ".rego:") {
			t.Errorf("%s: fields %+v", role, x.Fields)
		}
	}
	if looks := d.privet(t, "audit", "tail", "--config", config, "--kind", "policy.explain"); bytes.Count(looks, []byte("policy.explain")) != 2 {
		t.Errorf("who had a document fetched is not in the trail:\n%s", looks)
	}
	admin, err := url.Parse(d.ready.Metrics)
	if err != nil {
		t.Fatal(err)
	}
	listed := again(t, "# supportdesk account.view", func() string {
		return string(d.privet(t, "policy", "unclassified", "--admin", admin.Host))
	})
	if !strings.Contains(listed, `"internal`) || strings.Contains(listed, subject) {
		t.Errorf("unclassified:\n%s", listed)
	}
	_, officer := d.signIn(t, "privacy")
	defer func() { // it is still known when Privet has ended
		d.end(os.Interrupt)
		if kept := string(d.privet(t, "policy", "unclassified", "--config", config)); kept != listed {
			t.Errorf("kept:\n%s\nlisted:\n%s", kept, listed)
		}
	}()
	if status, page := d.as(t, officer, d.ready.Console+"/rules"); status != http.StatusOK || !strings.Contains(page, "account.view") || !strings.Contains(page, "internal") {
		t.Errorf("console: %d %s", status, page)
	}
}

// Rules that loosen wait for an officer's signature, at a SIGHUP (and at a
// start: startServe); then they stand in the trail with what they change. Rules that are not good
// change nothing, and say so in the trail, on /readyz and in the console.
func TestChangedRules(t *testing.T) {
	d := startDemo(t, t.TempDir())
	_, officer := d.signIn(t, "privacy")
	rules := filepath.Join(d.dir, "rules")
	if err := os.CopyFS(rules, os.DirFS("../../policy/rules")); err != nil {
		t.Fatal(err)
	}
	edit := func(file, from, to string) {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil || !strings.Contains(string(text), from) {
			t.Fatalf("%s has no %q: %v", file, from, err)
		}
		if err := os.WriteFile(file, []byte(strings.Replace(string(text), from, to, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	changes := func() string {
		_, list := d.as(t, officer, d.ready.Console+"/api/trail?kind=policy.change")
		return list
	}
	reload := func() {
		t.Helper()
		if err := d.process.Process.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
	}
	edit(filepath.Join(d.dir, "privet.yaml"), "policy: {", "policy: {rules: rules, ")
	if err := os.Remove(filepath.Join(rules, "view_test.rego")); err != nil { // it would contradict what follows
		t.Fatal(err)
	}
	grants := filepath.Join(rules, "grants.rego")
	edit(grants, `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`)
	reload()
	again(t, `"approval_missing"`, changes)
	digest := regexp.MustCompile("from (sha256:[0-9a-f]{64}) to (sha256:[0-9a-f]{64})")
	admin := strings.TrimSuffix(d.ready.Metrics, "/metrics")
	status, ready := d.as(t, officer, admin+"/readyz")
	at := digest.FindStringSubmatch(ready)
	if status != http.StatusServiceUnavailable || at == nil || !strings.Contains(ready, "privet policy approve") {
		t.Fatalf("readyz: %d %s", status, ready)
	}
	if _, page := d.as(t, officer, d.ready.Console+"/"); !strings.Contains(page, at[2]) {
		t.Errorf("the console's first page is silent: %s", page)
	}
	if _, in := d.as(t, officer, d.ready.Console+"/api/rules"); !strings.Contains(in, `"bundle":"`+at[1]) {
		t.Fatalf("loosened without a signature: %s", in)
	}
	d.privet(t, "policy", "approve", "--from", at[1], "--to", at[2], "--key", filepath.Join(d.dir, "officer.key"), "--out", filepath.Join(d.dir, "policy.approval"))
	reload()
	list := again(t, `"loosens":"true"`, changes)
	if !strings.Contains(list, `"outcome":"allowed"`) || !strings.Contains(list, `"approved_by":"demo-officer"`) {
		t.Errorf("trail: %s", list)
	}
	_, in := d.as(t, officer, d.ready.Console+"/api/rules")
	var now rulesInForce
	if err := json.Unmarshal([]byte(in), &now); err != nil || now.Fault != "" || !strings.Contains(list, now.Bundle) {
		t.Fatalf("rules: %s", in)
	}

	edit(grants, "grant contains", "grant contains nothing")
	reload()
	list = again(t, `"rules_invalid"`, changes)
	if !strings.Contains(list, "grants.rego:") {
		t.Errorf("trail: %s", list)
	}
	bundle := now.Bundle
	_, in = d.as(t, officer, d.ready.Console+"/api/rules")
	if err := json.Unmarshal([]byte(in), &now); err != nil || now.Bundle != bundle || !strings.Contains(now.Fault, "grants.rego:") {
		t.Errorf("rules: %s", in)
	}
	if _, page := d.as(t, officer, d.ready.Console+"/"); !strings.Contains(page, "grants.rego:") {
		t.Errorf("the console's first page is silent: %s", page)
	}
	if status, ready := d.as(t, officer, admin+"/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(ready, "grants.rego:") {
		t.Errorf("readyz: %d %s", status, ready)
	}
}

type rulesInForce struct{ Bundle, Fault string }
