package redact

import (
	"bytes"
	"html"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// scalar gives the form of one JSON scalar (raw, valid) that may leave, and
// the treatment it got; with Withhold nothing may leave.
func (v *rewriting) scalar(n *node, raw []byte) ([]byte, Treatment) {
	if n == nil || n.field == nil {
		return nil, Withhold
	}
	do, class := v.do(n.field), n.field.Class
	if do == Withhold {
		return nil, Withhold
	}
	switch raw[0] {
	case 'n':
		return raw, Show
	case 't', 'f':
		if do == Mask || do == Tokenise {
			return nil, Withhold
		}
		return raw, Show
	case '"':
		return v.quoted(n.field, do, raw)
	}
	switch do {
	case Tokenise:
		text, do := v.treat(class, do, raw)
		return v.quote(text), do
	case Mask: // the last four of a number would still be a number, and a wrong one
		return nil, Withhold
	case Scrub:
		if text, _ := v.treat(class, do, raw); !bytes.Equal(text, raw) {
			return nil, Withhold
		}
		return raw, Show
	}
	if class != PAN && hidesCard(raw) {
		return nil, Withhold
	}
	return raw, Show
}

// quoted treats a JSON string. What stays as it was keeps its bytes.
func (v *rewriting) quoted(f *Field, do Treatment, raw []byte) ([]byte, Treatment) {
	text := raw[1 : len(raw)-1]
	if bytes.IndexByte(text, '\\') >= 0 {
		var err error
		if text, err = jsontext.AppendUnquote(v.text[:0], raw); err != nil {
			return nil, Withhold
		}
		v.text = text
	}
	got, done, talk := v.said(f, do, text)
	if !talk {
		got, done = v.treat(f.Class, do, text)
	}
	if done == Withhold {
		return nil, Withhold
	}
	if bytes.Equal(got, text) {
		return raw, Show
	}
	return v.quote(got), done
}

func (v *rewriting) quote(text []byte) []byte {
	if utf8.Valid(text) && !slices.ContainsFunc(text, escaped) {
		v.out = append(append(append(v.out[:0], '"'), text...), '"')
		return v.out
	}
	out, err := jsontext.AppendQuote(v.out[:0], text)
	if err != nil { // invalid UTF-8: AppendQuote has replaced it
		out, _ = jsontext.AppendQuote(v.out[:0], bytes.ToValidUTF8(text, []byte("�")))
	}
	v.out = out
	return out
}

// escaped bytes do not stand in a JSON string as they are (RFC 8259 §7).
func escaped(c byte) bool { return c < ' ' || c == '"' || c == '\\' }

// treat gives the form of a plain text that may leave. A shown text that hides
// a card number is scrubbed: a catalogue may be wrong about what a path holds.
func (v *rewriting) treat(class Class, do Treatment, text []byte) ([]byte, Treatment) {
	switch do {
	case Show:
		if class == PAN || !v.suspicious(text) {
			return text, Show
		}
		fallthrough
	case Scrub:
		if v.scan == nil {
			return nil, Withhold
		}
		v.scrubbed = v.scan.Append(v.scrubbed[:0], text)
		if v.suspicious(v.scrubbed) {
			return nil, Withhold
		}
		return v.scrubbed, Scrub
	case Mask:
		v.scrubbed = appendMask(v.scrubbed[:0], class, text)
		return v.scrubbed, Mask
	case Tokenise:
		if v.scan == nil {
			return nil, Withhold
		}
		token, ok := v.scan.rules.token(class, text)
		if !ok {
			return nil, Withhold
		}
		v.scrubbed = append(v.scrubbed[:0], token...)
		return v.scrubbed, Tokenise
	}
	return nil, Withhold
}

// suspicious says whether a text to be shown hides a card number. The
// detectors see through encodings, and are asked where there may be one.
func (v *rewriting) suspicious(text []byte) bool {
	if len(text) < minCard {
		return false
	}
	digits := digitLike(text)
	if digits < minCard {
		return len(text) >= minCoded && hidesCodedCard(text)
	}
	if hidesEncodedCard(text) {
		return true
	}
	if !slices.ContainsFunc(text, encodes) {
		return false
	}
	if bytes.IndexByte(text, '&') >= 0 && hidesEncodedCard([]byte(html.UnescapeString(string(text)))) {
		return true
	}
	if v.scan == nil {
		return false
	}
	v.spans = v.scan.Find(v.spans[:0], text)
	for _, s := range v.spans {
		if s.Class == PAN || s.Class == Track {
			return true
		}
	}
	return false
}

// encodes: a byte that stands in texts of which a byte is not what it seems.
func encodes(c byte) bool { return c >= 0x80 || c == '%' || c == '&' || c == '\\' || c == '=' }
