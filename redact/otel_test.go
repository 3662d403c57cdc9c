package redact

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	kv "go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// secrets are planted in every place that a log record or a span has.
var secrets = []string{"4111111111111111", "jane@corp.example", "hunter2secret", "078-05-1123"}

func leaks(t *testing.T, where, text string) {
	t.Helper()
	for _, s := range secrets {
		if strings.Contains(text, s) {
			t.Errorf("%s leaks %q: %s", where, s, text)
		}
	}
}

type customer struct{ Mail, Card string }

func TestHandlerLeaksNothing(t *testing.T) {
	var out bytes.Buffer
	e := engine(t, Config{})
	log := slog.New(e.Handler(slog.NewJSONHandler(&out, nil)))
	log = log.With("with", "jane@corp.example").WithGroup("g").With("password", "hunter2secret")
	log.Info("card 4111111111111111", "pan", int64(4111111111111111), slog.Group("sub", "ssn", "078-05-1123"),
		"err", errors.New("for jane@corp.example"), "who", customer{"jane@corp.example", "4111111111111111"}, "ok", 17, "done", true)
	leaks(t, "log", out.String())
	for _, want := range []string{`"msg":"card [pan]"`, `"pan":"[pan]"`, `"ok":17`, `"done":true`, `"password":"[password]"`} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("log lacks %s: %s", want, out.String())
		}
	}
}

func TestSpansLeakNothing(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	e := engine(t, Config{})
	tp := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(e.SpanProcessor(sdktrace.NewSimpleSpanProcessor(spans))))
	_, span := tp.Tracer("t").Start(context.Background(), "show 4111111111111111", trace.WithAttributes(
		kv.Int64("pan", 4111111111111111), kv.Float64("card", 4111111111111111), kv.StringSlice("mails", []string{"jane@corp.example"}),
		kv.String("password", "hunter2secret"), kv.Int("n", 7),
		kv.KeyValue{Key: "m", Value: kv.MapValue(kv.String("ssn", "078-05-1123"))}))
	span.AddEvent("mail jane@corp.example", trace.WithAttributes(kv.String("ssn", "078-05-1123")))
	span.RecordError(errors.New("password=hunter2secret"))
	span.End()
	for _, s := range spans.GetSpans() {
		leaks(t, "span", fmt.Sprintf("%+v", s))
		for _, pair := range s.Attributes {
			leaks(t, "attribute", pair.Value.String())
			if pair.Key == "n" && pair.Value.AsInt64() != 7 {
				t.Errorf("n became %v", pair.Value)
			}
		}
		for _, ev := range s.Events {
			for _, pair := range ev.Attributes {
				leaks(t, "event", pair.Value.String())
			}
		}
	}
	if len(spans.GetSpans()) != 1 {
		t.Fatal("no span was exported")
	}
}

type keep struct{ records []sdklog.Record }

func (k *keep) Export(_ context.Context, r []sdklog.Record) error {
	for i := range r {
		k.records = append(k.records, r[i].Clone())
	}
	return nil
}
func (k *keep) Shutdown(context.Context) error   { return nil }
func (k *keep) ForceFlush(context.Context) error { return nil }

func TestLogRecordsLeakNothing(t *testing.T) {
	var k keep
	e := engine(t, Config{})
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(e.LogProcessor(sdklog.NewSimpleProcessor(&k))))
	var r otellog.Record
	r.SetBody(kv.StringValue("card 4111111111111111 of jane@corp.example"))
	r.AddAttributes(kv.String("password", "hunter2secret"), kv.Int64("pan", 4111111111111111))
	lp.Logger("t").Emit(context.Background(), r)
	if len(k.records) != 1 {
		t.Fatal("no record was exported")
	}
	if got := k.records[0].Body().AsString(); got != "card [pan] of [email]" {
		t.Errorf("body %q", got)
	}
	k.records[0].WalkAttributes(func(pair kv.KeyValue) bool {
		leaks(t, string(pair.Key), pair.Value.String())
		return true
	})
}
