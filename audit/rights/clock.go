package rights

import (
	_ "embed"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rickar/cal/v2"
	"github.com/rickar/cal/v2/gb"
	"github.com/rickar/cal/v2/us"
	"go.yaml.in/yaml/v3"
)

//go:embed regimes.yaml
var regimesYAML []byte

// Laws is every regime and exemption, as dated data.
type Laws struct {
	Regimes    []Regime    `yaml:"regimes"`
	Exemptions []Exemption `yaml:"exemptions"`
	Grounds    []Ground    `yaml:"grounds"`
}

// Regime is one law's clocks. Every figure carries its source.
type Regime struct {
	Name        string    `yaml:"name"`
	Title       string    `yaml:"title"`
	Authority   string    `yaml:"authority"` // where to complain
	Places      []string  `yaml:"places"`    // ISO 3166 codes; "*" is everywhere else
	From        string    `yaml:"from"`      // in force, YYYY-MM-DD
	Until       string    `yaml:"until"`
	Counsel     string    `yaml:"counsel"` // who signed the row
	Acknowledge *Period   `yaml:"acknowledge"`
	Answer      Period    `yaml:"answer"`
	Extend      *Period   `yaml:"extend"` // total from receipt; nil: no extension
	Identity    Yes       `yaml:"identity_pauses"`
	Refusal     Period    `yaml:"refusal"`
	Withhold    *Withhold `yaml:"withhold"`
	Holidays    string    `yaml:"holidays"` // none, gb, us
}

// Period is a length of time counted from receipt.
type Period struct {
	Days          int    `yaml:"days"`
	Months        int    `yaml:"months"`
	BusinessDays  int    `yaml:"business_days"`
	Roll          bool   `yaml:"roll"` // off weekends and holidays to the next working day
	DeemedRefusal bool   `yaml:"deemed_refusal"`
	Cite          string `yaml:"cite"`
}

// Yes is a cited truth value.
type Yes struct {
	Is   bool   `yaml:"is"`
	Cite string `yaml:"cite"`
}

// Withhold is classes that are never disclosed, even on request; the answer says that they are held.
type Withhold struct {
	Classes []string `yaml:"classes"`
	Cite    string   `yaml:"cite"`
}

// Exemption is a law that keeps one datum.
type Exemption struct {
	Name    string   `yaml:"name"`
	Title   string   `yaml:"title"`
	Months  int      `yaml:"months"` // kept so long after the datum's date; 0: for good
	Cite    string   `yaml:"cite"`
	Regimes []string `yaml:"regimes"` // empty: all
	Rights  []string `yaml:"rights"`
	From    string   `yaml:"from"`
}

// Clock errors.
var (
	ErrNoExtension = errors.New("this law allows no extension")
	ErrLateNotice  = errors.New("the time for an extension notice is over")
)

// ReadLaws reads the built-in laws, or the ones given.
func ReadLaws(raw []byte) (*Laws, error) {
	if raw == nil {
		raw = regimesYAML
	}
	dec := yaml.NewDecoder(strings.NewReader(string(raw)))
	dec.KnownFields(true)
	laws := &Laws{}
	if err := dec.Decode(laws); err != nil {
		return nil, fmt.Errorf("read laws: %w", err)
	}
	for _, r := range laws.Regimes {
		if r.Answer.Cite == "" || r.Identity.Cite == "" || !isDate(r.From) {
			return nil, fmt.Errorf("read laws: regime %q needs `from` and a `cite` for answer and identity_pauses", r.Name)
		}
	}
	for _, e := range laws.Exemptions {
		if e.Cite == "" || !isDate(e.From) {
			return nil, fmt.Errorf("read laws: exemption %q needs `from` and `cite`", e.Name)
		}
	}
	for _, g := range laws.Grounds {
		if !slices.Contains(Denied(), g.Outcome) || len(g.Rights) == 0 || len(g.Cites) == 0 {
			return nil, fmt.Errorf("read laws: ground %q needs `rights`, `cites` by regime and an `outcome` of %v", g.Name, Denied())
		}
	}
	return laws, nil
}

func isDate(s string) bool { _, err := time.Parse(time.DateOnly, s); return err == nil }

// inForce says whether a row dated from–until holds on day.
func inForce(from, until string, day time.Time) bool {
	d := day.UTC().Format(time.DateOnly)
	return d >= from && (until == "" || d < until)
}

// Regime finds the law of a place (an ISO 3166 code) or of a name on a day;
// places no law names fall to the one for "*".
func (l *Laws) Regime(place string, day time.Time) Regime {
	place = strings.ToUpper(strings.TrimSpace(place))
	var fallback Regime
	for _, r := range l.Regimes {
		if !inForce(r.From, r.Until, day) {
			continue
		}
		if slices.Contains(r.Places, place) || strings.EqualFold(r.Name, place) {
			return r
		}
		if slices.Contains(r.Places, "*") {
			fallback = r
		}
	}
	return fallback
}

// Exempt says whether an exemption keeps a datum dated since, on a day.
// The zero since means that the datum's date is unknown: it is kept.
func (l *Laws) Exempt(name, regime, right string, since, day time.Time) (Exemption, bool) {
	for _, e := range l.Exemptions {
		if e.Name != name || !inForce(e.From, "", day) || !slices.Contains(e.Rights, right) ||
			(len(e.Regimes) > 0 && !slices.Contains(e.Regimes, regime)) {
			continue
		}
		if e.Months == 0 || since.IsZero() || day.Before(AddMonths(since, e.Months)) {
			return e, true
		}
	}
	return Exemption{}, false
}

// AddMonths is the corresponding date n months on, or the last day of that month
// where it has none. time.AddDate would roll 31 January into March: a late answer.
func AddMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}

// Due is the last day of a period that began on the day of from, as midnight UTC.
func (r Regime) Due(p Period, from time.Time) time.Time {
	day := civil(from)
	calendar := r.calendar()
	switch {
	case p.BusinessDays > 0:
		day = calendar.WorkdaysFrom(day, p.BusinessDays)
	case p.Months > 0:
		day = AddMonths(day, p.Months)
	default:
		day = day.AddDate(0, 0, p.Days)
	}
	for p.Roll && !calendar.IsWorkday(day) {
		day = day.AddDate(0, 0, 1)
	}
	return civil(day)
}

// calendar is the law's working days.
func (r Regime) calendar() *cal.BusinessCalendar {
	c := cal.NewBusinessCalendar()
	switch r.Holidays {
	case "gb":
		c.AddHoliday(gb.Holidays...)
	case "us":
		c.AddHoliday(us.Holidays...)
	}
	return c
}

// civil is midnight UTC of t's own day.
func civil(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}

// Clock is one request's dates. Dates are days: the act must happen by their end.
type Clock struct {
	Received    time.Time  `json:"received"`
	Acknowledge *time.Time `json:"acknowledge,omitempty"`
	Due         time.Time  `json:"due"`
	Extended    bool       `json:"extended,omitempty"`
	PausedDays  int        `json:"paused_days,omitempty"` // waiting for proof of identity
	Cite        string     `json:"cite"`
}

// Start is the clock of a request received at a moment.
func (r Regime) Start(received time.Time) Clock {
	c := Clock{Received: received, Due: r.Due(r.Answer, received), Cite: r.Answer.Cite}
	if r.Acknowledge != nil {
		day := r.Due(*r.Acknowledge, received)
		c.Acknowledge = &day
	}
	return c
}

// Proven restarts the clock from the day identity was proven where the law lets
// the wait for a requested proof count for nothing; elsewhere nothing changes.
func (r Regime) Proven(c Clock, proven time.Time) Clock {
	if !r.Identity.Is || c.Extended {
		return c
	}
	c.PausedDays = int(civil(proven).Sub(civil(c.Received)).Hours() / 24)
	c.Due = r.Due(r.Answer, proven)
	return c
}

// Extension is the clock after an extension notice sent now; late notices are refused.
func (r Regime) Extension(c Clock, now time.Time) (Clock, error) {
	switch {
	case r.Extend == nil:
		return c, fmt.Errorf("%w (%s)", ErrNoExtension, r.Title)
	case c.Extended:
		return c, fmt.Errorf("%w a second time (%s)", ErrNoExtension, r.Title)
	}
	if civil(now).After(c.Due) {
		return c, fmt.Errorf("%w: it had to go out by %s (%s)", ErrLateNotice, c.Due.Format(time.DateOnly), r.Extend.Cite)
	}
	start := c.Received.AddDate(0, 0, c.PausedDays)
	c.Due, c.Extended, c.Cite = r.Due(*r.Extend, start), true, r.Extend.Cite
	return c, nil
}

// ExtendCite is the provision an extension rests on, or, where the law knows none, the one
// that sets the date.
func (r Regime) ExtendCite() string {
	if r.Extend == nil {
		return r.Answer.Cite
	}
	return r.Extend.Cite
}

// DaysLeft is how many days remain on now's day; negative when late.
func (c Clock) DaysLeft(now time.Time) int {
	return int(c.Due.Sub(civil(now)).Hours() / 24)
}
