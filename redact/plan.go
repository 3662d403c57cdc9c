package redact

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// Classes of fields that no detector looks for. Catalogues and rules use them
// beside the detectors' classes.
const (
	Plain     Class = "plain"     // nothing personal: a currency, a state
	Reference Class = "reference" // an id of an account, case or call
	Money     Class = "money"     // balances, limits, amounts
	Risk      Class = "risk"      // scores and flags about a person
	FreeText  Class = "text"      // what people wrote or said
)

// FieldClasses returns every class a catalogue may give to a field.
func FieldClasses() []Class {
	return []Class{PAN, CVV, PIN, Expiry, Track, IBAN, BankAccount, Routing, SWIFT, SSN, NationalID,
		Passport, DriverLic, TaxID, Email, Phone, IP, MAC, URL, Person, Address, Postcode, Location,
		Organization, Date, DOB, Age, NRP, Title, Username, Password, Secret, CryptoAddr, Vehicle, Token,
		Plain, Reference, Money, Risk, FreeText}
}

// Field says what becomes of one path of a document.
type Field struct {
	Path  string // "card.pan", "items[].notes[].text"; "[]" is every element of an array, "{}" every value of an object; "" the whole document; in HTML a selector
	Class Class
	Do    Treatment   // when no fact of the record is proven
	Vary  []Treatment // by the set of proven facts, bit i for Facts[i]; nil: Do always
	Why   string      // the rule's reason, for explain
	Rule  string      // file:line, for explain
	Inner *Plan       // HTML: the JSON island inside this element has its own plan

	at int // among the plan's fields
}

// Fact is something a record can prove about itself, by one scalar or one
// array of scalars in it. What is missing or of another kind proves nothing.
type Fact struct {
	Name    string
	Path    string // from the root of the document, inside the record
	Lacks   bool   // proven if Value is none of the values; else if it is one of them
	Value   string // the text of a string, or a JSON literal
	Literal bool   // Value is true, false or a number, not a string
}

// PlanConfig is what a plan is compiled from.
type PlanConfig struct {
	Fields    []Field
	Record    string  // path of one record, "items[]"; empty: the whole document
	Subject   string  // path of the subject's id inside the document, for the tally
	Facts     []Fact  // at most 6
	HTML      bool    // the document is HTML and paths are selectors
	Talk      Talk    // the fields of a conversation; empty: there is none
	Reference bool    // decode with jsontext alone, not with the scanner
	MaxRecord int     // bytes of one record held in memory, default 4 MiB
	Strays    *Strays // counts what documents hold where nothing is named; may be nil
}

// Plan says what becomes of every path of one shape of document. What it does
// not name is withheld. It is immutable and safe for concurrent use.
type Plan struct {
	*tree
	facts  []Fact        // with the values that prove them
	vary   [][]Treatment // by field and by the set of proven facts
	inner  []*Plan       // by field, in HTML
	scrubs bool          // some field is free text
	whole  int           // bytes of a body up to which it is validated before its first byte leaves
}

// tree is the shape of documents, the same for all plans that differ only in
// treatments.
type tree struct {
	cfg                PlanConfig
	root               *node
	rules              []selector // the fields, in HTML
	rows               *selector  // one record, in HTML
	factAt             []selector // the facts, in HTML
	nodes              int        // places
	classes            []Class    // of the fields, as they are counted
	speaker, utterance *Field     // of a conversation
	uniform            [][]Treatment
	scratch            sync.Pool // of *scanner; keeps learnt shapes between documents
}

// ErrPlan: the fields contradict each other or cannot be read as paths.
var ErrPlan = errors.New("plan cannot be compiled")

const (
	maxFacts         = 6
	defaultMaxRecord = 4 << 20
)

// node is one place of the document. A place without a field and without
// children below it is not named by the plan.
type node struct {
	keys    map[string]*node
	elem    *node // "[]"
	any     *node // "{}"
	field   *Field
	way     bool // a record lies below
	record  bool
	subject bool
	facts   []int
	marked  bool // a subject or facts lie here
	path    string
	id      int // of the places of a plan
	index   int // of the field's class, among those the plan counts
}

// NewPlan compiles a plan.
func NewPlan(cfg PlanConfig) (*Plan, error) {
	if len(cfg.Facts) > maxFacts {
		return nil, fmt.Errorf("%w: %d facts, at most %d", ErrPlan, len(cfg.Facts), maxFacts)
	}
	if cfg.MaxRecord <= 0 {
		cfg.MaxRecord = defaultMaxRecord
	}
	cfg.Fields = append([]Field(nil), cfg.Fields...)
	cfg.Reference = cfg.Reference || cfg.Talk.Text != ""
	t := &tree{cfg: cfg, root: &node{}}
	for do := range Scrub + 1 {
		t.uniform = append(t.uniform, slices.Repeat([]Treatment{do}, 1<<len(cfg.Facts)))
	}
	for i := range t.cfg.Fields {
		f := &t.cfg.Fields[i]
		f.at = i
		switch {
		case f.Path == "":
		case f.Path == cfg.Talk.Speaker:
			t.speaker = f
		case f.Path == cfg.Talk.Text:
			t.utterance = f
		}
		if err := t.addField(f); err != nil {
			return nil, err
		}
	}
	if (cfg.Talk.Text != "") != (t.utterance != nil) || (cfg.Talk.Speaker != "") != (t.speaker != nil) {
		return nil, fmt.Errorf("%w: the fields of the conversation are not among the fields", ErrPlan)
	}
	if err := t.mark(); err != nil {
		return nil, err
	}
	return t.plan(cfg.Facts, func(f *Field) (Treatment, []Treatment) { return f.Do, f.Vary })
}

// With is the plan of the same shape with other treatments: of a field when no
// fact is proven, and by the set of proven facts (nil: always the first). The
// facts may have other values to be proven by. A JSON island proves none.
func (p *Plan) With(facts []Fact, treat func(*Field) (Treatment, []Treatment)) (*Plan, error) {
	same := func(a, b Fact) bool { return a.Path == b.Path && a.Lacks == b.Lacks && a.Literal == b.Literal }
	if !slices.EqualFunc(facts, p.facts, same) {
		return nil, fmt.Errorf("%w: other facts", ErrPlan)
	}
	return p.plan(facts, treat)
}

// plan gives a shape its treatments.
func (t *tree) plan(facts []Fact, treat func(*Field) (Treatment, []Treatment)) (*Plan, error) {
	p := &Plan{tree: t, facts: facts, vary: make([][]Treatment, len(t.cfg.Fields)), whole: wholeBody}
	for i := range t.cfg.Fields {
		f := &t.cfg.Fields[i]
		do, vary := treat(f)
		if vary == nil {
			vary = t.uniform[do]
		}
		if len(vary) != 1<<len(facts) {
			return nil, fmt.Errorf("%w: %q has %d variants for %d facts", ErrPlan, f.Path, len(vary), len(facts))
		}
		p.vary[i] = vary
		p.scrubs = p.scrubs || slices.Contains(vary, Scrub)
		if f.Inner == nil {
			continue
		}
		inner, err := f.Inner.With(f.Inner.facts, func(f *Field) (Treatment, []Treatment) { do, _ := treat(f); return do, nil })
		if err != nil {
			return nil, err
		}
		if p.inner == nil {
			p.inner = make([]*Plan, len(t.cfg.Fields))
		}
		p.inner[i] = inner
	}
	return p, nil
}

func (t *tree) addField(f *Field) error {
	if t.cfg.HTML {
		r, err := parseSelector(f.Path)
		if err != nil {
			return err
		}
		r.field = f
		t.rules = append(t.rules, r)
		return nil
	}
	n, err := t.root.grow(f.Path)
	if err != nil {
		return err
	}
	if n.field != nil {
		return fmt.Errorf("%w: %q is named twice", ErrPlan, f.Path)
	}
	n.field, n.index = f, t.counted(f.Class)
	return nil
}

// counted gives a class its number among those of the plan.
func (p *tree) counted(c Class) int {
	i := slices.Index(p.classes, c)
	if i < 0 {
		i = len(p.classes)
		p.classes = append(p.classes, c)
	}
	return i
}

// mark notes where records, subjects and facts lie, and refuses a field that
// has fields below it: such a value would be both a leaf and a container.
func (p *tree) mark() error {
	if p.cfg.HTML {
		return p.markHTML()
	}
	for i, f := range p.cfg.Facts {
		n, err := p.root.grow(f.Path)
		if err != nil {
			return err
		}
		inside, ok := strings.CutPrefix(f.Path, p.cfg.Record)
		if !ok || strings.ContainsAny(inside, "[{") {
			return fmt.Errorf("%w: fact %s: %q is not one place of a record", ErrPlan, f.Name, f.Path)
		}
		n.facts = append(n.facts, i)
	}
	if p.cfg.Subject != "" {
		n, err := p.root.grow(p.cfg.Subject)
		if err != nil {
			return err
		}
		n.subject = true
	}
	if p.cfg.Record != "" {
		steps, err := splitPath(p.cfg.Record)
		if err != nil {
			return err
		}
		n := p.root
		for _, s := range steps {
			n.way = true
			n = n.child(s)
		}
		n.record = true
	} else {
		p.root.record = true
	}
	return p.root.check(&p.nodes)
}

func (p *tree) markHTML() error {
	if p.cfg.Subject != "" {
		return fmt.Errorf("%w: subjects are read from JSON, not from HTML", ErrPlan)
	}
	for _, f := range p.cfg.Facts {
		s, err := parseSelector(f.Path)
		if err != nil {
			return err
		}
		p.factAt = append(p.factAt, s)
	}
	if p.cfg.Record == "" {
		return nil
	}
	row, err := parseSelector(p.cfg.Record)
	p.rows = &row
	return err
}

func (n *node) check(nodes *int) error {
	n.id = *nodes
	*nodes++
	n.marked = n.subject || len(n.facts) > 0
	inner := len(n.keys) > 0 || n.any != nil || n.elem != nil
	if n.field != nil && inner {
		return fmt.Errorf("%w: %q has a class, and so have paths below it", ErrPlan, n.path)
	}
	for _, c := range n.keys {
		if err := c.check(nodes); err != nil {
			return err
		}
	}
	for _, c := range []*node{n.any, n.elem} {
		if c != nil {
			if err := c.check(nodes); err != nil {
				return err
			}
		}
	}
	return nil
}

// grow returns the node at path and makes what is missing on the way.
func (n *node) grow(path string) (*node, error) {
	steps, err := splitPath(path)
	if err != nil {
		return nil, err
	}
	for _, s := range steps {
		n = n.child(s)
	}
	return n, nil
}

func (n *node) child(step string) *node {
	var c *node
	switch step {
	case "[]":
		if n.elem == nil {
			n.elem = &node{path: n.path + "[]"}
		}
		c = n.elem
	case "{}":
		if n.any == nil {
			n.any = &node{path: n.path + "{}"}
		}
		c = n.any
	default:
		if c = n.keys[step]; c == nil {
			if n.keys == nil {
				n.keys = map[string]*node{}
			}
			c = &node{path: strings.TrimPrefix(n.path+"."+step, ".")}
			n.keys[step] = c
		}
	}
	return c
}

// lookup finds the place of a member; nil: the plan does not name it.
func (n *node) lookup(name []byte) *node {
	if n == nil {
		return nil
	}
	if c, ok := n.keys[string(name)]; ok {
		return c
	}
	if n.any != nil && hidesEncodedCard(name) { // here names are values too
		return nil
	}
	return n.any
}

// splitPath reads "a.b[].c{}.d"; "\." is a dot inside a name.
func splitPath(path string) ([]string, error) {
	var steps []string
	var name strings.Builder
	flush := func() {
		if name.Len() > 0 {
			steps = append(steps, name.String())
			name.Reset()
		}
	}
	for i := 0; i < len(path); i++ {
		switch c := path[i]; {
		case c == '\\' && i+1 < len(path):
			i++
			name.WriteByte(path[i])
		case c == '.':
			if name.Len() == 0 && (i == 0 || path[i-1] == '.') || i == len(path)-1 {
				return nil, fmt.Errorf("%w: empty step in path %q", ErrPlan, path)
			}
			flush()
		case c == '[' || c == '{':
			pair := path[i:min(i+2, len(path))]
			if pair != "[]" && pair != "{}" {
				return nil, fmt.Errorf("%w: path %q: want [] or {} at byte %d", ErrPlan, path, i)
			}
			flush()
			steps = append(steps, pair)
			i++
		default:
			name.WriteByte(c)
		}
	}
	flush()
	return steps, nil
}
