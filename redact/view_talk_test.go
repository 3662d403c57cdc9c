package redact

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

const jsonCall = `{"turns":[{"speaker":"agent","text":"Could you read me the card number?"},` +
	`{"speaker":"caller","text":"Sure, four one one one, one one one one"},{"speaker":"agent","text":"Okay."},` +
	`{"speaker":"caller","text":"one one one one, one one one one"},{"speaker":"agent","text":"And the security code?"},` +
	`{"speaker":"caller","text":"582."}]}`

const htmlCall = `<main><b>agent</b><p>Could you read me the card number?</p><b>caller</b><p>Sure, four one one one, one one one one</p>` +
	`<b>agent</b><p>Okay.</p><b>caller</b><p>one one one one, one one one one</p><b>agent</b><p>And the security code?</p><b>caller</b><p>582.</p></main>`

// A number dictated over several turns, and a code that only the question before
// tells, are seen in transcripts as JSON and as a page.
func TestTalk(t *testing.T) {
	scan, err := New(Config{Profile: Chat})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, media, document string
		cfg                   PlanConfig
	}{
		{"json", "application/json", jsonCall, PlanConfig{Talk: Talk{"turns[].speaker", "turns[].text"},
			Fields: []Field{{Path: "turns[].speaker", Class: Plain, Do: Show}, {Path: "turns[].text", Class: FreeText, Do: Scrub}}}},
		{"html", "text/html", htmlCall, PlanConfig{HTML: true, Talk: Talk{"b", "p"},
			Fields: []Field{{Path: "b", Class: Plain, Do: Show}, {Path: "p", Class: FreeText, Do: Scrub}}}},
	} {
		plan, err := NewPlan(c.cfg)
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := plan.Rewrite(&out, strings.NewReader(c.document), c.media, scan); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		for _, secret := range []string{"one", "582"} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("%s shows %q: %s", c.name, secret, out.String())
			}
		}
		for _, kept := range []string{"Okay.", "And the security code?", "caller", "[pan]", "[cvv]"} {
			if !strings.Contains(out.String(), kept) {
				t.Errorf("%s lost %q: %s", c.name, kept, out.String())
			}
		}
	}
}

func TestTalkRefused(t *testing.T) {
	_, err := NewPlan(PlanConfig{Talk: Talk{Text: "nowhere"}, Fields: []Field{{Path: "a", Class: FreeText, Do: Scrub}}})
	if !errors.Is(err, ErrPlan) {
		t.Errorf("a conversation without its fields: %v", err)
	}
	plan, err := NewPlan(PlanConfig{Talk: Talk{Text: "a"}, MaxRecord: 64, Fields: []Field{{Path: "a", Class: FreeText, Do: Scrub}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = plan.Rewrite(&bytes.Buffer{}, strings.NewReader(`{"a":"`+strings.Repeat("x", 100)+`"}`), "application/json", nil)
	if !errors.Is(err, ErrTooLarge) {
		t.Errorf("a conversation beyond the bound: %v", err)
	}
}
