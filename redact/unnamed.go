package redact

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/go-json-experiment/json/jsontext"
)

// Unnamed is a path of documents that the plan does not name.
type Unnamed struct {
	Path  string
	Count int
	Class Class // what the detectors take its values for; Plain where they find nothing
}

// Unnamed lists the paths of a JSON document that the plan does not name, with
// a class suggested from their values. A name that is itself personal becomes "{}".
func (p *Plan) Unnamed(doc []byte, scan *Engine) ([]Unnamed, error) {
	if !jsontext.Value(doc).IsValid() {
		return nil, fmt.Errorf("%w: JSON", ErrDocument)
	}
	w := &unnamedWalk{scan: scan, found: map[string]*Unnamed{}}
	if err := w.value(p.root, "", bytes.TrimSpace(doc)); err != nil {
		return nil, err
	}
	out := make([]Unnamed, 0, len(w.found))
	for _, u := range w.found {
		out = append(out, *u)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Path < out[j].Path })
	return out, nil
}

type unnamedWalk struct {
	scan  *Engine
	found map[string]*Unnamed
}

func (w *unnamedWalk) value(n *node, path string, raw []byte) error {
	if raw[0] != '{' && raw[0] != '[' {
		if n == nil || n.field == nil {
			w.note(path, raw)
		}
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return fmt.Errorf("%w: %w", ErrDocument, err)
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		step, child := "[]", (*node)(nil)
		if n != nil {
			child = n.elem
		}
		if raw[0] == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDocument, err)
			}
			child, step = n.lookup([]byte(name.String())), w.step(name.String())
		}
		value, err := dec.ReadValue()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDocument, err)
		}
		if err := w.value(child, joinPath(path, step), value); err != nil {
			return err
		}
	}
	return nil
}

func joinPath(path, step string) string {
	if path == "" || step == "[]" || step == "{}" {
		return path + step
	}
	return path + "." + step
}

// step is a name as it stands in a path; one with six digits is a number of something.
func (w *unnamedWalk) step(name string) string {
	if len(name) == 0 || len(name) > 64 || digitLike([]byte(name)) >= 6 || hidesCard([]byte(name)) || w.scan != nil && len(w.scan.Find(nil, []byte(name))) > 0 {
		return "{}"
	}
	var out []byte
	for i := range len(name) {
		if c := name[i]; c == '.' || c == '[' || c == '{' || c == '\\' {
			out = append(out, '\\')
		}
		out = append(out, name[i])
	}
	return string(out)
}

func (w *unnamedWalk) note(path string, raw []byte) {
	u := w.found[path]
	if u == nil {
		u = &Unnamed{Path: path, Class: Plain}
		w.found[path] = u
	}
	u.Count++
	if u.Class != Plain || w.scan == nil || raw[0] == 'n' || raw[0] == 't' || raw[0] == 'f' {
		return
	}
	text := raw
	if raw[0] == '"' {
		plain, err := jsontext.AppendUnquote(nil, raw)
		if err != nil {
			return
		}
		text = plain
	}
	spans := w.scan.Find(nil, text)
	covered := 0
	for _, s := range spans {
		covered += s.End - s.Start
	}
	switch {
	case len(spans) > 0 && covered*2 >= len(text):
		u.Class = spans[0].Class
	case len(spans) > 0 || bytes.Count(text, []byte(" ")) >= 5:
		u.Class = FreeText
	}
}
