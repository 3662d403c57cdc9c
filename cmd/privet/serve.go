package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// serveCmd runs the gateway.
type serveCmd struct {
	Config string `help:"Configuration file; deploy/privet.yaml is a commented sample." type:"existingfile" required:""`
}

// Help shows an example.
func (serveCmd) Help() string { return "Example: privet serve --config /etc/privet/privet.yaml" }

// Run opens the house and serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return &exit{2, err}
	}
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for TLS: %w", err)
	}
	admin, err := net.Listen("tcp", cfg.Admin)
	if err != nil {
		return fmt.Errorf("listen for admin: %w", err)
	}
	h, err := openHouse(ctx, cfg, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	return h.serve(ctx, listener, admin, func() error { return nil })
}

// patience is how long a stop waits for requests under way.
const patience = 10 * time.Second

// serve answers on both listeners until ctx ends; all listens when it calls announce.
func (h *house) serve(ctx context.Context, listener, admin net.Listener, announce func() error) error {
	front, err := h.front(listener.Addr().(*net.TCPAddr).Port)
	if err != nil {
		return err
	}
	tlsConfig, err := h.tls(ctx)
	if err != nil {
		return err
	}
	door := &http.Server{Handler: front, TLSConfig: tlsConfig, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: h.quiet("http")}
	back := &http.Server{Handler: h.admin(), ReadHeaderTimeout: 10 * time.Second, ErrorLog: h.quiet("admin")}
	failed := make(chan error, 2)
	go func() { failed <- door.ServeTLS(listener, "", "") }()
	go func() { failed <- back.Serve(admin) }()
	if err := h.record(ctx, "privet.start"); err != nil {
		return err
	}
	if err := announce(); err != nil {
		return err
	}
	h.log.Info("serving", "listen", listener.Addr().String(), "admin", admin.Addr().String())
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if door.Shutdown(stop) != nil {
		_ = door.Close()
	}
	_ = back.Close()
	if rerr := h.record(stop, "privet.stop"); err == nil && rerr != nil {
		err = rerr
	}
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return err
}

// admin answers whoever runs the machine.
func (h *house) admin() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), time.Second)
		defer cancel()
		report := h.readiness(ctx)
		if !report.ready() {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
		report.write(w)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.telemetry.registry, promhttp.HandlerOpts{}))
	return mux
}
