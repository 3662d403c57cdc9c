package rights

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// shared finds a file of the shared test data, or skips.
func shared(t testing.TB, name string) string {
	t.Helper()
	tried := []string{os.Getenv("PRIVET_TESTDATA")}
	for dir, _ := os.Getwd(); dir != "/"; dir = filepath.Dir(dir) {
		tried = append(tried, filepath.Join(dir, "shared", "testdata"))
	}
	for _, dir := range tried {
		path := filepath.Join(dir, name)
		if _, err := os.Stat(path); dir != "" && err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("shared test data %s is missing", name)
	}
	t.Skipf("shared test data %s is not here", name)
	return ""
}

func readJSON(t testing.TB, name string, into any) {
	t.Helper()
	raw, err := os.ReadFile(shared(t, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		t.Fatal(err)
	}
}

func TestStatusMapping(t *testing.T) {
	var published struct {
		Vocabularies map[string][]string
		Privet       map[Status]struct {
			OpenDSR, DRP, Ketch string
			Final               bool
		}
	}
	readJSON(t, "privacy/status-map.json", &published)
	if len(published.Privet) != len(wires()) {
		t.Errorf("%d statuses published, %d known here", len(published.Privet), len(wires()))
	}
	for status, want := range published.Privet {
		got := status.Wire()
		if got.OpenDSR != want.OpenDSR || got.DRP != want.DRP || got.Ketch != want.Ketch || got.Final != want.Final {
			t.Errorf("%s: %+v, want %+v", status, got, want)
		}
		fides := strings.Join(published.Vocabularies["Fides PrivacyRequestStatus"], " ")
		if !strings.Contains(fides, got.Fides) || got.Fides == "" {
			t.Errorf("%s: Fides has no status %q", status, got.Fides)
		}
	}
}

// The machine's own promises: an end has no way on, everything else has one, every
// state can be reached, and no way leads past the proof.
func TestStateMachine(t *testing.T) {
	reached := map[Status]bool{Received: true, Appealed: true}
	for s := range wires() {
		if s.Final() != (len(next(s)) == 0) {
			t.Errorf("%s: final %t with %d ways on", s, s.Final(), len(next(s)))
		}
		for _, to := range next(s) {
			reached[to] = true
			if !to.Known() {
				t.Errorf("%s leads to unknown %s", s, to)
			}
			if strings.HasPrefix(string(to), "completed/") && s != Verifying && s != Notifying {
				t.Errorf("%s completes without proof", s)
			}
			if to == Withdrawn && (s == Executing || s == Verifying) {
				t.Errorf("%s is withdrawn after the first write", s)
			}
		}
	}
	for s := range wires() {
		if !reached[s] {
			t.Errorf("%s cannot be reached", s)
		}
	}
	if err := NeedsAttention.To(CompletedFull); err == nil {
		t.Error("needs_attention became completed")
	}
}
