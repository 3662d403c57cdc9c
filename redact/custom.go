package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"regexp/syntax"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// Detector is a user's own rule: a list of keywords, or a pattern.
type Detector struct {
	Name      string   `yaml:"name"`      // letters, digits, '_' and '-'; the rule of its spans
	Class     Class    `yaml:"class"`     // the label that replaces a match
	Keywords  []string `yaml:"keywords"`  // words and phrases, in any case and spelling
	Pattern   string   `yaml:"pattern"`   // RE2, matched against the normalised text from the beginning of a word or number on, up to 200 bytes
	Context   []string `yaml:"context"`   // words of which one must stand within twelve words before
	Validator string   `yaml:"validator"` // luhn, pan, iban, routing, ssn, phone or verhoeff: what a match must pass
	line      int
}

// Rules are a user's detectors and the values that are nobody's: test cards, the
// company's own numbers.
type Rules struct {
	Detectors []Detector `yaml:"detectors"`
	Suppress  []string   `yaml:"suppress"` // values, in any grouping, that are never redacted
	lines     []int
}

// ErrRules: a user's rules are faulty. The error names file, line and reason.
var ErrRules = errors.New("faulty detection rules")

// ParseRules reads rules in YAML; name is the file's name for errors.
func ParseRules(name string, text []byte) (r Rules, err error) {
	defer func() {
		if recover() != nil { // the library panics on some tags
			r, err = Rules{}, fmt.Errorf("%w: %s: cannot be read as YAML; look for tags (!) that fit nothing", ErrRules, name)
		}
	}()
	file, err := parser.ParseBytes(text, 0)
	if err == nil {
		err = yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(&r)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return Rules{}, fmt.Errorf("%w: %s:%s", ErrRules, name, yaml.FormatError(err, false, false))
	}
	for i, line := range entryLines(file, "detectors") {
		r.Detectors[i].line = line
	}
	r.lines = entryLines(file, "suppress")
	if _, err := compileCustom(r); err != nil {
		return Rules{}, fmt.Errorf("%w: %s:%w", ErrRules, name, err)
	}
	return r, nil
}

// entryLines are the lines of the entries of the list under a key.
func entryLines(file *ast.File, key string) (lines []int) {
	if len(file.Docs) == 0 {
		return nil
	}
	var pairs []*ast.MappingValueNode
	switch top := file.Docs[0].Body.(type) {
	case *ast.MappingNode:
		pairs = top.Values
	case *ast.MappingValueNode:
		pairs = []*ast.MappingValueNode{top}
	}
	for _, p := range pairs {
		if list, ok := p.Value.(*ast.SequenceNode); ok && p.Key.String() == key {
			for _, v := range list.Values {
				lines = append(lines, v.GetToken().Position.Line)
			}
		}
	}
	return lines
}

// custom are compiled rules.
type custom struct {
	patterns []customPattern
	words    *knownIndex
	suppress map[string]bool // letters and digits of the values
}

type customPattern struct {
	re      *regexp.Regexp
	prefix  string
	class   Class
	name    string
	context map[uint64]bool
	valid   func([]byte) bool
}

// validators are the checks that a detector may name.
func validator(name string) (func([]byte) bool, bool) {
	digits := func(f func([]byte) bool) func([]byte) bool {
		return func(b []byte) bool {
			var d []byte
			for _, c := range b {
				if isDigit(c) {
					d = append(d, c)
				}
			}
			return len(d) > 1 && f(d)
		}
	}
	switch name {
	case "":
		return nil, true
	case "luhn":
		return digits(luhn), true
	case "pan":
		return digits(validPAN), true
	case "routing":
		return digits(validRouting), true
	case "ssn":
		return digits(validSSN), true
	case "verhoeff":
		return digits(verhoeff), true
	case "phone":
		return digits(func(d []byte) bool { return validInternational(d) }), true
	case "iban":
		return func(b []byte) bool { return validIBAN([]byte(Canonical(IBAN, b))) }, true
	}
	return nil, false
}

// compileCustom checks rules; an error begins with the line, if it is known.
func compileCustom(r Rules) (*custom, error) {
	if len(r.Detectors) == 0 && len(r.Suppress) == 0 {
		return nil, nil
	}
	out := &custom{suppress: map[string]bool{}}
	known := map[Class]bool{}
	for _, c := range Classes() {
		known[c] = true
	}
	for _, d := range r.Detectors {
		bad := func(format string, args ...any) error {
			return fmt.Errorf("%d: detector %q: %s", d.line, d.Name, fmt.Sprintf(format, args...))
		}
		if d.Name == "" || strings.Trim(strings.ToLower(d.Name), "abcdefghijklmnopqrstuvwxyz0123456789_-") != "" {
			return nil, bad("name: want letters, digits, '_' and '-'")
		}
		if !known[d.Class] {
			return nil, bad("class %q is not known", d.Class)
		}
		valid, ok := validator(d.Validator)
		if !ok {
			return nil, bad("validator %q: want luhn, pan, iban, routing, ssn, phone or verhoeff", d.Validator)
		}
		switch {
		case d.Pattern == "" && len(d.Keywords) == 0:
			return nil, bad("has neither keywords nor a pattern")
		case d.Pattern != "" && len(d.Keywords) > 0:
			return nil, bad("has both keywords and a pattern: make two detectors of it")
		case d.Pattern == "" && (len(d.Context) > 0 || valid != nil):
			return nil, bad("context and validator belong to a pattern")
		}
		if d.Pattern != "" {
			p, err := compilePattern(d)
			if err != nil {
				return nil, bad("pattern: %v", err)
			}
			p.valid = valid
			out.patterns = append(out.patterns, p)
		}
		for _, k := range d.Keywords {
			if out.words == nil {
				out.words = &knownIndex{forms: map[uint64][]knownForm{}, numbers: map[byte][]knownNumber{}}
			}
			if len(out.words.addForm(k, d.Class, false, d.Name)) == 0 {
				return nil, bad("keyword %q has no letter or digit", k)
			}
		}
	}
	for i, v := range r.Suppress {
		c := Canonical(NationalID, []byte(v))
		if c == "" {
			line := 0
			if i < len(r.lines) {
				line = r.lines[i]
			}
			return nil, fmt.Errorf("%d: suppress %q: no letter or digit in it", line, v)
		}
		out.suppress[c] = true
	}
	return out, nil
}

func compilePattern(d Detector) (customPattern, error) {
	tree, err := syntax.Parse(d.Pattern, syntax.Perl)
	if err != nil {
		return customPattern{}, err
	}
	if bound := hasAnchor(tree); bound != "" {
		return customPattern{}, fmt.Errorf("%s cannot be used: a stream has no such place", bound)
	}
	re, err := regexp.Compile("^(?:" + d.Pattern + ")")
	if err != nil {
		return customPattern{}, err
	}
	if re.MatchString("") {
		return customPattern{}, errors.New("it matches the empty text")
	}
	p := customPattern{re: re, class: d.Class, name: d.Name}
	p.prefix, _ = regexp.MustCompile(d.Pattern).LiteralPrefix()
	for _, w := range d.Context {
		if p.context == nil {
			p.context = map[uint64]bool{}
		}
		parts := phraseWords(w)
		if len(parts) == 0 {
			return customPattern{}, fmt.Errorf("context %q has no letter", w)
		}
		p.context[parts[len(parts)-1]] = true
	}
	return p, nil
}

// hasAnchor finds an anchor in a pattern.
func hasAnchor(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpBeginText, syntax.OpEndText, syntax.OpBeginLine, syntax.OpEndLine:
		return re.String()
	}
	for _, sub := range re.Sub {
		if s := hasAnchor(sub); s != "" {
			return s
		}
	}
	return ""
}

// findCustom looks for a user's value at token i.
func (s *scan) findCustom(i int) bool {
	t := &s.toks[i]
	if t.gap == joined && i > 0 && s.prev(i).kind != mark && s.prev(i).kind != han {
		return false
	}
	text := s.surface.norm[t.s:s.toks[s.limit-1].e]
	for k := range s.custom.patterns {
		p := &s.custom.patterns[k]
		if len(text) < len(p.prefix) || string(text[:len(p.prefix)]) != p.prefix {
			continue
		}
		loc := p.re.FindIndex(text)
		if loc == nil || loc[1] == 0 || p.context != nil && !s.contextOf(i, p.context) || p.valid != nil && !p.valid(text[:loc[1]]) {
			continue
		}
		end := t.s + int32(loc[1])
		last := i
		for last+1 < s.limit && s.toks[last+1].s < end {
			last++
		}
		s.record(t.s, end, last, p.class, p.name, 1)
		return true
	}
	return s.custom.words != nil && t.kind != mark && s.matchKnown(s.custom.words, i)
}

// contextOf: one of the words was read within twelve tokens before.
func (s *scan) contextOf(i int, context map[uint64]bool) bool {
	for j := max(0, i-12); j < i; j++ {
		if context[s.toks[j].hash] {
			return true
		}
	}
	return false
}

// suppressed: the value is on the list of those that are nobody's.
func (s *scan) suppressed(a, b int32) bool {
	if s.custom == nil || len(s.custom.suppress) == 0 {
		return false
	}
	var buf [64]byte
	n := 0
	for _, c := range s.surface.norm[a:b] {
		if isDigit(c) || isLetter(c) || c >= 0x80 {
			if n == len(buf) {
				return false
			}
			buf[n] = upper(c)
			n++
		}
	}
	return s.custom.suppress[string(buf[:n])]
}
