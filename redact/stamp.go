package redact

import (
	"encoding/binary"
)

// Logs begin their lines with a date and a time of day. Its digits are no card
// and no telephone number, whatever they are, and it is known by its shape at
// the price of two comparisons: RFC 3339 §5.6, with a space or a T, a point or
// a comma before the fraction.

const (
	dayShape  = 0x0080800080808080 // "dddd-dd-": the bytes that are digits
	timeShape = 0x8080008080008080 // "dd dd:dd"
)

// stamp is the last token of the timestamp that begins at token i, a number;
// -1 when there is none.
func (s *scan) stamp(i int) int {
	t := &s.toks[i]
	if t.e-t.s != 4 {
		return -1
	}
	b := s.surface.norm[t.s:s.toks[s.limit-1].e]
	if len(b) < 16 || b[4] != '-' || b[7] != '-' || b[13] != ':' || b[10] != ' ' && b[10]|0x20 != 't' ||
		digitBytes(binary.LittleEndian.Uint64(b)) != dayShape || digitBytes(binary.LittleEndian.Uint64(b[8:])) != timeShape {
		return -1
	}
	if p := s.prev(i); t.gap == joined && i > 0 && p.kind != han && !opens[p.ch] {
		return -1
	}
	n := 16
	if len(b) >= 19 && b[16] == ':' && isDigit(b[17]) && isDigit(b[18]) {
		if n = 19; len(b) > 20 && (b[19] == '.' || b[19] == ',') && isDigit(b[20]) {
			for n++; n < len(b) && n < 29 && isDigit(b[n]); n++ {
			}
		}
	}
	if n < len(b) && b[n] == 'Z' {
		n++
	}
	last := i
	for last+1 < s.limit && s.toks[last].e < t.s+int32(n) {
		last++
	}
	if s.toks[last].e != t.s+int32(n) || !s.ends(last) {
		return -1
	}
	return last
}

// opens are the marks right behind which a timestamp may begin.
var opens = [256]bool{'[': true, '(': true, '{': true, '"': true, '\'': true, '=': true, '<': true, '>': true, '|': true, ',': true, ';': true}

// moment passes over the timestamp of tokens i to last; its date counts like
// any other.
func (s *scan) moment(i, last int) {
	s.stamped = s.seq + last + 1
	for j := i + 1; j <= last && s.known == nil; j++ {
		if seq := s.seq + j; s.toks[j].form&(mailHead|speechHead) == 0 && seq != s.expect.seq && seq != s.names.seq {
			s.live[(j+1)>>6] &^= 1 << ((j + 1) & 63) // nobody waits for it
		}
	}
	if !s.words && !s.picked && s.recent&hintDOB == 0 {
		return
	}
	var best candidate
	switch b := s.bytes(i, last); {
	case b[10] != ' ': // its day and its hour are one token
		s.gather(&s.group, i)
		s.dates(&s.group, &best)
	case !plausibleDate(b[:4], b[5:7], b[8:10]):
		return
	case s.birth(i):
		s.consider(&best, i+4, DOB, "date_of_birth", 0.9)
	default:
		s.consider(&best, i+4, Date, "date", 0.6)
	}
	s.take1(i, &best)
}
