package policy

import (
	"slices"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// Ruling is what the rules say of one class.
type Ruling struct {
	Do   redact.Treatment
	Why  string             // the rule's reason
	Rule string             // file:line
	Vary []redact.Treatment // by the set of facts that a record proves, bit i for the screen's i-th fact; nil: Do always
}

// Decision is the compiled answer: a plan, or a refusal, or a demand to step
// up. It is shared between requests and must not be changed.
type Decision struct {
	Plan    *redact.Plan
	Bundle  string // digest of rules and catalogue
	Classes map[redact.Class]Ruling
	Told    map[string]string // class → treatment, as the trail is told
	Refused string            // a code, "" if allowed
	StepUp  time.Duration     // >0: a second factor not older than this is wanted
	Why     string            // of a refusal or a step-up
	Rule    string            // of a refusal or a step-up, file:line
	Facts   []string          // what records of the screen can prove, as Vary counts them

	screen  *screen
	body    *redact.Plan
	known   *Conditions
	allowed []*answer // of the roles that may open the screen
}

// Codes of refusals that do not come from a rule.
const (
	RoleUnknown  = "role_unknown"  // the agent has no role that the rules know
	ScreenClosed = "screen_closed" // no rule opens the screen to the role
)

// rank orders treatments by how much they show.
func rank(t redact.Treatment) int {
	switch t {
	case redact.Tokenise:
		return 1
	case redact.Mask:
		return 2
	case redact.Scrub:
		return 3
	case redact.Show:
		return 4
	}
	return 0
}

// decide merges the answers to an agent's roles: the agent has the rights of
// each role that may open the screen, and no others.
func decide(s *screen, known *Conditions, answers []*answer) *Decision {
	d := &Decision{screen: s, known: known, Facts: s.factNames()}
	var allowed []*answer
	var refused, older *saying
	for _, a := range answers {
		switch {
		case len(a.refuse) > 0:
			if refused == nil {
				refused = first(a.refuse)
			}
		case len(a.open) == 0:
		case len(a.stepUp) > 0:
			if n := youngest(a.stepUp); older == nil || n.age > older.age {
				older = n
			}
		default:
			allowed = append(allowed, a)
		}
	}
	d.allowed = allowed
	switch {
	case len(allowed) > 0:
		proven := make([]uint8, 1<<len(s.facts))
		for i := range s.facts { // each set again with the next fact
			copy(proven[1<<i:], proven[:1<<i])
			bit := factsOf(s, known, 1<<i)
			for k := 1 << i; k < 2<<i; k++ {
				proven[k] |= bit
			}
		}
		classes := redact.FieldClasses()
		d.Classes, d.Told = make(map[redact.Class]Ruling, len(classes)), make(map[string]string, len(classes))
		w := newWeighing(allowed, proven)
		for i, class := range classes {
			d.Classes[class] = w.rule(i)
			d.Told[string(class)] = d.Classes[class].Do.String()
		}
	case older != nil:
		d.StepUp, d.Why, d.Rule = time.Duration(older.age)*time.Second, older.why, older.at
	case refused != nil:
		d.Refused, d.Why, d.Rule = refused.code, refused.why, refused.at
	case len(answers) == 0:
		d.Refused, d.Why = RoleUnknown, "the agent has no role that the rules know"
	default:
		d.Refused, d.Why = ScreenClosed, "no rule opens this screen to this role"
	}
	return d
}

// youngest is the demand for the freshest proof.
func youngest(list []*saying) *saying {
	best := list[0]
	for _, s := range list {
		if s.age < best.age || s.age == best.age && s.at < best.at {
			best = s
		}
	}
	return best
}

// first is the saying that stands first in the files: sets have no order.
func first(list []*saying) *saying {
	best := list[0]
	for _, s := range list {
		if s.at < best.at {
			best = s
		}
	}
	return best
}

// weighing finds the rulings of one decision, class by class.
type weighing struct {
	allowed []*answer
	proven  []uint8  // the sets of facts, in the conditions' numbering, that a record may prove
	about   []answer // what each answer says of the class at hand
}

func newWeighing(allowed []*answer, proven []uint8) *weighing {
	return &weighing{allowed, proven, make([]answer, len(allowed))}
}

// rule gives one class its ruling, for every set of facts.
func (w *weighing) rule(class int) Ruling {
	facts, about, proven := uint8(0), w.about, w.proven
	for i, a := range w.allowed {
		about[i].grant, facts = speaking(about[i].grant[:0], a.grant, class, facts)
		about[i].cap, facts = speaking(about[i].cap[:0], a.cap, class, facts)
	}
	var out Ruling
	var vary []redact.Treatment
	for i, set := range proven {
		if i > 0 && set&facts == proven[0]&facts { // nothing that is said of the class depends on them
			if vary != nil {
				vary[i] = out.Do
			}
			continue
		}
		best := about[0].rule(set)
		for k := range about[1:] {
			if r := about[k+1].rule(set); rank(r.Do) > rank(best.Do) {
				best = r
			}
		}
		if i == 0 {
			out = best
		}
		if best.Do != out.Do && vary == nil {
			vary = make([]redact.Treatment, len(proven))
			for k := range i {
				vary[k] = out.Do
			}
		}
		if vary != nil {
			vary[i] = best.Do
		}
	}
	out.Vary = vary
	return out
}

// speaking adds the sayings about a class to list; facts grows by those they depend on.
func speaking(list, all []*saying, class int, facts uint8) ([]*saying, uint8) {
	for _, s := range all {
		if s.classes>>class&1 == 1 {
			list, facts = append(list, s), facts|s.facts
		}
	}
	return list, facts
}

// factsOf turns a set of a screen's facts into a set of the conditions' facts.
func factsOf(s *screen, known *Conditions, proven int) (set uint8) {
	for i, f := range s.facts {
		if proven>>i&1 == 1 {
			set |= 1 << slices.Index(known.Facts, f.Name)
		}
	}
	return set
}

// rule is the widest grant, held down by every cap that is not lifted. All
// that is said here is about one class.
func (a *answer) rule(proven uint8) Ruling {
	var by *saying
	for _, g := range a.grant {
		if g.facts&^proven == 0 && (by == nil || rank(g.do) > rank(by.do) || g.do == by.do && g.at < by.at) {
			by = g
		}
	}
	granted := by
	for _, c := range a.cap {
		if c.facts != 0 && c.facts&^proven == 0 { // lifted
			continue
		}
		switch {
		case granted == nil && by == nil: // nothing is granted; the cap says why more clearly
			by = c
		case rank(c.do) < rank(by.do), c.do == by.do && by != granted && c.at < by.at:
			by = c
		}
	}
	switch {
	case by == nil:
		return Ruling{Why: "no rule shows this class", Rule: "default"}
	case by.set == "cap" && granted == nil:
		return Ruling{Do: redact.Withhold, Why: by.why, Rule: by.at}
	}
	return Ruling{Do: by.do, Why: by.why, Rule: by.at}
}
