package redact

// Turn is one utterance of a conversation.
type Turn struct {
	Speaker string // "agent", "caller", or whatever tells speakers apart
	Text    string
	StartMS int64  // since the beginning of the recording
	EndMS   int64  // StartMS = EndMS = 0: not known
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

// Conversation redacts a whole conversation.
func (e *Engine) Conversation(turns []Turn) []RedactedTurn {
	d := e.Dialogue()
	out := make([]RedactedTurn, 0, len(turns))
	for _, t := range turns {
		out = append(out, d.Say(t)...)
	}
	return append(out, d.Close()...)
}

// Dialogue returns the state of one call.
func (e *Engine) Dialogue() *Dialogue { return &Dialogue{e: e} }

// Dialogue redacts one conversation turn by turn.
type Dialogue struct{ e *Engine }

// Say takes the next turn and gives back those turns that nothing said later can change.
func (d *Dialogue) Say(t Turn) []RedactedTurn {
	spans := d.e.Find(nil, []byte(t.Text))
	return []RedactedTurn{{Turn: t, Redacted: string(d.e.render(nil, []byte(t.Text), spans)), Spans: spans, Mute: mute(t, spans)}}
}

// Close gives back the turns still held.
func (d *Dialogue) Close() []RedactedTurn { return nil }

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

// MuteRanges joins the mute ranges of a conversation, sorted as its turns are.
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
