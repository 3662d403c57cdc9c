package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway"
	"github.com/privet-gateway/privet/policy"
)

// live is what the servers hold on to while the configuration changes behind
// it. A request is answered by the configuration that it began under.
type live struct {
	tools gateway.Reloadable
	front atomic.Pointer[http.Handler]
	tls   atomic.Pointer[tls.Config]
	house atomic.Pointer[house]
	renew context.CancelFunc // of the certificates followed
}

// inForce is the house by the configuration in force.
func (h *house) inForce() *house {
	if now := h.live.house.Load(); now != nil {
		return now
	}
	return h
}

// reloadable are the keys that a running Privet takes anew. What the others
// name is open: connections, keys, records.
func reloadable(key string) bool {
	switch key {
	case "tools", "tls", "policy", "redact", "limits", "proxies":
		return true
	}
	return false
}

// fixed lists the keys that differ in another configuration but cannot change
// while Privet runs.
func (c *config) fixed(next *config) (keys []string) {
	was, is := reflect.ValueOf(c).Elem(), reflect.ValueOf(next).Elem()
	for i := range was.NumField() {
		key := was.Type().Field(i).Tag.Get("yaml")
		if key != "" && !reloadable(key) && !reflect.DeepEqual(was.Field(i).Interface(), is.Field(i).Interface()) {
			keys = append(keys, key)
		}
	}
	if c.Limits.Connections != next.Limits.Connections {
		keys = append(keys, "limits.connections")
	}
	if !reflect.DeepEqual(c.Proxies.Protocol, next.Proxies.Protocol) {
		keys = append(keys, "proxies.protocol")
	}
	if !reflect.DeepEqual(c.Policy.Bundle, next.Policy.Bundle) {
		keys = append(keys, "policy.bundle")
	}
	if !slices.Equal(c.Policy.Officers, next.Policy.Officers) { // nobody makes themselves one on the way
		keys = append(keys, "policy.officers")
	}
	return keys
}

// followReloads reads the configuration again at every SIGHUP until ctx ends. One
// that does not work is reported and changes nothing.
func (h *house) followReloads(ctx context.Context) {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangup:
		}
		outcome := "done"
		if err := h.reload(ctx); err != nil {
			outcome = "failed"
			h.log.Error("configuration not reloaded; the one before stays in force", "error", err)
		} else {
			h.log.Info("configuration reloaded", "tools", len(h.inForce().cfg.Tools))
		}
		now := h.inForce()
		if _, err := h.trail.Append(ctx, audit.Event{Kind: "privet.reload", Outcome: outcome, Bundle: now.policy.Bundle()}); err != nil {
			h.log.Error("reload not recorded", "error", err)
		}
	}
}

// reload puts the configuration's file in force, whole or not at all.
func (h *house) reload(ctx context.Context) error {
	cfg, err := readConfig(h.cfg.file)
	if err != nil {
		return err
	}
	if keys := h.cfg.fixed(cfg); len(keys) > 0 {
		return fmt.Errorf("%s: a change of %s needs a restart; mend it, or restart", cfg.file, strings.Join(keys, ", "))
	}
	next := *h.inForce()
	next.cfg = cfg
	var change policy.Activation
	if cfg.Policy.Bundle == nil {
		if change, err = next.succeed(ctx); err != nil {
			h.inForce().policy.Reject(err)
			h.rulesRefused(err)
			return err
		}
	}
	scan, err := next.succeedScan(ctx)
	if err != nil {
		h.inForce().policy.Reject(err)
		h.scanEvent(scan, err)
		return err
	}
	before := h.inForce().policy
	if err := next.takeOver(ctx); err != nil {
		return err
	}
	if before != next.policy {
		if err := before.FlushNotes(ctx); err != nil {
			h.log.Warn("unclassified paths not kept", "error", err)
		}
	}
	if scan.from != scan.to {
		h.scanEvent(scan, nil)
		if err := next.scanKept(ctx); err != nil {
			return err
		}
	}
	if change.From == change.To {
		return nil
	}
	h.rulesChanged(change)
	return next.policyKept(ctx)
}

// takeOver makes this house the one that serves: its tools, its pages, its
// certificates. Nothing changes unless all of it can be opened.
func (h *house) takeOver(ctx context.Context) error {
	certs, secure, err := h.certificates()
	if err != nil {
		return err
	}
	front, err := h.inside()
	if err != nil {
		return err
	}
	door, err := h.openTools()
	if err != nil {
		return err
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	go certs.Follow(following, 2*time.Second)
	if h.live.renew != nil {
		h.live.renew()
	}
	h.live.renew = stop
	h.door.Guard(h.guarded())
	h.live.tls.Store(secure)
	h.live.house.Store(h)
	h.live.front.Store(&front)
	return h.live.tools.Use(door)
}

// certificates reads those of the configuration.
func (h *house) certificates() (*gateway.Certificates, *tls.Config, error) {
	pairs := []gateway.Pair{{Certificate: h.cfg.TLS.Certificate, Key: h.cfg.TLS.Key}}
	for _, p := range h.cfg.TLS.More {
		pairs = append(pairs, gateway.Pair(p))
	}
	certs, err := gateway.OpenCertificates(pairs, h.log)
	if err != nil {
		return nil, nil, err
	}
	tools, err := h.cfg.tools()
	if err != nil {
		return nil, nil, err
	}
	return certs, certs.TLS(h.cfg.TLS.TLS12, tools), nil
}

// openTools opens the gateway to the configuration's tools.
func (h *house) openTools() (*gateway.Gateway, error) {
	tools, err := h.cfg.tools()
	trusted, wrong := addresses("proxies.trusted", h.cfg.Proxies.Trusted)
	if err = errors.Join(err, wrong); err != nil {
		return nil, err
	}
	l := h.cfg.Limits
	return gateway.New(gateway.Config{Tools: tools, Policy: h.policy, Trail: h.trail, Door: h.door, Scan: h.scan,
		Assertions: h.assertions, Desk: h.cfg.at(h.cfg.Hosts.Desk), TrustedProxies: trusted,
		Patience: l.Patience, Recheck: l.Recheck, Strangers: l.Refusals, PerAgent: l.PerAgent, Logger: h.log})
}
