package main

import (
	"cmp"
	"crypto/rand"
	"errors"
	"net/http"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/redact"
)

// redactAPI is POST /v1/redact of the desk's host, for support apps: the body
// comes back redacted, as it streams. ?in= names the format (text, jsonl, …),
// ?lang= the language, ?profile= what is looked for; ?spans=1 lists findings.
// What cannot be read is withheld, and the trailer Privet-Withheld says so.
func (h *house) redactAPI(w http.ResponseWriter, r *http.Request) {
	id := rand.Text()[:16]
	session, err := h.door.Recognise(r)
	if err != nil {
		receipt, err := h.trail.Append(r.Context(), audit.Event{Kind: "refusal", Tool: "redact", Outcome: "refused", Reason: "no_session", Request: id})
		if err != nil {
			h.log.Error("a refusal could not be written down", "request", id, "error", err)
		}
		page.Refuse(w, r, page.Refusal{Status: http.StatusUnauthorized, Code: "no_session", RequestID: id, Receipt: string(receipt), Challenge: `Bearer realm="privet"`})
		return
	}
	q := r.URL.Query()
	format, err := redact.ParseFormat(cmp.Or(q.Get("in"), "text"))
	var file *redact.File
	if err == nil {
		cfg := redact.Config{Profile: redact.Profile(cmp.Or(q.Get("profile"), string(h.scanned.Profile))), Lang: q.Get("lang"), Rules: h.rules}
		file, err = redact.NewFile(redact.FileConfig{Engine: cfg, Format: format, Spans: q.Get("spans") != ""})
	}
	if err != nil {
		page.Refuse(w, r, page.Refusal{Status: http.StatusBadRequest, Code: "input", RequestID: id})
		return
	}
	receipt, err := h.trail.Append(r.Context(), audit.Event{Kind: "redact", Agent: session.Agent, Roles: session.Roles,
		Session: session.ID, Outcome: "allowed", Request: id, Detail: map[string]string{"format": string(format)}})
	if err != nil {
		page.Refuse(w, r, page.Refusal{Status: http.StatusServiceUnavailable, Code: "trail_unavailable", RequestID: id, RetryAfter: 5})
		return
	}
	head := w.Header()
	head.Set("Content-Type", "text/plain; charset=utf-8")
	head.Set("Cache-Control", "no-store")
	head.Set("Privet-Receipt", string(receipt))
	head.Set("Trailer", "Privet-Withheld")
	control := http.NewResponseController(w)
	_ = control.EnableFullDuplex() // HTTP/1: the answer begins before the body has ended
	switch err := file.Copy(r.Context(), w, r.Body); {
	case errors.Is(err, redact.ErrUnread):
		head.Set("Privet-Withheld", "some of the input could not be read")
	case err != nil:
		_ = control.SetWriteDeadline(time.Unix(1, 0)) // torn off: never a valid-looking end
		panic(http.ErrAbortHandler)
	}
}
