package policy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// edited are the built-in rules and the sample catalogue with one change.
func edited(t testing.TB, file, from, to string) *state {
	t.Helper()
	rules := fstest.MapFS{}
	sub, err := fs.Sub(builtin, "rules")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(sub, "*")
	if err != nil {
		t.Fatal(err)
	}
	change := func(name string, text []byte) []byte {
		if name != file {
			return text
		}
		if !bytes.Contains(text, []byte(from)) {
			t.Fatalf("%s does not hold %q", file, from)
		}
		return bytes.Replace(text, []byte(from), []byte(to), 1)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sub, name)
		if err != nil {
			t.Fatal(err)
		}
		rules[name] = &fstest.MapFile{Data: change(name, text)}
	}
	text, err := os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	src, err := readSource(rules, []Document{{"catalogue.yaml", change("catalogue.yaml", text)}})
	if err != nil {
		t.Fatal(err)
	}
	st, err := src.compile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestDiff(t *testing.T) {
	old := edited(t, "", "", "")
	for _, c := range []struct {
		name, file, from, to string
		loosens              bool
		want                 string // "role class from to" of a change; "": none
	}{
		{"nothing", "", "", "", false, ""},
		{"a reason is no change", "grants.rego", "the caller is greeted by name", "hello", false, ""},
		{"a mask becomes a view", "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`, true, "tier1 pan mask show"},
		{"a view becomes a mask", "grants.rego", `{"identity"}, "do": "show", "why": "the caller is greeted`, `{"identity"}, "do": "mask", "why": "the caller is greeted`, false, "tier1 person show mask"},
		{"a cap is lifted", "caps.rego", `{"sad"}, "do": "withhold"`, `{"sad"}, "do": "withhold", "unless": {"assigned"}`, false, ""}, // no grant names cvv: nothing is shown
		{"a condition goes", "grants.rego", "\tinput.purpose == \"dispute\"\n\tinput.case\n\tfresh\n", "\tinput.case\n\tfresh\n", true, "disputes pan mask show"},
		{"a step-up goes", "view.rego", "input.second <= 43200", "input.second > 0", false, ""}, // ages above 12 h do not exist: none is none
		{"a proof may be older", "view.rego", "fresh if input.second <= 900", "fresh if input.second <= 43200", true, "disputes pan mask show"},
		{"a screen opens", "view.rego", "\tinput.kind != \"list\"\n", "", true, "contractor  refused: screen_closed open"},
		{"another class", "catalogue.yaml", "ssn: ssn", "ssn: plain", true, "tier1 plain withhold show"},
		{"a path more", "catalogue.yaml", "ssn: ssn", "ssn: ssn, shoe_size: plain", true, "tier1 plain withhold show"},
		{"a path less", "catalogue.yaml", "dob: dob", "", false, "privacy  withhold"},
		{"a limit", "conditions.yaml", "subjects: 100", "subjects: 101", true, "contractor "},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.file == "catalogue.yaml" {
				c.to = strings.ReplaceAll(c.to, ", ", "\n      ")
			}
			d, err := compare(context.Background(), old, edited(t, c.file, c.from, c.to))
			if err != nil {
				t.Fatal(err)
			}
			if d.Loosens() != c.loosens || d.Points < 5000 || (c.want == "") != (len(d.Changes) == 0) {
				t.Fatalf("loosens %v, %d points, changes %+v", d.Loosens(), d.Points, d.Changes)
			}
			found := c.want == ""
			for _, ch := range d.Changes {
				line := strings.Join([]string{ch.Role, string(ch.Class), ch.From, ch.To}, " ")
				found = found || strings.HasPrefix(line, c.want) || strings.Contains(line, c.want)
			}
			if !found && c.name != "a path less" {
				t.Errorf("no %q in %+v", c.want, d.Changes)
			}
		})
	}
}

func BenchmarkDiff(b *testing.B) {
	old := edited(b, "", "", "")
	new := edited(b, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`)
	var points int
	for b.Loop() {
		d, err := compare(context.Background(), old, new)
		if err != nil || !d.Loosens() {
			b.Fatal(err)
		}
		points = d.Points
	}
	b.ReportMetric(float64(points), "points")
}

// However many different things rules say, each has a number of its own: two that
// shared one would look alike to a comparison.
func TestManyAnswers(t *testing.T) {
	st := openSample(t).state.Load()
	h := newHearing(st.rules)
	for i := range 1 << 16 {
		h.ids[fmt.Sprint("said before ", i)] = uint32(i)
	}
	a := newAsker(h, st.screens.list[0])
	_, one, err := a.decide(t.Context(), point{role: "tier1", desk: true, second: time.Minute, kinds: &st.rules.known.Proofs})
	if err != nil {
		t.Fatal(err)
	}
	h.ids = map[string]uint32{}
	h.said = map[heardAt]saidSet{}
	_, other, err := newAsker(h, st.screens.list[0]).decide(t.Context(), point{role: "tier1", desk: true, second: time.Minute, kinds: &st.rules.known.Proofs})
	if err != nil || one == other {
		t.Errorf("the answer after 65,536 others has the number of the first: %v", err)
	}
}

// Conditions that span too many combinations are refused before anybody walks them.
func TestTooWideRules(t *testing.T) {
	conditions := "roles: [tier1]\nages: [1m, 2m, 3m, 4m, 5m, 6m, 7m, 8m, 9m, 10m, 11m]\nproofs: [a, b, c, d, e, f]\n"
	grant := `package privet.view
grant contains {"classes": {"all"}, "do": "show", "why": "x"} if input.proofs.a < 60
open contains {"why": "x"}
`
	all := make([]string, 0, 64)
	for _, c := range redact.FieldClasses() {
		all = append(all, string(c))
	}
	conditions += "classes: {all: [" + strings.Join(all, ", ") + "]}\n"
	_, err := Open(t.Context(), Config{Rules: fstest.MapFS{"a.rego": {Data: []byte(grant)}, "conditions.yaml": {Data: []byte(conditions)}}})
	if !errors.Is(err, ErrRules) || !strings.Contains(err.Error(), "combinations") {
		t.Errorf("%v", err)
	}
}

// Single sign-on by itself is a first factor, as a password is.
func TestSingleSignOnIsNoSecondFactor(t *testing.T) {
	known := openSample(t).state.Load().rules.known
	for kind, second := range map[string]bool{"password": false, "sso": false, "sso_mfa": true, "totp": true, "passkey": true} {
		at, _ := known.situate(&Question{Roles: []string{"tier1"}, Proofs: []Proof{{kind, noon}}, Time: noon}, noon)
		if (at.second != never) != second {
			t.Errorf("%s: %v", kind, !second)
		}
	}
}

// A fact that compares with a word reads otherwise than one that compares with a value.
func TestFactsReadOtherwise(t *testing.T) {
	fact := redact.Fact{Name: "ordinary", Path: "vip", Value: "false", Literal: true}
	value := &outline{facts: map[string]redact.Fact{"ordinary": fact}}
	fact.Literal = false
	word := &outline{facts: map[string]redact.Fact{"ordinary": fact}}
	if value.reading() == word.reading() {
		t.Error(value.reading())
	}
}
