package audit_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
)

// A whole trail moves from the local file to Vault: everybody is known as
// before, checkpoints verify under the same key, and an interrupted move locks
// the trail against both keepers until it is finished.
func TestTrailMovesToVault(t *testing.T) {
	s := keepertest.StartDevVault(t)
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		dir := t.TempDir()
		local, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		tr := openTrail(t, audit.Config{Store: db, Signer: local, Wrapper: local})
		before := mustAppend(t, tr, view("cust_42"))
		vkeys, err := tr.Vkeys(ctx)
		if err != nil {
			t.Fatal(err)
		}
		mount := s.Mount(t)
		for _, name := range []string{"mac", "sign"} {
			s.Admin(t, "POST", mount+"/keys/"+name+"/config", map[string]any{"deletion_allowed": true})
			s.Admin(t, "DELETE", mount+"/keys/"+name, nil)
		}
		cfg := s.Config(t, mount)
		cfg.Auth.TokenFile = s.TokenFile(t, mount, "gateway", "migrate")
		vault := keepertest.OpenVault(t, cfg)
		settle := func() error { return keeper.MoveKeys(ctx, local, vault) }
		if _, err := audit.Move(ctx, db, local, vault, time.Now, settle, nil); err == nil {
			t.Fatal("moved while the trail is open")
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}

		broken := &breaks{Wrapper: vault, left: 1}
		if _, err := audit.Move(ctx, db, local, broken, time.Now, settle, nil); !errors.Is(err, errBroke) {
			t.Fatalf("an interrupted move says %v", err)
		}
		if err := keeper.MoveKeys(ctx, local, vault); err != nil {
			t.Fatal(err)
		}
		for name, k := range map[string]keeper.Keeper{"local": local, "vault": vault} {
			if _, err := audit.Open(ctx, audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin}); !errors.Is(err, audit.ErrBroken) {
				t.Fatalf("half moved, the trail opens with the %s keeper: %v", name, err)
			}
		}
		moved, err := audit.Move(ctx, db, local, vault, time.Now, settle, nil)
		if err != nil || moved.Rows != 2 || moved.Lost != 0 {
			t.Fatalf("moved %+v, %v; want 2 rows", moved, err)
		}
		after := openTrail(t, audit.Config{Store: db, Signer: vault, Wrapper: vault})
		if e, err := after.Entry(ctx, before); err != nil || e.Event.Subjects[0] != "cust_42" || e.Event.Personal["phone"] == "" {
			t.Errorf("after the move the entry says %+v, %v", e, err)
		}
		mustAppend(t, after, view("cust_42"))
		if err := after.Checkpoint(ctx); err != nil {
			t.Error(err)
		}
		if now, err := after.Vkeys(ctx); err != nil || now[0] != vkeys[0] {
			t.Errorf("verifiers would need another key: %v, %v", now, err)
		}
	})
}

var errBroke = errors.New("broke off")

// breaks fails after some calls of Wrap.
type breaks struct {
	audit.Wrapper
	left int
}

func (b *breaks) Wrap(ctx context.Context, shard int, items []audit.Item) ([][]byte, error) {
	if b.left--; b.left < 0 {
		return nil, errBroke
	}
	return b.Wrapper.Wrap(ctx, shard, items)
}
