package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/transparency-dev/merkle/rfc6962"
)

// Leaf is what the tree is built over. Its JSON is stored and hashed as
// written; field order and names are part of the format.
type Leaf struct {
	Time     string            `json:"time"` // LeafTime
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
	Intent   string            `json:"intent,omitempty"`
	Bundle   string            `json:"bundle,omitempty"`
	Records  int               `json:"records,omitempty"`
	Classes  map[string]string `json:"classes,omitempty"`
	Detail   map[string]string `json:"detail,omitempty"`
	Subjects []string          `json:"subjects,omitempty"` // tags
	Personal map[string]string `json:"personal,omitempty"` // name → commitment
}

// LeafTime is the layout of a leaf's time: RFC 3339, UTC, always as long.
const LeafTime = "2006-01-02T15:04:05.000000Z"

// Stamp writes a time into an encoded leaf whose time is the layout itself.
func Stamp(encoded []byte, at time.Time) {
	copy(encoded[len(`{"time":"`):], at.UTC().Format(LeafTime))
}

// Decode reads an encoded leaf.
func Decode(encoded []byte) (Leaf, time.Time, error) {
	var l Leaf
	if err := json.Unmarshal(encoded, &l); err != nil {
		return l, time.Time{}, fmt.Errorf("leaf: %w", err)
	}
	at, err := time.Parse(LeafTime, l.Time)
	if err != nil {
		return l, at, fmt.Errorf("leaf: %w", err)
	}
	return l, at, nil
}

// LeafHash is the tree's hash of a leaf (RFC 6962 §2.1).
func LeafHash(encoded []byte) []byte { return rfc6962.DefaultHasher.HashLeaf(encoded) }

// Opening turns one commitment back into its value.
type Opening struct {
	Value string `json:"value"`
	Key   []byte `json:"opening"` // OpeningSize random bytes
}

// OpeningSize is the length of the key of a commitment, in bytes.
const OpeningSize = 32

// Commit is the commitment to a named value under a random key.
func Commit(key []byte, name, value string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(name))
	mac.Write([]byte{0})
	mac.Write([]byte(value))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Opens says whether o is the opening of the commitment.
func (o Opening) Opens(name, commitment string) bool {
	return len(o.Key) == OpeningSize && hmac.Equal([]byte(Commit(o.Key, name, o.Value)), []byte(commitment))
}

// Naming shows whom a tag names.
type Naming struct {
	Subject string `json:"id"`
	Key     []byte `json:"opening"` // OpeningSize bytes, derived from the subject's data key
}

// TagSize is the length of a subject's tag, in bytes: 32 characters.
const TagSize = 24

// Tag is how leaves name a subject: a commitment too, the same in all leaves
// until the subject is erased.
func Tag(key []byte, subject string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(subject))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:TagSize])
}

// Opens says whether n shows whom the tag names.
func (n Naming) Opens(tag string) bool {
	return len(n.Key) == OpeningSize && hmac.Equal([]byte(Tag(n.Key, n.Subject)), []byte(tag))
}
