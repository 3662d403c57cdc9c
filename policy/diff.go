package policy

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/privet-gateway/privet/redact"
)

// Change is one way in which a new bundle treats somebody otherwise.
type Change struct {
	Role    string
	Screen  string // one of those that change alike
	Class   redact.Class
	Path    string // only where the catalogue gives the path another class
	From    string // a treatment, or "refused: code", "step up: 15m0s"
	To      string
	Loosens bool
	Points  int    // of the condition space
	When    string // one of them
	Rule    string // file:line in the new bundle
}

// Diff is what changes between two bundles, over the whole condition space.
type Diff struct {
	Old, New string // bundles
	Points   int    // compared
	Changes  []Change
}

// Loosens says whether anybody may see, or do, more than before.
func (d *Diff) Loosens() bool {
	return slices.ContainsFunc(d.Changes, func(c Change) bool { return c.Loosens })
}

// pairing is a screen in both bundles, or in one of them.
type pairing struct {
	old, new *screen
	name     string
	classes  []transition
}

// transition is a path's class before and after.
type transition struct {
	path     string
	old, new redact.Class
}

// compare asks both bundles about every point of the space.
func compare(ctx context.Context, old, new *state) (*Diff, error) {
	d := &Diff{Old: old.bundle, New: new.bundle}
	points, err := space(old.rules, new.rules)
	if err != nil {
		return nil, err
	}
	pairs := pairings(old, new)
	d.Points = len(points) * len(pairs)
	var mu sync.Mutex
	var wrong error
	changes := map[Change]*Change{}
	before, after := newHearing(old.rules), newHearing(new.rules)
	var wait sync.WaitGroup
	work := make(chan *pairing)
	for range runtime.GOMAXPROCS(0) {
		wait.Go(func() {
			for p := range work {
				found, err := comparePair(ctx, before, after, p, points)
				mu.Lock()
				for k, c := range found {
					if have := changes[k]; have != nil {
						have.Points += c.Points
					} else {
						changes[k] = c
					}
				}
				if err != nil && wrong == nil {
					wrong = err
				}
				mu.Unlock()
			}
		})
	}
	for i := range pairs {
		work <- &pairs[i]
	}
	close(work)
	wait.Wait()
	for _, c := range changes {
		d.Changes = append(d.Changes, *c)
	}
	d.Changes = append(d.Changes, compareLimits(old.rules.known, new.rules.known)...)
	d.Changes = append(d.Changes, compareScreens(old.screens, new.screens)...)
	slices.SortFunc(d.Changes, func(a, b Change) int {
		return cmp.Or(strings.Compare(a.Role, b.Role), strings.Compare(a.Screen, b.Screen), strings.Compare(string(a.Class), string(b.Class)),
			strings.Compare(a.Path, b.Path), strings.Compare(a.From+a.To, b.From+b.To))
	})
	return d, wrong
}

// pairings groups the screens that neither bundle can tell apart.
func pairings(old, new *state) []pairing {
	byKey := map[string]*pairing{}
	var order []string
	add := func(o, n *screen) {
		p := pairing{old: o, new: n}
		key := "-"
		if o != nil {
			key, p.name = old.rules.uses.alike(o), o.Tool+" "+o.ID
		}
		if n != nil {
			key, p.name = key+"|"+new.rules.uses.alike(n), n.Tool+" "+n.ID
		} else {
			key += "|-"
		}
		p.classes = transitions(o, n)
		if len(p.classes) > 0 || o == nil || n == nil {
			key = p.name // its paths change: it is looked at by itself
		}
		if byKey[key] == nil {
			byKey[key] = &p
			order = append(order, key)
		}
	}
	for _, o := range old.screens.list {
		add(o, new.screens.byID[screenKey{o.Tool, o.ID}])
	}
	for _, n := range new.screens.list {
		if old.screens.byID[screenKey{n.Tool, n.ID}] == nil {
			add(nil, n)
		}
	}
	if len(order) == 0 { // no catalogue at all: the rules by themselves
		s := &screen{Screen: Screen{Kind: "account"}}
		for _, f := range new.rules.known.Facts {
			s.facts = append(s.facts, redact.Fact{Name: f})
		}
		return []pairing{{old: s, new: s, name: "any screen"}}
	}
	out := make([]pairing, 0, len(order))
	for _, key := range order {
		out = append(out, *byKey[key])
	}
	return out
}

// transitions lists the paths whose class is another one, or is new or gone.
func transitions(o, n *screen) (out []transition) {
	var before, after map[string]redact.Class
	if o != nil {
		before = o.answer.classes()
	}
	if n != nil {
		after = n.answer.classes()
	}
	for path, c := range before {
		if after[path] != c {
			out = append(out, transition{path, c, after[path]})
		}
	}
	for path, c := range after {
		if _, had := before[path]; !had {
			out = append(out, transition{path, "", c})
		}
	}
	slices.SortFunc(out, func(a, b transition) int { return strings.Compare(a.path, b.path) })
	return out
}

func comparePair(ctx context.Context, old, new *hearing, p *pairing, points []point) (map[Change]*Change, error) {
	before, after := newAsker(old, p.old), newAsker(new, p.new)
	found := map[Change]*Change{}
	seen := map[[2]string][]Change{} // by both answers: what changes between them
	for _, at := range points {
		o, oldKey, err := before.decide(ctx, at)
		if err != nil {
			return found, fmt.Errorf("old bundle: %w", err)
		}
		n, newKey, err := after.decide(ctx, at)
		if err != nil {
			return found, fmt.Errorf("new bundle: %w", err)
		}
		pair := [2]string{oldKey, newKey}
		changes, known := seen[pair]
		if !known {
			changes = between(o, n, p)
			seen[pair] = changes
		}
		for _, c := range changes {
			c.Role, c.Screen = at.role, p.name
			if have := found[c]; have != nil {
				have.Points++
				continue
			}
			full := c
			full.Points, full.When = 1, at.String()
			found[c] = &full
		}
	}
	return found, nil
}

// between lists what two decisions treat differently, for every set of facts.
func between(o, n *Decision, p *pairing) (out []Change) {
	if o.Classes == nil || n.Classes == nil {
		from, to := o.gate(), n.gate()
		if from != to {
			out = append(out, Change{From: from, To: to, Loosens: n.openness() > o.openness(), Rule: n.Rule})
		}
		return out
	}
	for _, c := range redact.FieldClasses() {
		if ch, differs := change(o.Classes[c], n.Classes[c], o.Facts, n.Facts); differs {
			ch.Class = c
			out = append(out, ch)
		}
	}
	for _, t := range p.classes {
		if ch, differs := change(o.Classes[t.old], n.Classes[t.new], o.Facts, n.Facts); differs {
			ch.Class, ch.Path = t.new, t.path
			out = append(out, ch)
		}
	}
	return out
}

// change compares two rulings over the facts of both: it loosens if it does
// for any record.
func change(o, n Ruling, oldFacts, newFacts []string) (Change, bool) {
	facts := slices.Clone(oldFacts)
	for _, f := range newFacts {
		if !slices.Contains(facts, f) {
			facts = append(facts, f)
		}
	}
	c := Change{From: o.Do.String(), To: n.Do.String(), Rule: n.Rule}
	differs := false
	for set := range 1 << len(facts) {
		a, b := o.given(facts, oldFacts, set), n.given(facts, newFacts, set)
		if a == b {
			continue
		}
		loosens := rank(b) > rank(a)
		if !differs || loosens && !c.Loosens {
			c.From, c.To, c.Loosens = a.String(), b.String(), loosens
			if set != 0 {
				c.To += " where " + strings.ReplaceAll(subset(facts, set), " ", "+")
			}
		}
		differs = true
	}
	return c, differs
}

// given is the treatment of a record that proves a set of facts.
func (r Ruling) given(all, own []string, set int) redact.Treatment {
	if r.Vary == nil {
		return r.Do
	}
	i := 0
	for k, name := range own {
		if j := slices.Index(all, name); set>>j&1 == 1 {
			i |= 1 << k
		}
	}
	return r.Vary[i]
}

// gate says in words whether a decision lets anybody in.
func (d *Decision) gate() string {
	switch {
	case d.Refused != "":
		return "refused: " + d.Refused
	case d.StepUp > 0:
		return "step up: " + d.StepUp.String()
	}
	return "open"
}

// openness orders refusal, step-up and an open screen; of two step-ups the one
// that takes an older proof is more open.
func (d *Decision) openness() float64 {
	switch {
	case d.Refused != "":
		return 0
	case d.StepUp > 0:
		return d.StepUp.Hours() / (d.StepUp.Hours() + 1)
	}
	return 2
}

// compareLimits: a higher limit, and none at all, loosen; so do longer hours.
func compareLimits(old, new *Conditions) (out []Change) {
	roles := slices.Compact(slices.Sorted(slices.Values(slices.Concat(old.Roles, new.Roles))))
	for _, role := range roles {
		o, n := old.limit(role), new.limit(role)
		if o != n {
			out = append(out, Change{Role: role, Screen: "daily limit", From: fmt.Sprint(o.Records, " records, ", o.Subjects, " subjects"),
				To:      fmt.Sprint(n.Records, " records, ", n.Subjects, " subjects"),
				Loosens: atMost(n.Records) > atMost(o.Records) || atMost(n.Subjects) > atMost(o.Subjects)})
		}
	}
	if a, b := old.DeskHours.text(), new.DeskHours.text(); a != b {
		out = append(out, Change{Role: "every role", Screen: "desk hours", From: a, To: b, Loosens: true})
	}
	return out
}

func (h *hours) text() string { return h.Days + " " + h.From + "–" + h.To + " " + h.Zone }

// limit is a role's daily limit.
func (c *Conditions) limit(role string) Limit {
	if l, ok := c.Limits[role]; ok {
		return l
	}
	return c.Limits["default"]
}

// Compare compares two engines over the whole condition space.
func Compare(ctx context.Context, old, new *Engine) (*Diff, error) {
	return compare(ctx, old.state.Load(), new.state.Load())
}
