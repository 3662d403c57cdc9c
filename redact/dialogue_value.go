package redact

import (
	"bytes"
	"cmp"
	"unicode"
	"unicode/utf8"
)

// asked is a class that somebody's words asked for.
type asked struct {
	class   Class
	turn    int
	speaker string
}

// dictation is a value that is being said, perhaps over several turns.
type dictation struct {
	digits    []byte // as said by the one who dictates, at most maxDictated
	parts     int    // numbers said
	singles   int    // longest series of single digits
	code      bool   // letters among them
	speaker   string
	class     Class // what was asked for; empty: not known
	confirmed bool
	open      bool
	last      int // turn of the last part
}

const (
	maxDictated = 64
	askedFor    = 10 // turns that a question stays open
	idleTurns   = 6  // turns without a part that end a value
)

// understand links the numbers of a turn's utterance to what is being
// dictated. asks is the class it asks for; base is where it begins in the turn.
func (d *Dialogue) understand(h *heldTurn, u *utterance, asks Class, base int) {
	if asks != "" && d.value.open && d.value.class != asks && (len(u.runs) == 0 || d.complete()) && !d.repairing(u) {
		d.endValue()
	}
	taken, left := false, []int(nil)
	for i := range u.runs {
		class, near := u.topic(i)
		if class != "" && near && class != d.value.class && d.value.open && d.value.class != "" {
			d.endValue()
		}
		if class != "" {
			d.ask = asked{class, d.said, h.turn.Speaker}
		}
		if r := &u.runs[i]; d.dictated(u, r, near, h.turn.Speaker) {
			d.attach(h, r, base)
			taken = true
		} else if !r.quantity && !r.decimal && r.digits > 0 && !u.counted(r) {
			left = append(left, i)
		}
	}
	for _, i := range left { // a doubtful number beside a part is one too
		if strange, _ := u.strange(&u.runs[i]); taken && d.expected() && strange <= 3 {
			d.attach(h, &u.runs[i], base)
		}
	}
	if asks != "" {
		d.ask = asked{asks, d.said, h.turn.Speaker}
	}
	d.answerDate(h, u, base)
	d.answerMail(h, u, base)
	d.answerName(h, u, base)
	if !taken && d.value.open {
		d.idle(u)
	}
}

// asks is the class that an utterance asks for or announces last.
func (u *utterance) asks() (class Class) {
	for i := range u.items {
		if u.items[i].is(askRole) {
			class = u.items[i].class
		}
	}
	return class
}

func (d *Dialogue) repairing(u *utterance) bool {
	for i := range u.items {
		if u.items[i].is(repairRole) {
			return len(u.runs) > 0
		}
	}
	return false
}

// askOpen: a question was asked so lately that a number may answer it.
func (d *Dialogue) askOpen() Class {
	if d.ask.class != "" && d.said-d.ask.turn <= askedFor {
		return d.ask.class
	}
	return ""
}

// attach takes a run as a part of the open dictation, or opens one.
func (d *Dialogue) attach(h *heldTurn, r *run, base int) {
	v := &d.value
	if v.open && d.complete() && r.repaired == "" && v.speaker == h.turn.Speaker && d.said-v.last > 2 {
		d.endValue()
	}
	if v.open && !v.confirmed && v.speaker != h.turn.Speaker && !bytes.HasSuffix(v.digits, r.value) {
		d.endValue() // what the other one said was no beginning
	}
	if !v.open {
		*v = dictation{open: true, speaker: h.turn.Speaker, class: d.askOpen()}
		if l := d.lately; l.speaker == h.turn.Speaker && d.said-l.turn <= 4 && d.ask.turn <= l.turn && r.digits > 1 {
			v.class, v.confirmed = l.class, true // an afterthought
		}
	}
	if v.class == "" {
		v.class = d.askOpen()
	}
	if value := cmp.Or(r.repaired, string(r.value)); v.speaker == h.turn.Speaker && len(v.digits)+len(value) <= maxDictated {
		v.digits = append(v.digits, value...)
	}
	v.parts += r.parts
	v.singles = max(v.singles, r.singles)
	v.code = v.code || r.letters > 0
	v.last = d.said
	h.parts = append(h.parts, Span{Start: base + r.start, End: base + r.end, Rule: "dialogue", Score: 0.7})
	v.confirmed = v.confirmed || v.enough()
}

// expected: a part of a value would be no surprise.
func (d *Dialogue) expected() bool { return d.value.confirmed || d.askOpen() != "" }

// dictated: the run sounds like a part of a value, not like a count of things.
// near: the words right before it announce a value.
func (d *Dialogue) dictated(u *utterance, r *run, near bool, speaker string) bool {
	if r.quantity || r.decimal || r.digits == 0 || u.counted(r) {
		return false
	}
	if r.strong() || near && r.digits >= 2 {
		return true
	}
	v := &d.value
	strange, repairs := u.strange(r)
	expected := d.expected()
	// nothing is counted: the clause ends behind the number
	free := r.last+1 == len(u.items) || u.pause(r.last+1) && u.items[r.last+1].role&^metaRole != 0
	switch {
	case strange == 0:
		return r.digits > 1 || v.open || expected || u.whole(r)
	case d.complete():
		return repairs && strange <= 2 || u.dictates()
	case v.open && speaker != v.speaker:
		return free && strange <= 1 && r.parts > 1
	case repairs && strange <= 2 && v.open, expected && u.dictates():
		return true
	case !free:
		return expected && strange <= 2 && r.parts > 1
	case string(r.value) == "1": // "this one"
		return expected && u.clause(r)
	case !expected:
		return strange <= 2 && r.digits > 1
	case r.digits == 1:
		return strange <= 2
	}
	return strange <= 4
}

// strong: nobody counts things like this.
func (r *run) strong() bool {
	return r.singles >= 3 || r.parts >= 4 || r.parts >= 3 && r.cardinals == 0
}

// dictates: the utterance is plainly dictation, whatever words it has between.
func (u *utterance) dictates() bool {
	parts := 0
	for i := range u.runs {
		if r := &u.runs[i]; !u.counted(r) {
			if r.strong() {
				return true
			}
			parts += r.parts
		}
	}
	strange, _ := u.strange(&run{first: -1, last: -1})
	return parts >= 3 && strange <= 3
}

// clause: nothing but hesitation stands between the run and the punctuation
// or the end on both its sides.
func (u *utterance) clause(r *run) bool {
	edge := func(i, step int) bool {
		for ; i >= 0 && i < len(u.items); i += step {
			if it := &u.items[i]; it.is(markRole|breakRole) && !it.word {
				return true
			} else if !it.is(speechRoles) {
				return false
			}
		}
		return true
	}
	return edge(r.first-1, -1) && edge(r.last+1, 1)
}

// counted: the words around a short run make it an amount, a date or a time:
// "at five thirty", "five thousand a month", "twelve euros fifty".
func (u *utterance) counted(r *run) bool {
	if r.parts > 4 || r.digits > 6 {
		return false
	}
	for j, n := r.last+1, 0; j < len(u.items) && n < 2; j, n = j+1, n+1 {
		it := &u.items[j]
		if it.is(monthRole) || n == 0 && it.is(ordinalRole) && u.items[r.last].is(tensRole) {
			return true
		}
		if it.is(unitRole) && (!it.is(metaRole) || n == 0 && r.digits == 1) {
			return r.parts < 4 || n == 0 && r.digits <= 4
		}
		if !it.is(stopRole | metaRole | prepRole | andRole) {
			break
		}
	}
	if r.strong() || r.first == 0 {
		return false
	}
	before := &u.items[r.first-1]
	if before.is(prepRole|unitRole|monthRole) && !before.is(askRole) || before.text == "at" {
		return true
	}
	return r.parts == 1 && r.first > 1 && before.word && before.is(stopRole|prepRole|andRole) &&
		u.items[r.first-2].is(unitRole) && !u.items[r.first-2].is(askRole)
}

// strange counts the words outside a run that talk about something else; talk
// is true if some correct or describe a number.
func (u *utterance) strange(r *run) (n int, talk bool) {
	for i := range u.items {
		if i >= r.first && i <= r.last || u.group[i] > 0 {
			continue
		}
		it := &u.items[i]
		switch {
		case it.is(speechRoles):
			talk = talk || it.is(repairRole)
		case it.is(askRole | stopRole | markRole | breakRole | letterRole | ordinalRole | pointRole):
		case it.is(unitRole):
			n += 2
		case it.role == 0 && !it.word && !it.is(numeralRole):
		default:
			n++
		}
	}
	if u.han {
		n /= 2 // a word has about two characters
	}
	return n, talk
}

// enough: it cannot be small talk any more.
func (v *dictation) enough() bool {
	n := len(v.digits)
	switch v.class {
	case CVV, Expiry:
		return n >= 3
	case PIN, Secret, SSN, Postcode, DOB:
		return n >= 4
	case "":
		return n >= 4 && (v.singles >= 4 || v.parts >= 4) || n >= 6 && v.parts >= 2
	}
	return n >= 4 && v.parts >= 2 || n >= 6
}

// complete: the value has all the digits that its class can have.
func (d *Dialogue) complete() bool {
	n := len(d.value.digits)
	switch d.value.class {
	case CVV:
		return n >= 3
	case PIN, Expiry, Postcode:
		return n >= 4
	case SSN, Routing:
		return n >= 9
	case Secret:
		return n >= 6
	case Phone:
		return n >= 11
	case PAN, "":
		return n >= 15 && luhn(d.value.digits) || n > 21 // a slip that was not understood makes it longer
	}
	return n >= 20
}

// idle notes a turn without a part.
func (d *Dialogue) idle(u *utterance) {
	gone := d.said - d.value.last
	if gone >= idleTurns || d.complete() && gone >= 2 {
		d.endValue()
		return
	}
	strange, _ := u.strange(&run{first: -1, last: -1})
	if !d.value.confirmed && d.askOpen() == "" && strange > 3 || d.complete() && strange > 4 {
		d.endValue()
	}
}

// endValue decides every part of the open dictation.
func (d *Dialogue) endValue() {
	for i := range d.held {
		d.decide(&d.held[i], false)
	}
	if d.value.confirmed {
		d.lately = asked{d.value.kind(), d.value.last, d.value.speaker}
	}
	if d.value.open && d.complete() {
		d.ask = asked{}
	}
	d.value = dictation{}
}

// decide turns the parts of a turn into spans. forced: the turn must leave the
// window, so doubt counts against showing.
func (d *Dialogue) decide(h *heldTurn, forced bool) {
	v := &d.value
	redacted := v.confirmed || forced && len(v.digits) >= 3 || len(v.digits) >= 2 && neverShown(v.class)
	for _, p := range h.parts {
		if !redacted {
			break
		}
		if p.Class = v.kind(); v.class != "" || p.Class == PAN {
			p.Score = 0.95 // better founded than what the turn alone says
		}
		if d.e.rules.wants(p.Class, p.Score) {
			h.spans = append(h.spans, p)
		}
	}
	h.parts = nil
}

// kind is the class of a dictated value: what was asked for if it can be
// that, else what its length says.
func (v *dictation) kind() Class {
	n := len(v.digits)
	switch {
	case n >= 13 && v.class != IBAN && v.class != BankAccount:
		return PAN
	case v.class == Email:
		return Secret
	case v.class != "":
		return v.class
	case v.code:
		return Secret
	case n >= 7:
		return Phone
	}
	return Secret
}

// answerDate finds the date in the answer to a question for one.
func (d *Dialogue) answerDate(h *heldTurn, u *utterance, base int) {
	c := d.askOpen()
	if c != DOB && c != Expiry || d.ask.turn == d.said {
		return
	}
	if first, last, ok := u.dateAfter(0); ok {
		s := Span{Start: base + u.items[first].start, End: base + u.items[last].end, Class: c, Rule: "dialogue-date", Score: 0.9}
		if d.e.rules.wants(c, s.Score) {
			h.spans = append(h.spans, s)
		}
		d.ask = asked{}
	}
}

// answerMail finds the parts of an address that is spelled over several turns
// after a question for one.
func (d *Dialogue) answerMail(h *heldTurn, u *utterance, base int) {
	if d.askOpen() != Email && d.said-d.mail > 4 {
		return
	}
	first, last, marks := -1, -1, 0
	for i := range u.items {
		it := &u.items[i]
		spelled := it.is(letterRole) && len(it.text) == 1
		if it.is(markRole) && it.word && (it.sym == '@' || it.sym == '.' || it.sym == '_' || it.sym == '-') {
			marks += 2
		} else if spelled && !it.is(stopRole) {
			marks++
		} else if !spelled && u.group[i] == 0 && (!it.word || it.is(speechRoles|askRole|stopRole|prepRole)) {
			continue
		}
		if first < 0 {
			first = i
		}
		last = i
	}
	if marks < 2 || first < 0 {
		return
	}
	d.mail = d.said
	s := Span{Start: base + u.items[first].start, End: base + u.items[last].end, Class: Email, Rule: "dialogue-email", Score: 0.95}
	if d.e.rules.wants(Email, s.Score) {
		h.spans = append(h.spans, s)
	}
}

// answerName finds the name that answers a question for one: the turn's first
// words that are no talk, if they alone fill it or have capitals.
func (d *Dialogue) answerName(h *heldTurn, u *utterance, base int) {
	const talk = fillerRole | metaRole | stopRole | repairRole | andRole | breakRole | markRole | prepRole | askRole | nameRole
	first, last := -1, -1
	asks := false
	for i := range u.items {
		it := &u.items[i]
		asks = asks || it.is(nameRole)
		if it.is(talk) && (first < 0 || !it.is(stopRole|metaRole|andRole) || u.han) && !(it.word && upperAt(h.turn.Text, base+it.start)) {
			if first >= 0 && it.is(breakRole|markRole) {
				break
			}
			continue
		}
		if first < 0 {
			if it.role&(numberRoles|unitRole) != 0 {
				break
			}
			first = i
		}
		last = i
	}
	open := d.name.class != "" && d.name.speaker != h.turn.Speaker && d.said-d.name.turn <= 2
	if asks {
		d.name = asked{Person, d.said, h.turn.Speaker}
	}
	if !open || asks || first < 0 {
		return
	}
	d.name = asked{}
	const lead = "name: "
	from := base + u.items[first].start
	found := d.e.Find(nil, append([]byte(lead), h.turn.Text[from:]...))
	if len(found) == 0 || found[0].Class != Person || found[0].Start != len(lead) || found[0].Score < 0.6 {
		return
	}
	end := from + found[0].End - len(lead)
	if upperAt(h.turn.Text, from) || u.han || end >= base+u.items[last].end {
		h.spans = append(h.spans, Span{Start: from, End: end, Class: Person, Rule: "dialogue-name", Score: found[0].Score})
	}
}

// upperAt: a capital letter, or one beyond ASCII that may be one, stands there.
func upperAt(text string, i int) bool {
	r, _ := utf8.DecodeRuneInString(text[i:])
	return unicode.IsUpper(r)
}
