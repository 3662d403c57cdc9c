package redact

import (
	"bytes"
	"unicode"
	"unicode/utf8"
)

// bullet stands for a character held back.
const bullet = "•"

// appendMask appends the form of a field's value that still helps an agent to
// tell two of them apart. A value too short to keep a part of gives bullets
// alone; so does every class of which no part may be kept.
func appendMask(dst []byte, c Class, text []byte) []byte {
	switch c {
	case PAN: // at most the last four here, the BIN says too much (PCI DSS 4.0.1 3.4.1)
		return maskTail(dst, text, 4, 12)
	case IBAN, BankAccount, Routing, Phone, Token, Reference:
		return maskTail(dst, text, 4, 9)
	case SSN, NationalID, Passport, DriverLic, TaxID, Vehicle:
		return maskTail(dst, text, 4, 8)
	case Email:
		return maskEmail(dst, text)
	case Person:
		return maskName(dst, text)
	case DOB, Date:
		return maskYear(dst, text)
	case Postcode:
		return maskHead(dst, text, 2, 5)
	}
	return bullets(dst)
}

func bullets(dst []byte) []byte { return append(dst, "••••"...) }

// maskTail keeps the last n letters and digits of a text that has at least least of them.
func maskTail(dst, text []byte, n, least int) []byte {
	dst = bullets(dst)
	at, kept, all := len(text), 0, 0
	for i := len(text); i > 0; {
		if c := text[i-1]; c < utf8.RuneSelf {
			if i--; c-'0' > 9 && c|0x20-'a' >= 26 {
				continue
			}
		} else {
			r, size := utf8.DecodeLastRune(text[:i])
			if i -= size; !unicode.IsLetter(r) && !unicode.IsDigit(r) {
				continue
			}
		}
		if all++; kept < n {
			kept, at = kept+1, i
		}
	}
	if all < least {
		return dst
	}
	dst = append(dst, ' ')
	for _, r := range string(text[at:]) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			dst = utf8.AppendRune(dst, r)
		}
	}
	return dst
}

// maskHead keeps the first n runes of a text of at least least runes.
func maskHead(dst, text []byte, n, least int) []byte {
	if utf8.RuneCount(text) >= least {
		for i := 0; i < n; i++ {
			r, size := utf8.DecodeRune(text)
			dst, text = utf8.AppendRune(dst, r), text[size:]
		}
	}
	return append(dst, "•••"...)
}

// maskEmail keeps the first letter and the last label of the domain.
func maskEmail(dst, text []byte) []byte {
	at := bytes.LastIndexByte(text, '@')
	dot := bytes.LastIndexByte(text, '.')
	if at < 2 || dot < at+2 {
		return bullets(dst)
	}
	r, _ := utf8.DecodeRune(text)
	dst = utf8.AppendRune(dst, r)
	dst = append(dst, "•••@•••"...)
	return append(dst, text[dot:]...)
}

// maskName keeps the initials: "Ana Lopez" gives "A•• L••".
func maskName(dst, text []byte) []byte {
	words := bytes.Fields(text)
	if len(words) == 0 {
		return bullets(dst)
	}
	for i, w := range words[:min(len(words), 4)] {
		if i > 0 {
			dst = append(dst, ' ')
		}
		if r, size := utf8.DecodeRune(w); size < len(w) {
			dst = utf8.AppendRune(dst, r)
		}
		dst = append(dst, "••"...)
	}
	return dst
}

// maskYear keeps the year of an ISO date.
func maskYear(dst, text []byte) []byte {
	if len(text) < 10 || text[4] != '-' {
		return bullets(dst)
	}
	for _, c := range text[:4] {
		if c < '0' || c > '9' {
			return bullets(dst)
		}
	}
	return append(append(dst, text[:4]...), "-••-••"...)
}
