package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// What live answers hold beyond the catalogue is noted: paths, counts, a class,
// never a value; one answer of a screen at a time, and no more than is kept.
func TestNoted(t *testing.T) {
	e := openSample(t)
	var err error
	if e.cfg.Suggest, err = redact.New(redact.Config{Profile: redact.Strict}); err != nil {
		t.Fatal(err)
	}
	now := noon
	e.cfg.Clock = func() time.Time { return now }
	s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
	if err != nil {
		t.Fatal(err)
	}
	note := func(document string) []Noted {
		e.Note(s, []byte(document))
		for {
			e.notes.mu.Lock()
			busy := e.notes.busy
			e.notes.mu.Unlock()
			if !busy {
				return e.Noted()
			}
		}
	}
	list := note(`{"subject":"c-1","shoe":44,"spare_mail":"ana@example.com","calls":[{"by":"x"},{"by":"y"}],"4111111111111111":true}`)
	want := map[string]struct {
		class redact.Class
		count int
	}{"shoe": {redact.Plain, 1}, "spare_mail": {redact.Email, 1}, "calls[].by": {redact.Plain, 2}, "{}": {redact.Plain, 1}}
	if len(list) != len(want) {
		t.Fatalf("%+v", list)
	}
	for _, n := range list {
		if w, ok := want[n.Path]; !ok || n.Class != w.class || n.Count != w.count || n.Tool != "cases" || n.Screen != "account.view" || !n.First.Equal(noon) {
			t.Errorf("%+v", n)
		}
	}
	text := PasteNoted(list)
	if !strings.Contains(text, `"spare_mail": email # seen 1×`) || strings.Contains(text, "ana@") || strings.Contains(text, "4111") {
		t.Errorf("%s", text)
	}
	if again := note(`{"shoe":45}`); len(again) != len(list) || again[len(again)-2].Count != 1 {
		t.Errorf("looked into a second answer at once: %+v", again)
	}
	now = now.Add(noteEvery)
	for _, n := range note(`{"shoe":45}`) {
		if n.Path == "shoe" && (n.Count != 2 || !n.Last.Equal(now)) {
			t.Errorf("%+v", n)
		}
	}
	now = now.Add(noteEvery)
	var many strings.Builder
	for i := range 2 * maxNoted {
		many.WriteString(`,"f` + strings.Repeat("x", i%60) + string(rune('a'+i%26)) + strings.Repeat("y", i/60) + `":1`)
	}
	if list := note(`{"subject":"c-1"` + many.String() + `}`); len(list) > maxNoted {
		t.Errorf("%d paths are kept", len(list))
	}
	now = now.Add(noteEvery)
	note("<html>") // not JSON: nothing to note, and nothing breaks
}
