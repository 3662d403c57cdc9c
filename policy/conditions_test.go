package policy

import (
	"errors"
	"testing"
	"testing/fstest"
	"time"

	"github.com/privet-gateway/privet/redact"
)

func conditionsOf(t *testing.T, text string) *Conditions {
	t.Helper()
	c, err := parseConditions("conditions.yaml", []byte("roles: [clerk, auditor]\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Desk hours may pass midnight; a night belongs to the day on which it began.
func TestDeskHours(t *testing.T) {
	const (
		day   = `{zone: UTC, days: mon-fri, from: "08:00", to: "18:00"}`
		night = `{zone: UTC, days: mon-fri, from: "22:00", to: "06:00"}`
	)
	for _, c := range []struct {
		hours, at string // 2026-11-16 is a Monday
		open      bool
	}{
		{day, "2026-11-16T08:00:00Z", true}, {day, "2026-11-16T18:00:00Z", false}, {day, "2026-11-21T12:00:00Z", false},
		{night, "2026-11-16T21:59:00Z", false}, {night, "2026-11-16T22:00:00Z", true}, {night, "2026-11-17T05:59:00Z", true},
		{night, "2026-11-17T06:00:00Z", false}, {night, "2026-11-16T05:00:00Z", false}, // Sunday's
		{night, "2026-11-20T23:00:00Z", true}, {night, "2026-11-21T05:00:00Z", true}, {night, "2026-11-21T22:30:00Z", false},
		{`{zone: Asia/Shanghai, days: mon, from: "00:00", to: "24:00"}`, "2026-11-15T16:00:00Z", true},
		{"{}", "2026-11-21T03:00:00Z", true},
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		known := conditionsOf(t, "desk_hours: "+c.hours)
		if got := known.DeskHours.holds(at); got != c.open {
			t.Errorf("%s at %s: open is %v", c.hours, c.at, got)
		}
	}
	for _, half := range []string{`{from: "08:00", to: "18:00"}`, `{days: mon-fri}`, `{zone: Mars/Olympus, days: mon, from: "08:00", to: "18:00"}`} {
		if _, err := parseConditions("conditions.yaml", []byte("roles: [clerk]\ndesk_hours: "+half)); err == nil {
			t.Errorf("%s: taken for hours that never close", half)
		}
	}
}

// Who has several roles has the widest of their limits, in whichever order the
// roles stand, and none where one has none.
func TestLimitsOfSeveralRoles(t *testing.T) {
	e := &Engine{cfg: Config{Counter: NewMemory(), Clock: func() time.Time { return noon }}}
	if err := e.Seen(t.Context(), "ada", redact.Tally{Records: 50, Subjects: []string{"c-1", "c-2"}}); err != nil {
		t.Fatal(err)
	}
	for limits, want := range map[string]bool{
		"{clerk: {records: 10}, auditor: {subjects: 5}}":                           false,
		"{clerk: {subjects: 5}, auditor: {records: 10}}":                           false,
		"{clerk: {records: 10, subjects: 5}, auditor: {records: 10, subjects: 9}}": true,
		"{clerk: {records: 60, subjects: 2}, auditor: {records: 10, subjects: 3}}": false,
		"{clerk: {records: 60, subjects: 2}, auditor: {records: 90, subjects: 1}}": true,
		"{clerk: {records: 10}}": false,
		"{}":                     false,
	} {
		known := conditionsOf(t, "limits: "+limits)
		if got := e.spent(t.Context(), known, &Question{Agent: "ada"}, 0b11); got != want {
			t.Errorf("%s: reached is %v", limits, got)
		}
	}
}

// Of two conditions.yaml nobody could tell which holds.
func TestTwoConditions(t *testing.T) {
	one := &fstest.MapFile{Data: []byte("roles: [clerk]\n")}
	_, err := readSource(fstest.MapFS{"a.rego": {Data: []byte("package privet.view\n")}, "conditions.yaml": one, "old/conditions.yaml": one}, nil)
	if !errors.Is(err, ErrRules) {
		t.Errorf("%v, want ErrRules", err)
	}
}
