package redact

// render appends text with each of its spans replaced as the engine's
// treatments say.
func (e *Engine) render(dst, text []byte, spans []Span) []byte {
	at := 0
	for _, s := range spans {
		dst = append(dst, text[at:s.Start]...)
		dst = append(dst, '[')
		dst = append(dst, s.Class...)
		dst = append(dst, ']')
		at = s.End
	}
	return append(dst, text[at:]...)
}
