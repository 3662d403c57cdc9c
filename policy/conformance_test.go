package policy

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"
	"github.com/open-policy-agent/opa/v1/storage/inmem"
	"github.com/open-policy-agent/opa/v1/test/cases"
	"github.com/open-policy-agent/opa/v1/topdown"
	"github.com/open-policy-agent/opa/v1/util"
)

// OPA's own cases (v1), asked the way the engine asks: a compiled query, a
// parsed input, terms as results. Cases that need a function we do not allow
// must be refused for exactly that reason.
func TestOPAConformance(t *testing.T) {
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/open-policy-agent/opa").Output()
	if err != nil {
		t.Fatal(err)
	}
	set, err := cases.Load(filepath.Join(strings.TrimSpace(string(dir)), "v1/test/cases/testdata/v1"))
	if err != nil {
		t.Fatal(err)
	}
	passed, refused := 0, 0
	for _, tc := range set.Sorted().Cases {
		if len(tc.Env) > 0 {
			for k, v := range tc.Env {
				t.Setenv(k, v)
			}
		}
		err := conform(tc)
		switch {
		case errors.Is(err, errNotAllowed):
			refused++
		case err != nil:
			t.Errorf("%s (%s): %v", tc.Note, filepath.Base(tc.Filename), err)
		default:
			passed++
		}
	}
	t.Logf("%d cases passed, %d refused for a function that reaches outside", passed, refused)
	if passed < 1800 || refused > 200 {
		t.Errorf("%d passed, %d refused", passed, refused)
	}
}

var errNotAllowed = errors.New("a function that is not allowed")

func conform(tc cases.TestCase) error {
	allowed := capabilities()
	if tc.ExperimentalKeywords {
		allowed.FutureKeywords = ast.CapabilitiesForThisVersion(ast.CapabilitiesExperimentalKeywords(true)).FutureKeywords
	}
	modules := map[string]*ast.Module{}
	for i, text := range tc.Modules {
		name := fmt.Sprintf("test-%d.rego", i)
		m, err := ast.ParseModuleWithOpts(name, text, ast.ParserOptions{RegoVersion: ast.RegoV1, Capabilities: allowed})
		if err != nil {
			return err
		}
		modules[name] = m
	}
	compiler := ast.NewCompiler().WithCapabilities(allowed)
	if compiler.Compile(modules); compiler.Failed() {
		return notAllowed(tc, compiler.Errors)
	}
	body, err := ast.ParseBody(tc.Query)
	if err != nil {
		return err
	}
	opts := []func(*rego.Rego){rego.ParsedQuery(body), rego.Compiler(compiler), rego.StrictBuiltinErrors(tc.StrictError),
		rego.GenerateJSON(func(t *ast.Term, _ *rego.EvalContext) (any, error) { return t, nil })}
	if tc.Data != nil {
		opts = append(opts, rego.Store(inmem.NewFromObject(*tc.Data)))
	}
	ctx := context.Background()
	query, err := rego.New(opts...).PrepareForEval(ctx)
	if err != nil {
		return notAllowed(tc, err)
	}
	var input []rego.EvalOption
	if tc.InputTerm != nil {
		input = append(input, rego.EvalParsedInput(ast.MustParseTerm(*tc.InputTerm).Value))
	} else if tc.Input != nil {
		input = append(input, rego.EvalParsedInput(ast.MustInterfaceToValue(*tc.Input)))
	}
	rs, err := query.Eval(ctx, input...)
	return verdict(tc, rs, err)
}

// notAllowed tells a case that calls, or mocks, a function that we do not allow from another fault.
func notAllowed(tc cases.TestCase, err error) error {
	text := err.Error() + strings.Join(tc.Modules, "\n")
	full := ast.CapabilitiesForThisVersion().Builtins
	ours := capabilities().Builtins
	for _, b := range full {
		if !slices.ContainsFunc(ours, func(o *ast.Builtin) bool { return o.Name == b.Name }) && strings.Contains(text, b.Name) {
			return errNotAllowed
		}
	}
	return err
}

func verdict(tc cases.TestCase, rs rego.ResultSet, err error) error {
	var fault *topdown.Error
	switch {
	case tc.WantErrorCode != nil && (!errors.As(err, &fault) || fault.Code != *tc.WantErrorCode):
		return fmt.Errorf("want error %s, got %v", *tc.WantErrorCode, err)
	case tc.WantError != nil && (err == nil || !strings.Contains(err.Error(), *tc.WantError)):
		return fmt.Errorf("want error %q, got %v", *tc.WantError, err)
	case tc.WantError != nil || tc.WantErrorCode != nil:
		return nil
	case err != nil:
		return err
	case tc.WantResult == nil:
		return nil
	}
	want, got := ast.NewSet(), ast.NewSet()
	for _, b := range *tc.WantResult {
		want.Add(ast.NewTerm(ast.MustInterfaceToValue(b)))
	}
	for _, r := range rs {
		row := ast.NewObject()
		for name, v := range r.Bindings {
			value, err := ast.JSON(v.(*ast.Term).Value)
			if err != nil {
				return err
			}
			if list, ok := value.([]any); ok && tc.SortBindings {
				slices.SortFunc(list, util.Compare)
			}
			row.Insert(ast.StringTerm(name), ast.NewTerm(ast.MustInterfaceToValue(value)))
		}
		got.Add(ast.NewTerm(row))
	}
	if want.Compare(got) != 0 {
		return fmt.Errorf("want %v, got %v", want, got)
	}
	return nil
}

// The decision that requests get equals the rules asked set by set, over the
// whole space and every screen: what diff compares is what is in force.
func TestLiveDecisionsAreTheRules(t *testing.T) {
	e := openSample(t)
	st := e.state.Load()
	points, err := space(st.rules)
	if err != nil {
		t.Fatal(err)
	}
	stride := 7 // a share of the space; all of it with PRIVET_LONG
	if long() {
		stride = 1
	}
	ctx := context.Background()
	asked := 0
	said := newHearing(st.rules)
	for _, s := range st.screens.list {
		ask := newAsker(said, s)
		for i := 0; i < len(points); i += stride {
			p := points[i]
			want, _, err := ask.decide(ctx, p)
			if err != nil {
				t.Fatal(err)
			}
			at, _ := st.rules.known.at(p)
			got, err := st.decide(ctx, keptKey{screen: s, roles: 1 << at.role, at: at}, &Question{})
			if err != nil {
				t.Fatal(err)
			}
			if fmt.Sprint(got.Classes) != fmt.Sprint(want.Classes) || got.gate() != want.gate() {
				t.Fatalf("%s, %s on %s:\nlive  %s %v\nrules %s %v", p.role, p, s.ID, got.gate(), got.Classes, want.gate(), want.Classes)
			}
			asked++
		}
		clear(st.kept)
		if !long() && asked > 3000 {
			break
		}
	}
	if asked < 700 {
		t.Errorf("asked %d times", asked)
	}
}

// Every role's rights are united, and no others are added.
func TestRolesUnite(t *testing.T) {
	e := openSample(t)
	ctx := context.Background()
	s, _, err := e.Match("cases", "GET", "/chat/x")
	if err != nil {
		t.Fatal(err)
	}
	both := question("tier1", func(q *Question) { q.Roles = []string{"tier1", "supervisor"} })
	d, err := e.Decide(ctx, s, both)
	if err != nil {
		t.Fatal(err)
	}
	for class, got := range d.Classes {
		best := 0
		for _, role := range both.Roles {
			one, err := e.Decide(ctx, s, question(role, nil))
			if err != nil {
				t.Fatal(err)
			}
			best = max(best, rank(one.Classes[class].Do))
		}
		if rank(got.Do) != best {
			t.Errorf("%s: %v", class, got)
		}
	}
}
