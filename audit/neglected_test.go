package audit_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// An export whose beginning lost its end is refused, in words.
func TestShortPartIsRefused(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	appendMany(t, tr, 5_200)
	name := filepath.Join(t.TempDir(), "out.zip")
	if _, err := interrupted(t, tr, name, false, audit.Filter{}, 5); !errors.Is(err, context.Canceled) {
		t.Fatalf("first run: %v", err)
	}
	if err := os.Truncate(filepath.Join(name+".partial", evidence.EntriesFile), 10); err != nil {
		t.Fatal(err)
	}
	if _, err := tr.ExportFile(context.Background(), name, false, "officer", audit.Filter{}, nil); err == nil || !strings.Contains(err.Error(), "shorter than it was") {
		t.Errorf("gone on: %v", err)
	}
}

// A trail that was edited is refused at every start, not only at the first: the
// lane whose check failed is given back, and no new one is begun beside it.
func TestBrokenLaneIsFoundAtEveryStart(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience}
		tr := openTrail(t, cfg)
		mustAppend(t, tr, view("cust_1"))
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		audit.Exec(t, db, "UPDATE trail_entries SET leaf = $1 WHERE idx = 0", []byte(`{"time":"2026-01-01T00:00:00.000000Z","kind":"x"}`))
		for start := range 3 {
			if tr, err := audit.Open(t.Context(), cfg); !errors.Is(err, audit.ErrBroken) {
				t.Errorf("start %d: %v", start+1, err)
				if err == nil {
					_ = tr.Close()
				}
			}
		}
	})
}

// Who was erased is in the ledger, even if the ledger could not be written then.
func TestLedgerIsCaughtUp(t *testing.T) {
	db := storetest.Open(t, store.SQLite, audit.Schema())
	k := localKeeper(t)
	dir := filepath.Join(t.TempDir(), "elsewhere")
	cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Ledger: filepath.Join(dir, "erased")}
	cfg.Origin = origin
	if tr, err := audit.Open(t.Context(), cfg); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("opened without the ledger's directory: %v %v", tr, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	tr := openTrail(t, cfg)
	mustAppend(t, tr, view("cust_1"))
	tag, err := tr.Tag(t.Context(), "cust_1")
	if err == nil {
		err = os.RemoveAll(dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tr.Erase(t.Context(), "cust_1"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("erase without the ledger's directory: %v", err)
	}
	if c, err := tr.Certificate(t.Context(), tag); err != nil || c.Receipt != "" {
		t.Errorf("certified without the ledger: %+v %v", c, err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := audit.FinishErasures(t.Context(), tr, time.Now()); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(cfg.Ledger); err != nil || strings.TrimSpace(string(text)) != tag {
		t.Errorf("the ledger holds %q, want %s (%v)", text, tag, err)
	}
}

// An erasure that comes after another of the same person, and after a new key of
// theirs, must not take the new key's row and leave its other half.
func TestLateErasureLeavesTheNewKeyWhole(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		cfg := audit.Config{Store: db, Signer: k, Wrapper: k}
		tr := openTrail(t, cfg)
		mustAppend(t, tr, view("cust_1"))
		late, err := audit.LookUp(t.Context(), tr, "cust_1")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Erase(t.Context(), "cust_1"); err != nil {
			t.Fatal(err)
		}
		r := mustAppend(t, tr, view("cust_1"))
		if err := late(); !errors.Is(err, audit.ErrErased) {
			t.Errorf("the late erasure: %v", err)
		}
		if _, err := tr.Erase(t.Context(), "cust_1"); err != nil {
			t.Errorf("erase the new key: %v", err)
		}
		if e, err := tr.Entry(t.Context(), r); err != nil || len(e.Erased) != 1 || len(e.Event.Personal) > 0 {
			t.Errorf("after all erasures: %+v %v", e, err)
		}
	})
}

// A pruning that takes long, here because a row it must delete is held, keeps no
// checkpoint waiting.
func TestPruningBesideCheckpoints(t *testing.T) {
	db := storetest.Open(t, store.PostgreSQL, audit.Schema())
	exec := func(tx *sql.Tx, statement string) error {
		_, err := tx.ExecContext(t.Context(), statement)
		return err
	}
	k := localKeeper(t)
	before := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
	mustAppend(t, before, audit.Event{Kind: "view.intent"})
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.Write(t.Context(), func(tx *sql.Tx) error { return exec(tx, "INSERT INTO trail_words (lane, word, n) VALUES (1, '', -1)") }); err != nil {
		t.Fatal(err)
	}
	err := db.Write(store.Patient(t.Context(), time.Minute), func(tx *sql.Tx) error {
		if err := exec(tx, "UPDATE trail_words SET n = -2 WHERE n = -1"); err != nil {
			return err
		}
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Retention: time.Hour, Checkpoint: 50 * time.Millisecond})
		time.Sleep(500 * time.Millisecond) // in which the pruning comes to it
		mustAppend(t, tr, audit.Event{Kind: "view.intent"})
		eventually(t, "a checkpoint beside a pruning", func() bool {
			lanes, err := tr.Lanes(t.Context())
			return err == nil && lanes[0].Size > 1 && lanes[0].Covered == lanes[0].Size
		})
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// Tiles that are switched on late begin with what retention has left, and what it
// takes later goes from them too; the hashes stay.
func TestTilesFollowRetention(t *testing.T) {
	clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
	k := localKeeper(t)
	db := storetest.Open(t, store.SQLite, audit.Schema())
	cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Clock: clock.now}
	fill := func(tr *audit.Trail, n int) {
		for i := range n {
			clock.add(time.Second)
			mustAppend(t, tr, audit.Event{Kind: "view.intent", Request: fmt.Sprint(i)})
		}
		if err := tr.Checkpoint(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	tr := openTrail(t, cfg)
	fill(tr, 600)
	if _, err := tr.Prune(t.Context(), clock.now().Add(-300*time.Second)); err != nil {
		t.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		t.Fatal(err)
	}
	cfg.Tiles, cfg.WitnessGap = t.TempDir(), 10*time.Millisecond
	tr = openTrail(t, cfg)
	fill(tr, 10)
	there := func(name string) bool {
		_, err := os.Stat(filepath.Join(cfg.Tiles, "1", "tile", filepath.FromSlash(name)))
		return err == nil
	}
	eventually(t, "tiles after a pruning", func() bool { return there("0/001") && there("entries/001") })
	if !there("0/000") || there("entries/000") {
		t.Errorf("hashes there: %v; pruned entries there: %v", there("0/000"), there("entries/000"))
	}
	if _, err := tr.Prune(t.Context(), clock.now().Add(-20*time.Second)); err != nil {
		t.Fatal(err)
	}
	if !there("0/001") || there("entries/001") {
		t.Errorf("hashes there: %v; pruned entries there: %v", there("0/001"), there("entries/001"))
	}
}

// A keeper that was restored from too old a copy makes nobody look erased: the
// door stays closed until the right copy is back, and nothing is lost then.
func TestOldKeeperErasesNobody(t *testing.T) {
	ctx := t.Context()
	db := storetest.Open(t, store.SQLite, audit.Schema())
	dir := t.TempDir()
	file, kept := filepath.Join(dir, "keeper.json"), filepath.Join(dir, "kept.json")
	with := func(use func(k *keeper.Local, tr *audit.Trail)) {
		t.Helper()
		k, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: file, Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
		if err != nil {
			t.Fatal(err)
		}
		defer k.Close()
		tr, err := audit.Open(ctx, audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		use(k, tr)
		if err := tr.Close(); err != nil {
			t.Error(err)
		}
	}
	var r audit.Receipt
	with(func(_ *keeper.Local, tr *audit.Trail) {
		r = mustAppend(t, tr, view("cust_1"))
		copyFile(t, file, kept)
		if _, err := tr.Retire(ctx, "olga", true, nil); err != nil {
			t.Fatal(err)
		}
	})
	newest := filepath.Join(dir, "newest.json")
	copyFile(t, file, newest)
	if err := os.Rename(kept, file); err != nil {
		t.Fatal(err)
	}
	with(func(_ *keeper.Local, tr *audit.Trail) {
		if _, err := tr.Append(ctx, view("cust_1")); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("append: %v, want ErrClosed", err)
		}
		if e, err := tr.Entry(ctx, r); err == nil {
			t.Errorf("the entry is shown as of an erased person: %+v", e)
		}
	})
	if err := os.Rename(newest, file); err != nil {
		t.Fatal(err)
	}
	with(func(_ *keeper.Local, tr *audit.Trail) {
		if e, err := tr.Entry(ctx, r); err != nil || e.Event.Personal["phone"] == "" {
			t.Errorf("with the right keeper: %+v, %v", e, err)
		}
		mustAppend(t, tr, view("cust_1"))
	})
}
