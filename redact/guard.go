package redact

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"math/bits"
)

// What follows guards fields that are shown: a catalogue may be wrong about
// what a path holds, and a document may be made to carry a number past it.

// minCoded is the length of 16 digits in base64, without padding.
const minCoded = 22

// hidesEncodedCard is hidesCard for a text as it stands and for what its long
// words are in base64 or in hexadecimal.
func hidesEncodedCard(text []byte) bool {
	return hidesCard(text) || hidesCodedCard(text)
}

// hidesCodedCard looks into the long words of a text alone.
func hidesCodedCard(text []byte) bool {
	for start := 0; start+minCoded <= len(text); {
		// a word that is long enough covers its own 22nd letter: look there first
		last := start + minCoded - 1
		for last >= start && codeByte(text[last]) {
			last--
		}
		if last >= start {
			start = last + 1
			continue
		}
		end := start + minCoded
		for end < len(text) && codeByte(text[end]) {
			end++
		}
		if codedCard(text[start:end]) {
			return true
		}
		start = end
	}
	return false
}

// codeByte: a letter of base64, in either alphabet.
func codeByte(c byte) bool {
	return c-'0' <= 9 || c|0x20-'a' < 26 || c == '+' || c == '/' || c == '-' || c == '_'
}

func codedCard(word []byte) bool {
	var buf [96]byte
	for _, enc := range [...]*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
		part := word[:min(len(word), 4*len(buf)/3)]
		if n, _ := enc.Decode(buf[:], part); n >= 13 && hidesCard(buf[:n]) {
			return true
		}
	}
	part := word[:min(len(word)&^1, 2*len(buf))]
	n, _ := hex.Decode(buf[:], part)
	return n >= 13 && hidesCard(buf[:n])
}

// hidesCard says whether text holds 13 to 19 digits, however separated, that
// could be a card number: in an issuer's range (ISO/IEC 7812-1) and with the
// check digit of Luhn.
func hidesCard(text []byte) bool {
	if !thirteenDigits(text) {
		return false
	}
	var digits [64]byte
	n, gap := 0, 0
	for _, c := range text {
		switch {
		case c-'0' <= 9:
			if n == len(digits) {
				n = copy(digits[:], digits[len(digits)-18:])
			}
			digits[n], gap = c, 0
			n++
			if n >= 13 && cardEndsAt(digits[:n]) {
				return true
			}
		case c == ' ' || c == '\n' || c == '\t' || c == '\r':
		case gap < 4 && separates(c):
			gap++
		default:
			n, gap = 0, 0
		}
	}
	return false
}

// thirteenDigits counts eight bytes at a time.
func thirteenDigits(text []byte) bool {
	n := 0
	for ; len(text) >= 8; text = text[8:] {
		n += bits.OnesCount64(digitBytes(binary.LittleEndian.Uint64(text)))
	}
	for _, c := range text {
		if c-'0' <= 9 {
			n++
		}
	}
	return n >= 13
}

// separates: people and programs put these between the groups of a number;
// bytes of U+00A0, U+2000–U+206F and their like count as well.
func separates(c byte) bool {
	switch c {
	case '-', '.', '/', '_', ',', ':', ';', '(', ')', '*', '|', '+', '"', '\'':
		return true
	}
	return c >= 0x80
}

// cardEndsAt says whether some of the last 13 to 19 digits are a card number.
func cardEndsAt(digits []byte) bool {
	sum := 0
	for k := 1; k <= 19 && k <= len(digits); k++ {
		d := int(digits[len(digits)-k] - '0')
		if k%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		if k >= 13 && sum%10 == 0 {
			if b := issuer(digits[len(digits)-k:]); b != noBrand && b != uatp {
				return true
			}
		}
	}
	return false
}
