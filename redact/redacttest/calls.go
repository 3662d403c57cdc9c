// Package redacttest makes telephone calls in which somebody dictates a number,
// and knows which bytes of which turn carry its digits. The same seed gives
// the same calls. Numbers are invented; card numbers pass the Luhn check.
//
// A number is said over one to eight turns, digit by digit, in pairs or
// doubled, with hesitation, corrections and the listener's acknowledgements
// between; around it stand turns that carry numbers nobody may hide ("I have
// two cards and three questions").
package redacttest

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// Langs are the languages that calls are made in.
var Langs = []string{"en", "es", "zh", "fr", "de", "pt"}

// Call is one conversation and what is known about it.
type Call struct {
	ID     string
	Lang   string
	Class  redact.Class
	Number string // digits, without the slips that were corrected
	Over   int    // turns over which it is said
	Turns  []redact.Turn
	Secret [][][2]int // by turn: the byte ranges that carry digits
}

// Clean: the turn carries nothing to hide.
func (c *Call) Clean(turn int) bool { return len(c.Secret[turn]) == 0 }

// Calls makes n calls in one language.
func Calls(seed uint64, lang string, n int) []Call { return callsIn(seed, lang, n, tongues[lang]) }

func callsIn(seed uint64, lang string, n int, words *tongue) []Call {
	out := make([]Call, n)
	for i := range out {
		m := &maker{rng: rand.New(rand.NewPCG(seed, uint64(i))), tongue: words, call: &out[i]}
		out[i].ID, out[i].Lang = fmt.Sprintf("%s-%d", lang, i), lang
		m.make()
	}
	return out
}

type maker struct {
	*tongue
	rng  *rand.Rand
	call *Call
	now  int64 // ms
	text strings.Builder
	mark [][2]int
}

func (m *maker) chance(percent int) bool    { return m.rng.IntN(100) < percent }
func (m *maker) pick(list []string) string  { return list[m.rng.IntN(len(list))] }
func (m *maker) put(s string)               { m.text.WriteString(s) }
func (m *maker) digits(n int) (s string)    { return randomDigits(m.rng, n) }
func (m *maker) class() (redact.Class, int) { return classes[m.rng.IntN(len(classes))].pick(m.rng) }

// classes and how often each is dictated.
var classes = []share{
	{redact.PAN, 16, 16}, {redact.PAN, 16, 16}, {redact.PAN, 16, 16}, {redact.PAN, 15, 15}, {redact.PAN, 16, 16},
	{redact.Phone, 9, 11}, {redact.Phone, 9, 11}, {redact.CVV, 3, 3}, {redact.PIN, 4, 4}, {redact.Secret, 6, 6},
}

type share struct {
	class    redact.Class
	from, to int
}

func (s share) pick(rng *rand.Rand) (redact.Class, int) {
	return s.class, s.from + rng.IntN(s.to-s.from+1)
}

func (m *maker) make() {
	var n int
	m.call.Class, n = m.class()
	m.call.Number = m.digits(n)
	if m.call.Class == redact.PAN {
		m.call.Number = cardNumber(m.rng, n)
	}
	for range m.rng.IntN(4) {
		m.small()
	}
	announced := m.call.Class == redact.PAN && m.chance(25)
	if !announced {
		m.say("agent", m.pick(m.asks[m.call.Class]))
	}
	m.dictate(announced)
	for range 1 + m.rng.IntN(4) {
		m.small()
	}
}

// small adds turns that carry nothing to hide.
func (m *maker) small() {
	speaker := "caller"
	if m.chance(50) {
		speaker = "agent"
	}
	m.say(speaker, m.pick(m.talk))
}

func (m *maker) say(speaker, text string) {
	m.put(text)
	m.end(speaker)
}

// end closes the turn that is being written.
func (m *maker) end(speaker string) {
	text := m.text.String()
	length := int64(300 + 60*len(text))
	m.call.Turns = append(m.call.Turns, redact.Turn{Speaker: speaker, Text: text, StartMS: m.now, EndMS: m.now + length})
	m.call.Secret = append(m.call.Secret, m.mark)
	m.now += length + int64(m.rng.IntN(900))
	m.text.Reset()
	m.mark = nil
}

// dictate says the number over several turns.
func (m *maker) dictate(announced bool) {
	left := m.call.Number
	over := 1 + m.rng.IntN(min(8, (len(left)+1)/2))
	m.call.Over = over
	for turn := 0; turn < over; turn++ {
		n := len(left) - 2*(over-turn-1)
		if turn < over-1 {
			n = 2 + m.rng.IntN(max(1, min(n-1, 2*len(left)/(over-turn)-1)))
		}
		n = min(n, len(left))
		part := left[:n]
		left = left[n:]
		m.lead(turn, announced)
		m.part(part)
		m.end("caller")
		switch {
		case m.chance(8):
			m.readBack(part)
		case left != "" && m.chance(75):
			m.say("agent", m.pick(m.acks))
		}
	}
	if m.chance(10) {
		m.readBack(m.call.Number)
	}
}

// readBack has the agent repeat digits.
func (m *maker) readBack(digits string) {
	if len(digits) < 4 {
		return
	}
	m.put(m.pick(m.echo) + m.space)
	for i := 0; i < len(digits); {
		if i > 0 {
			m.put(m.space)
		}
		i += m.number(digits[i:], 0, -1)
	}
	m.put("?")
	m.end("agent")
}

func (m *maker) lead(turn int, announced bool) {
	switch {
	case turn == 0 && announced:
		m.put(m.pick(m.announce) + m.space)
	case turn == 0 && m.chance(40):
		m.put(m.pick(m.leads) + m.space)
	case turn > 0 && m.chance(25):
		m.put(m.pick(m.then) + m.space)
	}
}

// part says some digits, perhaps with a slip that is corrected.
func (m *maker) part(digits string) {
	slip := -1
	if m.chance(18) {
		slip = m.rng.IntN(len(digits))
	}
	style := m.rng.IntN(4)
	for i := 0; i < len(digits); {
		if i > 0 {
			m.gap()
		}
		if i == slip {
			m.slip(digits[i])
			i++
			continue
		}
		i += m.number(digits[i:], style, slip-i)
	}
}

func (m *maker) gap() {
	switch {
	case m.chance(6):
		m.put(m.comma + m.pick(m.fillers) + m.comma)
	case m.chance(12):
		m.put(m.comma)
	default:
		m.put(m.space)
	}
}

// number says the first one to three digits of d and returns how many. A slip
// lies ahead at position before, or nowhere (negative).
func (m *maker) number(d string, style, before int) int {
	room := len(d)
	if before > 0 {
		room = min(room, before)
	}
	same := 1
	for same < room && same < 3 && d[same] == d[0] {
		same++
	}
	switch {
	case style == 1 && same == 3 && m.triple != "":
		m.hide(m.triple + m.space + m.digit(d[0]))
		return 3
	case style == 1 && same >= 2 && m.double != "":
		m.hide(m.double + m.space + m.digit(d[0]))
		return 2
	case style == 2 && room >= 2 && d[0] != '0':
		n, _ := strconv.Atoi(d[:2])
		m.hide(m.pair(n))
		return 2
	case style == 3 && m.chance(50) && room >= 2 && d[0] > '1' && d[0] != '0':
		n, _ := strconv.Atoi(d[:2])
		m.hide(m.pair(n))
		return 2
	}
	m.hide(m.digit(d[0]))
	return 1
}

// hide writes words that carry digits.
func (m *maker) hide(words string) {
	from := m.text.Len()
	m.put(words)
	m.mark = append(m.mark, [2]int{from, m.text.Len()})
}

func (m *maker) digit(d byte) string { return m.pick(m.names[d-'0']) }

// slip says a wrong digit and corrects it.
func (m *maker) slip(right byte) {
	wrong := '0' + (right-'0'+byte(1+m.rng.IntN(9)))%10
	form := m.pick(m.repairs) // "{w}, no, {r}"
	for form != "" {
		at := strings.IndexByte(form, '{')
		if at < 0 {
			m.put(form)
			return
		}
		m.put(form[:at])
		d := right
		if form[at+1] == 'w' {
			d = wrong
		}
		m.hide(m.digit(d))
		form = form[at+3:]
	}
}

func randomDigits(rng *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = '0' + byte(rng.IntN(10))
	}
	return string(b)
}

// cardNumber gives a number of an issuer's range that passes the Luhn check.
func cardNumber(rng *rand.Rand, n int) string {
	prefixes := []string{"4", "4", "51", "53", "55", "2221", "2720", "6011", "62"}
	if n == 15 {
		prefixes = []string{"34", "37"}
	}
	s := prefixes[rng.IntN(len(prefixes))]
	s += randomDigits(rng, n-1-len(s))
	sum := 0
	for i := range len(s) {
		d := int(s[len(s)-1-i] - '0')
		if i%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return s + strconv.Itoa((10-sum%10)%10)
}
