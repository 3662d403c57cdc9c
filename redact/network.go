package redact

import "net/netip"

// mail reads an address from its first token on: a local part, '@', a domain
// with a dot or an address literal.
func (s *scan) mail(i int) bool {
	j := i
	for ; j < s.limit && (j == i || s.toks[j].gap == joined); j++ {
		if t := &s.toks[j]; t.kind == mark && t.ch == '@' {
			break
		}
	}
	if j >= s.limit || s.toks[j].ch != '@' || s.toks[j].kind != mark {
		return false
	}
	last, labels, lastWord := -1, 0, false
	for j++; j < s.limit && s.toks[j].gap == joined; {
		t := &s.toks[j]
		if t.kind == mark || t.kind == han {
			break
		}
		for j+2 < s.limit && s.toks[j+1].ch == '-' && s.toks[j+1].kind == mark && s.toks[j+1].gap == joined &&
			s.toks[j+2].gap == joined && s.toks[j+2].kind != mark {
			j += 2
		}
		t = &s.toks[j]
		labels++
		last, lastWord = j, t.kind == word && t.e-t.s >= 2 || t.kind == mixed && labels > 1
		if j+2 < s.limit && s.toks[j+1].ch == '.' && s.toks[j+1].gap == joined && s.toks[j+2].gap == joined && s.toks[j+2].kind != mark && s.toks[j+2].kind != han {
			j += 2
			continue
		}
		break
	}
	switch {
	case labels >= 2 && lastWord:
		return s.accept(i, last, Email, "email", 0.98)
	case labels == 4:
		return s.accept(i, last, Email, "email_literal", 0.8)
	case labels == 1:
		return s.accept(i, last, Email, "email_local", 0.35)
	}
	return false
}

// hexColon reads MAC and IPv6 addresses that begin at token i.
func (s *scan) hexColon(i int, best *candidate) {
	if s.mac(i, best) {
		return
	}
	t := &s.toks[i]
	if t.kind != mark && t.e-t.s > 4 {
		return
	}
	if p := s.prev(i); t.gap == joined && p.kind == mark && p.ch == ':' && i > 1 && s.toks[i-2].kind != word {
		return
	}
	colons, double, j := 0, false, i
	for ; j < s.limit && (j == i || s.toks[j].gap == joined); j++ {
		u := &s.toks[j]
		switch {
		case u.kind == mark && u.ch == ':':
			colons++
			double = double || j > i && s.toks[j-1].kind == mark
			continue
		case u.kind == mark && u.ch == '.' && colons >= 2 && j+1 < s.limit && s.toks[j+1].kind == number && s.toks[j+1].gap == joined:
			continue
		case u.kind != mark && u.kind != han && u.e-u.s <= 4 && isHex(s.surface.norm[u.s:u.e]):
			continue
		}
		break
	}
	for j--; j > i+1; j-- {
		if u := &s.toks[j]; u.kind == mark && (u.ch == '.' || u.ch == ':' && !(j > i && s.toks[j-1].ch == ':' && s.toks[j-1].kind == mark)) {
			continue
		}
		break
	}
	if colons < 6 && !double || !s.ends(j) {
		return // RFC 4291 2.2
	}
	a, err := netip.ParseAddr(string(s.bytes(i, j)))
	if err != nil || !a.Is6() {
		return
	}
	last, score := j, 0.95
	if a.IsUnspecified() {
		if score = 0.45; s.toks[i].gap == joined && i > 0 {
			return
		}
	}
	if j+2 < s.limit && s.toks[j+1].ch == '/' && s.toks[j+1].gap == joined && s.toks[j+2].kind == number && s.toks[j+2].gap == joined {
		last = j + 2
	}
	if j+2 < s.limit && s.toks[j+1].ch == '%' && s.toks[j+1].gap == joined && s.toks[j+2].gap == joined && s.toks[j+2].kind != mark {
		last = j + 2
	}
	s.consider(best, last, IP, "ipv6", score)
}

func isHex(b []byte) bool {
	for _, c := range b {
		if unhex(c) < 0 {
			return false
		}
	}
	return len(b) > 0
}

// mac: six pairs of hexadecimal digits, or three groups of four with dots.
func (s *scan) mac(i int, best *candidate) bool {
	t := &s.toks[i]
	n := t.e - t.s
	if n != 2 && n != 4 || i+1 >= s.limit || s.toks[i+1].kind != mark {
		return false
	}
	sep, groups := s.toks[i+1].ch, 6
	if n == 4 {
		if groups = 3; sep != '.' {
			return false
		}
	} else if sep != ':' && sep != '-' {
		return false
	}
	j := i
	letters := false
	for g := range groups {
		if g > 0 {
			if j+2 >= s.limit || s.toks[j+1].ch != sep || s.toks[j+1].gap != joined || s.toks[j+2].gap != joined {
				return false
			}
			j += 2
		}
		u := &s.toks[j]
		if u.e-u.s != n || u.kind == mark || u.kind == han || !isHex(s.surface.norm[u.s:u.e]) {
			return false
		}
		letters = letters || u.kind != number
	}
	if j+1 < s.limit && s.toks[j+1].gap == joined && (s.toks[j+1].ch == sep && j+2 < s.limit && s.toks[j+2].gap == joined && s.toks[j+2].kind != mark || !s.ends(j)) {
		return false
	}
	all := s.bytes(i, j)
	first := all[0]
	if (first == '0' || first|0x20 == 'f') && sameHex(all) {
		return true // everybody's: broadcast, none
	}
	score := 0.95
	if !letters && sep != ':' {
		score = 0.45
	}
	s.consider(best, j, MAC, "mac", score)
	return true
}

// link reads a URL from its scheme on. Its credentials make it personal; other
// links only count for those who ask for every class.
func (s *scan) link(i int, best *candidate) {
	t := &s.toks[i]
	if i+3 >= s.limit || t.e-t.s > 16 || s.toks[i+1].ch != ':' || s.toks[i+2].ch != '/' || s.toks[i+3].ch != '/' ||
		s.toks[i+1].gap|s.toks[i+2].gap|s.toks[i+3].gap != joined {
		return
	}
	last, at, slash, dot := -1, false, false, false
	for j := i + 4; j < s.limit && s.toks[j].gap == joined; j++ {
		u := &s.toks[j]
		if u.kind == mark {
			switch u.ch {
			case '"', '<', '>', '`', '{', '}', '|', '\\', '\'', '\n', 0x01, 0x80:
				goto end
			case '@':
				if !slash {
					at = true
				}
				continue
			case '/', '?', '#':
				slash = true
				if u.ch == '/' {
					last = j
				}
				continue
			case '.':
				dot = dot || !slash
				continue
			case ')', ']', '(', '[', ',', ';', ':', '!', '=', '&', '%', '*':
				continue
			}
		}
		if u.kind == han {
			break
		}
		last = j
	}
end:
	if last < 0 {
		return
	}
	if at {
		s.consider(best, last, URL, "url_with_credentials", 0.95)
	} else if dot {
		s.consider(best, last, URL, "url", 0.45)
	}
}

// sameHex: one digit all through.
func sameHex(b []byte) bool {
	for _, c := range b {
		if unhex(c) >= 0 && c|0x20 != b[0]|0x20 {
			return false
		}
	}
	return true
}

// domain: "example.com" without a scheme.
func (s *scan) domain(i int, best *candidate) {
	if !s.wants(URL, 0.42) {
		return
	}
	j, labels := i, 1
	for j+2 < s.limit && s.toks[j+1].kind == mark && (s.toks[j+1].ch == '.' || s.toks[j+1].ch == '-') && s.toks[j+1].gap == joined &&
		s.toks[j+2].gap == joined && s.toks[j+2].kind != mark && s.toks[j+2].kind != han {
		if s.toks[j+1].ch == '.' {
			labels++
		}
		j += 2
	}
	if labels < 2 || s.toks[j].kind != word || s.toks[j-1].ch != '.' || !s.ends(j) {
		return
	}
	if s.toks[j].words&isTLD == 0 && !s.wordIs(i, "www") {
		return
	}
	if j+1 < s.limit && s.toks[j+1].gap == joined && s.toks[j+1].kind == mark && (s.toks[j+1].ch == '(' || s.toks[j+1].ch == '@') {
		return
	}
	for j+2 < s.limit && s.toks[j+1].kind == mark && s.toks[j+1].gap == joined && (s.toks[j+1].ch == '/' || s.toks[j+1].ch == ':' || s.toks[j+1].ch == '?' || s.toks[j+1].ch == '=' || s.toks[j+1].ch == '&' || s.toks[j+1].ch == '-' || s.toks[j+1].ch == '_') &&
		s.toks[j+2].gap == joined && s.toks[j+2].kind != mark {
		j += 2
	}
	s.consider(best, j, URL, "domain", 0.42)
}
