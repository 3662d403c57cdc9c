package gateway

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/cookiejar"
	"net/textproto"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const (
	ticketHost = "tickets.localhost"
	rtServer   = "/usr/share/request-tracker5/libexec/rt-server"
)

// startTracker runs Request Tracker as Debian packs it, with a database of its own.
func startTracker(t *testing.T) string {
	t.Helper()
	needs(t, rtServer) // request-tracker5, with rt5-db-sqlite and rt5-standalone
	dir := t.TempDir()
	site := fmt.Sprintf("Set($rtname, 'desk');\nSet($DatabaseType, 'SQLite');\nSet($DatabaseName, '%s/rt.db');\nSet($WebDomain, '%s');\nSet($WebPort, 443);\n"+
		"Set($LogToSTDERR, 'warning');\nSet($LogToSyslog, undef);\nSet($MailCommand, 'testfile');\nSet($DatabaseRequireSSL, undef);\n1;\n", dir, ticketHost)
	if err := os.WriteFile(filepath.Join(dir, "site.pm"), []byte(site), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("RT_SITE_CONFIG", filepath.Join(dir, "site.pm"))
	t.Setenv("RT_SITE_CONFIG_DIR", "/dev/null")
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Minute)
	defer stop()
	if out, err := exec.CommandContext(ctx, needs(t, "rt-setup-database-5"), "--action", "init", "--skip-create").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	addr := keepertest.FreeAddress(t)
	start(t, addr, filepath.Join(dir, "said"), rtServer, "--host", "127.0.0.1", "--port", strings.Split(addr, ":")[1], "--server", "Standalone")
	return addr
}

// browser is an agent's browser at the ticket application.
type browser struct {
	t      *testing.T
	client *http.Client
	base   string
}

func (b *browser) send(r *http.Request) (*http.Response, string) {
	b.t.Helper()
	r.Host = ticketHost
	r.Header.Set(SessionHeader, token)
	r.Header.Set("Referer", "https://"+ticketHost+"/")
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	res, err := b.client.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if to := res.Header.Get("Location"); to != "" && res.StatusCode/100 == 3 {
		return b.get(to)
	}
	return res, string(body)
}

func (b *browser) get(path string) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest("GET", b.base+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.send(r)
}

func (b *browser) post(path, media string, body io.Reader) (*http.Response, string) {
	b.t.Helper()
	r, err := http.NewRequest("POST", b.base+path, body)
	if err != nil {
		b.t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	return b.send(r)
}

var hidden = regexp.MustCompile(`<input type="hidden"[^>]*name="([^"]+)"[^>]*value="([^"]*)"`)

// form is what a browser would send of a page's form, with files.
func form(page string, fill map[string]string, file map[string]string) (media string, body *bytes.Buffer) {
	body = &bytes.Buffer{}
	w := multipart.NewWriter(body)
	for _, m := range hidden.FindAllStringSubmatch(page, -1) {
		if _, filled := fill[m[1]]; !filled {
			w.WriteField(m[1], m[2])
		}
	}
	for name, value := range fill {
		w.WriteField(name, value)
	}
	for name, text := range file {
		part, _ := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {`form-data; name="Attach"; filename="` + name + `"`}, "Content-Type": {"text/plain"}})
		io.WriteString(part, text)
	}
	w.Close()
	return w.FormDataContentType(), body
}

// TestRealTicketApplication: an agent signs in at Request Tracker through the
// gateway, opens a ticket with an attachment, replies, searches and downloads;
// card numbers that anyone wrote anywhere are never shown.
func TestRealTicketApplication(t *testing.T) {
	tracker := startTracker(t)
	catalogue, err := os.ReadFile("../deploy/tools/request-tracker.yaml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Open(t.Context(), policy.Config{Clock: tuesday, Catalogue: []policy.Document{{Name: "request-tracker.yaml", Text: catalogue}}})
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, http.NotFoundHandler(), func(c *Config) {
		c.Policy = rules
		c.Tools[0] = Tool{Name: "tickets", Host: ticketHost, Upstream: &url.URL{Scheme: "http", Host: tracker}, Uploads: []string{"multipart/form-data"}, Timeout: 2 * time.Minute}
		scan, err := redact.New(redact.Config{Profile: redact.Chat, Treat: map[redact.Class]redact.Treatment{redact.PAN: redact.Mask}})
		if err != nil {
			t.Fatal(err)
		}
		c.Scan = scan
	})
	h.session.Proofs = []mfa.Proof{{Kind: "password", At: tuesday()}, {Kind: "totp", At: tuesday()}}
	jar, _ := cookiejar.New(nil)
	client := h.client("h1")
	client.Jar = jar
	b := &browser{t: t, client: client, base: h.front.URL}

	expect := func(what string, res *http.Response, body string, want ...string) {
		t.Helper()
		if dir := os.Getenv("PRIVET_TEST_KEEP"); dir != "" {
			os.WriteFile(filepath.Join(dir, what+".html"), []byte(body), 0o600)
		}
		if res.StatusCode != 200 {
			t.Fatalf("%s: %d %s", what, res.StatusCode, body)
		}
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Fatalf("%s: %q is not on the page:\n%s", what, w, body)
			}
		}
		for _, digits := range []string{"4111111111111111", "4111 1111 1111 1111"} {
			if strings.Contains(body, digits) {
				t.Fatalf("%s shows a card number", what)
			}
		}
	}
	res, page := b.get("/")
	expect("login", res, page, `name="pass"`, "/NoAuth/css/")
	next := regexp.MustCompile(`name="next" value="([^"]+)"`).FindStringSubmatch(page)
	if next == nil {
		t.Fatalf("the form's hidden token is gone: %s", page)
	}
	res, page = b.post("/NoAuth/Login.html", "application/x-www-form-urlencoded",
		strings.NewReader(url.Values{"user": {"root"}, "pass": {"password"}, "next": {next[1]}}.Encode()))
	expect("home", res, page, "Logout")

	res, page = b.get("/Ticket/Create.html?Queue=1")
	expect("new", res, page, `name="Subject"`)
	media, body := form(page, map[string]string{"Queue": "1", "Subject": "Lost card", "Content": "The caller lost 4111 1111 1111 1111 on Monday.", "Status": "new", "Owner": "10", "SubmitTicket": "Create"},
		map[string]string{"statement.txt": "Purchases on 4111111111111111: two coffees."})
	res, page = b.post("/Ticket/Create.html", media, body)
	expect("created", res, page, "Lost card")

	res, page = b.get("/Ticket/Display.html?id=1")
	expect("ticket", res, page, "Lost card", "statement.txt", "TicketHistory?id=1")
	res, history := b.get("/Helpers/TicketHistory?id=1")
	expect("history", res, history, "The caller lost")
	attachment := regexp.MustCompile(`/Ticket/Attachment/\d+/\d+/statement.txt`).FindString(page)
	if attachment == "" {
		t.Fatalf("no link to the attachment: %s", page)
	}
	res, text := b.get(attachment)
	expect("attachment", res, text, "two coffees")

	res, page = b.get("/Ticket/Update.html?id=1&Action=Respond")
	expect("reply", res, page, "UpdateContent")
	media, body = form(page, map[string]string{"id": "1", "UpdateType": "response", "UpdateSubject": "Lost card", "UpdateContent": "A new card is on its way; the old one was 4111111111111111.", "SubmitTicket": "Update Ticket"}, nil)
	res, page = b.post("/Ticket/Update.html", media, body)
	expect("replied", res, page, "Lost card")
	res, history = b.get("/Helpers/TicketHistory?id=1")
	expect("history after", res, history, "on its way")

	res, page = b.get("/Search/Simple.html?q=Lost")
	expect("found", res, page, "Lost card")
	css := regexp.MustCompile(`/NoAuth/css/[^"]+\.css`).FindString(page)
	if res, style := b.get(css); res.StatusCode != 200 || len(style) < 10_000 {
		t.Errorf("the stylesheet: %d, %d bytes", res.StatusCode, len(style))
	}
	if js := regexp.MustCompile(`/NoAuth/js/[^"]+\.js`).FindString(page); js != "" {
		if res, script := b.get(js); res.StatusCode != 200 || len(script) < 10_000 {
			t.Errorf("the script: %d, %d bytes", res.StatusCode, len(script))
		}
	}
	if res, _ := b.get("/Admin/Users/"); res.StatusCode != 404 {
		t.Errorf("a page that is not in the catalogue: %d", res.StatusCode)
	}
}
