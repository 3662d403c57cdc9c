package policy

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/open-policy-agent/opa/v1/bundle"
	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/redact"
)

// author is somebody who signs bundles.
type author struct{ private, public string }

func newAuthor(t *testing.T) author {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	pub, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	return author{string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))}
}

// rulesWith are the built-in rules with one text replaced.
func rulesWith(t *testing.T, file, from, to string) fs.FS {
	t.Helper()
	out := fstest.MapFS{}
	sub, err := fs.Sub(builtin, "rules")
	if err != nil {
		t.Fatal(err)
	}
	names, err := fs.Glob(sub, "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		text, err := fs.ReadFile(sub, name)
		if err != nil {
			t.Fatal(err)
		}
		if name == file {
			if !bytes.Contains(text, []byte(from)) {
				t.Fatalf("%s has no %q", name, from)
			}
			text = bytes.Replace(text, []byte(from), []byte(to), 1)
		}
		out[name] = &fstest.MapFile{Data: text}
	}
	return out
}

func packed(t *testing.T, a author, id string, rules fs.FS) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	cfg := Config{Rules: rules, Catalogue: []Document{{"catalogue.yaml", text}}}
	if err := Pack(&b, cfg, Signing{KeyID: id, Algorithm: "ES256", Key: a.private}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func write(t *testing.T, name string, text []byte) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func panOf(t *testing.T, e *Engine) redact.Treatment {
	t.Helper()
	s, _, err := e.Match("cases", "GET", "/chat/x")
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Decide(context.Background(), s, question("tier1", nil))
	if err != nil {
		t.Fatal(err)
	}
	return d.Classes[redact.PAN].Do
}

// A bundle's whole life: it opens, a bad one leaves it in force, a stricter
// one follows at once, a looser one waits for a second officer.
func TestBundleLife(t *testing.T) {
	ctx := context.Background()
	a, stranger := newAuthor(t), newAuthor(t)
	skey, vkey, err := note.GenerateKey(rand.Reader, "officer-ben")
	if err != nil {
		t.Fatal(err)
	}
	ben, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.tar.gz")
	normal := packed(t, a, "policy-2026", nil)
	write(t, file, normal)
	follow := Follow{From: file, KeyID: "policy-2026", Keys: map[string]string{"policy-2026": a.public, "other": stranger.public}, Officers: []string{vkey}, Keep: dir}
	var changed []Activation
	var told []error
	follow.Changed = func(a Activation) { changed = append(changed, a) }
	follow.Failed = func(err error) { told = append(told, err) }
	f, err := newFollower(&Engine{cfg: Config{Clock: nil}}, follow)
	if err != nil {
		t.Fatal(err)
	}
	f.engine.cfg.Clock = openSample(t).cfg.Clock
	e := f.engine
	step := func(raw, approval []byte) error {
		t.Helper()
		write(t, file, raw)
		write(t, file+".approval", approval)
		err := f.fetch(ctx)
		f.settle(err)
		return err
	}
	if err := step(normal, nil); err != nil || panOf(t, e) != redact.Mask || e.Ready() != nil {
		t.Fatalf("open: %v", err)
	}
	first := e.Bundle()

	looser := packed(t, a, "policy-2026", rulesWith(t, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`))
	noTest := rulesWith(t, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "show"`).(fstest.MapFS)
	delete(noTest, "view_test.rego")
	looserUntested := packed(t, a, "policy-2026", noTest)
	broken := rulesWith(t, "", "", "").(fstest.MapFS)
	broken["broken.rego"] = &fstest.MapFile{Data: []byte("package privet.view\n\nopen contains {\"why\": \"x\"} if nosuch(input)\n")}
	for name, c := range map[string]struct {
		raw  []byte
		want error
		says string
	}{
		"signed by a stranger":       {packed(t, stranger, "policy-2026", nil), ErrBundle, ""},
		"signed with another key id": {packed(t, stranger, "other", nil), ErrBundle, ""},
		"cut off":                    {normal[:len(normal)/2], ErrBundle, ""},
		"drops a class":              {packed(t, a, "policy-2026", rulesWith(t, "grants.rego", `{"classes": {"plain"}`, `{"classes": {"reference"}`)), ErrRules, "no rule speaks of class plain"},
		"contradicts its tests":      {looser, ErrTests, "view_test.rego"},
		"loosens":                    {looserUntested, ErrLoosens, "pan"},
	} {
		err := step(c.raw, nil)
		if !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
		if e.Bundle() != first || panOf(t, e) != redact.Mask {
			t.Errorf("%s: is in force", name)
		}
		if ready := e.Ready(); ready == nil || !errors.Is(ready, c.want) || len(told) != 1 || told[0].Error() != ready.Error() {
			t.Errorf("%s: Ready %v, told %v", name, ready, told)
		}
		told = nil
		if err := step(normal, nil); err != nil || e.Ready() != nil {
			t.Fatalf("%s: back to the good one: %v", name, err)
		}
	}
	if len(changed) != 1 || changed[0].From != "" || changed[0].To != first {
		t.Errorf("told of %+v, want the first bundle alone", changed)
	}
	var b bytes.Buffer
	if err := Pack(&b, Config{Rules: broken}, Signing{"policy-2026", "ES256", a.private}); err != nil {
		t.Fatal(err)
	}
	if err := step(b.Bytes(), nil); err == nil || !strings.Contains(err.Error(), "broken.rego:3") || panOf(t, e) != redact.Mask {
		t.Errorf("broken rules: %v", err)
	}

	// the officer's word for another change does not count; for this one it does
	src, err := unpack(looserUntested, f.keys, "policy-2026")
	if err != nil {
		t.Fatal(err)
	}
	wrong, err := Approve("sha256:other", src.digest(), e.cfg.Clock(), ben)
	if err != nil {
		t.Fatal(err)
	}
	if err := step(looserUntested, wrong); !errors.Is(err, ErrApproval) || panOf(t, e) != redact.Mask {
		t.Errorf("approval of another change: %v", err)
	}
	right, err := Approve(first, src.digest(), e.cfg.Clock(), ben)
	if err != nil {
		t.Fatal(err)
	}
	if err := step(looserUntested, right); err != nil || panOf(t, e) != redact.Show || e.Ready() != nil {
		t.Errorf("approved: %v, %v", err, e.Ready())
	}
	if last := changed[len(changed)-1]; last.From != first || last.To != src.digest() || !last.Loosens || last.Changes == 0 || len(last.Approved) != 1 || last.Approved[0] != "officer-ben" {
		t.Errorf("told of %+v", last)
	}

	// a restart without the bundle server continues with the last good one
	follow.From = filepath.Join(dir, "gone.tar.gz")
	follow.Changed, follow.Failed = func(a Activation) { t.Errorf("a restart changes nothing: %+v", a) }, nil
	again, cancel := context.WithCancel(ctx)
	defer cancel()
	e2, err := OpenBundle(again, Config{}, follow)
	if err != nil || e2.Bundle() != src.digest() || e2.Ready() == nil {
		t.Errorf("restart: %v", err)
	}
}

// The signing key changes: the last good bundle, signed with the former key,
// serves on as long as that is still named, a new one must be signed with the new
// key, and a start that cannot verify what was in force says what to do.
func TestRotatedBundleKey(t *testing.T) {
	a, b := newAuthor(t), newAuthor(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "policy.tar.gz")
	stricter := rulesWith(t, "grants.rego", `{"pan"}, "do": "mask"`, `{"pan"}, "do": "withhold"`).(fstest.MapFS)
	delete(stricter, "view_test.rego")
	first := Follow{From: file, KeyID: "policy-2026", Keys: map[string]string{"policy-2026": a.public}, Keep: dir}
	start := func(follow Follow) (*Engine, error) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		return OpenBundle(ctx, Config{Clock: openSample(t).cfg.Clock}, follow)
	}
	write(t, file, packed(t, a, "policy-2026", nil))
	if _, err := start(first); err != nil {
		t.Fatal(err)
	}
	both := first
	both.KeyID, both.Keys = "policy-2027", map[string]string{"policy-2026": a.public, "policy-2027": b.public}
	e, err := start(both)
	if err != nil || panOf(t, e) != redact.Mask || !errors.Is(e.Ready(), ErrBundle) {
		t.Fatalf("start on the last good bundle of the former key: %v", err)
	}
	alone := both
	alone.Keys = map[string]string{"policy-2027": b.public}
	if _, err = start(alone); !errors.Is(err, ErrBundle) || !strings.Contains(err.Error(), "name the former one among the keys") || !strings.Contains(err.Error(), "last-good.tar.gz") {
		t.Errorf("start on what nobody vouches for: %v", err)
	}
	write(t, file, packed(t, b, "policy-2027", stricter))
	if e, err = start(both); err != nil || panOf(t, e) != redact.Withhold || e.Ready() != nil {
		t.Fatalf("a bundle of the new key: %v", err)
	}
	if e, err = start(alone); err != nil || panOf(t, e) != redact.Withhold || e.Ready() != nil {
		t.Errorf("once it is kept the former key is not needed: %v", err)
	}
}

func TestBundleServer(t *testing.T) {
	a := newAuthor(t)
	raw := packed(t, a, "k", nil)
	asked, unchanged := 0, 0
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		switch {
		case strings.HasSuffix(r.URL.Path, ".approval"):
			http.NotFound(w, r)
		case r.Header.Get("If-None-Match") == `"1"`:
			unchanged++
			w.WriteHeader(http.StatusNotModified)
		default:
			w.Header().Set("ETag", `"1"`)
			_, _ = w.Write(raw)
		}
	}))
	defer server.Close()
	f, err := newFollower(&Engine{}, Follow{From: server.URL + "/policy.tar.gz", KeyID: "k", Keys: map[string]string{"k": a.public}, Client: server.Client()})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := f.fetch(context.Background()); err != nil {
			t.Fatal(err)
		}
	}
	if f.engine.state.Load() == nil || unchanged != 1 || asked != 3 {
		t.Errorf("asked %d times, unchanged %d", asked, unchanged)
	}
	f.From = strings.Replace(f.From, "https", "http", 1)
	if err := f.fetch(context.Background()); !errors.Is(err, ErrBundle) {
		t.Errorf("http: %v", err)
	}
}

// A bundle that grows without end as it is unpacked is refused before it does.
func TestBundleBomb(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	archive := tar.NewWriter(z)
	zeros := make([]byte, 1<<20)
	for i := range 64 {
		if err := archive.WriteHeader(&tar.Header{Name: fmt.Sprintf("%d/data.json", i), Size: int64(len(zeros)), Mode: 0o600}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write(zeros); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), z.Close()); err != nil {
		t.Fatal(err)
	}
	_, err := unpack(packed.Bytes(), map[string]*bundle.KeyConfig{"k": {}}, "k")
	if !errors.Is(err, ErrBundle) || !strings.Contains(err.Error(), "unpacks to more") {
		t.Errorf("%d bytes: %v", packed.Len(), err)
	}
}
