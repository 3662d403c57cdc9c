package portal

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
)

// post sends the filing form with a document, as the page does.
func post(t testing.TB, c *http.Client, address string, fields map[string]string, name string, content []byte) (int, string, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	for field, value := range fields {
		if err := form.WriteField(field, value); err != nil {
			t.Fatal(err)
		}
	}
	part, err := form.CreateFormFile("document", name)
	if err == nil {
		_, err = part.Write(content)
	}
	if err == nil {
		err = form.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Post(address, form.FormDataContentType(), &body)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(raw)
}

// An authorised agent shows their permission when they file, for a person who has an
// account and for one who has none: both are answered alike, the code goes to the
// person alone, and the officer finds the document with the request.
func TestAgentsDocument(t *testing.T) {
	office, server, client := open(t)
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	pdf := []byte("%PDF-1.4\npower of attorney")
	for _, email := range []string{office.Desk.People()[12].Email, "nobody-here@example.org"} {
		fields := map[string]string{"right": "access", "email": email, "name": "Ana", "jurisdiction": "US-CA", "agent": "Adele Anwalt", "agent_email": "adele@example.org", "permission": "power_of_attorney"}
		before := len(office.Mail.All())
		status, location, body := post(t, client, server.URL+"/requests", fields, `..\\power of attorney.pdf`, pdf)
		id, found := strings.CutPrefix(location, "/requests/")
		if status != http.StatusSeeOther || !found {
			t.Fatalf("%s: filing leads to %d %q: %s", email, status, location, body)
		}
		sent := office.Mail.All()[before:]
		if len(sent) != 1 || sent[0].To != email {
			t.Errorf("%s: sent %+v", email, sent)
		}
		m, err := office.Messages(t.Context(), id)
		if err != nil || len(m) != 1 || m[0].Sender != "agent" || len(m[0].Files) != 1 || !bytes.Equal(m[0].Files[0].Bytes, pdf) || m[0].Files[0].Name != "power_of_attorney.pdf" {
			t.Errorf("%s: the officer finds %+v: %v", email, m, err)
		}
		if r, err := office.Office.Open(t.Context(), id); err != nil || r.Body.Agent == nil || r.Body.Agent.Permission != "power_of_attorney" {
			t.Errorf("%s: filed as %+v: %v", email, r.Body, err)
		}
		if status, _ := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+email+`","agent":{"name":"Adele","permission":"signed"},"document":{"name":"p.pdf","bytes":"`+base64.StdEncoding.EncodeToString(pdf)+`"}}`); status != http.StatusCreated {
			t.Errorf("%s: by program: %d", email, status)
		}
	}
	list, err := office.List(t.Context(), rights.Filter{})
	if err != nil {
		t.Fatal(err)
	}
	filed := len(list)
	agent := map[string]string{"right": "access", "email": "a@example.org", "name": "A", "agent": "B"}
	for name, content := range map[string][]byte{"page.html": []byte("<html><script>alert(1)</script>"), "active.pdf": []byte("%PDF-1.4 /JavaScript"), "empty.pdf": {}, "large.pdf": append([]byte("%PDF-1.4 "), make([]byte, rights.MostFileBytes)...)} {
		if status, _, body := post(t, client, server.URL+"/requests", agent, name, content); status != http.StatusBadRequest || !strings.Contains(body, `value="a@example.org"`) {
			t.Errorf("%s was answered with %d; the form keeps what was typed: %t", name, status, strings.Contains(body, `value="a@example.org"`))
		}
	}
	for what, body := range map[string]string{
		"a document without an agent": `{"right":"access","email":"a@example.org","document":{"name":"p.pdf","bytes":"JVBERi0xLjQ="}}`,
		"an agent without a name":     `{"right":"access","email":"a@example.org","agent":{"name":" "}}`,
		"an agent's bad address":      `{"right":"access","email":"a@example.org","agent":{"name":"B","email":"x\r\nBcc: y@example.org"}}`,
	} {
		if status, _ := call(t, client, "POST", server.URL+"/api/requests", body); status != http.StatusBadRequest {
			t.Errorf("%s: %d", what, status)
		}
	}
	if list, err = office.List(t.Context(), rights.Filter{}); err != nil || len(list) != filed {
		t.Errorf("%d requests came of what was refused: %v", len(list)-filed, err)
	}
}

// A notice that no longer stands can be read as it was, from the page of the request
// that was filed under it.
func TestPastNotices(t *testing.T) {
	office, server, client := open(t)
	_, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+office.Desk.People()[13].Email+`"}`)
	first := office.Map.Version
	cfg := office.Config
	changed := *cfg.Map
	changed.Version = "2030-01-01"
	changed.Systems = append([]rights.System(nil), changed.Systems...)
	changed.Systems[0].Local = map[string]rights.Told{"de": {Purpose: "Etwas ganz anderes"}}
	cfg.Map = &changed
	office.Clock.Set(office.Clock.Now().AddDate(0, 1, 0))
	later, err := rights.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(Config{Office: later})
	if err != nil {
		t.Fatal(err)
	}
	page := func(path string) (int, string) {
		t.Helper()
		w := answer(p, path)
		return w.Code, w.Body.String()
	}
	_, shown := page("/requests/" + filed["id"].(string) + "?lang=de")
	_, rest, linked := strings.Cut(shown, `href="/notice/`)
	digest, _, _ := strings.Cut(rest, `"`)
	if !linked || !strings.Contains(rest, "Fassung "+first) {
		t.Fatal("the request does not lead to its notice")
	}
	if _, now := page("/notice?lang=de"); !strings.Contains(now, "Etwas ganz anderes") || !strings.Contains(now, "Fassung 2030-01-01") || !strings.Contains(now, `href="/notice/`+digest) {
		t.Errorf("the notice that stands: %s", now)
	}
	if status, past := page("/notice/" + digest + "?lang=de"); status != 200 || strings.Contains(past, "Etwas ganz anderes") || !strings.Contains(past, "Fassung "+first) || !strings.Contains(past, "sie galt von 2. November 2026 bis 2. Dezember 2026") {
		t.Errorf("the notice that stood: %d %s", status, past)
	}
	if status, _ := page("/notice/0000"); status != 404 {
		t.Errorf("a notice that never stood: %d", status)
	}
}

// answer is a portal's answer to a browser.
func answer(p *Portal, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", path, nil)
	r.Header.Set("Accept", "text/html")
	p.ServeHTTP(w, r)
	return w
}
