package tool

import (
	"bytes"
	"embed"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
)

//go:embed pages
var pageFiles embed.FS

// pages wires the HTML that a person uses.
func (d *Desk) pages() {
	views := template.Must(template.New("").Funcs(template.FuncMap{
		"cents": func(c int) string { return money(c) },
		"join":  strings.Join,
	}).ParseFS(pageFiles, "pages/*.html"))
	static, err := fs.Sub(pageFiles, "pages")
	if err != nil {
		panic(err) // the files are part of the binary
	}
	d.mux.Handle("GET /style.css", http.FileServerFS(static))
	d.mux.Handle("GET /chat.js", http.FileServerFS(static))
	show := func(w http.ResponseWriter, name string, data any) {
		var page bytes.Buffer
		if err := views.ExecuteTemplate(&page, name, data); err != nil {
			http.Error(w, "cannot draw the page", http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page.Bytes())
	}
	d.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		show(w, "list.html", d.firstPeople(60))
	})
	d.mux.HandleFunc("GET /accounts/{subject}", func(w http.ResponseWriter, r *http.Request) {
		d.mu.RLock()
		a := d.accounts[r.PathValue("subject")]
		d.mu.RUnlock()
		if a == nil {
			http.NotFound(w, r)
			return
		}
		show(w, "account.html", a)
	})
	d.mux.HandleFunc("GET /calls/{id}", func(w http.ResponseWriter, r *http.Request) {
		d.mu.RLock()
		c := d.calls[r.PathValue("id")]
		d.mu.RUnlock()
		if c == nil {
			http.NotFound(w, r)
			return
		}
		show(w, "call.html", c)
	})
	d.mux.HandleFunc("GET /chats/{id}", func(w http.ResponseWriter, r *http.Request) {
		show(w, "chat.html", r.PathValue("id"))
	})
}

func (d *Desk) firstPeople(n int) []*Account {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]*Account, 0, n)
	for _, subject := range d.order[:min(n, len(d.order))] {
		list = append(list, d.accounts[subject])
	}
	return list
}
