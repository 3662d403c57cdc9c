package rights

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// packed is a completed access request with a package of some 2 MiB.
func packed(t *testing.T, db *store.DB) (*fixture, *Request) {
	t.Helper()
	m, err := ParseMap([]byte(bigMap))
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, db, m, map[string]Holder{"big": newPlenty(100, 16<<10)}, func(c *Config) { c.Directory = someone{} })
	r := f.approve(t, f.file(t, Filing{Right: Access, Email: victim, Jurisdiction: "DE"}))
	f.slack = 1 << 20
	if r = f.advance(t, r.ID); r.Status != CompletedFull {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	return f, r
}

func (f *fixture) take(id, link string, from int64) (io.ReadCloser, error) {
	stream, _, err := f.Download(context.Background(), id, Proof{Link: link, From: from})
	return stream, err
}

// A link gives every byte once: a broken download goes on where it stopped, nobody
// else begins anew, and after the last byte the link is spent.
func TestLinkOnce(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		f, r := packed(t, db)
		ctx := context.Background()
		session, err := f.Session(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		all, _, err := f.Download(ctx, r.ID, Proof{Session: session})
		if err != nil {
			t.Fatal(err)
		}
		whole, err := io.ReadAll(all)
		if err := errors.Join(err, all.Close()); err != nil || int64(len(whole)) != r.Facts.Package.Bytes {
			t.Fatalf("%d bytes: %v", len(whole), err)
		}
		link, err := f.PackageLink(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.take(r.ID, link+"x", 0); !errors.Is(err, ErrUnproven) {
			t.Errorf("another link: %v", err)
		}
		part, err := f.take(r.ID, link, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.take(r.ID, link, 0); !errors.Is(err, ErrUnproven) {
			t.Errorf("two at once: %v", err)
		}
		cut := int64(f.slack + 1<<16)
		got := make([]byte, cut)
		if _, err := io.ReadFull(part, got); err != nil {
			t.Fatal(err)
		}
		if err := part.Close(); err != nil { // the line breaks
			t.Fatal(err)
		}
		for what, from := range map[string]int64{"from the beginning": 0, "far behind": cut - f.slack - 1, "far ahead": cut + f.slack + 1} {
			if _, err := f.take(r.ID, link, from); err == nil {
				t.Errorf("a begun link was taken %s", what)
			}
		}
		rest, err := f.take(r.ID, link, cut-1<<16) // 64 KiB never came
		if err != nil {
			t.Fatal(err)
		}
		more, err := io.ReadAll(rest)
		if err := errors.Join(err, rest.Close()); err != nil || !bytes.Equal(append(got[:cut-1<<16], more...), whole) {
			t.Errorf("what was resumed differs: %v", err)
		}
		if _, err := f.take(r.ID, link, r.Facts.Package.Bytes-1); !errors.Is(err, ErrUnproven) {
			t.Errorf("a spent link: %v", err)
		}
		late, err := f.PackageLink(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		f.clock.add(codeLife + time.Second)
		if _, err := f.take(r.ID, late, 0); !errors.Is(err, ErrUnproven) {
			t.Errorf("an expired link: %v", err)
		}
	})
}

// A package that has expired is deleted, with an entry before its file goes; what was
// left half made goes too, and what still stands stays.
func TestTidy(t *testing.T) {
	f, r := packed(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()))
	ctx := context.Background()
	half := f.Packages + "/.making-1"
	if err := os.WriteFile(half, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(half, time.Time{}, time.Now().Add(-25*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := f.Tidy(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(f.packagePath(r.ID)); err != nil {
		t.Fatalf("a package that stands was deleted: %v", err)
	}
	if _, err := os.Stat(half); err == nil {
		t.Error("what was left half made is still there")
	}
	f.clock.add(packageLife + time.Hour)
	for range 2 {
		if err := f.Tidy(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := os.Stat(f.packagePath(r.ID)); err == nil {
		t.Error("an expired package is still there")
	}
	if r, err := f.Get(ctx, r.ID); err != nil || r.Facts.Package.Deleted == nil || r.Facts.Package.Key != nil {
		t.Errorf("the request says %+v: %v", r.Facts.Package, err)
	}
	entries, err := f.trail.Search(ctx, audit.Filter{Kind: "rights.package_deleted"})
	if err != nil || len(entries) != 1 {
		t.Errorf("the trail has %d entries about it: %v", len(entries), err)
	}
	if _, err := f.PackageLink(ctx, r.ID); !errors.Is(err, ErrUnknown) {
		t.Errorf("a link to a deleted package: %v", err)
	}
}
