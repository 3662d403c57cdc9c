package policy

import (
	"context"
	"errors"
	"flag"
	"os"
	"testing"
	"testing/fstest"
)

var update = flag.Bool("update", false, "write golden files")

func TestBuiltinRules(t *testing.T) {
	report, err := Test(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Passed < 15 || report.Coverage < 90 {
		t.Errorf("%d tests cover %.0f %%, missing %v", report.Passed, report.Coverage, report.Missed)
	}
}

func TestFailingTestIsFound(t *testing.T) {
	rules := fstest.MapFS{
		"a.rego":          {Data: []byte("package privet.view\n\nopen contains {\"why\": \"x\"} if input.role == \"tier1\"\n")},
		"a_test.rego":     {Data: []byte("package privet.view_test\n\ntest_closed if count(data.privet.view.open) == 0 with input as {\"role\": \"tier1\"}\n")},
		"conditions.yaml": {Data: []byte("roles: [tier1]\n")},
	}
	report, err := Test(context.Background(), rules)
	if !errors.Is(err, ErrTests) || len(report.Failed) != 1 || report.Failed[0].Where != "a_test.rego:3" {
		t.Errorf("got %+v, %v", report, err)
	}
}

// The matrix is what officers have agreed to: a difference is either a mistake
// or a decision, and then the file is written anew with -update.
func TestMatrix(t *testing.T) {
	got, err := openSample(t).Matrix(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/matrix.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the matrix differs from %s; if that is meant, run the test with -update\n%s", golden, got)
	}
}
