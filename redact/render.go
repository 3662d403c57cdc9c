package redact

// findAll appends what Find finds, and spoken forms over the whole text: Find
// looks for those only as far as a stream allows. If a rule fails, the whole
// text is one span of class secret.
func (e *Engine) findAll(dst []Span, text []byte) (spans []Span) {
	n := len(dst)
	defer func() {
		if recover() != nil {
			spans = append(dst[:n], Span{0, len(text), Secret, "withheld", 1})
		}
	}()
	dst = e.Find(dst, text)
	for _, s := range findSpoken(nil, text, e.rules.lang) {
		if e.rules.wants(s.Class, s.Score) {
			dst = append(dst, s)
		}
	}
	return append(dst[:n], disjoint(dst[n:])...)
}

// render appends text with each of its spans replaced as the engine's
// treatments say.
func (e *Engine) render(dst, text []byte, spans []Span) []byte {
	at := 0
	for _, s := range spans {
		dst = append(dst, text[at:s.Start]...)
		dst = e.rules.replace(dst, s.Class, text[s.Start:s.End])
		at = s.End
	}
	return append(dst, text[at:]...)
}
