package policy

import (
	"slices"
	"time"
)

// Question is all that a decision may rest on.
type Question struct {
	Agent          string
	Roles          []string
	Groups         []string
	Region         string
	Tool           string
	Screen         string
	Subject        string // "" where the screen names none
	Purpose        string
	Case           string
	Proofs         []Proof
	CallerVerified bool // for this subject, now
	Address        string
	Time           time.Time // zero: the engine's clock
	BreakGlass     string    // the reason given, "" if none
}

// Proof is one proven factor and when.
type Proof struct {
	Kind string
	At   time.Time
}

// never is the index of an age above every threshold: no such proof.
const never = 0xff

// maxKinds bounds the kinds of proof a bundle may name.
const maxKinds = 6

// situation is a question reduced to what rules may ask about: a point of the
// finite condition space. It is comparable, so that a decision can be kept
// for it, and every dimension can be walked.
type situation struct {
	role     int8 // index into conditions.Roles
	region   int8 // index into conditions.Regions; -1: other
	purpose  int8 // index into conditions.Purposes; -1: none
	groups   uint16
	kase     bool
	verified bool
	glass    bool
	desk     bool            // within desk hours
	second   uint8           // index into conditions.Ages, or never
	proofs   [maxKinds]uint8 // by index into conditions.Proofs
}

// situate reduces a question. Roles come as a set: each is asked by itself.
func (c *Conditions) situate(q *Question, now time.Time) (s situation, roles uint64) {
	if !q.Time.IsZero() {
		now = q.Time
	}
	for _, role := range q.Roles {
		if i := slices.Index(c.Roles, role); i >= 0 {
			roles |= 1 << i
		}
	}
	for _, group := range q.Groups {
		if i := slices.Index(c.Groups, group); i >= 0 {
			s.groups |= 1 << i
		}
	}
	s.region = int8(slices.Index(c.Regions, q.Region))
	s.purpose = int8(slices.Index(c.Purposes, q.Purpose))
	s.kase = q.Case != ""
	s.verified = q.CallerVerified
	s.glass = q.BreakGlass != ""
	s.desk = c.DeskHours.holds(now)
	s.second = never
	for i := range s.proofs {
		s.proofs[i] = never
	}
	for _, p := range q.Proofs {
		age := c.age(now.Sub(p.At))
		if i := slices.Index(c.Proofs, p.Kind); i >= 0 {
			s.proofs[i] = min(s.proofs[i], age)
		}
		if p.Kind != "password" && p.Kind != "sso" { // the first factors
			s.second = min(s.second, age)
		}
	}
	return s, roles
}

// age rounds an age up to a threshold. A proof from the future is none.
func (c *Conditions) age(d time.Duration) uint8 {
	if d < -5*time.Second { // clocks of two replicas
		return never
	}
	for i, t := range c.Ages {
		if d <= time.Duration(t) {
			return uint8(i)
		}
	}
	return never
}
