package redact

import (
	"bufio"
	"io"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// A file's first bytes may say how it is coded (byte order mark, Unicode 16 §23.8).
const (
	markUTF8  = "\xEF\xBB\xBF"
	markUTF16 = "\xFF\xFE" // little-endian; the other way round it is big-endian
)

// coded is src as UTF-8 and dst in the coding that src has. UTF-16 is decoded on
// the way in and encoded on the way out; the mark of UTF-8 is passed on, for it
// belongs to no line, cell or value. Findings are UTF-8 whatever src is. The
// writer is closed when all is written.
func (f *File) coded(dst io.Writer, src io.Reader) (io.WriteCloser, io.Reader, error) {
	in := bufio.NewReaderSize(src, 16)
	head, err := in.Peek(len(markUTF8))
	if err != nil && err != io.EOF {
		return nil, nil, err
	}
	plain := f.cfg.Format == "" || f.cfg.Format == Text
	if string(head) == markUTF8 && !plain {
		_, _ = in.Discard(len(markUTF8)) // it was peeked at
		if f.cfg.Spans {
			return nopCloser{dst}, in, nil
		}
		_, err = io.WriteString(dst, markUTF8)
		return nopCloser{dst}, in, err
	}
	order := unicode.LittleEndian
	switch string(head[:min(len(head), len(markUTF16))]) {
	case markUTF16:
	case "\xFE\xFF":
		order = unicode.BigEndian
	default:
		return nopCloser{dst}, in, nil
	}
	code := unicode.UTF16(order, unicode.UseBOM)
	from := transform.NewReader(in, code.NewDecoder())
	if f.cfg.Spans {
		return nopCloser{dst}, from, nil
	}
	return transform.NewWriter(dst, code.NewEncoder()), from, nil
}
