package rights

import (
	"context"
	"slices"
	"time"
)

// Forecast says which requests will miss their day at the pace of the last four weeks.
//
// Requests are taken to be finished in the order of their days, as many a day as were
// finished on average. One that the machine holds back on purpose (a pause before an
// erasure, the propagation of one) ends no earlier than that. Requests that wait for
// their person to prove who they are take none of the officers' time; they expire.
type Forecast struct {
	Window   int                  `json:"window_days"`
	Finished int                  `json:"finished"` // in the window, by people's work
	Open     int                  `json:"open"`
	Pace     float64              `json:"pace"` // a day; 0: nothing was finished yet, so nothing is foretold
	Ends     map[string]time.Time `json:"ends,omitempty"`
	Misses   []string             `json:"misses"` // ids, those due first at the top
}

const forecastWindow = 28 // days

// Forecast reads the pace and lays the open requests out along it.
func (o *Office) Forecast(ctx context.Context) (Forecast, error) {
	open, err := o.List(ctx, Filter{Open: true, Limit: mostForecast})
	if err != nil {
		return Forecast{}, err
	}
	ended, err := o.List(ctx, Filter{ended: true, Limit: mostForecast})
	if err != nil {
		return Forecast{}, err
	}
	return foretell(append(open, ended...), o.Now()), nil
}

const mostForecast = 20_000

// foretell is the forecast itself; the open ones are in the order of their days.
func foretell(all []*Request, now time.Time) Forecast {
	f := Forecast{Window: forecastWindow, Ends: map[string]time.Time{}, Misses: []string{}}
	from := now.AddDate(0, 0, -forecastWindow)
	first := now // a young office has a shorter past
	var open []*Request
	for _, r := range all {
		if r.Received.Before(first) {
			first = r.Received
		}
		switch {
		case !r.Status.Final():
			open = append(open, r)
		case r.Facts.Ended != nil && r.Facts.Ended.After(from) && !slices.Contains([]Status{Withdrawn, Expired, Merged, DeniedNoMatch}, r.Status):
			f.Finished++
		}
	}
	f.Open = len(open)
	days := min(float64(forecastWindow), max(1, now.Sub(first).Hours()/24))
	f.Pace = float64(f.Finished) / days
	ahead := 0
	for _, r := range open {
		late := civil(now).After(r.Due)
		if waitsForProof := r.Status == IdentityPending || r.Status == Received; !waitsForProof && f.Pace > 0 {
			ahead++
			end := now.Add(time.Duration(float64(ahead) / f.Pace * 24 * float64(time.Hour)))
			if r.nextAt.After(end) {
				end = r.nextAt
			}
			f.Ends[r.ID] = end
			late = late || civil(end).After(r.Due)
		}
		if late {
			f.Misses = append(f.Misses, r.ID)
		}
	}
	return f
}
