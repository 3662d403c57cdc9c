package rightstest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/browser"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Browser is a headless Chromium, named by PRIVET_TEST_CHROMIUM.
type Browser struct {
	Context context.Context
	axe     string
}

// Step is one thing a browser does.
type Step = chromedp.Action[chromedp.Void]

// OpenBrowser starts one, or skips. PRIVET_TEST_AXE names axe.min.js of axe-core.
func OpenBrowser(t testing.TB) *Browser {
	t.Helper()
	binary, axe := os.Getenv("PRIVET_TEST_CHROMIUM"), os.Getenv("PRIVET_TEST_AXE")
	if binary == "" || axe == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("PRIVET_TEST_CHROMIUM and PRIVET_TEST_AXE (axe.min.js of axe-core) are not both set")
		}
		t.Skip("PRIVET_TEST_CHROMIUM and PRIVET_TEST_AXE (axe.min.js of axe-core) are not both set")
	}
	source, err := os.ReadFile(axe)
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.NoSandbox,
		chromedp.Flag("ignore-certificate-errors", true), chromedp.WindowSize(1100, 1200), chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 3*time.Minute)
	t.Cleanup(stop)
	return &Browser{ctx, string(source)}
}

// Do runs steps.
func (b *Browser) Do(t testing.TB, steps ...Step) {
	t.Helper()
	if err := chromedp.Do(b.Context, steps...); err != nil {
		t.Fatal(err)
	}
}

// Text is what an element shows.
func (b *Browser) Text(t testing.TB, selector string) string {
	t.Helper()
	text, err := chromedp.Run(b.Context, chromedp.Text(selector))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// WithoutScript switches the pages' JavaScript off.
func WithoutScript() Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// DownloadsTo lets the browser keep what it is sent in a directory.
func DownloadsTo(dir string) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, browser.SetDownloadBehavior, browser.SetDownloadBehaviorParams{Behavior: browser.SetDownloadBehaviorBehaviorAllow, DownloadPath: dir})
		return err
	})
}

// Cookie gives the browser a cookie for an address.
func Cookie(name, value, address string) Step {
	yes := true
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, network.SetCookie, network.SetCookieParams{Name: name, Value: value, URL: address, Path: "/", Secure: &yes, HTTPOnly: &yes})
		return err
	})
}

// Tab presses the tabulator until the focus stands on what the selector names.
func Tab(selector string) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		for range 60 {
			if _, err := chromedp.KeyEvent("\t")(ctx, t); err != nil {
				return err
			}
			on, err := chromedp.Evaluate[bool](`document.activeElement.matches(`+"`"+selector+"`"+`)`)(ctx, t)
			if err != nil {
				return err
			}
			if on {
				return nil
			}
		}
		return errors.New("the keyboard does not reach " + selector)
	})
}

// Enter presses the key and waits for the page it leads to. A page that is between
// two can neither be asked nor left.
func (b *Browser) Enter(t testing.TB) {
	t.Helper()
	if _, err := chromedp.RunResponse(b.Context, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
}

// Until waits for what a form's sending leads to, on the server's side.
func Until(t testing.TB, so func() bool) {
	t.Helper()
	end := time.After(15 * time.Second)
	for tick := time.NewTicker(10 * time.Millisecond); !so(); {
		select {
		case <-end:
			t.Fatal("it never came to be")
		case <-tick.C:
		}
	}
}

// Check opens a page in a colour scheme and returns axe-core's violations of WCAG 2.2
// A and AA, one line each. With PRIVET_TEST_SHOTS it leaves a screenshot there.
func (b *Browser) Check(t testing.TB, address, scheme, name string) string {
	t.Helper()
	b.Do(t, colours(scheme), chromedp.Navigate(address))
	found, err := chromedp.Run(b.Context, chromedp.Evaluate[string](b.axe+`;axe.run(document, {runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]}).then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	b.shoot(t, name+"-"+scheme)
	return found
}

// Audit holds the page that is open against axe-core, in the light and in the dark
// scheme. It returns the violations. With PRIVET_TEST_SHOTS it leaves a screenshot of each.
func (b *Browser) Audit(t testing.TB, name string) (found string) {
	t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		run := `axe.run(document, {runOnly: ["wcag2a","wcag2aa","wcag21a","wcag21aa","wcag22aa","best-practice"]})`
		if scheme == "light" { // it stays for the other
			run = b.axe + ";" + run
		}
		b.Do(t, colours(scheme))
		more, err := chromedp.Run(b.Context, chromedp.Evaluate[string](run+`.then(r => r.violations.map(v => v.id + ": " + v.nodes.map(n => n.target.join(" ") + " " + (n.any[0] ? n.any[0].message : "")).join(" | ")).join("\n"))`, chromedp.EvalAwaitPromise))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if more != "" {
			found += scheme + ": " + more + "\n"
		}
		b.shoot(t, name+"-"+scheme)
	}
	return found
}

// Visit opens a page.
func (b *Browser) Visit(t testing.TB, address string) {
	t.Helper()
	b.Do(t, chromedp.Navigate(address))
}

// Unfold opens all that a page keeps folded.
func (b *Browser) Unfold(t testing.TB) {
	t.Helper()
	if _, err := chromedp.Run(b.Context, chromedp.Evaluate[int](`[...document.querySelectorAll("details")].map(d => d.open = true).length`)); err != nil {
		t.Fatal(err)
	}
}

func colours(scheme string) Step {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

func (b *Browser) shoot(t testing.TB, name string) {
	dir := os.Getenv("PRIVET_TEST_SHOTS")
	if dir == "" {
		return
	}
	png, err := chromedp.Run(b.Context, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, strings.ReplaceAll(name+".png", "/", "_")), png, 0o600); err != nil {
		t.Fatal(err)
	}
}
