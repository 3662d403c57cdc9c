package policy

import (
	"crypto/rand"
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"golang.org/x/mod/sumdb/note"
)

func officer(t *testing.T, name string) (note.Signer, string) {
	t.Helper()
	secret, public, err := note.GenerateKey(rand.Reader, name)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return signer, public
}

// An officer's word is for one change, and good for a week.
func TestApprovalLife(t *testing.T) {
	ben, public := officer(t, "ben")
	eve, _ := officer(t, "eve")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	given := func(at time.Time, by note.Signer) []byte {
		word, err := Approve("sha256:a", "sha256:b", at, by)
		if err != nil {
			t.Fatal(err)
		}
		return word
	}
	undated, err := note.Sign(&note.Note{Text: approvalText("sha256:a", "sha256:b")}, ben) // as before words had a life
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		word []byte
		to   string
		good bool
	}{
		"just given":                    {given(now, ben), "sha256:b", true},
		"at the end of the week":        {given(now.Add(-ApprovalLife), ben), "sha256:b", true},
		"after it":                      {given(now.Add(-ApprovalLife-time.Second), ben), "sha256:b", false},
		"by a clock slightly ahead":     {given(now.Add(5*time.Minute), ben), "sha256:b", true},
		"from tomorrow":                 {given(now.Add(24*time.Hour), ben), "sha256:b", false},
		"without a time":                {undated, "sha256:b", false},
		"for another change":            {given(now, ben), "sha256:c", false},
		"by nobody who may":             {given(now, eve), "sha256:b", false},
		"by nobody":                     {[]byte(approvalText("sha256:a", "sha256:b")), "sha256:b", false},
		"with the time of another word": {[]byte(string(undated[:len(undated)-1]) + "given 2026-03-02T09:00:00Z\n"), "sha256:b", false},
	} {
		names, err := ApprovedBy(c.word, "sha256:a", c.to, now, []string{public})
		if c.good != (err == nil && len(names) == 1 && names[0] == "ben") || !c.good && !errors.Is(err, ErrApproval) {
			t.Errorf("%s: %v, %v", name, names, err)
		}
	}
	if names, err := ApprovedBy(nil, "sha256:a", "sha256:b", now, []string{public}); names != nil || err != nil {
		t.Errorf("without a word: %v, %v", names, err)
	}
}

// What was taken back does not come again by the word that let it in: not in the
// same engine, nor in those that follow it.
func TestApprovalAfterRollBack(t *testing.T) {
	ben, public := officer(t, "ben")
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	catalogue := openSample(t).state.Load().src.catalogue
	strict := Config{Catalogue: catalogue, Clock: clock}
	rules := rulesWith(t, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`).(fstest.MapFS)
	delete(rules, "view_test.rego")
	loose := Config{Rules: rules, Catalogue: catalogue, Clock: clock}
	first, err := Open(t.Context(), strict)
	if err != nil {
		t.Fatal(err)
	}
	_, a, err := first.Succeed(t.Context(), loose, nil, []string{public})
	if !errors.Is(err, ErrLoosens) {
		t.Fatal(err)
	}
	word, err := Approve(a.From, a.To, now, ben)
	if err != nil {
		t.Fatal(err)
	}
	follow := func(e *Engine, cfg Config, word []byte) *Engine {
		t.Helper()
		next, _, err := e.Succeed(t.Context(), cfg, word, []string{public})
		if err != nil {
			t.Fatal(err)
		}
		return next
	}
	follow(first, loose, word) // a change that is then not carried out uses no word up
	second := follow(first, loose, word)
	now = now.Add(time.Hour)
	third := follow(second, strict, nil)
	now = now.Add(time.Hour)
	if _, _, err := third.Succeed(t.Context(), loose, word, []string{public}); !errors.Is(err, ErrApproval) {
		t.Errorf("what was taken back comes again by the same word: %v", err)
	}
	if word, err = Approve(a.From, a.To, now, ben); err != nil {
		t.Fatal(err)
	}
	follow(third, loose, word)
}
