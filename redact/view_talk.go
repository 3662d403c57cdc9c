package redact

import (
	"bytes"
	"fmt"
	"io"
)

// Talk names the fields of a document that are a conversation: who speaks, which
// stands before what is said, and the utterance. A value that is dictated over
// several utterances can only be seen by reading all of them.
type Talk struct{ Speaker, Text string }

// ear reads a conversation twice: first it listens, then it repeats what may be
// repeated.
type ear struct {
	speaker string
	heard   []Turn
	told    []RedactedTurn // nil while it listens
	next    int
}

// listen reads a document that holds a conversation whole, and hears it.
func (v *rewriting) listen(src io.Reader, kind string) (io.Reader, error) {
	most := v.plan.cfg.MaxRecord
	document, err := io.ReadAll(io.LimitReader(src, int64(most)+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if len(document) > most {
		return nil, fmt.Errorf("%w: a conversation of more than %d bytes", ErrTooLarge, most)
	}
	first := &rewriting{plan: v.plan, scan: v.scan, ear: &ear{}}
	if err := first.body(io.Discard, bytes.NewReader(document), kind); err != nil {
		return nil, err
	}
	v.ear = &ear{told: []RedactedTurn{}}
	if v.scan != nil {
		v.ear.told = v.scan.Conversation(first.ear.heard)
	}
	return bytes.NewReader(document), nil
}

// said treats a field of a conversation; ok is false for every other field.
func (v *rewriting) said(f *Field, do Treatment, text []byte) (out []byte, done Treatment, ok bool) {
	switch {
	case v.ear == nil:
		return nil, Withhold, false
	case f == v.plan.speaker:
		v.ear.speaker = string(text)
		return nil, Withhold, false
	case f != v.plan.utterance || do != Scrub:
		return nil, Withhold, false
	case v.ear.told == nil:
		v.ear.heard = append(v.ear.heard, Turn{Speaker: v.ear.speaker, Text: string(text)})
		return nil, Withhold, true
	case v.ear.next == len(v.ear.told) || v.ear.told[v.ear.next].Text != string(text):
		return nil, Withhold, true // not what was heard: a document that changed under our eyes
	}
	out = []byte(v.ear.told[v.ear.next].Redacted)
	v.ear.next++
	if hidesCard(out) {
		return nil, Withhold, true
	}
	return out, Scrub, true
}

// again is the ear for a second reading of the same document.
func (e *ear) again() *ear {
	if e == nil {
		return nil
	}
	return &ear{told: e.told}
}
