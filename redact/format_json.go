package redact

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"

	"github.com/go-json-experiment/json/jsontext"
)

// jsonScan rewrites a JSON document as it streams: every string, number and
// member name goes through the engine; all other bytes stay as they were. A
// value is read together with the name of its member, which is its context.
type jsonScan struct {
	e    *Engine
	in   *jsontext.Decoder
	seen *seenReader
	out  io.Writer
	done map[jsontext.Pointer]string // texts that were redacted before, by place

	name  string    // of the member whose value comes next
	split []element // of the innermost array
	text  []byte
	hits  []Span
}

// seenReader keeps the bytes that the decoder has read but the scan has not
// yet copied, and refuses to let them grow beyond a bound.
type seenReader struct {
	r    io.Reader
	buf  []byte
	base int64 // offset of buf[0]
}

func (s *seenReader) Read(p []byte) (int, error) {
	if len(s.buf) > 2*maxItem {
		return 0, fmt.Errorf("value over %d bytes: %w", maxItem, ErrUnread)
	}
	n, err := s.r.Read(p)
	s.buf = append(s.buf, p[:n]...)
	return n, err
}

// take gives the bytes up to an offset and forgets them.
func (s *seenReader) take(upTo int64) []byte {
	n := upTo - s.base
	part := s.buf[:n]
	s.buf, s.base = s.buf[n:], upTo
	if len(s.buf) == 0 {
		s.buf = nil
	}
	return part
}

func newJSONScan(e *Engine, out io.Writer, src io.Reader, done map[jsontext.Pointer]string) *jsonScan {
	seen := &seenReader{r: src}
	return &jsonScan{e: e, seen: seen, out: out, done: done,
		in: jsontext.NewDecoder(seen, jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))}
}

// run copies every value until the end of the input.
func (s *jsonScan) run() error {
	for {
		err := s.token()
		if err == io.EOF {
			_, err = s.out.Write(s.seen.take(s.in.InputOffset() + int64(len(s.in.UnreadBuffer()))))
			return err
		}
		if err != nil {
			if errors.As(err, new(*jsontext.SyntacticError)) {
				err = fmt.Errorf("%w: %w", err, ErrUnread)
			}
			return fmt.Errorf("read JSON: %w", err)
		}
	}
}

func (s *jsonScan) token() error {
	switch kind := s.in.PeekKind(); kind {
	case '"', '0':
		return s.scalar()
	default:
		if err := s.settle(kind == ']'); err != nil {
			return err
		}
	}
	if _, err := s.in.ReadToken(); err != nil {
		return err
	}
	if kind, _ := s.in.StackIndex(s.in.StackDepth()); kind != '[' {
		s.name = "" // elements of an array keep the array's name
	}
	_, err := s.out.Write(s.seen.take(s.in.InputOffset()))
	return err
}

func (s *jsonScan) scalar() error {
	raw, err := s.in.ReadValue()
	if err != nil {
		return err
	}
	at := s.in.InputOffset()
	before := s.seen.take(at - int64(len(raw)))
	s.seen.take(at)
	kind, count := s.in.StackIndex(s.in.StackDepth())
	done, redacted := s.done[s.in.StackPointer()]
	if kind == '[' && !redacted && len(raw) <= maxDigitsSplit+2 {
		s.split = append(s.split, element{bytes.Clone(before), raw.Clone()})
		if len(s.split) <= maxDigitsSplit {
			return nil
		}
		return s.settle(false)
	}
	if err := s.settle(false); err != nil {
		return err
	}
	if _, err := s.out.Write(before); err != nil {
		return err
	}
	switch {
	case kind == '{' && count%2 == 1:
		return s.member(raw)
	case redacted:
		raw, err = jsontext.AppendQuote(nil, done)
	default:
		raw, err = s.value(raw)
	}
	if err != nil {
		return err
	}
	if kind != '[' {
		s.name = ""
	}
	_, err = s.out.Write(raw)
	return err
}

// element is an element of an array that waits for the others, because
// together they may be one number: ["4111","1111",…] or [4,1,1,1,…].
type element struct {
	before []byte
	raw    jsontext.Value
}

const maxDigitsSplit = 19

// settle writes the elements that wait. whole: they are all of their array.
func (s *jsonScan) settle(whole bool) error {
	class := Class("")
	if whole && len(s.split) > 1 {
		class = s.splitNumber()
	}
	for _, el := range s.split {
		if _, err := s.out.Write(el.before); err != nil {
			return err
		}
		var raw jsontext.Value
		var err error
		if class != "" {
			raw, err = jsontext.AppendQuote(nil, s.e.rules.replace(nil, class, nil))
		} else {
			raw, err = s.value(el.raw)
		}
		if err != nil {
			return err
		}
		if _, err := s.out.Write(raw); err != nil {
			return err
		}
	}
	s.split = s.split[:0]
	return nil
}

// splitNumber is the class of the number that the waiting elements make together.
func (s *jsonScan) splitNumber() Class {
	text := append([]byte(s.name), ": "...)
	lead := len(text)
	for _, el := range s.split {
		digits := bytes.Trim(el.raw, `"`)
		for _, c := range digits {
			if !isDigit(c) {
				return ""
			}
		}
		text = append(text, digits...)
	}
	if len(text)-lead <= maxDigitsSplit {
		for _, hit := range s.e.Find(nil, text) {
			if hit.Class == PAN && hit.Start <= lead && hit.End == len(text) {
				return PAN
			}
		}
	}
	return ""
}

// member copies a member's name, which can be personal data itself.
func (s *jsonScan) member(raw jsontext.Value) error {
	name, err := jsontext.AppendUnquote(nil, raw)
	if err != nil && !utf8Only(err) {
		return err
	}
	s.name = string(name)
	if s.hits = s.e.findAll(s.hits[:0], name); len(s.hits) > 0 {
		if raw, err = jsontext.AppendQuote(nil, s.e.render(nil, name, s.hits)); err != nil {
			return err
		}
	}
	_, err = s.out.Write(raw)
	return err
}

// maxContext is the longest member name that is read as a value's context.
const maxContext = 64

// value gives a string or number as it may be shown. A number with a finding
// becomes a string.
func (s *jsonScan) value(raw jsontext.Value) (jsontext.Value, error) {
	s.text = s.text[:0]
	if len(s.name) <= maxContext && s.name != "" {
		s.text = append(append(s.text, s.name...), ": "...)
	}
	lead := len(s.text)
	if raw.Kind() == '"' {
		var err error
		if s.text, err = jsontext.AppendUnquote(s.text, raw); err != nil && !utf8Only(err) {
			return nil, err
		}
	} else {
		s.text = append(s.text, raw...)
	}
	s.hits = clip(s.e.findAll(s.hits[:0], s.text), lead)
	if len(s.hits) == 0 {
		return raw, nil
	}
	return jsontext.AppendQuote(nil, s.e.render(nil, s.text[lead:], s.hits))
}

// clip moves spans left by lead and drops what lies before it.
func clip(spans []Span, lead int) []Span {
	kept := spans[:0]
	for _, s := range spans {
		s.Start, s.End = max(s.Start-lead, 0), s.End-lead
		if s.End > 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

// utf8Only: the string was read, with U+FFFD for what was not UTF-8.
func utf8Only(err error) bool { return !errors.As(err, new(*jsontext.SyntacticError)) }

// jsonItem is a line or document in the shape of `privet redact`.
type jsonItem struct {
	ID    json.RawMessage `json:"id"`
	Lang  string          `json:"lang"`
	Text  *string         `json:"text"`
	Turns []jsonTurn      `json:"turns"`
}

type jsonTurn struct {
	Speaker string `json:"speaker"`
	Text    string `json:"text"`
	StartMS int64  `json:"start_ms"`
	EndMS   int64  `json:"end_ms"`
}

// jsonLine redacts one line of JSON; a line that is not JSON is redacted as text.
func (f *File) jsonLine(dst, line []byte, n int) ([]byte, error) {
	if len(bytes.TrimSpace(line)) == 0 {
		return append(dst, line...), nil
	}
	var item jsonItem
	err := json.Unmarshal(line, &item)
	e := f.engine(item.Lang)
	switch {
	case err != nil && f.cfg.Spans:
		return dst, &itemError{shownID(e, item.ID), itemFault(err)}
	case err != nil && !json.Valid(line):
		return e.Append(dst, line), nil
	case err == nil && f.cfg.Spans && item.Turns != nil:
		return appendTurns(dst, e, item)
	case f.cfg.Spans && item.Text == nil:
		return dst, &itemError{shownID(e, item.ID), fmt.Errorf(`no "text" and no "turns": %w`, ErrUnread)}
	case f.cfg.Spans:
		return f.appendText(dst, shownID(e, item.ID), e, *item.Text)
	}
	var done map[jsontext.Pointer]string
	if err == nil && item.Turns != nil {
		done = redactedTurns(e, item.Turns)
	}
	out := bytes.NewBuffer(dst)
	if err := newJSONScan(e, out, bytes.NewReader(line), done).run(); err != nil {
		return dst, err
	}
	return out.Bytes(), nil
}

// itemError is why an item was withheld, and whose findings are missing.
type itemError struct {
	id  json.RawMessage
	why error
}

func (e *itemError) Error() string { return e.why.Error() }
func (e *itemError) Unwrap() error { return e.why }

// itemFault says in the words of JSON what is wrong with a line.
func itemFault(err error) error {
	var as *json.UnmarshalTypeError
	if !errors.As(err, &as) {
		return fmt.Errorf("no JSON: %w: %w", err, ErrUnread)
	}
	if as.Field == "" {
		return fmt.Errorf(`%s: want an object with "text" or "turns": %w`, as.Value, ErrUnread)
	}
	want := map[reflect.Kind]string{reflect.String: "a string", reflect.Pointer: "a string", reflect.Slice: "an array", reflect.Int64: "a whole number"}
	return fmt.Errorf("%q is a JSON %s: want %s: %w", as.Field, as.Value, cmp.Or(want[as.Type.Kind()], "an object"), ErrUnread)
}

// shownID keeps an item's id unless it carries a card number or an address.
func shownID(e *Engine, id json.RawMessage) json.RawMessage {
	for _, s := range e.Find(nil, id) {
		if s.Class == PAN || s.Class == Email || s.Class == SSN {
			return json.RawMessage(`"[` + string(s.Class) + `]"`)
		}
	}
	return id
}

func turnsOf(said []jsonTurn) []Turn {
	turns := make([]Turn, len(said))
	for i, t := range said {
		turns[i] = Turn{Speaker: t.Speaker, Text: t.Text, StartMS: t.StartMS, EndMS: t.EndMS}
	}
	return turns
}

func redactedTurns(e *Engine, said []jsonTurn) map[jsontext.Pointer]string {
	done := map[jsontext.Pointer]string{}
	for i, t := range e.Conversation(turnsOf(said)) {
		done[jsontext.Pointer(fmt.Sprintf("/turns/%d/text", i))] = t.Redacted
	}
	return done
}

// turnFindings is a redacted turn as JSON lines carry it.
type turnFindings struct {
	jsonTurn
	Spans []finding `json:"spans"`
}

// shownSpeaker: who spoke is a role; a program that gives names or numbers
// instead gives personal data.
func shownSpeaker(e *Engine, name string) string {
	if name == "" || generic.MatchString(name) {
		return name
	}
	const lead = "speaker: "
	text := []byte(lead + name)
	return string(e.render(nil, text[len(lead):], clip(e.findAll(nil, text), len(lead))))
}

func findingsOf(t RedactedTurn) turnFindings {
	return turnFindings{jsonTurn{t.Speaker, t.Redacted, t.StartMS, t.EndMS}, findings(t.Spans)}
}

func appendTurns(dst []byte, e *Engine, item jsonItem) ([]byte, error) {
	return appendHeard(dst, e, shownID(e, item.ID), e.Conversation(turnsOf(item.Turns)))
}

// appendHeard appends a redacted conversation with its findings.
func appendHeard(dst []byte, e *Engine, id json.RawMessage, heard []RedactedTurn) ([]byte, error) {
	turns := make([]turnFindings, len(heard))
	for i, t := range heard {
		turns[i] = findingsOf(t)
		turns[i].Speaker = shownSpeaker(e, t.Speaker)
	}
	return appendJSON(dst, struct {
		ID    json.RawMessage `json:"id,omitempty"`
		Turns []turnFindings  `json:"turns"`
		Mute  [][2]int64      `json:"mute"`
	}{id, turns, MuteRanges(heard)})
}
