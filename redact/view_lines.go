package redact

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// json rewrites one JSON document.
func (v *rewriting) json(dst io.Writer, src io.Reader) error {
	if v.plan.cfg.Reference {
		return v.reference(dst, src)
	}
	return v.fast(dst, src)
}

// ndjson rewrites JSON documents, one a line (also RFC 7464 with its leading RS).
func (v *rewriting) ndjson(dst io.Writer, src io.Reader) error {
	return v.lines(src, func(line []byte, end string) error {
		line, rs := bytes.CutPrefix(line, []byte{0x1e})
		if len(bytes.TrimSpace(line)) == 0 {
			_, err := io.WriteString(dst, end)
			return err
		}
		var out bytes.Buffer
		if rs {
			out.WriteByte(0x1e)
		}
		if err := v.json(&out, bytes.NewReader(line)); err != nil {
			return err
		}
		out.Truncate(len(bytes.TrimRight(out.Bytes(), "\n")))
		out.WriteString(end)
		_, err := dst.Write(out.Bytes())
		return err
	})
}

// plain rewrites a text: the class of the whole document decides.
func (v *rewriting) plain(dst io.Writer, src io.Reader) error {
	if err := v.renew(); err != nil {
		return err
	}
	v.tally.Records++
	root := v.plan.root
	if root.field == nil {
		v.tally.Unclassified++
		v.strayText("", nil)
		return nil
	}
	if v.known = 0; v.do(root.field) == Scrub && v.scan != nil {
		v.note(root.field.Class, Scrub)
		w := v.scan.Writer(dst)
		if w == nil {
			return ErrUnread
		}
		if _, err := io.Copy(w, src); err != nil {
			return fmt.Errorf("read body: %w", err)
		}
		return w.Close()
	}
	text, err := io.ReadAll(io.LimitReader(src, int64(v.plan.cfg.MaxRecord)+1))
	if err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if len(text) > v.plan.cfg.MaxRecord {
		return ErrTooLarge
	}
	out, done := v.treat(root.field.Class, v.do(root.field), text)
	v.note(root.field.Class, done)
	_, err = dst.Write(out)
	return err
}

// code copies a tool's styles and scripts where the catalogue says that there is
// nothing personal in them: a script of a megabyte always holds a number that
// could be a card's. Classified otherwise they are texts like any other.
func (v *rewriting) code(dst io.Writer, src io.Reader) error {
	root := v.plan.root
	if root.field == nil || root.field.Class != Plain || v.do(root.field) != Show {
		return v.plain(dst, src)
	}
	v.tally.Records++
	v.note(Plain, Show)
	_, err := io.Copy(dst, src)
	return err
}

// picture copies an image or a font. No detector can read it, so it passes
// only where the catalogue says that there is nothing personal in it.
func (v *rewriting) picture(dst io.Writer, src io.Reader) error {
	root := v.plan.root
	if root.field == nil || root.field.Class != Plain || v.do(root.field) != Show {
		return fmt.Errorf("%w: an image that is not classified as %q", ErrMedia, Plain)
	}
	v.tally.Records++
	v.note(Plain, Show)
	_, err := io.Copy(dst, src)
	return err
}

// lines calls f with every line and its end, within the bound of one record.
func (v *rewriting) lines(src io.Reader, f func(line []byte, end string) error) error {
	r := bufio.NewReaderSize(src, 16<<10)
	var long []byte
	for {
		part, err := r.ReadSlice('\n')
		if len(long)+len(part) > v.plan.cfg.MaxRecord {
			return fmt.Errorf("%w: a line of more than %d bytes", ErrTooLarge, v.plan.cfg.MaxRecord)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			long = append(long, part...)
			continue
		}
		line := part
		if len(long) > 0 {
			line = append(long, part...)
		}
		if err != nil && err != io.EOF {
			return fmt.Errorf("read body: %w", err)
		}
		if len(line) > 0 {
			body, end := line, ""
			if b, ok := bytes.CutSuffix(body, []byte("\n")); ok {
				body, end = b, "\n"
				if b, ok := bytes.CutSuffix(body, []byte("\r")); ok {
					body, end = b, "\r\n"
				}
			}
			if err := f(body, end); err != nil {
				return err
			}
		}
		if err == io.EOF {
			return nil
		}
		long = long[:0]
	}
}
