package redact

// asked is a class that somebody's words asked for.
type asked struct {
	class Class
	turn  int
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
// dictated. base is where the utterance begins in the turn.
func (d *Dialogue) understand(h *heldTurn, u *utterance, base int) {
	asks := u.asks()
	if asks != "" && d.value.open && d.value.class != asks && (len(u.runs) == 0 || d.complete()) && !d.repairing(u) {
		d.endValue()
	}
	taken := false
	for i := range u.runs {
		class, near := u.topic(i)
		if class != "" && near && class != d.value.class && d.value.open && d.value.class != "" {
			d.endValue()
		}
		if class != "" {
			d.ask = asked{class, d.said}
		}
		if d.attach(h, u, &u.runs[i], base) {
			taken = true
		}
	}
	if asks != "" {
		d.ask = asked{asks, d.said}
	}
	d.answerDate(h, u, base)
	d.answerMail(h, u, base)
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
func (d *Dialogue) attach(h *heldTurn, u *utterance, r *run, base int) bool {
	if r.quantity || r.decimal || !d.dictated(u, r) {
		return false
	}
	v := &d.value
	if v.open && d.complete() && !d.repairing(u) && v.speaker == h.turn.Speaker && d.said-v.last > 2 {
		d.endValue()
	}
	if !v.open {
		*v = dictation{open: true, speaker: h.turn.Speaker, class: d.askOpen()}
	}
	if v.class == "" {
		v.class = d.askOpen()
	}
	if v.speaker == h.turn.Speaker && len(v.digits)+len(r.value) <= maxDictated {
		v.digits = append(v.digits, r.value...)
	}
	v.parts += r.parts
	v.singles = max(v.singles, r.singles)
	v.code = v.code || r.letters > 0
	v.last = d.said
	h.parts = append(h.parts, Span{Start: base + r.start, End: base + r.end, Rule: "dialogue", Score: 0.85})
	v.confirmed = v.confirmed || v.enough()
	return true
}

// dictated: the run sounds like a part of a value, not like a count of things.
func (d *Dialogue) dictated(u *utterance, r *run) bool {
	if r.last+1 < len(u.items) && u.items[r.last+1].is(unitRole) && !u.items[r.last+1].is(speechRoles) && r.parts < 4 {
		return false
	}
	if r.letters > 0 && r.digits == 0 {
		return false
	}
	strange, talk := u.strange(r)
	strong := r.singles >= 3 || r.parts >= 4 || r.parts >= 3 && r.cardinals == 0
	if strong {
		return true
	}
	expected := d.value.open || d.askOpen() != ""
	free := r.last+1 == len(u.items) || !u.items[r.last+1].word || u.items[r.last+1].role != 0 // nothing is counted
	switch {
	case r.parts == 1 && r.digits == 1:
		return strange == 0 && (d.value.open || expected || u.whole(r)) || talk && strange <= 2 && d.value.open
	case expected:
		return free && strange <= 4 || strange <= 2 && r.parts >= 2
	}
	return strange == 0
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
		return n >= 10
	case PAN, "":
		return n >= 16 || n >= 15 && luhn(d.value.digits)
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
		if p.Class = v.kind(); d.e.rules.wants(p.Class, p.Score) {
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
	s := Span{Start: base + u.items[first].start, End: base + u.items[last].end, Class: Email, Rule: "dialogue-email", Score: 0.8}
	if d.e.rules.wants(Email, s.Score) {
		h.spans = append(h.spans, s)
	}
}
