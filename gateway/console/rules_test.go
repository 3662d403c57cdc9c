package console_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/console"
	"github.com/privet-gateway/privet/policy"
)

// ruled is an engine in the state that a test wants.
type ruled struct{ fault error }

func (ruled) Bundle() string { return "sha256:5f2c" }
func (r ruled) Ready() error { return r.fault }
func (ruled) Noted(context.Context) ([]policy.Noted, error) {
	at := time.Date(2026, 11, 22, 4, 0, 0, 0, time.UTC)
	return []policy.Noted{{Tool: "cases", Screen: "account.view", Path: "internal.crm_key", Class: "plain", Count: 3, First: at, Last: at},
		{Tool: "cases", Screen: "account.view", Path: "spare_mail", Class: "email", Count: 2, First: at, Last: at},
		{Tool: "cases", Screen: "chat", Path: "mood", Class: "plain", Count: 1, First: at, Last: at}}, nil
}

// The console shows which rules hold, why others do not, and what no catalogue
// names: to officers and auditors, and to nobody else.
func TestRulesPage(t *testing.T) {
	now := ruled{}
	trail, _ := openConsole(t)
	c, err := console.New(console.Config{Trail: trail, Rules: func() console.Rules { return now }, Door: doors{
		"auditor": {ID: "s2", Agent: "otto", Name: "Otto", Roles: []string{"auditor"}},
		"agent":   {ID: "s3", Agent: "mara", Roles: []string{"tier1"}}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	page := string(ask(t, "GET", web.URL+"/rules", "auditor", "", 200))
	for _, want := range []string{"sha256:5f2c", "account.view", "internal.crm_key", "spare_mail", "&#34;spare_mail&#34;: email", "mood"} {
		if !strings.Contains(page, want) {
			t.Errorf("no %q on the page: %s", want, page)
		}
	}
	if strings.Contains(page, `role="alert"`) {
		t.Error("a fault is shown where there is none")
	}
	now.fault = errors.New("grants.rego:3: rego_parse_error")
	if page = string(ask(t, "GET", web.URL+"/rules", "auditor", "", 200)); !strings.Contains(page, `role="alert"`) || !strings.Contains(page, "grants.rego:3") {
		t.Errorf("the fault is not shown: %s", page)
	}
	var answer struct {
		Bundle, Fault string
		Unclassified  []policy.Noted
	}
	if err := json.Unmarshal(ask(t, "GET", web.URL+"/api/rules", "auditor", "", 200), &answer); err != nil || answer.Fault != now.fault.Error() || len(answer.Unclassified) != 3 {
		t.Errorf("%+v %v", answer, err)
	}
	ask(t, "GET", web.URL+"/rules", "agent", "", 403)
	ask(t, "GET", web.URL+"/rules", "nobody", "", 401)
}

// The page passes the accessibility rules, in light and dark.
func TestRulesPageIsAccessible(t *testing.T) {
	b := rightstest.OpenBrowser(t)
	trail, _ := openConsole(t)
	now := ruled{errors.New("the rules asked for are not in force: grants.rego:3: rego_parse_error: unexpected token")}
	c, err := console.New(console.Config{Trail: trail, Rules: func() console.Rules { return now }, Door: doors{
		"auditor": {ID: "s2", Agent: "otto", Name: "Otto", Roles: []string{"auditor"}}}})
	if err != nil {
		t.Fatal(err)
	}
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	b.Do(t, rightstest.Cookie("__Host-privet", "auditor", web.URL))
	for _, scheme := range []string{"light", "dark"} {
		if found := b.Check(t, web.URL+"/rules?lang=en", scheme, "rules-"+scheme); found != "" {
			t.Errorf("%s: %s", scheme, found)
		}
	}
}
