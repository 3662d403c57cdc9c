package portal

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// answered files, proves and answers an access request.
func answered(t testing.TB, office *rightstest.Office, f rights.Filing) *rights.Request {
	t.Helper()
	ctx := context.Background()
	r, err := office.File(ctx, f)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := office.Verify(ctx, r.ID, office.Mail.Code(t, f.Email)); err != nil {
		t.Fatal(err)
	}
	r = office.Settle(t, r.ID)
	if _, err := office.Approve(ctx, r.ID, rights.Officer{Name: "olga"}, r.Facts.PlanHash); err != nil {
		t.Fatal(err)
	}
	if r = office.Settle(t, r.ID); !strings.HasPrefix(string(r.Status), "completed/") {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	return r
}

// get reads an address from a byte on; if is an If-Range.
func get(t testing.TB, c *http.Client, address string, from int, match string) (*http.Response, []byte) {
	t.Helper()
	req, err := http.NewRequest("GET", address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", from))
		req.Header.Set("If-Range", match)
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
	return resp, raw
}

// ranges asks for parts of a package: the rest of it, and only of this very package
// (RFC 9110 §13.1.5, §14.2).
func ranges(t testing.TB, client *http.Client, address, token string, about *rights.Package) {
	t.Helper()
	size := about.Bytes
	tag := `"` + about.SHA256 + `"`
	for _, tc := range []struct {
		ranged, match string
		status        int
		length        int64
	}{
		{"bytes=1000-", "", 206, size - 1000},
		{"bytes=1000-", tag, 206, size - 1000},
		{"bytes=1000-", `"of another package"`, 200, size},
		{"bytes=1000-", "W/" + tag, 200, size}, // RFC 9110 §13.1.5: a weak one never fits
		{"bytes=1000-", "Mon, 02 Nov 2026 09:00:00 GMT", 200, size},
		{fmt.Sprintf("bytes=%d-", size-1), tag, 206, 1},
		{"bytes=0-9", "", 200, size},   // may be ignored (§14.2)
		{"bytes=-10", "", 200, size},   //
		{"lines=1000-", "", 200, size}, //
	} {
		rest, err := http.NewRequest("GET", address, nil)
		if err != nil {
			t.Fatal(err)
		}
		rest.Header = http.Header{"Privet-Session": {token}, "Range": {tc.ranged}, "If-Range": {tc.match}}
		if tc.match == "" {
			rest.Header.Del("If-Range")
		}
		part, err := client.Do(rest)
		if err != nil {
			t.Fatal(err)
		}
		if part.Body.Close(); part.StatusCode != tc.status || part.ContentLength != tc.length {
			t.Errorf("%s if %q: %d, %d bytes, want %d, %d", tc.ranged, tc.match, part.StatusCode, part.ContentLength, tc.status, tc.length)
		}
	}
}

// A download is proven anew, goes on from a byte, and its link is single-use and ends.
func TestDownload(t *testing.T) {
	office, server, client := open(t)
	client.Jar = nil // nobody is in session
	stay := *client
	stay.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	who := office.Desk.People()[6]
	r := answered(t, office, rights.Filing{Right: rights.Access, Email: who.Email, Jurisdiction: "DE"})
	at := server.URL + "/requests/" + r.ID
	link := func() string {
		t.Helper()
		if err := office.Resend(t.Context(), r.ID); err != nil {
			t.Fatal(err)
		}
		resp, err := stay.PostForm(at+"/package", url.Values{"code": {office.Mail.Code(t, who.Email)}})
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusSeeOther {
			t.Fatalf("a right code leads to %d", resp.StatusCode)
		}
		return server.URL + resp.Header.Get("Location")
	}
	if resp, _ := get(t, client, at+"/package", 0, ""); resp.StatusCode != 401 {
		t.Errorf("without a proof: %d", resp.StatusCode)
	}
	if resp, err := stay.PostForm(at+"/package", url.Values{"code": {"00000000"}}); err != nil || resp.StatusCode == http.StatusSeeOther {
		t.Errorf("with a wrong code: %v %v", resp.StatusCode, err)
	}
	first := link()
	size := r.Facts.Package.Bytes
	if resp, _ := get(t, client, first, int(size), ""); resp.StatusCode != 416 || resp.Header.Get("Content-Range") != fmt.Sprintf("bytes */%d", size) {
		t.Errorf("beyond the end: %d %s", resp.StatusCode, resp.Header.Get("Content-Range"))
	}
	if resp, _ := get(t, client, at+"/package", int(size), ""); resp.StatusCode != 401 || resp.Header.Get("Content-Range") != "" {
		t.Errorf("a stranger beyond the end: %d %s", resp.StatusCode, resp.Header.Get("Content-Range"))
	}
	if resp, whole := get(t, client, first, 0, ""); resp.StatusCode != 200 || int64(len(whole)) != r.Facts.Package.Bytes || !zipOpens(whole) || resp.Header.Get("ETag") != `"`+r.Facts.Package.SHA256+`"` {
		t.Errorf("the link: %d, %d of %d bytes", resp.StatusCode, len(whole), r.Facts.Package.Bytes)
	}
	token, err := office.Session(t.Context(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	ranges(t, client, at+"/package", token, r.Facts.Package)
	if resp, _ := get(t, client, first, 0, ""); resp.StatusCode != 401 {
		t.Errorf("the link a second time: %d", resp.StatusCode)
	}
	if resp, _ := get(t, client, strings.Replace(link(), r.ID, strings.Repeat("a", 25), 1), 0, ""); resp.StatusCode != 404 {
		t.Errorf("the link of another request: %d", resp.StatusCode)
	}
	late := link()
	office.Clock.Set(office.Clock.Now().Add(25 * time.Hour))
	if resp, _ := get(t, client, late, 0, ""); resp.StatusCode != 401 {
		t.Errorf("after a day: %d", resp.StatusCode)
	}
}

func zipOpens(raw []byte) bool {
	_, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	return err == nil
}

// The package itself: a page in the person's language, JSON and CSV per system, others
// blanked, what is withheld with its law, signed; never what 11 CCR 7024(d) forbids.
func TestPackageContents(t *testing.T) {
	office, server, client := open(t)
	office.Holders["supportdesk"] = rightstest.Gossip{Holder: office.Holders["supportdesk"]}
	people := office.Desk.People()
	for i, tc := range []struct {
		lang, place string
		words       []string
	}{
		{"de", "US-CA", []string{`lang="de"`, "Auskunft nach Artikel 15", "Ihr Konto", "Geburtsdatum", "Solange Sie die Karte haben", "Liegt uns vor; wird zur Sicherheit nie gezeigt", "11 CCR 7024(d)", "2. November 2026", "Das Kartennetz"}},
		{"zh", "US-CA", []string{`lang="zh"`, "您的账户", "出生日期", "2026年11月2日", "我们持有"}},
		{"en", "DE", []string{`lang="en"`, "Your account", "Date of birth", "GDPR Art. 15(4)", "PCI DSS 4.0.1 3.3.1", "edpb.europa.eu"}},
	} {
		who := people[i]
		r := answered(t, office, rights.Filing{Right: rights.Access, Email: who.Email, Name: who.Name.Full, Language: tc.lang, Jurisdiction: tc.place})
		token, err := office.Session(t.Context(), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		req, err := http.NewRequest("GET", server.URL+"/api/requests/"+r.ID+"/package", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Privet-Session", token)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(resp.Body)
		if resp.Body.Close(); err != nil {
			t.Fatal(err)
		}
		keys, err := office.Keeper.PublicKeys(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := rights.CheckArchive(bytes.NewReader(raw), int64(len(raw)), func(m, sig []byte, v int) bool { return ed25519.Verify(keys[v-keys[0].Version].Ed25519, m, sig) }); err != nil {
			t.Errorf("%s: the signature: %v", tc.lang, err)
		}
		files := unzip(t, raw)
		page := files["index.html"]
		seen := map[string]bool{}
		for _, part := range strings.Split(page, "<h2>")[1:] {
			title, _, _ := strings.Cut(part, "</h2>")
			if seen[title] {
				t.Errorf("%s: the page has %q twice", tc.lang, title)
			}
			seen[title] = true
		}
		for _, want := range append(tc.words, who.Email, who.Address.Street) {
			if !strings.Contains(page, want) {
				t.Errorf("%s: the page lacks %q", tc.lang, want)
			}
		}
		var rows []map[string]any
		if err := json.Unmarshal([]byte(files["systems/supportdesk/account.json"]), &rows); err != nil || len(rows) != 1 || rows[0]["email"] != who.Email {
			t.Errorf("%s: JSON: %v %v", tc.lang, err, rows)
		}
		if csv := files["systems/supportdesk/account.csv"]; !strings.HasPrefix(csv, "subject,email,") || !strings.Contains(csv, who.Email) {
			t.Errorf("%s: CSV: %s", tc.lang, csv)
		}
		if !strings.Contains(files["systems/supportdesk/case.json"], "My sister [person] was there, [email]") || !strings.Contains(files["systems/supportdesk/call.json"], who.Email) {
			t.Errorf("%s: transcripts: %s", tc.lang, files["systems/supportdesk/case.json"])
		}
		never := []string{who.Card.CVV + `"`, `"pin":"` + who.Card.PIN, "Annika", "annika", "<script"}
		if tc.place == "US-CA" {
			never = append(never, who.SSN, who.Card.PAN, who.Passport, who.Licence, who.Bank.Account)
		}
		for name, content := range files {
			for _, n := range never {
				if n != "" && strings.Contains(content, n) {
					t.Errorf("%s: %s holds %q", tc.lang, name, n)
				}
			}
		}
		if !strings.Contains(files["withheld.json"], "card.cvv") {
			t.Errorf("%s: withheld: %s", tc.lang, files["withheld.json"])
		}
	}
}

// unzip reads an archive and refuses names that would leave a directory.
func unzip(t testing.TB, raw []byte) map[string]string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range zr.File {
		if f.Name != path.Clean(f.Name) || path.IsAbs(f.Name) || strings.ContainsAny(f.Name, `\:`) || strings.HasPrefix(f.Name, "..") {
			t.Errorf("the archive has a file %q", f.Name)
		}
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}
