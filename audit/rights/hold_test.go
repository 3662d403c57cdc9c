package rights

import (
	"archive/zip"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// A legal hold reaches the trail, ends with its day or an officer's word, and then
// lets the erasure through.
func TestHoldReachesTheTrail(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[4]
		held := func() string {
			t.Helper()
			reason, err := f.trail.Held(ctx, who.Subject)
			if err != nil {
				t.Fatal(err)
			}
			return reason
		}
		r := f.approve(t, f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}))
		for _, ends := range []string{"by word", "by its day"} {
			if err := f.Hold(ctx, r.ID, "olga", "court 17", f.clock.Now().AddDate(0, 0, 2)); err != nil {
				t.Fatal(err)
			}
			if held() == "" {
				t.Errorf("%s: the trail does not hold the person", ends)
			}
			if _, err := f.trail.Erase(ctx, who.Subject); !errors.Is(err, audit.ErrHeld) {
				t.Errorf("%s: the trail erases a held person: %v", ends, err)
			}
			if ends == "by word" {
				if err := f.Release(ctx, r.ID, "olga"); err != nil {
					t.Fatal(err)
				}
				if reason := held(); reason != "" {
					t.Errorf("released, and still held: %s", reason)
				}
			}
		}
		f.clock.add(72 * time.Hour)
		if r = f.advance(t, r.ID); r.Status != CompletedFull && r.Status != CompletedPartial {
			t.Errorf("after the hold: %s %v", r.Status, r.Facts.Findings)
		}
	})
}

// However many requests have ended, the open ones are in the queue and the forecast.
func TestListHidesNothingOpen(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := store.Patient(context.Background(), time.Minute)
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[5]
		r, err := f.File(ctx, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"})
		if err != nil {
			t.Fatal(err)
		}
		ended, err := f.Withdraw(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if r, err = f.File(ctx, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}); err != nil {
			t.Fatal(err)
		}
		err = db.WriteGuarded(ctx, func(tx *sql.Tx) error {
			for i := range 600 {
				_, err := tx.ExecContext(ctx, `INSERT INTO rights_requests (id, status, asks, tag, received, due, next_at, lease, lease_until, facts, body)
					SELECT CAST($1 AS TEXT), status, asks, tag, received, due - 86400000000, 0, 0, 0, facts, body FROM rights_requests WHERE id = $2`, fmt.Sprint("old", i), ended.ID)
				if err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if list, err := f.List(ctx, Filter{Open: true}); err != nil || len(list) != 1 || list[0].ID != r.ID {
			t.Errorf("%d open requests are listed, want 1: %v", len(list), err)
		}
		if forecast, err := f.Forecast(ctx); err != nil || forecast.Open != 1 {
			t.Errorf("forecast %+v, %v", forecast, err)
		}
	})
}

// Asking twice for an appeal is one appeal.
func TestAppealOnce(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[6]
		r := f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "US-CA"})
		if _, err := f.Deny(ctx, r.ID, "olga", "excessive", ""); err != nil {
			t.Fatal(err)
		}
		first, err := f.Appeal(ctx, r.ID, "why?")
		if err != nil {
			t.Fatal(err)
		}
		if again, err := f.Appeal(ctx, r.ID, "why?"); err != nil || again.ID != first.ID {
			t.Errorf("a second appeal beside the open one: %+v, %v", again, err)
		}
	})
}

// An archive that holds a second file of a listed name is not whole: programs that
// unpack it may take either.
func TestArchiveWithTwins(t *testing.T) {
	trail, keys := openTrail(t, storetest.Open(t, store.SQLite, audit.Schema()), t.TempDir())
	_ = trail
	var good bytes.Buffer
	a := &archive{zip: zip.NewWriter(&good), now: time.Now()}
	if err := a.put("index.html", []byte("genuine")); err != nil {
		t.Fatal(err)
	}
	if err := a.sign(context.Background(), keys, Manifest{Request: "r"}); err != nil {
		t.Fatal(err)
	}
	public, err := keys.PublicKeys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	check := func(raw []byte) error {
		_, err := CheckArchive(bytes.NewReader(raw), int64(len(raw)), verifier(public))
		return err
	}
	if err := check(good.Bytes()); err != nil {
		t.Fatalf("the genuine one: %v", err)
	}
	zr, err := zip.NewReader(bytes.NewReader(good.Bytes()), int64(good.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var twins bytes.Buffer
	zw := zip.NewWriter(&twins)
	w, err := zw.Create("index.html")
	if err == nil {
		_, err = w.Write([]byte("forged"))
	}
	for _, file := range zr.File {
		if err == nil {
			err = zw.Copy(file)
		}
	}
	if err = errors.Join(err, zw.Close()); err != nil {
		t.Fatal(err)
	}
	if err := check(twins.Bytes()); !errors.Is(err, ErrBroken) || !strings.Contains(err.Error(), "twice") {
		t.Errorf("with a twin in front: %v", err)
	}
}

// The next page is fetched where the credentials may go.
func TestNextPageStaysSafe(t *testing.T) {
	h := &HTTP{api: API{Base: "https://api.example.com"}}
	for link, want := range map[string]string{
		"/page/2": "https://api.example.com/page/2", "https://api.example.com/p?c=2": "https://api.example.com/p?c=2",
		"http://api.example.com/page/2": "", "https://elsewhere.example/page/2": "",
	} {
		got, err := h.nextPage(&Call{Next: &Next{Link: "next"}}, "", map[string]any{"next": link}, []any{1}, 1)
		if got != want || (want == "") != errors.Is(err, ErrBroken) {
			t.Errorf("%s leads to %q, %v", link, got, err)
		}
	}
}
