package redact

// pieces is a text with markup in it: plain is what is read, raw what is
// written. A finding that reaches over markup leaves the markup in place.
type pieces struct {
	raw   []byte
	plain []byte
	parts []piece // of plain, in order
}

// piece is a part of the text that stands in raw as it stands in plain.
type piece struct{ raw, plain, size int }

// text appends raw bytes that are read.
func (p *pieces) text(b []byte) {
	p.parts = append(p.parts, piece{len(p.raw), len(p.plain), len(b)})
	p.raw = append(p.raw, b...)
	p.plain = append(p.plain, b...)
}

// markup appends raw bytes that are not read.
func (p *pieces) markup(b []byte) { p.raw = append(p.raw, b...) }

// render appends raw with each span of plain replaced: what stands for it
// goes where it begins.
func (p *pieces) render(dst []byte, e *Engine, spans []Span) []byte {
	at, n := 0, 0 // of raw; spans begun
	for _, part := range p.parts {
		dst = append(dst, p.raw[at:part.raw]...)
		end := part.plain + part.size
		for pos := part.plain; pos < end; {
			for n < len(spans) && spans[n].End <= pos {
				n++
			}
			if n == len(spans) || spans[n].Start >= end {
				dst = append(dst, p.plain[pos:end]...)
				break
			}
			s := spans[n]
			if s.Start >= pos {
				dst = append(dst, p.plain[pos:s.Start]...)
				dst = e.rules.replace(dst, s.Class, p.plain[s.Start:s.End])
			}
			pos = min(end, s.End)
		}
		at = part.raw + part.size
	}
	return append(dst, p.raw[at:]...)
}
