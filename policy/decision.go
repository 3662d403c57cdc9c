package policy

import (
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
	Refused string        // a code, "" if allowed
	StepUp  time.Duration // >0: a second factor not older than this is wanted
	Why     string        // of a refusal or a step-up
	Rule    string        // of a refusal or a step-up, file:line
	Facts   []string      // what records of the screen can prove, as Vary counts them

	screen *screen
	body   *redact.Plan
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
	d := &Decision{screen: s}
	for _, f := range s.facts {
		d.Facts = append(d.Facts, f.Name)
	}
	var allowed []*answer
	var refused, older *saying
	for _, a := range answers {
		switch {
		case len(a.refuse) > 0:
			if refused == nil {
				refused = &a.refuse[0]
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
	switch {
	case len(allowed) > 0:
		d.Classes = map[redact.Class]Ruling{}
		for i, class := range redact.FieldClasses() {
			d.Classes[class] = rule(s, known, i, allowed)
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

func youngest(list []saying) *saying {
	best := &list[0]
	for i := range list {
		if list[i].age < best.age {
			best = &list[i]
		}
	}
	return best
}

// rule gives one class its ruling, for every set of facts a record may prove.
func rule(s *screen, known *Conditions, class int, allowed []*answer) Ruling {
	var out Ruling
	vary := make([]redact.Treatment, 1<<len(s.facts))
	same := true
	for proven := range vary {
		set := factsOf(s, known, proven)
		best := Ruling{Why: "no rule shows this class"}
		for _, a := range allowed {
			if r := a.rule(class, set); rank(r.Do) > rank(best.Do) || best.Rule == "" {
				best = r
			}
		}
		vary[proven] = best.Do
		if proven == 0 {
			out = best
		}
		same = same && best.Do == vary[0]
	}
	if !same {
		out.Vary = vary
	}
	return out
}

// factsOf turns a set of a screen's facts into a set of the conditions' facts.
func factsOf(s *screen, known *Conditions, proven int) (set uint8) {
	for i, f := range s.facts {
		if proven>>i&1 == 1 {
			set |= 1 << index(known.Facts, f.Name)
		}
	}
	return set
}

// rule is the widest grant, held down by every cap that is not lifted.
func (a *answer) rule(class int, proven uint8) Ruling {
	r := Ruling{Why: "no rule shows this class"}
	for i := range a.grant {
		if g := &a.grant[i]; g.classes>>class&1 == 1 && g.facts&^proven == 0 && rank(g.do) > rank(r.Do) {
			r = Ruling{Do: g.do, Why: g.why, Rule: g.at}
		}
	}
	for i := range a.cap {
		c := &a.cap[i]
		lifted := c.facts != 0 && c.facts&^proven == 0
		if c.classes>>class&1 == 1 && !lifted && (rank(c.do) < rank(r.Do) || r.Rule == "" && c.do == redact.Withhold) {
			r = Ruling{Do: c.do, Why: c.why, Rule: c.at}
		}
	}
	return r
}
