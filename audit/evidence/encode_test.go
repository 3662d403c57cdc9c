package evidence

import (
	"encoding/json"
	"testing"
)

// FuzzAppend: a leaf's own encoding is encoding/json's, whatever stands in it.
func FuzzAppend(f *testing.F) {
	f.Add("view.intent", "ada", "tier1", "pan", "mask", 3)
	f.Add("", "", "", "", "", 0)
	f.Add("a\"b", "<é&>", "\x00\x7f", "\u2028", "\xff\xfe", -1)
	f.Fuzz(func(t *testing.T, kind, agent, role, name, value string, n int) {
		for _, l := range []Leaf{
			{Time: LeafTime, Kind: kind, Agent: agent, Roles: []string{role, agent}, Records: n, Classes: map[string]string{name: value, value: name, role: ""},
				Detail: map[string]string{name: agent}, Subjects: []string{value}, Personal: map[string]string{"email": value}},
			{Kind: kind, Session: agent, Tool: role, Screen: name, Outcome: value, Reason: agent, Purpose: role, Case: name, Request: value, Intent: kind, Bundle: agent,
				Roles: []string{}, Classes: map[string]string{}},
		} {
			want, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			if got := string(l.Append(nil)); got != string(want) {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		}
	})
}
