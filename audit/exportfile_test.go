package audit_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// appendMany appends n views of a few people, from many writers.
func appendMany(t *testing.T, tr *audit.Trail, n int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				if _, err := tr.Append(context.Background(), audit.Event{Kind: "view.intent", Request: fmt.Sprint(i), Subjects: []string{fmt.Sprint("cust_", i%5)}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// views appends n views of people, from many writers.
func views(t *testing.T, tr *audit.Trail, n, people int) {
	t.Helper()
	var wg sync.WaitGroup
	for w := range 32 {
		wg.Go(func() {
			for i := w; i < n; i += 32 {
				if _, err := tr.Append(context.Background(), view(fmt.Sprint("cust_", i%people))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// interrupted runs an export that loses its context after some pages.
func interrupted(t *testing.T, tr *audit.Trail, name string, ocsf bool, f audit.Filter, pages int) (audit.Exported, error) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	return tr.ExportFile(ctx, name, ocsf, "officer", f, func(done, total int64) {
		if pages--; pages == 0 {
			stop()
		}
	})
}

// An export that is cut off again and again ends with the bytes that it would
// have had in one go.
func TestExportGoesOn(t *testing.T) {
	ctx := context.Background()
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	appendMany(t, tr, 5_200)
	for _, ocsf := range []bool{false, true} {
		dir := t.TempDir()
		often, once := filepath.Join(dir, "often"), filepath.Join(dir, "once")
		filter := audit.Filter{Kind: "view.*"}
		if _, err := interrupted(t, tr, often, ocsf, filter, 1); !errors.Is(err, context.Canceled) {
			t.Fatalf("first run: %v", err)
		}
		if err := os.CopyFS(once+".partial", os.DirFS(often+".partial")); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.ExportFile(ctx, often, ocsf, "somebody else", filter, nil); !errors.Is(err, audit.ErrOther) {
			t.Errorf("another officer's: %v, want ErrOther", err)
		}
		var done audit.Exported
		err, runs := error(context.Canceled), 1
		for ; errors.Is(err, context.Canceled) && runs < 20; runs++ {
			done, err = interrupted(t, tr, often, ocsf, filter, 4)
		}
		if err != nil || runs < 3 || done.Resumed < 4096 || done.Entries != 5_200 {
			t.Fatalf("after %d runs: %+v, %v", runs, done, err)
		}
		if _, err := tr.ExportFile(ctx, once, ocsf, "officer", filter, nil); err != nil {
			t.Fatal(err)
		}
		a, b := read(t, often), read(t, once)
		if !bytes.Equal(a, b) {
			t.Errorf("OCSF %v: %d runs wrote %d bytes, one wrote other %d", ocsf, runs, len(a), len(b))
		}
		if ocsf && bytes.Count(a, []byte("\n")) != 5_200 {
			t.Errorf("%d events", bytes.Count(a, []byte("\n")))
		}
		if r := verify(a, keysOf(t, tr)); !ocsf && (r.Verdict != evidence.Verified || r.Entries != 5_200) {
			t.Errorf("%s %v", r.Line(), r.Findings)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*.partial")); len(left) > 0 || err != nil {
			t.Errorf("left behind: %v", left)
		}
		if _, err := tr.ExportFile(ctx, once, ocsf, "officer", filter, nil); !errors.Is(err, fs.ErrExist) {
			t.Errorf("over a file that exists: %v", err)
		}
	}
}

// An order in the trail is carried out over two runs, and a third finds it done;
// all of it is one entry.
func TestAskedExportGoesOn(t *testing.T) {
	ctx := context.Background()
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	appendMany(t, tr, 4_200)
	asked := audit.Filter{Kind: "view.*", From: time.Now().Add(-time.Hour)}
	r, err := tr.AskExport(ctx, "olga", false, asked)
	if err != nil {
		t.Fatal(err)
	}
	if order, err := tr.Asked(ctx, r); order.By != "olga" || err != nil {
		t.Errorf("asked by %q, %v", order.By, err)
	}
	if _, err := tr.Asked(ctx, "1.0"); !errors.Is(err, audit.ErrNone) {
		t.Errorf("a view is no order: %v", err)
	}
	dir := filepath.Join(t.TempDir(), string(r))
	cut, stop := context.WithCancel(ctx)
	if _, _, err := tr.ExportAsked(cut, dir, r, func(done, _ int64) {
		if done >= 4096 {
			stop()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("first run: %v", err)
	}
	if whole, _, err := tr.ExportStands(ctx, dir); whole || err != nil {
		t.Errorf("half an export is whole: %v", err)
	}
	done, file, err := tr.ExportAsked(ctx, dir, r, nil)
	if err != nil || done.Resumed != 4096 || done.Receipt != r || done.Entries != 4_200 {
		t.Fatalf("second run: %+v, %v", done, err)
	}
	archive := read(t, file)
	if v := verify(archive, keysOf(t, tr)); v.Verdict != evidence.Verified || v.Entries != 4_200 {
		t.Errorf("%s %v", v.Line(), v.Findings)
	}
	if again, file, err := tr.ExportAsked(ctx, dir, r, nil); err != nil || again.Entries != done.Entries || !bytes.Equal(read(t, file), archive) {
		t.Errorf("third run: %+v, %v", again, err)
	}
	if all, err := tr.Search(ctx, audit.Filter{Kind: "trail.export"}); err != nil || len(all) != 1 {
		t.Errorf("%d entries for one export, %v", len(all), err)
	}
}

// What was written of somebody who is erased before the export goes on is gone.
func TestExportBeginsAnewAfterErasure(t *testing.T) {
	ctx := context.Background()
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	appendMany(t, tr, 4_300)
	name := filepath.Join(t.TempDir(), "out.zip")
	about := filepath.Join(t.TempDir(), "about.zip")
	for name, f := range map[string]audit.Filter{name: {}, about: {Subject: "cust_3"}} {
		if _, err := interrupted(t, tr, name, false, f, 5); !errors.Is(err, context.Canceled) {
			t.Fatal(err)
		}
	}
	if _, err := tr.Erase(ctx, "cust_3"); err != nil {
		t.Fatal(err)
	}
	done, err := tr.ExportFile(ctx, name, false, "officer", audit.Filter{}, nil)
	if err != nil || done.Resumed != 0 {
		t.Fatalf("%+v, %v", done, err)
	}
	if r := verify(read(t, name), keysOf(t, tr)); r.Verdict != evidence.Verified || r.Erased < 860 {
		t.Errorf("%s %v", r.Line(), r.Findings)
	}
	if strings.Contains(unzip(t, read(t, name))[evidence.EntriesFile], "cust_3") {
		t.Error("the erased is named")
	}
	if _, err := tr.ExportFile(ctx, about, false, "officer", audit.Filter{Subject: "cust_3"}, nil); !errors.Is(err, audit.ErrErased) {
		t.Errorf("an export about the erased: %v", err)
	}
	left, err := os.ReadDir(about + ".partial")
	if err != nil || len(left) != 1 { // the lock
		t.Errorf("left of the erased: %v, %v", left, err)
	}
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
