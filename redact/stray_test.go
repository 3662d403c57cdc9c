package redact

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
)

func strayPlan(t testing.TB, cfg PlanConfig) (*Plan, *Strays) {
	t.Helper()
	scan, err := New(Config{Profile: Strict})
	if err != nil {
		t.Fatal(err)
	}
	s := &Strays{}
	s.Suggest(scan)
	cfg.Strays = s
	p, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p, s
}

// Whatever holds a value that nothing names is listed by path, with the number
// of values and a class, in every kind of document and of any size.
func TestStrays(t *testing.T) {
	fields := []Field{{Path: "name", Class: Person, Do: Show}, {Path: "card.pan", Class: PAN, Do: Mask}}
	list := []Field{{Path: "items[].name", Class: Person, Do: Show}}
	record := `{"name":"Ana","shoe":44,"mail":"ana@example.com","card":{"pan":"4111111111111111","cvv2":"123"},"calls":[{"by":"bo"},{"by":"cy"}],"4111111111111111":1}`
	want := map[string]string{"shoe": "plain 1", "mail": "email 1", "card.cvv2": "plain 1", "calls[].by": "plain 2", "{}": "plain 1"}
	times := func(prefix string, n int) map[string]string {
		out := map[string]string{}
		for path, is := range want {
			class, _, _ := strings.Cut(is, " ")
			var each int
			fmt.Sscan(is[len(class):], &each)
			out[prefix+path] = fmt.Sprint(class, " ", n*each)
		}
		return out
	}
	nested := times("items[].", 3000)
	delete(nested, "items[].{}")
	nested["items[]{}"] = "plain 3000"
	nested["items[].card.cvv2"], nested["items[].card.pan"], nested["total"] = "plain 3000", "pan 3000", "plain 1"
	for name, c := range map[string]struct {
		cfg       PlanConfig
		kind, doc string
		want      map[string]string
	}{
		"json":      {PlanConfig{Fields: fields}, "application/json", record, want},
		"reference": {PlanConfig{Fields: fields, Reference: true}, "application/json", record, want},
		"long":      {PlanConfig{Fields: list, Record: "items[]"}, "application/json", `{"total":3,"items":[` + strings.Repeat(record+",", 2999) + record + `]}`, nested},
		"ndjson":    {PlanConfig{Fields: fields}, "application/x-ndjson", strings.Repeat(record+"\n", 40), times("", 40)},
		"events":    {PlanConfig{Fields: fields}, "text/event-stream", strings.Repeat("data: "+record+"\n\n", 40), times("", 40)},
		"csv": {PlanConfig{Fields: fields}, "text/csv", "name,shoe,mail\nAna,44,ana@example.com\nBo,45,bo@example.com\n",
			map[string]string{"shoe": "plain 2", "mail": "email 2"}},
		"html": {PlanConfig{Fields: []Field{{Path: "h1", Class: Plain, Do: Show}}, HTML: true}, "text/html",
			`<h1>Page</h1><p class="mail x">ana@example.com</p><p class="mail">bo@example.com</p><p id="note" data-who="ana@example.com">shoes</p>`,
			map[string]string{".mail": "email 2", "#note": "plain 1", "#note@data-who": "email 1"}},
	} {
		p, s := strayPlan(t, c.cfg)
		var out bytes.Buffer
		tally, err := p.Rewrite(&out, strings.NewReader(c.doc), c.kind, nil)
		if err != nil || tally.Unclassified == 0 {
			t.Errorf("%s: %v %+v", name, err, tally)
		}
		got := map[string]string{}
		for _, u := range s.Take() {
			got[u.Path] = fmt.Sprint(u.Class, " ", u.Count)
		}
		if fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s:\n got %v\nwant %v", name, got, c.want)
		}
		if again := s.Take(); len(again) != 0 {
			t.Errorf("%s: told twice: %v", name, again)
		}
	}
}

// A record that is read twice is counted once, and names without end are one.
func TestStraysAreBounded(t *testing.T) {
	p, s := strayPlan(t, PlanConfig{Fields: []Field{{Path: "a", Class: Plain, Do: Show}, {Path: "vip", Class: Plain, Do: Show}},
		Facts: []Fact{{Name: "vip", Path: "vip", Value: "true", Literal: true}}})
	for i, doc := range []string{`{"x":1,"vip":true}`, `{"x":1,"vip":false}`, `{"x":1,"vip":true}`} {
		if _, err := p.Rewrite(&bytes.Buffer{}, strings.NewReader(doc), "application/json", nil); err != nil {
			t.Fatal(i, err)
		}
	}
	if got := s.Take(); len(got) != 1 || got[0].Count != 3 {
		t.Errorf("%+v", got)
	}
	for i := range 3000 {
		doc := fmt.Sprintf(`{"field_%d":1,"41111111111111%02d":{"x":"y"}}`, i, i%100)
		if _, err := p.Rewrite(&bytes.Buffer{}, strings.NewReader(doc), "application/json", nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.Take(); len(got) > maxStrays || len(got) < maxWide || strings.Contains(fmt.Sprint(got), "41111") {
		t.Errorf("%d paths: %.300s", len(got), fmt.Sprint(got))
	}
}

func BenchmarkStrays(b *testing.B) {
	record := `{"name":"Ana","shoe":44,"state":"open","card":{"pan":"4111111111111111","cvv2":"123"}}`
	doc := `{"items":[` + strings.Repeat(record+",", 5000) + record + `]}`
	fields := []Field{{Path: "items[].name", Class: Person, Do: Show}, {Path: "items[].state", Class: Plain, Do: Show}, {Path: "items[].card.pan", Class: PAN, Do: Mask}}
	for name, counted := range map[string]bool{"counted": true, "not": false} {
		b.Run(name, func(b *testing.B) {
			p, s := strayPlan(b, PlanConfig{Fields: fields, Record: "items[]"})
			if !counted {
				s.Suggest(nil)
			}
			b.SetBytes(int64(len(doc)))
			for b.Loop() {
				if _, err := p.Rewrite(&bytes.Buffer{}, strings.NewReader(doc), "application/json", nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
