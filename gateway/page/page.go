// Package page is the frame of every page Privet shows a person: one stylesheet,
// six languages, refusals.
package page

import "net/http"

// Refusal is a no with a reason and a code, as a page or a problem document.
type Refusal struct {
	Status     int
	Code       string // "no_session", "screen_unknown", …
	RequestID  string
	Receipt    string
	RetryAfter int    // seconds
	Challenge  string // WWW-Authenticate, RFC 9470
	SignIn     string // where a person can sign in
}

// Refuse answers a program with a problem document (RFC 9457) and a browser's
// navigation with a page in its language.
func Refuse(w http.ResponseWriter, r *http.Request, no Refusal) {
	w.WriteHeader(no.Status)
}
