package audit_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var outage = flag.Duration("outage", 0, "how long Vault is away in each way, with the deadline of production; the full run is 60s")

// Vault away in four ways, under load: whoever was shown lately is still written
// about and read without one error; a subject whose key is not in use is
// refused; nothing opens after the lease; all goes on when Vault is back.
func TestVaultOutages(t *testing.T) {
	s := keepertest.StartVault(t)
	for _, fault := range []struct {
		name      string
		out, back func(t testing.TB)
	}{
		{"frozen", s.Freeze, s.Thaw},
		{"sealed", s.Seal, s.Unseal},
		{"killed", s.Kill, s.Restart},
	} {
		t.Run(fault.name, func(t *testing.T) { testOutage(t, s, s.Mount(t), fault.out, fault.back) })
	}
	t.Run("quota", func(t *testing.T) {
		mount := s.Mount(t)
		testOutage(t, s, mount, func(t testing.TB) {
			s.Admin(t, "POST", "sys/quotas/rate-limit/tight", map[string]any{"path": mount + "/", "rate": 1, "interval": "1h"})
		}, func(t testing.TB) { s.Admin(t, "DELETE", "sys/quotas/rate-limit/tight", nil) })
	})
}

func testOutage(t *testing.T, s *keepertest.VaultServer, mount string, out, back func(t testing.TB)) {
	ctx := t.Context()
	cfg := s.Config(t, mount)
	if *outage > 0 {
		cfg.Deadline = 0
	}
	k := keepertest.OpenVault(t, cfg)
	var late atomic.Int64
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k,
		Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }, Lease: time.Hour, MaxLag: 24 * time.Hour})
	const people = 20
	var receipts [people]audit.Receipt
	for i := range people {
		receipts[i] = mustAppend(t, tr, view(fmt.Sprintf("warm_%d", i)))
	}

	var right, wrong atomic.Int64
	stop, load := make(chan struct{}), sync.WaitGroup{}
	for w := range 8 {
		load.Go(func() {
			for n := w; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				i := n % people
				_, err := tr.Append(ctx, view(fmt.Sprintf("warm_%d", i)))
				e, readErr := tr.Entry(ctx, receipts[i])
				if err != nil || readErr != nil || e.Event.Personal["phone"] == "" {
					if wrong.Add(1) == 1 {
						t.Errorf("a warm subject while Vault is away: append %v, read %v", err, readErr)
					}
					continue
				}
				right.Add(1)
			}
		})
	}
	out(t)
	var took []time.Duration
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for i, away := 0, time.Now(); i < 40 || time.Since(away) < *outage; i++ {
		if i >= 40 {
			<-pace.C
		}
		began := time.Now()
		if _, err := tr.Append(ctx, view(fmt.Sprintf("cold_%d", i))); err == nil && i > 1 { // a quota lets one pass
			t.Errorf("cold_%d was written about without a key", i)
		}
		took = append(took, time.Since(began))
	}
	close(stop)
	load.Wait()
	first := took[0]
	slices.Sort(took)
	t.Logf("%d warm acts, %d errors; %d cold subjects refused: first after %v, p50 %v, p99 %v, slowest %v, under load", right.Load(), wrong.Load(), len(took),
		first, took[len(took)/2], took[len(took)*99/100], took[len(took)-1])

	late.Store(int64(2 * time.Hour))
	if e, err := tr.Entry(ctx, receipts[0]); err == nil && e.Event.Personal["phone"] != "" {
		t.Error("opened after the lease, without Vault")
	}
	late.Store(0)
	back(t)
	mended := time.Now()
	keepertest.Eventually(t, func() error {
		_, err := tr.Append(context.WithoutCancel(ctx), view("cold_again"))
		return err
	})
	t.Logf("a cold subject is written about %v after Vault came back", time.Since(mended))
	if e, err := tr.Entry(ctx, receipts[0]); err != nil || e.Event.Personal["phone"] == "" {
		t.Errorf("after the outage: %v", err)
	}
}

// mute is a keeper that can stop signing.
type mute struct {
	*keeper.Local
	down atomic.Bool
}

func (m *mute) Sign(ctx context.Context, message []byte) ([]byte, int, error) {
	if m.down.Load() {
		return nil, 0, keeper.ErrSealed
	}
	return m.Local.Sign(ctx, message)
}

// While the keeper does not sign, entries go on and the trail shows how far its
// checkpoints lag; when they lag too much the door closes, until it signs again.
func TestLateCheckpointsCloseTheDoor(t *testing.T) {
	ctx := context.Background()
	var late atomic.Int64
	k := &mute{Local: localKeeper(t)}
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k, Checkpoint: time.Millisecond, MaxLag: time.Minute,
		Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	mustAppend(t, tr, view("cust_1"))
	if err := tr.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	k.down.Store(true)
	mustAppend(t, tr, view("cust_1"))
	lanes, err := tr.Lanes(ctx)
	if err != nil || len(lanes) != 1 || lanes[0].Size != 2 || lanes[0].Covered != 1 || lanes[0].Signed.IsZero() {
		t.Errorf("the lag does not show: %+v, %v", lanes, err)
	}
	late.Store(int64(2 * time.Minute))
	if _, err := tr.Append(ctx, view("cust_1")); !errors.Is(err, audit.ErrClosed) || !strings.Contains(err.Error(), "has not signed a checkpoint since") {
		t.Errorf("after two minutes without a checkpoint: %v", err)
	}
	if err := tr.Ready(ctx); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("ready: %v", err)
	}
	k.down.Store(false) // and nobody asks: a door that is not ready gets no requests
	keepertest.Eventually(t, func() error { return tr.Ready(ctx) })
	mustAppend(t, tr, view("cust_1"))
}

// A house where nothing happens for longer than entries may wait has nothing that
// waits: what comes then is recorded, however fast.
func TestQuietNight(t *testing.T) {
	ctx := context.Background()
	var late atomic.Int64
	k := &mute{Local: localKeeper(t)}
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema()), Signer: k, Wrapper: k, Checkpoint: time.Hour, MaxLag: time.Minute,
		Clock: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	mustAppend(t, tr, view("cust_1"))
	if err := tr.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	late.Store(int64(8 * time.Hour))
	for range 3 {
		mustAppend(t, tr, view("cust_1"))
	}
	if lanes, err := tr.Lanes(ctx); err != nil || lanes[0].Waits.Before(lanes[0].Signed.Add(7*time.Hour)) {
		t.Errorf("entries wait since %v, signed at %v: %v", lanes[0].Waits, lanes[0].Signed, err)
	}
	late.Store(int64(8*time.Hour + 2*time.Minute))
	if _, err := tr.Append(ctx, view("cust_1")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("entries wait for two minutes: %v", err)
	}
	if err := tr.Checkpoint(ctx); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, tr, view("cust_1"))
}

// TestReadyAgain: after an outage of the records the trail is ready by itself.
func TestReadyAgain(t *testing.T) {
	ctx := context.Background()
	db, k := storetest.Open(t, store.SQLite, audit.Schema()), localKeeper(t)
	tr := openTrail(t, audit.Config{Store: db, Signer: k, Wrapper: k, Checkpoint: time.Millisecond})
	mustAppend(t, tr, view("cust_1"))
	audit.Exec(t, db, "ALTER TABLE trail_lanes RENAME TO trail_away")
	if _, err := tr.Append(ctx, view("cust_1")); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("without a table: %v", err)
	}
	if err := tr.Ready(ctx); !errors.Is(err, audit.ErrClosed) {
		t.Errorf("ready: %v", err)
	}
	audit.Exec(t, db, "ALTER TABLE trail_away RENAME TO trail_lanes")
	keepertest.Eventually(t, func() error { return tr.Ready(ctx) })
	mustAppend(t, tr, view("cust_1"))
}
