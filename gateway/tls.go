package gateway

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// curves: hybrid post-quantum first (RFC 9794 names the kind), both sides.
func curves() []tls.CurveID {
	return []tls.CurveID{tls.X25519MLKEM768, tls.X25519, tls.CurveP256}
}

// aead are the TLS 1.2 suites that do not rest on CBC or RSA key transport.
func aead() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// hardened keeps what was configured, without the suites and curves that a
// configuration forgot to leave out.
func hardened(given *tls.Config) *tls.Config {
	cfg := given.Clone()
	cfg.MinVersion = max(cfg.MinVersion, tls.VersionTLS12)
	cfg.CipherSuites, cfg.CurvePreferences = aead(), curves()
	return cfg
}

// clientTLS is the side towards a tool: what was configured, never below 1.2.
func clientTLS(given *tls.Config) *tls.Config {
	if given == nil {
		given = &tls.Config{}
	}
	return hardened(given)
}

// Pair names a certificate's files, in PEM.
type Pair struct{ Certificate, Key string }

// Certificates serves certificates from files and follows them: a renewed pair
// is used by the next handshake, a broken one is reported and not used.
type Certificates struct {
	pairs []Pair
	held  atomic.Pointer[held]
	log   *slog.Logger
}

type held struct {
	certs   []*tls.Certificate
	written [][2]time.Time // when each certificate and its key were, as of before they were read
}

// OpenCertificates reads every pair once, and fails if one cannot be used.
func OpenCertificates(pairs []Pair, log *slog.Logger) (*Certificates, error) {
	if len(pairs) == 0 {
		return nil, errors.New("open certificates: none is named")
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	c := &Certificates{pairs: pairs, log: log}
	if err := c.Reload(); err != nil {
		return nil, fmt.Errorf("open certificates: %w", err)
	}
	return c, nil
}

// Reload reads all pairs; on an error the ones in use stay in use.
func (c *Certificates) Reload() error {
	next := &held{}
	for _, p := range c.pairs {
		written := p.written()
		cert, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
		if err != nil {
			return fmt.Errorf("read %s: %w", p.Certificate, err)
		}
		next.certs, next.written = append(next.certs, &cert), append(next.written, written)
	}
	c.held.Store(next)
	return nil
}

func (p Pair) written() (at [2]time.Time) {
	for i, name := range [...]string{p.Certificate, p.Key} {
		if st, err := os.Stat(name); err == nil {
			at[i] = st.ModTime()
		}
	}
	return at
}

// Follow looks at the files every interval until ctx ends.
func (c *Certificates) Follow(ctx context.Context, interval time.Duration) {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if !c.stale() {
				continue
			}
			if err := c.Reload(); err != nil {
				c.log.Error("certificate not renewed", "error", err)
			}
		}
	}
}

func (c *Certificates) stale() bool {
	now := c.held.Load()
	for i, p := range c.pairs {
		if p.written() != now.written[i] {
			return true
		}
	}
	return false
}

// get picks the first certificate that fits the name a client asked for.
func (c *Certificates) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certs := c.held.Load().certs
	for _, cert := range certs {
		if hello.SupportsCertificate(cert) == nil {
			return cert, nil
		}
	}
	return certs[0], nil
}

// TLS is the side towards agents: 1.3, and 1.2 with AEAD suites only if asked
// for. A tool that wants client certificates gets them on its own name.
func (c *Certificates) TLS(allow12 bool, tools []Tool) *tls.Config {
	cfg := hardened(&tls.Config{GetCertificate: c.get, MinVersion: tls.VersionTLS13, NextProtos: []string{"h2", "http/1.1"}})
	if allow12 {
		cfg.MinVersion = tls.VersionTLS12
	}
	byName := map[string]*tls.Config{}
	for _, t := range tools {
		if t.Callers != nil {
			own := cfg.Clone()
			own.ClientCAs, own.ClientAuth = t.Callers, tls.RequireAndVerifyClientCert
			byName[canonicalHost(t.Host)] = own
		}
	}
	if len(byName) > 0 {
		cfg.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
			return byName[canonicalHost(hello.ServerName)], nil // nil: the common one
		}
	}
	return cfg
}
