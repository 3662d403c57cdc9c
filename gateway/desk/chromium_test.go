package desk_test

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

var everyLanguage = flag.Bool("every-language", false, "look every page over in all six languages")

// chromium starts a browser that trusts the test server's certificate, whose
// errors would otherwise forbid passkeys.
func chromium(t *testing.T, b *bench) context.Context {
	t.Helper()
	bin := os.Getenv("PRIVET_TEST_CHROMIUM")
	if bin == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_CHROMIUM is not set")
		}
		t.Skip("PRIVET_TEST_CHROMIUM is not set")
	}
	spki := sha256.Sum256(b.cert.RawSubjectPublicKeyInfo)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(bin), chromedp.NoSandbox, chromedp.WindowSize(1000, 800),
		chromedp.UserDataDir(t.TempDir()), chromedp.Flag("ignore-certificate-errors-spki-list", base64.StdEncoding.EncodeToString(spki[:])))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute)
	t.Cleanup(stop)
	if _, err := chromedp.Run(ctx, chromedp.Location()); err != nil { // starts it: its life is this context's
		t.Fatal(err)
	}
	return ctx
}

// run does the steps, each within ten seconds: what does not come then never comes.
func run(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	for i, step := range steps {
		bounded, stop := context.WithTimeout(ctx, 10*time.Second)
		_, err := chromedp.Run(bounded, step)
		stop()
		if err != nil {
			body, _ := chromedp.Run(ctx, chromedp.Text(chromedp.CSS("body")))
			t.Fatalf("step %d: %v at\n%s", i+1, err, body)
		}
	}
}

func get[T any](t *testing.T, ctx context.Context, a chromedp.Action[T]) T {
	t.Helper()
	v, err := chromedp.Run(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// call sends the browser one command.
func call[P, R any](command cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, command, params)
		return err
	})
}

// shot keeps a picture of the page where PRIVET_TEST_SHOTS says.
func shot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	dir := os.Getenv("PRIVET_TEST_SHOTS")
	if dir == "" {
		return
	}
	for _, scheme := range []string{"light", "dark"} {
		run(t, ctx, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}))
		if err := os.WriteFile(filepath.Join(dir, name+"-"+scheme+".png"), get(t, ctx, chromedp.FullScreenshot(100)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// An invited agent enrols, signs in, adds a passkey and signs in with it alone,
// in a real browser with a virtual authenticator.
func TestChromium(t *testing.T) {
	b := open(t)
	ctx := chromium(t, b)
	if _, err := b.door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "lee", Display: "Lee Park", Kind: "agent", Roles: []string{"tier1"}}}); err != nil {
		t.Fatal(err)
	}
	invite, err := b.door.Invite(t.Context(), "sofia", "lee")
	if err != nil {
		t.Fatal(err)
	}
	run(t, ctx, call(webauthn.Enable, webauthn.EnableParams{}), call(webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{
		Options: &webauthn.VirtualAuthenticatorOptions{Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true}}))
	run(t, ctx, chromedp.Navigate(b.server.URL+"/enrol?invite="+invite), chromedp.WaitVisible(chromedp.CSS("#password")))
	shot(t, ctx, "invited")
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#password"), "short"), chromedp.Submit(chromedp.CSS("#password")), chromedp.WaitVisible(chromedp.CSS(".notice.no")),
		chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.Submit(chromedp.CSS("#password")), chromedp.WaitVisible(chromedp.CSS(".qr")))
	secret := strings.ReplaceAll(get(t, ctx, chromedp.Text(chromedp.CSS("p code"))), " ", "")
	shot(t, ctx, "enrol")
	b.next()
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#code"), codeAt(t, secret, b.clock())), chromedp.Submit(chromedp.CSS("#code")),
		chromedp.WaitVisible(chromedp.CSS(".codes")))
	shot(t, ctx, "recovery")
	b.next()
	run(t, ctx, chromedp.Navigate(b.server.URL+"/"), chromedp.WaitVisible(chromedp.CSS("#agent")))
	shot(t, ctx, "signin")
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#agent"), "lee"), chromedp.SendKeys(chromedp.CSS("#password"), password), chromedp.Submit(chromedp.CSS("#password")), chromedp.WaitVisible(chromedp.CSS("#code")),
		chromedp.SendKeys(chromedp.CSS("#code"), "000000"), chromedp.Submit(chromedp.CSS("#code")), chromedp.WaitVisible(chromedp.CSS("[role=alert]")))
	shot(t, ctx, "code-wrong")
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#code"), codeAt(t, secret, b.clock())), chromedp.Submit(chromedp.CSS("#code")),
		chromedp.WaitVisible(chromedp.CSS("#purpose")))
	shot(t, ctx, "home")
	run(t, ctx, chromedp.Navigate(b.server.URL+"/factors"), chromedp.Click(chromedp.CSS("form[data-passkey] button")), chromedp.WaitVisible("//td[text()='Passkey']"))
	shot(t, ctx, "factors")
	run(t, ctx, chromedp.Click("//a[text()='Change password']"), chromedp.WaitVisible(chromedp.CSS("#present")), chromedp.SendKeys(chromedp.CSS("#present"), password),
		chromedp.SendKeys(chromedp.CSS("#next"), "password1234"), chromedp.Submit(chromedp.CSS("#next")), chromedp.WaitVisible(chromedp.CSS("#next[aria-invalid]")))
	shot(t, ctx, "password")
	run(t, ctx, chromedp.SendKeys(chromedp.CSS("#present"), password), chromedp.SendKeys(chromedp.CSS("#next"), "brass kettle orchard 4"), chromedp.Submit(chromedp.CSS("#next")), chromedp.WaitVisible(chromedp.CSS("[role=status]")))
	shot(t, ctx, "password-done")
	run(t, ctx, chromedp.Navigate(b.server.URL+"/caller"), chromedp.SendKeys(chromedp.CSS("#subject"), "c1"), chromedp.Submit(chromedp.CSS("#subject")), chromedp.WaitVisible(chromedp.CSS("#code")))
	shot(t, ctx, "caller")
	run(t, ctx, chromedp.Navigate(b.server.URL+"/sessions"), chromedp.WaitVisible(chromedp.CSS("table")))
	shot(t, ctx, "sessions")
	run(t, ctx, chromedp.Click(chromedp.CSS(".bar form button")), chromedp.WaitVisible(chromedp.CSS("#agent")))
	shot(t, ctx, "signed-out")
	run(t, ctx, chromedp.Click(chromedp.CSS("form[data-passkey] button")), chromedp.WaitVisible(chromedp.CSS("#purpose")))
	if text := get(t, ctx, chromedp.Text(chromedp.CSS("h1"))); text != "Hello, Lee Park" {
		t.Errorf("signed in with the passkey as %q", text)
	}
	run(t, ctx, chromedp.Navigate(b.server.URL+"/step-up"), chromedp.WaitVisible(chromedp.CSS("form[data-passkey] button")))
	shot(t, ctx, "stepup")
	run(t, ctx, chromedp.Click(chromedp.CSS("form[data-passkey] button")), chromedp.WaitVisible(chromedp.CSS("#purpose")))

	// From the tool's host and back: cookies and form-action as a browser sees them.
	run(t, ctx, call(network.ClearBrowserCookies, cdp.Empty{}), chromedp.Navigate(b.tool.URL+"/accounts/7"), chromedp.WaitVisible(chromedp.CSS("#agent")),
		chromedp.Click(chromedp.CSS("form[data-passkey] button")), chromedp.WaitVisible("//*[text()='hello lee']"))
	if text := get(t, ctx, chromedp.Location()); text != b.tool.URL+"/accounts/7" {
		t.Errorf("came back to %s", text)
	}
	for _, lang := range []string{"zh", "de", "es", "fr", "pt"} {
		run(t, ctx, call(network.ClearBrowserCookies, cdp.Empty{}), chromedp.Navigate(b.server.URL+"/?lang="+lang), chromedp.WaitVisible(chromedp.CSS("#agent")))
		shot(t, ctx, "signin-"+lang)
	}
}

// Every page of the desk, signed in and out, in light and dark and (with the
// flag, each in) all six languages, is without what axe-core finds, and every field has a label.
func TestAccessible(t *testing.T) {
	b := open(t, func(c *mfa.Config) { c.Knowledge = asked{} })
	b.addSupervisor(t)
	ctx := chromium(t, b)
	axe := axeCore(t)
	looked := 0
	look := func(name, path string) {
		t.Helper()
		for i, lang := range page.Languages() {
			if looked++; !*everyLanguage && i != looked/len(page.Languages())%len(page.Languages()) {
				continue // in the check each page in one language, in turn
			}
			join := map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]
			scheme := []string{"light", "dark"}[i%2]
			run(t, ctx, call(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
				chromedp.Navigate(b.server.URL+path+join+"lang="+string(lang)), chromedp.WaitReady(chromedp.CSS("main h1")))
			found := get(t, ctx, chromedp.Evaluate[[]string](axe+`;axe.run().then(r => r.violations.flatMap(v => v.nodes.map(n => v.id + ": " + n.html)))`, chromedp.EvalAwaitPromise))
			headings := get(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll("h1").length`))
			if len(found) > 0 || headings != 1 {
				t.Errorf("%s in %s, %s: %d headings, %v", name, lang, scheme, headings, found)
			}
			if lang == "en" || lang == "zh" || lang == "de" {
				shot(t, ctx, name+"-"+string(lang))
			}
		}
	}
	look("a-signin", "/")
	look("a-ended", "/?ended=1")
	look("a-help", "/help")
	invite, err := b.door.Invite(t.Context(), "sofia", "ada")
	if err != nil {
		t.Fatal(err)
	}
	look("a-enrol", "/enrol?invite="+invite)
	look("a-refused", "/team")
	enter := func(token string) {
		run(t, ctx, call(network.SetCookie, network.SetCookieParams{Name: mfa.SessionCookie, Value: token, URL: b.server.URL, Path: "/", Secure: new(true), HTTPOnly: new(true), SameSite: "Lax"}))
	}
	b.strange(t)
	ada := b.signIn(t)
	if status, got := b.post(t, "/api/break-glass", ada, `{"reason":"caller in hospital, card stolen"}`); status != 200 {
		t.Fatalf("break the glass: %d %v", status, got)
	}
	enter(ada)
	for name, path := range map[string]string{"home": "/", "factors": "/factors", "password": "/password", "stepup": "/step-up", "sessions": "/sessions", "caller": "/caller?subject=c1"} {
		look("b-"+name, path)
	}
	_, got := b.post(t, "/api/login", "", `{"agent":"sofia","password":"`+password+`"}`)
	b.next()
	_, got = b.post(t, "/api/code", "", `{"ticket":"`+got["ticket"].(string)+`","code":"`+codeAt(t, base32.StdEncoding.EncodeToString(supervisorSeed()), b.clock())+`"}`)
	enter(got["session"].(string))
	look("c-team", "/team")
}

// asked is knowledge of one cardholder.
type asked struct{}

func (asked) Questions(context.Context, string, string) ([]mfa.Question, error) {
	return []mfa.Question{{ID: "born", Text: "Date of birth"}, {ID: "street", Text: "Street"}, {ID: "work", Text: "Employer"}}, nil
}
func (asked) Answers(context.Context, string) (map[string]string, error) {
	return map[string]string{"born": "1980-04-03", "street": "Via Verdi 12", "work": "Café São João"}, nil
}

// axeCore is the script that looks a page over.
func axeCore(t *testing.T) string {
	t.Helper()
	file := os.Getenv("PRIVET_TEST_AXE")
	if file == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_AXE is not set")
		}
		t.Skip("PRIVET_TEST_AXE is not set")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
