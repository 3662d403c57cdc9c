package policy

import (
	"context"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/dependencies"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/privet-gateway/privet/redact"
)

// ErrRules: the rules cannot be used as they are.
var ErrRules = errors.New("rules")

const rulesPackage = "data.privet.view"

// classSet is a set of redact.FieldClasses, by index.
type classSet uint64

// rules are compiled Rego and the conditions they may ask about.
type rules struct {
	known    *Conditions
	query    rego.PreparedEvalQuery
	compiler *ast.Compiler
	uses     uses     // which parts of the input the rules look at
	parts    []part   // the sets one by one, for walks over the whole space
	said     []saying // everything that the rules can say, by number
}

// part is one of the sets, asked by itself.
type part struct {
	query rego.PreparedEvalQuery
	uses  uses
	sight sight
}

// answer is what the rules say to one role in one situation on one screen,
// before any record is seen.
type answer struct {
	open   []*saying
	refuse []*saying
	stepUp []*saying
	grant  []*saying
	cap    []*saying
}

// saying is one element of the rules' sets.
type saying struct {
	set     string // "grant", …
	do      redact.Treatment
	classes classSet
	facts   uint8 // grant: needs all of them; cap: all of them lift it. By index into Conditions.Facts
	age     int   // step_up, seconds
	code    string
	why     string
	at      string // file:line
}

// compileRules parses and compiles modules. What a rule puts into one of the
// five sets is written out, without variables; it is read here, once, and its
// number stands in its place while the rules run. So a ruling knows the file
// and line it comes from without tracing, and nonsense is found on reading.
func compileRules(ctx context.Context, known *Conditions, modules []Document) (*rules, error) {
	r := &rules{known: known, uses: uses{}}
	parsed := map[string]*ast.Module{}
	used := map[string]bool{}
	for _, m := range modules {
		mod, err := ast.ParseModuleWithOpts(m.Name, string(m.Text), ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRules, err)
		}
		if err := r.number(mod, used); err != nil {
			return nil, err
		}
		parsed[m.Name] = mod
	}
	r.compiler = ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities())
	if r.compiler.Compile(parsed); r.compiler.Failed() {
		return nil, fmt.Errorf("%w: %w", ErrRules, r.compiler.Errors)
	}
	if err := r.checkClasses(); err != nil {
		return nil, err
	}
	return r, r.prepare(ctx, used)
}

// prepare makes the one query that is asked: all sets that some rule fills.
func (r *rules) prepare(ctx context.Context, used map[string]bool) error {
	var all []string
	for _, name := range sayings {
		if !used[name] {
			continue
		}
		query, asked, err := r.prepareOne(ctx, rulesPackage+"."+name)
		if err != nil {
			return err
		}
		r.parts = append(r.parts, part{query, asked, asked.sight()})
		all = append(all, rulesPackage+"."+name)
	}
	var err error
	r.query, r.uses, err = r.prepareOne(ctx, strings.Join(all, ", "))
	return err
}

func (r *rules) prepareOne(ctx context.Context, refs string) (query rego.PreparedEvalQuery, asked uses, err error) {
	body, err := ast.ParseBody("[" + refs + "]")
	if err != nil {
		return query, nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	query, err = rego.New(rego.ParsedQuery(body), rego.Compiler(r.compiler), rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil })).PrepareForEval(ctx)
	if err != nil {
		return query, nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	base, err := dependencies.Base(r.compiler, body)
	if err != nil {
		return query, nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	return query, usesOf(base), nil
}

// checkClasses finds classes that no rule speaks of: they are withheld, but
// it must be somebody's wish.
func (r *rules) checkClasses() error {
	var named classSet
	for i := range r.said {
		named |= r.said[i].classes
	}
	for i, c := range redact.FieldClasses() {
		if named>>i&1 == 0 {
			return fmt.Errorf("%w: no rule speaks of class %s; grant it, or cap it with \"withhold\"", ErrRules, c)
		}
	}
	return nil
}

// capabilities are OPA's without those that reach outside or ask the clock: a
// decision rests on the question alone.
func capabilities() *ast.Capabilities {
	c := ast.CapabilitiesForThisVersion()
	c.AllowNet = []string{}
	c.Builtins = slices.DeleteFunc(c.Builtins, func(b *ast.Builtin) bool {
		return b.IsNondeterministic() || strings.HasPrefix(b.Name, "opa.") || b.Name == "trace"
	})
	return c
}

var sayings = []string{"open", "refuse", "step_up", "grant", "cap"}

// number reads what the rules of a module put into the five sets, and leaves
// numbers in its place.
func (r *rules) number(mod *ast.Module, used map[string]bool) error {
	if mod.Package.Path.String() != rulesPackage {
		return nil
	}
	var wrong error
	for _, rule := range mod.Rules {
		name := strings.Trim(rule.Head.Ref()[0].Value.String(), `"`)
		if !slices.Contains(sayings, name) {
			continue
		}
		s, err := r.readRule(name, rule)
		if err != nil {
			wrong = errors.Join(wrong, fmt.Errorf("%w: %s:%d: %s: %w", ErrRules, rule.Location.File, rule.Location.Row, name, err))
			continue
		}
		used[name] = true
		rule.Head.Key = &ast.Term{Value: ast.IntNumberTerm(len(r.said)).Value, Location: rule.Head.Key.Location} // the library's own term is everybody's
		r.said = append(r.said, s)
	}
	return wrong
}

func (r *rules) readRule(name string, rule *ast.Rule) (saying, error) {
	key := rule.Head.Key
	if key == nil || rule.Head.Value != nil && rule.Head.RuleKind() != ast.MultiValue || rule.Default {
		return saying{}, fmt.Errorf("is a set: write `%s contains {…} if …`", name)
	}
	obj, ok := key.Value.(ast.Object)
	if !ok || !obj.IsGround() {
		return saying{}, errors.New("takes an object, written out without variables")
	}
	s, err := r.saying(name, obj)
	s.set, s.at = name, fmt.Sprintf("%s:%d", rule.Location.File, rule.Location.Row)
	return s, err
}

// ask evaluates the rules for one role in one situation on one screen.
func (r *rules) ask(ctx context.Context, s *screen, at situation) (*answer, error) {
	a := &answer{}
	return a, r.eval(ctx, r.query, r.input(s, at), a)
}

// eval runs a query and adds what the rules say to an answer.
func (r *rules) eval(ctx context.Context, query rego.PreparedEvalQuery, input ast.Value, a *answer, opts ...rego.EvalOption) error {
	rs, err := query.Eval(ctx, append(opts, rego.EvalParsedInput(input))...)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrRules, err)
	}
	if len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return fmt.Errorf("%w: no answer", ErrRules)
	}
	term, _ := rs[0].Expressions[0].Value.(*ast.Term)
	if term == nil {
		return fmt.Errorf("%w: no answer", ErrRules)
	}
	sets, ok := term.Value.(*ast.Array)
	if !ok {
		return fmt.Errorf("%w: no answer", ErrRules)
	}
	var wrong error
	sets.Foreach(func(t *ast.Term) {
		if err := r.collect(a, t); err != nil {
			wrong = err
		}
	})
	return wrong
}

// collect looks up what the numbers in a set stand for.
func (r *rules) collect(a *answer, t *ast.Term) error {
	set, ok := t.Value.(ast.Set)
	if !ok {
		return fmt.Errorf("%w: %v is not a set", ErrRules, t)
	}
	return set.Iter(func(t *ast.Term) error {
		n, ok := t.Value.(ast.Number)
		i, whole := n.Int()
		if !ok || !whole || i < 0 || i >= len(r.said) {
			return fmt.Errorf("%w: %v is nothing that a rule has said", ErrRules, t)
		}
		s := &r.said[i]
		switch s.set {
		case "open":
			a.open = append(a.open, s)
		case "refuse":
			a.refuse = append(a.refuse, s)
		case "step_up":
			a.stepUp = append(a.stepUp, s)
		case "grant":
			a.grant = append(a.grant, s)
		case "cap":
			a.cap = append(a.cap, s)
		}
		return nil
	})
}

// saying reads {"classes", "do", "needs"|"unless", "why", "code", "age"}.
func (r *rules) saying(name string, obj ast.Object) (saying, error) {
	var s saying
	var wrong error
	obj.Foreach(func(k, v *ast.Term) {
		key, _ := k.Value.(ast.String)
		var err error
		switch {
		case key == "why":
			s.why = word(v)
		case key == "classes" && (name == "grant" || name == "cap"):
			s.classes, err = r.classSet(v)
		case key == "do" && (name == "grant" || name == "cap"):
			s.do, err = redact.ParseTreatment(word(v))
		case key == "needs" && name == "grant", key == "unless" && name == "cap":
			s.facts, err = r.factSet(v)
		case key == "code" && name == "refuse":
			s.code = word(v)
		case key == "age" && name == "step_up":
			n, ok := v.Value.(ast.Number)
			age, whole := n.Int()
			if !ok || !whole || age <= 0 {
				err = errors.New("age: want whole seconds")
			}
			s.age = age
		default:
			err = fmt.Errorf("%s has no %q", name, string(key))
		}
		wrong = errors.Join(wrong, err)
	})
	switch {
	case wrong != nil:
	case s.why == "":
		wrong = errors.New("why: a reason is missing")
	case name == "refuse" && s.code == "", name == "step_up" && s.age == 0, (name == "grant" || name == "cap") && s.classes == 0:
		wrong = errors.New("code, age or classes are missing")
	}
	return s, wrong
}

func word(t *ast.Term) string {
	s, _ := t.Value.(ast.String)
	return string(s)
}

func (r *rules) classSet(t *ast.Term) (set classSet, err error) {
	err = eachString(t, func(name string) error {
		more, ok := r.known.classes[name]
		if !ok {
			return fmt.Errorf("%q is neither a class nor a group of classes", name)
		}
		set |= more
		return nil
	})
	return set, err
}

func (r *rules) factSet(t *ast.Term) (set uint8, err error) {
	err = eachString(t, func(name string) error {
		i := slices.Index(r.known.Facts, name)
		if i < 0 {
			return fmt.Errorf("%q is not among the conditions' facts", name)
		}
		set |= 1 << i
		return nil
	})
	return set, err
}

func eachString(t *ast.Term, f func(string) error) error {
	var wrong error
	each := func(t *ast.Term) {
		if err := f(word(t)); err != nil && wrong == nil {
			wrong = err
		}
	}
	switch v := t.Value.(type) {
	case ast.Set:
		v.Foreach(each)
	case *ast.Array:
		v.Foreach(each)
	default:
		return errors.New("want a set of names")
	}
	return wrong
}

// input builds the document that rules see.
func (r *rules) input(s *screen, at situation) ast.Value {
	c := r.known
	pairs := make([][2]*ast.Term, 0, 16)
	add := func(key string, value *ast.Term) {
		pairs = append(pairs, [2]*ast.Term{ast.InternedTerm(key), value})
	}
	add("role", ast.StringTerm(c.Roles[at.role]))
	add("tool", ast.StringTerm(s.Tool))
	add("screen", ast.StringTerm(s.ID))
	add("kind", ast.StringTerm(s.Kind))
	add("write", ast.InternedTerm(s.Write))
	add("one_subject", ast.InternedTerm(s.Subject != ""))
	add("region", ast.StringTerm(name(c.Regions, at.region, "other")))
	add("purpose", ast.StringTerm(name(c.Purposes, at.purpose, "")))
	add("case", ast.InternedTerm(at.kase))
	add("verified", ast.InternedTerm(at.verified))
	add("break_glass", ast.InternedTerm(at.glass))
	add("desk_hours", ast.InternedTerm(at.desk))
	if at.second != never {
		add("second", ast.InternedTerm(c.seconds(at.second)))
	}
	proofs := make([][2]*ast.Term, 0, len(c.Proofs))
	for i, kind := range c.Proofs {
		if at.proofs[i] != never {
			proofs = append(proofs, [2]*ast.Term{ast.StringTerm(kind), ast.InternedTerm(c.seconds(at.proofs[i]))})
		}
	}
	add("proofs", ast.ObjectTerm(proofs...))
	groups := make([]*ast.Term, 0, 4)
	for set := at.groups; set != 0; set &= set - 1 {
		groups = append(groups, ast.StringTerm(c.Groups[bits.TrailingZeros16(set)]))
	}
	add("groups", ast.ArrayTerm(groups...))
	facts := make([]*ast.Term, 0, 4)
	for _, f := range s.facts {
		facts = append(facts, ast.StringTerm(f.Name))
	}
	add("facts", ast.ArrayTerm(facts...))
	return ast.NewObject(pairs...)
}

func (c *Conditions) seconds(age uint8) int { return int(c.Ages[age]) / 1e9 }

func name(list []string, i int8, other string) string {
	if i < 0 {
		return other
	}
	return list[i]
}
