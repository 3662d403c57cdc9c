package desk_test

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
)

func codeAt(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	code, err := totp.GenerateCodeCustom(secret, at, totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func browser() *http.Client {
	jar, _ := cookiejar.New(nil)
	return &http.Client{Jar: jar, Transport: transport(), CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// visit navigates as a browser does and returns status, body and where it is sent.
func (b *bench) visit(t *testing.T, c *http.Client, method, address string, form url.Values) (int, string, string) {
	t.Helper()
	r, err := http.NewRequest(method, address, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Mode", "navigate")
	if method == "POST" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	return res.StatusCode, string(body), res.Header.Get("Location")
}

var hidden = regexp.MustCompile(`name="(return|ticket)" value="([^"]*)"`)

func field(body, name string) string {
	for _, m := range hidden.FindAllStringSubmatch(body, -1) {
		if m[1] == name && m[2] != "" {
			return m[2]
		}
	}
	return ""
}

// From a tool without a session to the desk, through sign-in and back to the
// very page: a session of the tool's own, by a code that works once.
func TestHandOver(t *testing.T) {
	b := open(t)
	_, _, desk := b.visit(t, b.client, "GET", b.tool.URL+"/accounts/7?tab=2", nil)
	if !strings.HasPrefix(desk, b.server.URL+"/?return=") {
		t.Fatalf("sent to %s", desk)
	}
	_, body, _ := b.visit(t, b.client, "GET", desk, nil)
	back := field(body, "return")
	status, body, _ := b.visit(t, b.client, "POST", b.server.URL+"/signin", url.Values{"agent": {"ada"}, "password": {password}, "return": {back}})
	if status != 200 || field(body, "ticket") == "" {
		t.Fatalf("sign in: %d %s", status, body)
	}
	status, body, enter := b.visit(t, b.client, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")}, "code": {b.code(t)}, "return": {back}})
	if status != 303 || !strings.HasPrefix(enter, b.tool.URL+"/.privet/enter?code=") {
		t.Fatalf("code: %d to %q %s", status, enter, body)
	}
	thief := browser()
	if status, _, _ := b.visit(t, thief, "GET", enter, nil); status != 403 {
		t.Errorf("another browser takes the session over: %d", status)
	}
	// the thief's try has spent the code: the agent comes back through the desk
	_, _, enter2 := b.visit(t, b.client, "GET", desk, nil)
	status, _, at := b.visit(t, b.client, "GET", enter2, nil)
	if status != 303 || at != b.tool.URL+"/accounts/7?tab=2" {
		t.Fatalf("enter: %d to %q", status, at)
	}
	if status, _, _ := b.visit(t, b.client, "GET", enter2, nil); status != 403 {
		t.Errorf("hand-over works twice: %d", status)
	}
	if _, body, _ := b.visit(t, b.client, "GET", at, nil); body != "hello ada" {
		t.Errorf("at the tool: %s", body)
	}
	b.visit(t, b.client, "POST", b.server.URL+"/logout", nil)
	if status, _, _ := b.visit(t, b.client, "GET", at, nil); status != 303 {
		t.Errorf("the tool's session outlives the sign-out: %d", status)
	}
}

// A return address that we did not sign, or that leads elsewhere, leads nowhere.
func TestOpenRedirect(t *testing.T) {
	b := open(t)
	_, _, desk := b.visit(t, b.client, "GET", b.tool.URL+"/", nil)
	u, _ := url.Parse(desk)
	signed := u.Query().Get("return")
	flipped := []byte(signed)
	flipped[5] ^= 1
	for _, back := range []string{"https://evil.test/", "//evil.test", "/\\evil.test", "https://" + b.tool.Listener.Addr().String() + "@evil.test/", "http://" + b.tool.Listener.Addr().String() + "/", "javascript:alert(1)", string(flipped), signed + "x", "."} {
		_, body, _ := b.visit(t, b.client, "POST", b.server.URL+"/signin", url.Values{"agent": {"ada"}, "password": {password}, "return": {back}})
		status, body, to := b.visit(t, b.client, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")}, "code": {b.code(t)}, "return": {back}})
		if status != 303 || to != "/" {
			t.Errorf("%q: %d to %q %s", back, status, to, body)
		}
	}
}

// A browser has one session at a time: signing in again ends the one before.
func TestSignInAgain(t *testing.T) {
	b := open(t)
	for range 2 {
		_, body, _ := b.visit(t, b.client, "POST", b.server.URL+"/signin", url.Values{"agent": {"ada"}, "password": {password}})
		if status, body, _ := b.visit(t, b.client, "POST", b.server.URL+"/code", url.Values{"ticket": {field(body, "ticket")}, "code": {b.code(t)}}); status != 303 {
			t.Fatalf("sign in: %d %s", status, body)
		}
	}
	if list, err := b.door.Sessions(t.Context(), "ada"); err != nil || len(list) != 1 {
		t.Errorf("%d sessions of one browser, %v", len(list), err)
	}
}
