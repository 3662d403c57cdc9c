package console

import (
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// list reads the queue by the query's filter, and the forecast of all of it.
func (c *Console) list(r *http.Request) ([]brief, rights.Filter, rights.Forecast, error) {
	q := r.URL.Query()
	f := rights.Filter{Status: rights.Status(q.Get("status")), Open: q.Get("open") != ""}
	if text := q.Get("due_before"); text != "" {
		at, err := time.Parse(time.RFC3339, text)
		if err != nil {
			at, err = time.Parse(time.DateOnly, text)
		}
		if err != nil {
			return nil, f, rights.Forecast{}, fmt.Errorf("%w: due_before is no date (YYYY-MM-DD) or RFC 3339 time", rights.ErrInvalid)
		}
		f.DueBefore = at
	}
	found, err := c.Office.List(r.Context(), f)
	if err != nil {
		return nil, f, rights.Forecast{}, err
	}
	forecast, err := c.Office.Forecast(r.Context())
	out := make([]brief, 0, len(found))
	for _, req := range found {
		b := c.brief(req)
		if end, told := forecast.Ends[req.ID]; told {
			b.Expected = &end
		}
		if b.Misses = slices.Contains(forecast.Misses, req.ID); b.Misses || q.Get("misses") == "" {
			out = append(out, b)
		}
	}
	return out, f, forecast, err
}

func (c *Console) apiQueue(w http.ResponseWriter, r *http.Request, _ *mfa.Session) {
	list, _, forecast, err := c.list(r)
	if err != nil {
		c.problem(w, r, err)
		return
	}
	forecast.Ends = nil // each request has its own
	reply(w, http.StatusOK, map[string]any{"requests": list, "forecast": forecast})
}

// tally counts the queue by its clocks.
type tally struct{ Open, Late, Soon, Near int }

func (c *Console) queue(w http.ResponseWriter, r *http.Request, who *mfa.Session) {
	list, f, forecast, err := c.list(r)
	if err != nil {
		a := answerFor(err)
		page.Refuse(w, r, page.Refusal{Status: a.status, Code: a.code})
		return
	}
	open, err := c.Office.List(r.Context(), rights.Filter{Open: true, Limit: 10_000}) // whatever the filter shows
	if err != nil {
		page.Refuse(w, r, page.Refusal{Status: http.StatusServiceUnavailable, Code: "unavailable"})
		return
	}
	sum := tally{Open: len(open)}
	for _, req := range open {
		switch word, _ := c.brief(req).Clock(); word {
		case "clock.late":
			sum.Late++
		case "clock.soon":
			sum.Soon++
		case "clock.near":
			sum.Near++
		}
	}
	c.render(w, r, "queue", c.view(who, "queue.title", map[string]any{"Requests": list, "Sum": sum, "Status": string(f.Status), "Statuses": statuses(),
		"Forecast": forecast, "Missing": len(forecast.Misses), "Misses": r.URL.Query().Get("misses") != ""}))
}

// status is one choice of the queue's filter.
type status struct{ Value, Word string }

func statuses() (out []status) {
	for _, s := range []rights.Status{rights.InReview, rights.AwaitingSecond, rights.NeedsAttention, rights.AwaitingExternal, rights.IdentityPending,
		rights.Scheduled, rights.Executing, rights.Verifying, rights.CompletedFull, rights.CompletedPartial} {
		out = append(out, status{string(s), brief{Status: s}.StatusWord()})
	}
	return out
}
