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
	uses     map[string]bool // which parts of the input the rules look at
	classes  map[string]int  // class → index
}

// answer is what the rules say to one role in one situation on one screen,
// before any record is seen.
type answer struct {
	open   []saying
	refuse []saying
	stepUp []saying
	grant  []saying
	cap    []saying
}

// saying is one element of the rules' sets.
type saying struct {
	do      redact.Treatment
	classes classSet
	facts   uint8 // grant: needs all of them; cap: all of them lift it. By index into Conditions.Facts
	age     int   // step_up, seconds
	code    string
	why     string
	at      string // file:line
}

// compileRules parses and compiles modules. Every literal that a rule puts into
// one of the five sets gets its own file and line, so that a ruling can say
// where it comes from without tracing.
func compileRules(ctx context.Context, known *Conditions, modules []Document) (*rules, error) {
	parsed := map[string]*ast.Module{}
	for _, m := range modules {
		mod, err := ast.ParseModuleWithOpts(m.Name, string(m.Text), ast.ParserOptions{RegoVersion: ast.RegoV1, ProcessAnnotation: true})
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRules, err)
		}
		if err := locate(mod); err != nil {
			return nil, err
		}
		parsed[m.Name] = mod
	}
	compiler := ast.NewCompiler().WithStrict(true).WithCapabilities(capabilities())
	if compiler.Compile(parsed); compiler.Failed() {
		return nil, fmt.Errorf("%w: %w", ErrRules, compiler.Errors)
	}
	query, err := rego.New(rego.Query(rulesPackage), rego.Compiler(compiler), rego.StrictBuiltinErrors(true),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil })).PrepareForEval(ctx)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	r := &rules{known: known, query: query, compiler: compiler, classes: map[string]int{}, uses: map[string]bool{}}
	for i, c := range redact.FieldClasses() {
		r.classes[string(c)] = i
	}
	refs, err := dependencies.Base(compiler, ast.MustParseBody(rulesPackage))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	r.usesOf(refs)
	return r, nil
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

func (r *rules) usesOf(refs []ast.Ref) {
	for _, ref := range refs {
		if !ref.HasPrefix(ast.InputRootRef) {
			continue
		}
		if len(ref) == 1 {
			r.uses["*"] = true
			continue
		}
		key, ok := ref[1].Value.(ast.String)
		if !ok {
			r.uses["*"] = true
			continue
		}
		r.uses[string(key)] = true
	}
}

// asks says whether the rules look at a part of the input.
func (r *rules) asks(part string) bool { return r.uses["*"] || r.uses[part] }

var sayings = []string{"open", "refuse", "step_up", "grant", "cap"}

// locate adds "at": "file:line" to what rules put into the five sets.
func locate(mod *ast.Module) error {
	if mod.Package.Path.String() != rulesPackage {
		return nil
	}
	var wrong error
	for _, rule := range mod.Rules {
		for ; rule != nil; rule = rule.Else {
			name := rule.Head.Ref()[0].Value.String()
			if !slices.Contains(sayings, strings.Trim(name, `"`)) {
				continue
			}
			where := fmt.Sprintf("%s:%d", rule.Location.File, rule.Location.Row)
			key := rule.Head.Key
			if key == nil {
				wrong = errors.Join(wrong, fmt.Errorf("%w: %s: %s is a set: write `%s contains {…}`", ErrRules, where, name, name))
				continue
			}
			obj, ok := key.Value.(ast.Object)
			if !ok {
				wrong = errors.Join(wrong, fmt.Errorf("%w: %s: %s takes an object, written out", ErrRules, where, name))
				continue
			}
			pairs := [][2]*ast.Term{ast.Item(ast.StringTerm("at"), ast.StringTerm(where))}
			obj.Foreach(func(k, v *ast.Term) { pairs = append(pairs, ast.Item(k, v)) })
			rule.Head.Key = ast.NewTerm(ast.NewObject(pairs...)).SetLocation(key.Location)
		}
	}
	return wrong
}

// ask evaluates the rules for one role in one situation on one screen.
func (r *rules) ask(ctx context.Context, s *screen, at situation) (*answer, error) {
	return r.askWith(ctx, r.input(s, at))
}

func (r *rules) askWith(ctx context.Context, input ast.Value, opts ...rego.EvalOption) (*answer, error) {
	rs, err := r.query.Eval(ctx, append(opts, rego.EvalParsedInput(input))...)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	if len(rs) != 1 || len(rs[0].Expressions) != 1 {
		return nil, fmt.Errorf("%w: no answer", ErrRules)
	}
	term, ok := rs[0].Expressions[0].Value.(*ast.Term)
	if !ok {
		return nil, fmt.Errorf("%w: no answer", ErrRules)
	}
	view, ok := term.Value.(ast.Object)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not an object", ErrRules, rulesPackage)
	}
	a := &answer{}
	for i, to := range []*[]saying{&a.open, &a.refuse, &a.stepUp, &a.grant, &a.cap} {
		if *to, err = r.read(view, sayings[i]); err != nil {
			return nil, err
		}
	}
	return a, nil
}

func (r *rules) read(view ast.Object, name string) ([]saying, error) {
	t := view.Get(ast.InternedTerm(name))
	if t == nil {
		return nil, nil
	}
	set, ok := t.Value.(ast.Set)
	if !ok {
		return nil, fmt.Errorf("%w: %s is not a set", ErrRules, name)
	}
	out := make([]saying, 0, set.Len())
	var wrong error
	set.Foreach(func(t *ast.Term) {
		obj, ok := t.Value.(ast.Object)
		if !ok {
			wrong = fmt.Errorf("%w: %s holds something that is not an object", ErrRules, name)
			return
		}
		s, err := r.saying(name, obj)
		if err != nil {
			wrong = fmt.Errorf("%w: %s: %s: %w", ErrRules, s.at, name, err)
		}
		out = append(out, s)
	})
	slices.SortFunc(out, func(a, b saying) int { return strings.Compare(a.at, b.at) })
	return out, wrong
}

// saying reads {"classes", "do", "needs"|"unless", "why", "at", "code", "age"}.
func (r *rules) saying(name string, obj ast.Object) (saying, error) {
	var s saying
	var wrong error
	obj.Foreach(func(k, v *ast.Term) {
		key, _ := k.Value.(ast.String)
		var err error
		switch {
		case key == "at":
			s.at = text(v)
		case key == "why":
			s.why = text(v)
		case key == "classes" && (name == "grant" || name == "cap"):
			s.classes, err = r.classSet(v)
		case key == "do" && (name == "grant" || name == "cap"):
			s.do, err = redact.ParseTreatment(text(v))
		case key == "needs" && name == "grant", key == "unless" && name == "cap":
			s.facts, err = r.factSet(v)
		case key == "code" && name == "refuse":
			s.code = text(v)
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

func text(t *ast.Term) string {
	s, _ := t.Value.(ast.String)
	return string(s)
}

func (r *rules) classSet(t *ast.Term) (set classSet, err error) {
	err = eachString(t, func(name string) error {
		i, ok := r.classes[name]
		if !ok {
			return fmt.Errorf("%q is not a class", name)
		}
		set |= 1 << i
		return nil
	})
	return set, err
}

func (r *rules) factSet(t *ast.Term) (set uint8, err error) {
	err = eachString(t, func(name string) error {
		i := index(r.known.Facts, name)
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
		if err := f(text(t)); err != nil && wrong == nil {
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
