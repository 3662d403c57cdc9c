package redact

import (
	"context"
	"log/slog"
)

// Handler returns a slog handler that redacts every attribute and message
// before next sees it. Attributes whose key names a secret lose their whole
// value; keys are kept.
func (e *Engine) Handler(next slog.Handler) slog.Handler { return &handler{e, next} }

type handler struct {
	engine *Engine
	next   slog.Handler
}

func (h *handler) Enabled(ctx context.Context, l slog.Level) bool { return h.next.Enabled(ctx, l) }

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	out := slog.NewRecord(r.Time, r.Level, h.engine.String(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(h.engine.attr(a))
		return true
	})
	return h.next.Handle(ctx, out)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.engine.attr(a)
	}
	return &handler{h.engine, h.next.WithAttrs(clean)}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.engine, h.next.WithGroup(name)}
}

// String is the redacted form of s.
func (e *Engine) String(s string) string {
	var few [8]Span
	b := []byte(s)
	if len(e.Find(few[:0], b)) == 0 {
		return s
	}
	return string(e.Append(nil, b))
}

// Value is the redacted form of a value that stands under a key: the key is
// context, as in "cvv=123" or "password=…".
func (e *Engine) Value(key, value string) string {
	b := make([]byte, 0, len(key)+len(value)+1)
	b = append(append(append(b, key...), '='), value...)
	out := e.Append(nil, b)
	if n := len(key) + 1; len(out) >= n && string(out[:n]) == string(b[:n]) {
		return string(out[n:])
	}
	// Something began inside the key: judge the value alone.
	return e.String(value)
}

func (e *Engine) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindGroup:
		in := v.Group()
		out := make([]slog.Attr, len(in))
		for i, g := range in {
			out[i] = e.attr(g)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(out...)}
	case slog.KindBool, slog.KindDuration, slog.KindTime:
		return a
	}
	text := v.String()
	if clean := e.Value(a.Key, text); clean != text {
		return slog.String(a.Key, clean)
	}
	if v.Kind() == slog.KindAny {
		// Whatever it is, it is written as the text that was looked at.
		return slog.String(a.Key, text)
	}
	return slog.Attr{Key: a.Key, Value: v}
}
