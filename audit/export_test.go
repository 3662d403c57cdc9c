package audit_test

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

func keysOf(t testing.TB, tr *audit.Trail) note.Verifiers {
	t.Helper()
	text, err := tr.VkeyFile(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := evidence.ParseKeys(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func export(t testing.TB, tr *audit.Trail, f audit.Filter) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := tr.Export(context.Background(), &b, "officer", f, nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func verify(archive []byte, keys note.Verifiers, heads ...[]byte) *evidence.Report {
	return evidence.Verify(context.Background(), bytes.NewReader(archive), int64(len(archive)), evidence.Options{Keys: keys, Heads: heads})
}

// unzip returns the files of an archive.
func unzip(t testing.TB, archive []byte) map[string]string {
	t.Helper()
	r, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name] = string(content)
	}
	return files
}

func TestExportsVerify(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		clock := newClock(time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC))
		k := localKeeper(t)
		tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Clock: clock.now})
		second := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Clock: clock.now})
		for i := range 600 {
			clock.add(time.Second)
			e := view(fmt.Sprint("cust_", i%7))
			e.Agent = []string{"mara", "joe"}[i%2]
			mustAppend(t, []*audit.Trail{tr, tr, second}[i%3], e)
		}
		if _, err := tr.Erase(ctx, "cust_3"); err != nil {
			t.Fatal(err)
		}
		keys := keysOf(t, tr)
		from := time.Date(2026, 3, 1, 12, 2, 0, 0, time.UTC)
		for name, c := range map[string]struct {
			filter          audit.Filter
			entries, erased int64
		}{
			"all":     {audit.Filter{}, 0, 86},
			"kind":    {audit.Filter{Kind: "view.*"}, 600, 86},
			"agent":   {audit.Filter{Agent: "joe"}, 300, 43},
			"subject": {audit.Filter{Subject: "cust_1"}, 87, 0}, // this export names the subject too
			"time":    {audit.Filter{From: from, To: from.Add(100 * time.Second), Kind: "view.intent"}, 100, 14},
			"nothing": {audit.Filter{From: clock.now().Add(time.Hour)}, 0, 0},
		} {
			report := verify(export(t, tr, c.filter), keys)
			if report.Verdict != evidence.Verified || c.entries != 0 && report.Entries != c.entries || report.Erased != c.erased {
				t.Errorf("%s: %s, want %d entries, %d erased; %v", name, report.Line(), c.entries, c.erased, report.Findings)
			}
		}
	})
}

// A spreadsheet must not run what a caller said.
func TestSheetRunsNoFormula(t *testing.T) {
	each(t, func(t *testing.T, db *store.DB) {
		tr := openTrail(t, audit.Config{Store: db})
		mustAppend(t, tr, audit.Event{Kind: "view.intent", Agent: "=HYPERLINK(1)", Reason: "@x", Case: "-1", Purpose: "ordinary", Tool: "＝1"})
		sheet := unzip(t, export(t, tr, audit.Filter{}))[evidence.CSVFile]
		for _, want := range []string{"'=HYPERLINK(1)", "'@x", "'-1", ",ordinary,", "'＝1"} {
			if !strings.Contains(sheet, want) {
				t.Errorf("no %q in %s", want, sheet)
			}
		}
	})
}

var everyByte = flag.Int("every", 11, "which bytes of an export are flipped, one in so many; the full run is 1")

func TestEveryFlippedByteIsSeen(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	for i := range 3 {
		mustAppend(t, tr, view(fmt.Sprint("cust_", i)))
	}
	keys := keysOf(t, tr)
	archive := export(t, tr, audit.Filter{Kind: "view.*"})
	if r := verify(archive, keys); r.Verdict != evidence.Verified {
		t.Fatalf("%s %v", r.Line(), r.Findings)
	}
	for i := 0; i < len(archive); i += *everyByte {
		changed := bytes.Clone(archive)
		changed[i] ^= 1
		if r := verify(changed, keys); r.Verdict == evidence.Verified || r.Verdict == evidence.UnknownKey {
			t.Errorf("byte %d flipped: %s %v", i, r.Line(), r.Findings)
		}
	}
	for i := 0; i < len(archive); i += 7 * *everyByte {
		if r := verify(archive[:i], keys); r.Verdict != evidence.Incomplete && !(i < 4 && r.Verdict == evidence.Unreadable) {
			t.Errorf("cut at %d: %s %v", i, r.Line(), r.Findings)
		}
	}
}
