package page

import (
	"embed"
	"encoding/json"
	"io/fs"
	"net/http"
	"strconv"
	"sync"
)

// Refusal is a no with a reason and a code, as a page or a problem document.
type Refusal struct {
	Status     int
	Code       string // "no_session", "screen_unknown", …; its texts are refusal.CODE.title and .detail
	RequestID  string
	Receipt    string // of the refusal in the trail
	RetryAfter int    // seconds
	Challenge  string // WWW-Authenticate, see [StepUp]
	SignIn     string // where a person can sign in
	Desk       string // where a person goes on, if a page is all they see
	Origin     string // the origin whose scripts may read this answer (CORS); "" is none
}

// Problem is the document of RFC 9457 that programs get.
type Problem struct {
	Type       string `json:"type"` // urn:privet:problem:CODE
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	RequestID  string `json:"request_id,omitempty"`
	Receipt    string `json:"receipt,omitempty"`
	RetryAfter int    `json:"retry_after,omitempty"` // seconds
	SignIn     string `json:"sign_in,omitempty"`

	Desk string `json:"-"` // pages only
}

//go:embed refusal/refusal.html refusal/words.yaml
var refusalFiles embed.FS

var refusalPages = sync.OnceValues(func() (*Pages, error) {
	sub, err := fs.Sub(refusalFiles, "refusal")
	if err != nil {
		return nil, err
	}
	return New(Config{FS: sub})
})

// StepUp is the challenge of RFC 9470: prove a factor again, not longer than
// maxAge seconds ago, at one of the levels in acr (space separated, may be "").
func StepUp(acr string, maxAge int) string {
	challenge := `Bearer error="insufficient_user_authentication", error_description="A fresh second factor is needed"`
	if acr != "" {
		challenge += `, acr_values="` + acr + `"`
	}
	return challenge + `, max_age="` + strconv.Itoa(maxAge) + `"`
}

// Refuse answers a program with a problem document (RFC 9457) and a browser's
// navigation with a page in its language. A code without texts of its own is
// explained by its status, and nothing else is said.
func Refuse(w http.ResponseWriter, r *http.Request, no Refusal) {
	problem := explain(Of(r), no)
	head := w.Header()
	if no.RetryAfter > 0 {
		head.Set("Retry-After", strconv.Itoa(no.RetryAfter))
	}
	if no.Challenge != "" {
		head.Set("WWW-Authenticate", no.Challenge)
	}
	if no.Receipt != "" {
		head.Set("Privet-Receipt", no.Receipt)
	}
	if no.Origin != "" {
		head.Set("Access-Control-Allow-Origin", no.Origin)
		head.Set("Access-Control-Allow-Credentials", "true")
		head.Set("Access-Control-Expose-Headers", "Privet-Receipt, Retry-After, WWW-Authenticate")
		head.Add("Vary", "Origin")
	}
	if Navigation(r) {
		if pages, err := refusalPages(); err == nil {
			_ = pages.Render(w, r, "refusal", View{Title: titleKey(no), Status: no.Status, Data: problem})
			return
		}
	}
	secure(head)
	Tell(w, problem)
}

// Tell answers a program with a problem whose words the caller has.
func Tell(w http.ResponseWriter, problem Problem) {
	if problem.Type == "" {
		problem.Type, problem.Title = "urn:privet:problem:"+problem.Code, http.StatusText(problem.Status)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(problem.Status)
	_ = json.NewEncoder(w).Encode(problem) // the reader has gone; nobody is left to tell
}

// explain finds the texts of a refusal.
func explain(lang Language, no Refusal) Problem {
	problem := Problem{Type: "urn:privet:problem:" + no.Code, Status: no.Status, Code: no.Code,
		Title: http.StatusText(no.Status), RequestID: no.RequestID, Receipt: no.Receipt, RetryAfter: no.RetryAfter, SignIn: no.SignIn, Desk: no.Desk}
	pages, err := refusalPages()
	if err != nil {
		return problem
	}
	key := baseKey(pages, no)
	problem.Title, _ = pages.Text(lang, key+".title")
	problem.Detail, _ = pages.Text(lang, key+".detail")
	return problem
}

func titleKey(no Refusal) string {
	pages, err := refusalPages()
	if err != nil {
		return "refusal.status_500.title"
	}
	return baseKey(pages, no) + ".title"
}

// like are codes that a person is told the same of.
func like(code string) string {
	switch code {
	case "answer_unexpected", "answer_compressed", "answer_partial", "answer_torn":
		return "answer_unreadable"
	case "tool_slow", "tool_untrusted":
		return "tool_unreachable"
	case "rules_unavailable", "closing":
		return "unavailable"
	case "origin_foreign":
		return "cross_origin"
	}
	return code
}

// baseKey is the code's own text, else its status's, else its class's.
func baseKey(pages *Pages, no Refusal) string {
	for _, key := range []string{"refusal." + like(no.Code), "refusal.status_" + strconv.Itoa(no.Status)} {
		if _, ok := pages.words[key+".title"]; ok {
			return key
		}
	}
	if no.Status >= 500 {
		return "refusal.status_500"
	}
	return "refusal.status_400"
}
