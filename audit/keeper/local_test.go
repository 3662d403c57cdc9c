package keeper_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

func localPlace(t *testing.T) keepertest.Place {
	dir := t.TempDir()
	path := filepath.Join(dir, "keeper.json")
	return keepertest.Place{
		Open: func(t *testing.T) keeper.Keeper {
			return openLocal(t, keeper.LocalConfig{Path: path, Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
		},
		Faults: []keepertest.Fault{
			{Name: "file moved away", Want: keeper.ErrDown,
				Break: func(t *testing.T) { rename(t, path, path+".away") },
				Mend:  func(t *testing.T) { rename(t, path+".away", path) }},
			{Name: "file readable by others", Want: keeper.ErrDenied,
				Break: func(t *testing.T) { chmod(t, path, 0o640) },
				Mend:  func(t *testing.T) { chmod(t, path, 0o600) }},
		},
	}
}

func openLocal(t *testing.T, cfg keeper.LocalConfig) *keeper.Local {
	t.Helper()
	k, err := keeper.OpenLocal(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

func chmod(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
}

func TestLocal(t *testing.T) { keepertest.Run(t, localPlace) }

func TestLocalRoots(t *testing.T) {
	dir := t.TempDir()
	secret := "correct horse battery staple"
	write := func(name, text string, mode fs.FileMode) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return p
	}
	file := write("root", secret+"\n", 0o600)
	t.Setenv("PRIVET_ROOT_FOR_TEST", secret)
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	cfg := keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{Passphrase: []byte(secret)}, Create: true}
	want, err := openLocal(t, cfg).MACKey(t.Context(), "p")
	if err != nil {
		t.Fatal(err)
	}
	for _, root := range []keeper.Root{{Env: "PRIVET_ROOT_FOR_TEST"}, {Credential: "root"}, {File: file}} {
		got, err := openLocal(t, keeper.LocalConfig{Path: cfg.Path, Root: root}).MACKey(t.Context(), "p")
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%v does not open what the passphrase made: %v", root, err)
		}
	}
	for _, c := range []struct {
		name string
		root keeper.Root
		says string
	}{
		{"none", keeper.Root{}, "not 0"},
		{"two", keeper.Root{Env: "PRIVET_ROOT_FOR_TEST", File: file}, "not 2"},
		{"other passphrase", keeper.Root{Passphrase: []byte("incorrect horse battery")}, "root secret is another one"},
		{"short", keeper.Root{Passphrase: []byte("horse")}, "needs 12 or more"},
		{"unset", keeper.Root{Env: "PRIVET_NOT_SET"}, "PRIVET_NOT_SET is not set"},
		{"no such file", keeper.Root{File: filepath.Join(dir, "none")}, "no such file"},
		{"open file", keeper.Root{File: write("loose", secret, 0o644)}, "chmod 600"},
		{"credential path", keeper.Root{Credential: "../root"}, "a credential is a name"},
		{"random key", keeper.Root{Passphrase: []byte("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")}, "root secret is another one"},
	} {
		_, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Path: cfg.Path, Root: c.root})
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want it to say %q", c.name, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "horse") {
			t.Errorf("%s: the error tells the secret: %v", c.name, err)
		}
	}
}

func TestLocalNotMadeUnasked(t *testing.T) {
	dir := t.TempDir()
	_, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{File: filepath.Join(dir, "root.key")}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file answers %v", err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("a refused open left %v", left)
	}
}

// Every byte of the file is under the seal: any one changed is refused.
func TestLocalTampered(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keeper.json")
	cfg := keeper.LocalConfig{Path: path, Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true}
	k := openLocal(t, cfg)
	first := read(t, path)
	if _, err := k.Rotate(t.Context(), 0); err != nil {
		t.Fatal(err)
	}
	cfg.Create = false
	second := read(t, path)
	cases := map[string][]byte{
		"cut":                   second[:len(second)-10],
		"more":                  append(bytes.Clone(second), "{}"...),
		"other format":          bytes.Replace(second, []byte("privet-keeper/1"), []byte("privet-keeper/2"), 1),
		"generation":            bytes.Replace(second, []byte(`"generation": 1`), []byte(`"generation": 7`), 1),
		"names swapped":         swap(second, `"shard-01"`, `"shard-02"`),
		"keyset of older state": graft(t, second, first, "seal"),
		"keyset left out":       bytes.Replace(second, []byte(`"shard-09"`), []byte(`"shard-10"`), 1),
		"unknown field":         bytes.Replace(second, []byte(`"generation"`), []byte(`"x": 1, "generation"`), 1),
		"empty":                 nil,
	}
	for name, raw := range cases {
		if bytes.Equal(raw, second) {
			t.Fatalf("%s changes nothing", name)
		}
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := keeper.OpenLocal(t.Context(), cfg); err == nil {
			t.Errorf("%s: opened", name)
		}
	}
	// A running keeper does not go back behind what it knows, either.
	if err := os.WriteFile(path, first, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Health(t.Context()); !errors.Is(err, keeper.ErrDenied) {
		t.Errorf("went back a generation: %v", err)
	}
	if err := os.WriteFile(path, second, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := k.Health(t.Context()); err != nil {
		t.Errorf("the right file is back, but: %v", err)
	}
}

// A write that fails leaves the old file and the old keys in force.
func TestLocalDiskFull(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "keeper.json")
	k := openLocal(t, keeper.LocalConfig{Path: path, Root: keeper.Root{File: filepath.Join(t.TempDir(), "root.key")}, Create: true})
	before := read(t, path)
	signal.Ignore(syscall.SIGXFSZ)
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: 1000, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	_, err := k.Rotate(t.Context(), 0)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	signal.Reset(syscall.SIGXFSZ)
	if !errors.Is(err, syscall.EFBIG) {
		t.Errorf("rotate on a full disk: %v, want EFBIG", err)
	}
	if !bytes.Equal(read(t, path), before) {
		t.Error("the file changed")
	}
	if v, err := k.Rotate(t.Context(), 0); err != nil || v != 2 {
		t.Errorf("rotate after repair: version %d, %v", v, err)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func swap(raw []byte, a, b string) []byte {
	return []byte(strings.NewReplacer(a, b, b, a).Replace(string(raw)))
}

// graft puts one keyset of an older file into a newer one.
func graft(t *testing.T, into, from []byte, name string) []byte {
	t.Helper()
	var a, b map[string]any
	if err := errors.Join(json.Unmarshal(into, &a), json.Unmarshal(from, &b)); err != nil {
		t.Fatal(err)
	}
	a["keysets"].(map[string]any)[name] = b["keysets"].(map[string]any)[name]
	raw, err := json.Marshal(a)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func FuzzLocalFile(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "keeper.json")
	cfg := keeper.LocalConfig{Path: path, Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true}
	k, err := keeper.OpenLocal(f.Context(), cfg)
	if err != nil {
		f.Fatal(err)
	}
	want, err := k.MACKey(f.Context(), "p")
	if err != nil {
		f.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	cfg.Create = false
	f.Add(good)
	f.Add([]byte(`{"format":"privet-keeper/1","generation":1,"kdf":{"name":"argon2id","salt":"AAAAAAAAAAAAAAAAAAAAAA==","time":4294967295,"memory_kib":4294967295,"threads":255},"keysets":{}}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		k, err := keeper.OpenLocal(t.Context(), cfg)
		if err != nil {
			return
		}
		// Whatever opens must be the same keys, in another spelling of JSON.
		if got, err := k.MACKey(t.Context(), "p"); err != nil || !bytes.Equal(got, want) {
			t.Errorf("a forged file opens with other keys: %v", err)
		}
	})
}

func Example() {
	dir, _ := os.MkdirTemp("", "privet")
	defer os.RemoveAll(dir)
	ctx := context.Background()
	k, err := keeper.OpenLocal(ctx, keeper.LocalConfig{
		Path:   filepath.Join(dir, "keeper.json"),
		Root:   keeper.Root{File: filepath.Join(dir, "root.key")},
		Create: true,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer k.Close()
	row := []byte("subject 4711")
	wrapped, _ := k.Wrap(ctx, 0, []keeper.Item{{Context: row, Bytes: []byte("a data key")}})
	opened, _ := k.Unwrap(ctx, 0, []keeper.Item{{Context: row, Bytes: wrapped[0]}})
	fmt.Printf("%s\n", opened[0])
	_, err = k.Unwrap(ctx, 0, []keeper.Item{{Context: []byte("subject 4712"), Bytes: wrapped[0]}})
	fmt.Println(errors.Is(err, keeper.ErrWrong))
	k.Rotate(ctx, 0)
	k.Trim(ctx, 0)
	_, err = k.Unwrap(ctx, 0, []keeper.Item{{Context: row, Bytes: wrapped[0]}})
	fmt.Println(errors.Is(err, keeper.ErrGone))
	// Output:
	// a data key
	// true
	// true
}
