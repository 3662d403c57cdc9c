package scoring

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"unicode/utf16"

	"github.com/privet-gateway/privet/redact"
)

// Spec is one specification of Recognizers-Text: a text and the values in it.
type Spec struct {
	Lang, Class string
	Text        string
	Want        [][2]int // byte offsets
}

// Specs reads recognizers_text_cases.jsonl, one class ("Sequence.PhoneNumber")
// or, with an empty class, all.
func Specs(dir, class string) ([]Spec, error) {
	f, err := os.Open(filepath.Join(dir, "recognizers_text_cases.jsonl"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []Spec
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var in struct {
			Lang    string `json:"lang"`
			Cls     string `json:"cls"`
			Input   string `json:"input"`
			Results []struct {
				Text  string `json:"text"`
				Start *int   `json:"start"`
				End   *int   `json:"end_incl"`
			} `json:"results"`
		}
		if err := json.Unmarshal(sc.Bytes(), &in); err != nil {
			return nil, fmt.Errorf("read specs: %w", err)
		}
		if class != "" && !strings.Contains(in.Cls, class) {
			continue
		}
		s := Spec{Lang: in.Lang, Class: in.Cls, Text: in.Input}
		for _, r := range in.Results {
			if r.Start != nil && r.End != nil {
				s.Want = append(s.Want, utf16Range(in.Input, *r.Start, *r.End+1))
			} else if i := strings.Index(strings.ToLower(in.Input), strings.ToLower(r.Text)); i >= 0 {
				s.Want = append(s.Want, [2]int{i, i + len(r.Text)})
			}
		}
		out = append(out, s)
	}
	return out, nil
}

func utf16Range(s string, from, to int) [2]int {
	var out [2]int
	n := 0
	for i, r := range s {
		if n == from {
			out[0] = i
		}
		if n < to {
			out[1] = i + len(string(r))
		}
		n += utf16.RuneLen(r)
	}
	return out
}

// Right reports whether each wanted value is found, and nothing else.
func (s Spec) Right(found []redact.Span) bool {
	for _, w := range s.Want {
		if !slices.ContainsFunc(found, func(f redact.Span) bool { return f.Start < w[1] && w[0] < f.End }) {
			return false
		}
	}
	for _, f := range found {
		if !slices.ContainsFunc(s.Want, func(w [2]int) bool { return f.Start < w[1] && w[0] < f.End }) {
			return false
		}
	}
	return true
}
