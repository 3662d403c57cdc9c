package policy

import (
	"io"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// What live answers hold beyond the catalogue is noted by screen, survives another
// bundle, and is not listed any more once the catalogue names it.
func TestNoted(t *testing.T) {
	e := openSample(t)
	scan, err := redact.New(redact.Config{Profile: redact.Strict})
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Clock: func() time.Time { return noon }, Suggest: scan, Catalogue: e.state.Load().src.catalogue}
	if e, err = Open(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	show := func(e *Engine, document string) {
		t.Helper()
		s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Decide(t.Context(), s, question("tier1", nil))
		if err != nil || d.Plan == nil {
			t.Fatalf("%+v %v", d, err)
		}
		if _, err := d.Plan.Rewrite(io.Discard, strings.NewReader(document), s.Media, scan); err != nil {
			t.Fatal(err)
		}
	}
	const document = `{"subject":"c-1","shoe":44,"spare_mail":"ana@example.com","calls":[{"by":"x"},{"by":"y"}],"4111111111111111":true}`
	show(e, document)
	list, err := e.Noted(t.Context())
	want := map[string]struct {
		class redact.Class
		count int
	}{"shoe": {redact.Plain, 1}, "spare_mail": {redact.Email, 1}, "calls[].by": {redact.Plain, 2}, "{}": {redact.Plain, 1}}
	if err != nil || len(list) != len(want) {
		t.Fatalf("%+v %v", list, err)
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
	show(e, document)
	next := cfg
	next.Catalogue = []Document{{"catalogue.yaml", []byte(strings.Replace(string(cfg.Catalogue[0].Text), "      ssn: ssn", "      ssn: ssn\n      shoe: plain", 1))}}
	st, err := (&source{e.state.Load().src.modules, nil, e.state.Load().src.conditions, next.Catalogue}).compile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	e.enforce(st)
	show(e, document)
	list, err = e.Noted(t.Context())
	if err != nil || len(list) != len(want)-1 {
		t.Fatalf("%+v %v", list, err)
	}
	for _, n := range list {
		if n.Path == "shoe" || n.Count != 3*want[n.Path].count {
			t.Errorf("%+v", n)
		}
	}
}
