package redact

import "strings"

// Check digit systems of ISO 7064 and of national registers. All take the
// compact form: capital letters and digits only.

// iso7064mod1110 is MOD 11,10 (German tax ids, VAT ids).
func iso7064mod1110(d []byte) bool {
	p := 10
	for _, c := range d[:len(d)-1] {
		s := (int(c-'0') + p) % 10
		if s == 0 {
			s = 10
		}
		p = s * 2 % 11
	}
	return (11-p)%10 == int(d[len(d)-1]-'0')
}

// iso7064mod112 is MOD 11-2 with X as ten (Chinese identity cards).
func iso7064mod112(d []byte) bool {
	p := 0
	for _, c := range d[:len(d)-1] {
		p = (p + int(c-'0')) * 2 % 11
	}
	want := (12 - p) % 11
	last := d[len(d)-1]
	return want == 10 && last == 'X' || want < 10 && int(last-'0') == want
}

// verhoeff is the dihedral check of Aadhaar numbers.
func verhoeff(d []byte) bool {
	mul := [10]string{"0123456789", "1234067895", "2340178956", "3401289567", "4012395678", "5987604321", "6598710432", "7659821043", "8765932104", "9876543210"}
	perm := [8]string{"0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415", "7046913258"}
	c := 0
	for i := range d {
		c = int(mul[c][perm[i%8][d[len(d)-1-i]-'0']-'0'] - '0')
	}
	return c == 0
}

// mod11 reports that the weighted sum is a multiple of eleven.
func mod11(d []byte, w ...int) bool { return weighted(d, w...)%11 == 0 }

// check11 compares the last digit with 11 minus the weighted sum mod 11, ten
// and eleven counting as zero.
func check11(d []byte, w ...int) bool {
	r := 11 - weighted(d[:len(d)-1], w...)%11
	if r > 9 {
		r = 0
	}
	return int(d[len(d)-1]-'0') == r
}

// mrz is the 7-3-1 check of machine-readable documents (ICAO 9303).
func mrz(s []byte) bool {
	sum := 0
	for i, c := range s[:len(s)-1] {
		v := int(c - '0')
		if !isDigit(c) {
			v = int(c-'A') + 10
		}
		sum += v * [3]int{7, 3, 1}[i%3]
	}
	return isDigit(s[len(s)-1]) && sum%10 == int(s[len(s)-1]-'0')
}

// yymmdd and ddmmyy read dates of birth inside identifiers.
func yymmdd(d []byte) bool { return isMonthDay(atoi(d[2:4]), atoi(d[4:6])) }
func ddmmyy(d []byte) bool { return isMonthDay(atoi(d[2:4]), atoi(d[:2])) }

func notOneDigit(d []byte) bool { return !oneDigit(d) }

func dniLetter(number int) byte { return "TRWAGMYFPDXBNJZSQVHLCKE"[number%23] }

func validNIF(s []byte) bool { return dniLetter(atoi(s[:len(s)-1])) == s[len(s)-1] }

func validNIE(s []byte) bool {
	i := strings.IndexByte("XYZ", s[0])
	return i >= 0 && dniLetter(i*10000000+atoi(s[1:8])) == s[8]
}

// validCIF: Spanish companies.
func validCIF(s []byte) bool {
	if strings.IndexByte("ABCDEFGHJNPQRSUVW", s[0]) < 0 {
		return false
	}
	sum := 0
	for i, c := range s[1:8] {
		n := int(c - '0')
		if i%2 == 0 {
			n *= 2
			n = n/10 + n%10
		}
		sum += n
	}
	r := (10 - sum%10) % 10
	return s[8] == byte('0'+r) || s[8] == "JABCDEFGHI"[r]
}

// validNIR: French social security, the key is 97 minus the number mod 97;
// Corsica's 2A and 2B count as 19 and 18.
func validNIR(s []byte) bool {
	if s[0] != '1' && s[0] != '2' && s[0] != '3' && s[0] != '4' && s[0] != '7' && s[0] != '8' {
		return false
	}
	n := 0
	for i, c := range s[:13] {
		switch {
		case i == 6 && c == 'A':
			n, c = n-1, '9' // "2A" → 19
			n = n*10 + int(c-'0')
		case i == 6 && c == 'B':
			n = (n-1)*10 + 8
		case isDigit(c):
			n = n*10 + int(c-'0')
		default:
			return false
		}
	}
	return isDigit(s[13]) && isDigit(s[14]) && 97-n%97 == atoi(s[13:])
}

// validNINO: letters that HMRC never issues are refused.
func validNINO(s []byte) bool {
	if strings.IndexByte("DFIQUV", s[0]) >= 0 || strings.IndexByte("DFIQUVO", s[1]) >= 0 {
		return false
	}
	switch string(s[:2]) {
	case "BG", "GB", "KN", "NK", "NT", "TN", "ZZ":
		return false
	}
	return len(s) == 8 || s[8] >= 'A' && s[8] <= 'D'
}

func validNHS(d []byte) bool {
	r := 11 - weighted(d[:9], 10, 9, 8, 7, 6, 5, 4, 3, 2)%11
	return r%11 == int(d[9]-'0') && r != 10 && !oneDigit(d)
}

// validSteuerID: eleven digits, no leading zero, exactly one digit two or three
// times among the first ten (BZSt).
func validSteuerID(d []byte) bool {
	if d[0] == '0' || !iso7064mod1110(d) {
		return false
	}
	var count [10]int
	for _, c := range d[:10] {
		count[c-'0']++
	}
	repeated, most := 0, 0
	for _, n := range count {
		if n > 1 {
			repeated++
		}
		most = max(most, n)
	}
	return repeated == 1 && most <= 3
}

// validSVNR: German pension insurance: area, date of birth, initial, serial.
func validSVNR(s []byte) bool {
	if !ddmmyy2(s[2:8]) {
		return false
	}
	letter := int(s[8]-'A') + 1
	d := []byte{s[0], s[1], s[2], s[3], s[4], s[5], s[6], s[7], byte('0' + letter/10), byte('0' + letter%10), s[9], s[10]}
	sum := 0
	for i, w := range []int{2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1} {
		n := int(d[i]-'0') * w
		sum += n/10 + n%10
	}
	return sum%10 == int(s[11]-'0')
}

// ddmmyy2 allows the offset days of the pension insurance (day + 50).
func ddmmyy2(d []byte) bool {
	day := atoi(d[:2])
	return isMonthDay(atoi(d[2:4]), day) || isMonthDay(atoi(d[2:4]), day-50)
}

// validKVNR: German health insurance, a letter and nine digits.
func validKVNR(s []byte) bool {
	letter := int(s[0]-'A') + 1
	d := append([]byte{byte('0' + letter/10), byte('0' + letter%10)}, s[1:9]...)
	sum := 0
	for i, c := range d {
		n := int(c-'0') * (1 + i%2)
		sum += n/10 + n%10
	}
	return sum%10 == int(s[9]-'0')
}

// validLANR: German physicians: weights 4 9 on six digits.
func validLANR(d []byte) bool {
	return (10-weighted(d[:6], 4, 9, 4, 9, 4, 9)%10)%10 == int(d[6]-'0')
}

// validFiscalCode: Italian persons: the last letter is a sum mod 26.
func validFiscalCode(s []byte) bool {
	odd := [36]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23}
	sum := 0
	for i, c := range s[:15] {
		v := int(c - '0')
		if !isDigit(c) {
			v = int(c-'A') + 10
		}
		switch {
		case i%2 == 0:
			sum += odd[v]
		case v >= 10:
			sum += v - 10
		default:
			sum += v
		}
	}
	return s[15] == byte('A'+sum%26) && strings.IndexByte("ABCDEHLMPRST", s[8]) >= 0
}

func validCPF(d []byte) bool {
	return !oneDigit(d) && checkDown(d[:10]) && checkDown(d)
}

// checkDown: Brazilian mod 11 with weights 2, 3, 4 … from the right.
func checkDown(d []byte) bool {
	sum := 0
	for i := range len(d) - 1 {
		sum += int(d[len(d)-2-i]-'0') * (i + 2)
	}
	r := 11 - sum%11
	if r > 9 {
		r = 0
	}
	return int(d[len(d)-1]-'0') == r
}

// validCNPJ: weights 2 to 9 repeating; letters count as their ASCII code minus
// 48 (Receita Federal, from July 2026).
func validCNPJ(s []byte) bool {
	if oneDigit(s) {
		return false
	}
	for _, n := range []int{12, 13} {
		sum := 0
		for i := range n {
			sum += int(s[n-1-i]-'0') * (2 + i%8)
		}
		r := 11 - sum%11
		if r > 9 {
			r = 0
		}
		if int(s[n]) != '0'+r {
			return false
		}
	}
	return true
}

// validCURP: Mexican persons: check digit over 37 characters.
func validCURP(s []byte) bool {
	if !yymmdd(s[4:10]) || s[10] != 'H' && s[10] != 'M' && s[10] != 'X' {
		return false
	}
	sum := 0
	for i, c := range s[:17] {
		v := int(c - '0')
		if !isDigit(c) {
			if v = int(c-'A') + 10; c > 'N' {
				v++ // Ñ stands between N and O
			}
		}
		sum += v * (18 - i)
	}
	return (10-sum%10)%10 == int(s[17]-'0')
}

func validRFC(s []byte) bool { n := len(s) - 9; return yymmdd(s[n : n+6]) }

// validCLABE: Mexican bank accounts, weights 3 7 1.
func validCLABE(d []byte) bool {
	sum := 0
	for i, c := range d[:17] {
		sum += int(c-'0') * [3]int{3, 7, 1}[i%3] % 10
	}
	return (10-sum%10)%10 == int(d[17]-'0') && !oneDigit(d)
}

func validChinaID(s []byte) bool {
	if s[0] == '0' || s[0] == '9' || !isYear(s[6:10]) || !isMonthDay(atoi(s[10:12]), atoi(s[12:14])) {
		return false
	}
	return iso7064mod112(s)
}

func validAadhaar(d []byte) bool { return d[0] >= '2' && verhoeff(d) && !palindrome(d) }

func palindrome(d []byte) bool {
	for i := range len(d) / 2 {
		if d[i] != d[len(d)-1-i] {
			return false
		}
	}
	return true
}

func validTFN(d []byte) bool {
	if len(d) == 8 {
		return mod11(d, 10, 7, 8, 4, 6, 3, 5, 1)
	}
	return mod11(d, 1, 4, 3, 7, 5, 8, 6, 9, 10) && !oneDigit(d)
}

func validABN(d []byte) bool {
	return (weighted(d, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0 && d[0] != '0'
}

func validACN(d []byte) bool {
	return (10-weighted(d[:8], 8, 7, 6, 5, 4, 3, 2, 1)%10)%10 == int(d[8]-'0') && !oneDigit(d)
}

func validMedicare(d []byte) bool {
	return d[0] >= '2' && d[0] <= '6' && weighted(d[:8], 1, 3, 7, 9, 1, 3, 7, 9)%10 == int(d[8]-'0')
}

func validNIFPT(d []byte) bool {
	if strings.IndexByte("1235689", d[0]) < 0 && d[0] != '4' && d[0] != '7' {
		return false
	}
	return check11(d, 9, 8, 7, 6, 5, 4, 3, 2)
}

func validPartitaIVA(d []byte) bool { return luhn(d) && !oneDigit(d) }

// validHetu: Finnish persons: the sign stands for the century.
func validHetu(s []byte) bool {
	if len(s) == 10 { // the sign was a dash, which is no part of the compact form
		s = append(append(append(make([]byte, 0, 11), s[:6]...), '-'), s[6:]...)
	}
	if !ddmmyy(s[:6]) {
		return false
	}
	n := atoi(s[:6])*1000 + atoi(s[7:10])
	return s[10] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[n%31] && atoi(s[7:10]) >= 2
}

func validPESEL(d []byte) bool {
	m := atoi(d[2:4]) % 20
	return isMonthDay(m, atoi(d[4:6])) && (10-weighted(d[:10], 1, 3, 7, 9, 1, 3, 7, 9, 1, 3)%10)%10 == int(d[10]-'0')
}

func validNIP(d []byte) bool {
	return weighted(d[:9], 6, 5, 7, 2, 3, 4, 5, 6, 7)%11 == int(d[9]-'0')
}

// validPersonnummer: Swedish persons, Luhn on the last ten; co-ordination
// numbers add 60 to the day.
func validPersonnummer(d []byte) bool {
	if len(d) == 12 {
		if c := atoi(d[:2]); c < 18 || c > 20 {
			return false
		}
		d = d[2:]
	}
	day := atoi(d[4:6])
	if day > 60 {
		day -= 60
	}
	return isMonthDay(atoi(d[2:4]), day) && luhn(d)
}

func validOrgnummer(d []byte) bool { return d[2] >= '2' && luhn(d) }

func validTurkishID(d []byte) bool {
	if d[0] == '0' {
		return false
	}
	odd, even, all := 0, 0, 0
	for i, c := range d[:10] {
		n := int(c - '0')
		if i < 9 {
			if i%2 == 0 {
				odd += n
			} else {
				even += n
			}
		}
		all += n
	}
	return ((odd*7-even)%10+10)%10 == int(d[9]-'0') && all%10 == int(d[10]-'0')
}

func validThaiID(d []byte) bool {
	return d[0] != '0' && d[0] != '9' && !thaiGap(atoi(d[1:3])) && (11-weighted(d[:12], 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2)%11)%10 == int(d[12]-'0')
}

// thaiGap: province codes that were never given out.
func thaiGap(p int) bool {
	return p < 10 || p == 28 || p == 29 || p == 59 || p >= 68 && p <= 69 || p >= 78 && p <= 79 || p >= 87 && p <= 89 || p >= 97
}

func validZAID(d []byte) bool { return yymmdd(d) && d[10] <= '2' && luhn(d) }

func validBSN(d []byte) bool {
	if len(d) == 8 {
		d = append([]byte{'0'}, d...)
	}
	return (weighted(d[:8], 9, 8, 7, 6, 5, 4, 3, 2)-int(d[8]-'0'))%11 == 0 && !oneDigit(d)
}

// validBelgian: 97 minus the number mod 97, with a 2 in front for those born from 2000 on.
func validBelgian(d []byte) bool {
	n, c := atoi(d[:9]), atoi(d[9:])
	return yymmdd(d) && (97-n%97 == c || 97-(2000000000+n)%97 == c)
}

func validAHV(d []byte) bool {
	sum := 0
	for i, c := range d[:12] {
		sum += int(c-'0') * (1 + i%2*2)
	}
	return string(d[:3]) == "756" && (10-sum%10)%10 == int(d[12]-'0')
}

func validPPS(s []byte) bool {
	sum := weighted(s[:7], 8, 7, 6, 5, 4, 3, 2)
	if len(s) == 9 && s[8] != 'W' && s[8] != 'T' && s[8] != 'X' {
		sum += int(s[8]-'A'+1) * 9
	}
	return s[7] == "WABCDEFGHIJKLMNOPQRSTUV"[sum%23]
}

func validNPI(d []byte) bool {
	return (d[0] == '1' || d[0] == '2') && luhn(append([]byte("80840"), d...)) && !oneDigit(d)
}

// validMBI: letters that look like digits are never used (CMS).
func validMBI(s []byte) bool {
	for _, c := range s {
		if strings.IndexByte("SLOIBZ", c) >= 0 {
			return false
		}
	}
	return s[0] != '0'
}

func validRRN(s []byte) bool { return yymmdd(s) && s[6] >= '1' && s[6] <= '4' }
func validFRN(s []byte) bool { return yymmdd(s) && s[6] >= '5' && s[6] <= '8' }

func validBRN(d []byte) bool {
	sum := weighted(d[:9], 1, 3, 7, 1, 3, 7, 1, 3, 5) + int(d[8]-'0')*5/10
	return (10-sum%10)%10 == int(d[9]-'0')
}

func validCNP(d []byte) bool {
	r := weighted(d[:12], 2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9) % 11
	if r == 10 {
		r = 1
	}
	return yymmdd(d[1:]) && r == int(d[12]-'0') && d[0] != '0'
}

func validEGN(d []byte) bool {
	m := atoi(d[2:4]) % 20
	return isMonthDay(m, atoi(d[4:6])) && weighted(d[:9], 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == int(d[9]-'0')
}

// validBaltic: Estonian and Lithuanian persons.
func validBaltic(d []byte) bool {
	r := weighted(d[:10], 1, 2, 3, 4, 5, 6, 7, 8, 9, 1) % 11
	if r == 10 {
		r = weighted(d[:10], 3, 4, 5, 6, 7, 8, 9, 1, 2, 3) % 11 % 10
	}
	return d[0] >= '1' && d[0] <= '8' && yymmdd(d[1:]) && r == int(d[10]-'0')
}

func validPIS(d []byte) bool { return check11(d, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2) && !oneDigit(d) }

func validNUSS(d []byte) bool {
	n := atoi(d[:10])
	if d[2] == '0' {
		n = atoi(d[:2])*10000000 + atoi(d[3:10])
	}
	return n%97 == atoi(d[10:]) && !oneDigit(d)
}

// validGSTIN: state code, PAN of the holder, and its shape.
func validGSTIN(s []byte) bool {
	state := atoi(s[:2])
	return state >= 1 && state <= 37 && s[13] == 'Z'
}

// validIndianPAN: the fourth letter is the kind of holder.
func validIndianPAN(s []byte) bool { return strings.IndexByte("ABCFGHJLNPT", s[3]) >= 0 || s[3] == 'S' }
func luhnID(d []byte) bool         { return luhn(d) && !oneDigit(d) }
func validSIN(d []byte) bool       { return d[0] != '0' && d[0] != '8' && luhnID(d) }
