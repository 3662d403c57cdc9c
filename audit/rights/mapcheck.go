package rights

import (
	"fmt"
	"slices"
	"strings"
)

// Finding is one thing wrong with a data map. Fatal ones stop every plan.
type Finding struct {
	Where string `json:"where"`
	What  string `json:"what"`
	Fatal bool   `json:"fatal"`
}

func (f Finding) String() string { return f.Where + ": " + f.What }

// Check finds what would make a plan miss or harm something, without looking at
// any row: references that lead nowhere, personal data no link reaches, cycles in
// erase_after, rows that cannot be named, keeping without a reason.
func (m *Map) Check(laws *Laws) []Finding {
	var found []Finding
	fatal := func(where, format string, args ...any) {
		found = append(found, Finding{where, fmt.Sprintf(format, args...), true})
	}
	edges, errs := m.edges()
	for _, err := range errs {
		fatal("reference", "%v", err)
	}
	seen := map[string]bool{}
	for _, s := range m.Systems {
		for i := range s.Collections {
			c := &s.Collections[i]
			name := s.Name + "." + c.Name
			if seen[name] {
				fatal(name, "declared twice")
			}
			seen[name] = true
			m.checkCollection(name, c, laws, fatal)
		}
	}
	reach := m.reachable(edges)
	for _, s := range m.Systems {
		for i := range s.Collections {
			c, name := &s.Collections[i], s.Name+"."+s.Collections[i].Name
			if reach[name] {
				continue
			}
			if c.Personal() {
				fatal(name, "holds personal data but no identifier or reference leads to it")
			} else {
				found = append(found, Finding{name, "nothing leads to it; it holds nothing personal", false})
			}
		}
	}
	if _, err := m.order(edges); err != nil {
		fatal("erase_after", "%v", err)
	}
	return found
}

func (m *Map) checkCollection(name string, c *Collection, laws *Laws, fatal func(string, string, ...any)) {
	known := func(exemption string) bool {
		return slices.ContainsFunc(laws.Exemptions, func(e Exemption) bool { return e.Name == exemption })
	}
	if !slices.Contains([]Action{"", Delete, Blank, Keep}, c.Erase) {
		fatal(name, "erase is %q; it can be delete, blank or keep", c.Erase)
	}
	if c.Erase == Keep && !known(c.Because) {
		fatal(name, "is kept, so `because` must name an exemption; %q is none", c.Because)
	}
	if c.Personal() && len(c.Keys()) == 0 {
		fatal(name, "no field has `key: true`, so a row cannot be named, erased or looked for again")
	}
	if c.Since != "" && c.Field(c.Since) == nil {
		fatal(name, "`since` names the field %q, which does not exist", c.Since)
	}
	for _, after := range c.EraseAfter {
		system, collection, ok := strings.Cut(after, ".")
		if !ok || m.Collection(system, collection) == nil {
			fatal(name, "erase_after names %q, which does not exist", after)
		}
	}
	for _, f := range c.Fields {
		if f.Because != "" && !known(f.Because) {
			fatal(name+"."+f.Name, "`because` names %q, which is no exemption", f.Because)
		}
		if f.Identity != "" && !slices.Contains(Identifiers(), f.Identity) {
			fatal(name+"."+f.Name, "identity is %q; known are %v", f.Identity, Identifiers())
		}
		if f.Correctable != "" && !slices.Contains(Validators(), f.Correctable) {
			fatal(name+"."+f.Name, "correctable is %q; known are %v", f.Correctable, Validators())
		}
	}
}

// Identifiers lists what a search can start from.
func Identifiers() []string { return []string{"email", "phone", "subject", "phone_number", "user_id"} }

// reachable is every collection an identifier leads to, by name.
func (m *Map) reachable(edges []edge) map[string]bool {
	reach := map[string]bool{}
	for _, s := range m.Systems {
		for i := range s.Collections {
			if s.Collections[i].Identities() {
				reach[s.Name+"."+s.Collections[i].Name] = true
			}
		}
	}
	for grew := true; grew; {
		grew = false
		for _, e := range edges {
			to := e.to.System + "." + e.to.Collection
			if reach[e.from.System+"."+e.from.Collection] && !reach[to] {
				reach[to], grew = true, true
			}
		}
	}
	return reach
}

// order is the sequence in which collections are erased: what declares erase_after
// waits; children go before the parents that lead to them; rows that identify the
// person go last, so that a crash never loses the way to the rest. References may
// form circles (the plan holds the rows' keys, so nothing is lost by breaking one);
// erase_after may not.
func (m *Map) order(edges []edge) ([]string, error) {
	must, should := map[string][]string{}, map[string][]string{}
	var names []string
	last := map[string]bool{}
	for _, s := range m.Systems {
		for i := range s.Collections {
			name := s.Name + "." + s.Collections[i].Name
			names = append(names, name)
			must[name] = append(must[name], s.Collections[i].EraseAfter...)
			last[name] = s.Collections[i].Identities()
		}
	}
	for _, e := range edges {
		from, to := e.from.System+"."+e.from.Collection, e.to.System+"."+e.to.Collection
		if from != to {
			should[from] = append(should[from], to)
		}
	}
	slices.Sort(names)
	slices.SortStableFunc(names, func(a, b string) int { return bit(last[a]) - bit(last[b]) })
	var out []string
	done := map[string]bool{}
	ready := func(name string, deps map[string][]string) bool {
		return !slices.ContainsFunc(deps[name], func(d string) bool { return !done[d] })
	}
	for len(out) < len(names) {
		pick := -1
		for i, n := range names { // the best candidate: all wishes met, else all duties met
			if done[n] || !ready(n, must) {
				continue
			}
			if ready(n, should) {
				pick = i
				break
			}
			if pick < 0 {
				pick = i
			}
		}
		if pick < 0 {
			return out, fmt.Errorf("the erase_after of %s form a circle", strings.Join(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return done[n] }), ", "))
		}
		done[names[pick]] = true
		out = append(out, names[pick])
	}
	return out, nil
}

func bit(b bool) int {
	if b {
		return 1
	}
	return 0
}
