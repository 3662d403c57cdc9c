package audit_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

func TestErasedSubjectIsGoneEverywhere(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		k := localKeeper(t)
		here := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		there := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		about := mustAppend(t, here, view("cust_42"))
		other := mustAppend(t, here, view("cust_43"))
		blob, err := there.Seal(ctx, "cust_42", []byte("a note"))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := here.Open(ctx, "cust_42", blob); err != nil || string(plain) != "a note" {
			t.Fatalf("before: %q, %v", plain, err)
		}
		certificate, err := here.Erase(ctx, "cust_42")
		if err != nil {
			t.Fatal(err)
		}
		for name, tr := range map[string]*audit.Trail{"the replica that erased": here, "another replica": there} {
			if _, err := tr.Open(ctx, "cust_42", blob); !errors.Is(err, audit.ErrErased) {
				t.Errorf("%s opens the blob: %v", name, err)
			}
			e, err := tr.Entry(ctx, about)
			if err != nil || len(e.Event.Personal) > 0 || e.Event.Subjects[0] != "" || len(e.Erased) != 1 || e.Event.Agent != "mara" {
				t.Errorf("%s shows %+v, %v", name, e, err)
			}
			if e, err := tr.Entry(ctx, other); err != nil || e.Event.Personal["phone"] == "" {
				t.Errorf("%s lost somebody else: %+v, %v", name, e, err)
			}
			if found, err := tr.Search(ctx, audit.Filter{Subject: "cust_42"}); err != nil || len(found) > 0 {
				t.Errorf("%s finds %d entries by the name, %v", name, len(found), err)
			}
		}
		receipt, err := there.Entry(ctx, certificate.Receipt)
		if err != nil || receipt.Event.Kind != evidence.KindErased || receipt.Event.Detail["tag"] != certificate.Tag {
			t.Errorf("the receipt is %+v, %v", receipt, err)
		}
		if _, err := here.Erase(ctx, "cust_42"); !errors.Is(err, audit.ErrErased) {
			t.Errorf("second erasure: %v", err)
		}
		// The person may come back, with a key that opens nothing of before.
		r := mustAppend(t, there, view("cust_42"))
		if e, err := here.Entry(ctx, r); err != nil || e.Event.Subjects[0] != "cust_42" || e.Tags[0] == certificate.Tag {
			t.Errorf("after coming back: %+v, %v", e, err)
		}
		if _, err := here.Open(ctx, "cust_42", blob); !errors.Is(err, audit.ErrErased) {
			t.Errorf("the new key opens the old blob: %v", err)
		}
	})
}

// An entry that was made before its person was erased is made anew under the next
// key: by the one whose key is destroyed nobody could ever read it.
func TestEntryAmidErasureIsMadeAnew(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		k := localKeeper(t)
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k})
		submit, err := audit.Prepare(t.Context(), tr, view("cust_1"))
		if err != nil {
			t.Fatal(err)
		}
		other, err := audit.Prepare(t.Context(), tr, view("cust_2"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Erase(t.Context(), "cust_1"); err != nil {
			t.Fatal(err)
		}
		if r, err := submit(); !errors.Is(err, audit.ErrStale) {
			t.Errorf("stored under the destroyed key: %s %v", r, err)
		}
		r, err := other()
		if err != nil {
			t.Fatalf("an entry about somebody else: %v", err)
		}
		if e, err := tr.Entry(t.Context(), r); err != nil || len(e.Erased) != 0 || len(e.Event.Personal) == 0 {
			t.Errorf("an entry about somebody else: %+v %v", e, err)
		}
	})
}

func TestHeldSubjectCannotBeErased(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		tr := openTrail(t, audit.Config{Store: db})
		r := mustAppend(t, tr, view("cust_42"))
		if _, err := tr.Hold(ctx, "cust_42", "court-17"); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Erase(ctx, "cust_42"); !errors.Is(err, audit.ErrHeld) {
			t.Fatalf("erase under hold: %v", err)
		}
		if reason, err := tr.Held(ctx, "cust_42"); reason != "court-17" || err != nil {
			t.Errorf("held for %q, %v", reason, err)
		}
		if _, err := tr.Retire(ctx, "olga", true, nil); err != nil {
			t.Fatal(err)
		}
		if e, err := tr.Entry(ctx, r); err != nil || e.Event.Personal["phone"] == "" {
			t.Errorf("held subject after an epoch: %+v, %v", e, err)
		}
		if _, err := tr.Release(ctx, "cust_42", "court-17 closed"); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Erase(ctx, "cust_42"); err != nil {
			t.Errorf("erase after release: %v", err)
		}
	})
}

// A copy of the database from before the erasure opens nothing of the erased
// once the epoch has ended, and everything of the others.
func TestBackupAfterTrimKeepsErasedUnreadable(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	k := localKeeper(t)
	open := func(name string) (*store.DB, *audit.Trail) {
		db, err := store.Open(ctx, store.Config{URL: "sqlite:" + filepath.Join(dir, name), Schemas: []store.Schema{audit.Schema()}, Timeout: storetest.Timeout})
		if err != nil {
			t.Fatal(err)
		}
		tr, err := audit.Open(ctx, audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience})
		if err != nil {
			t.Fatal(err)
		}
		return db, tr
	}
	db, tr := open("live.db")
	gone, stays := mustAppend(t, tr, view("cust_42")), mustAppend(t, tr, view("cust_43"))
	tr.Close()
	db.Close()
	copyFile(t, filepath.Join(dir, "live.db"), filepath.Join(dir, "backup.db"))

	db, tr = open("live.db")
	certificate, err := tr.Erase(ctx, "cust_42")
	if err != nil || !certificate.Shredded.IsZero() {
		t.Fatalf("certificate %+v, %v", certificate, err)
	}
	if _, err := tr.Retire(ctx, "olga", true, nil); err != nil {
		t.Fatal(err)
	}
	if certificate, err = tr.Certificate(ctx, certificate.Tag); err != nil || certificate.Shredded.IsZero() {
		t.Errorf("certificate after the epoch: %+v, %v", certificate, err)
	}
	if e, err := tr.Entry(ctx, stays); err != nil || e.Event.Personal["phone"] == "" {
		t.Errorf("who stayed: %+v, %v", e, err)
	}
	tr.Close()
	db.Close()

	db, tr = open("backup.db")
	defer db.Close()
	defer tr.Close()
	if e, err := tr.Entry(ctx, gone); err != nil || len(e.Event.Personal) > 0 || e.Event.Subjects[0] != "" {
		t.Errorf("the backup still knows the erased: %+v, %v", e, err)
	}
	if found, err := tr.Search(ctx, audit.Filter{Subject: "cust_42"}); err != nil || len(found) > 0 {
		t.Errorf("the backup still finds the erased: %d, %v", len(found), err)
	}
	if _, err := tr.Append(ctx, view("cust_42")); err != nil {
		t.Errorf("the dead row of the backup stops new events: %v", err)
	}
}

// Names and values never touch the disk in the clear, erased or not.
func TestNothingPersonalOnDisk(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + filepath.Join(dir, "privet.db"), Schemas: []store.Schema{audit.Schema()}, Timeout: storetest.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tr := openTrail(t, audit.Config{Store: db})
	mustAppend(t, tr, view("cust_canary_42"))
	if _, err := tr.Erase(ctx, "cust_canary_42"); err != nil {
		t.Fatal(err)
	}
	searchBytes(t, dir, "cust_canary_42", "+49 30 1234567", "=1+1")
}

func searchBytes(t *testing.T, dir string, canaries ...string) {
	t.Helper()
	seen := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		seen += len(content)
		for _, canary := range canaries {
			if bytes.Contains(content, []byte(canary)) {
				t.Errorf("%s holds %q", filepath.Base(path), canary)
			}
		}
		return err
	})
	if err != nil || seen == 0 {
		t.Fatalf("searched %d bytes, %v", seen, err)
	}
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
