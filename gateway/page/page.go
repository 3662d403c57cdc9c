// Package page is the frame of every page Privet shows a person: one stylesheet,
// six languages, and the one way a no is said.
//
// A package with pages of its own embeds its templates (one file a page, NAME.html)
// and its words (words.yaml: key → language → text) and opens them with [New].
// Templates say {{t "key"}} for a text in the reader's language, {{when .Time}}
// for a time, and are executed inside the frame. A word that lacks one of the
// six languages, and a template that names an unknown word, fail New: never the
// page before a reader.
//
// Pages need no JavaScript and load nothing from elsewhere: the stylesheet stands
// in the page and the Content-Security-Policy names its digest. Text is escaped
// by html/template. A page is rendered whole before its first byte is sent, so a
// reader never sees half of one.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"net/url"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed style.css
var style string

//go:embed frame.html
var frameText string

// Config names a package's pages.
type Config struct {
	FS fs.FS // words.yaml and NAME.html at its root
}

// Pages are the pages of one package in all languages.
type Pages struct {
	words Words
	sets  map[Language]*template.Template
}

// Link is one entry of the navigation.
type Link struct {
	Href    string
	Word    string // key of its text
	Current bool
}

// View is what one rendering needs beside the request.
type View struct {
	Title      string   // key of the page's title
	Data       any      // "." of the template
	Status     int      // 0 is 200
	Who        string   // the signed-in person's name
	Nav        []Link   //
	SignOut    string   // where the sign-out form posts
	Wide       bool     // tables; otherwise one column for forms and prose
	FormAction []string // origins a form of this page may lead to, beside its own
	Script     string   // path of the page's only script on this host
}

// framed is what frame.html sees.
type framed struct {
	View
	Lang      Language
	Main      template.HTML
	Style     template.CSS
	Languages []languageLink
}

// Tag is the page's language for browsers: which glyphs a Chinese text is drawn with, and
// which Portuguese is read out, depends on it.
func (f framed) Tag() string { return tag(f.Lang) }

func tag(lang Language) string {
	switch lang {
	case "zh":
		return "zh-Hans"
	case "pt":
		return "pt-BR"
	}
	return string(lang)
}

type languageLink struct {
	Language
	Name, Href string
	Current    bool
}

// New reads a package's words and templates. Its error names the key, file or
// language to mend.
func New(cfg Config) (*Pages, error) {
	words, err := readWords(cfg.FS)
	if err != nil {
		return nil, fmt.Errorf("read words: %w", err)
	}
	own, err := frameWords()
	if err != nil {
		return nil, err
	}
	words = own.with(words)
	files, err := fs.Glob(cfg.FS, "*.html")
	if err != nil {
		return nil, err
	}
	p := &Pages{words: words, sets: map[Language]*template.Template{}}
	for _, lang := range Languages() {
		set := template.New("").Funcs(functions(words, lang)).Option("missingkey=error")
		for _, file := range files {
			text, err := fs.ReadFile(cfg.FS, file)
			if err != nil {
				return nil, err
			}
			if err := words.used(string(text)); err != nil {
				return nil, fmt.Errorf("template %s: %w", file, err)
			}
			name := strings.TrimSuffix(path.Base(file), ".html")
			if _, err := set.New(name).Parse(string(text)); err != nil {
				return nil, fmt.Errorf("template %s: %w", file, err)
			}
		}
		if _, err := set.New("the frame").Parse(frameText); err != nil {
			return nil, fmt.Errorf("frame: %w", err)
		}
		p.sets[lang] = set
	}
	return p, nil
}

func functions(words Words, lang Language) template.FuncMap {
	return template.FuncMap{
		"t":    func(key string, args ...any) (string, error) { return words.text(lang, key, args...) },
		"lang": func() Language { return lang },
		"when": func(t time.Time) template.HTML {
			t = t.UTC()
			return template.HTML(`<time datetime="` + t.Format(time.RFC3339) + `">` + t.Format("2006-01-02 15:04") + ` UTC</time>`)
		},
	}
}

// Text is a word in the language of the request, for what is not a template
// (the subject of an e-mail).
func (p *Pages) Text(lang Language, key string, args ...any) (string, error) {
	return p.words.text(lang, key, args...)
}

// ErrRender: a template and its data do not fit. The reader has a plain 500.
var ErrRender = errors.New("page cannot be rendered")

// Render writes the page inside the frame, or says ErrRender.
func (p *Pages) Render(w http.ResponseWriter, r *http.Request, name string, v View) error {
	lang := Of(r)
	set := p.sets[lang]
	var main, whole bytes.Buffer
	if err := set.ExecuteTemplate(&main, name, v.Data); err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return fmt.Errorf("%w: %s: %w", ErrRender, name, err)
	}
	err := set.ExecuteTemplate(&whole, "the frame", framed{View: v, Lang: lang,
		Main: template.HTML(main.String()), Style: template.CSS(style), Languages: languageLinks(r, lang)})
	if err != nil {
		http.Error(w, "internal error", http.StatusInternalServerError)
		return fmt.Errorf("%w: frame of %s: %w", ErrRender, name, err)
	}
	remember(w, r)
	head := w.Header()
	secure(head)
	head.Set("Content-Security-Policy", policy(v))
	head.Set("Content-Type", "text/html; charset=utf-8")
	head.Set("Content-Language", tag(lang))
	if v.Status == 0 {
		v.Status = http.StatusOK
	}
	w.WriteHeader(v.Status)
	_, _ = w.Write(whole.Bytes()) // the reader has gone; nobody is left to tell
	return nil
}

// secure sets what every answer of Privet's own carries.
func secure(head http.Header) {
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Add("Vary", "Accept-Language, Cookie")
}

var styleDigest = sync.OnceValue(func() string {
	sum := sha256.Sum256([]byte(style))
	return base64.StdEncoding.EncodeToString(sum[:])
})

// policy is the page's Content-Security-Policy: nothing but its own.
func policy(v View) string {
	csp := "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; img-src 'self' data:; " +
		"style-src 'sha256-" + styleDigest() + "'; form-action " + strings.Join(append([]string{"'self'"}, v.FormAction...), " ")
	if v.Script != "" {
		csp += "; script-src 'self'; connect-src 'self'"
	}
	return csp
}

// languageLinks lead to the same page in each language. What a form has answered
// has no address of its own: they lead to the page that the form stood on.
func languageLinks(r *http.Request, current Language) []languageLink {
	links := make([]languageLink, 0, len(Languages()))
	for _, lang := range Languages() {
		at, query := "", url.Values{}
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			query = r.URL.Query()
		} else {
			at = (&url.URL{Path: path.Dir(r.URL.Path)}).EscapedPath()
		}
		query.Set("lang", string(lang))
		links = append(links, languageLink{lang, lang.Name(), at + "?" + query.Encode(), lang == current})
	}
	return links
}
