package redact

import (
	"bytes"
	"strings"
	"testing"
)

// An attribute that a selector of the catalogue names is the same for everybody
// and stays; the same attribute with another value is treated as the text is.
func TestNamedAttribute(t *testing.T) {
	plan, err := NewPlan(PlanConfig{HTML: true, Fields: []Field{
		{Path: "[data-field=pan]", Class: PAN, Do: Mask}, {Path: "[data-owner]", Class: Person, Do: Withhold}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	page := `<dd data-field="pan" data-copy="4111111111111111">4111111111111111</dd><dd data-owner="Grace Marsh">x</dd>`
	if _, err := plan.Rewrite(&out, strings.NewReader(page), "text/html", nil); err != nil {
		t.Fatal(err)
	}
	want := `<dd data-field="pan" data-copy="•••• 1111">•••• 1111</dd><dd></dd>`
	if out.String() != want {
		t.Errorf("got  %s\nwant %s", out.String(), want)
	}
}
