package rights

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// Which requests miss their day, at which pace.
func TestForecast(t *testing.T) {
	now := day(t, "2026-11-02").Add(9 * time.Hour)
	ended := func(n, ago int, s Status) (out []*Request) {
		for range n {
			at := now.AddDate(0, 0, -ago)
			out = append(out, &Request{ID: "old", Status: s, Received: now.AddDate(0, 0, -60), Facts: Facts{Ended: &at}})
		}
		return out
	}
	open := func(s Status, due ...int) (out []*Request) {
		for i, d := range due {
			out = append(out, &Request{ID: fmt.Sprint(i), Status: s, Received: now, Due: civil(now).AddDate(0, 0, d)})
		}
		return out
	}
	held := open(Scheduled, 3)
	held[0].nextAt = now.AddDate(0, 0, 30)
	for name, tc := range map[string]struct {
		all    []*Request
		pace   float64
		misses []string
	}{
		"one a day, all in time":              {slices.Concat(ended(28, 7, CompletedFull), open(InReview, 1, 2, 3)), 1, nil},
		"one in two days, the second misses":  {slices.Concat(ended(14, 7, CompletedFull), open(InReview, 2, 3, 9)), 0.5, []string{"1"}},
		"nothing finished, only the late one": {open(InReview, -1, 1), 0, []string{"0"}},
		"denials count, withdrawals do not":   {slices.Concat(ended(28, 7, DeniedExempt), ended(28, 7, Withdrawn), open(InReview, 1)), 1, nil},
		"the far past does not count":         {slices.Concat(ended(28, 40, CompletedFull), open(InReview, 1)), 0, nil},
		"who must prove takes no turn":        {slices.Concat(ended(28, 7, CompletedFull), open(IdentityPending, 0, 0, 0)), 1, nil},
		"what the machine holds back":         {slices.Concat(ended(280, 7, CompletedFull), held), 10, []string{"0"}},
	} {
		f := foretell(tc.all, now)
		if f.Pace != tc.pace || !slices.Equal(f.Misses, tc.misses) {
			t.Errorf("%s: pace %v, misses %v", name, f.Pace, f.Misses)
		}
	}
}
