package redact

// Card numbers: ISO/IEC 7812-1 gives 8 to 19 digits with a Luhn check digit;
// cards in use carry 12 to 19. The ranges below are the issuers' published
// ones. A number outside of them needs a card word beside it.

// Brand is the issuer range a card number lies in.
type brand uint8

const (
	noBrand brand = iota
	visa
	mastercard
	amex
	discover
	diners
	jcb
	unionPay
	maestro
	mir
	uatp
	otherBrand // a published range of a national scheme
)

// binRange is a range of leading six digits and the lengths issued in it, one
// bit per length.
type binRange struct {
	lo, hi  uint32
	lengths uint32
	brand   brand
}

func lengths(from, to int) uint32 {
	var m uint32
	for n := from; n <= to; n++ {
		m |= 1 << n
	}
	return m
}

// binRanges is ordered so that the first match wins: Maestro's wide ranges
// come last.
var binRanges = [...]binRange{
	{400000, 499999, 1<<13 | 1<<16 | 1<<19 | 1<<18, visa},
	{510000, 559999, 1 << 16, mastercard},
	{222100, 272099, 1 << 16, mastercard},
	{340000, 349999, 1 << 15, amex},
	{370000, 379999, 1 << 15, amex},
	{300000, 305999, lengths(14, 19), diners},
	{309500, 309599, lengths(14, 19), diners},
	{360000, 369999, lengths(14, 19), diners},
	{380000, 399999, lengths(14, 19), diners},
	{352800, 358999, lengths(16, 19), jcb},
	{180000, 180099, 1 << 15, jcb},
	{213100, 213199, 1 << 15, jcb},
	{220000, 220499, lengths(16, 19), mir},
	{601100, 601199, lengths(16, 19), discover},
	{644000, 659999, lengths(16, 19), discover},
	{622126, 622925, lengths(16, 19), discover},
	{620000, 629999, lengths(16, 19), unionPay},
	{810000, 817199, lengths(16, 19), unionPay},
	{600000, 601099, lengths(16, 16), otherBrand}, // RuPay, Hipercard
	{606282, 606282, lengths(16, 19), otherBrand},
	{508500, 508999, 1 << 16, otherBrand}, // RuPay
	{100000, 199999, 1 << 15, uatp},
	{500000, 509999, lengths(12, 19), maestro},
	{560000, 589999, lengths(12, 19), maestro},
	{600000, 699999, lengths(12, 19), maestro},
	{979200, 979289, 1 << 16, otherBrand}, // Troy
}

// issuer names the brand whose ranges and lengths fit the digits.
func issuer(digits []byte) brand {
	if len(digits) < 12 || len(digits) > 19 {
		return noBrand
	}
	var bin uint32
	for _, d := range digits[:6] {
		bin = bin*10 + uint32(d-'0')
	}
	for i := range binRanges {
		r := &binRanges[i]
		if bin >= r.lo && bin <= r.hi && r.lengths>>len(digits)&1 == 1 {
			return r.brand
		}
	}
	return noBrand
}

// luhn checks the ISO/IEC 7812-1 annex B check digit of ASCII digits.
func luhn(digits []byte) bool {
	sum, double := 0, false
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		double = !double
	}
	return len(digits) > 1 && sum%10 == 0
}

// validPAN reports a number that some issuer can have given out: a published
// range, a length of that range, a right check digit, not one digit repeated.
func validPAN(digits []byte) bool {
	return issuer(digits) != noBrand && luhn(digits) && !oneDigit(digits)
}

// looksPAN is the weaker rule of a card context: any 12 to 19 digits may be a
// card number that was misheard or mistyped.
func looksPAN(digits []byte) bool {
	return len(digits) >= 12 && len(digits) <= 19 && !oneDigit(digits)
}

// listedCard: "4929, 3001, 7652, 1108": who writes down speech puts a comma
// where a caller takes breath.
func (s *scan) listedCard(i int, best *candidate) bool {
	if i+2 >= s.limit || s.toks[i+1].ch != ',' || s.toks[i+2].kind != number || s.toks[i+2].gap != spaced {
		return false
	}
	size := s.toks[i].e - s.toks[i].s
	d, last := s.idForm[:0], i
	for j := i; len(d) < 19; j += 2 {
		t := &s.toks[j]
		n := t.e - t.s
		if n != size && (size == 1 || n > 6 || len(d) < 4) || len(d)+int(n) > 19 {
			break
		}
		d, last = append(d, s.bytes(j, j)...), j
		if j+2 >= s.limit || s.toks[j+1].ch != ',' || s.toks[j+1].gap != joined || s.toks[j+2].kind != number || s.toks[j+2].gap != spaced {
			break
		}
	}
	if len(d) < 15 || issuer(d) == noBrand || !luhn(d) && !s.hinted(hintCard, i, 14) || !s.ends(last) {
		return false
	}
	s.consider(best, last, PAN, "card_listed", 0.85)
	return best.class == PAN
}

// oneDigit reports a run of a single digit, "0000000000000000".
func oneDigit(digits []byte) bool {
	for _, d := range digits[1:] {
		if d != digits[0] {
			return false
		}
	}
	return true
}
