package redact

import (
	"fmt"
	"io"
)

// writer is a redacting stream. raw holds the bytes that are not written yet.
type writer struct {
	to     io.Writer
	engine *Engine
	scan   *scan
	raw    []byte
	head   int // raw[head:] is left to write
	from   int // stream offset of raw[head]
	spans  int // spans of scan.out already replaced
	buf    []byte
	err    error
}

// Write takes p in pieces, so that memory stays bounded whatever its length.
func (w *writer) Write(p []byte) (int, error) {
	n := 0
	for len(p) > 0 && w.err == nil {
		piece := p[:min(len(p), window)]
		p = p[len(piece):]
		w.raw = append(w.raw, piece...)
		w.step(piece, false)
		if w.err == nil {
			n += len(piece)
		}
	}
	return n, w.err
}

// Close writes what is held back.
func (w *writer) Close() error {
	if w.err != nil {
		return w.err
	}
	w.step(nil, true)
	if w.err != nil {
		return w.err
	}
	w.err = io.ErrClosedPipe
	return nil
}

// step scans one piece and writes what is settled.
func (w *writer) step(piece []byte, eof bool) {
	defer func() {
		if v := recover(); v != nil {
			w.raw, w.err = nil, fmt.Errorf("redact stream: %w", ErrUnread)
		}
	}()
	w.scan.feed(piece, eof)
	w.flush(w.scan.settled(eof))
}

// flush writes everything before the stream offset upTo.
func (w *writer) flush(upTo int) {
	w.buf = w.buf[:0]
	if w.spans > 0 { // a swallowed value may have grown
		w.skipTo(min(w.scan.out[w.spans-1].end, upTo))
	}
	for ; w.spans < len(w.scan.out); w.spans++ {
		f := w.scan.out[w.spans]
		if f.start >= upTo {
			break
		}
		w.copyTo(f.start)
		value := w.raw[w.head:min(w.head+f.end-w.from, len(w.raw))]
		w.buf = w.engine.rules.replace(w.buf, f.class, value)
		w.skipTo(f.end)
	}
	w.copyTo(upTo)
	w.raw, w.head = w.raw[:copy(w.raw, w.raw[w.head:])], 0
	if w.spans > 1 && w.spans == len(w.scan.out) {
		w.scan.out = append(w.scan.out[:0], w.scan.out[w.spans-1])
		w.spans = 1
	}
	if len(w.buf) > 0 {
		if _, err := w.to.Write(w.buf); err != nil {
			w.err = err
		}
	}
}

func (w *writer) copyTo(off int) {
	if n := off - w.from; n > 0 {
		w.buf = append(w.buf, w.raw[w.head:w.head+n]...)
		w.skipTo(off)
	}
}

func (w *writer) skipTo(off int) {
	if n := min(off-w.from, len(w.raw)-w.head); n > 0 {
		w.head += n
		w.from += n
	}
}
