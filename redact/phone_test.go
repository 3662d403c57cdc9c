package redact

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/nyaruka/phonenumbers"
)

// TestPhoneAutomatonAgreesWithLibrary holds the compiled automata equal to the
// library's own verdict on its example numbers and on random neighbours.
func TestPhoneAutomatonAgreesWithLibrary(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	n, wrong := 0, 0
	for region := range phonenumbers.GetSupportedRegions() {
		for _, typ := range []phonenumbers.PhoneNumberType{phonenumbers.FIXED_LINE, phonenumbers.MOBILE, phonenumbers.TOLL_FREE} {
			ex := phonenumbers.GetExampleNumberForType(region, typ)
			if ex == nil {
				continue
			}
			nsn := []byte(phonenumbers.GetNationalSignificantNumber(ex))
			for range 6 {
				full := fmt.Sprintf("%d%s", ex.GetCountryCode(), nsn)
				num, err := phonenumbers.Parse("+"+full, "ZZ")
				want := err == nil && phonenumbers.IsValidNumber(num) && phonenumbers.GetNationalSignificantNumber(num) == string(nsn)
				got := false
				for _, r := range phones().byCode[int(ex.GetCountryCode())] {
					got = got || r.valid(nsn)
				}
				n++
				if got != want {
					// Leading digits of shared codes let the library choose another region.
					wrong++
					t.Logf("+%s: automaton %v, library %v", full, got, want)
				}
				nsn[rng.IntN(len(nsn))] = byte('0' + rng.IntN(10))
			}
		}
	}
	if wrong*200 > n {
		t.Errorf("%d of %d verdicts differ from the library's", wrong, n)
	}
	t.Logf("%d verdicts compared, %d differ", n, wrong)
}

// TestHomesAgreeWithTheirRegions: the table over first digits and lengths turns
// no number away that one of the regions dials.
func TestHomesAgreeWithTheirRegions(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, lang := range []string{"auto", "en", "es", "zh", "fr", "de", "pt"} {
		h := phones().homes[lang]
		dialled := 0
		for range 20000 {
			d := make([]byte, 3+rng.IntN(16))
			for i := range d {
				d[i] = '0' + byte(rng.IntN(10))
			}
			if rng.IntN(3) == 0 {
				d[0] = '0'
			}
			want := false
			for _, r := range h.regions {
				want = want || len(d) >= 5 && len(d) <= 17 && r.dialled(d)
			}
			if got := h.dialled(d); got != want {
				t.Fatalf("%s: %s dialled %v, its regions say %v", lang, d, got, want)
			}
			if want {
				dialled++
			}
		}
		if dialled < 100 {
			t.Errorf("%s: only %d of the random numbers can be dialled: nothing was compared", lang, dialled)
		}
	}
}

// TestNoTelephoneInMistypedIBAN: an IBAN whose check digits are wrong is not
// taken for telephone numbers group by group; a number of its own still is.
func TestNoTelephoneInMistypedIBAN(t *testing.T) {
	e := engine(t, Config{Profile: Strict})
	for text, want := range map[string]int{
		"AL47 2121 1009 0000 0002 3569 8740":  0,
		"NO93 8601 1117 948":                  0,
		"ref AB12, call me on (415) 555-0132": 1,
		"flat B12 030 1234 5678":              1,
	} {
		n := 0
		for _, s := range e.Find(nil, []byte(text)) {
			if s.Class == Phone {
				n++
			}
		}
		if n != want {
			t.Errorf("%q: %d telephone numbers, want %d", text, n, want)
		}
	}
}
