package rights

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Turn is one text of a conversation and who said it; "" if nobody is named.
type Turn struct{ Speaker, Text string }

// Found is personal data in a text: bytes of it, and the class.
type Found struct {
	Start, End int
	Class      string
}

// Redactor finds personal data in the turns of one conversation, whoever it is about.
type Redactor interface {
	Find(ctx context.Context, turns []Turn, language string) ([][]Found, error)
}

// Edit is an officer's word on what a transcript tells about other people: hide what
// was not found, or show what was found and may be shown. It is part of the plan, so
// what is approved is what the person gets.
type Edit struct {
	Words   string `json:"words"`
	Show    bool   `json:"show,omitempty"`
	Where   string `json:"where,omitempty"` // a passage's ID; "" is every passage
	Reason  string `json:"reason"`          // one of [EditReasons]
	Officer string `json:"officer"`
	Receipt string `json:"receipt"`
}

// EditReasons are why an officer may hide or show, GDPR Art. 15(4) and its kin.
func EditReasons(show bool) []string {
	if show {
		return []string{"own", "consent", "public", "staff"}
	}
	return []string{"person", "confidential", "child", "staff_safety"}
}

const (
	mostEdits = 200
	mostWords = 200 // bytes
)

// How a part of a text stands.
const (
	Plain  = ""       // nothing was found
	Theirs = "own"    // the person's own data: shown
	Hidden = "hidden" // found, of somebody else
	Added  = "added"  // hidden by an officer
	Lifted = "lifted" // found, shown by an officer
	Locked = "locked" // never shown, whoever wishes it
)

// Part is a run of a text. What is locked has no text: officers do not read it either.
type Part struct {
	Text, Class, State string
}

// Covered says whether the package shows a class in the part's place.
func (p Part) Covered() bool { return p.State == Hidden || p.State == Added || p.State == Locked }

// never are classes that no answer shows, under any law (PCI DSS 4.0.1 3.3.1).
func never() []string { return []string{"cvv", "pin", "track", "password", "secret"} }

// locked says whether a class is never shown under a law.
func (r Regime) locked(class string) bool {
	return slices.Contains(never(), class) || r.Withhold != nil && slices.Contains(r.Withhold.Classes, class)
}

// veil decides what of a request's transcripts is shown. It knows the person's own
// data, so that their name is not blanked in their own answer.
type veil struct {
	find   Redactor
	locked func(class string) bool
	own    map[string]bool // values in plain form
	names  map[string]bool // words of the person's names
	edits  []Edit
	lang   string
}

// openVeil reads the person's own values from the rows the plan shows whole.
func (o *Office) openVeil(ctx context.Context, r *Request, plan *Plan) (*veil, error) {
	v := &veil{find: o.Transcript, locked: o.Laws.Regime(r.Facts.Regime, r.Received).locked, own: map[string]bool{}, names: map[string]bool{}, edits: plan.Edits, lang: r.Facts.Language}
	v.learn("person", r.Body.Name)
	v.learn("email", r.Body.Email)
	for _, s := range plan.Steps {
		_, c, err := o.placed(s)
		if err != nil {
			return nil, err
		}
		mine := s
		mine.Targets = nil
		for _, t := range s.Targets {
			if t.Owner == Own && len(mine.Targets) < batchRows {
				mine.Targets = append(mine.Targets, t)
			}
		}
		if !slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Class != "" && f.Class != "transcript" }) || o.Transcript == nil || !hasTranscripts(o.Map, plan) {
			continue
		}
		err = o.eachTarget(ctx, mine, func(row Row, t Target) error {
			for _, f := range c.Fields {
				if value := Text(row.Values[f.Name]); f.Class != "" && f.Class != "transcript" && t.Hidden[f.Name] == "" && len(value) <= mostWords {
					v.learn(f.Class, value)
				}
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return v, nil
}

func hasTranscripts(m *Map, plan *Plan) bool {
	return slices.ContainsFunc(plan.Steps, func(s PlanStep) bool {
		c := m.Collection(s.System, s.Collection)
		return c != nil && slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Class == "transcript" })
	})
}

func (v *veil) learn(class, value string) {
	if class == "person" {
		for _, word := range strings.Fields(value) {
			v.names[bare(word)] = true
		}
	}
	if plain := bare(value); len(plain) >= 3 {
		v.own[plain] = true
	}
}

// bare is a value without case, spaces and punctuation.
func bare(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, s)
}

// isOwn says whether found words are the person's own data. In doubt they are not.
func (v *veil) isOwn(class, words string) bool {
	if class == "person" {
		all := strings.Fields(words)
		return len(all) > 0 && !slices.ContainsFunc(all, func(w string) bool { return !v.names[bare(w)] })
	}
	plain := bare(words)
	if v.own[plain] {
		return true
	}
	if (class == "phone" || class == "email") && len(plain) >= 8 { // without the country's code, or cut at a script's border
		for own := range v.own {
			if strings.HasSuffix(own, strings.TrimLeft(plain, "0")) {
				return true
			}
		}
	}
	return false
}

// cover divides a text into parts. Locked beats an officer, an officer beats what was
// found, and of two officers' words about the same place the one that hides wins.
func (v *veil) cover(where, text string, found []Found) []Part {
	state, class := make([]string, len(text)), make([]string, len(text))
	paint := func(from, to int, s, c string) {
		for i := from; i < to; i++ {
			state[i] = s
			if c != "" {
				class[i] = c
			}
		}
	}
	for _, f := range found {
		s := Hidden
		if v.isOwn(f.Class, text[f.Start:f.End]) {
			s = Theirs
		}
		paint(f.Start, f.End, s, f.Class)
	}
	for _, show := range []bool{true, false} {
		for _, e := range v.edits {
			if e.Show != show || e.Where != "" && e.Where != where {
				continue
			}
			for _, at := range places(text, e.Words) {
				if show {
					for i := at[0]; i < at[1]; i++ {
						if state[i] == Hidden {
							state[i] = Lifted
						}
					}
				} else {
					paint(at[0], at[1], Added, "other")
				}
			}
		}
	}
	for _, f := range found {
		if v.locked(f.Class) {
			paint(f.Start, f.End, Locked, f.Class)
		}
	}
	var out []Part
	for at := 0; at < len(text); {
		end := at + 1
		for end < len(text) && state[end] == state[at] && class[end] == class[at] {
			end++
		}
		p := Part{Text: text[at:end], Class: class[at], State: state[at]}
		if p.State == Locked {
			p.Text = ""
		}
		out, at = append(out, p), end
	}
	return out
}

// places finds words in a text, whatever their case and spacing, as words of their own.
func places(text, words string) [][]int {
	fields := strings.Fields(words)
	if len(fields) == 0 {
		return nil
	}
	for i := range fields {
		fields[i] = regexp.QuoteMeta(fields[i])
	}
	pattern, err := regexp.Compile(`(?i)` + strings.Join(fields, `\s+`))
	if err != nil {
		return nil // quoted text always compiles
	}
	inside := func(a, b rune) bool { // of one word, in scripts that part words by spaces
		joined := func(r rune) bool { return (unicode.IsLetter(r) || unicode.IsDigit(r)) && !unicode.Is(unicode.Han, r) }
		return joined(a) && joined(b)
	}
	return slices.DeleteFunc(pattern.FindAllStringIndex(text, -1), func(at []int) bool {
		before, _ := utf8.DecodeLastRuneInString(text[:at[0]])
		first, _ := utf8.DecodeRuneInString(text[at[0]:])
		last, _ := utf8.DecodeLastRuneInString(text[:at[1]])
		after, _ := utf8.DecodeRuneInString(text[at[1]:])
		return inside(before, first) || inside(last, after)
	})
}

// said is one text inside a transcript's value.
type said struct {
	Turn
	put func(string) // replaces it
}

// roles name a side of a conversation and nobody in person.
func roles() []string { return []string{"agent", "caller", "customer", "bot", "system"} }

// spokenIn copies a value and lists every text in it, in order: turns of a conversation
// and whatever else could be read.
func spokenIn(v any) (copied any, list []said) {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			inner, more := spokenIn(v[i])
			out[i] = inner
			if len(more) == 1 && more[0].put == nil {
				more[0].put = func(s string) { out[i] = s }
			}
			list = append(list, more...)
		}
		return out, list
	case map[string]any:
		out := make(map[string]any, len(v))
		speaker, _ := v["speaker"].(string)
		for _, key := range sortedKeys(v) {
			if key == "speaker" && slices.Contains(roles(), speaker) {
				out[key] = speaker
				continue
			}
			inner, more := spokenIn(v[key])
			out[key] = inner
			if len(more) == 1 && more[0].put == nil {
				more[0].put = func(s string) { out[key] = s }
				if key == "text" {
					more[0].Speaker = speaker
				}
			}
			list = append(list, more...)
		}
		return out, list
	case nil, bool:
		return v, nil
	case json.Number, float64, int, int64:
		if len(Text(v)) < 9 { // a time, an amount; longer ones could be a card
			return v, nil
		}
	}
	text := Text(v)
	if text == "" {
		return v, nil
	}
	return v, []said{{Turn: Turn{Text: text}}}
}

// look finds what is in a transcript, text by text.
func (v *veil) look(ctx context.Context, where string, list []said) ([][]Part, error) {
	var spoken []Turn
	for _, s := range list {
		if s.Speaker != "" {
			spoken = append(spoken, s.Turn)
		}
	}
	found, err := v.find.Find(ctx, spoken, v.lang)
	if err != nil || len(found) != len(spoken) {
		return nil, fmt.Errorf("redact transcript: %d of %d turns were read: %w", len(found), len(spoken), errors.Join(err, ErrBroken))
	}
	out := make([][]Part, len(list))
	for i, s := range list {
		var here []Found
		if s.Speaker != "" {
			here, found = found[0], found[1:]
		} else {
			alone, err := v.find.Find(ctx, []Turn{s.Turn}, v.lang)
			if err != nil || len(alone) != 1 {
				return nil, fmt.Errorf("redact transcript: %w", errors.Join(err, ErrBroken))
			}
			here = alone[0]
		}
		out[i] = v.cover(where, s.Text, here)
	}
	return out, nil
}

// lay is a transcript's value with other people's data replaced by its class.
func (v *veil) lay(ctx context.Context, where string, value any) (any, error) {
	if v.find == nil {
		return "[others]", nil
	}
	copied, list := spokenIn(value)
	parts, err := v.look(ctx, where, list)
	if err != nil {
		return nil, err
	}
	for i, s := range list {
		var text strings.Builder
		for _, p := range parts[i] {
			if p.Covered() {
				text.WriteString("[" + p.Class + "]")
			} else {
				text.WriteString(p.Text)
			}
		}
		switch {
		case s.put == nil: // the value is one text
			return text.String(), nil
		case text.String() != s.Text:
			s.put(text.String())
		}
	}
	return copied, nil
}
