package redact

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// What is held back in a field is not read in a note beside it, wherever it
// stands in the record; what is shown may be.
func TestKnownOfTheRecord(t *testing.T) {
	scan, err := New(Config{Profile: Chat})
	if err != nil {
		t.Fatal(err)
	}
	fields := []Field{{Path: "[].note", Class: FreeText, Do: Scrub}, {Path: "[].street", Class: Address, Do: Mask},
		{Path: "[].employer", Class: Person, Do: Withhold}, {Path: "[].nick", Class: Person, Do: Show}}
	document := `[{"note":"wants letters to MAPLE avenue 30, asked for zimmerquist","street":"Maple Avenue 30","employer":"Olaf Zimmerquist","nick":"Bunny"},` +
		`{"street":"Maple Avenue 30","nick":"Bunny","note":"Bunny walked along Oak Street"},` +
		`{"street":"Kingsley Road 9","nick":"x","note":"nothing of Maple Avenue 30 here, which is another's"}]`
	for name, reference := range map[string]bool{"scanner": false, "reference": true} {
		plan, err := NewPlan(PlanConfig{Fields: fields, Record: "[]", Reference: reference})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if _, err := plan.Rewrite(&out, strings.NewReader(document), "application/json", scan); err != nil {
			t.Fatal(err)
		}
		for _, hidden := range []string{"MAPLE", "zimmerquist", "Kingsley"} {
			if strings.Contains(out.String(), hidden) {
				t.Errorf("%s shows %q: %s", name, hidden, out.String())
			}
		}
		if !strings.Contains(out.String(), "Bunny walked along") {
			t.Errorf("%s hides what is shown: %s", name, out.String())
		}
	}
}

// A page is read again where a text on it mentions what another element holds back.
func TestKnownOfThePage(t *testing.T) {
	scan, err := New(Config{Profile: Chat})
	if err != nil {
		t.Fatal(err)
	}
	plan, err := NewPlan(PlanConfig{HTML: true, Fields: []Field{{Path: "p", Class: FreeText, Do: Scrub}, {Path: "b", Class: Address, Do: Mask}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	tally, err := plan.Rewrite(&out, strings.NewReader("<p>Letters to Maple Avenue 30, please</p><b>Maple Avenue 30</b>"), "text/html", scan)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != "<p>Letters to [address], please</p><b>••••</b>" || tally.Masked[FreeText] != 1 {
		t.Errorf("got %s, %+v", out.String(), tally)
	}
}

// TestKnownInAnyOrder: whatever stands first in a record, what it proves, whose
// it is or what is said in it, its texts are read as if all had been known before.
func TestKnownInAnyOrder(t *testing.T) {
	byFacts := []Treatment{Mask, Show, Withhold, Show}
	plans := [2]*Plan{}
	for i := range plans {
		var err error
		plans[i], err = NewPlan(PlanConfig{Record: "[]", Reference: i == 1,
			Facts: []Fact{{Name: "ordinary", Path: "[].vip", Value: "false", Literal: true}, {Name: "ours", Path: "[].us", Lacks: true, Value: "ada"}},
			Fields: []Field{{Path: "[].vip", Class: Plain, Do: Show}, {Path: "[].us[]", Class: Plain, Do: Show}, {Path: "[].name", Class: Person, Vary: byFacts},
				{Path: "[].street", Class: Address, Do: Mask}, {Path: "[].ssn", Class: SSN, Vary: byFacts}, {Path: "[].n", Class: FreeText, Do: Scrub},
				{Path: "[].note", Class: FreeText, Do: Scrub}, {Path: "[].log[].text", Class: FreeText, Vary: []Treatment{Scrub, Withhold, Scrub, Scrub}}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	scan, err := New(Config{Profile: Chat})
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(8, 8))
	texts := []string{"nothing to say", "wrote to maple avenue 30", "zimmerquist called", "about 0912", "call +1 202 555 0143 or a@example.com", "4111 1111 1111 1111", "12", ""}
	values := map[string][]string{"name": {`"Olaf Zimmerquist"`, `"Bo"`}, "street": {`"Maple Avenue 30"`, `"Rue Élysée 5"`}, "ssn": {`"536-22-0912"`}, "vip": {"true", "false"},
		"us": {`["ada"]`, `["ben","ada"]`, `[]`}, "n": {"4111111111111111", "12", "null"}, "note": nil, "log": nil}
	for range 600 {
		var doc []byte
		for k := range 1 + r.IntN(4) {
			doc = append(doc, "[,"[min(k, 1)])
			names := slices.Sorted(maps.Keys(values))
			r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
			for i, name := range names[:1+r.IntN(len(names))] {
				doc = append(doc, "{,"[min(i, 1)])
				doc = fmt.Appendf(doc, "%q:", name)
				say := func() string { return texts[r.IntN(len(texts))] }
				switch name {
				case "note":
					doc = fmt.Appendf(doc, "%q", say())
				case "log":
					doc = fmt.Appendf(doc, `[{"text":%q},{"text":%q}]`, say(), say())
				default:
					doc = append(doc, values[name][r.IntN(len(values[name]))]...)
				}
			}
			doc = append(doc, '}')
		}
		same(t, plans[0], plans[1], scan, append(doc, ']'))
	}
}
