package desk_test

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
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

	"github.com/privet-gateway/privet/mfa"
)

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

// Every field has a label and every page one heading and a language, tab by tab.
func TestAccessible(t *testing.T) {
	b := open(t)
	ctx := chromium(t, b)
	for _, path := range []string{"/", "/help", "/?lang=zh"} {
		run(t, ctx, chromedp.Navigate(b.server.URL+path), chromedp.WaitReady(chromedp.CSS("main")))
		unlabelled := get(t, ctx, chromedp.Evaluate[int](`[...document.querySelectorAll("input:not([type=hidden]),select,textarea")].filter(e => !e.labels?.length).length`))
		headings := get(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll("h1").length`))
		lang := get(t, ctx, chromedp.Evaluate[string](`document.documentElement.lang`))
		skips := get(t, ctx, chromedp.Evaluate[int](`document.querySelectorAll("a.skip[href='#main']").length`))
		if unlabelled != 0 || headings != 1 || lang == "" || skips != 1 {
			t.Errorf("%s: %d fields without a label, %d headings, language %q", path, unlabelled, headings, lang)
		}
	}
}
