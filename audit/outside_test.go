package audit_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	f_note "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/audit/witness"
)

// eventually asks until it holds; the test's own deadline ends it.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 4000 {
		if holds() {
			return
		}
		time.Sleep(5 * time.Millisecond) // a poll of another process, not an assertion on time
	}
	t.Fatalf("%s did not happen", what)
}

// Another implementation of the tree (x/mod/sumdb/tlog) computes the signed
// root from the hashes that the directory holds.
func TestTilesHoldTheTree(t *testing.T) {
	dir := t.TempDir()
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Tiles: dir,
		Checkpoint: 5 * time.Millisecond, WitnessGap: 5 * time.Millisecond})
	const size = 600
	for i := range size {
		mustAppend(t, tr, audit.Event{Kind: "view.intent", Request: fmt.Sprint(i)})
	}
	var head evidence.Head
	eventually(t, "the checkpoint in the directory", func() bool {
		raw, err := os.ReadFile(filepath.Join(dir, "1", "checkpoint"))
		if err != nil {
			return false
		}
		if head, err = evidence.OpenHead(raw, keysOf(t, tr)); err != nil {
			t.Fatal(err)
		}
		return head.Size == size
	})
	var hashes []tlog.Hash
	for _, tile := range []string{"000", "001", "002.p/88"} {
		raw, err := os.ReadFile(filepath.Join(dir, "1", "tile", "0", tile))
		if err != nil {
			t.Fatal(err)
		}
		for ; len(raw) > 0; raw = raw[32:] {
			hashes = append(hashes, tlog.Hash(raw[:32]))
		}
	}
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) (out []tlog.Hash, err error) {
		for _, i := range indexes {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i, h := range hashes {
		more, err := tlog.StoredHashesForRecordHash(int64(i), h, reader)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(len(hashes)), reader)
	if err != nil || len(hashes) != size || string(root[:]) != string(head.Root) {
		t.Errorf("%d hashes give root %v, signed is %x (%v)", len(hashes), root, head.Root, err)
	}
	bundle, err := os.ReadFile(filepath.Join(dir, "1", "tile", "entries", "002.p", "88"))
	if err != nil {
		t.Fatal(err)
	}
	for i := 512; i < size; i++ {
		n := int(bundle[0])<<8 | int(bundle[1])
		if got := tlog.Hash(evidence.LeafHash(bundle[2 : 2+n])); got != hashes[i] {
			t.Fatalf("entry %d of the bundle does not have its hash", i)
		}
		bundle = bundle[2+n:]
	}
	if _, err := os.Stat(filepath.Join(dir, "1", "tile", "0", "001.p")); err == nil {
		t.Error("a full tile still has partial forms")
	}
}

// A witness follows the log, and stops when the log is cut back or replaced.
func TestWitnessFollows(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		k := localKeeper(t)
		skey, vkey, err := note.GenerateKey(nil, "witness.test")
		if err != nil {
			t.Fatal(err)
		}
		if vkey, err = f_note.VKeyToCosignatureV1(vkey); err != nil {
			t.Fatal(err)
		}
		first := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		server, err := witness.NewServer(skey, keysOf(t, first), filepath.Join(t.TempDir(), "memory.json"))
		if err != nil {
			t.Fatal(err)
		}
		if err := first.Close(); err != nil {
			t.Fatal(err)
		}
		web := httptest.NewServer(server)
		t.Cleanup(web.Close)
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Witnesses: []audit.Witness{{URL: web.URL, Vkey: vkey}},
			Checkpoint: 5 * time.Millisecond, WitnessGap: 5 * time.Millisecond})
		covers := func(size int64) func() bool {
			return func() bool {
				all, err := tr.Cosignatures(ctx, 1)
				return err == nil && len(all) == 1 && all[0].Size == size
			}
		}
		for range 3 {
			mustAppend(t, tr, audit.Event{Kind: "view.intent"})
		}
		eventually(t, "the first cosignature", covers(3))
		appendMany(t, tr, 300)
		eventually(t, "a cosignature of the grown log", covers(303))
		all, err := tr.Cosignatures(ctx, 1)
		if err != nil {
			t.Fatal(err)
		}
		// The cosigned head is one that an auditor may hold against an export.
		if r := verify(export(t, tr, audit.Filter{}), keysOf(t, tr), all[0].Note); r.Verdict != evidence.Verified {
			t.Errorf("%s %v", r.Line(), r.Findings)
		}
	})
}
