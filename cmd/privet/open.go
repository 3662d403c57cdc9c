package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
)

// openKeeper opens the keeper a configuration names. Local keys are made only
// where there are no records yet that would need the old ones.
func openKeeper(ctx context.Context, cfg *config, log *slog.Logger, t *telemetry) (keeper.Keeper, error) {
	if l := cfg.Keeper.Local; l != nil {
		file, embedded := strings.CutPrefix(cfg.Store, "sqlite:")
		_, err := os.Stat(file)
		return keeper.OpenLocal(ctx, l.open(embedded && errors.Is(err, os.ErrNotExist)))
	}
	v := cfg.Keeper.Vault
	observe, err := t.exchanges()
	if err != nil {
		return nil, err
	}
	return keeper.OpenVault(ctx, keeper.VaultConfig{Address: v.Address, Mount: v.Mount, Namespace: v.Namespace, CAFile: v.CA, Log: log, Observe: observe,
		Auth: keeper.VaultAuth{Method: v.Auth, Mount: v.AuthMount, Role: v.Role, RoleID: v.RoleID, SecretIDFile: v.SecretID,
			SecretIDWrapped: v.Wrapped, JWTFile: v.JWT, CertFile: v.Cert, KeyFile: v.Key, TokenFile: v.TokenFile, TokenEnv: v.TokenEnv}})
}

func (l *localKeeperConfig) open(create bool) keeper.LocalConfig {
	return keeper.LocalConfig{Path: l.File, Create: create, Root: keeper.Root{File: l.RootKey, Env: l.Passphrase, Credential: l.Credential}}
}

// openRecords opens the database with every owner's tables.
func (h *house) openRecords(ctx context.Context) (err error) {
	schemas := []store.Schema{audit.Schema(), rights.Schema(), mfa.Schema(), counterSchema()}
	if h.db, err = store.Open(ctx, store.Config{URL: h.cfg.Store, Schemas: schemas, Timeout: h.wait}); err != nil {
		return fmt.Errorf("open records: %w", err)
	}
	h.onClose(func() { _ = h.db.Close() })
	return nil
}

// openTrail opens the trail and writes down the key that verifiers need.
func (h *house) openTrail(ctx context.Context) (*audit.Trail, error) {
	c := h.cfg.Trail
	var witnesses []audit.Witness
	for _, w := range c.Witnesses {
		witnesses = append(witnesses, audit.Witness{URL: w.URL, Vkey: w.Key})
	}
	copies, err := h.openCopies()
	if err != nil {
		return nil, err
	}
	if h.wait > 0 {
		c.Retention = 0 // servers prune; a command does when it is told to
	}
	if h.cfg.rehearsal {
		c.Retention, c.Tiles, witnesses, copies = 0, "", nil, nil
	}
	trail, err := audit.Open(ctx, audit.Config{Store: h.db, Signer: h.keeper, Wrapper: h.keeper, Origin: c.Origin, Logger: h.log, Timeout: h.wait,
		Ledger: c.Erased, Lease: c.Lease, MaxLag: c.MaxLag, Retention: c.Retention, Tiles: c.Tiles, Witnesses: witnesses, Copies: copies})
	if err != nil {
		return nil, err
	}
	if err := h.writeTrailKey(ctx, trail); err != nil {
		return nil, errors.Join(err, trail.Close())
	}
	return trail, nil
}

// writeTrailKey writes down the keys that verifiers need now.
func (h *house) writeTrailKey(ctx context.Context, trail *audit.Trail) error {
	vkey, err := trail.VkeyFile(ctx)
	if err != nil {
		return fmt.Errorf("read the trail's public key: %w", err)
	}
	if there, err := os.ReadFile(h.cfg.Trail.Key); err == nil && string(there) == string(vkey) {
		return nil
	}
	writing := h.cfg.Trail.Key + ".writing" // a verifier beside us never reads half of it
	if err := os.WriteFile(writing, vkey, 0o644); err != nil {
		return fmt.Errorf("write the trail's public key: %w", err)
	}
	if err := os.Rename(writing, h.cfg.Trail.Key); err != nil {
		return fmt.Errorf("write the trail's public key: %w", err)
	}
	return nil
}

// openCounts opens what daily limits count, shared with the other replicas.
func (h *house) openCounts(ctx context.Context) error {
	key, err := h.keeper.MACKey(ctx, "limits")
	if err != nil {
		return fmt.Errorf("open daily limits: %w", err)
	}
	h.counts = newDayCounts(h.db, key, h.log)
	sharing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var shared sync.WaitGroup
	shared.Go(func() { h.counts.share(sharing) })
	h.onClose(func() { stop(); shared.Wait() })
	return nil
}

// followBundle opens the rules on a signed bundle and goes on following it.
func (h *house) followBundle(ctx context.Context, cfg policy.Config, b *bundleConfig) (*policy.Engine, error) {
	follow := policy.Follow{From: b.From, KeyID: b.KeyID, Keys: map[string]string{}, Algorithm: b.Algorithm, Officers: b.Officers, Keep: b.Keep, Every: b.Every,
		Changed: h.rulesChanged, Failed: h.rulesRefused}
	for id, file := range b.Keys {
		pem, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("read key %s of policy bundles: %w", id, err)
		}
		follow.Keys[id] = string(pem)
	}
	following, stop := context.WithCancel(context.WithoutCancel(ctx))
	h.onClose(stop)
	return policy.OpenBundle(following, cfg, follow)
}
