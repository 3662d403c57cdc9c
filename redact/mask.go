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
		return appendMask(dst, class, plainOf(r.written(class, raw)))
	case t == Tokenise:
		if token, ok := r.token(class, raw); ok {
			return append(dst, token...)
		}
	}
	dst = append(dst, '[')
	dst = append(dst, class...)
	return append(dst, ']')
}

// token is the keyed token of a value in any spelling; ok is false where there
// is no key, the key fails, or the class must not be kept in any form.
func (r *rules) token(class Class, raw []byte) (token string, ok bool) {
	if r.tokens == nil || neverShown(class) {
		return "", false
	}
	token, err := r.tokens.Token(class, Canonical(class, r.written(class, raw)))
	return token, err == nil && token != ""
}

// plainOf is the normalised text, so that a value's mask is the same in every
// surface form.
func plainOf(raw []byte) []byte {
	var v surface
	v.add(raw, 0, true)
	return v.norm
}

// Canonical is the one spelling of a value that all its surface forms share:
// digits for numbers, capital letters and digits for identifiers, lower case
// for addresses and names.
func Canonical(class Class, raw []byte) string {
	plain := plainOf(raw)
	out := make([]byte, 0, len(plain))
	switch class {
	case PAN, CVV, PIN, Expiry, SSN, Routing, BankAccount, Phone, Track:
		for _, c := range plain {
			if isDigit(c) || c == '+' && class == Phone {
				out = append(out, c)
			}
		}
	case IBAN, SWIFT, NationalID, TaxID, Passport, DriverLic, Vehicle, Postcode:
		for _, c := range plain {
			if isDigit(c) || isLetter(c) || c >= 0x80 {
				out = append(out, upper(c))
			}
		}
	case Password, Secret, CryptoAddr, Token, Username:
		return string(plain)
	default:
		gap := false
		for _, r := range string(plain) {
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
