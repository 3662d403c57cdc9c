package main

import (
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// watched counts and traces the requests of one part of the house. Neither
// carries more than the part, the method and the status: a path can name a
// cardholder.
func (t *telemetry) watched(part string, next http.Handler) (http.Handler, error) {
	meter := t.meters.Meter("privet")
	took, err := meter.Float64Histogram("privet.request.duration", metric.WithUnit("s"),
		metric.WithDescription("Requests by part of the house and status."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10))
	if err != nil {
		return nil, err
	}
	open, err := meter.Int64UpDownCounter("privet.requests.open", metric.WithDescription("Requests under way."))
	if err != nil {
		return nil, err
	}
	tracer := t.traces.Tracer("privet")
	where := attribute.String("part", part)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, "privet "+part, trace.WithSpanKind(trace.SpanKindServer))
		seen := &statusSeen{ResponseWriter: w, status: http.StatusOK}
		open.Add(ctx, 1, metric.WithAttributes(where))
		defer func() {
			open.Add(ctx, -1, metric.WithAttributes(where))
			status := attribute.Int("http.response.status_code", seen.status)
			took.Record(ctx, time.Since(start).Seconds(), metric.WithAttributes(where, status))
			span.SetAttributes(where, status, attribute.String("http.request.method", method(r.Method)),
				attribute.String("privet.receipt", seen.Header().Get("Privet-Receipt")))
			span.End()
		}()
		next.ServeHTTP(seen, r.WithContext(ctx))
	}), nil
}

// method keeps a caller from making a label of any text.
func method(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return m
	}
	return "_OTHER"
}

// statusSeen remembers the status of an answer.
type statusSeen struct {
	http.ResponseWriter
	status int
	wrote  bool
}

func (s *statusSeen) WriteHeader(status int) {
	if !s.wrote && status >= 200 || status == http.StatusSwitchingProtocols {
		s.status, s.wrote = status, true
	}
	s.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController through, for flushes and takeovers.
func (s *statusSeen) Unwrap() http.ResponseWriter { return s.ResponseWriter }
