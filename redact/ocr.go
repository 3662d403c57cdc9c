package redact

// ocr maps the letters that scanners and tired eyes take for digits.
var ocr = func() (t [256]byte) {
	for _, p := range []string{"O0", "o0", "Q0", "D0", "l1", "I1", "i1", "|1", "!1", "Z2", "z2", "S5", "s5", "G6", "b6", "B8", "g9"} {
		t[p[0]] = p[1]
	}
	for c := byte('0'); c <= '9'; c++ {
		t[c] = c
	}
	return t
}()

// cardLetters: card numbers in which digits were read as letters; they must
// pass the check as digits, and most must be digits or the letters few kinds.
func (s *scan) cardLetters(i int, best *candidate) {
	if !s.cards {
		return
	}
	var digits [19]byte
	n, letters, groups := 0, 0, 0
	var sep byte
	kinds, seen := 0, [2]uint64{} // different letters
	for j := i; j < s.limit; j++ {
		t := &s.toks[j]
		if t.kind == mark && j > i && t.ch == '-' && t.gap == joined {
			sep = '-'
			continue
		}
		if j > i && (t.gap > spaced || t.gap == joined && s.toks[j-1].kind != mark) || t.kind == mark && t.ch != '|' || t.kind == han || n+int(t.e-t.s) > len(digits) {
			break
		}
		if j > i && t.gap == spaced && sep == '-' {
			break
		}
		odd := 0
		for _, c := range s.surface.norm[t.s:t.e] {
			d := ocr[c]
			if d == 0 {
				odd = -1
				break
			}
			if d != c {
				odd++
				if bit := uint64(1) << (c & 63); seen[c>>6&1]&bit == 0 {
					seen[c>>6&1] |= bit
					kinds++
				}
			}
			digits[n] = d
			n++
		}
		if odd < 0 {
			break
		}
		letters += odd
		groups++
		if n >= 13 && letters > 0 && (letters*2 <= n || kinds <= 2) && s.ends(j) && validPAN(digits[:n]) && (groups == 1 || n/groups == 4 || groups == 3) {
			s.consider(best, j, PAN, "card_number_ocr", 0.85)
		}
	}
}
