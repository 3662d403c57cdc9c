package redact

// Bank identifiers: IBAN (ISO 13616, mod 97 of ISO 7064), ABA routing numbers,
// SWIFT codes (ISO 9362).

// ibanLengths is the total length per country of the SWIFT IBAN registry,
// release 99, with the countries that use the format without being in it.
var ibanLengths = map[[2]byte]int{
	{'A', 'D'}: 24, {'A', 'E'}: 23, {'A', 'L'}: 28, {'A', 'O'}: 25, {'A', 'T'}: 20, {'A', 'Z'}: 28,
	{'B', 'A'}: 20, {'B', 'E'}: 16, {'B', 'F'}: 28, {'B', 'G'}: 22, {'B', 'H'}: 22, {'B', 'I'}: 27,
	{'B', 'J'}: 28, {'B', 'R'}: 29, {'B', 'Y'}: 28, {'C', 'F'}: 27, {'C', 'G'}: 27, {'C', 'H'}: 21,
	{'C', 'I'}: 28, {'C', 'M'}: 27, {'C', 'R'}: 22, {'C', 'V'}: 25, {'C', 'Y'}: 28, {'C', 'Z'}: 24,
	{'D', 'E'}: 22, {'D', 'J'}: 27, {'D', 'K'}: 18, {'D', 'O'}: 28, {'D', 'Z'}: 26, {'E', 'E'}: 20,
	{'E', 'G'}: 29, {'E', 'S'}: 24, {'F', 'I'}: 18, {'F', 'K'}: 18, {'F', 'O'}: 18, {'F', 'R'}: 27,
	{'G', 'A'}: 27, {'G', 'B'}: 22, {'G', 'E'}: 22, {'G', 'I'}: 23, {'G', 'L'}: 18, {'G', 'Q'}: 27,
	{'G', 'R'}: 27, {'G', 'T'}: 28, {'G', 'W'}: 25, {'H', 'N'}: 28, {'H', 'R'}: 21, {'H', 'U'}: 28,
	{'I', 'E'}: 22, {'I', 'L'}: 23, {'I', 'Q'}: 23, {'I', 'R'}: 26, {'I', 'S'}: 26, {'I', 'T'}: 27,
	{'J', 'O'}: 30, {'K', 'M'}: 27, {'K', 'W'}: 30, {'K', 'Z'}: 20, {'L', 'B'}: 28, {'L', 'C'}: 32,
	{'L', 'I'}: 21, {'L', 'T'}: 20, {'L', 'U'}: 20, {'L', 'V'}: 21, {'L', 'Y'}: 25, {'M', 'A'}: 28,
	{'M', 'C'}: 27, {'M', 'D'}: 24, {'M', 'E'}: 22, {'M', 'G'}: 27, {'M', 'K'}: 19, {'M', 'L'}: 28,
	{'M', 'N'}: 20, {'M', 'R'}: 27, {'M', 'T'}: 31, {'M', 'U'}: 30, {'M', 'Z'}: 25, {'N', 'E'}: 28,
	{'N', 'I'}: 28, {'N', 'L'}: 18, {'N', 'O'}: 15, {'O', 'M'}: 23, {'P', 'K'}: 24, {'P', 'L'}: 28,
	{'P', 'S'}: 29, {'P', 'T'}: 25, {'Q', 'A'}: 29, {'R', 'O'}: 24, {'R', 'S'}: 22, {'R', 'U'}: 33,
	{'S', 'A'}: 24, {'S', 'C'}: 31, {'S', 'D'}: 18, {'S', 'E'}: 24, {'S', 'I'}: 19, {'S', 'K'}: 24,
	{'S', 'M'}: 27, {'S', 'N'}: 28, {'S', 'O'}: 23, {'S', 'T'}: 25, {'S', 'V'}: 28, {'T', 'D'}: 27,
	{'T', 'G'}: 28, {'T', 'L'}: 23, {'T', 'N'}: 24, {'T', 'R'}: 26, {'U', 'A'}: 29, {'V', 'A'}: 22,
	{'V', 'G'}: 24, {'X', 'K'}: 20, {'Y', 'E'}: 30,
}

// validIBAN checks country, length and mod 97 of an IBAN without separators;
// letters may have either case.
func validIBAN(s []byte) bool {
	return len(s) >= 15 && len(s) == ibanLength(s) && mod97(s) == 1
}

// ibanLength is the length an IBAN beginning with s must have, 0 if s begins none.
func ibanLength(s []byte) int {
	if len(s) < 4 || !isDigit(s[2]) || !isDigit(s[3]) {
		return 0
	}
	return ibanLengths[[2]byte{upper(s[0]), upper(s[1])}]
}

// mod97 is ISO 7064 MOD 97-10 of an IBAN read from its fifth character on.
func mod97(s []byte) int {
	r := 0
	for i := range s {
		c := upper(s[(i+4)%len(s)])
		switch {
		case isDigit(c):
			r = (r*10 + int(c-'0')) % 97
		case c >= 'A' && c <= 'Z':
			r = (r*100 + int(c-'A') + 10) % 97
		default:
			return 0
		}
	}
	return r
}

// validRouting checks an ABA routing number: nine digits, a Federal Reserve
// prefix, weights 3 7 1.
func validRouting(d []byte) bool {
	if len(d) != 9 {
		return false
	}
	switch p := int(d[0]-'0')*10 + int(d[1]-'0'); {
	case p <= 12, p >= 21 && p <= 32, p >= 61 && p <= 72, p == 80:
	default:
		return false
	}
	return weighted(d, 3, 7, 1, 3, 7, 1, 3, 7, 1)%10 == 0 && !oneDigit(d)
}

// weighted is the sum of digits times weights; missing weights count as zero.
func weighted(d []byte, w ...int) int {
	sum := 0
	for i := range min(len(d), len(w)) {
		sum += int(d[i]-'0') * w[i]
	}
	return sum
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func upper(c byte) byte {
	if c >= 'a' && c <= 'z' {
		return c - 32
	}
	return c
}
