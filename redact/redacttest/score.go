package redacttest

import "github.com/privet-gateway/privet/redact"

// Score counts how a set of calls came out.
type Score struct {
	Numbers int // dictated
	Leaked  int // of which at least one word that carries digits stayed readable
	Words   int // that carry digits
	Shown   int // of which stayed readable
	Clean   int // turns without anything to hide
	Touched int // of which something was hidden
	Failed  []Failure
}

// Failure is one turn that came out wrong.
type Failure struct {
	Call *Call
	Turn int
	Got  string
}

// Add scores one call by what an engine made of its turns.
func (s *Score) Add(c *Call, got []redact.RedactedTurn) {
	leaked := len(got) != len(c.Turns)
	for i := range got {
		bad := false
		for _, secret := range c.Secret[i] {
			s.Words++
			if !covered(secret, got[i].Spans) {
				s.Shown++
				bad, leaked = true, true
			}
		}
		if c.Clean(i) {
			s.Clean++
			if len(got[i].Spans) > 0 {
				s.Touched++
				bad = true
			}
		}
		if bad && len(s.Failed) < 400 {
			s.Failed = append(s.Failed, Failure{c, i, got[i].Redacted})
		}
	}
	s.Numbers++
	if leaked {
		s.Leaked++
	}
}

func covered(secret [2]int, spans []redact.Span) bool {
	for _, sp := range spans {
		if sp.Start <= secret[0] && secret[1] <= sp.End {
			return true
		}
	}
	return false
}

// Leak is the share of numbers of which something stayed readable, False that
// of clean turns in which something was hidden.
func (s *Score) Leak() float64  { return ratio(s.Leaked, s.Numbers) }
func (s *Score) False() float64 { return ratio(s.Touched, s.Clean) }

func ratio(n, of int) float64 {
	if of == 0 {
		return 0
	}
	return float64(n) / float64(of)
}
