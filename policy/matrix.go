package policy

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// column is one condition of the matrix: a point of the space and the facts
// that a record proves.
type column struct {
	name string
	at   point
}

// columns are what an officer wants to see side by side.
func columns(known *Conditions) []column {
	kinds := known.Proofs
	base := point{desk: true, second: time.Second, kinds: &kinds}
	list := []column{{name: "signed in", at: base}}
	with := func(name string, change func(*point)) {
		p := base
		change(&p)
		list = append(list, column{name: name, at: p})
	}
	with("caller verified", func(p *point) { p.verified = true })
	for _, purpose := range known.Purposes {
		with(purpose+", case", func(p *point) { p.purpose, p.kase = purpose, true })
		with(purpose+", case, caller verified", func(p *point) { p.purpose, p.kase, p.verified = purpose, true, true })
	}
	with("glass broken", func(p *point) { p.glass = true })
	return list
}

// Matrix is what every role sees of every class, on every kind of screen, as a
// table: one letter a treatment. Conditions in which a role sees what it sees
// when it is merely signed in are left out, and so are rows in which nothing is
// shown under any of them.
func (e *Engine) Matrix(ctx context.Context) (string, error) { return e.state.Load().matrix(ctx) }

func (st *state) matrix(ctx context.Context) (string, error) {
	var out strings.Builder
	fmt.Fprintln(&out, "S show · s scrub · m mask · t tokenise · - withhold, of a record that proves every fact;")
	fmt.Fprintln(&out, "after a slash: of one that proves none. A word instead of letters: refused, or step up.")
	groups := map[string][]*screen{}
	var order []string
	for _, s := range st.screens.list {
		key := st.rules.uses.alike(s)
		if groups[key] == nil {
			order = append(order, key)
		}
		groups[key] = append(groups[key], s)
	}
	said := newHearing(st.rules)
	for _, key := range order {
		screens := groups[key]
		var names []string
		for _, s := range screens {
			names = append(names, s.Tool+" "+s.ID)
		}
		fmt.Fprintf(&out, "\n# %s\n", strings.Join(names, ", "))
		for _, role := range st.rules.known.Roles {
			if err := matrixOf(ctx, &out, newAsker(said, screens[0]), role); err != nil {
				return "", err
			}
		}
	}
	return out.String(), nil
}

// matrixOf writes the table of one role on one screen.
func matrixOf(ctx context.Context, out *strings.Builder, ask *asker, role string) error {
	var heads []string
	var cells [][]string
	for _, c := range columns(ask.rules.known) {
		c.at.role = role
		d, _, err := ask.decide(ctx, c.at)
		if err != nil {
			return err
		}
		col := letters(d)
		if slices.ContainsFunc(cells, func(have []string) bool { return slices.Equal(have, col) }) {
			continue
		}
		heads, cells = append(heads, c.name), append(cells, col)
	}
	fmt.Fprintf(out, "\n## %s\n", role)
	for i, h := range heads {
		fmt.Fprintf(out, "%c = %s\n", 'A'+i, h)
	}
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', 0)
	fmt.Fprint(w, "class")
	for i := range heads {
		fmt.Fprintf(w, "\t%c", 'A'+i)
	}
	fmt.Fprintln(w)
	for i, class := range redact.FieldClasses() {
		row := make([]string, len(cells))
		for k := range cells {
			row[k] = cells[k][i]
		}
		if slices.ContainsFunc(row, func(v string) bool { return v != "-" }) {
			fmt.Fprintf(w, "%s\t%s\n", class, strings.Join(row, "\t"))
		}
	}
	return w.Flush()
}

// letters is a decision, class by class.
func letters(d *Decision) []string {
	classes := redact.FieldClasses()
	out := make([]string, len(classes))
	for i, c := range classes {
		if d.Classes == nil {
			out[i] = d.gate()
			continue
		}
		r := d.Classes[c]
		best, worst := r.Do, r.Do
		if r.Vary != nil {
			best = r.Vary[len(r.Vary)-1]
		}
		if out[i] = letter(best); best != worst {
			out[i] += "/" + letter(worst)
		}
	}
	return out
}

func letter(t redact.Treatment) string {
	switch t {
	case redact.Show:
		return "S"
	case redact.Scrub:
		return "s"
	case redact.Mask:
		return "m"
	case redact.Tokenise:
		return "t"
	}
	return "-"
}
