package scoring

import "github.com/privet-gateway/privet/redact"

// ClassesOf gives the classes in which a value of a reference recogniser's
// kind is found; nil when no class of ours covers the kind.
func ClassesOf(kind string) []redact.Class {
	if c, ok := presidioKinds[kind]; ok {
		return c
	}
	return nil
}

func one(c ...redact.Class) []redact.Class { return c }

// presidioKinds maps Presidio's entities. Kinds that need a language model
// (PERSON, LOCATION, NRP in its spaCy, Stanza and transformers recognisers)
// and medical ones are not rules and are left out.
var presidioKinds = map[string][]redact.Class{
	"ABA_ROUTING_NUMBER":        one(redact.Routing),
	"CREDIT_CARD":               one(redact.PAN),
	"CRYPTO":                    one(redact.CryptoAddr),
	"DATE_TIME":                 one(redact.Date, redact.DOB),
	"DOMAIN_NAME":               one(redact.URL),
	"EMAIL_ADDRESS":             one(redact.Email),
	"IBAN_CODE":                 one(redact.IBAN),
	"IP_ADDRESS":                one(redact.IP),
	"MAC_ADDRESS":               one(redact.MAC),
	"PHONE_NUMBER":              one(redact.Phone),
	"URL":                       one(redact.URL),
	"US_SSN":                    one(redact.SSN),
	"US_ITIN":                   one(redact.TaxID),
	"US_BANK_NUMBER":            one(redact.BankAccount),
	"US_PASSPORT":               one(redact.Passport),
	"US_DRIVER_LICENSE":         one(redact.DriverLic),
	"US_NPI":                    one(redact.NationalID),
	"US_MBI":                    one(redact.NationalID),
	"UK_NHS":                    one(redact.NationalID),
	"UK_NINO":                   one(redact.NationalID),
	"UK_PASSPORT":               one(redact.Passport),
	"UK_POSTCODE":               one(redact.Postcode),
	"UK_DRIVING_LICENCE":        one(redact.DriverLic),
	"UK_VEHICLE_REGISTRATION":   one(redact.Vehicle),
	"TR_PHONE_NUMBER":           one(redact.Phone),
	"TR_LICENSE_PLATE":          one(redact.Vehicle),
	"AU_MEDICARE":               one(redact.NationalID),
	"CA_SIN":                    one(redact.NationalID),
	"DE_BSNR":                   one(redact.NationalID),
	"DE_LANR":                   one(redact.NationalID),
	"DE_HEALTH_INSURANCE":       one(redact.NationalID),
	"DE_ID_CARD":                one(redact.NationalID),
	"DE_SOCIAL_SECURITY":        one(redact.NationalID),
	"ES_NIE":                    one(redact.NationalID),
	"ES_NIF":                    one(redact.NationalID),
	"FI_PERSONAL_IDENTITY_CODE": one(redact.NationalID),
	"IN_AADHAAR":                one(redact.NationalID),
	"IN_VOTER":                  one(redact.NationalID),
	"IT_FISCAL_CODE":            one(redact.NationalID),
	"IT_IDENTITY_CARD":          one(redact.NationalID),
	"KR_FRN":                    one(redact.NationalID),
	"KR_RRN":                    one(redact.NationalID),
	"NG_NIN":                    one(redact.NationalID),
	"PL_PESEL":                  one(redact.NationalID),
	"SE_PERSONNUMMER":           one(redact.NationalID),
	"SG_NRIC_FIN":               one(redact.NationalID),
	"TH_TNIN":                   one(redact.NationalID),
	"TR_NATIONAL_ID":            one(redact.NationalID),
	"ZA_ID_NUMBER":              one(redact.NationalID),
	"AU_ABN":                    one(redact.TaxID),
	"AU_ACN":                    one(redact.TaxID),
	"AU_TFN":                    one(redact.TaxID),
	"DE_HANDELSREGISTER":        one(redact.TaxID),
	"DE_TAX_ID":                 one(redact.TaxID),
	"DE_TAX_NUMBER":             one(redact.TaxID),
	"DE_VAT_ID":                 one(redact.TaxID),
	"IN_GSTIN":                  one(redact.TaxID),
	"IN_PAN":                    one(redact.TaxID),
	"IT_VAT_CODE":               one(redact.TaxID),
	"KR_BRN":                    one(redact.TaxID),
	"PH_TIN":                    one(redact.TaxID),
	"SE_ORGANISATIONSNUMMER":    one(redact.TaxID),
	"SG_UEN":                    one(redact.TaxID),
	"DE_PASSPORT":               one(redact.Passport),
	"ES_PASSPORT":               one(redact.Passport),
	"IN_PASSPORT":               one(redact.Passport),
	"IT_PASSPORT":               one(redact.Passport),
	"KR_PASSPORT":               one(redact.Passport),
	"DE_FUEHRERSCHEIN":          one(redact.DriverLic),
	"IT_DRIVER_LICENSE":         one(redact.DriverLic),
	"KR_DRIVER_LICENSE":         one(redact.DriverLic),
	"DE_KFZ":                    one(redact.Vehicle),
	"IN_VEHICLE_REGISTRATION":   one(redact.Vehicle),
	"NG_VEHICLE_REGISTRATION":   one(redact.Vehicle),
	"DE_PLZ":                    one(redact.Postcode),
	"PH_MOBILE_NUMBER":          one(redact.Phone),
}
