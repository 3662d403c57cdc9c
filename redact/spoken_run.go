package redact

import "slices"

// utterance is a text of one speaker as one language understands it.
type utterance struct {
	items  []item
	groups []group
	group  []int // item → number of its group + 1, 0: of none
	runs   []run
	values []byte // of the runs, one behind the other
	taken  []bool // items that belong to an address
	han    bool   // words are single characters
}

// run is a series of numbers and spelled letters with nothing but hesitation,
// punctuation and talk about the number between them: something dictated.
type run struct {
	first, last int    // items [first,last]
	start, end  int    // bytes
	value       []byte // digits and letters as a listener writes them down
	repaired    string // value after "no, nine not five"; empty: no repair
	digits      int
	letters     int
	parts       int // numbers and letters
	singles     int // longest series of single digits
	cardinals   int // numbers said with hundred or thousand
	dots        int
	plus        bool // an international telephone number
	points      int
	decimal     bool // one decimal point, or it begins behind one
	quantity    bool
}

// hearText reads a text.
func (l *speech) hearText(text []byte) *utterance {
	u := new(utterance)
	l.hear(u, splitWords(nil, text))
	return u
}

// hear reads words into an utterance, whose memory it uses again.
func (l *speech) hear(u *utterance, words []saidWord) {
	u.han, u.items = l.lang == "zh", l.read(u.items[:0], words)
	u.group = slices.Grow(u.group[:0], len(u.items))[:len(u.items)]
	clear(u.group)
	u.groups, u.runs, u.values = u.groups[:0], u.runs[:0], u.values[:0]
	for i := 0; i < len(u.items); {
		g, ok := numberAt(u.items, i)
		if !ok {
			i++
			continue
		}
		u.groups = append(u.groups, g)
		for ; i < g.to; i++ {
			u.group[i] = len(u.groups)
		}
	}
	for i := 0; i < len(u.items); {
		if !u.part(i) {
			i++
			continue
		}
		last := u.runEnd(i)
		if r, ok := u.newRun(i, last); ok {
			u.runs = append(u.runs, r)
		}
		i = last + 1
	}
}

// maxPause is how many words of hesitation may part two numbers of one run.
const maxPause = 10

// part: the item begins or continues a number or a spelled letter.
func (u *utterance) part(i int) bool {
	return i < len(u.items) && (u.group[i] > 0 || u.letter(i))
}

// letter: the item is a spelled letter. A word that mostly is something else
// ("a", "y") only counts between other parts.
func (u *utterance) letter(i int) bool {
	it := &u.items[i]
	if !it.is(letterRole) || u.group[i] > 0 {
		return false
	}
	if it.role&^(letterRole|natoRole) == 0 && len(it.text) == 1 {
		return true
	}
	beside := func(j int, r role) bool {
		return j >= 0 && j < len(u.items) && (u.items[j].is(r) || r&numberRoles != 0 && u.group[j] > 0)
	}
	with := letterRole | digitRole
	if it.is(andRole|natoRole) || it.is(stopRole) && it.text == "a" {
		with = letterRole // "and", "from nine to six", and words that are no letters alone
	}
	return beside(i+1, with) && (i == 0 || beside(i-1, with|markRole)) || beside(i-1, with) && i+1 == len(u.items) ||
		it.is(natoRole) && (beside(i+1, with) || beside(i-1, with))
}

// after is the item behind the number or letter at i, with "as in bravo".
func (u *utterance) after(i int) int {
	if g := u.group[i]; g > 0 {
		return u.groups[g-1].to
	}
	if i+2 < len(u.items) && u.items[i+1].is(likeRole) && u.items[i+2].word && u.group[i+2] == 0 {
		return i + 3
	}
	return i + 1
}

// runEnd is the last item of the run that begins at i.
func (u *utterance) runEnd(i int) int {
	for {
		next := u.after(i)
		j := next
		for j < len(u.items) && j-next < maxPause && !u.part(j) && u.pause(j) {
			j++
		}
		if !u.part(j) {
			return next - 1
		}
		i = j
	}
}

func (u *utterance) pause(i int) bool {
	it := &u.items[i]
	return it.is(speechRoles) && !it.is(askRole) || it.is(markRole) && it.sym != '@' || it.is(breakRole) || it.is(pointRole)
}

// newRun measures the items [first,last]. A last number that a new sentence
// counts things with ("…one. Two cards") is left out.
func (u *utterance) newRun(first, last int) (run, bool) {
	for u.countsThings(last) {
		cut := u.groups[u.group[last]-1].from - 1
		for cut > first && !u.part(cut) {
			cut--
		}
		if cut < first || !u.part(cut) {
			break
		}
		last = cut
	}
	first = u.announced(first, last)
	r := run{first: first, last: last, start: u.items[first].start, end: u.items[last].end}
	if first > 0 && u.items[first-1].is(markRole) && u.items[first-1].sym == '+' {
		r.start, r.plus = u.items[first-1].start, true
	}
	u.measure(&r)
	return r, r.digits > 0
}

// announced leaves out letters that only name what follows, "i p is".
func (u *utterance) announced(first, last int) int {
	for i := first; i <= last; i = u.after(i) {
		if u.group[i] > 0 {
			return first
		}
		if u.part(i) {
			continue
		}
		for !u.items[i].is(markRole) && !u.part(i) && i < last {
			i++
			if u.group[i] > 0 {
				return i
			}
		}
	}
	return first
}

// countsThings: the number that ends at item i stands apart from what is
// before it and is followed by what it counts: a unit, or any word in a
// sentence of its own.
func (u *utterance) countsThings(i int) bool {
	if u.group[i] == 0 || i+1 >= len(u.items) {
		return false
	}
	before := u.groups[u.group[i]-1].from - 1
	if before < 0 || u.part(before) {
		return false
	}
	next := &u.items[i+1]
	return next.is(unitRole) || next.role == 0 && next.word && u.items[before].is(breakRole)
}

func (u *utterance) measure(r *run) {
	from := len(u.values)
	series := 0
	for i := r.first; i <= r.last; i++ {
		switch g := u.group[i]; {
		case g > 0:
			grp := &u.groups[g-1]
			u.values = append(u.values, grp.digits...)
			r.digits += len(grp.digits)
			r.parts++
			series++
			if !grp.single {
				series = 0
			}
			r.singles = max(r.singles, series)
			if grp.cardinal {
				r.cardinals++
			}
			r.quantity = r.quantity || grp.quantity
			i = grp.to - 1
		case u.letter(i):
			u.values = append(u.values, u.items[i].sym)
			r.letters++
			r.parts++
			i = u.after(i) - 1
		case u.items[i].is(pointRole):
			r.points++
			r.dots++
		case u.items[i].is(markRole) && u.items[i].sym == '.':
			r.dots++
		}
	}
	r.value = u.values[from:]
	r.decimal = r.points == 1 && r.dots == 1 || r.first > 0 && u.items[r.first-1].is(pointRole)
	if r.letters == 0 {
		r.repaired = u.repair(r)
	}
}

// repair reads a run as a listener who heeds corrections: "five no nine" puts
// nine for five, "nine not five" puts nine for the last five.
func (u *utterance) repair(r *run) string {
	var few, fewer [48]byte
	said, put := few[:0], fewer[:0] // before the repair; what it puts
	state := 0                      // 0 dictating, 1 after a repair word, 2 its digits, 3 after a second repair word
	repaired := false
	settle := func() {
		said = append(said[:max(0, len(said)-len(put))], put...)
		put = put[:0]
	}
	for i := r.first; i <= r.last; i++ {
		if g := u.group[i]; g > 0 {
			digits := u.groups[g-1].digits
			switch state {
			case 0:
				said = append(said, digits...)
			case 1, 2:
				put, state = append(put, digits...), 2
			case 3: // "nine not five"
				if at := lastIndex(said, digits); at >= 0 && len(put) == len(digits) {
					copy(said[at:], put)
					put = put[:0]
				} else {
					settle()
				}
				state = 0
			}
			i = u.groups[g-1].to - 1
			continue
		}
		switch it := &u.items[i]; {
		case it.is(repairRole) && state == 2:
			state = 3
		case it.is(repairRole) && state != 3:
			state, repaired = 1, true
		case it.is(markRole|fillerRole) && state == 2 && !u.repairAhead(i, r.last):
			settle()
			state = 0
		}
	}
	if !repaired {
		return ""
	}
	settle()
	return string(said)
}

func (u *utterance) repairAhead(i, last int) bool {
	for ; i <= last && u.group[i] == 0; i++ {
		if u.items[i].is(repairRole) {
			return true
		}
	}
	return false
}

func lastIndex(said []byte, digits string) int {
	for at := len(said) - len(digits); at >= 0; at-- {
		if string(said[at:at+len(digits)]) == digits {
			return at
		}
	}
	return -1
}
