package console_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/console"
	"github.com/privet-gateway/privet/mfa"
)

func openOffice(t *testing.T) (*rightstest.Office, *httptest.Server) {
	t.Helper()
	office := rightstest.Open(t, func(c *rights.Config) { c.Holders["supportdesk"] = rightstest.Gossip{Holder: c.Holders["supportdesk"]} })
	desk, err := url.Parse("https://desk.test")
	if err != nil {
		t.Fatal(err)
	}
	sessions := doors{}
	for name, role := range map[string]string{"olga": "privacy", "rosa": "privacy", "paul": "auditor", "ada": "tier1"} {
		sessions[name] = &mfa.Session{ID: "s-" + name, Agent: name, Name: strings.ToUpper(name[:1]) + name[1:], Roles: []string{role}}
	}
	c, err := console.New(console.Config{Office: office.Office, Trail: office.Trail, Door: sessions, Desk: desk,
		Own: map[string]string{"rosa": office.Desk.People()[3].Subject}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(c)
	t.Cleanup(server.Close)
	return office, server
}

func act(t *testing.T, server *httptest.Server, who, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, server.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", who)
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	_ = json.Unmarshal(raw, &out) // a page stays empty
	return resp.StatusCode, out
}

// filed is a proven and planned request.
func filed(t *testing.T, office *rightstest.Office, f rights.Filing) *rights.Request {
	t.Helper()
	ctx := context.Background()
	r, err := office.File(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.Verify(ctx, r.ID, office.Mail.Code(t, f.Email)); err != nil {
		t.Fatal(err)
	}
	return office.Settle(t, r.ID)
}

// Who may look, who may decide, and what is refused to whom.
func TestOfficers(t *testing.T) {
	office, server := openOffice(t)
	who := office.Desk.People()
	unproven, err := office.File(t.Context(), rights.Filing{Right: rights.Erase, Email: who[1].Email, Jurisdiction: "US-CA"})
	if err != nil {
		t.Fatal(err)
	}
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: who[0].Email, Jurisdiction: "US-CA"})
	at := "/api/requests/" + r.ID
	hash := `{"plan_hash":"` + r.Facts.PlanHash + `"}`
	for _, tc := range []struct {
		who, method, path, body string
		status                  int
		code                    string
	}{
		{"", "GET", "/api/requests", "", 401, "no_session"},
		{"ada", "GET", "/api/requests", "", 403, "not_officer"},
		{"paul", "GET", "/api/requests", "", 200, ""},
		{"paul", "GET", at, "", 200, ""},
		{"paul", "POST", at + "/approve", hash, 403, "not_officer"},
		{"olga", "GET", "/api/requests?status=nonsense", "", 400, "invalid"},
		{"olga", "GET", "/api/requests?status=completed", "", 200, ""},
		{"olga", "GET", "/api/requests?status=denied/no_match", "", 200, ""},
		{"olga", "GET", "/api/requests?due_before=soon", "", 400, "invalid"},
		{"olga", "GET", "/api/requests/nothing", "", 404, "unknown_request"},
		{"olga", "POST", "/api/requests/" + unproven.ID + "/plan", "", 409, "unproven"},
		{"olga", "POST", "/api/requests/" + unproven.ID + "/approve", hash, 409, "unproven"},
		{"olga", "POST", at + "/approve", `{"plan_hash":"00"}`, 409, "plan_drifted"},
		{"olga", "POST", at + "/approve", `{`, 400, "invalid"},
		{"olga", "POST", at + "/deny", `{"reason":"whim"}`, 400, "invalid"},
		{"olga", "POST", at + "/hold", `{"reason":"litigation","until":"2027-01-01"}`, 200, ""},
		{"olga", "POST", at + "/approve", hash, 423, "held"},
		{"olga", "POST", at + "/release", "", 200, ""},
		{"olga", "POST", at + "/approve", hash, 200, ""},
		{"olga", "POST", at + "/approve", hash, 403, "same_officer"},
		{"olga", "POST", at + "/extend", `{"reason":""}`, 400, "invalid"},
		{"olga", "POST", at + "/extend", `{"reason":"many systems"}`, 200, ""},
		{"olga", "POST", at + "/extend", `{"reason":"more"}`, 409, "no_extension"},
		{"rosa", "POST", at + "/approve", hash, 200, ""},
	} {
		status, body := act(t, server, tc.who, tc.method, tc.path, tc.body)
		if status != tc.status || (tc.code != "" && body["code"] != tc.code) {
			t.Errorf("%s %s %s %s: %d %v, want %d %s", tc.who, tc.method, tc.path, tc.body, status, body["code"], tc.status, tc.code)
		}
		if tc.code != "" && (body["request_id"] == nil || body["type"] != "urn:privet:problem:"+tc.code) {
			t.Errorf("%s %s %s: a problem without what a program needs: %v", tc.who, tc.method, tc.path, body)
		}
		if receipt := body["receipt"]; (tc.code == "no_session" || tc.code == "not_officer") && (receipt == nil || receipt == "") {
			t.Errorf("%s %s %s: a refusal that nobody wrote down: %v", tc.who, tc.method, tc.path, body)
		}
	}
	if _, body := act(t, server, "rosa", "GET", at, ""); body["status"] != "scheduled" || len(body["approvals"].([]any)) != 2 {
		t.Errorf("after two approvals: %v", body["status"])
	}
	own := filed(t, office, rights.Filing{Right: rights.Erase, Email: who[3].Email, Jurisdiction: "US-CA"})
	if status, body := act(t, server, "rosa", "POST", "/api/requests/"+own.ID+"/approve", `{"plan_hash":"`+own.Facts.PlanHash+`"}`); status != 403 || body["code"] != "same_officer" {
		t.Errorf("an officer's own request: %d %v", status, body)
	}
	late := filed(t, office, rights.Filing{Right: rights.Access, Email: who[2].Email, Jurisdiction: "DE"})
	office.Clock.Set(late.Due.AddDate(0, 0, 1))
	if status, body := act(t, server, "olga", "POST", "/api/requests/"+late.ID+"/extend", `{"reason":"late"}`); status != 409 || body["code"] != "late_notice" {
		t.Errorf("a late notice: %d %v", status, body)
	}
}
