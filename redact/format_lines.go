package redact

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// copyText streams plain text through the engine's writer.
func (f *File) copyText(out io.Writer, src io.Reader) error {
	w := f.engine("").Writer(out)
	_, err := io.Copy(w, src)
	if err != nil {
		return errors.Join(err, w.Close())
	}
	return w.Close()
}

// copyLines hands each line, without its end, to one. A line over maxLine is
// skipped and withheld.
func (f *File) copyLines(out *bufio.Writer, src io.Reader, one func(dst, line []byte, n int) ([]byte, error)) error {
	in := bufio.NewReaderSize(src, 64<<10)
	var line, dst []byte
	var unread error
	for n := 1; ; n++ {
		var end []byte
		var tooLong bool
		var err error
		line, end, tooLong, err = readLine(in, line[:0])
		if err == io.EOF && len(line) == 0 && !tooLong {
			return unread
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read line %d: %w", n, err)
		}
		var bad error
		if tooLong {
			bad = fmt.Errorf("line %d is over %d bytes: %w", n, maxLine, ErrUnread)
			dst = withheldLine(dst[:0], bad)
		} else if dst, bad = one(dst[:0], line, n); bad != nil {
			bad = fmt.Errorf("line %d: %w", n, bad)
			dst = withheldLine(dst[:0], bad)
		}
		unread = firstOf(unread, bad)
		if _, werr := out.Write(append(dst, end...)); werr != nil {
			return werr
		}
		if err == io.EOF {
			return unread
		}
	}
}

// firstOf keeps the first of many like errors, so that a bad gigabyte costs one message.
func firstOf(first, next error) error {
	if first != nil {
		return first
	}
	return next
}

func withheldLine(dst []byte, why error) []byte {
	dst = append(dst, '{')
	if item := (*itemError)(nil); errors.As(why, &item) && item.id != nil {
		dst = append(append(append(dst, `"id":`...), item.id...), ',')
	}
	quoted, _ := json.Marshal(why.Error()) // a string always marshals
	return append(append(append(dst, `"error":`...), quoted...), '}')
}

// readLine reads one line into line; end is its line end as it stood. Of a
// line over maxLine nothing is kept.
func readLine(in *bufio.Reader, line []byte) (text, end []byte, tooLong bool, err error) {
	for {
		part, err := in.ReadSlice('\n')
		if !tooLong {
			line = append(line, part...)
		}
		if len(line) > maxLine {
			line, tooLong = line[:0], true
		}
		if err == bufio.ErrBufferFull {
			continue
		}
		if n := len(part); n > 0 && part[n-1] == '\n' {
			end = []byte("\n")
		}
		line = bytes.TrimSuffix(line, end)
		if bytes.HasSuffix(line, []byte("\r")) {
			line, end = line[:len(line)-1], append([]byte("\r"), end...)
		}
		return line, end, tooLong, err
	}
}

// finding is a Span as JSON lines carry it.
type finding struct {
	Start int     `json:"start"`
	End   int     `json:"end"`
	Class Class   `json:"class"`
	Rule  string  `json:"rule"`
	Score float64 `json:"score"`
}

func findings(spans []Span) []finding {
	out := make([]finding, len(spans))
	for i, s := range spans {
		out[i] = finding(s)
	}
	return out
}

// textLine gives a line of plain text with its findings; its id is its number.
func (f *File) textLine(dst, line []byte, n int) ([]byte, error) {
	return f.appendText(dst, json.RawMessage(fmt.Sprint(n)), f.engine(""), string(line))
}

func (f *File) appendText(dst []byte, id json.RawMessage, e *Engine, text string) ([]byte, error) {
	spans := e.findAll(nil, []byte(text))
	return appendJSON(dst, struct {
		ID    json.RawMessage `json:"id,omitempty"`
		Text  string          `json:"text"`
		Spans []finding       `json:"spans"`
	}{id, string(e.render(nil, []byte(text), spans)), findings(spans)})
}

func appendJSON(dst []byte, v any) ([]byte, error) {
	w := bytes.NewBuffer(dst)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return dst, err
	}
	return bytes.TrimSuffix(w.Bytes(), []byte("\n")), nil
}
