package rights

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func fides(t testing.TB, name string) *Map {
	t.Helper()
	raw, err := os.ReadFile(shared(t, filepath.Join("privacy/fides", name)))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ImportFides(raw)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return m
}

// Every published shape is judged: which of them could miss personal data?
func TestFidesShapes(t *testing.T) {
	const graph = "tests/ops/graph/example_datasets/"
	const service = "tests/ops/service/dataset/example_datasets/"
	for name, miss := range map[string]string{
		graph + "directly_reachable.yml":                             "",
		graph + "multiple_identities.yml":                            "",
		graph + "optional_identities.yml":                            "",
		graph + "reachable_by_reference.yml":                         "",
		graph + "unreachable_collection.yml":                         "unreachable_collection.address",
		graph + "unreachable_with_data_categories.yml":               "unreachable_with_data_categories.address",
		graph + "unreachable_without_data_categories.yml":            "",
		graph + "unvisited_edge.yml":                                 "",
		service + "no_identities.yml":                                "no_identities.customer",
		service + "single_identity.yml":                              "",
		service + "single_identity_with_internal_dependency.yml":     "",
		service + "multiple_identities.yml":                          "",
		service + "multiple_identities_with_external_dependency.yml": "multiple_identities_with_external_dependency.orders", // its parent is in another file
	} {
		var missed []string
		for _, f := range fides(t, name).Check(builtin(t)) {
			if f.Fatal && strings.Contains(f.What, "leads to it") {
				missed = append(missed, f.Where)
			}
		}
		if got := strings.Join(missed, " "); got != miss {
			t.Errorf("%s: cannot reach %q, want %q", filepath.Base(name), got, miss)
		}
	}
}

// All dataset declarations that ship with Fides read.
func TestFidesImportsAll(t *testing.T) {
	root := shared(t, "privacy/fides")
	seen := 0
	err := filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains(path, "dataset") || !strings.HasSuffix(path, ".yml") {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !strings.Contains(string(raw), "collections:") {
			return nil
		}
		seen++
		m, err := ImportFides(raw)
		if err != nil || (len(m.Systems[0].Collections) == 0 && !strings.Contains(string(raw), "collections: []")) {
			t.Errorf("%s: %v", path, err)
		}
		return nil
	})
	if err != nil || seen < 20 {
		t.Fatalf("read %d declarations: %v", seen, err)
	}
}

func TestMapCheck(t *testing.T) {
	base := `
version: t
systems:
- name: s
  collections:
  - name: person
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}]
  - name: note
    %s
    fields: [{name: id, key: true}, {name: person_id, references: [{from: %s}]}, {name: text, class: person%s}]
`
	for _, tc := range []struct{ collection, from, field, want string }{
		{"", "person.id", "", ""},
		{"", "person.nr", "", "which does not exist"},
		{"", "nobody.id", "", "which does not exist"},
		{"erase: keep", "person.id", "", "must name an exemption"},
		{"erase: keep\n    because: reg_z", "person.id", "", ""},
		{"erase: burn", "person.id", "", "delete, blank or keep"},
		{"erase_after: [s.gone]", "person.id", "", "erase_after names"},
		{"erase_after: [s.note]", "person.id", "", "form a circle"},
		{"since: opened", "person.id", "", "`since` names"},
		{"", "person.id", ", correctable: magic", "correctable is"},
		{"", "person.id", ", identity: shoe_size", "identity is"},
		{"", "person.id", ", because: whim", "no exemption"},
	} {
		raw := strings.Replace(strings.Replace(strings.Replace(base, "%s", tc.collection, 1), "%s", tc.from, 1), "%s", tc.field, 1)
		m, err := ParseMap([]byte(raw))
		if err != nil {
			t.Fatal(err)
		}
		var fatal []string
		for _, f := range m.Check(builtin(t)) {
			if f.Fatal {
				fatal = append(fatal, f.String())
			}
		}
		if got := strings.Join(fatal, "; "); (tc.want == "") != (got == "") || !strings.Contains(got, tc.want) {
			t.Errorf("%+v: found %q", tc, got)
		}
	}
	if _, err := ParseMap([]byte("version: t\nsystem: []\n")); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an unknown key read: %v", err)
	}
}

// Children before parents, erase_after above all, identities last.
func TestEraseOrder(t *testing.T) {
	m := fides(t, "data/dataset/postgres_example_test_dataset.yml")
	edges, errs := m.edges()
	if errs != nil {
		t.Fatal(errs)
	}
	order, err := m.order(edges)
	if err != nil {
		t.Fatal(err)
	}
	at := func(name string) int { return slices.Index(order, "postgres_example_test_dataset."+name) }
	for _, pair := range [][2]string{{"order_item", "orders"}, {"orders", "customer"}, {"login", "customer"}, {"payment_card", "customer"}, {"address", "customer"}, {"product", "order_item"}} {
		if at(pair[0]) > at(pair[1]) {
			t.Errorf("%s is erased after %s: %v", pair[0], pair[1], order)
		}
	}
}

func FuzzParseMap(f *testing.F) {
	f.Add([]byte("version: t\nsystems: [{name: s, collections: [{name: c, fields: [{name: id, key: true, identity: email}]}]}]"))
	laws, err := ReadLaws(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		if m, err := ParseMap(raw); err == nil {
			m.Check(laws)
		}
	})
}
