package audit

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
)

// maxLeaf bounds one leaf, and so what a reader must hold at once.
const maxLeaf = 1 << 20

// openingSize is the length of the key of one commitment, in bytes.
const openingSize = 32

// leaf is what the tree is built over. Its JSON is stored and hashed as
// written; field order and names are part of the format.
type leaf struct {
	Time     string            `json:"time"` // RFC 3339 UTC, microseconds, always as long
	Kind     string            `json:"kind"`
	Agent    string            `json:"agent,omitempty"`
	Roles    []string          `json:"roles,omitempty"`
	Session  string            `json:"session,omitempty"`
	Tool     string            `json:"tool,omitempty"`
	Screen   string            `json:"screen,omitempty"`
	Outcome  string            `json:"outcome,omitempty"`
	Reason   string            `json:"reason,omitempty"`
	Purpose  string            `json:"purpose,omitempty"`
	Case     string            `json:"case,omitempty"`
	Request  string            `json:"request,omitempty"`
	Intent   Receipt           `json:"intent,omitempty"`
	Bundle   string            `json:"bundle,omitempty"`
	Records  int               `json:"records,omitempty"`
	Classes  map[string]string `json:"classes,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Subjects []string          `json:"subjects,omitempty"`
	Personal map[string]string `json:"personal,omitempty"`
}

const leafTime = "2006-01-02T15:04:05.000000Z"

// stamp writes the time of the batch into an encoded leaf.
func stamp(encoded []byte, at time.Time) {
	copy(encoded[len(`{"time":"`):], at.UTC().Format(leafTime))
}

// encode makes the leaf of e, with room for the time, and the openings of its
// personal values.
func encode(e Event, tags []string) ([]byte, map[string]opening, error) {
	l := leaf{Time: leafTime, Kind: e.Kind, Agent: e.Agent, Roles: e.Roles, Session: e.Session, Tool: e.Tool,
		Screen: e.Screen, Outcome: e.Outcome, Reason: e.Reason, Purpose: e.Purpose, Case: e.Case, Request: e.Request,
		Intent: e.Intent, Bundle: e.Bundle, Records: e.Records, Classes: e.Classes, Detail: e.Detail, Subjects: tags}
	var openings map[string]opening
	if len(e.Personal) > 0 {
		l.Personal = make(map[string]string, len(e.Personal))
		openings = make(map[string]opening, len(e.Personal))
		for name, value := range e.Personal {
			key := make([]byte, openingSize)
			rand.Read(key)
			openings[name] = opening{Value: value, Opening: key}
			l.Personal[name] = commit(key, name, value)
		}
	}
	encoded, err := json.Marshal(l)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrEvent, err)
	}
	if len(encoded) > maxLeaf {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d", ErrEvent, len(encoded), maxLeaf)
	}
	return encoded, openings, nil
}

// decode reads a stored leaf; personal values and subjects are filled in by
// whoever has their keys.
func decode(lane, index int64, encoded []byte) (Entry, leaf, error) {
	var l leaf
	if err := json.Unmarshal(encoded, &l); err != nil {
		return Entry{}, leaf{}, fmt.Errorf("%w: leaf %d.%d: %w", ErrBroken, lane, index, err)
	}
	at, err := time.Parse(leafTime, l.Time)
	if err != nil {
		return Entry{}, leaf{}, fmt.Errorf("%w: leaf %d.%d: %w", ErrBroken, lane, index, err)
	}
	return Entry{Receipt: receiptOf(lane, index), Time: at, Tags: l.Subjects, Event: Event{
		Kind: l.Kind, Agent: l.Agent, Roles: l.Roles, Session: l.Session, Tool: l.Tool, Screen: l.Screen,
		Outcome: l.Outcome, Reason: l.Reason, Purpose: l.Purpose, Case: l.Case, Request: l.Request, Intent: l.Intent,
		Bundle: l.Bundle, Records: l.Records, Classes: l.Classes, Detail: l.Detail}}, l, nil
}

// opening is what turns one commitment back into its value.
type opening struct {
	Value   string `json:"value"`
	Opening []byte `json:"opening"`
}

func commit(key []byte, name, value string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// opens says whether o is the opening of the commitment.
func (o opening) opens(name, commitment string) bool {
	return len(o.Opening) == openingSize && hmac.Equal([]byte(commit(o.Opening, name, o.Value)), []byte(commitment))
}

// tagSize is the length of a subject's tag, in bytes: 32 characters.
const tagSize = 24

// tagOf is a commitment too: its key alone shows whom a tag names.
func tagOf(key []byte, subject string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:tagSize])
}

func tagBytes(tag string) []byte {
	b, err := base64.RawURLEncoding.DecodeString(tag)
	if err != nil {
		return nil
	}
	return b
}

func tagText(tag []byte) string { return base64.RawURLEncoding.EncodeToString(tag) }

func leafHash(encoded []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(encoded) }
