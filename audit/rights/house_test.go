package rights

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// Erasing a person ends what Privet itself keeps of them, by destroying one key: values
// in the trail, sealed transcripts and packages do not open any more, and nothing of
// theirs was ever written in the clear, in records, packages or logs.
func TestOwnStoresEndWithTheKey(t *testing.T) {
	ctx := context.Background()
	url := storetest.URL(t, store.SQLite)
	db, err := store.Open(ctx, store.Config{URL: url, Schemas: []store.Schema{audit.Schema(), Schema()}, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	f, desk, _ := supportDesk(t, db)
	var logs bytes.Buffer
	f.Log = slog.New(slog.NewTextHandler(&logs, nil))
	who := desk.People()[4]
	if _, err := f.trail.Append(ctx, audit.Event{Kind: "tool.view", Outcome: "allowed", Agent: "maria", Subjects: []string{who.Subject}}); err != nil {
		t.Fatal(err)
	}
	transcript, err := f.Keys.Seal(ctx, who.Subject, []byte("caller: I am "+who.Name.Full))
	if err != nil {
		t.Fatal(err)
	}
	access := f.approve(t, f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}))
	if access = f.advance(t, access.ID); !strings.HasPrefix(string(access.Status), "completed/") {
		t.Fatalf("access ended %s %v", access.Status, access.Facts.Findings)
	}
	session, err := f.Session(ctx, access.ID)
	if err != nil {
		t.Fatal(err)
	}
	about := func() int {
		entries, err := f.trail.Search(ctx, audit.Filter{Subject: who.Subject})
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	if _, err := f.Keys.Open(ctx, who.Subject, transcript); err != nil || about() == 0 {
		t.Fatalf("before erasing: %d entries, %v", about(), err)
	}
	r := f.approve(t, f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}))
	if r = f.advance(t, r.ID); r.Status != CompletedFull {
		t.Fatalf("erasure ended %s %v", r.Status, r.Facts.Findings)
	}
	if n := about(); n != 0 {
		t.Errorf("the trail still finds %d entries", n)
	}
	if _, err := f.Keys.Open(ctx, who.Subject, transcript); err == nil {
		t.Error("a sealed transcript still opens")
	}
	if _, _, err := f.Download(ctx, access.ID, Proof{Session: session}); err == nil {
		t.Error("the package still opens")
	}
	dir := filepath.Dir(strings.TrimPrefix(url, "sqlite:"))
	files := 0
	for _, root := range []string{dir, f.Packages} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			raw, err := os.ReadFile(path)
			files++
			for _, canary := range []string{who.Email, who.Name.Full, who.Card.PAN, who.SSN, session} {
				if bytes.Contains(raw, []byte(canary)) {
					t.Errorf("%s stands in %s in the clear", canary, filepath.Base(path))
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 2 {
		t.Errorf("only %d files were searched", files)
	}
	if strings.Contains(logs.String(), who.Email) || strings.Contains(logs.String(), who.Name.Full) {
		t.Errorf("the log says %s", &logs)
	}
}

// What an import must leave out is known by keyed hashes, whatever the case of letters;
// they end by themselves, and nobody else is left out.
func TestSuppression(t *testing.T) {
	m, h := shopInMemory(t)
	f := newFixture(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()), m, map[string]Holder{"shop": h}, func(c *Config) { c.Directory = someone{} })
	ctx := context.Background()
	suppressed := func(value string) bool {
		gone, err := f.Suppressed(ctx, "email", []string{"nobody@example.com", value})
		if err != nil {
			t.Fatal(err)
		}
		return slices.Equal(gone, []string{value})
	}
	if suppressed(victim) {
		t.Error("left out before anything was erased")
	}
	if r := f.advance(t, f.approve(t, f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"})).ID); r.Status != CompletedFull {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	if !suppressed(" "+strings.ToUpper(victim)) || suppressed("bystander@example.com") {
		t.Error("an import would bring the person back, or lose somebody else")
	}
	if _, err := f.Suppressed(ctx, "shoe size", nil); !errors.Is(err, ErrInvalid) {
		t.Errorf("an unknown kind: %v", err)
	}
	if _, err := f.Suppressed(ctx, "email", make([]string, MostSuppressed+1)); !errors.Is(err, ErrInvalid) {
		t.Errorf("too many: %v", err)
	}
	f.clock.add(suppressFor + time.Hour)
	if suppressed(victim) {
		t.Error("the hash outlives its end")
	}
}

// A correction is looked at again after the feeding system's next sync: until then the
// request is not completed, and a feed that writes the old value back is found out.
func TestSyncIsAwaited(t *testing.T) {
	m, err := ParseMap([]byte(liarMap))
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []string{"", "feed writes back"} {
		clock := &clock{now: day(t, "2026-11-02")}
		l, h := newLiar(t, mode, clock)
		f := newFixture(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()), m, map[string]Holder{"remote": h}, func(c *Config) { c.Directory, c.Now = someone{}, clock.Now })
		f.clock = clock
		ctx := context.Background()
		r := f.approve(t, f.file(t, Filing{Right: Correct, Email: victim, Jurisdiction: "DE", Corrections: []Correction{{Field: "name", Old: "Ana", New: "Anna"}}}))
		if err := f.Advance(ctx, r.ID); err != nil {
			t.Fatal(err)
		}
		r, err := f.Get(ctx, r.ID)
		if wait := r.nextAt.Sub(clock.Now()); err != nil || r.Status != Verifying || wait != time.Hour || l.records["rec-0001"]["name"] != "Anna" {
			t.Fatalf("before the sync: %s, looked at again in %s: %v", r.Status, wait, err)
		}
		want := CompletedFull
		if mode != "" {
			want = NeedsAttention
		}
		if r = f.advance(t, r.ID); r.Status != want {
			t.Errorf("after the sync of a feed that does %q: %s %v", mode, r.Status, r.Facts.Findings)
		}
	}
}
