package redact

import (
	"context"
	"strconv"

	kv "go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/trace"
)

// SpanProcessor returns an OpenTelemetry span processor that redacts names,
// attributes, events, links and status before next sees a span that ended.
// Numbers are looked at like texts: a card number is one in either form.
func (e *Engine) SpanProcessor(next trace.SpanProcessor) trace.SpanProcessor {
	return &spanProcessor{next, e}
}

type spanProcessor struct {
	trace.SpanProcessor
	engine *Engine
}

func (p *spanProcessor) OnEnd(s trace.ReadOnlySpan) {
	p.SpanProcessor.OnEnd(cleanSpan{s, p.engine})
}

// cleanSpan is a span as it may be exported.
type cleanSpan struct {
	trace.ReadOnlySpan
	engine *Engine
}

func (s cleanSpan) Name() string { return s.engine.String(s.ReadOnlySpan.Name()) }

func (s cleanSpan) Attributes() []kv.KeyValue {
	return s.engine.attributes(s.ReadOnlySpan.Attributes())
}

func (s cleanSpan) Events() []trace.Event {
	in := s.ReadOnlySpan.Events()
	out := make([]trace.Event, len(in))
	for i, ev := range in {
		ev.Name, ev.Attributes = s.engine.String(ev.Name), s.engine.attributes(ev.Attributes)
		out[i] = ev
	}
	return out
}

func (s cleanSpan) Links() []trace.Link {
	in := s.ReadOnlySpan.Links()
	out := make([]trace.Link, len(in))
	for i, l := range in {
		l.Attributes = s.engine.attributes(l.Attributes)
		out[i] = l
	}
	return out
}

func (s cleanSpan) Status() trace.Status {
	st := s.ReadOnlySpan.Status()
	st.Description = s.engine.String(st.Description)
	return st
}

// LogProcessor returns an OpenTelemetry log processor that redacts body and
// attributes of a record before next sees it.
func (e *Engine) LogProcessor(next log.Processor) log.Processor { return &logProcessor{next, e} }

type logProcessor struct {
	log.Processor
	engine *Engine
}

func (p *logProcessor) OnEmit(ctx context.Context, r *log.Record) error {
	clean := r.Clone()
	clean.SetBody(p.engine.attribute("", clean.Body()))
	clean.SetEventName(p.engine.String(clean.EventName()))
	attrs := make([]kv.KeyValue, 0, clean.AttributesLen())
	clean.WalkAttributes(func(pair kv.KeyValue) bool {
		attrs = append(attrs, kv.KeyValue{Key: pair.Key, Value: p.engine.attribute(string(pair.Key), pair.Value)})
		return true
	})
	clean.SetAttributes(attrs...)
	return p.Processor.OnEmit(ctx, &clean)
}

func (e *Engine) attributes(in []kv.KeyValue) []kv.KeyValue {
	out := make([]kv.KeyValue, len(in))
	for i, pair := range in {
		out[i] = kv.KeyValue{Key: pair.Key, Value: e.attribute(string(pair.Key), pair.Value)}
	}
	return out
}

// attribute is a value as it may be exported; one that hides nothing keeps its
// type, any other becomes text.
func (e *Engine) attribute(key string, v kv.Value) kv.Value {
	switch v.Type() {
	case kv.BOOL, kv.BOOLSLICE, kv.EMPTY:
		return v
	case kv.STRING:
		return kv.StringValue(e.Value(key, v.AsString()))
	case kv.STRINGSLICE:
		in := v.AsStringSlice()
		out := make([]string, len(in))
		for i, s := range in {
			out[i] = e.Value(key, s)
		}
		return kv.StringSliceValue(out)
	case kv.SLICE:
		in := v.AsSlice()
		out := make([]kv.Value, len(in))
		for i, x := range in {
			out[i] = e.attribute(key, x)
		}
		return kv.SliceValue(out...)
	case kv.MAP:
		return kv.MapValue(e.attributes(v.AsMap())...)
	case kv.BYTESLICE:
		text := string(v.AsByteSlice())
		if clean := e.Value(key, text); clean != text {
			return kv.StringValue(clean)
		}
		return v
	}
	text := v.String()
	if v.Type() == kv.FLOAT64 {
		text = strconv.FormatFloat(v.AsFloat64(), 'f', -1, 64) // 4.111e+15 is a card number too
	}
	if clean := e.Value(key, text); clean != text {
		return kv.StringValue(clean)
	}
	return v
}
