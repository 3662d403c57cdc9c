package rights

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/privet-gateway/privet/audit"
)

// Shredder is the trail's side of an erasure: it destroys a subject's data key, and
// with it all that Privet itself keeps of them (values in the trail, transcripts,
// packages, uploads). The audit trail is one.
type Shredder interface {
	Search(ctx context.Context, f audit.Filter) ([]audit.Entry, error)
	Erase(ctx context.Context, subject string) (audit.Certificate, error)
}

// House is the holder of what Privet itself keeps. Its one collection has the key
// field "subject"; erasing is destroying a key, so there is one step and no
// further copy.
type House struct{ Trail Shredder }

// HouseSystem is the data map's entry for [House].
func HouseSystem() System {
	s := System{Name: "privet", Title: "Privet", Local: map[string]Told{}, Collections: []Collection{{Name: "subject", Local: map[string]string{}, Fields: []Field{
		{Name: "subject", Key: true, Identity: "subject", Class: "username"}, {Name: "since"}, {Name: "acts"}, {Name: "looked_at"}}}}}
	for _, lang := range Languages() {
		s.Local[lang] = Told{Purpose: say(lang, "house.purpose"), Keep: say(lang, "house.keep"), Source: say(lang, "house.source")}
		s.Collections[0].Local[lang] = say(lang, "house.title")
	}
	en := s.Local["en"]
	s.Purpose, s.Keep, s.Source, s.Collections[0].Title = en.Purpose, en.Keep, en.Source, s.Collections[0].Local["en"]
	return s
}

// Find says whether the trail knows a subject, and what was done about them.
func (h *House) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for _, subject := range values {
			entries, err := h.entries(ctx, subject)
			if err == nil && len(entries) == 0 {
				continue
			}
			var row Row
			if err == nil {
				row, err = NewRow(c, known(field, subject, entries))
			}
			if !yield(row, err) || err != nil {
				return
			}
		}
	}
}

// known is what the trail's entries say about a subject, for that subject's eyes.
func known(field, subject string, entries []audit.Entry) map[string]any {
	var acts []any
	for _, e := range entries {
		acts = append(acts, map[string]any{"time": e.Time.UTC().Format(time.RFC3339), "kind": e.Event.Kind, "tool": e.Event.Tool, "purpose": e.Event.Purpose, "outcome": e.Event.Outcome})
	}
	return map[string]any{field: subject, "since": entries[len(entries)-1].Time.UTC().Format(time.RFC3339), "acts": fmt.Sprint(len(entries)), "looked_at": acts}
}

func (h *House) entries(ctx context.Context, subject string) ([]audit.Entry, error) {
	return h.Trail.Search(ctx, audit.Filter{Subject: subject, Limit: 1000})
}

// Erase destroys the subject's key.
func (h *House) Erase(ctx context.Context, c *Collection, _ Action, targets []Target, _ string) (Effect, error) {
	var effect Effect
	for _, t := range targets {
		certificate, err := h.Trail.Erase(ctx, c.Named(t.Key)["subject"])
		switch {
		case errors.Is(err, audit.ErrErased):
			continue
		case errors.Is(err, audit.ErrHeld):
			return effect, fmt.Errorf("%w: %w", ErrRefused, err)
		case err != nil:
			return effect, err
		}
		effect.Rows++
		effect.External = string(certificate.Receipt)
	}
	return effect, nil
}

// Correct: the trail is a record of what was, and is not mended.
func (h *House) Correct(context.Context, *Collection, []Target, string) (Effect, error) {
	return Effect{}, fmt.Errorf("%w: the trail is not corrected", ErrRefused)
}

// Remains asks the trail for the subject by its tag, which needs the key.
func (h *House) Remains(ctx context.Context, c *Collection, _ Action, targets []Target) ([]Target, error) {
	var left []Target
	for _, t := range targets {
		entries, err := h.entries(ctx, c.Named(t.Key)["subject"])
		if err != nil {
			return nil, err
		}
		if len(entries) > 0 {
			left = append(left, t)
		}
	}
	return left, nil
}

// Search cannot read what has no key; Remains is the whole proof.
func (h *House) Search(context.Context, *System, []string, map[string][]string) ([]Hit, error) {
	return nil, nil
}
