package policy

import (
	"fmt"
	"strings"

	"github.com/open-policy-agent/opa/v1/ast"
)

// uses are the parts of the input that rules look at; "*": all of them.
type uses map[string]bool

func usesOf(refs []ast.Ref) uses {
	u := uses{}
	for _, ref := range refs {
		if !ref.HasPrefix(ast.InputRootRef) {
			continue
		}
		part := "*"
		if len(ref) > 1 {
			if key, ok := ref[1].Value.(ast.String); ok {
				part = string(key)
			}
		}
		u[part] = true
	}
	return u
}

// ask says whether the rules look at a part of the input.
func (u uses) ask(part string) bool { return u["*"] || u[part] }

// screen names a screen as the rules can tell it from others.
func (u uses) screen(s *screen) string {
	var b strings.Builder
	for _, part := range []struct {
		name  string
		value any
	}{{"tool", s.Tool}, {"screen", s.ID}, {"kind", s.Kind}, {"write", s.Write}, {"one_subject", s.Subject != ""}, {"facts", s.factNames()}} {
		if u.ask(part.name) {
			fmt.Fprintf(&b, "%s=%v ", part.name, part.value)
		}
	}
	return b.String()
}

// alike gives screens that the rules cannot tell apart the same name. Their
// facts choose variants, whether rules ask for them or not.
func (u uses) alike(s *screen) string { return u.screen(s) + strings.Join(s.factNames(), " ") }

// sight is what of a situation rules look at.
type sight struct{ role, region, purpose, groups, kase, verified, glass, desk, second, proofs bool }

func (u uses) sight() sight {
	return sight{role: u.ask("role"), region: u.ask("region"), purpose: u.ask("purpose"), groups: u.ask("groups"), kase: u.ask("case"),
		verified: u.ask("verified"), glass: u.ask("break_glass"), desk: u.ask("desk_hours"), second: u.ask("second"), proofs: u.ask("proofs")}
}

// project holds still what the rules do not look at.
func (v sight) project(at situation) situation {
	s := situation{region: -1, purpose: -1, second: never}
	for i := range s.proofs {
		s.proofs[i] = never
	}
	if v.role {
		s.role = at.role
	}
	if v.region {
		s.region = at.region
	}
	if v.purpose {
		s.purpose = at.purpose
	}
	if v.groups {
		s.groups = at.groups
	}
	if v.second {
		s.second = at.second
	}
	if v.proofs {
		s.proofs = at.proofs
	}
	s.kase, s.verified = v.kase && at.kase, v.verified && at.verified
	s.glass, s.desk = v.glass && at.glass, v.desk && at.desk
	return s
}
