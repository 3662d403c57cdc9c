package policy

import (
	"bytes"
	"context"
	"fmt"

	"github.com/privet-gateway/privet/redact"
)

// Explanation is what an agent would see of a document, and why.
type Explanation struct {
	Tool    string      `json:"tool"`
	Screen  string      `json:"screen"`
	Bundle  string      `json:"bundle"`
	Refused string      `json:"refused,omitempty"`
	StepUp  string      `json:"step_up,omitempty"`
	Why     string      `json:"why,omitempty"` // of a refusal or a step-up
	Rule    string      `json:"rule,omitempty"`
	Facts   []string    `json:"facts,omitempty"` // what the document's record proves
	Fields  []Explained `json:"fields,omitempty"`
	View    string      `json:"view,omitempty"` // the document as the agent sees it

	Decision *Decision    `json:"-"` // the live one
	Tally    redact.Tally `json:"-"`
}

// Explained is one path.
type Explained struct {
	Path  string       `json:"path"`
	Class redact.Class `json:"class"`
	Do    string       `json:"do"`
	Why   string       `json:"why"`
	Rule  string       `json:"rule"` // file:line
}

// Explain renders a document as it would be shown, by the decision that a live
// request would get, and gives the rule of every field. A nil document
// explains the decision alone, for a record that proves nothing.
func (e *Engine) Explain(ctx context.Context, s *Screen, q *Question, document []byte, scan *redact.Engine) (*Explanation, error) {
	d, err := e.Decide(ctx, s, q)
	if err != nil {
		return nil, fmt.Errorf("explain: %w", err)
	}
	x := &Explanation{Tool: s.Tool, Screen: s.ID, Bundle: d.Bundle, Refused: d.Refused, Why: d.Why, Rule: d.Rule, Decision: d}
	if d.StepUp > 0 {
		x.StepUp = d.StepUp.String()
	}
	if d.Plan == nil || d.screen.answer == nil {
		return x, nil
	}
	proven := 0
	if document != nil {
		var out bytes.Buffer
		if x.Tally, err = d.Plan.Rewrite(&out, bytes.NewReader(document), s.Media, scan); err != nil {
			return nil, fmt.Errorf("explain: %w", err)
		}
		x.View = out.String()
		if proven, err = d.Plan.Proven(document); err != nil {
			proven = 0
		}
	}
	for i, f := range d.screen.facts {
		if proven>>i&1 == 1 {
			x.Facts = append(x.Facts, f.Name)
		}
	}
	for _, f := range d.screen.answer.fields {
		r := d.Ruling(f.class, proven)
		x.Fields = append(x.Fields, Explained{f.path, f.class, r.Do.String(), r.Why, r.Rule})
	}
	return x, nil
}

// Ruling gives a class's treatment, reason and rule for a record that proves a
// set of facts, bit i for Facts[i].
func (d *Decision) Ruling(c redact.Class, proven int) Ruling {
	set := factsOf(d.screen, d.known, proven)
	for i, class := range redact.FieldClasses() {
		if class == c && len(d.allowed) > 0 {
			return newWeighing(d.allowed, []uint8{set}).rule(i)
		}
	}
	return d.Classes[c]
}
