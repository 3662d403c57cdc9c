package redact

// written gives a spoken value as it is written, "four one" as "41" and "at x
// dot com" as "@x.com", so that masks and tokens of a value are the same
// however it came; any other value it gives back.
func (r *rules) written(class Class, raw []byte) []byte {
	letters, digits := 0, 0
	for _, c := range raw {
		if isDigit(c) {
			digits++
		} else if isLetter(c) || c >= 0x80 {
			letters++
		}
	}
	switch class {
	case PAN, SSN, Phone, IBAN, BankAccount, Routing, NationalID, TaxID, Passport, DriverLic, Postcode, Vehicle, DOB, Secret:
		if letters <= digits {
			return raw
		}
	case Email, URL:
	default:
		return raw
	}
	if len(raw) > maxUtterance || !spokenGate().open(raw) {
		return raw
	}
	for _, l := range hearers(nil, splitWords(nil, raw), r.lang) {
		if text := l.hearText(raw).written(class == Email || class == URL); len(text) > 0 {
			return text
		}
	}
	return raw
}

// written writes down numbers and spelled letters; of an address its words and
// marks too.
func (u *utterance) written(address bool) (text []byte) {
	if !address {
		for i := range u.runs {
			r := &u.runs[i]
			if r.plus && len(text) == 0 {
				text = append(text, '+')
			}
			if r.repaired != "" {
				text = append(text, r.repaired...)
			} else {
				text = append(text, r.value...)
			}
		}
		return text
	}
	for i := 0; i < len(u.items); i = u.after(i) {
		switch it := &u.items[i]; {
		case u.group[i] > 0:
			text = append(text, u.groups[u.group[i]-1].digits...)
		case it.is(letterRole) && len(it.text) == 1:
			text = append(text, it.text...)
		case it.is(markRole):
			text = append(text, it.sym)
		default:
			text = append(text, it.text...)
		}
	}
	return text
}
