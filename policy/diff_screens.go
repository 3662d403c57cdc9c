package policy

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// compareScreens lists what a catalogue changes besides the classes of paths.
// Where documents are read in another way it cannot be told who sees more of
// them, and that counts as loosening: another proof of a fact, another record or
// subject. So does whatever a request may newly say.
func compareScreens(old, new *screens) (out []Change) {
	for _, n := range new.list {
		o := old.byID[screenKey{n.Tool, n.ID}]
		if o == nil {
			continue // compared point by point
		}
		add := func(what, from, to string, loosens bool) {
			if from != to {
				out = append(out, Change{Role: "every role", Screen: n.Tool + " " + n.ID, Path: what, From: orNothing(from), To: orNothing(to), Loosens: loosens})
			}
		}
		add("requests", o.Method+" "+o.Path, n.Method+" "+n.Path, true)
		add("media type", o.Media+" "+o.Upgrade, n.Media+" "+n.Upgrade, true)
		add("subject", o.Subject, n.Subject, true)
		add("documents", o.answer.reading(), n.answer.reading(), true)
		for name := range union(o.query, n.query) {
			from, to := o.query[name].String(), n.query[name].String()
			add("parameter "+name, from, to, to != "")
		}
		was, is := o.body.classes(), n.body.classes()
		for path := range union(was, is) {
			add("request body at "+path, string(was[path]), string(is[path]), is[path] != "")
		}
	}
	return out
}

func union[V any](a, b map[string]V) map[string]struct{} {
	all := map[string]struct{}{}
	for _, m := range []map[string]V{a, b} {
		for name := range m {
			all[name] = struct{}{}
		}
	}
	return all
}

func orNothing(s string) string {
	if strings.TrimSpace(s) == "" {
		return "nothing"
	}
	return strings.TrimSpace(s)
}

// String is a parameter as the catalogue writes it.
func (p parameter) String() string {
	if p.Class == "" {
		return strings.Join(slices.Sorted(slices.Values(p.Field)), ", ")
	}
	return string(p.Class)
}

// classes are those of a shape, by path.
func (o *outline) classes() map[string]redact.Class {
	m := map[string]redact.Class{}
	if o != nil {
		for _, f := range o.fields {
			m[f.path] = f.class
		}
	}
	return m
}

// reading says how records, subjects, conversations and facts are found.
func (o *outline) reading() string {
	if o == nil {
		return ""
	}
	var b strings.Builder
	if o.record != "" || o.subject != "" {
		fmt.Fprintf(&b, "record %q subject %q ", o.record, o.subject)
	}
	if !reflect.ValueOf(o.talk).IsZero() {
		fmt.Fprintf(&b, "conversation %+v ", o.talk)
	}
	for _, name := range slices.Sorted(maps.Keys(o.facts)) {
		f := o.facts[name]
		test := "equals"
		if f.Lacks {
			test = "lacks"
		}
		value := fmt.Sprintf("%q", f.Value)
		if f.Literal {
			value = f.Value
		}
		fmt.Fprintf(&b, "%s if %s %s %s ", name, f.Path, test, value)
	}
	return b.String()
}

// what is the class or the part of a screen that changes.
func (c *Change) what() string {
	if c.Path == "" {
		return string(c.Class)
	}
	return strings.TrimSpace(string(c.Class) + " at " + c.Path)
}
