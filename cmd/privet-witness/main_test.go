package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/audit/witness"
)

// TestMain lets the test binary be the command.
func TestMain(m *testing.M) {
	if os.Getenv("PRIVET_WITNESS_CHILD") != "" {
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is a running privet-witness.
type process struct {
	*exec.Cmd
	vkey, url string
}

func startWitness(t *testing.T, dir string) *process {
	t.Helper()
	cmd := exec.Command(os.Args[0], "--logs", filepath.Join(dir, "trail.vkey"), "--key", filepath.Join(dir, "witness.key"), "--name", "auditor.test",
		"--memory", filepath.Join(dir, "memory.json"), "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "PRIVET_WITNESS_CHILD=yes")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	vkey, err1 := bufio.NewReader(out).ReadString('\n')
	said, err2 := bufio.NewReader(errs).ReadString('\n')
	_, address, ok := strings.Cut(strings.TrimSpace(said), "listening on ")
	if err := errors.Join(err1, err2); err != nil || !ok {
		t.Fatalf("the witness did not start: %s (%v)", said, err)
	}
	return &process{cmd, strings.TrimSpace(vkey), "http://" + address}
}

// logs keeps what a trail says.
type logs struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logs) say(what string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), what)
}

func openTrail(t *testing.T, file string, k *keeper.Local, said *logs, w *process) *audit.Trail {
	t.Helper()
	db, err := store.Open(t.Context(), store.Config{URL: "sqlite:" + file, Schemas: []store.Schema{audit.Schema()}, Timeout: storetest.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	cfg := audit.Config{Store: db, Signer: k, Wrapper: k, Origin: "privet.test/trail", Timeout: 20 * time.Second, Checkpoint: 5 * time.Millisecond, WitnessGap: 5 * time.Millisecond}
	if w != nil {
		cfg.Witnesses = []audit.Witness{{URL: w.url, Vkey: w.vkey}}
		cfg.Logger = slog.New(slog.NewTextHandler(said, nil))
	}
	tr, err := audit.Open(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(tr.Close(), db.Close()) })
	return tr
}

func fill(t *testing.T, tr *audit.Trail, what string, n int) {
	t.Helper()
	for i := range n {
		if _, err := tr.Append(t.Context(), audit.Event{Kind: "view.intent", Request: fmt.Sprint(what, i)}); err != nil {
			t.Fatal(err)
		}
	}
}

// seen waits until the witness has cosigned so many entries.
func seen(t *testing.T, tr *audit.Trail, size int64) {
	t.Helper()
	keepertest.Eventually(t, func() error {
		all, err := tr.Cosignatures(t.Context(), 1)
		if err == nil && (len(all) != 1 || all[0].Size != size || all[0].Witness != "auditor.test") {
			err = fmt.Errorf("cosigned: %+v, want %d", all, size)
		}
		return err
	})
}

// An auditor's witness, killed and started again, still knows how far the log
// was, and refuses the operator who put an old copy of the records back.
func TestWitnessRefusesRollback(t *testing.T) {
	dir := t.TempDir()
	genuine, old := filepath.Join(dir, "privet.db"), filepath.Join(dir, "old.db")
	k, err := keeper.OpenLocal(t.Context(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"), Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { k.Close() })
	var said logs
	tr := openTrail(t, genuine, k, &said, nil)
	fill(t, tr, "first", 3)
	vkey, err := tr.VkeyFile(t.Context())
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "trail.vkey"), vkey, 0o600)
	}
	if err = errors.Join(err, tr.Close()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(genuine)
	if err == nil {
		err = os.WriteFile(old, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}

	first := startWitness(t, dir)
	tr = openTrail(t, genuine, k, &said, first)
	fill(t, tr, "second", 300)
	seen(t, tr, 303)
	lanes, err := tr.Lanes(t.Context())
	if err = errors.Join(err, tr.Close()); err != nil {
		t.Fatal(err)
	}
	_ = first.Process.Kill()
	_ = first.Wait()

	again := startWitness(t, dir)
	if again.vkey != first.vkey {
		t.Errorf("the witness has another key after a restart: %s", again.vkey)
	}
	back := openTrail(t, old, k, &said, again)
	fill(t, back, "instead", 400)
	keepertest.Eventually(t, func() error {
		if !said.say("another history") {
			return errors.New("the rolled back log was not refused")
		}
		return nil
	})
	if all, err := back.Cosignatures(t.Context(), 1); err != nil || len(all) > 0 {
		t.Errorf("the rolled back log is cosigned: %+v %v", all, err)
	}
	client, err := witness.NewClient(again.url, again.vkey)
	if err != nil {
		t.Fatal(err)
	}
	var known *witness.Known
	if _, err := client.Cosign(context.Background(), lanes[0].Checkpoint, 0, nil); !errors.As(err, &known) || known.Size != 303 {
		t.Errorf("asked as if it had seen nothing: %v", err)
	}
	tr = openTrail(t, genuine, k, &said, again)
	fill(t, tr, "third", 5)
	seen(t, tr, 308)
	if err := again.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := again.Wait(); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

func TestUsage(t *testing.T) {
	var out, errs bytes.Buffer
	for _, args := range [][]string{nil, {"--logs", "x"}, {"--nonsense"}} {
		if err := run(t.Context(), args, &out, &errs); !errors.Is(err, errUsage) {
			t.Errorf("%v: %v", args, err)
		}
	}
	missing := []string{"--logs", filepath.Join(t.TempDir(), "none"), "--key", "k", "--memory", "m"}
	if err := run(t.Context(), missing, &out, &errs); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without the logs' keys: %v", err)
	}
}
