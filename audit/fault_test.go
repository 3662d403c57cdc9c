package audit_test

import (
	"context"
	"errors"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
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
	var stored error
	for range 50 { // connections that hang are given up one by one
		if _, stored = tr.Append(context.Background(), view("cust_1")); stored == nil {
			break
		}
	}
	if stored != nil {
		t.Errorf("after the database came back: %v", stored)
	}
	if err := tr.Ready(context.Background()); err != nil {
		t.Errorf("ready again: %v", err)
	}
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
