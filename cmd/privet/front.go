package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/gateway"
	"github.com/privet-gateway/privet/mfa"
)

// front is what the TLS address serves: each of Privet's own hosts, and the
// gateway for every other, which knows the tools' hosts and refuses the rest.
func (h *house) front(ctx context.Context) (http.Handler, error) {
	var err error
	h.assertions, err = gateway.NewAssertions(ctx, gateway.AssertionConfig{Seed: h.keeper.MACKey, Issuer: h.cfg.at(h.cfg.Hosts.Desk).String()})
	if err != nil {
		return nil, fmt.Errorf("open assertions: %w", err)
	}
	h.strangers = gateway.NewStrangers(h.cfg.Limits.Refusals)
	h.settleRules(ctx)
	h.settleScan(ctx)
	h.offices = map[string]http.Handler{}
	if err := h.mountPrivacy(h.offices); err != nil {
		return nil, err
	}
	if err := h.takeOver(ctx); err != nil {
		return nil, err
	}
	h.onClose(func() { h.live.renew(); _ = h.live.tools.Close() })
	if err := h.telemetry.tools(h.live.tools.Health); err != nil {
		return nil, err
	}
	if err := h.telemetry.trail(h.trail.Lanes); err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*h.live.front.Load()).ServeHTTP(w, r) }), nil
}

// inside is the front by one configuration.
func (h *house) inside() (http.Handler, error) {
	hosts, err := h.own()
	if err != nil {
		return nil, err
	}
	hosts[h.cfg.Hosts.Desk] = h.withAPIs(h.assertions, hosts[h.cfg.Hosts.Desk])
	for host, office := range h.offices {
		hosts[host] = office
	}
	for host, own := range hosts {
		hosts[host] = h.strangers.Spare(own, comesFrom, h.knows)
	}
	tools, err := h.telemetry.watched("tools", &h.live.tools)
	if err != nil {
		return nil, err
	}
	return h.believing(h.threshold(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, err := net.SplitHostPort(r.Host)
		if err != nil {
			host = r.Host
		}
		if own := hosts[strings.ToLower(host)]; own != nil {
			own.ServeHTTP(w, r)
			return
		}
		tools.ServeHTTP(w, r)
	}))), nil
}

// believing has requests come from where a trusted proxy says they do: whoever
// counts by address behind it counts people, not the proxy.
func (h *house) believing(next http.Handler) http.Handler {
	proxies, _ := addresses("proxies.trusted", h.cfg.Proxies.Trusted) // checked when it was read
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if from := gateway.Address(r, proxies); from != comesFrom(r) && from != "" {
			r = r.WithContext(r.Context())
			r.RemoteAddr = net.JoinHostPort(from, "0")
		}
		next.ServeHTTP(w, r)
	})
}

// comesFrom is the address that believing has settled.
func comesFrom(r *http.Request) string { return gateway.Address(r, nil) }

// knows says whether a request carries a session.
func (h *house) knows(r *http.Request) bool {
	_, err := h.door.Session(mfa.Background(mfa.AtHost(r.Context(), r.Host)), mfa.TokenOf(r))
	return err == nil
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

// listen opens the address of the front; open already stands for it, if not nil.
func (h *house) listen(ctx context.Context, open net.Listener) (net.Listener, error) {
	protocol, err := addresses("proxies.protocol", h.cfg.Proxies.Protocol)
	if err != nil {
		return nil, err
	}
	return gateway.Listen(ctx, gateway.ListenConfig{Address: h.cfg.Listen, Open: open, Connections: h.cfg.Limits.Connections, Spares: h.trusts, ProxyProtocol: protocol,
		TLS: &tls.Config{GetConfigForClient: h.handshake}})
}

// trusts says whether a peer is a proxy that speaks for many.
func (h *house) trusts(peer netip.Addr) bool {
	proxies, _ := addresses("proxies.trusted", h.inForce().cfg.Proxies.Trusted) // checked when it was read
	return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(peer) })
}

// handshake is one by the configuration in force.
func (h *house) handshake(hello *tls.ClientHelloInfo) (*tls.Config, error) {
	now := h.live.tls.Load()
	if now.GetConfigForClient != nil {
		if own, err := now.GetConfigForClient(hello); own != nil || err != nil {
			return own, err
		}
	}
	return now, nil
}

// serveDecisions answers other proxies' questions, where the configuration lets any ask.
func (h *house) serveDecisions(failed chan<- error) (stop func(), err error) {
	c := h.cfg.ForwardAuth
	if c == nil {
		return func() {}, nil
	}
	peers, err := addresses("forward_auth.peers", c.Peers)
	if err != nil {
		return nil, err
	}
	handler, err := h.telemetry.watched("forward_auth", h.live.tools.ForwardAuth(peers))
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen for forward_auth: %w", err)
	}
	h.log.Info("answering proxies", "listen", listener.Addr().String())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute}
	go func() { failed <- server.Serve(listener) }()
	return func() { _ = server.Close() }, nil
}

// record writes an act of the process itself.
func (h *house) record(ctx context.Context, kind string) error {
	_, err := h.trail.Append(ctx, audit.Event{Kind: kind, Outcome: "done", Bundle: h.inForce().policy.Bundle()})
	return err
}
