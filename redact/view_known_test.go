package redact

import (
	"bytes"
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
