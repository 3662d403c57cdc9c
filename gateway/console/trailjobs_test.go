package console_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// download waits for an export and gives the archive.
func download(t *testing.T, web *httptest.Server, id string) []byte {
	t.Helper()
	var job struct{ Status, File string }
	for job.Status != "ready" {
		if err := json.Unmarshal(ask(t, "GET", web.URL+"/api/exports/"+id, "officer", "", 200), &job); err != nil {
			t.Fatal(err)
		}
		if job.Status == "failed" {
			t.Fatal("the export failed")
		}
	}
	return ask(t, "GET", web.URL+job.File, "officer", "", 200)
}

// verify fails unless the archive proves what it says.
func verify(t *testing.T, trail *audit.Trail, archive []byte) *evidence.Report {
	t.Helper()
	vkey, err := trail.VkeyFile(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	keys, err := evidence.ParseKeys(string(vkey))
	if err != nil {
		t.Fatal(err)
	}
	r := evidence.Verify(t.Context(), bytes.NewReader(archive), int64(len(archive)), evidence.Options{Keys: keys})
	if r.Verdict != evidence.Verified {
		t.Fatalf("%s %v", r.Line(), r.Findings)
	}
	return r
}

func ordered(t *testing.T, trail *audit.Trail) int {
	t.Helper()
	all, err := trail.Search(t.Context(), audit.Filter{Kind: "trail.export"})
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// An order outlives the console that took it: another one, which shares the
// trail, carries it out or finds it done, and it is one entry all the time.
func TestExportOutlivesTheProcess(t *testing.T) {
	trail := openTrail(t)
	fillTrail(t, trail)
	exports := filepath.Join(t.TempDir(), "exports")
	var id string
	t.Run("first process", func(t *testing.T) {
		web := serveConsole(t, trail, exports)
		var job struct{ ID string }
		if err := json.Unmarshal(ask(t, "POST", web.URL+"/api/exports", "officer", `{"kind":"view.*","subject":"cust_42"}`, 202), &job); err != nil {
			t.Fatal(err)
		}
		id = job.ID
	}) // which may end before it is done
	t.Run("after a restart", func(t *testing.T) {
		web := serveConsole(t, trail, exports)
		ask(t, "GET", web.URL+"/api/exports/"+id, "auditor", "", 404)
		if r := verify(t, trail, download(t, web, id)); r.Entries != 2 {
			t.Errorf("%s", r.Line())
		}
	})
	t.Run("another replica", func(t *testing.T) {
		web := serveConsole(t, trail, "")
		if r := verify(t, trail, download(t, web, id)); r.Entries != 2 {
			t.Errorf("%s", r.Line())
		}
	})
	if n := ordered(t, trail); n != 1 {
		t.Errorf("%d entries for one export", n)
	}
}

// A console that starts goes on by itself with what another left half done, and
// does not serve or keep what names somebody who was erased meanwhile.
func TestExportsAfterErasure(t *testing.T) {
	trail := openTrail(t)
	fillTrail(t, trail)
	exports := t.TempDir()
	order := func(f audit.Filter) (audit.Receipt, string) {
		r, err := trail.AskExport(t.Context(), "olga", false, f)
		if err != nil {
			t.Fatal(err)
		}
		return r, filepath.Join(exports, string(r))
	}
	half, halfDir := order(audit.Filter{Kind: "view.*"})
	ctx, stop := context.WithCancel(t.Context())
	if _, _, err := trail.ExportAsked(ctx, halfDir, half, func(int64, int64) { stop() }); err == nil {
		t.Fatal("it was not interrupted")
	}
	whole, wholeDir := order(audit.Filter{})
	if _, _, err := trail.ExportAsked(t.Context(), wholeDir, whole, nil); err != nil {
		t.Fatal(err)
	}
	about, aboutDir := order(audit.Filter{Subject: "cust_42"})
	if _, _, err := trail.ExportAsked(t.Context(), aboutDir, about, nil); err != nil {
		t.Fatal(err)
	}
	stranger := filepath.Join(exports, "lost+found")
	if err := os.Mkdir(stranger, 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := trail.Erase(t.Context(), "cust_42"); err != nil {
		t.Fatal(err)
	}

	web := serveConsole(t, trail, exports)
	keepertest.Eventually(t, func() error { // it looks after them as it starts
		for _, dir := range []string{aboutDir, wholeDir} {
			if _, err := os.Stat(dir); !os.IsNotExist(err) {
				return errors.New("an archive that names the erased is still there")
			}
		}
		if _, err := os.Stat(filepath.Join(halfDir, "whole")); err != nil {
			return fmt.Errorf("the half export was not gone on with: %w", err)
		}
		return nil
	})
	if _, err := os.Stat(stranger); err != nil {
		t.Errorf("somebody else's directory: %v", err)
	}
	if r := verify(t, trail, download(t, web, string(whole))); r.Erased < 2 {
		t.Errorf("made anew: %s", r.Line())
	}
	var job struct{ Status string }
	for job.Status != "failed" {
		if err := json.Unmarshal(ask(t, "GET", web.URL+"/api/exports/"+string(about), "officer", "", 200), &job); err != nil || job.Status == "ready" {
			t.Fatalf("an export about the erased: %q, %v", job.Status, err)
		}
	}
}

// An officer may have the entries as OCSF, too: one event a line, without names.
func TestExportForSIEM(t *testing.T) {
	trail := openTrail(t)
	fillTrail(t, trail)
	web := serveConsole(t, trail, "")
	ask(t, "POST", web.URL+"/api/exports", "officer", `{"format":"parquet"}`, 400)
	var job struct{ ID, Format string }
	if err := json.Unmarshal(ask(t, "POST", web.URL+"/api/exports", "officer", `{"kind":"view.*","subject":"cust_42","format":"ocsf"}`, 202), &job); err != nil {
		t.Fatal(err)
	}
	text := download(t, web, job.ID)
	events := 0
	for line := range bytes.Lines(text) {
		var e struct {
			Class int `json:"class_uid"`
		}
		if err := json.Unmarshal(line, &e); err != nil || e.Class != 6005 {
			t.Errorf("%s: %v", line, err)
		}
		events++
	}
	if job.Format != "ocsf" || events != 2 || bytes.Contains(text, []byte("cust_42")) {
		t.Errorf("%s: %d events\n%s", job.Format, events, text)
	}
}
