package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// point is one point of the condition space in names, so that two bundles
// with other conditions can be asked about the same.
type point struct {
	role     string
	region   string
	purpose  string
	groups   string // joined by spaces
	kase     bool
	verified bool
	glass    bool
	desk     bool
	second   time.Duration // 0: none
	proofs   [maxKinds]time.Duration
	kinds    *[]string
}

// String says what is special about the point.
func (p point) String() string {
	var out []string
	add := func(on bool, text string) {
		if on {
			out = append(out, text)
		}
	}
	add(p.purpose != "", "purpose "+p.purpose)
	add(p.kase, "case")
	add(p.verified, "caller verified")
	add(p.glass, "glass broken")
	add(!p.desk, "out of hours")
	add(p.groups != "", "group "+p.groups)
	add(p.region != "", "region "+p.region)
	add(p.second == 0, "no second factor")
	add(p.second > 0, "second factor "+p.second.String())
	return strings.Join(out, ", ")
}

// situation is the point as one bundle sees it; false: it has no such role.
func (c *Conditions) at(p point) (situation, bool) {
	s := situation{role: int8(slices.Index(c.Roles, p.role)), region: int8(slices.Index(c.Regions, p.region)),
		purpose: int8(slices.Index(c.Purposes, p.purpose)), kase: p.kase, verified: p.verified, glass: p.glass, desk: p.desk, second: never}
	for _, g := range strings.Fields(p.groups) {
		if i := slices.Index(c.Groups, g); i >= 0 {
			s.groups |= 1 << i
		}
	}
	if p.second > 0 {
		s.second = c.age(p.second)
	}
	for i := range s.proofs {
		s.proofs[i] = never
	}
	for i, kind := range *p.kinds {
		if k := slices.Index(c.Proofs, kind); k >= 0 && p.proofs[i] > 0 {
			s.proofs[k] = c.age(p.proofs[i])
		}
	}
	return s, s.role >= 0
}

// mostPoints bounds the condition space: it is walked whole, in memory.
const mostPoints = 1 << 20

// space lists every point that the rules of one or two bundles can tell
// apart: a part of the input that no rule looks at is held still. ErrRules:
// they are too many.
func space(bundles ...*rules) ([]point, error) {
	asks := func(part string) bool {
		return slices.ContainsFunc(bundles, func(r *rules) bool { return r.uses.ask(part) })
	}
	union := func(of func(*Conditions) []string) (all []string) {
		for _, r := range bundles {
			for _, v := range of(r.known) {
				if !slices.Contains(all, v) {
					all = append(all, v)
				}
			}
		}
		return all
	}
	ages := agesOf(bundles)
	kinds := union(func(c *Conditions) []string { return c.Proofs })
	points, wide := []point{{desk: true, second: ages[0], kinds: &kinds}}, false
	spread := func(on bool, n int, set func(*point, int)) {
		if !on {
			return
		}
		if len(points)*n > mostPoints {
			points, wide = points[:1], true
			return
		}
		more := make([]point, 0, len(points)*n)
		for _, p := range points {
			for i := range n {
				q := p
				set(&q, i)
				more = append(more, q)
			}
		}
		points = more
	}
	names := func(on bool, list []string, set func(*point, string)) {
		spread(on, len(list), func(p *point, i int) { set(p, list[i]) })
	}
	names(true, union(func(c *Conditions) []string { return c.Roles }), func(p *point, v string) { p.role = v })
	names(asks("region"), append(union(func(c *Conditions) []string { return c.Regions }), ""), func(p *point, v string) { p.region = v })
	names(asks("purpose"), append(union(func(c *Conditions) []string { return c.Purposes }), ""), func(p *point, v string) { p.purpose = v })
	groups := union(func(c *Conditions) []string { return c.Groups })
	spread(asks("groups"), 1<<len(groups), func(p *point, i int) { p.groups = subset(groups, i) })
	spread(asks("case"), 2, func(p *point, i int) { p.kase = i == 1 })
	spread(asks("verified"), 2, func(p *point, i int) { p.verified = i == 1 })
	spread(asks("break_glass"), 2, func(p *point, i int) { p.glass = i == 1 })
	spread(asks("desk_hours"), 2, func(p *point, i int) { p.desk = i == 0 })
	spread(asks("second"), len(ages), func(p *point, i int) { p.second = ages[i] })
	for k := range kinds {
		spread(asks("proofs"), len(ages), func(p *point, i int) { p.proofs[k] = ages[i] })
	}
	if wide {
		return nil, fmt.Errorf("%w: they ask about more than %d combinations of conditions, too many to compare with others; name fewer regions, purposes, groups, ages or proofs, or ask about fewer of them", ErrRules, mostPoints)
	}
	return points, nil
}

// agesOf are all ages that some bundle tells apart, and 0 for no proof.
func agesOf(bundles []*rules) []time.Duration {
	var ages []time.Duration
	for _, r := range bundles {
		for _, a := range r.known.Ages {
			ages = append(ages, time.Duration(a))
		}
	}
	slices.Sort(ages)
	return append(slices.Compact(ages), 0)
}

func subset(list []string, bits int) string {
	var out []string
	for i, v := range list {
		if bits>>i&1 == 1 {
			out = append(out, v)
		}
	}
	return strings.Join(out, " ")
}
