package redacttest

import (
	"flag"
	"slices"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/redact"
)

var full = flag.Bool("full", false, "10,000 calls a language instead of 60")

// TestCalls: of dictated numbers at most 0.5 % leave a readable digit, and at
// most 1 % of turns without anything to hide are touched; in every language,
// whether it is named or found out.
func TestCalls(t *testing.T) {
	n := 60
	if *full {
		n = 10000
	}
	for _, lang := range Langs {
		for _, tag := range []string{lang, "auto"} {
			e, err := redact.New(redact.Config{Profile: redact.Chat, Lang: tag})
			if err != nil {
				t.Fatal(err)
			}
			var s Score
			calls := Calls(20261122, lang, n)
			for i := range calls {
				s.Add(&calls[i], e.Conversation(calls[i].Turns))
			}
			t.Logf("%s as %s: %d numbers, leak %.2f %%, words shown %d of %d, false %.2f %% of %d clean turns",
				lang, tag, s.Numbers, 100*s.Leak(), s.Shown, s.Words, 100*s.False(), s.Clean)
			if s.Leak() > 0.005 || s.False() > 0.01 {
				t.Errorf("%s as %s: leak %.4f, false %.4f", lang, tag, s.Leak(), s.False())
			}
			for _, f := range s.Failed[:min(len(s.Failed), 5)] {
				t.Logf("%s turn %d %q became %q", f.Call.ID, f.Turn, f.Call.Turns[f.Turn].Text, f.Got)
			}
		}
	}
}

// TestStrangers: callers and agents who use words that no list has are still
// understood: at most 3 % of numbers leave a digit readable.
func TestStrangers(t *testing.T) {
	babble := []string{"blorp", "lorem ipsum", "grumpf gla"}
	for _, lang := range []string{"en", "es", "fr", "de", "pt"} {
		e, err := redact.New(redact.Config{Profile: redact.Chat, Lang: lang})
		if err != nil {
			t.Fatal(err)
		}
		for what, change := range map[string]func(*tongue){
			"leads":   func(t *tongue) { t.leads = babble },
			"then":    func(t *tongue) { t.then = babble },
			"fillers": func(t *tongue) { t.fillers = babble },
			"acks":    func(t *tongue) { t.acks = babble },
			"repairs": func(t *tongue) { t.repairs = []string{"{w}, blorp, {r}", "{w} grumpf lorem {r}"} },
		} {
			strange := *tongues[lang]
			change(&strange)
			var s Score
			calls := callsIn(7, lang, 60, &strange)
			for i := range calls {
				s.Add(&calls[i], e.Conversation(calls[i].Turns))
			}
			t.Logf("%s, strange %s: leak %.2f %%, false %.2f %%", lang, what, 100*s.Leak(), 100*s.False())
			if s.Leak() > 0.03 || s.False() > 0.01 {
				t.Errorf("%s, strange %s: leak %.4f, false %.4f", lang, what, s.Leak(), s.False())
			}
		}
	}
}

func TestSameSeedSameCalls(t *testing.T) {
	for _, lang := range Langs {
		a, b := Calls(3, lang, 5), Calls(3, lang, 5)
		for i := range a {
			if !slices.EqualFunc(a[i].Turns, b[i].Turns, func(x, y redact.Turn) bool { return x.Text == y.Text }) {
				t.Errorf("%s: calls differ", a[i].ID)
			}
			for turn, secret := range a[i].Secret {
				for _, r := range secret {
					if text := a[i].Turns[turn].Text[r[0]:r[1]]; strings.TrimSpace(text) != text || text == "" {
						t.Errorf("%s turn %d: range %v is %q", a[i].ID, turn, r, text)
					}
				}
			}
		}
	}
}
