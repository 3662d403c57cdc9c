package redact

import (
	"bytes"
	"io"
)

// events rewrites a stream of server-sent events (WHATWG HTML §9.2.6): the
// data lines of one event are one JSON document, or one text. Comments and
// unknown fields are left out; an event whose data may not leave is left out
// whole. Each event is flushed as it ends.
func (v *rewriting) events(dst io.Writer, src io.Reader) error {
	var head, data bytes.Buffer
	has, first := false, true
	err := v.lines(src, func(line []byte, _ string) error {
		if first {
			line, first = bytes.TrimPrefix(line, []byte("\xef\xbb\xbf")), false
		}
		if bytes.IndexByte(line, '\r') >= 0 { // a lone CR ends a line as well: readers disagree
			return documentError(errLoneCR)
		}
		if len(line) == 0 {
			err := v.event(dst, head.Bytes(), data.Bytes(), has)
			head.Reset()
			data.Reset()
			has = false
			return err
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		value = bytes.TrimPrefix(value, []byte(" "))
		switch string(name) {
		case "data":
			if has {
				data.WriteByte('\n')
			}
			has = true
			data.Write(value)
			if data.Len() > v.plan.cfg.MaxRecord {
				return ErrTooLarge
			}
		case "event", "id", "retry":
			if wordlike(value) {
				head.Write(name)
				head.WriteString(": ")
				head.Write(value)
				head.WriteByte('\n')
			}
		}
		return nil
	})
	return err // an event that the stream's end cuts off is never dispatched
}

func (v *rewriting) event(dst io.Writer, head, data []byte, has bool) error {
	if !has {
		if len(head) == 0 {
			return nil
		}
		_, err := dst.Write(append(append([]byte(nil), head...), '\n'))
		return err
	}
	var out bytes.Buffer
	if v.plan.root.field != nil {
		if err := v.plain(&out, bytes.NewReader(data)); err != nil {
			return err
		}
	} else if err := v.json(&out, bytes.NewReader(data)); err != nil {
		return err
	}
	var event bytes.Buffer
	event.Write(head)
	for _, line := range bytes.Split(bytes.TrimRight(out.Bytes(), "\n"), []byte("\n")) {
		event.WriteString("data: ")
		event.Write(line)
		event.WriteByte('\n')
	}
	event.WriteByte('\n')
	if _, err := dst.Write(event.Bytes()); err != nil {
		return err
	}
	switch f := dst.(type) {
	case interface{ Flush() error }:
		return f.Flush()
	case interface{ Flush() }:
		f.Flush()
	}
	return nil
}

// wordlike: a name or a number short enough to hold no personal value.
func wordlike(value []byte) bool {
	if len(value) > 64 || hidesCard(value) {
		return false
	}
	for _, c := range value {
		if !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.') {
			return false
		}
	}
	return true
}
