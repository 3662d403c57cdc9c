package redact

import (
	"fmt"
	"slices"
)

// Loosened says what another profile and other rules may let through that was
// found before; nothing where they find all of it still. A profile finds what
// those before it find: chat, logs, strict. That a detector of one's own finds
// more cannot be told from its pattern: it also takes places that others would
// have found something larger at.
func Loosened(was, next Profile, before, after Rules) (what []string) {
	order := []Profile{Chat, Logs, Strict}
	if slices.Index(order, next) < slices.Index(order, was) {
		what = append(what, fmt.Sprintf("profile %s → %s", was, next))
	}
	same := func(a, b Detector) bool {
		return a.Name == b.Name && a.Class == b.Class && a.Pattern == b.Pattern && a.Validator == b.Validator &&
			slices.Equal(a.Keywords, b.Keywords) && slices.Equal(a.Context, b.Context)
	}
	if !slices.EqualFunc(before.Detectors, after.Detectors, same) {
		what = append(what, fmt.Sprintf("other detectors, %d → %d", len(before.Detectors), len(after.Detectors)))
	}
	more := 0
	for _, value := range after.Suppress {
		if !slices.Contains(before.Suppress, value) {
			more++
		}
	}
	if more > 0 {
		what = append(what, fmt.Sprintf("%d more suppressed values", more))
	}
	return what
}
