package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// compilePlans turns a decision's classes into plans for the screen's answer
// and body. The shape of the documents was compiled with the catalogue.
func (d *Decision) compilePlans(q *Question) (err error) {
	s := d.screen
	treat := func(f *redact.Field) (redact.Treatment, []redact.Treatment) {
		r := d.Classes[f.Class]
		if f.Inner != nil {
			return redact.Show, nil
		}
		return r.Do, r.Vary
	}
	if d.Plan, err = s.shape.With(bindFacts(s.facts, q), treat); err != nil {
		return fmt.Errorf("compile plan: %w", err)
	}
	if s.bodyShape != nil {
		best := func(f *redact.Field) (redact.Treatment, []redact.Treatment) { return d.best(f.Class).Do, nil }
		if d.body, err = s.bodyShape.With(nil, best); err != nil {
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

// compileShapes compiles what the screen's documents hold, with nothing shown:
// whatever is wrong with their paths is said when the catalogue is read.
func (s *screen) compileShapes() (err error) {
	cfg := redact.PlanConfig{}
	s.strays = map[string]*redact.Strays{}
	if s.answer != nil {
		if cfg, err = s.answer.config(s.facts, s.html(), s.strays); err != nil {
			return err
		}
		cfg.Strays = &redact.Strays{}
		s.strays[""] = cfg.Strays
	}
	if s.shape, err = redact.NewPlan(cfg); err != nil || s.body == nil {
		return err
	}
	if cfg, err = s.body.config(nil, false, nil); err != nil {
		return err
	}
	cfg.Fields = slices.DeleteFunc(cfg.Fields, func(f redact.Field) bool { return s.body.proves(f.Path) })
	s.bodyShape, err = redact.NewPlan(cfg)
	return err
}

// config is a shape as its plans are compiled from it.
func (o *outline) config(facts []redact.Fact, html bool, strays map[string]*redact.Strays) (redact.PlanConfig, error) {
	cfg := redact.PlanConfig{HTML: html, Record: o.record, Talk: o.talk, Facts: facts}
	if !html {
		cfg.Subject = o.subject // read from JSON, not from HTML
	}
	for _, f := range o.fields {
		if !html || !f.island {
			cfg.Fields = append(cfg.Fields, redact.Field{Path: f.path, Class: f.class})
		}
	}
	if !html {
		return cfg, nil
	}
	for selector, island := range o.islands {
		inner, err := island.config(nil, false, nil)
		if err != nil {
			return cfg, err
		}
		inner.Strays = &redact.Strays{}
		strays[selector] = inner.Strays
		plan, err := redact.NewPlan(inner)
		if err != nil {
			return cfg, err
		}
		cfg.Fields = append(cfg.Fields, redact.Field{Path: selector, Class: redact.Plain, Do: redact.Show, Inner: plan})
	}
	slices.SortFunc(cfg.Fields, func(a, b redact.Field) int {
		return cmp.Or(len(a.Path)-len(b.Path), cmp.Compare(a.Path, b.Path))
	})
	return cfg, nil
}

// proves says whether a record proves a fact at a path: whoever could write
// there could lift a cap that binds them.
func (o *outline) proves(path string) bool {
	for _, f := range o.facts {
		if rest, ok := strings.CutPrefix(path, f.Path); ok && (rest == "" || rest == "[]") {
			return true
		}
	}
	return false
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
