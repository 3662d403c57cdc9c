package redact

import (
	"slices"
	"strings"
)

// Turn is one utterance of a conversation.
type Turn struct {
	Speaker string // "agent", "caller", or whatever tells speakers apart
	Text    string
	StartMS int64  // since the beginning of the recording
	EndMS   int64  // 0: not known
	Words   []Word // optional: finer times, in the order of the text
}

// Word is a part of a turn's text with its own time.
type Word struct {
	Start, End     int // bytes of Turn.Text
	StartMS, EndMS int64
}

// RedactedTurn is a turn with what was found in it.
type RedactedTurn struct {
	Turn                // as it was said
	Redacted string     // as it may be shown
	Spans    []Span     // bytes of Turn.Text
	Mute     [][2]int64 // parts of the recording, in ms
}

// Dialogue redacts one conversation turn by turn. It hears a value that is
// dictated over several turns with the other speaker's "okay" between, knows
// from the question before it what a short number is, and holds a turn back
// until nothing said later can change it: at most 16 turns and 1 KB of text,
// so that a call's state stays below 4 KB. It is for one goroutine.
//
// It fails closed: a turn that must leave the window while a number in it is
// undecided leaves without the number.
type Dialogue struct {
	e      *Engine
	votes  votes // which language is spoken
	held   []heldTurn
	bytes  int // of text in held
	said   int // turns so far
	ask    asked
	value  dictation
	lately asked // the value before, for afterthoughts
	mail   int   // turn of the last part of a dictated address, -1: none
	name   asked // who asked last for a name
}

// heldTurn is a turn that waits for its verdict.
type heldTurn struct {
	turn  Turn
	spans []Span
	parts []Span // of the open dictation
}

// maxHeld and maxHeldBytes bound what waits.
const (
	maxHeld      = 16
	maxHeldBytes = 1 << 10
)

// Dialogue returns the state of one call.
func (e *Engine) Dialogue() *Dialogue { return &Dialogue{e: e, mail: -1 << 20} }

// Conversation redacts a whole conversation.
func (e *Engine) Conversation(turns []Turn) []RedactedTurn {
	d := e.Dialogue()
	out := make([]RedactedTurn, 0, len(turns))
	for _, t := range turns {
		out = append(out, d.Say(t)...)
	}
	return append(out, d.Close()...)
}

// Say takes the next turn and gives back, in order, those turns that nothing
// said later can change. Should a rule fail, the turn is withheld whole.
func (d *Dialogue) Say(t Turn) (out []RedactedTurn) {
	d.held = append(d.held, heldTurn{turn: t})
	d.bytes += len(t.Text)
	d.hear()
	d.said++
	return d.release(d.settled())
}

// Close gives back the turns still held.
func (d *Dialogue) Close() []RedactedTurn {
	d.endValue()
	return d.release(len(d.held))
}

// hear understands the newest turn.
func (d *Dialogue) hear() {
	h := &d.held[len(d.held)-1]
	text := []byte(h.turn.Text)
	defer func() {
		if recover() != nil {
			h.parts, h.spans = nil, []Span{{0, len(text), Secret, "withheld", 1}}
		}
	}()
	h.spans = d.e.findAll(nil, text)
	for at := 0; at < len(text); {
		cut := at + lineCut(text[at:])
		langs := d.languages(text[at:cut])
		u := langs[0].hearText(text[at:cut])
		asks := u.asks()
		for _, l := range langs[1:] { // a question is understood before the language is certain
			if asks == "" {
				asks = l.hearText(text[at:cut]).asks()
			}
		}
		h.spans = slices.DeleteFunc(h.spans, func(s Span) bool { return d.e.doubtfulName(u, s, at) })
		d.understand(h, u, asks, at)
		at = cut
	}
}

// doubtfulName: a name that only a list of names speaks for, in speech, where
// capital letters mean little: kept under strict, unless it is one word or one
// that this language uses for something else. base is where u begins in the turn.
func (e *Engine) doubtfulName(u *utterance, s Span, base int) bool {
	if s.Class != Person || s.Score >= 0.6 || strings.HasPrefix(s.Rule, "known") {
		return false
	}
	if e.rules.profile != Strict {
		return true
	}
	words := 0
	for i := range u.items {
		it := &u.items[i]
		if base+it.start >= s.End || s.Start >= base+it.end {
			continue
		}
		if it.is(stopRole | metaRole | fillerRole | repairRole | unitRole | monthRole | askRole) {
			return true
		}
		words++
	}
	return words == 1 && !u.han
}

// languages are those that the conversation may be in, the likeliest first.
func (d *Dialogue) languages(text []byte) []*speech {
	if l := speeches()[d.e.rules.lang]; l != nil {
		return []*speech{l}
	}
	order := []int{0, 1, 2, 3, 4, 5}
	for n, v := range vote(splitWords(nil, text)) {
		d.votes[n] += v
	}
	slices.SortStableFunc(order, func(a, b int) int { return d.votes[b] - d.votes[a] })
	var out []*speech
	for _, n := range order {
		if d.votes[n]*10 >= d.votes[order[0]]*6 {
			out = append(out, speeches()[spokenLangs[n]])
		}
	}
	return out
}

// settled is how many of the held turns can go: those before the first part
// of an open dictation, and more if the window is full.
func (d *Dialogue) settled() int {
	n := 0
	for n < len(d.held) && len(d.held[n].parts) == 0 {
		n++
	}
	for bytes := d.bytes - textBytes(d.held[:n]); n < len(d.held) && (len(d.held)-n > maxHeld || bytes > maxHeldBytes); n++ {
		bytes -= len(d.held[n].turn.Text)
		d.decide(&d.held[n], true)
	}
	return n
}

func textBytes(held []heldTurn) (n int) {
	for _, h := range held {
		n += len(h.turn.Text)
	}
	return n
}

// release gives out the first n held turns.
func (d *Dialogue) release(n int) []RedactedTurn {
	out := make([]RedactedTurn, 0, n)
	for _, h := range d.held[:n] {
		spans := disjoint(h.spans)
		out = append(out, RedactedTurn{Turn: h.turn, Spans: spans, Mute: mute(h.turn, spans),
			Redacted: string(d.e.render(nil, []byte(h.turn.Text), spans))})
		d.bytes -= len(h.turn.Text)
	}
	d.held = slices.Delete(d.held, 0, n)
	return out
}

// mute gives the parts of the recording that the spans of a turn cover: by
// words where their times are known, else the whole turn.
func mute(t Turn, spans []Span) [][2]int64 {
	if len(spans) == 0 || t.EndMS <= t.StartMS && len(t.Words) == 0 {
		return nil
	}
	if len(t.Words) == 0 {
		return [][2]int64{{t.StartMS, t.EndMS}}
	}
	var out [][2]int64
	for _, s := range spans {
		for _, w := range t.Words {
			if w.Start < s.End && s.Start < w.End {
				out = joinRange(out, [2]int64{w.StartMS, w.EndMS})
			}
		}
	}
	return out
}

// MuteRanges joins the mute ranges of a conversation, in the order of its turns.
func MuteRanges(turns []RedactedTurn) [][2]int64 {
	out := [][2]int64{}
	for _, t := range turns {
		for _, r := range t.Mute {
			out = joinRange(out, r)
		}
	}
	return out
}

// joinRange appends r, or lengthens the last range where they touch.
func joinRange(out [][2]int64, r [2]int64) [][2]int64 {
	if n := len(out); n > 0 && r[0] <= out[n-1][1] && r[1] >= out[n-1][0] {
		out[n-1] = [2]int64{min(out[n-1][0], r[0]), max(out[n-1][1], r[1])}
		return out
	}
	return append(out, r)
}
