package keeper_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/vault/api"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// BenchmarkColdStorm measures how many data keys come out of Vault per second
// when a restart has emptied every cache: 4,096 callers, one key each at a time,
// over 16 shards, with Vault's file audit device on. Beside it, in the same run
// and interleaved: the same calls one by one through vault/api, at the
// concurrency that suits them best (64).
//
//	go test ./audit/keeper -run '^$' -bench ColdStorm -benchtime 1x
func BenchmarkColdStorm(b *testing.B) {
	const shards, rows = 16, 16384
	s := keepertest.StartVault(b)
	s.Admin(b, "PUT", "sys/audit/file", map[string]any{"type": "file", "options": map[string]string{"file_path": filepath.Join(s.Dir, "audit.log")}})
	mount := s.Mount(b)
	cfg := s.Config(b, mount)
	cfg.Deadline = 5 * time.Second
	k := keepertest.OpenVault(b, cfg)
	cold := make([]keeper.Item, rows)
	for shard := range shards {
		var items []keeper.Item
		for i := shard; i < rows; i += shards {
			items = append(items, keeper.Item{Context: fmt.Appendf(nil, "row-%d", i), Bytes: make([]byte, 32)})
		}
		wrapped, err := k.Wrap(b.Context(), shard, items)
		if err != nil {
			b.Fatal(err)
		}
		for j := range wrapped {
			cold[shard+j*shards] = keeper.Item{Context: items[j].Context, Bytes: wrapped[j]}
		}
	}
	single := singly(b, s, mount)
	var ours, theirs []float64
	for b.Loop() {
		for range 3 {
			theirs = append(theirs, storm(b, 64, 2048, func(i int) error { return single(i%rows%shards, cold[i%rows]) }))
			ours = append(ours, storm(b, 4096, 65536, func(i int) error {
				_, err := k.Unwrap(b.Context(), i%rows%shards, cold[i%rows:i%rows+1])
				return err
			}))
		}
	}
	slices.Sort(ours)
	slices.Sort(theirs)
	a, c := ours[len(ours)/2], theirs[len(theirs)/2]
	b.ReportMetric(a, "coalesced/s")
	b.ReportMetric(c, "single/s")
	b.ReportMetric(a/c, "ratio")
}

// storm has callers make n calls and gives calls per second.
func storm(b *testing.B, callers, n int, call func(i int) error) float64 {
	b.Helper()
	var next atomic.Int64
	var wg sync.WaitGroup
	began := time.Now()
	for range callers {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				if err := call(i); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return float64(n) / time.Since(began).Seconds()
}

// singly is one decrypt by vault/api as its documentation shows it, over HTTP/2.
func singly(b *testing.B, s *keepertest.VaultServer, mount string) func(shard int, it keeper.Item) error {
	b.Helper()
	conf := api.DefaultConfig()
	conf.Address = s.Address
	conf.HttpClient.Transport.(*http.Transport).MaxIdleConnsPerHost = 64
	if err := conf.ConfigureTLS(&api.TLSConfig{CACert: s.CAFile}); err != nil {
		b.Fatal(err)
	}
	c, err := api.NewClient(conf)
	if err != nil {
		b.Fatal(err)
	}
	c.SetToken(s.RootToken)
	return func(shard int, it keeper.Item) error {
		_, err := c.Logical().WriteWithContext(b.Context(), fmt.Sprintf("%s/decrypt/shard-%02d", mount, shard),
			map[string]any{"ciphertext": string(it.Bytes), "context": base64.StdEncoding.EncodeToString(it.Context)})
		return err
	}
}

// BenchmarkOutage measures how fast a keeper refuses while Vault is away: the
// first call that meets it, and every later one, at 64 callers.
func BenchmarkOutage(b *testing.B) {
	s := keepertest.StartVault(b)
	mount := s.Mount(b)
	cfg := s.Config(b, mount)
	cfg.Deadline = 0 // production's
	for _, f := range []struct {
		name        string
		shut, again func(testing.TB)
	}{
		{"sealed", s.Seal, s.Unseal}, {"frozen", s.Freeze, s.Thaw}, {"killed", s.Kill, s.Restart},
		{"quota", func(t testing.TB) {
			s.Admin(t, "POST", "sys/quotas/rate-limit/tight", map[string]any{"path": mount + "/", "rate": 1, "interval": "60s"})
		}, func(t testing.TB) { s.Admin(t, "DELETE", "sys/quotas/rate-limit/tight", nil) }},
	} {
		b.Run(f.name, func(b *testing.B) {
			k := keepertest.OpenVault(b, cfg)
			it := []keeper.Item{{Context: []byte("row"), Bytes: make([]byte, 32)}}
			wrapped, err := k.Wrap(b.Context(), 0, it)
			if err != nil {
				b.Fatal(err)
			}
			it[0].Bytes = wrapped[0]
			for b.Loop() {
				f.shut(b)
				first, later := refusals(b, k, it)
				b.ReportMetric(first.Seconds()*1000, "first-ms")
				b.ReportMetric(later[len(later)/2].Seconds()*1000, "p50-ms")
				b.ReportMetric(later[len(later)-1].Seconds()*1000, "max-ms")
				f.again(b)
				began := time.Now()
				keepertest.Eventually(b, func() error { _, err := k.Unwrap(b.Context(), 0, it); return err })
				b.ReportMetric(time.Since(began).Seconds()*1000, "recovery-ms")
			}
		})
	}
}

func refusals(b *testing.B, k *keeper.Vault, it []keeper.Item) (first time.Duration, later []time.Duration) {
	b.Helper()
	began := time.Now()
	for { // under a quota one call may still pass
		if _, err := k.Unwrap(b.Context(), 0, it); err != nil {
			break
		}
		began = time.Now()
	}
	first = time.Since(began)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for range 50 {
				began := time.Now()
				_, err := k.Unwrap(b.Context(), 0, it)
				took := time.Since(began)
				if err == nil {
					b.Error("answered while Vault is away")
				}
				mu.Lock()
				later = append(later, took)
				mu.Unlock()
				runtime.Gosched()
			}
		})
	}
	wg.Wait()
	slices.Sort(later)
	return first, later
}
