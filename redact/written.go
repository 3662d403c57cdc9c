package redact

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Errors of what a client writes.
var (
	ErrUnseen = errors.New("writes what may not be seen")
	ErrMasked = errors.New("writes back what was masked")
)

// CheckJSON says whether a document may be written by somebody who sees what
// the plan shows: every value lies at a path that is shown (or, for a text,
// scrubbed), and none is a mask. The errors are ErrUnseen, ErrMasked,
// ErrDocument.
func (p *Plan) CheckJSON(doc []byte) error {
	if !jsontext.Value(doc).IsValid() {
		return fmt.Errorf("%w: JSON", ErrDocument)
	}
	return p.checkWritten(p.root, doc)
}

// CheckValue is CheckJSON for one named value of a form.
func (p *Plan) CheckValue(path, text string) error {
	steps, err := splitPath(path)
	if err != nil {
		return fmt.Errorf("%w: %q", ErrUnseen, path)
	}
	n := p.root
	for _, s := range steps {
		if s == "[]" {
			n = n.elem
		} else {
			n = n.lookup([]byte(s))
		}
		if n == nil {
			return fmt.Errorf("%w: %q", ErrUnseen, path)
		}
	}
	return p.checkText(n, text)
}

func (p *Plan) checkWritten(n *node, raw []byte) error {
	if raw = bytes.TrimSpace(raw); n == nil {
		return fmt.Errorf("%w: a path that no catalogue names", ErrUnseen)
	}
	if raw[0] != '{' && raw[0] != '[' {
		text := string(raw)
		if raw[0] == '"' {
			plain, err := jsontext.AppendUnquote(nil, raw)
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDocument, err)
			}
			text = string(plain)
		}
		return p.checkText(n, text)
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return fmt.Errorf("%w: %w", ErrDocument, err)
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		child := n.elem
		if raw[0] == '{' {
			name, err := dec.ReadToken()
			if err != nil {
				return fmt.Errorf("%w: %w", ErrDocument, err)
			}
			child = n.lookup([]byte(name.String()))
		}
		value, err := dec.ReadValue()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDocument, err)
		}
		if err := p.checkWritten(child, value); err != nil {
			return err
		}
	}
	return nil
}

func (p *Plan) checkText(n *node, text string) error {
	if n.field == nil {
		return fmt.Errorf("%w: %q is not a value of its own", ErrUnseen, n.path)
	}
	if do := p.vary[n.field.at][0]; do != Show && do != Scrub {
		return fmt.Errorf("%w: %q", ErrUnseen, n.path)
	}
	if Masked(text) {
		return fmt.Errorf("%w: %q", ErrMasked, n.path)
	}
	return nil
}

// Masked says whether a text looks like something Privet has held back: bullets,
// or a class in brackets. Writing it to a tool would destroy what it stands for.
func Masked(text string) bool {
	if strings.Contains(text, bullet+bullet) {
		return true
	}
	for rest := text; ; {
		_, after, found := strings.Cut(rest, "[")
		if !found {
			return false
		}
		word, _, closed := strings.Cut(after, "]")
		if closed && len(word) <= 16 && isClass(Class(word)) {
			return true
		}
		rest = after
	}
}

func isClass(c Class) bool {
	for _, known := range FieldClasses() {
		if c == known {
			return true
		}
	}
	return false
}
