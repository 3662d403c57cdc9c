package console

import (
	"slices"

	"github.com/privet-gateway/privet/audit/rights"
)

// planView is a plan as an officer weighs it: beside what happens to the person's own
// rows stand the rows they share with others, and what is kept and why.
type planView struct {
	Rows, Shared, Others, Edits int
	Steps                       []planStep
	Kept                        []planKept
	Warning                     []string
}

type planStep struct {
	System, Collection string
	Action             rights.Action
	Own                int
	Shared             []string // keys of rows, the first few
	SharedRows         int
}

type planKept struct {
	System, Collection, Field string
	Rows                      int
	Keys                      []string // the first few
	Why, Cite                 string
}

const fewKeys = 5

func viewPlan(p *rights.Plan, lang string) *planView {
	v := &planView{Rows: p.Rows, Shared: p.Shared, Others: p.Others, Edits: len(p.Edits), Warning: p.Warning}
	for _, s := range p.Steps {
		step := planStep{System: s.System, Collection: s.Collection, Action: s.Action}
		for _, t := range s.Targets {
			if t.Owner == rights.Own {
				step.Own++
				continue
			}
			if step.SharedRows++; len(step.Shared) < fewKeys {
				step.Shared = append(step.Shared, t.Key)
			}
		}
		v.Steps = append(v.Steps, step)
	}
	for _, k := range p.Kept {
		why := rights.Because(lang, k.Why)
		at := slices.IndexFunc(v.Kept, func(o planKept) bool {
			return o.System == k.System && o.Collection == k.Collection && o.Field == k.Field && o.Why == why
		})
		if at < 0 {
			at = len(v.Kept)
			v.Kept = append(v.Kept, planKept{System: k.System, Collection: k.Collection, Field: k.Field, Why: why, Cite: k.Cite})
		}
		kept := &v.Kept[at]
		if kept.Rows++; k.Field == "" && len(kept.Keys) < fewKeys {
			kept.Keys = append(kept.Keys, k.Key)
		}
	}
	return v
}
