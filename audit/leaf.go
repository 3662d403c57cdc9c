package audit

import (
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"strings"

	"github.com/privet-gateway/privet/audit/evidence"
)

// maxLeaf is what an entry bundle of tlog-tiles can hold.
const maxLeaf = 1<<16 - 1

// MaxSubjects is how many cardholders one event may name: their tags fill most
// of a leaf, and leave 13 KB for the rest. Who shows more people at once appends
// several events.
const MaxSubjects = 1500

// encode makes the leaf of e, with room for the time, and the openings of its
// personal values.
func encode(e Event, tags []string) ([]byte, map[string]evidence.Opening, error) {
	l := evidence.Leaf{Time: evidence.LeafTime, Kind: e.Kind, Agent: e.Agent, Roles: e.Roles, Session: e.Session, Tool: e.Tool,
		Screen: e.Screen, Outcome: e.Outcome, Reason: e.Reason, Purpose: e.Purpose, Case: e.Case, Request: e.Request,
		Intent: string(e.Intent), Bundle: e.Bundle, Records: e.Records, Classes: e.Classes, Detail: e.Detail, Subjects: tags}
	var openings map[string]evidence.Opening
	if len(e.Personal) > 0 {
		l.Personal = make(map[string]string, len(e.Personal))
		openings = make(map[string]evidence.Opening, len(e.Personal))
		for name, value := range e.Personal {
			value = strings.ToValidUTF8(value, "\ufffd") // as JSON will store it
			key := make([]byte, evidence.OpeningSize)
			rand.Read(key)
			openings[name] = evidence.Opening{Value: value, Key: key}
			l.Personal[name] = evidence.Commit(key, name, value)
		}
	}
	encoded := l.Append(make([]byte, 0, 1024))
	if len(encoded) > maxLeaf {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEvent, len(encoded), maxLeaf)
	}
	return encoded, openings, nil
}

// decode reads a stored leaf; personal values and subjects are filled in by
// whoever has their keys.
func decode(lane, index int64, encoded []byte) (Entry, error) {
	l, at, err := evidence.Decode(encoded)
	if err != nil {
		return Entry{}, fmt.Errorf("%w: %d.%d: %w", ErrBroken, lane, index, err)
	}
	return Entry{Receipt: receiptOf(lane, index), Time: at, Tags: l.Subjects, Event: Event{
		Kind: l.Kind, Agent: l.Agent, Roles: l.Roles, Session: l.Session, Tool: l.Tool, Screen: l.Screen,
		Outcome: l.Outcome, Reason: l.Reason, Purpose: l.Purpose, Case: l.Case, Request: l.Request, Intent: Receipt(l.Intent),
		Bundle: l.Bundle, Records: l.Records, Classes: l.Classes, Detail: l.Detail}}, nil
}

func tagBytes(tag string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(tag)
	if err != nil {
		return nil
	}
	return b
}

func tagText(tag []byte) string { return base64.RawURLEncoding.EncodeToString(tag) }
