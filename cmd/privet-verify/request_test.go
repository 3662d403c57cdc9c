package main

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// evidenceOf erases somebody and returns the evidence, and one whose trail is a part only.
func evidenceOf(t *testing.T) (whole, partial []byte, vkey string) {
	t.Helper()
	ctx, office := t.Context(), rightstest.Open(t, nil)
	office.Clock.Set(time.Now()) // the trail's
	keys, err := office.Keeper.PublicKeys(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if vkey, err = audit.Vkey("privet.test/rights", keys[len(keys)-1]); err != nil {
		t.Fatal(err)
	}
	r, err := office.File(ctx, rights.Filing{Right: rights.Erase, Email: office.Desk.People()[2].Email, Jurisdiction: "DE", Proven: "test"})
	if err != nil {
		t.Fatal(err)
	}
	r = office.Settle(t, r.ID)
	for _, who := range []string{"olga", "rosa"} {
		if r, err = office.Approve(ctx, r.ID, rights.Officer{Name: who}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
	}
	if r = office.Settle(t, r.ID); !strings.HasPrefix(string(r.Status), "completed/") {
		t.Fatalf("the erasure ended %s: %v", r.Status, r.Facts.Findings)
	}
	office.Clock.Set(time.Now())
	var all, some bytes.Buffer
	if err := office.Evidence(ctx, &all, r.ID, "olga", office.Trail.Export); err != nil {
		t.Fatal(err)
	}
	if err := office.Evidence(ctx, &some, r.ID, "olga", func(ctx context.Context, w io.Writer, by string, f audit.Filter, progress func(int64, int64)) (audit.Exported, error) {
		f.Kind = "rights.filed"
		return office.Trail.Export(ctx, w, by, f, progress)
	}); err != nil {
		t.Fatal(err)
	}
	return all.Bytes(), some.Bytes(), vkey
}

// rezip writes an archive again; change may alter a file, or leave it out by nil.
func rezip(t *testing.T, raw []byte, change func(name string, content []byte) []byte) []byte {
	t.Helper()
	in, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range in.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if content = change(f.Name, content); content == nil {
			continue
		}
		part, err := w.Create(f.Name)
		if err == nil {
			_, err = part.Write(content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// A trail that unpacks to a multiple of its archive is refused before it fills the
// disk: at 64 MiB of blanks in a few KB no file of that size is written.
func TestRequestEvidenceBomb(t *testing.T) {
	whole, _, vkey := evidenceOf(t)
	blank := make([]byte, 64<<20)
	bomb := rezip(t, whole, func(at string, content []byte) []byte {
		if at == "trail.zip" {
			return blank
		}
		return content
	})
	file := filepath.Join(t.TempDir(), "evidence.zip")
	if err := os.WriteFile(file, bomb, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if got := run(t.Context(), []string{file, "--key", vkey}, &out, &errs); got != 4 || !strings.Contains(out.String(), "trail.zip: unpacks to more than 4 times the archive") {
		t.Errorf("exit %d\n%s%s", got, &out, &errs)
	}
}

// The evidence of a request, checked with nothing but the archive and the key: whole,
// and with each part changed, left out, added or of another origin.
func TestRequestEvidence(t *testing.T) {
	whole, partial, vkey := evidenceOf(t)
	_, foreign, other := evidenceOf(t)
	check := func(what string, raw []byte, key string, exit int, verdict string) {
		t.Helper()
		file := filepath.Join(t.TempDir(), "evidence.zip")
		if err := os.WriteFile(file, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		if got := run(t.Context(), []string{file, "--key", key}, &out, &errs); got != exit || !strings.Contains(out.String(), "VERDICT: "+verdict+" ") {
			t.Errorf("%s: exit %d, want %d %s\n%s%s", what, got, exit, verdict, &out, &errs)
		}
	}
	same := func(_ string, content []byte) []byte { return content }
	check("whole", whole, vkey, 0, "VERIFIED")
	check("packed again", rezip(t, whole, same), vkey, 0, "VERIFIED")
	check("another's key", whole, other, 6, "UNKNOWN-KEY")
	check("a trail without what the timeline names", partial, vkey, 3, "INCOMPLETE")
	check("cut", whole[:len(whole)/2], vkey, 3, "INCOMPLETE")
	check("no archive", []byte("nothing"), vkey, 2, "UNREADABLE")
	for _, name := range []string{"README.txt", "request.json", "steps.json", "timeline.json", "trail.zip", "manifest.json", "manifest.sig"} {
		met := false
		changed := rezip(t, whole, func(at string, content []byte) []byte {
			if at == name {
				met = true
				content = bytes.Clone(content)
				content[len(content)/2] ^= 1
			}
			return content
		})
		if !met {
			t.Errorf("the evidence has no %s", name)
		}
		check(name+" changed", changed, vkey, 4, "TAMPERED")
		check(name+" left out", rezip(t, whole, func(at string, content []byte) []byte {
			if at == name {
				return nil
			}
			return content
		}), vkey, 3, "INCOMPLETE")
		check(name+" of another house", rezip(t, whole, func(at string, content []byte) []byte {
			if at == name {
				rezip(t, foreign, func(at string, theirs []byte) []byte {
					if at == name {
						content = theirs
					}
					return theirs
				})
				if name == "README.txt" {
					return append(content, "PS"...) // theirs says the same
				}
			}
			return content
		}), vkey, map[bool]int{true: 6, false: 4}[name == "trail.zip"], map[bool]string{true: "UNKNOWN-KEY", false: "TAMPERED"}[name == "trail.zip"])
	}
	var more bytes.Buffer
	w := zip.NewWriter(&more)
	in, err := zip.NewReader(bytes.NewReader(whole), int64(len(whole)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range in.File {
		if err := w.Copy(f); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := w.Create("approval.pdf"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	check("a file added", more.Bytes(), vkey, 4, "TAMPERED")
}
