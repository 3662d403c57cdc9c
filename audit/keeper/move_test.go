package keeper_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"path/filepath"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

func TestMoveKeys(t *testing.T) {
	ctx := t.Context()
	dir := t.TempDir()
	local := openLocal(t, keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
	message := []byte("a checkpoint from before")
	old, _, err := local.Sign(ctx, message)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := local.RotateSign(ctx); err != nil {
			t.Fatal(err)
		}
	}
	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	for _, name := range []string{"mac", "sign"} { // as setup --migrate leaves them out
		s.Admin(t, "POST", mount+"/keys/"+name+"/config", map[string]any{"deletion_allowed": true})
		s.Admin(t, "DELETE", mount+"/keys/"+name, nil)
	}
	cfg := s.Config(t, mount)
	gateway := keepertest.OpenVault(t, cfg)
	if err := keeper.MoveKeys(ctx, local, gateway); !errors.Is(err, keeper.ErrDenied) {
		t.Fatalf("moved with a gateway's rights: %v", err)
	}
	cfg.Auth.TokenFile = s.TokenFile(t, mount, "migrate")
	mover := keepertest.OpenVault(t, cfg)
	for range 2 { // the second time finds it done
		if err := keeper.MoveKeys(ctx, local, mover); err != nil {
			t.Fatal(err)
		}
	}
	keys, err := gateway.PublicKeys(ctx)
	if err != nil || len(keys) != 3 || !ed25519.Verify(keys[0].Ed25519, message, old) {
		t.Errorf("what was signed before does not verify after: %v", err)
	}
	mine, err := local.SignAs(ctx, 2, message)
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := gateway.SignAs(ctx, 2, message)
	if err != nil || !bytes.Equal(mine, theirs) {
		t.Errorf("version 2 signs otherwise after the move: %v", err)
	}
	if v, err := gateway.RotateSign(ctx); err != nil || v != 4 {
		t.Errorf("rotate a moved key: version %d, %v", v, err)
	}
	if err := s.Call(s.As(s.RootToken), "GET", mount+"/export/signing-key/sign", nil, nil); err == nil {
		t.Error("a moved key can be exported")
	}
	// Another keeper's keys are not taken for ours.
	other := openLocal(t, keeper.LocalConfig{Path: filepath.Join(dir, "other.json"), Root: keeper.Root{File: filepath.Join(dir, "other.key")}, Create: true})
	if err := keeper.MoveKeys(ctx, other, mover); !errors.Is(err, keeper.ErrDenied) {
		t.Errorf("another keeper's keys over ours: %v, want ErrDenied", err)
	}
}
