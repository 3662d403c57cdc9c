// Package tool is a sample support tool: what a card issuer's agents look at all
// day. It knows nothing of Privet and protects nothing, as such tools do.
//
// It holds fictitious cardholders of six languages, made from a seed, so two
// runs hold the same people; their calls with transcripts, chats and cases. It
// answers a JSON API, HTML pages, server-sent events and a WebSocket chat, and
// remembers every request it received, so that a test can see what reached it.
package tool

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Config of a sample tool.
type Config struct {
	Seed   uint64        // the same seed makes the same people
	People int           // default 600: a list of them all is about 1 MB
	Beat   time.Duration // between two events of /api/events; default 2 s
}

// Desk is a running sample tool; it is an http.Handler.
type Desk struct {
	mux  *http.ServeMux
	beat time.Duration

	mu       sync.RWMutex
	accounts map[string]*Account
	order    []string // subjects as listed
	calls    map[string]*Call
	cases    map[string]*Case
	received received
}

// New makes the people and wires the pages.
func New(cfg Config) *Desk {
	if cfg.People == 0 {
		cfg.People = 600
	}
	if cfg.Beat == 0 {
		cfg.Beat = 2 * time.Second
	}
	d := &Desk{mux: http.NewServeMux(), beat: cfg.Beat,
		accounts: map[string]*Account{}, calls: map[string]*Call{}, cases: map[string]*Case{}}
	d.settle(cfg.Seed, cfg.People)
	d.routes()
	return d
}

func (d *Desk) routes() {
	d.mux.HandleFunc("GET /api/accounts", d.listAccounts)
	d.mux.HandleFunc("GET /api/accounts/{subject}", d.showAccount)
	d.mux.HandleFunc("PATCH /api/accounts/{subject}", d.changeAccount)
	d.mux.HandleFunc("DELETE /api/accounts/{subject}", d.eraseAccount)
	d.mux.HandleFunc("POST /api/accounts/{subject}/notes", d.addNote)
	d.mux.HandleFunc("GET /api/subjects", d.findSubjects)
	d.mux.HandleFunc("GET /api/search", d.search)
	d.mux.HandleFunc("GET /api/calls/{id}/transcript", d.showTranscript)
	d.mux.HandleFunc("DELETE /api/calls/{id}", d.erasePart)
	d.mux.HandleFunc("DELETE /api/cases/{id}", d.erasePart)
	d.mux.HandleFunc("GET /api/cases", d.listCases)
	d.mux.HandleFunc("GET /api/cases/{id}", d.showCase)
	d.mux.HandleFunc("GET /api/events", d.events)
	d.mux.HandleFunc("GET /chat/{id}", d.chat)
	d.mux.HandleFunc("GET /received", d.showReceived)
	d.pages()
}

func (d *Desk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/received" {
		d.received.note(r)
	}
	d.mux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "cannot encode", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

func missing(w http.ResponseWriter, what string) {
	answer(w, http.StatusNotFound, map[string]string{"error": "no such " + what})
}

// People lists every cardholder's subject and contact, for whoever sets up a demo.
func (d *Desk) People() []Account {
	d.mu.RLock()
	defer d.mu.RUnlock()
	people := make([]Account, 0, len(d.order))
	for _, subject := range d.order {
		people = append(people, *d.accounts[subject])
	}
	return people
}

func (d *Desk) listAccounts(w http.ResponseWriter, r *http.Request) {
	limit, err := strconv.Atoi(r.FormValue("limit"))
	if err != nil || limit <= 0 {
		limit = 50
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]*Account, 0, min(limit, len(d.order)))
	for _, subject := range d.order[:min(limit, len(d.order))] {
		list = append(list, d.accounts[subject])
	}
	answer(w, http.StatusOK, map[string]any{"total": len(d.order), "accounts": list})
}

func (d *Desk) showAccount(w http.ResponseWriter, r *http.Request) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if a := d.accounts[r.PathValue("subject")]; a != nil {
		answer(w, http.StatusOK, a)
		return
	}
	missing(w, "account")
}

func (d *Desk) showTranscript(w http.ResponseWriter, r *http.Request) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if c := d.calls[r.PathValue("id")]; c != nil {
		answer(w, http.StatusOK, c)
		return
	}
	missing(w, "call")
}

func (d *Desk) listCases(w http.ResponseWriter, _ *http.Request) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	list := make([]*Case, 0, 50)
	for _, subject := range d.order {
		if c := d.cases[caseID(subject)]; c != nil && len(list) < 50 {
			list = append(list, c)
		}
	}
	answer(w, http.StatusOK, map[string]any{"cases": list})
}

func (d *Desk) showCase(w http.ResponseWriter, r *http.Request) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if c := d.cases[r.PathValue("id")]; c != nil {
		answer(w, http.StatusOK, c)
		return
	}
	missing(w, "case")
}
