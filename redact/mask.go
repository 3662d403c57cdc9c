package redact

import (
	"unicode"
	"unicode/utf8"
)

// replace appends what stands in a value's place.
func (r *rules) replace(dst []byte, class Class, raw []byte) []byte {
	switch t := r.treat[class]; {
	case neverShown(class):
	case t == Show || t == Scrub:
		return append(dst, raw...)
	case t == Mask:
		return AppendMask(dst, class, raw)
	case t == Tokenise && r.tokens != nil:
		if token, err := r.tokens.Token(class, Canonical(class, raw)); err == nil && token != "" {
			return append(dst, token...)
		}
	}
	dst = append(dst, '[')
	dst = append(dst, class...)
	return append(dst, ']')
}

// Canonical is the one spelling of a value that all its surface forms share:
// digits for numbers, capital letters and digits for identifiers, lower case
// for addresses and names.
func Canonical(class Class, raw []byte) string {
	var v view
	v.add(raw, 0, true)
	out := make([]byte, 0, len(v.norm))
	switch class {
	case PAN, CVV, PIN, Expiry, SSN, Routing, BankAccount, Phone, Track:
		for _, c := range v.norm {
			if isDigit(c) || c == '+' && class == Phone {
				out = append(out, c)
			}
		}
	case IBAN, SWIFT, NationalID, TaxID, Passport, DriverLic, Vehicle, Postcode:
		for _, c := range v.norm {
			if isDigit(c) || isLetter(c) || c >= 0x80 {
				out = append(out, upper(c))
			}
		}
	case Password, Secret, CryptoAddr, Token, Username:
		return string(v.norm)
	default:
		gap := false
		for _, r := range string(v.norm) {
			switch classOf[byte(min(r, 0x80))] {
			case isBlank, isLine:
				gap = len(out) > 0
				continue
			}
			if gap {
				out, gap = append(out, ' '), false
			}
			out = utf8.AppendRune(out, unicode.ToLower(r))
		}
	}
	return string(out)
}

const dots = "••••"

// AppendMask appends the partial reveal of a value: of card numbers at most
// the last four digits (PCI DSS 4.0.1 3.4.1 would allow the BIN too), of other
// numbers the last four where at least eight stay hidden or the value has nine
// and more, of addresses the domain. Equal values get equal masks; what is
// never shown is a label.
func AppendMask(dst []byte, class Class, raw []byte) []byte {
	if neverShown(class) {
		return append(append(append(dst, '['), class...), ']')
	}
	v := Canonical(class, raw)
	dst = append(dst, dots...)
	switch class {
	case PAN, SSN, Phone, IBAN, BankAccount, Routing, NationalID, TaxID, Passport, DriverLic:
		if len(v) >= 8 && isASCII(v) {
			dst = append(dst, ' ')
			dst = append(dst, v[len(v)-4:]...)
		}
	case Email:
		for i := range v {
			if v[i] == '@' {
				return append(dst, v[i:]...)
			}
		}
	}
	return dst
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
