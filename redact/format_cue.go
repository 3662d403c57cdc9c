package redact

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// cues redacts WebVTT (W3C 2019) and SubRip files: every cue is a turn of one
// conversation. Times, settings and tags stay as they are; names of voices
// that say more than a role become "Speaker 1", "Speaker 2".
type cues struct {
	f      *File
	out    *bufio.Writer
	talk   *Dialogue
	voices map[string]string
	held   []heldCue
	said   int        // turns whose findings are written
	mute   [][2]int64 // of them
}

// heldCue waits for the verdict on its turn.
type heldCue struct {
	before []byte // what stands before the cue's text, ready to write
	body   pieces
	after  []byte
}

func (f *File) copyCues(out *bufio.Writer, src io.Reader) error {
	c := &cues{f: f, out: out, talk: f.engine("").Dialogue(), voices: map[string]string{}}
	in := bufio.NewReaderSize(src, 64<<10)
	var block, line []byte
	var unread error
	for n := 1; ; n++ {
		var end []byte
		var tooLong bool
		var err error
		line, end, tooLong, err = readLine(in, line[:0])
		if err != nil && err != io.EOF {
			return fmt.Errorf("read line %d: %w", n, err)
		}
		if tooLong || len(block)+len(line) > maxLine {
			unread = firstOf(unread, fmt.Errorf("cue at line %d is over %d bytes: %w", n, maxLine, ErrUnread))
			block, line = append(block[:0], "[secret]"...), nil
		}
		block = append(append(block, line...), end...)
		if len(bytes.TrimSpace(line)) == 0 || err == io.EOF {
			if werr := c.block(block); werr != nil {
				return werr
			}
			block = block[:0]
		}
		if err == io.EOF {
			break
		}
	}
	if err := c.write(c.talk.Close()); err != nil {
		return err
	}
	if f.cfg.Spans {
		return firstOf(unread, c.findings())
	}
	return unread
}

// block takes a cue, or a header or note.
func (c *cues) block(block []byte) error {
	lines := bytes.SplitAfter(block, []byte("\n"))
	at := -1
	for i, l := range lines {
		if bytes.Contains(l, []byte("-->")) {
			at = i
			break
		}
	}
	e := c.f.engine("")
	if at < 0 { // WEBVTT, NOTE, STYLE, REGION, an empty line
		if n := len(c.held); n > 0 {
			c.held[n-1].after = e.Append(c.held[n-1].after, block)
			return nil
		}
		return c.put(e.Append(nil, block))
	}
	before := e.Append(nil, bytes.Join(lines[:at], nil))
	before = append(before, timing.Find(lines[at])...)
	before = append(before, lines[at][len(bytes.TrimRight(lines[at], "\r\n")):]...)
	body := bytes.Join(lines[at+1:], nil)
	text := bytes.TrimRight(body, "\r\n")
	h := heldCue{before: before, after: append([]byte(nil), body[len(text):]...)}
	turn := Turn{Speaker: c.markup(&h.body, text)}
	turn.Text = string(h.body.plain)
	turn.StartMS, turn.EndMS = cueTimes(lines[at])
	c.held = append(c.held, h)
	return c.write(c.talk.Say(turn))
}

// timing is a cue's times and settings; nothing else on the line is passed.
var timing = regexp.MustCompile(`^\s*[\d:.,]+\s*-->\s*[\d:.,]+((\s+(X1|X2|Y1|Y2|vertical|line|position|size|align|region):[\w.,%-]+)*)[ \t]*`)

var cueTime = regexp.MustCompile(`(?:(\d+):)?(\d+):(\d+)[.,](\d{1,3})`)

func cueTimes(line []byte) (from, to int64) {
	var at [2]int64
	for i, m := range cueTime.FindAllSubmatch(line, 2) {
		for j, unit := range []int64{3600000, 60000, 1000, 1} {
			v, _ := strconv.ParseInt(string(m[j+1]), 10, 32) // digits by the pattern
			at[i] += v * unit
		}
	}
	return at[0], at[1]
}

var cueTag = regexp.MustCompile(`</?[a-zA-Z][^<>\n]{0,200}>|<\d[\d:.]*>|\{\\an?\d\}`)

var speakerLine = regexp.MustCompile(`^(?:- ?)?([\p{L}][\p{L}\d _.]{0,23}):\s`)

// markup tells a cue's tags from its text and gives its speaker.
func (c *cues) markup(p *pieces, text []byte) (speaker string) {
	at := 0
	for _, m := range cueTag.FindAllIndex(text, -1) {
		p.text(text[at:m[0]])
		tag := text[m[0]:m[1]]
		if voice, ok := cutVoice(tag); ok {
			speaker = voice
			tag = []byte("<v " + c.voice(voice) + ">")
		}
		p.markup(tag)
		at = m[1]
	}
	p.text(text[at:])
	if m := speakerLine.FindSubmatch(p.plain); m != nil && speaker == "" {
		speaker = string(m[1])
	}
	return strings.ToLower(speaker)
}

func cutVoice(tag []byte) (string, bool) {
	rest, ok := bytes.CutPrefix(tag, []byte("<v"))
	if !ok || len(rest) < 3 || rest[0] != ' ' && rest[0] != '.' {
		return "", false
	}
	_, name, ok := strings.Cut(strings.TrimSuffix(string(rest), ">"), " ")
	return strings.TrimSpace(name), ok
}

// generic are names of voices that say no more than a role.
var generic = regexp.MustCompile(`(?i)^(agent|caller|customer|client|operator|advisor|speaker|spk|ch|channel|voice|user|bot|assistant)[ _-]?\d*$`)

// voice is how a speaker may be called.
func (c *cues) voice(name string) string {
	if name == "" || generic.MatchString(name) {
		return name
	}
	if c.voices[name] == "" {
		c.voices[name] = fmt.Sprintf("Speaker %d", len(c.voices)+1)
	}
	return c.voices[name]
}

// write writes the cues whose turns came back.
func (c *cues) write(turns []RedactedTurn) error {
	for _, t := range turns {
		h := c.held[0]
		c.held = c.held[1:]
		if c.f.cfg.Spans {
			t.Speaker = c.voice(t.Speaker)
			if err := c.finding(t); err != nil {
				return err
			}
			continue
		}
		if err := c.put(append(h.body.render(h.before, c.f.engine(""), t.Spans), h.after...)); err != nil {
			return err
		}
	}
	return nil
}

func (c *cues) put(b []byte) error {
	if c.f.cfg.Spans {
		return nil
	}
	_, err := c.out.Write(b)
	return err
}

// finding writes a turn of the conversation, which is one line of JSON.
func (c *cues) finding(t RedactedTurn) error {
	for _, r := range t.Mute {
		c.mute = joinRange(c.mute, r)
	}
	lead := ","
	if c.said++; c.said == 1 {
		lead = `{"turns":[`
	}
	line, err := appendJSON([]byte(lead), findingsOf(t))
	if err != nil {
		return err
	}
	_, err = c.out.Write(line)
	return err
}

// findings ends the line.
func (c *cues) findings() error {
	lead := "]"
	if c.said == 0 {
		lead = `{"turns":[]`
	}
	if c.mute == nil {
		c.mute = [][2]int64{}
	}
	line, err := appendJSON([]byte(lead+`,"mute":`), c.mute)
	if err != nil {
		return err
	}
	_, err = c.out.Write(append(line, '}', '\n'))
	return err
}
