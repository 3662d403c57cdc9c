package keeper_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// A keeper that only knows a standby's address: the standby forwards, or sends
// the caller on, and is as good as the active node while there is one.
func TestVaultStandby(t *testing.T) {
	active := keepertest.StartVault(t)
	standby := active.Standby(t)
	if code := standby.HealthCode(t); code != http.StatusTooManyRequests {
		t.Fatalf("the second node's health is %d, want 429: it is no standby", code)
	}
	mount := active.Mount(t)
	cfg := active.Config(t, mount)
	cfg.CAFile = trustBoth(t, active, standby)
	cfg.Address = standby.Address

	t.Run("forwards", func(t *testing.T) { wrapsAndSigns(t, keepertest.OpenVault(t, cfg)) })
	t.Run("sends on", func(t *testing.T) {
		sent := new(atomic.Int64)
		wrapsAndSigns(t, keepertest.OpenVault(t, unforwarded(t, cfg, sent)))
		if sent.Load() == 0 {
			t.Error("nothing was sent on, so nothing is proven")
		}
	})
	t.Run("quota", func(t *testing.T) {
		k := keepertest.OpenVault(t, cfg)
		active.Admin(t, "POST", "sys/quotas/rate-limit/tight", map[string]any{"path": mount + "/", "rate": 1, "interval": "1h"})
		var err error
		for range 3 {
			_, err = k.MACKey(t.Context(), "tokens")
		}
		if !errors.Is(err, keeper.ErrBusy) {
			t.Errorf("over quota: %v, want ErrBusy", err)
		}
		active.Admin(t, "DELETE", "sys/quotas/rate-limit/tight", nil)
		keepertest.Eventually(t, func() error { return k.Health(t.Context()) })
	})
	t.Run("faults", func(t *testing.T) {
		k := keepertest.OpenVault(t, cfg)
		for _, fault := range []struct {
			name      string
			out, back func()
			want      error
		}{
			{"standby sealed", func() { standby.Kill(t); standby.RestartSealed(t) }, func() { standby.Unseal(t) }, keeper.ErrSealed},
			{"standby frozen", func() { standby.Freeze(t) }, func() { standby.Thaw(t) }, keeper.ErrDown},
			{"no active node", func() { active.Kill(t) }, func() { active.Restart(t) }, keeper.ErrDown},
		} {
			fault.out()
			for range 3 {
				if _, err := k.MACKey(t.Context(), "tokens"); !errors.Is(err, fault.want) {
					t.Errorf("%s: %v, want %v", fault.name, err, fault.want)
				}
				if err := k.Health(t.Context()); !errors.Is(err, fault.want) {
					t.Errorf("%s: health %v, want %v", fault.name, err, fault.want)
				}
			}
			fault.back()
			keepertest.Eventually(t, func() error { return k.Health(t.Context()) })
			works(t, k)
		}
	})
	t.Run("change of roles", func(t *testing.T) {
		k := keepertest.OpenVault(t, cfg)
		active.AwaitVote(t)
		first := active
		if active.HealthCode(t) != http.StatusOK {
			first = standby
		}
		first.Admin(t, "PUT", "sys/step-down", nil)
		keepertest.Eventually(t, func() error {
			_, err := k.MACKey(t.Context(), "tokens")
			return err
		})
		wrapsAndSigns(t, k)
	})
}

func wrapsAndSigns(t *testing.T, k keeper.Keeper) {
	t.Helper()
	plain := []keeper.Item{{Context: []byte("row-1"), Bytes: []byte("a data key")}}
	wrapped, err := k.Wrap(t.Context(), 3, plain)
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Unwrap(t.Context(), 3, []keeper.Item{{Context: plain[0].Context, Bytes: wrapped[0]}})
	if err != nil || string(got[0]) != "a data key" {
		t.Errorf("unwrapped %q, %v", got, err)
	}
	if _, _, err := k.Sign(t.Context(), []byte("a head")); err != nil {
		t.Error(err)
	}
	if err := k.Health(t.Context()); err != nil {
		t.Error(err)
	}
}

// trustBoth is a file with the certificates of both nodes.
func trustBoth(t *testing.T, nodes ...*keepertest.VaultServer) string {
	t.Helper()
	var both []byte
	for _, node := range nodes {
		raw, err := os.ReadFile(node.CAFile)
		if err != nil {
			t.Fatal(err)
		}
		both = append(both, raw...)
	}
	name := filepath.Join(t.TempDir(), "both.pem")
	if err := os.WriteFile(name, both, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// unforwarded puts something in front of the node that forbids it to forward:
// then Vault answers 307 with the active node's address. sent counts those.
func unforwarded(t *testing.T, cfg keeper.VaultConfig, sent *atomic.Int64) keeper.VaultConfig {
	t.Helper()
	to, err := url.Parse(cfg.Address)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := os.ReadFile(cfg.CAFile)
	pool := x509.NewCertPool()
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.Header.Set("X-Vault-No-Request-Forwarding", "true")
		},
		ModifyResponse: func(resp *http.Response) error {
			if resp.StatusCode == http.StatusTemporaryRedirect {
				sent.Add(1)
			}
			return nil
		},
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}},
	})
	server.StartTLS()
	t.Cleanup(server.Close)
	cfg.Address, cfg.CAFile = server.URL, filepath.Join(t.TempDir(), "ca.pem")
	front := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(cfg.CAFile, append(raw, front...), 0o600); err != nil {
		t.Fatal(err)
	}
	return cfg
}

// Every code of sys/health. Most need an Enterprise cluster to be seen, so here
// a stand-in gives them, in front of a real node that does the rest.
func TestVaultHealthCodes(t *testing.T) {
	s := keepertest.StartDevVault(t)
	to, err := url.Parse(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	var code atomic.Int64
	real := httputil.NewSingleHostReverseProxy(to)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/v1/sys/health" {
			w.WriteHeader(int(code.Load()))
			return
		}
		real.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	cfg := s.Config(t, s.Mount(t))
	cfg.Address = front.URL
	for _, c := range []struct {
		code int64
		want error
	}{
		{200, nil},
		{429, nil},            // standby
		{473, nil},            // performance standby
		{472, keeper.ErrDown}, // disaster recovery secondary
		{474, keeper.ErrDown}, // standby that cannot reach the active node
		{501, keeper.ErrSealed},
		{503, keeper.ErrSealed},
		{530, keeper.ErrDown}, // removed from the cluster
		{500, keeper.ErrDown},
	} {
		code.Store(c.code)
		k, err := keeper.OpenVault(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := k.Health(t.Context()); !errors.Is(err, c.want) {
			t.Errorf("%d: %v, want %v", c.code, err, c.want)
		}
		code.Store(200)
		keepertest.Eventually(t, func() error { return k.Health(t.Context()) })
		k.Close()
	}
}
