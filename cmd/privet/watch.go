package main

import (
	"context"
	"errors"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/gateway"
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

// exchanges measures what is asked of Vault, by act and outcome. A command that
// is not watched gives nil.
func (t *telemetry) exchanges() (func(act string, took time.Duration, err error), error) {
	if t == nil {
		return nil, nil
	}
	took, err := t.meters.Meter("privet").Float64Histogram("privet.keeper.exchange.duration", metric.WithUnit("s"),
		metric.WithDescription("Exchanges with Vault by act and outcome."),
		metric.WithExplicitBucketBoundaries(.0005, .001, .0025, .005, .01, .025, .05, .1, .2, .5, 1, 2))
	if err != nil {
		return nil, err
	}
	return func(act string, d time.Duration, err error) {
		outcome := "answered"
		switch {
		case errors.Is(err, keeper.ErrSealed):
			outcome = "sealed"
		case errors.Is(err, keeper.ErrBusy):
			outcome = "quota"
		case errors.Is(err, keeper.ErrDown):
			outcome = "down"
		case errors.Is(err, keeper.ErrDenied):
			outcome = "denied"
		case err != nil:
			outcome = "refused"
		}
		took.Record(context.Background(), d.Seconds(), metric.WithAttributes(attribute.String("act", act), attribute.String("outcome", outcome)))
	}, nil
}

// tools counts a tool as 1 while its checks succeed and as 0 while it is down.
func (t *telemetry) tools(health func() []gateway.ToolHealth) error {
	_, err := t.meters.Meter("privet").Int64ObservableGauge("privet.tool.up",
		metric.WithDescription("Whether a tool answers its health checks."),
		metric.WithInt64Callback(func(_ context.Context, o metric.Int64Observer) error {
			for _, tool := range health() {
				if !tool.Since.IsZero() {
					up := int64(1)
					if tool.Err != nil {
						up = 0
					}
					o.Observe(up, metric.WithAttributes(attribute.String("tool", tool.Tool)))
				}
			}
			return nil
		}))
	return err
}

// trail tells how long the oldest entry of a log that is being written has waited
// for the keeper's signature: when that ends is when the door closes.
func (t *telemetry) trail(lanes func(context.Context) ([]audit.LaneHealth, error)) error {
	_, err := t.meters.Meter("privet").Float64ObservableGauge("privet.trail.unsigned.age", metric.WithUnit("s"),
		metric.WithDescription("How long entries have waited for a checkpoint by the keeper."),
		metric.WithFloat64Callback(func(ctx context.Context, o metric.Float64Observer) error {
			list, err := lanes(ctx)
			if err != nil {
				return nil // readiness tells of the records
			}
			var age time.Duration
			for _, l := range list {
				if l.Held && l.Covered < l.Size {
					age = max(age, time.Since(l.Waits))
				}
			}
			o.Observe(age.Seconds())
			return nil
		}))
	return err
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
