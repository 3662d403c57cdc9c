package audit_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// The connection breaks inside COMMIT. What the server stored is acknowledged
// although the answer was lost; what it did not store is refused; either way
// the next entry has the next index.
func TestCutInCommitIsReadBack(t *testing.T) {
	for _, c := range []struct {
		when   string
		stored bool
	}{{"before", false}, {"after", true}} {
		t.Run(c.when, func(t *testing.T) {
			relay := storetest.NewRelay(t)
			db := storetest.OpenURL(t, relay.URL, audit.Schema())
			tr := openTrail(t, audit.Config{Store: db, Checkpoint: 1 << 40})
			mustAppend(t, tr, audit.Event{Kind: "start", Request: "first"})
			relay.CutCommit(c.when)
			r, err := tr.Append(context.Background(), audit.Event{Kind: "view.intent", Request: "cut"})
			if c.stored && (err != nil || r != "1.1") {
				t.Errorf("stored, but answered %q, %v", r, err)
			}
			if !c.stored && !errors.Is(err, audit.ErrClosed) {
				t.Errorf("not stored, but answered %q, %v", r, err)
			}
			want := audit.Receipt("1.1")
			if c.stored {
				want = "1.2"
			}
			if r := mustAppend(t, tr, audit.Event{Kind: "view.intent", Request: "next"}); r != want {
				t.Errorf("next entry is %s, want %s", r, want)
			}
			if r := verify(export(t, tr, audit.Filter{}), keysOf(t, tr)); r.Verdict != evidence.Verified {
				t.Errorf("%s %v", r.Line(), r.Findings)
			}
		})
	}
}

// A disk that hangs in COMMIT holds up nobody for longer than the trail's
// patience, and what was asked meanwhile is refused for good.
func TestHungDiskClosesTheDoor(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Timeout: 50 * time.Millisecond})
	release := tr.Hang()
	for range 3 {
		if _, err := tr.Append(t.Context(), audit.Event{Kind: "view.intent"}); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("append with a hung disk: %v", err)
		}
	}
	if err := tr.Ready(t.Context()); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("ready with a hung disk: %v", err)
	}
	release()
	for { // on a busy machine the short patience of this test may end first
		if _, err := tr.Append(t.Context(), audit.Event{Kind: "view.intent"}); err == nil {
			break
		} else if !errors.Is(err, audit.ErrClosed) {
			t.Fatal(err)
		}
	}
	if err := tr.Ready(t.Context()); err != nil {
		t.Errorf("ready after the disk came back: %v", err)
	}
}

// A database that hangs refuses at once, and serves again when it is back.
func TestHungDatabaseClosesTheDoor(t *testing.T) {
	relay := storetest.NewRelay(t)
	db, err := store.Open(context.Background(), store.Config{URL: relay.URL, Schemas: []store.Schema{audit.Schema()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	k := localKeeper(t)
	tr, err := audit.Open(context.Background(), audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	relay.Hang()
	for range 3 {
		if _, err := tr.Append(context.Background(), view("cust_1")); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("append to a hung database: %v", err)
		}
	}
	if err := tr.Ready(context.Background()); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("ready with a hung database: %v", err)
	}
	relay.Resume()
	back := time.Now()
	var stored error
	for range 50 { // connections that hang are given up one by one
		if _, stored = tr.Append(context.Background(), view("cust_1")); stored == nil {
			break
		}
	}
	if stored != nil {
		t.Errorf("after the database came back: %v", stored)
	}
	t.Logf("an entry is stored %v after the database came back", time.Since(back))
	if err := tr.Ready(context.Background()); err != nil {
		t.Errorf("ready again: %v", err)
	}
}

// A file system that is full and a database file that is gone close the door; it
// opens by itself when that is mended, and nothing acknowledged is lost.
func TestDoorOpensAgain(t *testing.T) {
	for _, c := range []struct {
		name       string
		size       int // of a file system of its own; 0: an ordinary directory
		harm, mend func(dir string) error
	}{
		{"full disk", 16 << 20, fill, func(dir string) error { return os.Remove(filepath.Join(dir, "filler")) }},
		{"file away", 0, func(dir string) error { return os.Rename(filepath.Join(dir, "privet.db"), filepath.Join(dir, "away")) },
			func(dir string) error { return os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "privet.db")) }},
		{"log away", 0, func(dir string) error {
			return os.Rename(filepath.Join(dir, "privet.db-wal"), filepath.Join(dir, "away"))
		},
			func(dir string) error {
				return os.Rename(filepath.Join(dir, "away"), filepath.Join(dir, "privet.db-wal"))
			}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if c.size > 0 {
				if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", c.size)); err != nil {
					if os.Getenv("CI") == "true" {
						t.Fatalf("no file system of its own: %v", err)
					}
					t.Skipf("no file system of its own without being root: %v; TestFileFaults injects ENOSPC", err)
				}
				t.Cleanup(func() { _ = syscall.Unmount(dir, syscall.MNT_DETACH) })
			}
			tr := openTrail(t, audit.Config{Store: storetest.OpenURL(t, "sqlite:"+filepath.Join(dir, "privet.db"), audit.Schema())})
			receipts := []audit.Receipt{mustAppend(t, tr, view("cust_1"))}
			if err := c.harm(dir); err != nil {
				t.Fatal(err)
			}
			big := audit.Event{Kind: "view.intent", Detail: map[string]string{"filler": strings.Repeat("x", 40_000)}}
			var refused error
			for range 50 {
				r, err := tr.Append(context.Background(), big)
				if refused = err; err != nil {
					break
				}
				receipts = append(receipts, r)
			}
			if !errors.Is(refused, audit.ErrClosed) {
				t.Fatalf("nothing is refused: %v", refused)
			}
			if err := tr.Ready(context.Background()); !errors.Is(err, audit.ErrClosed) {
				t.Errorf("ready: %v", err)
			}
			if err := c.mend(dir); err != nil {
				t.Fatal(err)
			}
			back := time.Now()
			keepertest.Eventually(t, func() error {
				r, err := tr.Append(context.Background(), view("cust_1"))
				receipts = append(receipts, r)
				return err
			})
			t.Logf("refused with %q; an entry is stored %v after the repair", refused, time.Since(back))
			for _, r := range receipts {
				if _, err := tr.Entry(context.Background(), r); r != "" && err != nil {
					t.Errorf("acknowledged %s: %v", r, err)
				}
			}
			if r := verify(export(t, tr, audit.Filter{}), keysOf(t, tr)); r.Verdict != evidence.Verified {
				t.Errorf("%s %v", r.Line(), r.Findings)
			}
		})
	}
}

// fill leaves no room in the file system of a directory.
func fill(dir string) error {
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		return err
	}
	defer f.Close()
	for size := 1 << 20; size >= 4096; {
		if _, err := f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 2
		} else if err != nil {
			return err
		}
	}
	return nil
}

// A lane whose lease was lost is not written any more; the batch goes to another.
func TestLostLaneIsLeft(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		first := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		mustAppend(t, first, audit.Event{Kind: "start"})
		audit.Expire(t, db)
		second := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		if r := mustAppend(t, second, audit.Event{Kind: "start"}); r != "1.1" {
			t.Errorf("the second process writes %s, want to continue 1.1", r)
		}
		if r := mustAppend(t, first, audit.Event{Kind: "late"}); r != "2.0" {
			t.Errorf("the first process writes %s, want a lane of its own", r)
		}
		if r := verify(export(t, second, audit.Filter{}), keysOf(t, second)); r.Verdict != evidence.Verified {
			t.Errorf("%s %v", r.Line(), r.Findings)
		}
	})
}
