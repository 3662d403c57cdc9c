package redact

import "testing"

// TestCleanLinesAllocateNothing: once its memory has grown, a scan reads lines
// without personal data in it, even those it has to listen to.
func TestCleanLinesAllocateNothing(t *testing.T) {
	lines := []string{
		"06:21:35.774 [INFO] worker=14098 status=200 bytes=8123 in 12ms\n",
		`{"level":"info","caller":"server/handler.go:61","msg":"served","trace_id":"5f1c9f2ab7d04c1e","retries":2}` + "\n",
		"1777-49-51 44:79:89.423 [ERROR] Invalid Bitcoin address: 3A0zP9eP6QGefi9DMPTfTL7SLmv7DivfNa\n",
		"We open at nine and close at five thirty.\n",
		"One moment… okay, continue. I've been a customer for eleven years.\n",
		"I called ten minutes ago and waited for twenty.\n",
		"Tengo dos tarjetas y tres preguntas.\n",
		"Ich habe zwei Karten und drei Fragen.\n",
		"J'ai deux cartes et trois questions.\n",
	}
	for _, p := range []Profile{Logs, Chat, Strict} {
		e, s := engine(t, Config{Profile: p}), new(scan)
		for _, line := range lines {
			text := []byte(line)
			read := func() {
				s.reset(e.rules)
				s.feed(text, true)
			}
			if read(); len(s.out) > 0 {
				t.Errorf("%s: %q has %+v", p, line, s.out)
			}
			if n := testing.AllocsPerRun(20, read); n > 0 {
				t.Errorf("%s: %q: %v allocations", p, line, n)
			}
		}
	}
}
