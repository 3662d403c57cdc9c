package redact

import "bytes"

// National identifiers, tax numbers and documents of persons. Each has a shape
// and, where the state gives one, a check. A shape of digits alone with a weak
// check says little without a word before it ("NIF", "Steuer-ID").
//
// Shapes: d digit, a letter, x either, ~ one optional separator of " -./:",
// - / + themselves, other characters themselves in either case.
type idSpec struct {
	rule   string
	class  Class
	shape  string
	check  func([]byte) bool
	hint   words
	alone  float64 // score without a hint
	hinted float64
	bare   bool // alone is enough for the engine that holds the copy
}

const (
	anyID   = hintNational | hintTax | hintSSN
	never   = 0
	askOnly = 0.15 // enough only for those who asked for the class
)

var idSpecs = []idSpec{
	// United States
	{"us_itin", TaxID, "ddd~dd~dddd", validITIN, anyID, 0.45, 0.9, false},
	{"us_ein", TaxID, "dd-ddddddd", nil, hintTax, never, 0.8, false},
	{"us_npi", NationalID, "dddd~ddd~ddd", validNPI, hintNational, askOnly, 0.8, false},
	{"us_mbi", NationalID, "daxd~axd~aadd", validMBI, hintNational, 0.5, 0.9, false},
	{"us_passport", Passport, "ddddddddd", notOneDigit, hintPassport, askOnly, 0.8, false},
	{"us_passport_next", Passport, "adddddddd", validNextPassport, hintPassport, askOnly, 0.85, false},
	// Canada, United Kingdom, Ireland
	{"ca_sin", NationalID, "ddd-ddd-ddd", validSIN, anyID, 0.5, 0.9, false},
	{"ca_sin", NationalID, "ddd ddd ddd", validSIN, anyID, 0.42, 0.9, false},
	{"ca_sin", NationalID, "ddddddddd", validSIN, anyID, askOnly, 0.85, false},
	{"uk_nino", NationalID, "aa~dd~dd~dd~a", validNINO, anyID, 0.7, 0.95, false},
	{"uk_nhs", NationalID, "ddd~ddd~dddd", validNHS, anyID, askOnly, 0.9, false},
	{"uk_utr", TaxID, "ddddd~ddddd", nil, hintTax, never, 0.7, false},
	{"uk_passport", Passport, "aaddddddd", nil, hintPassport, askOnly, 0.85, false},
	{"uk_driving_licence", DriverLic, "xxxxxddddddxxxaa", validUKLicence, hintLicence, 0.6, 0.95, false},
	{"ie_pps", NationalID, "ddddddda", validPPS, anyID, 0.42, 0.9, false},
	{"ie_pps", NationalID, "dddddddaa", validPPS, anyID, 0.42, 0.9, false},
	// Spain
	{"es_nif", NationalID, "dddddddd~a", validNIF, anyID, 0.6, 0.95, false},
	{"es_nif", NationalID, "ddddddd~a", validNIF, anyID, 0.3, 0.9, false},
	{"es_nie", NationalID, "addddddd~a", validNIE, anyID, 0.8, 0.95, false},
	{"es_cif", TaxID, "addddddd~x", validCIF, hintTax, 0.45, 0.9, false},
	{"es_nuss", NationalID, "dd~dddddddd~dd", validNUSS, anyID, askOnly, 0.9, false},
	{"es_account", BankAccount, "dddd~dddd~dd~dddddddddd", nil, hintAccount, never, 0.9, false},
	{"es_passport", Passport, "aaadddddd", nil, hintPassport, askOnly, 0.85, false},
	// France
	{"fr_nir", NationalID, "d~dd~dd~dx~ddd~ddd~dd", validNIR, anyID, 0.7, 0.95, false},
	{"fr_tax", TaxID, "dd~dd~ddd~ddd~ddd", nil, hintTax, never, 0.75, false},
	{"fr_siret", TaxID, "ddd~ddd~ddd~ddddd", luhnID, hintTax, never, 0.93, false},
	{"fr_siren", TaxID, "ddd~ddd~ddd", luhnID, hintTax, never, 0.7, false},
	{"fr_account", BankAccount, "ddddd~ddddd~xxxxxxxxxxx~dd", nil, hintAccount, never, 0.9, false},
	{"fr_licence", DriverLic, "dddddddddddd", nil, hintLicence, never, 0.85, false},
	{"fr_passport", Passport, "ddaaddddd", nil, hintPassport, askOnly, 0.85, false},
	{"fr_id_card", NationalID, "dddddddddddd", nil, hintNational, never, 0.65, false},
	// Germany, Austria, Switzerland
	{"de_tax_id", TaxID, "dd~ddd~ddd~ddd", validSteuerID, anyID, 0.3, 0.95, false},
	{"de_tax_number", TaxID, "ddddddddddddd", validBundesnummer, hintTax, askOnly, 0.8, false},
	{"de_tax_number", TaxID, "ddd/ddd/ddddd", nil, hintTax, 0.5, 0.9, false},
	{"de_tax_number", TaxID, "ddd/dddd/dddd", nil, hintTax, 0.45, 0.9, false},
	{"de_tax_number", TaxID, "dd/ddd/ddddd", nil, hintTax, 0.45, 0.9, false},
	{"de_tax_number", TaxID, "dd/dddd/dddd", nil, hintTax, 0.45, 0.9, false},
	{"de_social_security", NationalID, "dd~dddddd~a~ddd", validSVNR, anyID, 0.7, 0.95, false},
	{"de_health_insurance", NationalID, "addddddddd", validKVNR, anyID, 0.42, 0.95, false},
	{"de_id_card", NationalID, "xxxxxxxxd", validGermanDoc, hintNational, askOnly, 0.9, false},
	{"de_id_card_old", NationalID, "xdddddddd", validOldGermanID, hintNational, askOnly, 0.85, false},
	{"de_passport", Passport, "xxxxxxxxd", validGermanDoc, hintPassport, askOnly, 0.9, false},
	{"de_id_card", NationalID, "xxxxxxxxxd", mrz, hintNational, never, 0.9, false},
	{"de_passport", Passport, "xxxxxxxxxd", mrz, hintPassport, never, 0.9, false},
	{"de_lanr", NationalID, "ddddddddd", validLANR, anyID, askOnly, 0.8, false},
	{"de_bsnr", NationalID, "ddddddddd", validBSNR, anyID, askOnly, 0.7, false},
	{"de_vat_id", TaxID, "DE~ddd~ddd~ddd", nil, hintTax, 0.5, 0.95, false},
	{"de_driving_licence", DriverLic, "xxxdddddddx", validFuehrerschein, hintLicence, askOnly, 0.9, false},
	{"de_commercial_register", TaxID, "HRA~dddddd", nil, anyID, 0.45, 0.8, false},
	{"de_commercial_register", TaxID, "HRA~ddddd", nil, anyID, 0.45, 0.8, false},
	{"de_commercial_register", TaxID, "HRB~dddddd", nil, anyID, 0.45, 0.8, false},
	{"de_commercial_register", TaxID, "HRB~ddddd", nil, anyID, 0.45, 0.8, false},
	{"at_social_security", NationalID, "dddd~dddddd", validAustrian, hintNational, never, 0.85, false},
	{"ch_ahv", NationalID, "ddd~dddd~dddd~dd", validAHV, anyID, 0.8, 0.95, false},
	// Italy, Portugal
	{"it_fiscal_code", NationalID, "aaaaaa~dxaxx~axxxa", validFiscalCode, anyID, 0.9, 0.98, false},
	{"it_fiscal_code_shape", NationalID, "aaaaaa~ddadd~addda", validFiscalShape, anyID, 0.45, 0.9, false},
	{"it_vat", TaxID, "ddddddddddd", validPartitaIVA, hintTax, askOnly, 0.85, false},
	{"it_identity_card", NationalID, "dddddddaa", nil, hintNational, askOnly, 0.8, false},
	{"it_identity_card", NationalID, "aadddddaa", nil, hintNational, askOnly, 0.85, false},
	{"it_identity_card", NationalID, "aaddddddd", nil, hintNational, never, 0.8, false},
	{"it_driving_licence", DriverLic, "axddddddda", nil, hintLicence, askOnly, 0.85, false},
	{"it_driving_licence", DriverLic, "U1xxxxxxxa", nil, hintLicence, askOnly, 0.85, false},
	{"pt_nif", TaxID, "ddd~ddd~ddd", validNIFPT, hintTax, askOnly, 0.9, false},
	{"pt_citizen_card", NationalID, "dddddddd~d~aad", nil, anyID, 0.5, 0.9, false},
	// Brazil, Mexico
	{"br_cpf", NationalID, "ddd.ddd.ddd-dd", validCPF, anyID, 0.95, 0.98, false},
	{"br_cpf", NationalID, "ddd~ddd~ddd~dd", validCPF, anyID, 0.5, 0.95, false},
	{"br_cnpj", TaxID, "xx.xxx.xxx/xxxx-dd", validCNPJ, hintTax, 0.95, 0.98, false},
	{"br_cnpj", TaxID, "xxxxxxxxxxxxdd", validCNPJ, hintTax, 0.42, 0.95, false},
	{"br_pis", NationalID, "ddd~ddddd~dd~d", validPIS, anyID, askOnly, 0.9, false},
	{"br_rg", NationalID, "dd.ddd.ddd-x", nil, hintNational, 0.45, 0.85, false},
	{"br_licence", DriverLic, "ddddddddddd", notOneDigit, hintLicence, never, 0.8, false},
	{"mx_curp", NationalID, "aaaaddddddaaaaaaxd", validCURP, anyID, 0.95, 0.98, false},
	{"mx_rfc", TaxID, "aaaadddddd~xxx", validRFC, hintTax, 0.55, 0.9, false},
	{"mx_rfc", TaxID, "aaadddddd~xxx", validRFC, hintTax, 0.42, 0.85, false},
	{"mx_clabe", BankAccount, "dddddddddddddddddd", validCLABE, hintAccount, 0.5, 0.95, false},
	{"pt_nib", BankAccount, "ddddddddddddddddddddd", validNIB, hintAccount, 0.5, 0.95, false},
	// China, India, Australia
	{"cn_id", NationalID, "ddddddddddddddddd~x", validChinaID, anyID, 0.95, 0.98, false},
	{"cn_id", NationalID, "dddddd~dddd~dddd~dddx", validChinaID, anyID, 0.9, 0.98, false},
	{"cn_id", NationalID, "dddddd~dddddddd~dddx", validChinaID, anyID, 0.9, 0.98, false},
	{"cn_travel_permit", NationalID, "Cdddddddd", nil, hintNational, never, 0.85, false},
	{"cn_passport", Passport, "Edddddddd", nil, hintPassport, askOnly, 0.85, false},
	{"cn_passport", Passport, "Gdddddddd", nil, hintPassport, askOnly, 0.85, false},
	{"in_aadhaar", NationalID, "dddd~dddd~dddd", validAadhaar, anyID, 0.45, 0.95, false},
	{"in_pan", TaxID, "aaaaadddda", validIndianPAN, hintTax | hintCard, 0.6, 0.95, false},
	{"in_gstin", TaxID, "ddaaaaadddda~xax", validGSTIN, hintTax, 0.8, 0.95, false},
	{"in_voter", NationalID, "aaaddddddd", nil, anyID, askOnly, 0.85, false},
	{"in_passport", Passport, "addddddd", validIndianPassport, hintPassport, askOnly, 0.85, false},
	{"au_tfn", TaxID, "ddd~ddd~ddd", validTFN, hintTax, askOnly, 0.9, false},
	{"au_tfn", TaxID, "dddddddd", validTFN, hintTax, never, 0.8, false},
	{"au_abn", TaxID, "dd~ddd~ddd~ddd", validABN, hintTax, askOnly, 0.9, false},
	{"au_acn", TaxID, "ddd~ddd~ddd", validACN, hintTax, askOnly, 0.9, false},
	{"au_medicare", NationalID, "dddd~ddddd~d", validMedicare, anyID, askOnly, 0.9, false},
	// The rest of Europe
	{"fi_hetu", NationalID, "dddddd-dddx", validHetu, anyID, 0.8, 0.95, false},
	{"fi_hetu", NationalID, "dddddd+dddx", validHetu, anyID, 0.8, 0.95, false},
	{"fi_hetu", NationalID, "ddddddadddx", validHetu, anyID, 0.8, 0.95, false},
	{"pl_pesel", NationalID, "ddddddddddd", validPESEL, anyID, askOnly, 0.95, false},
	{"pl_nip", TaxID, "ddd~ddd~dd~dd", validNIP, hintTax, askOnly, 0.9, false},
	{"se_personnummer", NationalID, "dddddddd~dddd", validPersonnummer, anyID, 0.45, 0.95, false},
	{"se_personnummer", NationalID, "dddddd-dddd", validPersonnummer, anyID, 0.45, 0.95, false},
	{"se_personnummer", NationalID, "dddddd+dddd", validPersonnummer, anyID, 0.45, 0.95, false},
	{"se_personnummer", NationalID, "dddddddddd", validPersonnummer, anyID, askOnly, 0.85, false},
	{"se_organisation", TaxID, "dddddd~dddd", validOrgnummer, hintTax, askOnly, 0.85, false},
	{"nl_bsn", NationalID, "ddddddddd", validBSN, hintNational, never, 0.9, false},
	{"be_register", NationalID, "dd.dd.dd~ddd.dd", validBelgian, anyID, 0.8, 0.95, false},
	{"be_register", NationalID, "dddddd~ddd~dd", validBelgian, anyID, askOnly, 0.9, false},
	{"ro_cnp", NationalID, "ddddddddddddd", validCNP, anyID, 0.3, 0.9, false},
	{"bg_egn", NationalID, "dddddddddd", validEGN, hintNational, never, 0.85, false},
	{"baltic_code", NationalID, "ddddddddddd", validBaltic, hintNational, never, 0.85, false},
	{"eu_vat", TaxID, "aaxxddddddddx", nil, hintTax, never, 0.7, false},
	// Asia and Africa
	{"kr_rrn", NationalID, "dddddd~ddddddd", validRRN, anyID, 0.3, 0.9, false},
	{"kr_frn", NationalID, "dddddd~ddddddd", validFRN, anyID, 0.3, 0.9, false},
	{"kr_brn", TaxID, "ddd-dd-ddddd", validBRN, hintTax, 0.42, 0.9, false},
	{"kr_licence", DriverLic, "dd-dd-dddddd-dd", validKoreanLicence, hintLicence, 0.5, 0.9, false},
	{"kr_passport", Passport, "adddadddd", validKoreanPassport, hintPassport, 0.3, 0.9, false},
	{"kr_passport", Passport, "adddddddd", validKoreanPassport, hintPassport, askOnly, 0.9, false},
	{"sg_fin", NationalID, "addddddda", validFIN, anyID, 0.3, 0.9, false},
	{"sg_uen", TaxID, "dddddddda", nil, hintTax, askOnly, 0.8, false},
	{"sg_uen", TaxID, "dddddddddd", validUEN, hintTax, never, 0.8, false},
	{"sg_uen", TaxID, "ddddddddda", validUEN, hintTax, askOnly, 0.8, false},
	{"sg_uen", TaxID, "addaadddda", validUENOther, hintTax, 0.42, 0.85, false},
	{"th_id", NationalID, "d~dddd~ddddd~dd~d", validThaiID, anyID, 0.3, 0.9, false},
	{"tr_id", NationalID, "ddddddddddd", validTurkishID, anyID, 0.3, 0.95, false},
	{"za_id", NationalID, "ddddddddddddd", validZAID, anyID, 0.3, 0.9, false},
	{"ng_nin", NationalID, "ddddddddddd", nil, hintNational, never, 0.7, false},
	{"ph_tin", TaxID, "ddd~ddd~ddd~ddd", nil, hintTax, never, 0.8, false},
	{"ph_tin", TaxID, "ddd-ddd-ddd", nil, hintTax, never, 0.7, false},
	// Postcodes with letters
	{"uk_postcode", Postcode, "ad~daa", validUKPostcode, hintPostcode, 0.42, 0.9, false},
	{"uk_postcode", Postcode, "add~daa", validUKPostcode, hintPostcode, 0.45, 0.9, false},
	{"uk_postcode", Postcode, "aad~daa", validUKPostcode, hintPostcode, 0.45, 0.9, false},
	{"uk_postcode", Postcode, "aadd~daa", validUKPostcode, hintPostcode, 0.5, 0.9, false},
	{"uk_postcode", Postcode, "ada~daa", validUKPostcode, hintPostcode, 0.45, 0.9, false},
	{"uk_postcode", Postcode, "aada~daa", validUKPostcode, hintPostcode, 0.5, 0.9, false},
	{"uk_postcode", Postcode, "GIR~0AA", nil, hintPostcode, 0.5, 0.9, false},
	{"ca_postcode", Postcode, "ada~dad", validCanadaPostcode, hintPostcode, 0.45, 0.9, false},
	// Vehicles
	{"uk_plate", Vehicle, "aadd~aaa", validUKPlate, hintVehicle, 0.42, 0.9, false},
	{"uk_plate_prefix", Vehicle, "addd~aaa", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"uk_plate_prefix", Vehicle, "add~aaa", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"uk_plate_prefix", Vehicle, "ad~aaa", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"uk_plate_suffix", Vehicle, "aaa~ddda", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"uk_plate_suffix", Vehicle, "aaa~dda", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"uk_plate_suffix", Vehicle, "aaa~da", validUKOldPlate, hintVehicle, askOnly, 0.8, false},
	{"ng_plate", Vehicle, "aaa~dddaa", nil, hintVehicle, askOnly, 0.8, false},
	{"in_plate", Vehicle, "aa~dd~a~dddd", validIndianPlate, hintVehicle, askOnly, 0.85, false},
	{"in_plate", Vehicle, "aa~dd~aa~dddd", validIndianPlate, hintVehicle, 0.42, 0.85, false},
	{"in_plate", Vehicle, "aa~d~aaa~dddd", validIndianPlate, hintVehicle, askOnly, 0.85, false},
	{"in_plate", Vehicle, "aa~d~aa~dddd", validIndianPlate, hintVehicle, askOnly, 0.85, false},
	{"in_plate", Vehicle, "aadddd", validIndianPlate, hintVehicle, askOnly, 0.7, false},
	{"tr_plate", Vehicle, "dd~a~ddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~a~dddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~a~dd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aa~ddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aa~dddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aa~dd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aaa~dd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aaa~ddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"tr_plate", Vehicle, "dd~aaa~dddd", validTurkishPlate, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "a~aa~dddd", nil, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "a~aa~ddd", nil, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "aa~aa~dddd", nil, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "aa~aa~ddd", nil, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "aaa~aa~dddd", nil, hintVehicle, askOnly, 0.8, false},
	{"de_plate", Vehicle, "aaa~aa~ddd", nil, hintVehicle, askOnly, 0.8, false},
	{"br_plate", Vehicle, "aaa-dddd", nil, hintVehicle, askOnly, 0.8, false},
	{"br_plate", Vehicle, "aaadadd", nil, hintVehicle, askOnly, 0.8, false},
	{"plate", Vehicle, "dddd~aaa", nil, hintVehicle, never, 0.8, false},   // Spain
	{"plate", Vehicle, "aa-ddd-aa", nil, hintVehicle, never, 0.85, false}, // France, Italy
	{"plate", Vehicle, "aadddaa", nil, hintVehicle, never, 0.8, false},    //
	{"plate", Vehicle, "aa~dd~aa", nil, hintVehicle, never, 0.8, false},   // Portugal
	{"plate", Vehicle, "daaaddd", nil, hintVehicle, never, 0.8, false},    // California
	{"plate", Vehicle, "aaa~dddd", nil, hintVehicle, never, 0.8, false},   // Texas, New York
	{"plate", Vehicle, "aaa~ddd", nil, hintVehicle, never, 0.8, false},    // Florida
	{"plate", Vehicle, "aaa-dd-dd", nil, hintVehicle, never, 0.8, false},  // Mexico
	{"plate", Vehicle, "aaa-ddd-a", nil, hintVehicle, never, 0.85, false}, //
	{"vin", Vehicle, "xxxxxxxxxxxxxdddd", validVIN, hintVehicle, 0.5, 0.9, false},
}

// documentChecks that belong to one shape only.

func validUKLicence(s []byte) bool {
	for i, c := range s[:5] { // the surname, filled with nines
		if isDigit(c) && (c != '9' || i == 0) {
			return false
		}
	}
	m := atoi(s[6:8])
	if m > 50 {
		m -= 50
	}
	return isMonthDay(m, atoi(s[8:10])) && (!isDigit(s[11]) || s[11] == '9')
}

// validBundesnummer: the federal form begins with the state's tax office.
func validBundesnummer(d []byte) bool { state := atoi(d[:2]); return state >= 1 && state <= 16 }

func validNextPassport(s []byte) bool   { return s[0] == 'A' || s[0] >= 'X' }
func validIndianPassport(s []byte) bool { return s[1] != '0' && s[7] != '0' }

// validGermanDoc: serials use no vowels and none of B D E O Q S U; the last
// character is the ICAO check digit.
func validGermanDoc(s []byte) bool {
	if isDigit(s[0]) {
		return false
	}
	for _, c := range s {
		switch c {
		case 'A', 'B', 'D', 'E', 'I', 'O', 'Q', 'S', 'U':
			return false
		}
	}
	return mrz(s)
}

func validOldGermanID(s []byte) bool { return s[0] == 'T' && digitCount(s) == 8 }

func validBSNR(d []byte) bool {
	k := atoi(d[:2])
	return k >= 1 && k <= 3 || k == 17 || k == 20 || k == 38 || k == 46 || k >= 51 && k <= 52 || k == 71 || k == 72 || k == 73 || k == 78 || k == 83 || k == 88 || k == 93 || k == 98
}

func validFuehrerschein(s []byte) bool {
	return isLetter(s[0]) && (isLetter(s[1]) || isDigit(s[1])) && digitCount(s[2:10]) == 8
}

func validAustrian(d []byte) bool {
	return d[0] != '0' && weighted(d, 3, 7, 9, 0, 5, 8, 4, 2, 1, 6)%11 == int(d[3]-'0')
}

func validFiscalShape(s []byte) bool {
	for _, c := range []byte("ABCDEHLMPRST") {
		if s[8] == c {
			return true
		}
	}
	return false
}

func validKoreanLicence(d []byte) bool {
	r := atoi(d[:2])
	return r >= 11 && r <= 28
}

func validKoreanPassport(s []byte) bool {
	switch s[0] {
	case 'M', 'S', 'R', 'O', 'D', 'G':
		return true
	}
	return false
}

func validFIN(s []byte) bool {
	switch s[0] {
	case 'S', 'T', 'F', 'G', 'M':
		return true
	}
	return false
}

func validUEN(s []byte) bool      { y := atoi(s[:4]); return y >= 1900 && y <= 2100 }
func validUENOther(s []byte) bool { return s[0] == 'R' || s[0] == 'S' || s[0] == 'T' }

// validUKPlate: a memory tag without I, Q and Z in front, an age identifier.
func validUKPlate(s []byte) bool {
	age := atoi(s[2:4])
	for _, c := range []byte{s[0], s[1]} {
		if c == 'I' || c == 'Q' || c == 'Z' {
			return false
		}
	}
	return age >= 2 && age <= 29 || age >= 51 && age <= 79
}

func validUKOldPlate(s []byte) bool {
	for _, c := range s {
		if c == 'I' || c == 'Q' || c == 'Z' {
			return false
		}
	}
	return true
}

func validIndianPlate(s []byte) bool {
	switch string(s[:2]) {
	case "AN", "AP", "AR", "AS", "BR", "CG", "CH", "DD", "DL", "DN", "GA", "GJ", "HP", "HR", "JH", "JK", "KA", "KL", "LA", "LD",
		"MH", "ML", "MN", "MP", "MZ", "NL", "OD", "OR", "PB", "PY", "RJ", "SK", "TN", "TR", "TS", "UK", "UP", "WB":
		return true
	}
	return false
}

// validNIB: ISO 7064 mod 97-10 over the whole number.
func validNIB(d []byte) bool {
	r := 0
	for _, c := range d {
		r = (10*r + int(c-'0')) % 97
	}
	return r == 1 && notOneDigit(d)
}

func validTurkishPlate(s []byte) bool { p := atoi(s[:2]); return p >= 1 && p <= 81 }

// validVIN: ISO 3779, no I, O or Q; the ninth character checks the others in
// North America.
func validVIN(s []byte) bool {
	sum, letters := 0, 0
	for i, c := range s {
		v := 0
		switch {
		case c == 'I' || c == 'O' || c == 'Q':
			return false
		case isDigit(c):
			v = int(c - '0')
		default:
			letters++
			v = int("12345678012345070923456789"[c-'A'] - '0')
		}
		sum += v * [17]int{8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2}[i]
	}
	want := byte('0' + sum%11)
	if sum%11 == 10 {
		want = 'X'
	}
	return s[8] == want && letters >= 3
}

// validUKPostcode: Royal Mail's areas, and the letters an inward code never has.
func validUKPostcode(s []byte) bool {
	for _, c := range s[len(s)-2:] {
		switch c {
		case 'C', 'I', 'K', 'M', 'O', 'V':
			return false
		}
	}
	area := s[:1]
	if isLetter(s[1]) {
		area = s[:2]
	}
	return bytes.Contains([]byte(ukAreas), append(append([]byte{' '}, area...), ' '))
}

const ukAreas = " AB AL B BA BB BD BF BH BL BN BR BS BT BX CA CB CF CH CM CO CR CT CV CW DA DD DE DG DH DL DN DT DY E EC EH EN EX FK FY G GL GU GY HA HD HG HP HR HS HU HX IG IM IP IV JE KA KT KW KY L LA LD LE LL LN LS LU M ME MK ML N NE NG NN NP NR NW OL OX PA PE PH PL PO PR RG RH RM S SA SE SG SK SL SM SN SO SP SR SS ST SW SY TA TD TF TN TQ TR TS TW UB W WA WC WD WF WN WR WS WV YO ZE "

func validCanadaPostcode(s []byte) bool {
	for _, c := range []byte{s[0], s[2], s[4]} {
		switch c {
		case 'D', 'F', 'I', 'O', 'Q', 'U':
			return false
		}
	}
	return s[0] != 'W' && s[0] != 'Z'
}
