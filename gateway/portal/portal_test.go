package portal

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
	"github.com/privet-gateway/privet/gateway/page"
)

func open(t testing.TB) (*rightstest.Office, *httptest.Server, *http.Client) {
	t.Helper()
	office := rightstest.Open(t, nil)
	p, err := New(Config{Office: office.Office})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewTLSServer(p)
	t.Cleanup(server.Close)
	client := server.Client()
	if client.Jar, err = cookiejar.New(nil); err != nil {
		t.Fatal(err)
	}
	return office, server, client
}

func call(t testing.TB, c *http.Client, method, address, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil && len(raw) > 0 {
		out["raw"] = string(raw)
	}
	return resp.StatusCode, out
}

// The API from filing to the package, as CONTRACT has it.
func TestAPIJourney(t *testing.T) {
	office, server, client := open(t)
	who := office.Desk.People()[2]
	status, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+who.Email+`","name":"`+who.Name.Full+`","language":"fr","jurisdiction":"FR"}`)
	id, _ := filed["id"].(string)
	if status != http.StatusCreated || filed["status"] != "identity_pending" || !strings.HasPrefix(filed["due"].(string), "2026-12-02") {
		t.Fatalf("filing answers %d %v", status, filed)
	}
	at := server.URL + "/api/requests/" + id
	if status, no := call(t, client, "POST", at+"/verify", `{"code":"00000000"}`); status != http.StatusUnauthorized || no["code"] != "wrong_code" {
		t.Errorf("a wrong code answers %d %v", status, no)
	}
	if status, no := call(t, client, "GET", at+"/package", ""); status != http.StatusConflict {
		t.Errorf("a package before its time answers %d %v", status, no)
	}
	if status, ok := call(t, client, "POST", at+"/verify", `{"code":"`+office.Mail.Code(t, who.Email)+`"}`); status != http.StatusOK || ok["session"] == "" {
		t.Fatalf("verification answers %d %v", status, ok)
	}
	r := office.Settle(t, id)
	if _, err := office.Approve(context.Background(), id, rights.Officer{Name: "olga"}, r.Facts.PlanHash); err != nil {
		t.Fatal(err)
	}
	if r = office.Settle(t, id); !strings.HasPrefix(string(r.Status), "completed/") {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	stranger := &http.Client{Transport: client.Transport}
	if status, no := call(t, stranger, "GET", at+"/package", ""); status != http.StatusUnauthorized || no["code"] != "unproven" {
		t.Errorf("a stranger with the number gets %d %v", status, no)
	}
	resp, err := client.Get(at + "/package")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range zr.File {
		names = append(names, f.Name)
	}
	for _, want := range []string{"index.html", "manifest.json", "manifest.sig", "systems/supportdesk/account.json", "systems/supportdesk/account.csv"} {
		if !strings.Contains(strings.Join(names, " "), want) {
			t.Errorf("the package has %v, not %s", names, want)
		}
	}
	for _, letter := range office.Mail.All() {
		for _, personal := range []string{who.Name.Given, who.Name.Family, who.Subject, who.Email} {
			if strings.Contains(letter.Subject+letter.Body, personal) {
				t.Errorf("an e-mail holds %q", personal)
			}
		}
	}
}

// Who is a cardholder and who is not look the same until the address is proven.
func TestNothingLeaksAboutAccounts(t *testing.T) {
	office, server, client := open(t)
	known, unknown := office.Desk.People()[0].Email, "nobody@example.net"
	var shapes []string
	for _, email := range []string{known, unknown, known} { // the third is a duplicate
		status, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"erase","email":"`+email+`","name":"x"}`)
		filed["id"], filed["received"], filed["timeline"] = "", "", len(filed["timeline"].([]any))
		raw, err := json.Marshal(filed)
		if err != nil {
			t.Fatal(err)
		}
		shapes = append(shapes, http.StatusText(status)+string(raw))
	}
	if shapes[0] != shapes[1] || shapes[0] != shapes[2] {
		t.Errorf("filings differ:\n%s\n%s\n%s", shapes[0], shapes[1], shapes[2])
	}
	status, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"erase","email":"`+unknown+`","name":"x"}`)
	if status != http.StatusCreated {
		t.Fatal(status)
	}
	_, proven := call(t, client, "POST", server.URL+"/api/requests/"+filed["id"].(string)+"/verify", `{"code":"`+office.Mail.Code(t, unknown)+`"}`)
	if proven["status"] != string(rights.DeniedNoMatch) {
		t.Errorf("an unknown person ends %v", proven["status"])
	}
}

// Somebody else's code does not open a request; a double filing is merged only when proven.
func TestSomebodyElsesCodeAndDuplicates(t *testing.T) {
	office, server, client := open(t)
	a, b := office.Desk.People()[4].Email, office.Desk.People()[5].Email
	_, first := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+a+`"}`)
	_, _ = call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+b+`"}`)
	codeA, codeB := office.Mail.Code(t, a), office.Mail.Code(t, b)
	if status, _ := call(t, client, "POST", server.URL+"/api/requests/"+first["id"].(string)+"/verify", `{"code":"`+codeB+`"}`); status != http.StatusUnauthorized {
		t.Errorf("somebody else's code: %d", status)
	}
	_, second := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+a+`"}`)
	if _, s := call(t, client, "POST", server.URL+"/api/requests/"+first["id"].(string)+"/verify", `{"code":"`+codeA+`"}`); s["status"] != "verified" {
		t.Fatalf("the first filing is %v, although the second is not proven", s["status"])
	}
	_, s := call(t, client, "POST", server.URL+"/api/requests/"+second["id"].(string)+"/verify", `{"code":"`+office.Mail.Code(t, a)+`"}`)
	if s["status"] != string(rights.Merged) || s["survivor"] != first["id"] {
		t.Errorf("the proven duplicate: %v", s)
	}
}

func TestBadFilings(t *testing.T) {
	_, server, client := open(t)
	for body, want := range map[string]string{
		``:  "empty",
		`{`: "cannot be read",
		`{"right":"forget","email":"a@example.com"}`:                                                                        `"access", "correct" or "erase"`,
		`{"right":"access","email":"not an address"}`:                                                                       "email is not an address",
		`{"right":"access","email":"a@example.com\r\nBcc: b@example.com"}`:                                                  "email is not an address",
		`{"right":"correct","email":"a@example.com"}`:                                                                       "between 1 and 20",
		`{"right":"correct","email":"a@example.com","corrections":[{"field":"card.pan","old":"1","new":"2"}]}`:              "cannot be corrected here",
		`{"right":"correct","email":"a@example.com","corrections":[{"field":"name.full","old":"a","new":"<b>Robert</b>"}]}`: "not a name",
		`{"right":"access","email":7}`:                                                                                      `"email" has the wrong type`,
	} {
		status, no := call(t, client, "POST", server.URL+"/api/requests", body)
		if status != http.StatusBadRequest || !strings.Contains(no["detail"].(string), want) {
			t.Errorf("%s: %d %v, want %q", body, status, no["detail"], want)
		}
	}
	for _, id := range []string{"x", "../../etc", strings.Repeat("a", 25), "%00"} {
		if status, _ := call(t, client, "GET", server.URL+"/api/requests/"+url.PathEscape(id), ""); status != http.StatusNotFound {
			t.Errorf("request %q: %d", id, status)
		}
	}
}

// The same journey as forms, without JavaScript, and hostile input in it.
func TestPagesWithoutScript(t *testing.T) {
	office, server, client := open(t)
	who := office.Desk.People()[7]
	evil := `<script>alert(1)</script>`
	resp, err := client.PostForm(server.URL+"/requests", url.Values{"right": {"access"}, "email": {who.Email}, "name": {evil}, "jurisdiction": {"EU"}})
	if err != nil {
		t.Fatal(err)
	}
	text, _ := io.ReadAll(resp.Body)
	at := resp.Request.URL
	if resp.StatusCode != 200 || !strings.HasPrefix(at.Path, "/requests/") || strings.Contains(string(text), "<script") {
		t.Fatalf("filing leads to %s %d", at, resp.StatusCode)
	}
	form := func(path string, v url.Values) string {
		resp, err := client.PostForm(at.String()+path, v)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		raw, _ := io.ReadAll(resp.Body)
		return string(raw)
	}
	if text := form("/verify", url.Values{"code": {"1"}}); !strings.Contains(text, "That code is not right.") {
		t.Error("a wrong code is not explained")
	}
	if text := form("/verify", url.Values{"code": {office.Mail.Code(t, who.Email)}}); !strings.Contains(text, "Identity confirmed") {
		t.Error("a right code is not confirmed")
	}
	if text := form("/messages", url.Values{"text": {evil}}); !strings.Contains(text, "&lt;script&gt;") {
		t.Error("a message is not escaped, or not there")
	}
	if text := form("/withdraw", nil); !strings.Contains(text, "You took the request back") {
		t.Error("withdrawing is not confirmed")
	}
}

// Every page speaks all six languages, whole.
func TestPagesInAllLanguages(t *testing.T) {
	office, server, client := open(t)
	_, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"erase","email":"`+office.Desk.People()[1].Email+`"}`)
	for _, path := range []string{"/", "/notice", "/requests/" + filed["id"].(string)} {
		seen := map[string]bool{}
		for _, lang := range page.Languages() {
			resp, err := client.Get(server.URL + path + "?lang=" + string(lang))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := io.ReadAll(resp.Body)
			resp.Body.Close()
			_, rest, _ := strings.Cut(string(raw), "<h1>")
			title, _, _ := strings.Cut(rest, "</h1>")
			if resp.StatusCode != 200 || !strings.Contains(string(raw), `lang="`+string(lang)+`"`) || seen[title] || title == "" {
				t.Errorf("%s in %s: %d, title %q", path, lang, resp.StatusCode, title)
			}
			seen[title] = true
		}
	}
}

// What has to be mended in a form is said in its reader's language, and nothing that was
// filled in has to be typed again.
func TestMendedInOwnLanguage(t *testing.T) {
	office, server, client := open(t)
	who := office.Desk.People()[1]
	seen := map[string]bool{}
	for _, lang := range page.Languages() {
		resp, err := client.PostForm(server.URL+"/requests?lang="+string(lang), url.Values{"right": {"correct"}, "email": {who.Email}, "name": {"N"},
			"field": {"dob"}, "old": {"old value"}, "new": {"31.3.1980"}, "agent": {"Ann Proxy"}, "agent_email": {"ann@proxy.example"}, "permission": {"parent"}})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
		_, rest, _ := strings.Cut(string(raw), `role="alert">`)
		alert, _, _ := strings.Cut(rest, "</div>")
		_, detail, told := strings.Cut(alert, "<br>")
		if resp.StatusCode != 400 || !told || seen[detail] || lang != "en" && strings.Contains(detail, "not a date") {
			t.Errorf("%s: %d, %q", lang, resp.StatusCode, alert)
		}
		seen[detail] = true
		for _, kept := range []string{`value="old value"`, `value="31.3.1980"`, `value="Ann Proxy"`, `value="ann@proxy.example"`, `<option value="parent" selected`, `<option value="dob" selected`} {
			if !strings.Contains(string(raw), kept) {
				t.Errorf("%s: the form has lost %s", lang, kept)
			}
		}
	}
}

// Every status and timeline word a page can ask for exists.
func TestWordsOfStatuses(t *testing.T) {
	p, err := New(Config{Office: rightstest.Open(t, nil).Office})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []rights.Status{rights.Received, rights.IdentityPending, rights.Verified, rights.Planning, rights.InReview, rights.AwaitingSecond, rights.Scheduled,
		rights.Executing, rights.AwaitingExternal, rights.Verifying, rights.Notifying, rights.NeedsAttention, rights.CompletedFull, rights.CompletedPartial,
		rights.DeniedNotVerified, rights.DeniedNoMatch, rights.DeniedExempt, rights.DeniedOutOfScope, rights.DeniedExcessive, rights.DeniedFraud, rights.DeniedOther,
		rights.Withdrawn, rights.Expired, rights.Merged, rights.Appealed} {
		for _, key := range []string{word("status", string(s)), word("status", string(s)) + ".hint"} {
			if _, err := p.pages.Text("zh", key); err != nil {
				t.Error(err)
			}
		}
	}
}
