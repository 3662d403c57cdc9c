package redact

// validSSN applies the issuance rules of the US Social Security
// Administration (since 2011): area not 000, 666 or 9xx, group not 00, serial
// not 0000. Numbers printed in advertisements are not people's.
func validSSN(d []byte) bool {
	if len(d) != 9 || d[0] == '9' {
		return false
	}
	area, group, serial := string(d[:3]), string(d[3:5]), string(d[5:])
	if area == "000" || area == "666" || group == "00" || serial == "0000" || oneDigit(d) {
		return false
	}
	switch string(d) {
	case "123456789", "987654321":
		return false
	}
	return true
}

// validITIN: nine digits from 900 on, group 50–65, 70–88, 90–92 or 94–99 (IRS).
func validITIN(d []byte) bool {
	if len(d) != 9 || d[0] != '9' {
		return false
	}
	g := int(d[3]-'0')*10 + int(d[4]-'0')
	return g >= 50 && g <= 65 || g >= 70 && g <= 88 || g >= 90 && g <= 92 || g >= 94
}
