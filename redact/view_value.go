package redact

import (
	"bytes"

	"github.com/go-json-experiment/json/jsontext"
)

// scalar gives the form of one JSON scalar (raw, valid) that may leave, and
// the treatment it got; with Withhold nothing may leave.
func (v *rewriting) scalar(n *node, raw []byte) ([]byte, Treatment) {
	if n == nil || n.field == nil {
		return nil, Withhold
	}
	do, class := n.vary[v.known], n.field.Class
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
	out, err := jsontext.AppendQuote(v.out[:0], text)
	if err != nil { // invalid UTF-8: AppendQuote has replaced it
		out, _ = jsontext.AppendQuote(v.out[:0], bytes.ToValidUTF8(text, []byte("�")))
	}
	v.out = out
	return out
}

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
		if hidesCard(v.scrubbed) {
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
	if len(text) < 13 {
		return false
	}
	if hidesCard(text) {
		return true
	}
	digits, encoded := 0, false
	for _, c := range text {
		switch {
		case c-'0' <= 9:
			digits++
		case c >= 0x80:
			digits, encoded = digits+1, true
		case c == '%' || c == '&' || c == '\\' || c == '=':
			encoded = true
		}
	}
	if digits < 13 || !encoded || v.scan == nil {
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

// hidesCard says whether text holds 13 to 19 digits, however separated, that
// could be a card number: an issuer's first digit (ISO/IEC 7812-1) and Luhn.
func hidesCard(text []byte) bool {
	if len(text) < 13 {
		return false
	}
	var digits [64]byte
	n, gap := 0, 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i]-'0' <= 9 {
			if n == len(digits) {
				n = copy(digits[:], digits[len(digits)-18:])
			}
			digits[n], gap = text[i]-'0', 0
			n++
			if n >= 13 && cardEndsAt(digits[:n]) {
				return true
			}
			continue
		}
		if i < len(text) && separates(text[i]) && gap < 4 {
			gap++
			continue
		}
		n, gap = 0, 0
	}
	return false
}

// separates: people and programs put these between the groups of a number;
// bytes of U+00A0, U+2000–U+206F and their like count as well.
func separates(c byte) bool {
	switch c {
	case ' ', '-', '.', '/', '_', ',', ':', '\t', '\n', '\r', '(', ')', '*', '|', '+':
		return true
	}
	return c >= 0x80
}

// cardEndsAt says whether one of the last 13 to 19 digits is a card number.
func cardEndsAt(digits []byte) bool {
	sum := 0
	for k := 1; k <= 19 && k <= len(digits); k++ {
		d := int(digits[len(digits)-k])
		first := d
		if k%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		if k >= 13 && sum%10 == 0 && first >= 2 && first <= 6 {
			return true
		}
	}
	return false
}
