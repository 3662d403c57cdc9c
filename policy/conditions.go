package policy

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/redact"
)

// Conditions names everything that rules may ask about. It makes the
// condition space finite: it can be walked whole, by tests and by diff.
type Conditions struct {
	Roles     []string            `yaml:"roles"`
	Groups    []string            `yaml:"groups"`
	Regions   []string            `yaml:"regions"`
	Purposes  []string            `yaml:"purposes"`
	Facts     []string            `yaml:"facts"`
	Ages      []duration          `yaml:"ages"`   // ascending
	Proofs    []string            `yaml:"proofs"` // kinds
	DeskHours hours               `yaml:"desk_hours"`
	Classes   map[string][]string `yaml:"classes"` // groups: of classes and of groups before
	Limits    map[string]Limit    `yaml:"limits"`  // by role, or "default"

	classes map[string]classSet // classes and groups by name
}

// Limit is how much one agent may open in a day; 0 is no limit.
type Limit struct {
	Records  int `yaml:"records"`
	Subjects int `yaml:"subjects"` // distinct
}

type duration time.Duration

func (d *duration) UnmarshalYAML(b []byte) error {
	v, err := time.ParseDuration(strings.Trim(strings.TrimSpace(string(b)), `"'`))
	if err != nil || v <= 0 {
		return fmt.Errorf("age %s: want a duration such as 15m", b)
	}
	*d = duration(v)
	return nil
}

// hours are the desk's working hours.
type hours struct {
	Zone string `yaml:"zone"`
	Days string `yaml:"days"` // "mon-fri"
	From string `yaml:"from"` // "08:00"
	To   string `yaml:"to"`   // of the next day, if it is not after From

	zone     *time.Location
	days     [7]bool
	from, to int // minutes of the day
}

var weekdays = [...]string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}

func (h *hours) compile() (err error) {
	if *h == (hours{}) { // the desk never closes
		h.zone, h.to = time.UTC, 24*60
		for i := range h.days {
			h.days[i] = true
		}
		return nil
	}
	if h.zone, err = time.LoadLocation(h.Zone); err != nil {
		return fmt.Errorf("desk_hours: %w", err)
	}
	if h.from, err = clock(h.From); err != nil {
		return err
	}
	if h.to, err = clock(h.To); err != nil {
		return err
	}
	first, last, ranged := strings.Cut(h.Days, "-")
	if !ranged {
		last = first
	}
	a, b := slices.Index(weekdays[:], first), slices.Index(weekdays[:], last)
	if a < 0 || b < 0 {
		return fmt.Errorf("desk_hours: days %q: want such as mon-fri", h.Days)
	}
	for i := a; ; i = (i + 1) % 7 {
		if h.days[i] = true; i == b {
			return nil
		}
	}
}

func clock(s string) (int, error) {
	if s == "24:00" {
		return 24 * 60, nil
	}
	t, err := time.Parse("15:04", s)
	if err != nil {
		return 0, fmt.Errorf("desk_hours: %q: want a time such as 08:00", s)
	}
	return t.Hour()*60 + t.Minute(), nil
}

func (h *hours) holds(now time.Time) bool {
	now = now.In(h.zone)
	minute := now.Hour()*60 + now.Minute()
	today, yesterday := h.days[now.Weekday()], h.days[(now.Weekday()+6)%7]
	if h.from < h.to {
		return today && minute >= h.from && minute < h.to
	}
	return today && minute >= h.from || yesterday && minute < h.to
}

// parseConditions reads conditions.yaml, strictly.
func parseConditions(name string, text []byte) (*Conditions, error) {
	c := &Conditions{}
	if err := reading(func() error { return yaml.UnmarshalWithOptions(text, c, yaml.Strict()) }); err != nil {
		return nil, fmt.Errorf("%s: %s", name, yaml.FormatError(err, false, true))
	}
	switch {
	case len(c.Roles) == 0 || len(c.Roles) > 64:
		return nil, fmt.Errorf("%s: %d roles, want 1 to 64", name, len(c.Roles))
	case len(c.Groups) > 12 || len(c.Regions) > 64 || len(c.Purposes) > 64:
		return nil, fmt.Errorf("%s: at most 12 groups, 64 regions and 64 purposes", name)
	case len(c.Proofs) > maxKinds || len(c.Ages) > 16:
		return nil, fmt.Errorf("%s: at most %d proofs and 16 ages", name, maxKinds)
	case len(c.Facts) > 6:
		return nil, fmt.Errorf("%s: at most 6 facts", name)
	}
	for i := 1; i < len(c.Ages); i++ {
		if c.Ages[i] <= c.Ages[i-1] {
			return nil, fmt.Errorf("%s: ages must ascend", name)
		}
	}
	if err := c.DeskHours.compile(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := c.groupClasses(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// groupClasses turns groups into sets of classes.
func (c *Conditions) groupClasses() error {
	c.classes = map[string]classSet{}
	for i, class := range redact.FieldClasses() {
		c.classes[string(class)] = 1 << i
	}
	for name := range c.Classes {
		if _, taken := c.classes[name]; taken {
			return fmt.Errorf("classes: %s is a class, not a group", name)
		}
	}
	for range len(c.Classes) { // groups may hold groups: settle in as many rounds
		for name, members := range c.Classes {
			for _, m := range members {
				if _, group := c.Classes[m]; !group && c.classes[m] == 0 {
					return fmt.Errorf("classes: %s: %q is neither a class nor a group", name, m)
				}
				c.classes[name] |= c.classes[m]
			}
		}
	}
	return nil
}
