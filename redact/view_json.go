package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// reference rewrites a JSON document with jsontext's decoder alone. It is the
// oracle of the scanner, and what runs where a plan asks for it.
func (v *rewriting) reference(dst io.Writer, src io.Reader) error {
	dec := jsontext.NewDecoder(src)
	enc := jsontext.NewEncoder(dst, jsontext.PreserveRawStrings(true))
	if err := v.tree(dec, enc, v.plan.root); err != nil {
		return documentError(err)
	}
	if _, err := dec.ReadToken(); err != io.EOF {
		return documentError(errors.Join(errors.New("data after the document"), err))
	}
	return nil
}

func documentError(err error) error {
	if errors.Is(err, ErrRevoked) || errors.Is(err, ErrTooLarge) {
		return err
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return fmt.Errorf("%w: %w", ErrDocument, err)
}

// tree copies the value that comes next, whose name is not written yet or
// does not exist.
func (v *rewriting) tree(dec *jsontext.Decoder, enc *jsontext.Encoder, n *node) error {
	kept, err := v.member(dec, enc, n, nil)
	if err == nil && !kept && enc.StackDepth() == 0 {
		return enc.WriteToken(jsontext.Null)
	}
	return err
}

// member copies the value that comes next under name (a raw string, nil in an
// array), or leaves both out.
func (v *rewriting) member(dec *jsontext.Decoder, enc *jsontext.Encoder, n *node, name jsontext.Value) (bool, error) {
	kind := dec.PeekKind()
	if n != nil && n.record {
		return v.recordReference(dec, enc, name)
	}
	if kind != '{' && kind != '[' || n == nil || n.field != nil {
		return v.leaf(dec, enc, n, name)
	}
	if kind == '[' && n.elem == nil || kind == '{' && n.keys == nil && n.any == nil {
		return v.leaf(dec, enc, nil, name)
	}
	if err := writeName(enc, name); err != nil {
		return false, err
	}
	if kind == '[' && n.elem.field != nil && !n.way {
		return true, v.row(dec, enc, n)
	}
	if _, err := dec.ReadToken(); err != nil {
		return false, err
	}
	if kind == '{' {
		return true, v.object(dec, enc, n)
	}
	if err := enc.WriteToken(jsontext.BeginArray); err != nil {
		return false, err
	}
	for dec.PeekKind() != ']' {
		if _, err := v.member(dec, enc, n.elem, nil); err != nil {
			return false, err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return false, err
	}
	return true, enc.WriteToken(jsontext.EndArray)
}

// row copies an array of values that are shown as a whole or not at all,
// unless together they are what none of them is.
func (v *rewriting) row(dec *jsontext.Decoder, enc *jsontext.Encoder, n *node) error {
	var out bytes.Buffer
	inner := jsontext.NewEncoder(&out, jsontext.PreserveRawStrings(true))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if err := inner.WriteToken(jsontext.BeginArray); err != nil {
		return err
	}
	for dec.PeekKind() != ']' {
		if _, err := v.leaf(dec, inner, n.elem, nil); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	if err := inner.WriteToken(jsontext.EndArray); err != nil {
		return err
	}
	if v.spells(n.elem, out.Bytes()) {
		return enc.WriteValue(jsontext.Value("[]"))
	}
	return enc.WriteValue(out.Bytes())
}

func (v *rewriting) object(dec *jsontext.Decoder, enc *jsontext.Encoder, n *node) error {
	if err := enc.WriteToken(jsontext.BeginObject); err != nil {
		return err
	}
	for dec.PeekKind() != '}' {
		raw, err := dec.ReadValue()
		if err != nil {
			return err
		}
		name := raw.Clone()
		plain, err := jsontext.AppendUnquote(nil, name)
		if err != nil {
			return err
		}
		at := n.lookup(plain)
		if at == nil {
			v.in, v.named = n, plain
		}
		if _, err := v.member(dec, enc, at, name); err != nil {
			return err
		}
	}
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	return enc.WriteToken(jsontext.EndObject)
}

func writeName(enc *jsontext.Encoder, name jsontext.Value) error {
	if name == nil {
		return nil
	}
	return enc.WriteValue(name)
}

// leaf copies a value that is shown as a whole or not at all.
func (v *rewriting) leaf(dec *jsontext.Decoder, enc *jsontext.Encoder, n *node, name jsontext.Value) (bool, error) {
	raw, err := dec.ReadValue()
	if err != nil {
		return false, err
	}
	out, done := v.judge(n, raw)
	if done == Withhold {
		return false, nil
	}
	if err := writeName(enc, name); err != nil {
		return false, err
	}
	return true, enc.WriteValue(out)
}

// judge treats a value that has no places below it, and counts it.
func (v *rewriting) judge(n *node, raw []byte) ([]byte, Treatment) {
	if n != nil && n.subject && raw[0] == '"' {
		if id, err := jsontext.AppendUnquote(nil, raw); err == nil {
			v.subject(string(id))
		}
	}
	if n == nil || n.field == nil {
		if n != nil && raw[0] == 'n' {
			return raw, Show
		}
		v.tally.Unclassified++
		if n == nil {
			v.stray(v.in, v.named, raw)
		} else {
			v.stray(n, nil, raw)
		}
		return nil, Withhold
	}
	if raw[0] == '{' || raw[0] == '[' {
		v.note(n.field.Class, Withhold)
		return nil, Withhold
	}
	out, done := v.scalar(n, raw)
	v.note(n.field.Class, done)
	return out, done
}

// recordReference reads one record whole: a fact may stand after the value
// that it decides about.
func (v *rewriting) recordReference(dec *jsontext.Decoder, enc *jsontext.Encoder, name jsontext.Value) (bool, error) {
	if err := v.renew(); err != nil {
		return false, err
	}
	raw, err := dec.ReadValue()
	if err != nil {
		return false, err
	}
	if len(raw) > v.plan.cfg.MaxRecord {
		return false, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(raw), v.plan.cfg.MaxRecord)
	}
	v.tally.Records++
	n := v.plan.root.at(steps(v.plan))
	plain := *n
	plain.record = false
	if v.known, err = v.prove(n, raw); err != nil {
		return false, err
	}
	stranger := v.scan
	defer func() { v.scan, v.known = stranger, 0 }()
	if err := v.acquaint(n, raw); err != nil {
		return false, err
	}
	return v.member(jsontext.NewDecoder(bytes.NewReader(raw)), enc, &plain, name)
}

// acquaint makes the engine know the record's person for the record's free texts.
func (v *rewriting) acquaint(n *node, raw []byte) error {
	if !v.plan.scrubs || v.scan == nil {
		return nil
	}
	v.met.forget()
	err := n.each(raw, func(at *node, raw []byte) {
		if at.field != nil && len(raw) > 0 {
			v.met.meetRaw(at.field.Class, v.do(at.field), raw)
		}
	})
	if v.met.mentioned() {
		v.scan = v.scan.With(v.met.person())
	}
	return err
}

// steps are those of the way to a record.
func steps(p *Plan) []string {
	s, _ := splitPath(p.cfg.Record)
	return s
}

// prove returns the set of facts that a record proves about itself.
func (v *rewriting) prove(n *node, raw []byte) (int, error) {
	if len(v.plan.facts) == 0 {
		return 0, nil
	}
	known := 0
	err := n.each(raw, func(at *node, raw []byte) {
		for _, i := range at.facts {
			if v.plan.facts[i].provenBy(raw) {
				known |= 1 << i
			}
		}
	})
	return known, err
}

// Proven returns the set of facts, bit i for the i-th, that a JSON document of
// one record proves; of a list, those that its first record does.
func (p *Plan) Proven(doc []byte) (int, error) {
	known, first, seen := 0, true, false
	err := p.root.each(bytes.TrimSpace(doc), func(at *node, raw []byte) {
		if at.record {
			first, seen = !seen, true
		}
		for _, i := range at.facts {
			if first && p.facts[i].provenBy(raw) {
				known |= 1 << i
			}
		}
	})
	return known, err
}

// each calls f with every value of a document that the plan has a place for.
func (n *node) each(raw []byte, f func(*node, []byte)) error {
	f(n, raw)
	if len(raw) == 0 || raw[0] != '{' && raw[0] != '[' {
		return nil
	}
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return err
	}
	for dec.PeekKind() != '}' && dec.PeekKind() != ']' {
		child := n.elem
		if raw[0] == '{' {
			name, err := dec.ReadValue()
			if err != nil {
				return err
			}
			plain, err := jsontext.AppendUnquote(nil, name)
			if err != nil {
				return err
			}
			child = n.lookup(plain)
		}
		value, err := dec.ReadValue()
		if err != nil {
			return err
		}
		if child == nil {
			continue
		}
		if err := child.each(value, f); err != nil {
			return err
		}
	}
	return nil
}

// provenBy says whether a value, a scalar or an array of scalars, proves the fact.
func (f *Fact) provenBy(raw []byte) bool {
	switch {
	case len(raw) == 0 || raw[0] == '{':
		return false
	case raw[0] == 'n':
		return f.Lacks // nobody is named
	case raw[0] != '[':
		return f.is(raw) != f.Lacks
	case string(raw) == "[]":
		return f.Lacks
	}
	found := false
	dec := jsontext.NewDecoder(bytes.NewReader(raw))
	if _, err := dec.ReadToken(); err != nil {
		return false
	}
	for dec.PeekKind() != ']' {
		v, err := dec.ReadValue()
		if err != nil || v[0] == '{' || v[0] == '[' {
			return false
		}
		found = found || f.is(v)
	}
	return found != f.Lacks
}

func (f *Fact) is(raw []byte) bool {
	if raw[0] != '"' {
		return f.Literal && string(raw) == f.Value
	}
	if f.Literal || f.Value == "" {
		return false
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1:len(raw)-1]) == f.Value
	}
	text, err := jsontext.AppendUnquote(nil, raw)
	return err == nil && string(text) == f.Value
}
