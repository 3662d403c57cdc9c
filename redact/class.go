package redact

import "fmt"

// Class is what kind of personal datum a value is. The set is closed: policy
// rules, catalogues and detectors all speak of these and of no others.
type Class string

// The classes, in the order in which documents list them.
const (
	PAN          Class = "pan"
	CVV          Class = "cvv"
	PIN          Class = "pin"
	Expiry       Class = "expiry"
	Track        Class = "track"
	IBAN         Class = "iban"
	BankAccount  Class = "bank_account"
	Routing      Class = "routing"
	SWIFT        Class = "swift"
	SSN          Class = "ssn"
	NationalID   Class = "national_id"
	Passport     Class = "passport"
	DriverLic    Class = "driver_licence"
	TaxID        Class = "tax_id"
	Email        Class = "email"
	Phone        Class = "phone"
	IP           Class = "ip"
	MAC          Class = "mac"
	URL          Class = "url"
	Person       Class = "person"
	Address      Class = "address"
	Postcode     Class = "postcode"
	Location     Class = "location"
	Organization Class = "organization"
	Date         Class = "date"
	DOB          Class = "dob"
	Age          Class = "age"
	NRP          Class = "nrp"
	Title        Class = "title"
	Username     Class = "username"
	Password     Class = "password"
	Secret       Class = "secret"
	CryptoAddr   Class = "crypto_address"
	Vehicle      Class = "vehicle"
	Token        Class = "token"
)

// Treatment is what becomes of a value. The zero value is the safest.
type Treatment uint8

const (
	// Withhold leaves a field out of a document, and "[class]" in a text.
	Withhold Treatment = iota
	// Show passes the value unchanged.
	Show
	// Mask keeps a part of the value, "•••• 1009" (PCI DSS 4.0.1 3.4.1).
	Mask
	// Tokenise replaces the value by a keyed token, equal for equal values.
	Tokenise
	// Scrub shows a text after the detectors have been over it.
	Scrub
)

var treatmentNames = [...]string{"withhold", "show", "mask", "tokenise", "scrub"}

func (t Treatment) String() string {
	if int(t) < len(treatmentNames) {
		return treatmentNames[t]
	}
	return fmt.Sprintf("treatment(%d)", uint8(t))
}

// ParseTreatment reads a treatment's name; "redact" is another word for withhold.
func ParseTreatment(s string) (Treatment, error) {
	for i, name := range treatmentNames {
		if s == name {
			return Treatment(i), nil
		}
	}
	if s == "redact" {
		return Withhold, nil
	}
	return Withhold, fmt.Errorf("treatment %q: want show, mask, tokenise, scrub or withhold", s)
}
