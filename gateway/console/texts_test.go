package console_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
)

// form sends a page's form and returns the page it leads to.
func form(t *testing.T, server *httptest.Server, who, path string, v url.Values) (int, string) {
	t.Helper()
	method, body := http.MethodPost, strings.NewReader(v.Encode())
	if v == nil {
		method = http.MethodGet
	}
	req, err := http.NewRequest(method, server.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", who)
	req.Header.Set("Accept", "text/html")
	req.Header.Set("Sec-Fetch-Mode", "navigate")
	if v != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := server.Client()
	client.CheckRedirect = func(next *http.Request, _ []*http.Request) error {
		next.Header.Set("Privet-Session", who)
		return nil
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(raw)
}

// The editor: who may open it, what it shows, what it refuses, and that every opening
// and every act is in the trail.
func TestTexts(t *testing.T) {
	office, server := openOffice(t)
	who := office.Desk.People()[0]
	r := filed(t, office, rights.Filing{Right: rights.Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "US-CA"})
	at := "/requests/" + r.ID
	for name, status := range map[string]int{"paul": 403, "ada": 403, "": 401, "olga": 200} {
		if got, _ := act(t, server, name, "GET", "/api"+at+"/passages", ""); got != status {
			t.Errorf("%q opens the transcripts: %d, want %d", name, got, status)
		}
	}
	_, text := form(t, server, "olga", at+"/texts", nil)
	for _, want := range []string{`<mark title="hidden · person">Annika Brandt</mark>`, `<span class="own" title="own data">` + who.Email + `</span>`, `never shown]</mark>`, "Uncle Zeph"} {
		if !strings.Contains(text, want) {
			t.Errorf("the editor lacks %s", want)
		}
	}
	for _, never := range []string{who.Card.PAN, who.Card.CVV + "</", "<script"} {
		if strings.Contains(text, never) {
			t.Errorf("the editor shows %s", never)
		}
	}
	for _, tc := range []struct {
		body   string
		status int
	}{
		{`{"words":"","reason":"person"}`, 400}, {`{"words":"Zeph","reason":"whim"}`, 400}, {`{"words":"` + who.Card.PAN + `","show":true,"reason":"own"}`, 400},
		{`{"words":"` + strings.Repeat("a", 201) + `","reason":"person"}`, 400}, {`{"words":"Zeph","reason":"person","passage":"` + strings.Repeat("a", 17) + `"}`, 400}, {`{"words":"Zeph","reason":"person"}`, 200},
	} {
		if status, no := act(t, server, "olga", "POST", "/api"+at+"/redact", tc.body); status != tc.status {
			t.Errorf("%s: %d %v", tc.body, status, no["detail"])
		}
	}
	if status, text := form(t, server, "olga", at+"/redact", url.Values{"words": {`<img src=x onerror=alert(1)>`}, "reason": {"whim"}}); status != 400 || strings.Contains(text, "<img") || !strings.Contains(text, `role="alert"`) {
		t.Errorf("a refused form: %d", status)
	}
	if status, _ := act(t, server, "rosa", "POST", "/api"+at+"/unredact", `{"receipt":"nothing"}`); status != 400 {
		t.Errorf("taking back what is not there: %d", status)
	}
	entries, err := office.Trail.Search(t.Context(), audit.Filter{Kind: "rights.*", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]int{}
	for _, e := range entries {
		kinds[e.Event.Kind+" "+e.Event.Detail["what"]]++
	}
	if kinds["rights.viewed transcripts"] != 3 || kinds["rights.redacted "] != 1 {
		t.Errorf("the trail has %v", kinds)
	}
}

// Letters are looked at before they go out; the wizard refuses what the law refuses.
func TestLetterPreview(t *testing.T) {
	office, server := openOffice(t)
	people := office.Desk.People()
	r := filed(t, office, rights.Filing{Right: rights.Erase, Email: people[0].Email, Language: "de", Jurisdiction: "DE"})
	at := "/requests/" + r.ID
	status, text := form(t, server, "olga", at+"/preview", url.Values{"act": {"deny"}, "reason": {"legal_obligation"}, "text": {"<b>Own</b> words"}})
	if status != 200 || !strings.Contains(text, "DSGVO Art. 17(3)(b)") || !strings.Contains(text, `lang="de">Guten Tag`) || !strings.Contains(text, "&lt;b&gt;Own") || !strings.Contains(text, "Deutsch") {
		t.Errorf("the preview of a denial: %d", status)
	}
	if after, _ := office.Get(t.Context(), r.ID); after.Status != r.Status {
		t.Errorf("a preview changed the request to %s", after.Status)
	}
	for _, ground := range []string{"glba", "twice", "accurate", "whim"} { // other laws' and other rights' grounds
		if status, text := form(t, server, "olga", at+"/preview", url.Values{"act": {"deny"}, "reason": {ground}}); status != 400 || !strings.Contains(text, `role="alert"`) {
			t.Errorf("%s under GDPR against an erasure: %d", ground, status)
		}
	}
	if status, _ := form(t, server, "paul", at+"/preview", url.Values{"act": {"deny"}, "reason": {"claims"}}); status != 403 {
		t.Errorf("an auditor writes letters: %d", status)
	}
	if status, text := form(t, server, "olga", at+"/preview", url.Values{"act": {"extend"}, "reason": {"complex"}}); status != 200 || !strings.Contains(text, "2 February 2027") || !strings.Contains(text, "2. Februar 2027") {
		t.Errorf("the preview of an extension: %d", status)
	}
	office.Clock.Set(r.Due.AddDate(0, 0, 1))
	if status, text := form(t, server, "olga", at+"/preview", url.Values{"act": {"extend"}, "reason": {"complex"}}); status != 409 || strings.Contains(text, `class="card letter"`) || !strings.Contains(text, `role="alert"`) {
		t.Errorf("a late notice: %d", status)
	}
	if _, text := form(t, server, "olga", at, nil); strings.Contains(text, `value="extend"`) || !strings.Contains(text, "12(3)") {
		t.Error("the page offers an extension that the law refuses")
	}
}

// The queue foretells in words and colour who will miss their day.
func TestForecastInQueue(t *testing.T) {
	office, server := openOffice(t)
	people := office.Desk.People()
	done := filed(t, office, rights.Filing{Right: rights.Access, Email: people[0].Email, Jurisdiction: "BR"})
	if _, err := office.Deny(t.Context(), done.ID, "olga", "out_of_scope", ""); err != nil {
		t.Fatal(err)
	}
	var open []string
	for i := range 3 {
		open = append(open, filed(t, office, rights.Filing{Right: rights.Access, Email: people[i+1].Email, Jurisdiction: "BR"}).ID)
	}
	office.Clock.Set(office.Clock.Now().AddDate(0, 0, 10)) // one in ten days; five are left
	req, err := http.NewRequest("GET", server.URL+"/api/requests?open=1", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Privet-Session", "olga")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var queue struct {
		Requests []struct {
			ID     string
			Misses bool
		}
		Forecast rights.Forecast
	}
	if err := json.NewDecoder(resp.Body).Decode(&queue); err != nil {
		t.Fatal(err)
	}
	if len(queue.Requests) != 3 || len(queue.Forecast.Misses) != 3 || queue.Forecast.Pace != 0.1 || !queue.Requests[0].Misses {
		t.Errorf("the forecast: %+v", queue)
	}
	if _, text := form(t, server, "olga", "/?misses=1", nil); !strings.Contains(text, "3 of 3 open requests will miss their day") || strings.Count(text, `class="badge no">Probably late`) != 3 {
		t.Error("the queue does not say so")
	}
	_ = open
}
