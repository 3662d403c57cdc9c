// Package scoring measures how well a finder of personal data does on public
// labelled texts. The engine's own tests, the benchmark's table and the peers
// beside it are all judged by these functions, so that figures compare.
//
// The texts are not part of the repository: Dir finds them, or says that they
// are not there.
package scoring

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/privet-gateway/privet/redact"
)

// Finder returns the byte spans of personal data in a text.
type Finder func(text string) []redact.Span

// Engine is the finder of an engine.
func Engine(e *redact.Engine) Finder {
	return func(text string) []redact.Span { return e.Find(nil, []byte(text)) }
}

// ErrNoTexts: the labelled texts are not on this machine.
var ErrNoTexts = errors.New("no labelled texts: set PRIVET_TESTDATA to the folder that has redaction/ in it")

// Dir is the folder of the labelled texts: under PRIVET_TESTDATA, or in
// shared/testdata beside a folder above this one.
func Dir() (string, error) {
	if d := os.Getenv("PRIVET_TESTDATA"); d != "" {
		return filepath.Join(d, "redaction"), nil
	}
	at, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		d := filepath.Join(at, "shared", "testdata", "redaction")
		if _, err := os.Stat(d); err == nil {
			return d, nil
		}
		up := filepath.Dir(at)
		if up == at {
			return "", ErrNoTexts
		}
		at = up
	}
}

// Gold is one labelled value: byte offsets into its text.
type Gold struct {
	Start, End int
	Kind       string
}

// Sample is a text with every personal value in it.
type Sample struct {
	Text     string
	Gold     []Gold
	Template int
}

// Synth reads presidio-research's synth_dataset_v2.json or a set of its shape.
func Synth(path string) ([]Sample, error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var in []struct {
		Text     string `json:"full_text"`
		Template int    `json:"template_id"`
		Spans    []struct {
			Kind  string `json:"entity_type"`
			Start int    `json:"start_position"`
			End   int    `json:"end_position"`
		} `json:"spans"`
	}
	if err := json.Unmarshal(raw, &in); err != nil {
		return nil, fmt.Errorf("read %s: %w", filepath.Base(path), err)
	}
	var out []Sample
	for _, x := range in {
		at := byteOffsets(x.Text)
		s := Sample{Text: x.Text, Template: x.Template}
		for _, g := range x.Spans {
			s.Gold = append(s.Gold, Gold{at[g.Start], at[g.End], g.Kind})
		}
		out = append(out, s)
	}
	return out, nil
}

// Halves parts samples by template: every second template, in the order of
// their numbers, is for tuning, the others are for scoring only.
func Halves(all []Sample) (tune, held []Sample) {
	var ids []int
	for _, s := range all {
		ids = append(ids, s.Template)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	for _, s := range all {
		if i, _ := slices.BinarySearch(ids, s.Template); i%2 == 0 {
			tune = append(tune, s)
		} else {
			held = append(held, s)
		}
	}
	return tune, held
}

// byteOffsets maps code points to bytes.
func byteOffsets(s string) []int {
	var at []int
	for i := range s {
		at = append(at, i)
	}
	return append(at, len(s))
}

// Overlap is the score of PII against the rest: a labelled value counts as
// caught when a finding overlaps it, a finding as right when it overlaps a
// labelled value.
type Overlap struct {
	Gold, Caught  int
	Found, Right  int
	Clean, Harmed int // texts without a labelled value, and those of them in which something was found
	ByKind        map[string][2]int
	Missed, False []string // what went wrong, with its text
}

// Recall, Precision and F2, which weighs recall twice as much.
func (o *Overlap) Recall() float64    { return ratio(o.Caught, o.Gold) }
func (o *Overlap) Precision() float64 { return ratio(o.Right, o.Found) }
func (o *Overlap) F2() float64 {
	p, r := o.Precision(), o.Recall()
	if p+r == 0 {
		return 0
	}
	return 5 * p * r / (4*p + r)
}

func ratio(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// ScoreOverlap judges a finder on samples.
func ScoreOverlap(samples []Sample, find Finder) *Overlap {
	o := &Overlap{ByKind: map[string][2]int{}}
	for _, s := range samples {
		found := find(s.Text)
		for _, g := range s.Gold {
			o.Gold++
			k := o.ByKind[g.Kind]
			k[1]++
			if slices.ContainsFunc(found, func(f redact.Span) bool { return f.Start < g.End && g.Start < f.End }) {
				o.Caught++
				k[0]++
			} else {
				o.Missed = append(o.Missed, fmt.Sprintf("%d %s %q in %q", s.Template, g.Kind, s.Text[g.Start:g.End], s.Text))
			}
			o.ByKind[g.Kind] = k
		}
		for _, f := range found {
			o.Found++
			if slices.ContainsFunc(s.Gold, func(g Gold) bool { return f.Start < g.End && g.Start < f.End }) {
				o.Right++
			} else {
				o.False = append(o.False, fmt.Sprintf("%d %s/%s %q in %q", s.Template, f.Class, f.Rule, s.Text[f.Start:f.End], s.Text))
			}
		}
		if len(s.Gold) == 0 {
			o.Clean++
			if len(found) > 0 {
				o.Harmed++
			}
		}
	}
	return o
}

// Case is one unit case of a reference recogniser: a text and how many values
// of one kind it holds.
type Case struct {
	Source string
	Kinds  []string
	Text   string
	N      int
	Spans  [][2]int // byte offsets; may be empty although N is not 0
}

// PresidioCases reads presidio_recognizer_cases.jsonl.
func PresidioCases(dir string) ([]Case, error) {
	f, err := os.Open(filepath.Join(dir, "presidio_recognizer_cases.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Case
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var in struct {
			Src      string   `json:"src"`
			Entities []string `json:"entities"`
			Text     string   `json:"text"`
			N        *int     `json:"n"`
			Spans    [][2]int `json:"spans"`
		}
		if err := json.Unmarshal(sc.Bytes(), &in); err != nil {
			return nil, fmt.Errorf("read cases: %w", err)
		}
		if in.N == nil {
			continue // not labelled
		}
		at := byteOffsets(in.Text)
		c := Case{Source: in.Src, Kinds: in.Entities, Text: in.Text, N: *in.N}
		for _, s := range in.Spans {
			c.Spans = append(c.Spans, [2]int{at[min(s[0], len(at)-1)], at[min(s[1], len(at)-1)]})
		}
		out = append(out, c)
	}
	return out, nil
}

// Right reports whether the findings agree with the case: as many as there are
// values, each labelled one overlapped.
func (c Case) Right(found []redact.Span) bool {
	if c.N == 0 {
		return len(found) == 0
	}
	for _, s := range c.Spans {
		if !slices.ContainsFunc(found, func(f redact.Span) bool { return f.Start < s[1] && s[0] < f.End }) {
			return false
		}
	}
	return len(found) == c.N || len(c.Spans) > 0 && len(found) >= 1 && len(found) <= c.N
}
