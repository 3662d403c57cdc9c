package page

import (
	"net/http"
	"strings"
	"sync"

	"golang.org/x/text/language"
)

// Language is one of the six a page can speak, as a BCP 47 primary tag.
type Language string

// languageCookie keeps a choice made in the footer. Gateways strip every cookie
// that begins with __Host-privet before a tool sees the request.
const languageCookie = "__Host-privet-language"

// Languages are all of them, the default first.
func Languages() []Language { return []Language{"en", "es", "zh", "fr", "de", "pt"} }

// Name is the language's own name for itself.
func (l Language) Name() string {
	return map[Language]string{"en": "English", "es": "Español", "zh": "中文",
		"fr": "Français", "de": "Deutsch", "pt": "Português"}[l]
}

// Known says whether a page can speak it.
func (l Language) Known() bool { return l.Name() != "" }

var matcher = sync.OnceValue(func() language.Matcher {
	var tags []language.Tag
	for _, l := range Languages() {
		tags = append(tags, language.Make(string(l)))
	}
	return language.NewMatcher(tags)
})

// Of is the language of a reader: chosen in the footer (?lang=, then the
// cookie), else what the browser asks for, else English.
func Of(r *http.Request) Language {
	if l := Language(r.URL.Query().Get("lang")); l.Known() {
		return l
	}
	if c, err := r.Cookie(languageCookie); err == nil && Language(c.Value).Known() {
		return Language(c.Value)
	}
	accept := r.Header.Get("Accept-Language")
	if len(accept) > 512 {
		return Languages()[0] // no browser needs as much
	}
	tags, _, err := language.ParseAcceptLanguage(accept)
	if err != nil || len(tags) == 0 {
		return Languages()[0]
	}
	_, index, _ := matcher().Match(tags...)
	return Languages()[index]
}

// remember keeps a choice made in the footer for the next page.
func remember(w http.ResponseWriter, r *http.Request) {
	chosen := Language(r.URL.Query().Get("lang"))
	if !chosen.Known() {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: languageCookie, Value: string(chosen), Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode, MaxAge: 365 * 24 * 3600})
}

// Navigation says whether a person's browser asks for a page to show, rather
// than a program (or a page's script) for an answer to read.
func Navigation(r *http.Request) bool {
	if mode := r.Header.Get("Sec-Fetch-Mode"); mode != "" {
		return mode == "navigate"
	}
	return strings.Contains(r.Header.Get("Accept"), "text/html") && r.Header.Get("X-Requested-With") == ""
}
