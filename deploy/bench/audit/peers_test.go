// Package bench measures the trail beside its peers, in one run on one machine:
//
//	go test -bench . -benchtime 2s
//
// The peers are Tessera's POSIX driver (durable when its future resolves,
// without a checkpoint), a bare write-ahead log with group commit, which has no
// tree, no signature and no index: the floor of what a disk allows, and Vault's
// file audit device, which writes two lines for each request and syncs none.
// PRIVET_TEST_POSTGRES adds PostgreSQL, PRIVET_TEST_VAULT adds Vault.
package bench

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// appender stores one record durably.
type appender func(ctx context.Context, record []byte) error

func openKeeper(t testing.TB) *keeper.Local {
	t.Helper()
	dir := t.TempDir()
	k, err := keeper.OpenLocal(context.Background(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"),
		Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	return k
}

func openTrail(t testing.TB, url string, k *keeper.Local, more func(*audit.Config)) *audit.Trail {
	t.Helper()
	cfg := audit.Config{Store: storetest.OpenURL(t, url, audit.Schema()), Signer: k, Wrapper: k, Origin: "bench.test/trail", Timeout: time.Minute}
	if more != nil {
		more(&cfg)
	}
	tr, err := audit.Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tr.Close() })
	return tr
}

// privet appends through the trail: entry, tree, signed root, indexes.
func privet(tr *audit.Trail) appender {
	return func(ctx context.Context, record []byte) error {
		_, err := tr.Append(ctx, audit.Event{Kind: "view.intent", Agent: "mara", Tool: "cases", Screen: "account", Outcome: "allowed",
			Detail: map[string]string{"record": string(record)}})
		return err
	}
}

func openPrivet(t testing.TB, engine store.Engine, replicas int) (appenders []appender, dir string) {
	url := storetest.URL(t, engine)
	k := openKeeper(t)
	for range replicas {
		appenders = append(appenders, privet(openTrail(t, url, k, nil)))
	}
	if engine == store.SQLite {
		dir = filepath.Dir(url[len("sqlite:"):])
	}
	return appenders, dir
}

// openTessera is Tessera's POSIX driver with a batch age.
func openTessera(t testing.TB, size uint, age time.Duration) ([]appender, string) {
	t.Helper()
	dir := t.TempDir()
	skey, _, err := note.GenerateKey(nil, "bench.test")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	driver, err := posix.New(ctx, posix.Config{Path: dir})
	if err != nil {
		t.Fatal(err)
	}
	log, shutdown, _, err := tessera.NewAppender(ctx, driver, tessera.NewAppendOptions().WithCheckpointSigner(signer).
		WithBatching(size, age).WithCheckpointInterval(time.Second))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		stopping, stop := context.WithTimeout(ctx, 10*time.Second)
		defer stop()
		_ = shutdown(stopping)
		cancel()
	})
	return []appender{func(ctx context.Context, record []byte) error {
		_, err := log.Add(ctx, tessera.NewEntry(record))()
		return err
	}}, dir
}

// openVaultAudit has Vault record requests that carry the record, on its file
// audit device. The request itself does next to nothing: it hashes the record.
func openVaultAudit(t testing.TB) ([]appender, string) {
	t.Helper()
	s := keepertest.StartVault(t)
	dir := t.TempDir()
	s.Admin(t, "PUT", "sys/audit/file", map[string]any{"type": "file", "options": map[string]string{"file_path": filepath.Join(dir, "audit.log"), "log_raw": "true"}})
	authority, err := os.ReadFile(s.CAFile)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(authority)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}, MaxIdleConnsPerHost: 64}}
	return []appender{func(ctx context.Context, record []byte) error {
		body := `{"input":"` + base64.StdEncoding.EncodeToString(record) + `"}`
		r, err := http.NewRequestWithContext(ctx, http.MethodPut, s.Address+"/v1/sys/tools/hash/sha2-256", strings.NewReader(body))
		if err != nil {
			return err
		}
		r.Header.Set("X-Vault-Token", s.RootToken)
		answer, err := client.Do(r)
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		if _, err := io.Copy(io.Discard, answer.Body); err != nil || answer.StatusCode != http.StatusOK {
			return fmt.Errorf("Vault answers %s (%v)", answer.Status, err)
		}
		return nil
	}}, dir
}

// wal is a bare log with group commit: whoever comes while one batch is synced
// is in the next.
type wal struct {
	file *os.File

	mu      sync.Mutex
	pending []byte
	round   *round
	syncing bool
}

type round struct {
	done chan struct{}
	err  error
}

func openWAL(t testing.TB) ([]appender, string) {
	t.Helper()
	dir := t.TempDir()
	f, err := os.Create(filepath.Join(dir, "wal"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	w := &wal{file: f, round: &round{done: make(chan struct{})}}
	return []appender{w.add}, dir
}

func (w *wal) add(_ context.Context, record []byte) error {
	w.mu.Lock()
	w.pending = append(w.pending, record...)
	mine := w.round
	if w.syncing {
		w.mu.Unlock()
		<-mine.done
		return mine.err
	}
	w.syncing = true
	for len(w.pending) > 0 {
		batch, r := w.pending, w.round
		w.pending, w.round = nil, &round{done: make(chan struct{})}
		w.mu.Unlock()
		if _, r.err = w.file.Write(batch); r.err == nil {
			r.err = w.file.Sync()
		}
		close(r.done)
		w.mu.Lock()
	}
	w.syncing = false
	w.mu.Unlock()
	return mine.err
}

// newRecord is 1 KiB of letters.
func newRecord() []byte {
	b := make([]byte, 0, 1024)
	for len(b) < 1024 {
		b = append(b, rand.Text()...)
	}
	return b[:1024]
}
