package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/privet-gateway/privet/gateway"
)

// serveCmd runs the gateway.
type serveCmd struct {
	Config string `help:"Configuration file; deploy/privet.yaml is a commented sample." type:"existingfile" required:"" placeholder:"FILE"`
}

// Run opens the house and serves until it is told to stop.
func (c *serveCmd) Run(ctx context.Context, std streams) error {
	cfg, err := readConfig(c.Config)
	if err != nil {
		return &exit{2, err}
	}
	h, err := openHouse(ctx, cfg, 0, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	return h.serve(ctx, nil, func(net.Addr) error { return nil })
}

// patience is how long a stop waits for requests under way.
const patience = 10 * time.Second

// serve answers on both addresses until ctx ends; all listens when it calls
// announce. A socket that is open already stands for the configured address.
func (h *house) serve(ctx context.Context, open net.Listener, announce func(admin net.Addr) error) error {
	front, err := h.front(ctx)
	if err != nil {
		return err
	}
	listener, err := h.listen(ctx, open)
	if err != nil {
		return err
	}
	defer listener.Close()
	adminListener, err := net.Listen("tcp", h.cfg.Admin)
	if err != nil {
		return fmt.Errorf("listen for admin: %w", err)
	}
	defer adminListener.Close()
	door := gateway.NewServer(front, h.log)
	admin := &http.Server{Handler: h.admin(), ReadHeaderTimeout: 5 * time.Second}
	failed := make(chan error, 3)
	decisions, err := h.serveDecisions(failed)
	if err != nil {
		return err
	}
	defer decisions()
	go func() { failed <- door.Serve(listener) }()
	go func() { failed <- admin.Serve(adminListener) }()
	if err := h.record(ctx, "privet.start"); err != nil {
		return err
	}
	if err := h.keepRules(ctx); err != nil {
		return err
	}
	h.log.Info("serving", "listen", listener.Addr().String(), "admin", adminListener.Addr().String())
	if err := announce(adminListener.Addr()); err != nil {
		return err
	}
	ctx, settled := context.WithCancel(ctx)
	var reloads sync.WaitGroup
	reloads.Go(func() { h.followReloads(ctx) })
	notes, noted := context.WithCancel(context.WithoutCancel(ctx))
	var noting sync.WaitGroup
	noting.Go(func() { h.shareNotes(notes) })
	select {
	case <-ctx.Done():
		err = nil
	case err = <-failed:
	}
	settled()
	reloads.Wait()
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if door.Shutdown(stop) != nil {
		_ = door.Close()
	}
	noted()
	noting.Wait()
	_ = admin.Close()
	return errors.Join(err, h.record(stop, "privet.stop"))
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
		writeTools(w, h.live.tools.Health())
	})
	mux.HandleFunc("GET /unclassified", func(w http.ResponseWriter, r *http.Request) {
		list, err := h.inForce().policy.Noted(r.Context())
		if err != nil {
			http.Error(w, "unclassified paths cannot be read; see the log", http.StatusServiceUnavailable)
			h.log.Error("unclassified paths not read", "error", err)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(list)
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.telemetry.registry, promhttp.HandlerOpts{}))
	return mux
}
