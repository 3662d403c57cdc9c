package redact

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// copyJSON redacts a JSON document. A transcript it recognises is read as a
// conversation; anything else, and what is too large to hold, value by value
// as it streams.
func (f *File) copyJSON(out *bufio.Writer, src io.Reader) error {
	head, err := io.ReadAll(io.LimitReader(src, maxItem+1))
	if err != nil {
		return err
	}
	if len(head) <= maxItem {
		for _, read := range []func([]byte) *call{readTurns, readTranscribe, readWhisperX} {
			if c := read(head); c != nil {
				return f.writeCall(out, head, c)
			}
		}
	}
	if f.cfg.Spans || f.cfg.Format == Transcribe || f.cfg.Format == WhisperX {
		if len(head) > maxItem {
			return fmt.Errorf("a transcript over %d bytes: %w", maxItem, ErrUnread)
		}
		return fmt.Errorf("no transcript of Amazon Transcribe or WhisperX, and no \"turns\": %w", ErrUnread)
	}
	e := f.engine("")
	return newJSONScan(e, out, io.MultiReader(bytes.NewReader(head), src), nil).run()
}

// call is a transcript inside a document: its turns, and where each word of
// each turn stands, so that the document can be rewritten.
type call struct {
	lang  string
	turns []Turn
	texts []jsontext.Pointer    // by turn: where its text stands; "" where it has none
	words [][]jsontext.Pointer  // by turn and word
	whole jsontext.Pointer      // where the text of all turns together stands
	again []again               // places that repeat words or stretches of the call
	twins [][2]jsontext.Pointer // places that repeat a word's place
}

// again is a place that repeats what was said from a time on: one word, or
// all words until another time.
type again struct {
	at       jsontext.Pointer
	from, to int64 // ms; to 0: one word
	turn     int   // from below 0: everything said in this turn, character by character
}

// writeCall redacts the turns and rewrites the document around them.
func (f *File) writeCall(out *bufio.Writer, doc []byte, c *call) error {
	e := f.engine(c.lang)
	heard := e.Conversation(c.turns)
	if f.cfg.Spans {
		line, err := appendHeard(nil, e, nil, heard)
		if err != nil {
			return err
		}
		_, err = out.Write(append(line, '\n'))
		return err
	}
	done := map[jsontext.Pointer]string{}
	var whole []string
	for i, t := range heard {
		whole = append(whole, t.Redacted)
		if i < len(c.texts) && c.texts[i] != "" {
			done[c.texts[i]] = t.Redacted
		}
		if i < len(c.words) {
			c.hideWords(done, e, i, t)
		}
	}
	if c.whole != "" {
		done[c.whole] = strings.Join(whole, " ")
	}
	c.repeat(done, heard)
	return newJSONScan(e, out, bytes.NewReader(doc), done).run()
}

// hideWords sets what each word of a turn may show: the first of a span shows
// the span's replacement, the others nothing.
func (c *call) hideWords(done map[jsontext.Pointer]string, e *Engine, turn int, t RedactedTurn) {
	for j, w := range t.Words {
		text := []byte(t.Text[w.Start:w.End])
		at := c.words[turn][j]
		done[at] = string(text)
		for _, s := range t.Spans {
			switch {
			case s.End <= w.Start || w.End <= s.Start:
			case s.Start >= w.Start:
				shown := append([]byte(nil), text[:s.Start-w.Start]...)
				shown = e.rules.replace(shown, s.Class, []byte(t.Text[s.Start:s.End]))
				done[at] = string(append(shown, text[min(len(text), s.End-w.Start):]...))
			default:
				done[at] = string(text[min(len(text), s.End-w.Start):])
			}
		}
	}
}

// repeat sets what places may show that say again what was redacted elsewhere.
func (c *call) repeat(done map[jsontext.Pointer]string, heard []RedactedTurn) {
	for _, twin := range c.twins {
		done[twin[0]] = done[twin[1]]
	}
	for _, a := range c.again {
		if a.from < 0 {
			if len(heard[a.turn].Spans) > 0 {
				done[a.at] = ""
			}
			continue
		}
		var shown []byte
		hidden := false
		for i, t := range heard {
			for j, w := range t.Words {
				if w.StartMS == a.from || a.from <= w.StartMS && w.StartMS < a.to {
					now := done[c.words[i][j]]
					hidden = hidden || now != t.Text[w.Start:w.End]
					if joined := j > 0 && t.Words[j-1].End == w.Start; now != "" && len(shown) > 0 && !joined {
						shown = append(shown, ' ')
					}
					shown = append(shown, now...)
				}
			}
		}
		if hidden {
			done[a.at] = string(shown)
		}
	}
}

// say appends a word to the turn of its speaker, opening one where the speaker changes.
func (c *call) say(speaker, text string, from, to int64, at jsontext.Pointer, joined bool) {
	n := len(c.turns) - 1
	if n < 0 || c.turns[n].Speaker != speaker {
		c.turns = append(c.turns, Turn{Speaker: speaker, StartMS: from})
		c.words = append(c.words, nil)
		n++
	}
	t := &c.turns[n]
	if t.Text != "" && !joined {
		t.Text += " "
	}
	w := Word{Start: len(t.Text), End: len(t.Text) + len(text), StartMS: from, EndMS: to}
	t.Text += text
	t.EndMS = max(t.EndMS, to)
	t.Words = append(t.Words, w)
	c.words[n] = append(c.words[n], at)
}

// readTurns reads the shape of `privet redact` itself.
func readTurns(doc []byte) *call {
	var item jsonItem
	if json.Unmarshal(doc, &item) != nil || item.Turns == nil {
		return nil
	}
	c := &call{lang: item.Lang, turns: turnsOf(item.Turns)}
	for i := range item.Turns {
		c.texts = append(c.texts, pointer("turns", i, "text"))
	}
	return c
}

func pointer(tokens ...any) jsontext.Pointer {
	var p jsontext.Pointer
	for _, t := range tokens {
		p = p.AppendToken(fmt.Sprint(t))
	}
	return p
}

// seconds is a time that documents give as a number or as a string.
type seconds float64

func (s *seconds) UnmarshalJSON(b []byte) error {
	v, err := strconv.ParseFloat(strings.Trim(string(b), `"`), 64)
	if err == nil {
		*s = seconds(v)
	}
	return nil // an unknown time is zero: the turn's is used
}

func (s seconds) ms() int64 { return int64(float64(s)*1000 + 0.5) }

// readTranscribe reads the output of Amazon Transcribe: results.items with
// alternatives, speaker labels on items or in segments.
func readTranscribe(doc []byte) *call {
	var in struct {
		Results struct {
			Language    string            `json:"language_code"`
			Transcripts []json.RawMessage `json:"transcripts"`
			Items       []struct {
				Start        seconds `json:"start_time"`
				End          seconds `json:"end_time"`
				Type         string  `json:"type"`
				Speaker      string  `json:"speaker_label"`
				Channel      string  `json:"channel_label"`
				Alternatives []struct {
					Content string `json:"content"`
				} `json:"alternatives"`
			} `json:"items"`
			Channels struct {
				Channels []struct {
					Items []timed `json:"items"`
				} `json:"channels"`
			} `json:"channel_labels"`
			Audio []timed `json:"audio_segments"`
			Other []struct {
				timed
				Alternatives []struct {
					Items []timed `json:"items"`
				} `json:"alternatives"`
			} `json:"segments"`
			Labels struct {
				Segments []struct {
					Start   seconds `json:"start_time"`
					End     seconds `json:"end_time"`
					Speaker string  `json:"speaker_label"`
				} `json:"segments"`
			} `json:"speaker_labels"`
		} `json:"results"`
	}
	if json.Unmarshal(doc, &in) != nil || in.Results.Items == nil || in.Results.Transcripts == nil {
		return nil
	}
	c := &call{lang: in.Results.Language}
	if len(in.Results.Transcripts) == 1 {
		c.whole = pointer("results", "transcripts", 0, "transcript")
	}
	segment, last := 0, ""
	for i, item := range in.Results.Items {
		if len(item.Alternatives) == 0 {
			continue
		}
		speaker := cmp.Or(item.Speaker, item.Channel)
		if speaker == "" && item.Type == "punctuation" {
			speaker = last
		}
		for s := in.Results.Labels.Segments; speaker == "" && segment < len(s); segment++ {
			if item.Start < s[segment].End {
				speaker = s[segment].Speaker
				break
			}
		}
		last = speaker
		c.say(speaker, item.Alternatives[0].Content, item.Start.ms(), item.End.ms(),
			pointer("results", "items", i, "alternatives", 0, "content"), item.Type == "punctuation")
		for j := range item.Alternatives[1:] { // what else it may have been
			c.again = append(c.again, again{at: pointer("results", "items", i, "alternatives", j+1, "content"), from: item.Start.ms()})
		}
	}
	for i, channel := range in.Results.Channels.Channels {
		for j, item := range channel.Items {
			for k := range max(1, len(item.Alternatives)) {
				c.again = append(c.again, again{at: pointer("results", "channel_labels", "channels", i, "items", j, "alternatives", k, "content"), from: item.Start.ms()})
			}
		}
	}
	for i, s := range in.Results.Audio {
		c.again = append(c.again, again{at: pointer("results", "audio_segments", i, "transcript"), from: s.Start.ms(), to: s.End.ms()})
	}
	for i, s := range in.Results.Other {
		for j, alternative := range s.Alternatives {
			c.again = append(c.again, again{at: pointer("results", "segments", i, "alternatives", j, "transcript"), from: s.Start.ms(), to: s.End.ms()})
			for k, item := range alternative.Items {
				c.again = append(c.again, again{at: pointer("results", "segments", i, "alternatives", j, "items", k, "content"), from: item.Start.ms()})
			}
		}
	}
	return c
}

// timed is anything with a time that repeats the call.
type timed struct {
	Start        seconds           `json:"start_time"`
	End          seconds           `json:"end_time"`
	Alternatives []json.RawMessage `json:"alternatives"`
}

// readWhisperX reads the output of WhisperX: segments with text and words.
func readWhisperX(doc []byte) *call {
	var in struct {
		Language string `json:"language"`
		Segments []struct {
			Start   seconds `json:"start"`
			End     seconds `json:"end"`
			Text    *string `json:"text"`
			Speaker string  `json:"speaker"`
			Words   []struct {
				Word  string  `json:"word"`
				Start seconds `json:"start"`
				End   seconds `json:"end"`
			} `json:"words"`
			Chars []json.RawMessage `json:"chars"`
		} `json:"segments"`
		Words []json.RawMessage `json:"word_segments"`
	}
	if json.Unmarshal(doc, &in) != nil || in.Segments == nil || len(in.Segments) > 0 && in.Segments[0].Text == nil {
		return nil
	}
	c := &call{lang: in.Language}
	for i, s := range in.Segments {
		if s.Text == nil {
			return nil
		}
		t := Turn{Speaker: s.Speaker, Text: *s.Text, StartMS: s.Start.ms(), EndMS: s.End.ms()}
		var places []jsontext.Pointer
		at := 0
		for j, w := range s.Words {
			n := strings.Index(t.Text[at:], w.Word)
			if n < 0 {
				return nil // words that the text does not have: read value by value
			}
			at += n
			t.Words = append(t.Words, Word{at, at + len(w.Word), w.Start.ms(), w.End.ms()})
			at += len(w.Word)
			places = append(places, pointer("segments", i, "words", j, "word"))
		}
		c.turns = append(c.turns, t)
		c.texts = append(c.texts, pointer("segments", i, "text"))
		c.words = append(c.words, places)
		for j := range s.Chars {
			c.again = append(c.again, again{at: pointer("segments", i, "chars", j, "char"), from: -1, turn: i})
		}
	}
	n := 0 // word_segments repeats all words in order
	for i := range c.words {
		for j := range c.words[i] {
			if n < len(in.Words) {
				c.twins = append(c.twins, [2]jsontext.Pointer{pointer("word_segments", n, "word"), c.words[i][j]})
			}
			n++
		}
	}
	if n != len(in.Words) && len(in.Words) > 0 {
		return nil // not the same words: read value by value
	}
	return c
}
