package redact

// findSpoken appends the spans of values that are spoken or written in words
// ("four one one one", "at gmail dot com"), in one utterance.
func findSpoken(dst []Span, text []byte, lang string) []Span { return dst }
