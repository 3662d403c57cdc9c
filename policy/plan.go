package policy

import (
	"fmt"
	"slices"

	"github.com/privet-gateway/privet/redact"
)

// compilePlans turns a decision's classes into plans for the screen's answer and body.
func (d *Decision) compilePlans(q *Question) (err error) {
	s := d.screen
	ruling := func(c redact.Class) Ruling { return d.Classes[c] }
	if d.Plan, err = redact.NewPlan(s.planConfig(ruling, q)); err != nil {
		return fmt.Errorf("compile plan: %w", err)
	}
	if s.body != nil {
		if d.body, err = redact.NewPlan(s.body.config(d.best, nil, nil)); err != nil {
			return fmt.Errorf("compile plan of the body: %w", err)
		}
	}
	return nil
}

// best is what a class's ruling can become for some record.
func (d *Decision) best(c redact.Class) Ruling {
	r := d.Classes[c]
	for _, t := range r.Vary {
		if rank(t) > rank(r.Do) {
			r.Do = t
		}
	}
	return r
}

func (s *screen) planConfig(ruling func(redact.Class) Ruling, q *Question) redact.PlanConfig {
	if s.answer == nil {
		return redact.PlanConfig{}
	}
	if s.html() {
		return s.answer.htmlConfig(ruling, s.facts, q)
	}
	return s.answer.config(ruling, s.facts, q)
}

// config expands class → path.
func (o *outline) config(ruling func(redact.Class) Ruling, facts []redact.Fact, q *Question) redact.PlanConfig {
	cfg := redact.PlanConfig{Record: o.record, Subject: o.subject, Talk: o.talk, Facts: bindFacts(facts, q)}
	cfg.Fields = make([]redact.Field, 0, len(o.fields))
	for _, f := range o.fields {
		r := ruling(f.class)
		field := redact.Field{Path: f.path, Class: f.class, Do: r.Do, Why: r.Why, Rule: r.Rule}
		if len(r.Vary) == 1<<len(facts) {
			field.Vary = r.Vary
		}
		cfg.Fields = append(cfg.Fields, field)
	}
	return cfg
}

func (o *outline) htmlConfig(ruling func(redact.Class) Ruling, facts []redact.Fact, q *Question) redact.PlanConfig {
	cfg := redact.PlanConfig{HTML: true, Record: o.record, Talk: o.talk, Facts: bindFacts(facts, q)}
	for _, f := range o.fields {
		if f.island {
			continue
		}
		r := ruling(f.class)
		field := redact.Field{Path: f.path, Class: f.class, Do: r.Do, Why: r.Why, Rule: r.Rule}
		if len(r.Vary) == 1<<len(facts) {
			field.Vary = r.Vary
		}
		cfg.Fields = append(cfg.Fields, field)
	}
	for selector, inner := range o.islands {
		plan, err := redact.NewPlan(inner.config(ruling, nil, nil))
		if err != nil {
			plan = &redact.Plan{}
		}
		cfg.Fields = append(cfg.Fields, redact.Field{Path: selector, Class: redact.Plain, Do: redact.Show, Inner: plan})
	}
	slices.SortFunc(cfg.Fields, func(a, b redact.Field) int { return len(a.Path) - len(b.Path) })
	return cfg
}

// bindFacts puts the agent, the case and the region in the place of $agent,
// $case and $region. Without a question nothing can be proven.
func bindFacts(facts []redact.Fact, q *Question) []redact.Fact {
	out := slices.Clone(facts)
	for i := range out {
		if !personal(out[i]) || q == nil {
			continue
		}
		switch out[i].Value {
		case "$agent":
			out[i].Value = q.Agent
		case "$case":
			out[i].Value = q.Case
		case "$region":
			out[i].Value = q.Region
		}
	}
	return out
}
