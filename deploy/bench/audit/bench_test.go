package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/client"
	"github.com/transparency-dev/tessera/fsck"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sync/errgroup"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var (
	subjects = flag.Int("subjects", 50_000, "subjects of the erasure; the full run has 1000000")
	leaves   = flag.Int("leaves", 100_000, "entries of the export that is verified; the full run has 10000000")
)

// run appends b.N records from writers to each of the appenders.
func run(b *testing.B, to []appender, writers int, dir string) {
	var next atomic.Int64
	times := make([][]time.Duration, writers*len(to))
	record := newRecord()
	var wg sync.WaitGroup
	b.ResetTimer()
	for w := range times {
		wg.Go(func() {
			for int(next.Add(1)) <= b.N {
				start := time.Now()
				if err := to[w%len(to)](context.Background(), record); err != nil {
					b.Error(err)
					return
				}
				times[w] = append(times[w], time.Since(start))
			}
		})
	}
	wg.Wait()
	b.StopTimer()
	all := slices.Concat(times...)
	slices.Sort(all)
	report(b, all)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "appends/s")
	if dir != "" {
		b.ReportMetric(float64(size(b, dir))/float64(b.N), "disk-B/record")
	}
}

func report(b *testing.B, sorted []time.Duration) {
	at := func(q float64) float64 {
		return float64(sorted[int(math.Min(q*float64(len(sorted)), float64(len(sorted)-1)))].Microseconds()) / 1000
	}
	b.ReportMetric(at(0.5), "p50-ms")
	b.ReportMetric(at(0.99), "p99-ms")
}

func size(b *testing.B, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(fmt.Sprintf("wal/%d", writers), func(b *testing.B) { to, dir := openWAL(b); run(b, to, writers, dir) })
		b.Run(fmt.Sprintf("privet-sqlite/%d", writers), func(b *testing.B) {
			to, dir := openPrivet(b, store.SQLite, 1)
			run(b, to, writers, dir)
		})
		for _, age := range []time.Duration{time.Millisecond, 5 * time.Millisecond, 10 * time.Millisecond, 20 * time.Millisecond} {
			b.Run(fmt.Sprintf("tessera-%s/%d", age, writers), func(b *testing.B) {
				to, dir := openTessera(b, 256, age)
				run(b, to, writers, dir)
			})
		}
		b.Run(fmt.Sprintf("vault-audit/%d", writers), func(b *testing.B) {
			to, dir := openVaultAudit(b)
			run(b, to, writers, dir)
		})
		b.Run(fmt.Sprintf("privet-postgres/%d", writers), func(b *testing.B) {
			to, _ := openPrivet(b, store.PostgreSQL, 1)
			run(b, to, writers, "")
		})
	}
	b.Run("privet-postgres/3x64", func(b *testing.B) {
		to, _ := openPrivet(b, store.PostgreSQL, 3)
		run(b, to, 64, "")
	})
}

// Tessera's own check finds our tiles in order.
func TestTesseraAgrees(t *testing.T) {
	dir := t.TempDir()
	k := openKeeper(t)
	tr := openTrail(t, storetest.URL(t, store.SQLite), k, func(c *audit.Config) {
		c.Tiles, c.Checkpoint, c.WitnessGap = dir, 5*time.Millisecond, 5*time.Millisecond
	})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 50 {
				if err := privet(tr)(context.Background(), newRecord()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	vkeys, err := tr.Vkeys(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkeys[0])
	if err != nil {
		t.Fatal(err)
	}
	fetch := client.FileFetcher{Root: filepath.Join(dir, "1")}
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if raw, err := fetch.ReadCheckpoint(context.Background()); err == nil && strings.Contains(string(raw), "\n800\n") {
			break
		}
	}
	hash := func(bundle []byte) ([][]byte, error) {
		var b api.EntryBundle
		if err := b.UnmarshalText(bundle); err != nil {
			return nil, err
		}
		var hashes [][]byte
		for _, e := range b.Entries {
			hashes = append(hashes, evidence.LeafHash(e))
		}
		return hashes, nil
	}
	if err := fsck.New("bench.test/trail/1", verifier, fetch, hash, fsck.Opts{N: 1}).Check(context.Background()); err != nil {
		t.Errorf("fsck: %v", err)
	}
}

// Erasing one subject of many: how long, and whether anything is left.
func BenchmarkErase(b *testing.B) {
	b.Run("embedded", func(b *testing.B) {
		k := openKeeper(b)
		benchmarkErase(b, k, k)
	})
	b.Run("vault", func(b *testing.B) {
		s := keepertest.StartVault(b)
		cfg := s.Config(b, s.Mount(b))
		cfg.Deadline = time.Minute // of the thousands of keys that are made first
		k := keepertest.OpenVault(b, cfg)
		benchmarkErase(b, k, k)
	})
}

func benchmarkErase(b *testing.B, signer audit.Signer, wrapper audit.Wrapper) {
	url := storetest.URL(b, store.SQLite)
	tr := openTrail(b, url, nil, func(c *audit.Config) { c.Signer, c.Wrapper = signer, wrapper })
	ctx := context.Background()
	name := func(i int) string { return fmt.Sprintf("canary-%08d", i) }
	start := time.Now()
	var group errgroup.Group
	group.SetLimit(4)
	for i := 0; i < *subjects; i += 1000 {
		group.Go(func() error {
			var names []string
			for j := i; j < i+1000; j++ {
				names = append(names, name(j))
			}
			_, err := tr.Append(ctx, audit.Event{Kind: "view.intent", Agent: "mara", Subjects: names})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		b.Fatal(err)
	}
	made := time.Since(start)
	next := 0
	b.Run(fmt.Sprint(*subjects), func(b *testing.B) {
		var times []time.Duration
		for range b.N {
			start := time.Now()
			if _, err := tr.Erase(ctx, name(next*7919%*subjects)); err != nil {
				b.Fatal(err)
			}
			times = append(times, time.Since(start))
			next++
		}
		slices.Sort(times)
		report(b, times)
		b.ReportMetric(float64(*subjects)/made.Seconds(), "made/s")
	})
	files, err := filepath.Glob(strings.TrimPrefix(url, "sqlite:") + "*")
	if err != nil || len(files) == 0 {
		b.Fatal(err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			b.Fatal(err)
		}
		if bytes.Contains(content, []byte("canary-")) {
			b.Errorf("%s holds a name", file)
		}
	}
}

// TestMain lets the test binary be the process that verifies, so that its time
// and its memory are its own.
func TestMain(m *testing.M) {
	if file := os.Getenv("PRIVET_VERIFY"); file != "" {
		r, err := evidence.VerifyFile(context.Background(), file, os.Getenv("PRIVET_VERIFY_KEY"), nil, nil)
		if err != nil || r.Verdict != evidence.Verified {
			fmt.Fprintln(os.Stderr, r.Line(), err)
			os.Exit(1)
		}
		status, _ := os.ReadFile("/proc/self/status") // getrusage would count the parent's memory
		os.Stdout.Write(status)
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// How fast one core checks an export, and in how much memory.
func BenchmarkVerify(b *testing.B) {
	for _, named := range []bool{false, true} {
		b.Run(fmt.Sprintf("subjects=%v", named), func(b *testing.B) {
			tr := openTrail(b, storetest.URL(b, store.SQLite), openKeeper(b), nil)
			ctx := context.Background()
			var wg sync.WaitGroup
			for w := range 64 {
				wg.Go(func() {
					for i := w; i < *leaves; i += 64 {
						e := audit.Event{Kind: "view.intent", Agent: "mara", Tool: "cases", Screen: "account", Outcome: "allowed", Request: fmt.Sprint("request-", i),
							Classes: map[string]string{"pan": "mask", "cvv": "withhold"}}
						if named {
							e.Subjects = []string{fmt.Sprint("cust_", i%1000)}
						}
						if _, err := tr.Append(ctx, e); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
			file := filepath.Join(b.TempDir(), "export.zip")
			out, err := os.Create(file)
			if err != nil {
				b.Fatal(err)
			}
			start := time.Now()
			if _, err := tr.Export(ctx, out, "officer", audit.Filter{}, nil); err != nil {
				b.Fatal(err)
			}
			exported := time.Since(start)
			out.Close()
			vkey, err := tr.VkeyFile(ctx)
			if err != nil {
				b.Fatal(err)
			}
			tr.Close()
			b.ResetTimer()
			var used time.Duration
			var most int64 // KiB
			for range b.N {
				child := exec.Command(os.Args[0])
				child.Env = append(os.Environ(), "PRIVET_VERIFY="+file, "PRIVET_VERIFY_KEY="+strings.TrimSpace(string(vkey)))
				said, err := child.CombinedOutput()
				if err != nil {
					b.Fatal(string(said), err)
				}
				used += child.ProcessState.UserTime() + child.ProcessState.SystemTime()
				_, hwm, _ := strings.Cut(string(said), "VmHWM:")
				var kib int64
				if _, err := fmt.Sscan(hwm, &kib); err != nil {
					b.Fatal(string(said), err)
				}
				most = max(most, kib)
			}
			b.ReportMetric(float64(b.N**leaves)/used.Seconds(), "leaves/cpu-s")
			b.ReportMetric(float64(most)/1024, "most-MiB")
			b.ReportMetric(float64(*leaves)/exported.Seconds(), "exported/s")
		})
	}
}
