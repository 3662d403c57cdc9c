package keeper_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// What a backup of the database and a snapshot of Vault can and cannot bring
// back after the end of an epoch.
func TestVaultSnapshots(t *testing.T) {
	s := keepertest.StartVault(t)
	mount := s.Mount(t)
	k := keepertest.OpenVault(t, s.Config(t, mount))
	ctx := t.Context()
	plain := []keeper.Item{{Context: []byte("erased"), Bytes: []byte("the erased person's key")}, {Context: []byte("survivor"), Bytes: []byte("another's key")}}
	wrapped, err := k.Wrap(ctx, 9, plain)
	if err != nil {
		t.Fatal(err)
	}
	backup := []keeper.Item{{Context: plain[0].Context, Bytes: wrapped[0]}, {Context: plain[1].Context, Bytes: wrapped[1]}}
	before := s.Snapshot(t)

	if _, err := k.Rotate(ctx, 9); err != nil {
		t.Fatal(err)
	}
	moved, err := k.Rewrap(ctx, 9, backup[1:])
	if err != nil {
		t.Fatal(err)
	}
	if err := k.Trim(ctx, 9); err != nil {
		t.Fatal(err)
	}
	after := s.Snapshot(t)
	retired := func(when string) {
		t.Helper()
		keepertest.Eventually(t, func() error { return k.Health(ctx) })
		if _, err := k.Unwrap(ctx, 9, backup[:1]); !errors.Is(err, keeper.ErrGone) {
			t.Errorf("%s: the erased key answers %v, want ErrGone", when, err)
		}
		got, err := k.Unwrap(ctx, 9, []keeper.Item{{Context: plain[1].Context, Bytes: moved[0]}})
		if err != nil || !bytes.Equal(got[0], plain[1].Bytes) {
			t.Errorf("%s: the survivor's key: %v", when, err)
		}
	}
	retired("a database restored from before the erasure")
	s.Restore(t, after)
	retired("Vault restored from after the trim")

	// The limit, which the certificate of erasure and deploy/README state: a
	// snapshot of Vault from before the trim holds the old version. It must have
	// expired before copies count as destroyed.
	s.Restore(t, before)
	keepertest.Eventually(t, func() error { return k.Health(ctx) })
	if got, err := k.Unwrap(ctx, 9, backup[:1]); err != nil || !bytes.Equal(got[0], plain[0].Bytes) {
		t.Errorf("Vault restored from before the trim: %v; if this no longer opens, deploy/README may promise more", err)
	}
}
