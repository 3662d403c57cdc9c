package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway"
)

// front is what the TLS address serves: each of Privet's own hosts, and the
// gateway for every other, which knows the tools' hosts and refuses the rest.
func (h *house) front() (http.Handler, error) {
	assertions, err := gateway.NewAssertions(context.Background(), gateway.AssertionConfig{Seed: h.keeper.MACKey, Issuer: h.cfg.at(h.cfg.Hosts.Desk).String()})
	if err != nil {
		return nil, fmt.Errorf("open assertions: %w", err)
	}
	door, err := gateway.New(gateway.Config{Tools: h.tools(), Policy: h.policy, Trail: h.trail, Door: h.door, Scan: h.scan,
		Assertions: assertions, Desk: h.cfg.at(h.cfg.Hosts.Desk), Logger: h.log})
	if err != nil {
		return nil, err
	}
	h.onClose(func() { _ = door.Close() })
	hosts, err := h.own()
	if err != nil {
		return nil, err
	}
	hosts[h.cfg.Hosts.Desk] = h.withAPIs(assertions, hosts[h.cfg.Hosts.Desk])
	if err := h.mountPrivacy(hosts); err != nil {
		return nil, err
	}
	tools, err := h.telemetry.watched("tools", door)
	if err != nil {
		return nil, err
	}
	return h.threshold(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if own := hosts[strings.ToLower(host)]; own != nil {
			own.ServeHTTP(w, r)
			return
		}
		tools.ServeHTTP(w, r)
	})), nil
}

// withAPIs adds what programs want of the desk: the keys by which tools verify
// who an agent is, and redaction.
func (h *house) withAPIs(keys, desk http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/redact", h.redactAPI)
	mux.Handle("GET /.well-known/jwks.json", keys)
	mux.Handle("/", desk)
	return mux
}

func (h *house) tools() []gateway.Tool {
	var tools []gateway.Tool
	for _, t := range h.cfg.Tools {
		upstream, _ := url.Parse(t.Upstream) // the configuration was checked
		tools = append(tools, gateway.Tool{Name: t.Name, Host: t.Host, Upstream: upstream, Origins: t.Origins})
	}
	return tools
}

// tls follows the certificate's files.
func (h *house) tls(ctx context.Context) (*tls.Config, error) {
	certs, err := gateway.OpenCertificates([]gateway.Pair{{Certificate: h.cfg.TLS.Certificate, Key: h.cfg.TLS.Key}}, h.log)
	if err != nil {
		return nil, err
	}
	go certs.Follow(ctx, 10*time.Second)
	return certs.TLS(h.cfg.TLS.TLS12, h.tools()), nil
}

// record writes an act of the process itself.
func (h *house) record(ctx context.Context, kind string) error {
	_, err := h.trail.Append(ctx, audit.Event{Kind: kind, Outcome: "done", Bundle: h.policy.Bundle()})
	return err
}
