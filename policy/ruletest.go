package policy

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/cover"
	"github.com/open-policy-agent/opa/v1/tester"
)

// TestResult is one Rego test.
type TestResult struct {
	Name  string `json:"name"`
	Where string `json:"where"` // file:line
	Fault string `json:"fault,omitempty"`
}

// TestReport says how a bundle's own tests went.
type TestReport struct {
	Passed   int          `json:"passed"`
	Failed   []TestResult `json:"failed,omitempty"`
	Coverage float64      `json:"coverage"`         // per cent of the rules' lines
	Missed   []string     `json:"missed,omitempty"` // file:line that no test reaches
}

// ErrTests: rules contradict their tests.
var ErrTests = errors.New("rules contradict their tests")

// Test runs the Rego tests that lie beside rules (*_test.rego); nil: the built-in ones.
func Test(ctx context.Context, rules fs.FS) (*TestReport, error) {
	src, err := readSource(rules, nil)
	if err != nil {
		return nil, err
	}
	return src.test(ctx)
}

func (src *source) test(ctx context.Context) (*TestReport, error) {
	modules := map[string]*ast.Module{}
	for _, list := range [][]Document{src.modules, src.tests} {
		for _, m := range list {
			mod, err := ast.ParseModuleWithOpts(m.Name, string(m.Text), ast.ParserOptions{RegoVersion: ast.RegoV1})
			if err != nil {
				return nil, fmt.Errorf("%w: %w", ErrRules, err)
			}
			modules[m.Name] = mod
		}
	}
	coverage := cover.New()
	compiler := ast.NewCompiler().WithCapabilities(capabilities())
	results, err := tester.NewRunner().SetCompiler(compiler).SetModules(modules).SetCoverageQueryTracer(coverage).RunTests(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRules, err)
	}
	report := &TestReport{}
	for r := range results {
		if r.Pass() {
			report.Passed++
			continue
		}
		fault := "is not true"
		if r.Error != nil {
			fault = r.Error.Error()
		}
		report.Failed = append(report.Failed, TestResult{r.Name, fmt.Sprintf("%s:%d", r.Location.File, r.Location.Row), fault})
	}
	measured := map[string]*ast.Module{}
	for _, m := range src.modules {
		measured[m.Name] = modules[m.Name]
	}
	c := coverage.Report(measured)
	report.Coverage = c.Coverage
	for name, f := range c.Files {
		for _, r := range f.NotCovered {
			report.Missed = append(report.Missed, fmt.Sprintf("%s:%d", name, r.Start.Row))
		}
	}
	if len(report.Failed) > 0 {
		f := report.Failed[0]
		return report, fmt.Errorf("%w: %s: %s %s, and %d more", ErrTests, f.Where, f.Name, f.Fault, len(report.Failed)-1)
	}
	return report, nil
}
