package mfa_test

import (
	"path/filepath"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
)

// After a move to another keeper an agent signs in with the same device, and
// the old keeper opens nothing any more.
func TestMoveToAnotherKeeper(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			keepers := make([]*keeper.Local, 2)
			for i := range keepers {
				dir := t.TempDir()
				k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"),
					Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
				if err != nil {
					t.Fatal(err)
				}
				keepers[i] = k
			}
			sealer := func(k *keeper.Local) func(*mfa.Config) { return func(c *mfa.Config) { c.Sealer = k } }
			url := storetest.URL(t, engine)
			before := open(t, url, 1, sealer(keepers[0]))
			before.add(t, "ana")
			before.doors[0].Close()
			for range 2 { // the second run finds it done
				moved, err := mfa.Move(t.Context(), before.dbs[0], keepers[0], keepers[1])
				if err != nil || moved < 2 {
					t.Fatalf("moved %d, %v; want a seed and a shared key at least", moved, err)
				}
			}
			if err := keepers[0].Close(); err != nil {
				t.Fatal(err)
			}
			after := open(t, url, 1, sealer(keepers[1]))
			after.signIn(t, "ana")
		})
	}
}
