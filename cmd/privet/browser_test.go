package main

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

var pictures = flag.String("pictures", "", "write the README's pictures into this directory")

// TestBrowser signs in by hand, without JavaScript, as a person does: from the
// page that was asked for, over the desk, and back to it.
func TestBrowser(t *testing.T) {
	d := startDemo(t, t.TempDir())
	ctx := browser(t)
	subject := d.ready.Holders[0].Subject
	account := d.ready.Tool + "/accounts/" + subject
	ada := d.ready.People[0]
	must := func(what string, steps ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		if err := chromedp.Do(ctx, steps...); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	read := func(a chromedp.Action[string]) string {
		t.Helper()
		text, err := chromedp.Run(ctx, a)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	must("open without a session", chromedp.EmulateViewport(1100, 760), withoutScripts(),
		chromedp.Navigate(account), chromedp.WaitReady("#password"))
	if desk := read(chromedp.Location()); !strings.HasPrefix(desk, d.ready.Desk) {
		t.Errorf("signing in happens at %s", desk)
	}
	picture(t, ctx, "signin.png")
	must("give name and password", chromedp.SendKeys("#agent", ada.Name), chromedp.SendKeys("#password", ada.Password),
		chromedp.Click("form[action='/signin'] button"), chromedp.WaitReady("#code"))
	digits, err := code(ada.TOTP, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	must("give the code", chromedp.SendKeys("#code", digits), chromedp.Click("form[action='/code'] button"),
		chromedp.WaitReady("[data-field='card.pan']"))
	if shown := read(chromedp.Text("main")); !strings.Contains(shown, "•••• ") || !strings.Contains(shown, d.ready.Holders[0].Name) {
		t.Errorf("the account's page does not show what the front line may see: %s", shown)
	}
	picture(t, ctx, "allowed.png")
	must("go where no screen is", chromedp.Navigate(d.ready.Tool+"/admin"), chromedp.WaitReady("main h1"))
	if refused := read(chromedp.Text("main")); !strings.Contains(refused, "screen_unknown") {
		t.Errorf("an unknown screen: %s", refused)
	}
	picture(t, ctx, "refused.png")
}

// withoutScripts switches the pages' JavaScript off.
func withoutScripts() chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	})
}

// browser is a headless Chromium of its own. The demo's authority is not in its
// store, which is what the flag is for.
func browser(t *testing.T) context.Context {
	t.Helper()
	binary := os.Getenv("PRIVET_TEST_CHROMIUM")
	if binary == "" {
		need(t, "PRIVET_TEST_CHROMIUM is not set; deploy/check installs a Chromium and sets it")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(binary), chromedp.NoSandbox,
		chromedp.Flag("ignore-certificate-errors", true), chromedp.Flag("disable-quic", true),
		chromedp.Flag("host-resolver-rules", "MAP *.localhost 127.0.0.1"), chromedp.UserDataDir(t.TempDir()))
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, stop = chromedp.NewContext(ctx)
	t.Cleanup(stop)
	ctx, stop = context.WithTimeout(ctx, 2*time.Minute) // a hung browser must not hang the check
	t.Cleanup(stop)
	return ctx
}

// picture keeps what the browser shows, if somebody wants to look at it.
func picture(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	if *pictures == "" {
		return
	}
	png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(*pictures, name), png, 0o644); err != nil {
		t.Fatal(err)
	}
}
