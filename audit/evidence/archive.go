package evidence

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
)

// Names of an export's files.
const (
	ReadmeFile    = "README.txt"
	ManifestFile  = "manifest.json"
	SignatureFile = "manifest.sig"
	EntriesFile   = "entries.jsonl"
	CSVFile       = "entries.csv"
	HeadersFile   = "headers.jsonl"
	ReceiptsFile  = "erasures.jsonl"
)

// CheckpointFile is the name of a lane's checkpoint; first says whether it is
// the first lane of the export.
func CheckpointFile(lane int64, first bool) string {
	if first {
		return "checkpoint"
	}
	return "checkpoint." + strconv.FormatInt(lane, 10)
}

// ProofFile and HashesFile are the names of a lane's proofs.
func ProofFile(lane int64) string  { return fmt.Sprintf("proofs/%d.json", lane) }
func HashesFile(lane int64) string { return fmt.Sprintf("proofs/%d.hashes", lane) }

// Format names this version of the archive.
const Format = "privet export v1"

// Titles of the notes over the manifest and over the whole archive.
const (
	ManifestTitle = "privet export manifest v1"
	ArchiveTitle  = "privet export archive v1"
)

// Manifest says what was asked and what is here.
type Manifest struct {
	Format  string          `json:"format"`
	Made    time.Time       `json:"made"`
	By      string          `json:"by,omitempty"` // the officer
	Receipt string          `json:"receipt"`      // of this export in the trail
	Filter  Filter          `json:"filter"`
	Entries int64           `json:"entries"`
	Lanes   []Lane          `json:"lanes"`
	Files   map[string]File `json:"files"`
}

// Filter is what was asked for; zero fields ask for all.
type Filter struct {
	From    time.Time `json:"from,omitzero"` // From ≤ time < To
	To      time.Time `json:"to,omitzero"`
	Kind    string    `json:"kind,omitempty"` // "view.intent", or all below a word: "view.*"
	Agent   string    `json:"agent,omitempty"`
	Subject string    `json:"subject,omitempty"`
	Tag     string    `json:"tag,omitempty"`     // of the subject
	Opening []byte    `json:"opening,omitempty"` // shows that the tag is the subject's
}

// All says whether the filter asks for everything.
func (f Filter) All() bool {
	return f.Kind == "" && f.Agent == "" && f.Subject == "" && f.From.IsZero() && f.To.IsZero()
}

// Matches says whether a leaf was asked for.
func (f Filter) Matches(l Leaf, at time.Time) bool {
	if !f.From.IsZero() && at.Before(f.From) || !f.To.IsZero() && !at.Before(f.To) {
		return false
	}
	if prefix, all := strings.CutSuffix(f.Kind, "*"); all {
		if !strings.HasPrefix(l.Kind, prefix) {
			return false
		}
	} else if f.Kind != "" && l.Kind != f.Kind {
		return false
	}
	if f.Agent != "" && l.Agent != f.Agent {
		return false
	}
	return f.Subject == "" || f.Tag != "" && slices.Contains(l.Subjects, f.Tag)
}

// Lane is one log's part of an export: leaves Begin to End of Size.
type Lane struct {
	Lane   int64  `json:"lane"`
	Origin string `json:"origin"`
	Size   int64  `json:"size"`
	Begin  int64  `json:"begin"`
	End    int64  `json:"end"`
	Pruned int64  `json:"pruned,omitempty"` // leaves before it are gone, by a receipt
}

// File is one file of an archive.
type File struct {
	SHA256 string `json:"sha256"`
	Bytes  int64  `json:"bytes"`
}

// Proof ties a range to its root.
type Proof struct {
	Left  [][]byte `json:"left"`  // the compact range before Begin
	Right [][]byte `json:"right"` // the compact range from End to Size
}

// Receipt is an entry that explains an absence, with its inclusion proof.
type Receipt struct {
	Lane  int64    `json:"lane"`
	Index int64    `json:"index"`
	Leaf  string   `json:"leaf"` // as it was hashed
	Proof [][]byte `json:"proof"`
}

// Kinds of entries that explain an absence: Detail names the tag, or the lane
// and the index before which leaves are gone.
const (
	KindErased = "subject.erased"
	KindPruned = "trail.pruned"
)

// Line is one line of entries.jsonl or headers.jsonl.
type Line struct {
	Lane, Index int64
	Leaf        []byte // as it was hashed
	Subjects    map[string]Naming
	Personal    map[string]Opening
}

const (
	linePrefix = `{"receipt":"`
	lineLeaf   = `","leaf":`
	lineOpen   = `,"subjects":{`
)

// Append writes the line, with its newline, to b.
func (l Line) Append(b []byte) ([]byte, error) {
	b = append(b, linePrefix...)
	b = strconv.AppendInt(b, l.Lane, 10)
	b = append(b, '.')
	b = strconv.AppendInt(b, l.Index, 10)
	b = append(b, lineLeaf...)
	b = append(b, l.Leaf...)
	if len(l.Subjects)+len(l.Personal) > 0 {
		subjects, err := json.Marshal(l.Subjects, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		personal, err := json.Marshal(l.Personal, json.Deterministic(true))
		if err != nil {
			return nil, err
		}
		b = append(append(b, `,"subjects":`...), subjects...)
		b = append(append(b, `,"personal":`...), personal...)
	}
	return append(b, '}', '\n'), nil
}

// parseLine takes a line apart without its newline. The leaf is cut out by
// its borders and not parsed: no field of a leaf named "subjects" is an object,
// and inside a string quotes are escaped. Its hash will tell the rest.
func parseLine(line []byte) (Line, error) {
	var l Line
	rest, ok := bytes.CutPrefix(line, []byte(linePrefix))
	receipt, rest, ok2 := bytes.Cut(rest, []byte(lineLeaf))
	rest, ok3 := bytes.CutSuffix(rest, []byte("}"))
	if !ok || !ok2 || !ok3 {
		return l, fmt.Errorf("not a line of an export")
	}
	var err error
	if l.Lane, l.Index, err = parseReceipt(string(receipt)); err != nil {
		return l, err
	}
	i := bytes.Index(rest, []byte(lineOpen))
	if i < 0 {
		l.Leaf = rest
		return l, nil
	}
	l.Leaf = rest[:i]
	var opened struct {
		Subjects map[string]Naming  `json:"subjects"`
		Personal map[string]Opening `json:"personal"`
	}
	if err := json.Unmarshal(slices.Concat([]byte{'{'}, rest[i+1:], []byte{'}'}), &opened); err != nil {
		return l, err
	}
	l.Subjects, l.Personal = opened.Subjects, opened.Personal
	return l, nil
}

func parseReceipt(text string) (lane, index int64, err error) {
	a, b, _ := strings.Cut(text, ".")
	lane, err1 := strconv.ParseInt(a, 10, 64)
	index, err2 := strconv.ParseInt(b, 10, 64)
	if err1 != nil || err2 != nil || strconv.FormatInt(lane, 10) != a || strconv.FormatInt(index, 10) != b {
		return 0, 0, fmt.Errorf("receipt %q is not of the form LANE.INDEX", text)
	}
	return lane, index, nil
}
