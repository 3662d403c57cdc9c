package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

func TestPruningKeepsProofs(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		k := localKeeper(t)
		cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Clock: clock.now}
		tr := openTrail(t, cfg)
		for i := range 400 {
			clock.add(time.Second)
			mustAppend(t, tr, view(fmt.Sprint("cust_", i%4)))
			if i == 100 {
				if _, err := tr.Hold(ctx, "cust_1", "court-1"); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := tr.Erase(ctx, "cust_3"); err != nil {
			t.Fatal(err)
		}
		head := []byte(unzip(t, export(t, tr, audit.Filter{}))["checkpoint"])
		if err := tr.Checkpoint(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Prune(ctx, clock.now().Add(-100*time.Second)); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Entry(ctx, "1.0"); !errors.Is(err, audit.ErrPruned) {
			t.Errorf("a pruned entry: %v", err)
		}
		if e, err := tr.Entry(ctx, "1.1"); err != nil || e.Event.Personal["phone"] == "" {
			t.Errorf("an entry of a held subject: %+v, %v", e, err)
		}
		archive := export(t, tr, audit.Filter{})
		if r := verify(archive, keysOf(t, tr), head); r.Verdict != evidence.Verified || r.Pruned != 256 {
			t.Errorf("%s %v", r.Line(), r.Findings)
		}
		// Without the receipt of the pruning the absence is not explained.
		files := unzip(t, archive)
		kept := ""
		for line := range strings.Lines(files[evidence.ReceiptsFile]) {
			if !strings.Contains(line, evidence.KindPruned) {
				kept += line
			}
		}
		files[evidence.ReceiptsFile] = kept
		if r := verify(pack(t, files), keysOf(t, tr)); r.Verdict == evidence.Verified {
			t.Errorf("without the receipt: %s", r.Line())
		}
		if err := tr.Close(); err != nil {
			t.Fatal(err)
		}
		mustAppend(t, openTrail(t, cfg), view("cust_0")) // the tree is whole after a restart
	})
}

// A backup goes to the other engine too, verifies there, and the ledger erases
// again who was erased since it was made.
func TestRestoredTrailVerifiesAndStaysErased(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		k := localKeeper(t)
		ledger := filepath.Join(t.TempDir(), "erased")
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Ledger: ledger})
		views(t, tr, 300, 5)
		var backup bytes.Buffer
		if err := tr.Backup(ctx, &backup, "olga"); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Erase(ctx, "cust_2"); err != nil {
			t.Fatal(err)
		}
		later := []byte(unzip(t, export(t, tr, audit.Filter{}))["checkpoint"])

		other := storetest.Open(t, map[store.Engine]store.Engine{store.SQLite: store.PostgreSQL, store.PostgreSQL: store.SQLite}[db.Engine()], audit.Schema())
		restoring := audit.Restoring{Store: other, Signer: k, Origin: origin}
		for name, broken := range map[string][]byte{"cut": backup.Bytes()[:backup.Len()/2], "empty": nil, "flipped": flip(backup.Bytes(), backup.Len()/2)} {
			if err := audit.Restore(ctx, bytes.NewReader(broken), restoring); err == nil {
				t.Errorf("a backup that is %s was restored", name)
			}
		}
		if err := audit.Restore(ctx, bytes.NewReader(backup.Bytes()), restoring); err != nil {
			t.Fatal(err)
		}
		if err := audit.Restore(ctx, bytes.NewReader(backup.Bytes()), restoring); err == nil {
			t.Error("restored over a trail")
		}
		restored := openTrail(t, audit.Config{Store: other, Signer: k, Wrapper: k})
		if e, err := restored.Entry(ctx, "1.3"); err != nil || e.Event.Personal["phone"] == "" {
			t.Errorf("restored entry: %+v, %v", e, err)
		}
		list, err := os.Open(ledger)
		if err != nil {
			t.Fatal(err)
		}
		defer list.Close()
		if n, err := restored.Reerase(ctx, list); n != 1 || err != nil {
			t.Errorf("erased again: %d, %v", n, err)
		}
		if found, err := restored.Search(ctx, audit.Filter{Subject: "cust_2"}); err != nil || len(found) > 0 {
			t.Errorf("the erased is back: %d, %v", len(found), err)
		}
		if r := mustAppend(t, restored, view("cust_0")); !strings.HasPrefix(string(r), "2.") {
			t.Errorf("the restored log is written on: %s", r)
		}
		archive := export(t, restored, audit.Filter{})
		if r := verify(archive, keysOf(t, restored)); r.Verdict != evidence.Verified || r.Erased != 60 {
			t.Errorf("%s %v", r.Line(), r.Findings)
		}
		// Who holds a later head sees that the house went back to a backup.
		if r := verify(archive, keysOf(t, restored), later); r.Verdict != evidence.RolledBack {
			t.Errorf("against a later head: %s %v", r.Line(), r.Findings)
		}
	})
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[at] ^= 1
	return b
}
