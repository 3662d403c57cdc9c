package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	promexporter "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/privet-gateway/privet/redact"
)

// telemetry is where metrics and spans go: metrics to the admin address, and
// both by OTLP where an OTEL_EXPORTER_OTLP_* variable names an endpoint. What a
// span carries is redacted before an exporter sees it.
type telemetry struct {
	traces   *sdktrace.TracerProvider
	meters   *sdkmetric.MeterProvider
	registry *prometheus.Registry
}

func newTelemetry(ctx context.Context, scan *redact.Engine) (*telemetry, error) {
	about, err := resource.New(ctx, resource.WithFromEnv(), resource.WithTelemetrySDK())
	if err != nil && !errors.Is(err, resource.ErrPartialResource) {
		return nil, fmt.Errorf("open telemetry: %w", err)
	}
	t := &telemetry{registry: prometheus.NewRegistry()}
	t.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	reader, err := promexporter.New(promexporter.WithRegisterer(t.registry))
	if err != nil {
		return nil, fmt.Errorf("open metrics: %w", err)
	}
	metrics := []sdkmetric.Option{sdkmetric.WithResource(about), sdkmetric.WithReader(reader)}
	traces := []sdktrace.TracerProviderOption{sdktrace.WithResource(about)}
	if named("METRICS") {
		exporter, err := otlpmetrichttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("open OTLP metrics: %w", err)
		}
		metrics = append(metrics, sdkmetric.WithReader(sdkmetric.NewPeriodicReader(exporter)))
	}
	if named("TRACES") {
		exporter, err := otlptracehttp.New(ctx)
		if err != nil {
			return nil, fmt.Errorf("open OTLP traces: %w", err)
		}
		traces = append(traces, sdktrace.WithSpanProcessor(scan.SpanProcessor(sdktrace.NewBatchSpanProcessor(exporter))))
	}
	t.meters = sdkmetric.NewMeterProvider(metrics...)
	t.traces = sdktrace.NewTracerProvider(traces...)
	return t, nil
}

// named says whether the environment names an OTLP endpoint for a signal.
func named(signal string) bool {
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

func (t *telemetry) close(ctx context.Context) {
	_ = t.traces.Shutdown(ctx)
	_ = t.meters.Shutdown(ctx)
}
