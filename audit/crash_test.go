package audit_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var (
	kills = flag.Int("kills", 6, "rounds of kill -9 per engine; the full run is 1000")
	acked = flag.Int("acked", 300, "entries acknowledged under each fault of a file; the full run is 1500")
)

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if url := os.Getenv("PRIVET_TRAIL_CHILD"); url != "" {
		if err := child(url, os.Getenv("PRIVET_TRAIL_DIR"), os.Getenv("PRIVET_TRAIL_UNTIL")); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child appends from 64 writers and prints each acknowledged receipt, until it
// has as many as asked for, or is killed.
func child(url, dir, until string) error {
	want, err := strconv.ParseInt(until, 10, 64)
	if err != nil {
		return err
	}
	ctx := context.Background()
	k, err := openKeeper(dir)
	if err != nil {
		return err
	}
	db, tr, err := openChild(ctx, url, k)
	for try := 0; err != nil && try < 50; try++ { // what starts it, starts it again
		fmt.Fprintln(os.Stderr, "refused:", err)
		db, tr, err = openChild(ctx, url, k)
	}
	if err != nil {
		return err
	}
	var acks, refusals atomic.Int64
	var out sync.Mutex
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := 0; acks.Load() < want && refusals.Load() < 10*want; i++ {
				request := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, i)
				r, err := tr.Append(ctx, audit.Event{Kind: "view.intent", Request: request, Subjects: []string{fmt.Sprint("cust_", i%9)}})
				if err != nil {
					refusals.Add(1)
					fmt.Fprintln(os.Stderr, "refused:", err)
					continue
				}
				acks.Add(1)
				out.Lock()
				fmt.Println(r, request)
				out.Unlock()
				if w == 0 && i%2 == 1 { // as every erasure does
					if err := db.Scrub(ctx); err != nil {
						fmt.Fprintln(os.Stderr, "refused:", err)
					}
				}
			}
		})
	}
	wg.Wait()
	if acks.Load() < want {
		return fmt.Errorf("only %d of %d acknowledged", acks.Load(), want)
	}
	return nil
}

func openChild(ctx context.Context, url string, k *keeper.Local) (*store.DB, *audit.Trail, error) {
	db, err := store.Open(ctx, store.Config{URL: url, Schemas: []store.Schema{audit.Schema()}, Timeout: storetest.Timeout})
	if err != nil {
		return nil, nil, err
	}
	tr, err := audit.Open(ctx, audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience})
	if err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, tr, nil
}

func openKeeper(dir string) (*keeper.Local, error) {
	return keeper.OpenLocal(context.Background(), keeper.LocalConfig{Path: filepath.Join(dir, "keeper.json"),
		Root: keeper.Root{File: filepath.Join(dir, "root.key")}, Create: true})
}

// childCommand is the child on a database, perhaps under another program.
func childCommand(url, dir string, until int, wrapper ...string) *exec.Cmd {
	args := append(wrapper, os.Args[0])
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "PRIVET_TRAIL_CHILD="+url, "PRIVET_TRAIL_DIR="+dir, "PRIVET_TRAIL_UNTIL="+strconv.Itoa(until))
	return cmd
}

// receiptsOf reads the whole lines that a child printed.
func receiptsOf(printed string) map[audit.Receipt]string {
	acks := map[audit.Receipt]string{}
	for line := range strings.Lines(printed) {
		r, request, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && strings.HasSuffix(line, "\n") {
			acks[audit.Receipt(r)] = request
		}
	}
	return acks
}

// mustHold fails unless every acknowledged entry is there and all verifies.
func mustHold(t *testing.T, url, dir string, acks map[audit.Receipt]string, all bool) {
	t.Helper()
	k, err := openKeeper(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	db, err := store.Open(context.Background(), store.Config{URL: url, Schemas: []store.Schema{audit.Schema()}, Timeout: storetest.Timeout})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tr, err := audit.Open(context.Background(), audit.Config{Store: db, Signer: k, Wrapper: k, Origin: origin, Timeout: patience})
	if err != nil {
		t.Fatalf("open after the crash: %v", err)
	}
	defer tr.Close()
	if !all {
		for r, request := range acks {
			if e, err := tr.Entry(context.Background(), r); err != nil || e.Event.Request != request {
				t.Fatalf("acknowledged %s is %q, want %q (%v)", r, e.Event.Request, request, err)
			}
		}
		return
	}
	archive := export(t, tr, audit.Filter{})
	if r := verify(archive, keysOf(t, tr)); r.Verdict != evidence.Verified {
		t.Fatalf("%s %v", r.Line(), r.Findings)
	}
	stored := map[audit.Receipt]string{}
	for line := range strings.Lines(unzip(t, archive)[evidence.EntriesFile]) {
		var e struct {
			Receipt audit.Receipt
			Leaf    struct{ Request string }
		}
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		stored[e.Receipt] = e.Leaf.Request
	}
	for r, request := range acks {
		if stored[r] != request {
			t.Fatalf("acknowledged %s is %q, want %q", r, stored[r], request)
		}
	}
}

func TestKill9LosesNothingAcknowledged(t *testing.T) {
	for _, engine := range []store.Engine{store.SQLite, store.PostgreSQL} {
		t.Run(string(engine), func(t *testing.T) {
			url, dir := storetest.URL(t, engine), t.TempDir()
			lost := 0
			for round := range *kills {
				cmd := childCommand(url, dir, 1<<40)
				out, err := cmd.StdoutPipe()
				if err != nil {
					t.Fatal(err)
				}
				var errs bytes.Buffer
				cmd.Stderr = &errs
				if err := cmd.Start(); err != nil {
					t.Fatal(err)
				}
				var printed strings.Builder
				lines := bufio.NewReader(out)
				for range 20 + round*37%400 { // in another moment each time
					line, err := lines.ReadString('\n')
					if err != nil {
						t.Fatalf("child ended by itself: %v %s", err, errs.String())
					}
					printed.WriteString(line)
				}
				if err := cmd.Process.Kill(); err != nil {
					t.Fatal(err)
				}
				lines.WriteTo(&printed) // what was acknowledged before the end
				cmd.Wait()
				acks := receiptsOf(printed.String())
				lost += len(acks)
				mustHold(t, url, dir, acks, round == *kills-1 || round%50 == 49)
			}
			t.Logf("%d kills, %d acknowledged entries, none lost", *kills, lost)
		})
	}
}

// Every way in which a file of the database can fail, injected into the system
// calls of a running process: nothing acknowledged is lost, nothing panics, and
// the process goes on when the fault is over.
func TestFileFaults(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal("strace is not installed")
		}
		t.Skip("strace is not installed")
	}
	made := t.TempDir() // the database exists before anything fails
	if out, err := childCommand("sqlite:"+filepath.Join(made, "privet.db"), made, 50).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	for _, c := range []struct{ call, fault, when string }{ // when: which calls of one thread
		{"pwrite64", "EIO", "40..60"}, {"pwrite64", "ENOSPC", "40..60"}, {"pwrite64", "EINTR", "40..60"},
		{"fsync", "EIO", "3..9"}, {"fsync", "ENOSPC", "3..9"}, {"fsync", "EINTR", "3..9"},
		{"pread64", "EIO", "10..20"}, {"open", "EMFILE", "2..4"}, {"open", "EIO", "2..4"}, {"ftruncate", "EIO", "1..2"}, {"fcntl", "ENOLCK", "5..12"},
		{"statx", "EIO", "5..9"},
	} {
		t.Run(c.call+"/"+c.fault, func(t *testing.T) {
			dir := t.TempDir()
			url := "sqlite:" + filepath.Join(dir, "privet.db")
			if err := errors.Join(os.CopyFS(dir, os.DirFS(made)), os.Chmod(filepath.Join(dir, "root.key"), 0o600),
				os.Chmod(filepath.Join(dir, "keeper.json"), 0o600)); err != nil {
				t.Fatal(err)
			}
			inject := fmt.Sprintf("inject=%s:error=%s:when=%s", c.call, c.fault, c.when)
			cmd := childCommand(url, dir, *acked, strace, "-f", "--seccomp-bpf", "-qq", "-o", filepath.Join(dir, "strace.out"), "-P", filepath.Join(dir, "privet.db"),
				"-P", filepath.Join(dir, "privet.db-wal"), "-e", "trace="+c.call, "-e", inject)
			var out, errs bytes.Buffer
			cmd.Stdout, cmd.Stderr = &out, &errs
			err := cmd.Run()
			if strings.Contains(errs.String(), "panic:") {
				t.Fatalf("panic: %s", errs.String())
			}
			if strings.Contains(errs.String(), "ptrace") {
				if os.Getenv("CI") == "true" {
					t.Fatal("strace may not trace here")
				}
				t.Skip("strace may not trace here")
			}
			if err != nil {
				t.Errorf("did not go on after the fault: %v: %.400s", err, errs.String())
			}
			trace, _ := os.ReadFile(filepath.Join(dir, "strace.out"))
			faults := bytes.Count(trace, []byte("INJECTED"))
			if faults == 0 {
				t.Error("no fault was injected")
			}
			t.Logf("%d faults, %d refusals", faults, strings.Count(errs.String(), "refused:"))
			mustHold(t, url, dir, receiptsOf(out.String()), true)
		})
	}
}
