package console

import (
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
)

// line is one event of a request as an officer reads it.
type line struct {
	rights.Event
	Details []detail
}

// detail is one fact of an event: what it is and what it says, each as a key of the words
// or, where they have none (a number, a name, another party's text), as it stands.
type detail struct {
	What, WhatWord string
	Said, SaidWord string
}

// Lines are the timeline in words.
func (b brief) Lines() (out []line) {
	for _, e := range b.Timeline {
		l := line{Event: e}
		for name, said := range e.Detail {
			l.Details = append(l.Details, detail{name, b.Word("detail", name), clocked(said), b.saidWord(name, said)})
		}
		slices.SortFunc(l.Details, func(a, b detail) int { return strings.Compare(a.What, b.What) })
		out = append(out, l)
	}
	return out
}

// clocked writes a moment as the pages do.
func clocked(said string) string {
	if at, err := time.Parse(time.RFC3339, said); err == nil {
		return at.UTC().Format("2006-01-02 15:04 UTC")
	}
	return said
}

// saidWord is the key of what a detail says.
func (b brief) saidWord(name, said string) string {
	switch name {
	case "right", "ground":
		return b.Word(name, said)
	case "regime":
		return b.Word("law", said)
	case "status":
		return b.Word("status", dotted(said))
	case "purpose":
		return b.Word("code", said)
	case "system":
		if said == "all" {
			return "decide.all_systems"
		}
		return ""
	}
	return b.Spoken(said)
}

// Spoken is the key of what the rights engine says in English of its own accord.
func (b brief) Spoken(said string) string {
	return map[string]string{
		"code by e-mail":                                     "level.code",
		"codes by e-mail and telephone":                      "level.codes",
		"code by e-mail, and the address stood for 72 hours": "level.stood",
		"no account belongs to this address":                 "said.no_account",
		"the address belongs to several accounts":            "said.several",
		"identity was not proven in time":                    "said.late",
		"no system holds a row about this person":            "said.nobody",
	}[said]
}
