package redact

import (
	"bufio"
	"bytes"
	"encoding/json"
	"testing"
)

// TestChecksumsAgainstPublishedCases runs our checks on the values with which
// DataDog's scanner tests its own (Apache-2.0). Labels there were taken from
// names, so values whose shape our caller never passes on are left out.
func TestChecksumsAgainstPublishedCases(t *testing.T) {
	f := shared(t, "redaction/datadog_checksum_cases.jsonl")
	defer f.Close()
	checks := map[string]struct {
		sizes []int
		ok    func([]byte) bool
		only  string // "valid": ours is stricter than theirs on purpose
	}{
		"australian_tfn_checksum":            {[]int{8, 9}, validTFN, ""},
		"belgium_national_register_checksum": {[]int{11}, validBelgian, ""},
		"brazilian_cpf_checksum":             {[]int{11}, validCPF, ""},
		"brazilian_cnpj_checksum":            {[]int{14}, validCNPJ, ""},
		"btc_checksum":                       {[]int{26, 33, 34, 35}, base58check, ""},
		"bulgarian_egn_checksum":             {[]int{10}, validEGN, ""},
		"chinese_id_checksum":                {[]int{18}, validChinaID, ""},
		"estonia_personal_code_checksum":     {[]int{11}, validBaltic, ""},
		"finnish_hetu_checksum":              {[]int{10}, validHetu, ""},
		"france_ssn_checksum":                {[]int{15}, validNIR, ""},
		"german_svnr_checksum":               {[]int{12}, validSVNR, ""},
		"irish_pps_checksum":                 {[]int{8, 9}, validPPS, ""},
		"italian_national_id_checksum":       {[]int{16}, validFiscalCode, ""},
		"luhn_checksum":                      {[]int{13, 14, 15, 16, 19}, luhn, ""},
		"nhs_check_digit":                    {[]int{10}, validNHS, ""},
		"polish_national_id_checksum":        {[]int{11}, validPESEL, "invalid"},
		"polish_nip_checksum":                {[]int{10}, validNIP, ""},
		"portuguese_tax_id_checksum":         {[]int{9}, validNIFPT, ""},
		"romanian_personal_numeric_code":     {[]int{13}, validCNP, ""},
		"spain_dni_checksum":                 {[]int{9}, func(b []byte) bool { return digitCount(b) == 8 && validNIF(b) }, ""},
		"spanish_nuss_checksum":              {[]int{12}, validNUSS, ""},
		"sweden_pin_checksum":                {[]int{10}, validPersonnummer, ""},
		"us_npi_checksum":                    {[]int{10}, validNPI, ""},
		"verhoeff_checksum":                  {[]int{12}, verhoeff, ""},
		"dutch_bsn_checksum":                 {[]int{8, 9}, validBSN, ""},
	}
	n := 0
	for sc := bufio.NewScanner(f); sc.Scan(); {
		var c struct{ Validator, Value, Label string }
		if err := json.Unmarshal(sc.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		check, ok := checks[c.Validator]
		if !ok || check.only != "" && c.Label != check.only {
			continue
		}
		compact := []byte(Canonical(NationalID, []byte(c.Value)))
		if c.Validator == "btc_checksum" {
			compact = []byte(c.Value)
		}
		fits := false
		for _, size := range check.sizes {
			fits = fits || len(compact) == size
		}
		if !fits {
			continue
		}
		if bytes.ContainsFunc(compact, func(r rune) bool { return r >= 0x80 }) {
			continue
		}
		letters := len(compact) - digitCount(compact)
		if letters > 0 && (c.Validator == "luhn_checksum" || c.Validator == "verhoeff_checksum") {
			continue
		}
		n++
		if got := check.ok(compact); got != (c.Label == "valid") {
			t.Errorf("%s %q: got %v, want %s", c.Validator, c.Value, got, c.Label)
		}
	}
	t.Logf("%d values judged", n)
	if n < 40 {
		t.Errorf("only %d values were judged", n)
	}
}
