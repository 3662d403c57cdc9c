package redact

import "io"

// Field says what becomes of one path of a document.
type Field struct {
	Path  string // "card.pan", "items[].notes[].text"; "[]" is every element of an array, "{}" every value of an object
	Class Class
	Do    Treatment
	Why   string // the rule's reason, for explain
}

// PlanConfig is what a plan is compiled from.
type PlanConfig struct {
	Fields  []Field
	Record  string // path of one record, "items[]"; empty: the whole document
	Subject string // path of the subject's id inside the document, for the tally
}

// Plan says what becomes of every path of one shape of document. What it does
// not name is withheld. It is immutable.
type Plan struct{ cfg PlanConfig }

// NewPlan compiles a plan.
func NewPlan(cfg PlanConfig) (*Plan, error) { return &Plan{cfg: cfg}, nil }

// Tally is what a rewritten body showed, by class.
type Tally struct {
	Records      int
	Subjects     []string // ids of the people in it, in order of appearance, without repeats
	Shown        map[Class]int
	Masked       map[Class]int // masked, tokenised or scrubbed
	Withheld     map[Class]int
	Unclassified int // paths that no catalogue names
}

// Rewrite copies one document of a media type ("application/json",
// "text/html", "text/event-stream", …) from src to dst as the plan says. On
// an error dst holds an unusable beginning and must be thrown away or aborted.
func (p *Plan) Rewrite(dst io.Writer, src io.Reader, mediaType string, scan *Engine) (Tally, error) {
	return Tally{}, ErrUnread
}
