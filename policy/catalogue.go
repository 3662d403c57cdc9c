package policy

import (
	"errors"
	"fmt"
	"maps"
	"mime"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"github.com/privet-gateway/privet/redact"
)

// Document is a named text: a catalogue, a module of rules.
type Document struct {
	Name string // file name, for errors
	Text []byte
}

// catalogue is what one tool's screens are and what their documents hold.
type catalogue struct {
	Tool    string            `yaml:"tool"`
	Screens []screenEntry     `yaml:"screens"`
	Shapes  map[string]*shape `yaml:"shapes"`

	name string
}

// screenEntry is a screen as the catalogue writes it.
type screenEntry struct {
	ID      string               `yaml:"id"`
	Method  string               `yaml:"method"` // default GET
	Path    string               `yaml:"path"`
	Kind    string               `yaml:"kind"` // account, list, call, case, chat, event, page …: what rules may ask for
	Media   string               `yaml:"media"`
	Upgrade string               `yaml:"upgrade"`
	Polled  bool                 `yaml:"polled"` // asked for by a page's script, again and again: nobody is at work
	Subject string               `yaml:"subject"`
	Shape   string               `yaml:"shape"`
	Body    string               `yaml:"body"`
	Query   map[string]parameter `yaml:"query"`
}

// parameter is a request parameter that may pass: one of a class, or one
// whose value names fields.
type parameter struct {
	Class redact.Class `yaml:"class"`
	Field []string     `yaml:"field"`
}

func (p *parameter) UnmarshalYAML(n ast.Node) error {
	if s, ok := n.(*ast.StringNode); ok {
		p.Class = redact.Class(s.Value)
		return nil
	}
	type plain parameter
	return yaml.NodeToValue(n, (*plain)(p), yaml.Strict())
}

// shape is what the documents of a kind hold, path by path.
type shape struct {
	Record  string              `yaml:"record"`
	Subject string              `yaml:"subject"`
	Facts   map[string]factTest `yaml:"facts"`
	Talk    talk                `yaml:"conversation"`
	Fields  fields              `yaml:"fields"`
}

// talk names the fields of a conversation: who speaks, and what is said.
type talk struct {
	Speaker string `yaml:"speaker"`
	Text    string `yaml:"text"`
}

// factTest is how a record proves a fact.
type factTest struct {
	Path   string `yaml:"path"`
	Equals any    `yaml:"equals"`
	Lacks  any    `yaml:"lacks"`
}

// fields are paths and what is there: a class, or "@shape".
type fields []entry

type entry struct {
	path, what string
	line       int
}

// UnmarshalYAML flattens nested mappings to paths and keeps the lines.
func (f *fields) UnmarshalYAML(n ast.Node) error {
	return f.walk("", n)
}

func (f *fields) walk(prefix string, n ast.Node) error {
	switch n := n.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := f.pair(prefix, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return f.pair(prefix, n)
	case *ast.StringNode:
		*f = append(*f, entry{prefix, n.Value, n.GetToken().Position.Line})
		return nil
	case *ast.TagNode, *ast.AnchorNode, *ast.AliasNode:
		return at(n, "tags, anchors and aliases are not used here")
	}
	return at(n, "path %q: want a class, a @shape, or a mapping of paths", prefix)
}

func (f *fields) pair(prefix string, v *ast.MappingValueNode) error {
	key := v.Key.GetToken().Value
	path := key
	if prefix != "" {
		path = prefix + "." + key
		if strings.HasPrefix(key, "[]") || strings.HasPrefix(key, "{}") {
			path = prefix + key
		}
	}
	return f.walk(path, v.Value)
}

func at(n ast.Node, format string, args ...any) error {
	return fmt.Errorf("line %d: %s", n.GetToken().Position.Line, fmt.Sprintf(format, args...))
}

// ErrCatalogue: a catalogue cannot be used as it is.
var ErrCatalogue = errors.New("catalogue")

// reading lets an officer's file fail where the library would panic on it.
func reading(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("cannot be read as YAML; look for tags (!) and aliases (*) that point nowhere")
		}
	}()
	return read()
}

// parseCatalogues reads a catalogue file: one document a tool.
func parseCatalogues(doc Document) ([]*catalogue, error) {
	fail := func(err error) ([]*catalogue, error) {
		return nil, fmt.Errorf("%w %s: %s", ErrCatalogue, doc.Name, strings.TrimSpace(yaml.FormatError(err, false, true)))
	}
	var file *ast.File
	err := reading(func() (err error) { file, err = parser.ParseBytes(doc.Text, 0); return err })
	if err != nil {
		return fail(err)
	}
	var all []*catalogue
	for _, d := range file.Docs {
		if d.Body == nil {
			continue
		}
		c := &catalogue{name: doc.Name}
		if err := reading(func() error { return yaml.NodeToValue(d.Body, c, yaml.Strict()) }); err != nil {
			return fail(err)
		}
		if err := c.check(); err != nil {
			return fail(err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return fail(errors.New("is empty"))
	}
	return all, nil
}

func (c *catalogue) check() error {
	if c.Tool == "" {
		return errors.New("tool: has no name")
	}
	seen := map[string]bool{}
	for i := range c.Screens {
		s := &c.Screens[i]
		if s.ID == "" || seen[s.ID] {
			return fmt.Errorf("screen %d: id %q is missing or stands twice", i+1, s.ID)
		}
		seen[s.ID] = true
		if err := c.checkScreen(s); err != nil {
			return fmt.Errorf("screen %s: %w", s.ID, err)
		}
	}
	for name := range c.Shapes {
		if _, err := c.expand(name); err != nil {
			return fmt.Errorf("shape %s: %w", name, err)
		}
	}
	return nil
}

func (c *catalogue) checkScreen(s *screenEntry) error {
	if s.Method == "" {
		s.Method = "GET"
	}
	if s.Kind == "" {
		s.Kind = "account"
		if sh := c.Shapes[s.Shape]; sh != nil && sh.Record != "" {
			s.Kind = "list"
		}
	}
	if !strings.HasPrefix(s.Path, "/") {
		return fmt.Errorf("path %q must begin with a slash", s.Path)
	}
	if s.Subject != "" && !strings.Contains(s.Path, "{"+s.Subject+"}") {
		return fmt.Errorf("subject: the path has no {%s}", s.Subject)
	}
	if s.Upgrade != "" && s.Upgrade != "websocket" {
		return fmt.Errorf("upgrade %q: only websocket is known", s.Upgrade)
	}
	if s.Media != "" {
		if _, _, err := mime.ParseMediaType(s.Media); err != nil {
			return fmt.Errorf("media %q: %w", s.Media, err)
		}
	}
	for _, name := range []string{s.Shape, s.Body} {
		if name != "" && c.Shapes[name] == nil {
			return fmt.Errorf("there is no shape %q", name)
		}
	}
	if s.Shape == "" && s.Media != "" {
		return errors.New("shape: missing; without one nothing of the answer can be shown")
	}
	for name, p := range s.Query {
		if (p.Class == "") == (p.Field == nil) {
			return fmt.Errorf("query %s: want a class or a list of fields", name)
		}
		if p.Class != "" && !slices.Contains(redact.FieldClasses(), p.Class) {
			return fmt.Errorf("query %s: %q is not a class", name, p.Class)
		}
	}
	return nil
}

// outline is a shape with every other shape in it filled in.
type outline struct {
	fields  []leaf
	islands map[string]*outline // HTML: JSON inside an element
	record  string
	subject string
	talk    redact.Talk
	facts   map[string]redact.Fact // Value may be $agent, $case, $region
}

type leaf struct {
	path   string
	class  redact.Class
	island bool // from a shape inside, which in HTML has a plan of its own
}

const maxNesting = 16

func (c *catalogue) expand(name string) (*outline, error) { return c.expandAt(name, 0) }

func (c *catalogue) expandAt(name string, depth int) (*outline, error) {
	if depth > maxNesting {
		return nil, errors.New("shapes contain each other")
	}
	s := c.Shapes[name]
	if s == nil {
		return nil, fmt.Errorf("there is no shape %q", name)
	}
	o := &outline{record: s.Record, subject: s.Subject, talk: redact.Talk(s.Talk), facts: map[string]redact.Fact{}, islands: map[string]*outline{}}
	for fact, t := range s.Facts {
		f, err := t.fact(fact)
		if err != nil {
			return nil, err
		}
		o.facts[fact] = f
	}
	for _, e := range s.Fields {
		inner, ok := strings.CutPrefix(e.what, "@")
		if !ok {
			class := redact.Class(e.what)
			if !slices.Contains(redact.FieldClasses(), class) {
				return nil, fmt.Errorf("line %d: path %q: %q is not a class", e.line, e.path, e.what)
			}
			o.fields = append(o.fields, leaf{e.path, class, false})
			continue
		}
		sub, err := c.expandAt(inner, depth+1)
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", e.line, err)
		}
		o.include(e.path, sub)
	}
	return o, nil
}

// include puts another shape at a path; at the path of a record its subject
// and facts come along. At a selector it is a JSON island.
func (o *outline) include(path string, sub *outline) {
	o.islands[path] = sub
	join := func(p string) string {
		if p == "" || strings.HasPrefix(p, "[]") || strings.HasPrefix(p, "{}") || path == "" {
			return path + p
		}
		return path + "." + p
	}
	for _, f := range sub.fields {
		o.fields = append(o.fields, leaf{join(f.path), f.class, true})
	}
	if path != o.record {
		return
	}
	if o.subject == "" && sub.subject != "" {
		o.subject = join(sub.subject)
	}
	for name, f := range sub.facts {
		if _, has := o.facts[name]; !has {
			f.Path = join(f.Path)
			o.facts[name] = f
		}
	}
}

func (t factTest) fact(name string) (redact.Fact, error) {
	f := redact.Fact{Name: name, Path: t.Path, Lacks: t.Lacks != nil}
	value := t.Equals
	if f.Lacks {
		value = t.Lacks
	}
	if t.Path == "" || value == nil || t.Equals != nil && t.Lacks != nil {
		return f, fmt.Errorf("fact %s: want a path, and equals or lacks", name)
	}
	switch v := value.(type) {
	case string:
		if f.Value = v; strings.HasPrefix(v, "$") && v != "$agent" && v != "$case" && v != "$region" {
			return f, fmt.Errorf("fact %s: %s: only $agent, $case and $region are known", name, v)
		}
	case bool, int, int64, uint64:
		f.Value, f.Literal = fmt.Sprint(v), true
	default:
		return f, fmt.Errorf("fact %s: %v: want a string, a whole number, true or false", name, v)
	}
	return f, nil
}

// personal says whether the fact compares with something of the question.
func personal(f redact.Fact) bool { return strings.HasPrefix(f.Value, "$") && !f.Literal }

// factNames returns the names in order.
func (o *outline) factNames() []string { return slices.Sorted(maps.Keys(o.facts)) }
