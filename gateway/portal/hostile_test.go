package portal

import (
	"bytes"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// attach sends a message with one file, as the page's form does.
func attach(t testing.TB, c *http.Client, address, name string, content []byte) (int, string) {
	t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	if err := form.WriteField("text", "see the file"); err != nil {
		t.Fatal(err)
	}
	part, err := form.CreateFormFile("file", name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := part.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := form.Close(); err != nil {
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
	return resp.StatusCode, string(raw)
}

// meter counts what is read of an endless file.
type meter struct{ read int }

func (m *meter) Read(p []byte) (int, error) {
	m.read += len(p)
	if m.read > 8<<20 {
		return 0, io.EOF
	}
	return len(p), nil
}

// A form that takes no file reads none.
func TestFormsWithoutFilesAreShort(t *testing.T) {
	office := rightstest.Open(t, nil)
	p, err := New(Config{Office: office.Office})
	if err != nil {
		t.Fatal(err)
	}
	who := office.Desk.People()[8]
	req, err := office.File(t.Context(), rights.Filing{Right: rights.Access, Email: who.Email})
	if err != nil {
		t.Fatal(err)
	}
	for _, act := range []string{"verify", "code", "withdraw", "appeal", "package"} {
		var file meter
		head := "--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n"
		r := httptest.NewRequest("POST", "/requests/"+req.ID+"/"+act, io.MultiReader(strings.NewReader(head), &file))
		r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		p.ServeHTTP(httptest.NewRecorder(), r)
		if file.read > mostBody+64<<10 {
			t.Errorf("%s read %d bytes", act, file.read)
		}
	}
}

// What acts when opened is refused whatever its name says, and the timeline says so;
// what is taken has a name that stays in its folder.
func TestAttachments(t *testing.T) {
	office, server, client := open(t)
	who := office.Desk.People()[8]
	_, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"correct","email":"`+who.Email+`","corrections":[{"field":"address.street","old":"`+who.Address.Street+`","new":"12 New Road"}]}`)
	id := filed["id"].(string)
	at := server.URL + "/requests/" + id
	if status, _ := attach(t, client, at+"/messages", "a.txt", []byte("before the proof")); status != 401 {
		t.Errorf("before the proof: %d", status)
	}
	if status, _ := call(t, client, "POST", server.URL+"/api/requests/"+id+"/verify", `{"code":"`+office.Mail.Code(t, who.Email)+`"}`); status != 200 {
		t.Fatal(status)
	}
	png := []byte("\x89PNG\r\n\x1a\n0000")
	refused := 0
	for _, tc := range []struct {
		name, content string
		taken         string // as; "" is refused
	}{
		{"letter.pdf", "%PDF-1.4\n1 0 obj", "letter.pdf"},
		{"../../etc/passwd.png", string(png), "passwd.png"},
		{`C:\Users\x\photo.png`, string(png), "photo.png"},
		{"<img src=x onerror=alert(1)>.png", string(png), "_img_src_x_onerror_alert_1_.png"},
		{"letter.pdf", "%PDF-1.4 /OpenAction << /S /JavaScript /JS (app.alert(1)) >>", ""},
		{"letter.pdf", "%PDF-1.4 /Launch", ""},
		{"letter.pdf", "%PDF-1.4 /EmbeddedFile", ""},
		{"photo.png", "<html><script>alert(1)</script>", ""},
		{"photo.svg", `<?xml version="1.0"?><svg onload="alert(1)"/>`, ""},
		{"notes.txt", "hello <SVG onload=alert(1)>", ""},
		{"data.zip", "PK\x03\x04 x", ""},
		{"macro.doc", "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ""},
		{"run.exe", "MZ\x90\x00", ""},
		{"empty.txt", "", ""},
	} {
		before, err := office.Messages(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		status, text := attach(t, client, at+"/messages", tc.name, []byte(tc.content))
		after, err := office.Messages(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if tc.taken == "" {
			if refused++; status != 400 || len(after) != len(before) || !strings.Contains(text, `role="alert"`) {
				t.Errorf("%s %q: %d, %d messages", tc.name, tc.content, status, len(after)-len(before))
			}
			continue
		}
		if status != 200 || len(after) != len(before)+1 || after[len(after)-1].Files[0].Name != tc.taken {
			t.Errorf("%s: %d %v", tc.name, status, after[len(after)-1].Files)
		}
	}
	if n := count(t, office.Office, id, "file_refused"); n != refused {
		t.Errorf("%d of %d refusals are in the timeline", n, refused)
	}
	if _, text := get(t, client, at, 0, ""); !strings.Contains(string(text), "A file was not taken") {
		t.Error("the page does not say that a file was refused")
	}
	if status, _ := attach(t, client, at+"/messages", "big.txt", bytes.Repeat([]byte("a"), rights.MostFileBytes+1)); status != 400 {
		t.Errorf("a large file: %d", status)
	}
}

func count(t testing.TB, o *rights.Office, id, kind string) (n int) {
	t.Helper()
	events, err := o.Timeline(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range events {
		if e.Kind == kind {
			n++
		}
	}
	return n
}

// Whatever was wrong stands in the timeline that its person reads, and nothing is lost.
func TestTimelineSaysWhatHappened(t *testing.T) {
	office, server, client := open(t)
	who, other := office.Desk.People()[12], office.Desk.People()[13]
	file := func(email string) string {
		_, filed := call(t, client, "POST", server.URL+"/api/requests", `{"right":"access","email":"`+email+`","name":"<b onclick=x>Bob</b>"}`)
		return filed["id"].(string)
	}
	verify := func(id, code string) map[string]any {
		_, v := call(t, client, "POST", server.URL+"/api/requests/"+id+"/verify", `{"code":"`+code+`"}`)
		return v
	}
	kinds := func(id string) (out []string) {
		_, v := call(t, client, "GET", server.URL+"/api/requests/"+id, "")
		for _, e := range v["timeline"].([]any) {
			out = append(out, e.(map[string]any)["kind"].(string))
		}
		return out
	}
	first := file(who.Email)
	file(other.Email)
	verify(first, office.Mail.Code(t, other.Email)) // somebody else's
	for range 5 {
		verify(first, "00000000")
	}
	if got := kinds(first); !slices.Contains(got, "code_wrong") || !slices.Contains(got, "code_spent") {
		t.Errorf("wrong codes: %v", got)
	}
	if err := office.Resend(t.Context(), first); err != nil {
		t.Fatal(err)
	}
	verify(first, office.Mail.Code(t, who.Email))
	second := file(who.Email) // filed twice
	if v := verify(second, office.Mail.Code(t, who.Email)); v["status"] != string(rights.Merged) || !slices.Contains(kinds(second), "merged") {
		t.Errorf("a double filing: %v %v", v["status"], kinds(second))
	}
	third := file("new.address@example.org") // an address we do not know
	if v := verify(third, office.Mail.Code(t, "new.address@example.org")); v["status"] != string(rights.DeniedNoMatch) || !strings.Contains(v["reason"].(string), "hold no data") || !slices.Contains(kinds(third), "ended") {
		t.Errorf("an unknown address: %v", v)
	}
	for range 40 { // a stranger cannot fill somebody's timeline
		verify(file(other.Email), "1")
	}
	if _, text := get(t, client, server.URL+"/requests/"+first, 0, ""); strings.Contains(string(text), "onclick") || !strings.Contains(string(text), "A code was entered that was not right") {
		t.Error("the page does not say what happened, or says it in the filer's HTML")
	}
}
