package page

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func TestOf(t *testing.T) {
	cases := []struct {
		query, cookie, accept string
		want                  Language
	}{
		{"", "", "", "en"},
		{"", "", "de-CH,de;q=0.9,en;q=0.5", "de"},
		{"", "", "pt-BR", "pt"},
		{"", "", "zh-Hant-TW", "zh"},
		{"", "", "ja,fr;q=0.4", "fr"},
		{"", "", "tlh", "en"},
		{"", "es", "de", "es"},
		{"?lang=zh", "es", "de", "zh"},
		{"?lang=xx", "", "de", "de"},
		{"", "xx", "es-419", "es"},
		{"", "", ";;;,,q=", "en"},
		{"", "", strings.Repeat("de,", 1000), "en"},
	}
	for _, c := range cases {
		r := httptest.NewRequest("GET", "/"+c.query, nil)
		r.Header.Set("Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: languageCookie, Value: c.cookie})
		}
		if got := Of(r); got != c.want {
			t.Errorf("Of(%q, cookie %q, accept %.20q) = %s, want %s", c.query, c.cookie, c.accept, got, c.want)
		}
	}
}

func TestRefuseProgram(t *testing.T) {
	r := httptest.NewRequest("GET", "https://cases.test/api/accounts/1", nil)
	r.Header.Set("Accept", "application/json")
	w := httptest.NewRecorder()
	Refuse(w, r, Refusal{Status: 401, Code: "step_up", RequestID: "q1", Receipt: "p.7", RetryAfter: 3,
		Challenge: StepUp("aal2", 300), Origin: "https://app.test"})
	var got Problem
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Status != 401 || got.Code != "step_up" || got.RequestID != "q1" || got.Receipt != "p.7" || got.Title != "Please confirm that it is you" {
		t.Errorf("problem = %+v", got)
	}
	for name, want := range map[string]string{
		"Content-Type": "application/problem+json", "Retry-After": "3", "Privet-Receipt": "p.7", "Cache-Control": "no-store",
		"Access-Control-Allow-Origin": "https://app.test", "Access-Control-Expose-Headers": "Privet-Receipt, Retry-After, WWW-Authenticate",
		"WWW-Authenticate": `Bearer error="insufficient_user_authentication", error_description="A fresh second factor is needed", acr_values="aal2", max_age="300"`,
	} {
		if w.Header().Get(name) != want {
			t.Errorf("%s = %q, want %q", name, w.Header().Get(name), want)
		}
	}
}

func TestRefuseNavigation(t *testing.T) {
	for _, lang := range Languages() {
		for _, code := range []string{"no_session", "locked", "screen_unknown", "never heard of"} {
			r := httptest.NewRequest("GET", "/x", nil)
			r.Header.Set("Sec-Fetch-Mode", "navigate")
			r.Header.Set("Accept-Language", string(lang))
			w := httptest.NewRecorder()
			Refuse(w, r, Refusal{Status: 403, Code: code, Receipt: "p.7<script>"})
			body := w.Body.String()
			if w.Code != 403 || !strings.Contains(body, `<html lang="`+string(lang)) || strings.Contains(body, "7<script>") {
				t.Errorf("%s %s: status %d\n%s", lang, code, w.Code, body)
			}
			if csp := w.Header().Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
				t.Errorf("policy %q", csp)
			}
		}
	}
}

// A page's own script that fetches gets a document, never a page.
func TestNavigation(t *testing.T) {
	for mode, want := range map[string]bool{"navigate": true, "cors": false, "same-origin": false, "no-cors": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", "text/html")
		r.Header.Set("Sec-Fetch-Mode", mode)
		if Navigation(r) != want {
			t.Errorf("%s: %v", mode, !want)
		}
	}
}

func TestNewRefuses(t *testing.T) {
	const whole = "k: {en: a, es: a, zh: a, fr: a, de: a, pt: a}\n"
	cases := map[string]struct{ words, page, want string }{
		"language missing":    {"k: {en: a, es: a, zh: a, fr: a, de: a}", "", "k has no text in pt"},
		"language too many":   {"k: {en: a, es: a, zh: a, fr: a, de: a, pt: a, ja: a}", "", "k has a language"},
		"arguments differ":    {"k: {en: a %s, es: a, zh: a, fr: a, de: a, pt: a}", "", "k takes other arguments in es"},
		"key twice":           {whole + whole, "", "already defined"},
		"word unknown":        {whole, `{{t "nobody"}}`, `template p.html: words incomplete: no "nobody"`},
		"template unreadable": {whole, `{{if}}`, "template p.html"},
	}
	for name, c := range cases {
		_, err := New(Config{FS: fstest.MapFS{"words.yaml": {Data: []byte(c.words)}, "p.html": {Data: []byte(c.page)}}})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := New(Config{FS: fstest.MapFS{}}); err == nil {
		t.Error("no words.yaml: no error")
	}
	if _, err := parseWords([]byte("k: {en: a}")); !errors.Is(err, ErrWords) {
		t.Errorf("not ErrWords: %v", err)
	}
}

func TestRender(t *testing.T) {
	p, err := New(Config{FS: fstest.MapFS{
		"words.yaml": {Data: []byte("hello: {en: Hello %s, es: Hola %s, zh: 你好 %s, fr: Bonjour %s, de: Hallo %s, pt: Olá %s}\ntitle: {en: T, es: T, zh: T, fr: T, de: T, pt: T}")},
		"p.html":     {Data: []byte(`<p>{{t "hello" .}}</p>`)}}})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/?return=x&lang=de", nil)
	w := httptest.NewRecorder()
	if err := p.Render(w, r, "p", View{Title: "title", Data: "<i>Ana</i>", Who: "Ana", SignOut: "/logout", FormAction: []string{"https://cases.test"}}); err != nil {
		t.Fatal(err)
	}
	body := w.Body.String()
	for _, want := range []string{"<p>Hallo &lt;i&gt;Ana&lt;/i&gt;</p>", `href="?lang=fr&amp;return=x"`, `action="/logout"`} {
		if !strings.Contains(body, want) {
			t.Errorf("no %q in\n%s", want, body)
		}
	}
	if c := w.Result().Cookies(); len(c) != 1 || c[0].Value != "de" {
		t.Errorf("the choice is not kept: %v", c)
	}
	if !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "form-action 'self' https://cases.test") {
		t.Error(w.Header())
	}
	w = httptest.NewRecorder()
	if err := p.Render(w, r, "nobody", View{Title: "title"}); err == nil || w.Code != 500 {
		t.Errorf("unknown page: %v, %d", err, w.Code)
	}
	if text, _ := io.ReadAll(w.Result().Body); strings.Contains(string(text), "nobody") {
		t.Error("the error shows")
	}
}

// What a form answered has no address of its own: another language leads to the
// page that the form stood on.
func TestLanguagesOfAnsweredForms(t *testing.T) {
	for path, want := range map[string]string{"/signin": "/", "/factors/remove": "/factors", "/requests/r 1/approve": "/requests/r%201", "/": "/"} {
		r := httptest.NewRequest("POST", "/", nil)
		r.URL.Path = path
		if got := languageLinks(r, "en")[4].Href; got != want+"?lang=de" {
			t.Errorf("%s: %s", path, got)
		}
	}
}

// One of a thing is said as one, by the rules of each language.
func TestOne(t *testing.T) {
	words, err := parseWords([]byte("d: {en: '%d days', es: '%d días', zh: '%d 天', fr: '%d jours', de: '%d Tage', pt: '%d dias'}\n" +
		"d.one: {en: '%d day', es: '%d día', zh: '%d 天', fr: '%d jour', de: '%d Tag', pt: '%d dia'}"))
	if err != nil {
		t.Fatal(err)
	}
	for lang, want := range map[Language][4]string{"en": {"0 days", "1 day", "-1 day", "2 days"}, "fr": {"0 jour", "1 jour", "-1 jour", "2 jours"}, "zh": {"0 天", "1 天", "-1 天", "2 天"}} {
		for i, n := range [...]int{0, 1, -1, 2} {
			if got, err := words.text(lang, "d", n); err != nil || got != want[i] {
				t.Errorf("%s: %q, %v, want %q", lang, got, err, want[i])
			}
		}
	}
}

func FuzzParseWords(f *testing.F) {
	f.Add([]byte("k: {en: a, es: a, zh: a, fr: a, de: a, pt: a}"))
	f.Add([]byte("k: {en: '%s'}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		words, err := parseWords(text)
		if err == nil {
			for key := range words {
				if _, err := words.text("pt", key); err != nil {
					t.Error(err)
				}
			}
		}
	})
}
