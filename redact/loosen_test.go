package redact_test

import (
	"strings"
	"testing"

	"github.com/privet-gateway/privet/redact"
)

func TestLoosened(t *testing.T) {
	rules := func(text string) redact.Rules {
		r, err := redact.ParseRules("rules.yaml", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	const one, two = "detectors: [{name: badge, class: username, pattern: 'B-[0-9]{6}'}]\n", "detectors: [{name: badge, class: username, pattern: 'B-[0-9]{6}'}, {name: desk, class: username, keywords: [desk four]}]\n"
	for name, c := range map[string]struct {
		was, next     redact.Profile
		before, after string
		want          string
	}{
		"the same":            {redact.Chat, redact.Chat, one, one, ""},
		"written otherwise":   {redact.Chat, redact.Chat, one, "# ours\n" + one, ""},
		"a stricter profile":  {redact.Chat, redact.Strict, one, one, ""},
		"of logs":             {redact.Chat, redact.Logs, "", "", ""},
		"a looser profile":    {redact.Strict, redact.Chat, "", "", "profile strict → chat"},
		"of logs to chat":     {redact.Logs, redact.Chat, "", "", "profile logs → chat"},
		"a detector less":     {redact.Chat, redact.Chat, two, one, "other detectors, 2 → 1"},
		"one more":            {redact.Chat, redact.Chat, one, two, "other detectors, 1 → 2"},
		"another pattern":     {redact.Chat, redact.Chat, one, strings.Replace(one, "6", "7", 1), "other detectors, 1 → 1"},
		"more is suppressed":  {redact.Chat, redact.Chat, "suppress: ['4111111111111111']", "suppress: ['4111111111111111', '5555']", "1 more suppressed values"},
		"less is":             {redact.Chat, redact.Chat, "suppress: ['4111111111111111', '5555']", "suppress: ['5555']", ""},
		"stricter and looser": {redact.Chat, redact.Strict, "", "suppress: ['5555']", "1 more suppressed values"},
	} {
		if got := strings.Join(redact.Loosened(c.was, c.next, rules(c.before), rules(c.after)), ", "); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}
