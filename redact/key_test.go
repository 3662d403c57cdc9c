package redact

import (
	"strings"
	"testing"
)

// TestKeyPrefixes: a key of every kind that the list names is found wherever it stands.
func TestKeyPrefixes(t *testing.T) {
	const drawn = "7hQ2xK9mZ4vB8nT1cR6wY3pL5sD0fGjA"
	e := engine(t, Config{Profile: Logs})
	for c := range keysOf() {
		for _, k := range keysOf()[c].prefixes {
			key := k.text + strings.Repeat(drawn, 4)[:max(20, k.least-len(k.text))]
			if k.text == "eyJ" {
				key = k.text + drawn + "." + drawn + "." + drawn
			}
			for _, place := range []string{"%", "we used % for it", "KEY=%\n", `{"k":"%"}`, "(%)", "https://x.example/?k=%&b=1", "a: %, b"} {
				text := strings.Replace(place, "%", key, 1)
				if got := string(e.Append(nil, []byte(text))); strings.Contains(got, key[len(key)-12:]) {
					t.Errorf("%q stays %q", text, got)
				}
			}
		}
	}
}
