package mfa_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var writeCoverage = flag.Bool("coverage-table", false, "write deploy/sign-in-coverage.md anew")

type covered struct{ requirement, text, tests, note string }

// asvs is how many requirements each section of ASVS 5.0's chapters 6 and 7 has.
var asvs = map[string]int{"6.1": 3, "6.2": 12, "6.3": 8, "6.4": 6, "6.5": 8, "6.6": 4, "6.7": 2, "6.8": 4,
	"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 3, "7.6": 2}

// pci is how many requirements each section of PCI DSS 4.0.1's requirement 8 has,
// besides 8.3.10.1.
var pci = map[string]int{"8.1": 2, "8.2": 8, "8.3": 11, "8.4": 3, "8.5": 1, "8.6": 3}

// TestCoverage: every requirement of the standards has its row, every test that
// the table names exists, and the table in deploy is the one made from here.
func TestCoverage(t *testing.T) {
	tests := testNames(t)
	listed := map[string]bool{}
	var b strings.Builder
	b.WriteString("# Sign-in: requirement → test\n\nMade by `go test ./mfa -run TestCoverage -coverage-table`. Tests are in `mfa`, `gateway/desk` and `gateway`. " +
		"What a row asks is told in short; the standards' own words bind.\n\n| requirement | what it asks | tests | note |\n|---|---|---|---|\n")
	for _, row := range coverage() {
		if listed[row.requirement] {
			t.Errorf("%s stands twice", row.requirement)
		}
		listed[row.requirement] = true
		names := strings.Fields(row.tests)
		for i, name := range names {
			if !tests[name] {
				t.Errorf("%s: there is no %s", row.requirement, name)
			}
			names[i] = "`" + name + "`"
		}
		if len(names) == 0 {
			names = []string{"—"}
			if !regexp.MustCompile(`^(Does not apply|Organisation|Not met): `).MatchString(row.note) {
				t.Errorf("%s has neither test nor reason", row.requirement)
			}
		}
		b.WriteString("| " + row.requirement + " | " + row.text + " | " + strings.Join(names, ", ") + " | " + row.note + " |\n")
	}
	for standard, sections := range map[string]map[string]int{"ASVS 5 ": asvs, "PCI DSS 4.0.1 ": pci} {
		for section, n := range sections {
			for i := range n {
				if id := fmt.Sprintf("%s%s.%d", standard, section, i+1); !listed[id] {
					t.Errorf("%s has no row", id)
				}
			}
		}
	}
	const file = "../deploy/sign-in-coverage.md"
	if *writeCoverage {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the table says (%v); make it anew with -coverage-table", file, err)
	}
}

func testNames(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../gateway/desk/*_test.go", "../gateway/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
		}
	}
	return tests
}
