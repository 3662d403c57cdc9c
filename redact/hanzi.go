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
		s.hanFirm(i, &best)
		s.hanPlate(i, &best)
		if ph, last := s.meant(i); ph&isCity != 0 && last > i {
			s.consider(&best, last, Location, "place_listed", 0.5)
		}
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

// notGiven are characters that stand behind a family name's character in
// everyday words, 马上 and 高兴, or go on behind a name: none is in a given name.
const notGiven = "的是在和与也就要想了吗呢吧您你我他她它们想有来去说问上下便全兴卡色到多少不能可会已没未被用这那些个过打给让请把对从为时间级度号行元块名叫等还再又都很太将向跟于之所以及或者但而并"

// hanName: "我叫王小明", "姓名：欧阳修", "李女士", "王小明先生", "跟小张说".
func (s *scan) hanName(i int, best *candidate) {
	ph, last := s.meant(i)
	if ph&isLast == 0 {
		s.familiar(i, best)
		return
	}
	given := 0 // characters behind the family name that may be a given name
	for given < 2 {
		c := s.hanAt(last + 1 + given)
		if c == "" || strings.Contains(notGiven, c) {
			break
		}
		given++
	}
	for n := 0; n <= given; n++ {
		if s.hanTitle(last + 1 + n) {
			s.consider(best, last+n, Person, "han_name_titled", 0.8)
			return
		}
	}
	// a name of three characters, or of two that nothing follows
	whole := given > 0 && (s.hanEnds(last+1+given) || strings.Contains(notGiven+"今昨现刚每住需申正", s.hanAt(last+1+given)))
	switch {
	case s.names.seq == s.seq+i && (whole || s.names.strong && given > 0 || s.names.strong && s.hanEnds(last+1)):
		s.consider(best, last+given, Person, "han_name_introduced", 0.8)
	case given > 0 && s.toks[i].gap >= newline && i > 0 && strings.Contains("礼好祺谢安，。：", string(s.bytes(i-1, i-1))) && s.hanLineEnds(last+1+given) && !strings.Contains("谢祝敬顺安", string(s.bytes(i, i))):
		s.consider(best, last+given, Person, "han_line_of_names", 0.6)
	}
}

// hanTitle: a form of address stands at token j.
func (s *scan) hanTitle(j int) bool {
	switch s.hanAt(j) + s.hanAt(j+1) {
	case "先生", "女士", "小姐", "太太", "老师", "经理", "同学", "医生", "主管", "主任", "律师", "阿姨", "师傅":
		return true
	}
	return false
}

// familiar: "小张", "老王" behind a word that somebody is talked to or about.
func (s *scan) familiar(i int, best *candidate) {
	if c := string(s.bytes(i, i)); c != "小" && c != "老" && c != "阿" || i == 0 || i+1 >= s.limit || s.toks[i+1].words&isLast == 0 {
		return
	}
	if s.toks[i].gap >= newline && s.hanLineEnds(i+2) {
		s.consider(best, i+1, Person, "han_name_familiar", 0.6) // signed so
		return
	}
	if !strings.Contains("跟和找给让由问叫请是", string(s.bytes(i-1, i-1))) || s.prev(i).kind != han {
		return
	}
	if c := s.hanAt(i + 2); c == "" || strings.Contains("说过打来的了告讲联处问也在已会帮", c) {
		s.consider(best, i+1, Person, "han_name_familiar", 0.6)
	}
}

// hanEnds: no character follows at token j.
func (s *scan) hanEnds(j int) bool { return s.hanAt(j) == "" }

// hanLineEnds: the line ends before token j.
func (s *scan) hanLineEnds(j int) bool { return j >= s.limit || s.toks[j].gap >= newline }

// hanAddress: a run with at least two of the words of which addresses are built,
// one of them street, number or room.
func (s *scan) hanAddress(i int, best *candidate) {
	hinted := s.recent&hintAddress != 0 && s.lastHint[bits.TrailingZeros32(uint32(hintAddress))] == s.seq+i-1
	if s.toks[i].gap == joined && s.prev(i).kind == han && !hinted {
		return
	}
	if ph, _ := s.meant(i); ph&hints != 0 {
		return // "住在": the address comes behind it
	}
	parts, fine, where, last := 0, false, false, -1
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
			parts, where, last = parts+1, true, j
		case "路", "街", "道", "巷", "弄":
			parts, where, last, fine = parts+1, true, j, true
		case "号", "楼", "栋", "室", "座", "幢", "层", "元": // 单元
			if parts, last, fine = parts+1, j, true; j+1 < s.limit && s.toks[j+1].kind == number && s.toks[j+1].gap == joined {
				last++
			}
		case "的", "了", "吗", "是":
			j = s.limit
		}
	}
	if fine && where && parts >= 2 {
		s.consider(best, last, Address, "han_address", 0.6)
	}
}

// hanFirm: "中国工商银行", "某某科技有限公司": a run of characters, none of them a
// function word, that ends so.
func (s *scan) hanFirm(i int, best *candidate) {
	if p := s.prev(i); s.toks[i].gap == joined && p.kind == han && s.newest != s.seq+i-1 {
		return
	}
	if ph, _ := s.meant(i); ph&hints != 0 {
		return
	}
	for n, j := 0, i; n < 20 && (j == i || s.hanAt(j) != ""); n, j = n+1, j+1 {
		if strings.Contains("的是在和与我你他您这那去到了", string(s.bytes(j, j))) {
			return
		}
		if n < 3 {
			continue
		}
		switch string(s.bytes(j-1, j)) {
		case "银行", "公司", "集团", "大学", "医院":
			if s.hanEnds(j+1) || string(s.bytes(j-2, j-1)) == "限公" { // 银行卡 is no bank
				s.consider(best, j, Organization, "han_firm", 0.55)
			}
		}
	}
}

// hanPlate: a Chinese number plate, GA 36-2018: province, letter, five or six
// letters and digits.
func (s *scan) hanPlate(i int, best *candidate) {
	if i+1 >= s.limit || s.toks[i+1].gap != joined || !strings.Contains("京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼", string(s.bytes(i, i))) {
		return
	}
	b, last := s.bytes(i+1, i+1), i+1
	if len(b) == 1 && i+3 < s.limit && s.toks[i+2].kind == mark && s.toks[i+2].gap == joined && s.toks[i+3].gap == joined { // "沪A·8K321"
		b, last = append(append(s.idForm[:0], b...), s.bytes(i+3, i+3)...), i+3
	}
	if (len(b) == 6 || len(b) == 7) && isLetter(b[0]) && digitCount(b) > 0 && s.ends(last) {
		s.consider(best, last, Vehicle, "cn_plate", 0.8)
	}
}

// amidHan: a Han character stands next to token i, or beyond one mark before it.
func (s *scan) amidHan(i int) bool {
	j := i - 1
	if j > 0 && s.toks[j].kind == mark {
		j--
	}
	return j >= 0 && s.toks[j].kind == han && s.toks[i].gap < newline || i+1 < s.limit && s.toks[i+1].kind == han && s.toks[i+1].gap < newline
}
