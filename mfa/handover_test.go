package mfa_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// Whatever path somebody left from, they come back to the same host: a path of
// two slashes is no address of another one.
func TestReturnStaysHere(t *testing.T) {
	h := open(t, sqlite(t), 1)
	door := h.doors[0]
	h.add(t, "ada")
	s, err := door.Session(t.Context(), h.signIn(t, "ada").Token)
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/accounts/7?tab=notes", "//evil.test/sign-in", `/\evil.test`, "///evil.test", "//evil.test:443@evil.test"} {
		r := httptest.NewRequest("GET", "https://cases.test/", nil)
		if r.URL, err = url.ParseRequestURI(path); err != nil {
			t.Fatal(err)
		}
		left := httptest.NewRecorder()
		to, _, err := door.Depart(left, r)
		if err != nil {
			t.Fatal(err)
		}
		desk, _ := url.Parse(to)
		enter, err := door.HandOver(t.Context(), s, desk.Query().Get("return"))
		if err != nil {
			t.Fatal(err)
		}
		in := httptest.NewRequest("GET", enter, nil)
		in.AddCookie(left.Result().Cookies()[0])
		back, err := door.Enter(httptest.NewRecorder(), in)
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		http.Redirect(answer, in, back, http.StatusSeeOther)
		at, err := in.URL.Parse(answer.Header().Get("Location"))
		if err != nil || at.Scheme != "https" || at.Host != "cases.test" {
			t.Errorf("%s: comes back to %s, %v", path, answer.Header().Get("Location"), err)
		}
	}
}
