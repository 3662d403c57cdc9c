package redact

import (
	"math/bits"
	"strings"
)

// hanzi looks for a name or an address that begins with a Han character.
// Chinese has no spaces and no capitals: a family name of the list must stand
// behind an introduction or before a form of address.
func (s *scan) hanzi(i int) {
	var best candidate
	if s.persons {
		s.hanName(i, &best)
	}
	if s.words {
		s.hanAddress(i, &best)
	}
	s.take1(i, &best)
}

// hanAt is the character of token j, "" if it is no Han character that stands
// right behind the one before.
func (s *scan) hanAt(j int) string {
	if j >= s.limit || s.toks[j].kind != han || s.toks[j].gap != joined {
		return ""
	}
	return string(s.bytes(j, j))
}

// hanName: "我叫王小明", "姓名：欧阳修", "李女士", "王小明先生".
func (s *scan) hanName(i int, best *candidate) {
	ph, last := s.phraseAt(i)
	if ph&isLast == 0 {
		return
	}
	given := 0 // characters behind the family name that may be a given name
	for given < 2 {
		c := s.hanAt(last + 1 + given)
		if c == "" || strings.Contains("的是在和与也就要想了吗呢吧您你我他她想有来去说问", c) {
			break
		}
		given++
	}
	for n := 0; n <= given; n++ {
		switch s.hanAt(last+1+n) + s.hanAt(last+2+n) {
		case "先生", "女士", "小姐", "太太", "老师", "经理", "同学", "医生":
			s.consider(best, last+n, Person, "han_name_titled", 0.8)
			return
		}
	}
	if s.names.seq == s.seq+i && given > 0 {
		s.consider(best, last+given, Person, "han_name_introduced", 0.8)
	}
}

// hanAddress: a run with at least two of the words of which addresses are built,
// one of them street, number or room.
func (s *scan) hanAddress(i int, best *candidate) {
	if s.toks[i].gap == joined && s.prev(i).kind == han && s.lastHint[bits.TrailingZeros32(uint32(hintAddress))] != s.seq+i-1 {
		return
	}
	if ph, _ := s.phraseAt(i); ph&hints != 0 {
		return // "住在": the address comes behind it
	}
	parts, fine, last := 0, false, -1
	for j := i; j < min(s.limit, i+40); j++ {
		t := &s.toks[j]
		if t.kind == mark || j > i && t.gap != joined {
			break
		}
		if t.kind != han || j == i {
			continue
		}
		switch c := string(s.bytes(j, j)); c {
		case "省", "市", "区", "县", "镇", "乡", "村", "州":
			parts, last = parts+1, j
		case "路", "街", "道", "巷", "弄", "号", "楼", "栋", "室", "座":
			parts, last, fine = parts+1, j, true
		case "的", "了", "吗", "是":
			j = s.limit
		}
	}
	if fine && parts >= 2 {
		s.consider(best, last, Address, "han_address", 0.6)
	}
}
