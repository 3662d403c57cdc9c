// Package keepertest says what every keeper promises, as tests, and runs a real
// Vault server for whoever needs one in a test.
package keepertest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/keeper"
)

// Place is somewhere keys lie. Open opens the same keys each time; Faults are
// ways to take the keeper away and bring it back.
type Place struct {
	Open   func(t *testing.T) keeper.Keeper
	Faults []Fault
}

// Fault takes a keeper away.
type Fault struct {
	Name  string
	Break func(t *testing.T)
	Mend  func(t *testing.T)
	Want  error // what calls answer meanwhile
}

// Run holds a keeper to its promises. fresh gives a place with fresh keys.
func Run(t *testing.T, fresh func(t *testing.T) Place) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, p Place)
	}{
		{"wrap", testWrap},
		{"items fail singly", testPartial},
		{"rotate, rewrap, trim", testEpoch},
		{"seal", testSeal},
		{"mac", testMAC},
		{"sign", testSign},
		{"status", testStatus},
		{"wrong use", testWrongUse},
		{"concurrent", testConcurrent},
		{"faults", testFaults},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, fresh(t)) })
	}
}

func items(n int, size int) []keeper.Item {
	all := make([]keeper.Item, n)
	for i := range all {
		all[i] = keeper.Item{Context: fmt.Appendf(nil, "row-%d", i), Bytes: bytes.Repeat([]byte{byte(i), 7}, size/2)}
	}
	return all
}

// with gives the items' contexts other bytes.
func with(its []keeper.Item, b [][]byte) []keeper.Item {
	out := make([]keeper.Item, len(its))
	for i := range its {
		out[i] = keeper.Item{Context: its[i].Context, Bytes: b[i]}
	}
	return out
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantItems(t *testing.T, got [][]byte, want []keeper.Item) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d answers for %d items", len(got), len(want))
	}
	for i := range want {
		if !bytes.Equal(got[i], want[i].Bytes) {
			t.Fatalf("item %d came back as another", i)
		}
	}
}

func testWrap(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	plain := items(300, 32)
	wrapped := must[[][]byte](t)(k.Wrap(ctx, 3, plain))
	for i, w := range wrapped {
		if bytes.Contains(w, plain[i].Bytes) {
			t.Fatalf("item %d is in the clear", i)
		}
	}
	again := must[[][]byte](t)(k.Wrap(ctx, 3, plain[:1]))
	if bytes.Equal(again[0], wrapped[0]) {
		t.Error("the same bytes wrap alike twice: equal keys can be told apart")
	}
	wantItems(t, must[[][]byte](t)(p.Open(t).Unwrap(ctx, 3, with(plain, wrapped))), plain)
	if got := must[[][]byte](t)(k.Wrap(ctx, 3, nil)); len(got) != 0 {
		t.Errorf("no items gave %d answers", len(got))
	}
}

func testPartial(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	plain := items(5, 32)
	its := with(plain, must[[][]byte](t)(k.Wrap(ctx, 0, plain)))
	other := must[[][]byte](t)(k.Wrap(ctx, 1, plain[:1]))[0]
	its[1].Context = []byte("row-2")                       // another row's
	its[2].Bytes = bytes.Clone(its[2].Bytes)               // changed
	its[2].Bytes[len(its[2].Bytes)-3] ^= 0x01              //
	its[3].Bytes, its[3].Context = other, plain[0].Context // another shard's
	got, err := k.Unwrap(ctx, 0, its)
	var failed keeper.ItemErrors
	if !errors.As(err, &failed) || len(failed) != 3 {
		t.Fatalf("got %v, want three items to fail", err)
	}
	for _, i := range []int{1, 2, 3} {
		if !errors.Is(failed[i], keeper.ErrWrong) || got[i] != nil {
			t.Errorf("item %d: %v, want ErrWrong and nothing", i, failed[i])
		}
	}
	for _, i := range []int{0, 4} {
		if !bytes.Equal(got[i], plain[i].Bytes) {
			t.Errorf("item %d was lost with the others", i)
		}
	}
	if !errors.Is(err, keeper.ErrWrong) {
		t.Errorf("errors.Is does not see through %v", err)
	}
	// Versions that the keeper does not have yet, in the forms of both: nothing is
	// answered, so that nobody takes the key for destroyed.
	ahead := 0
	for _, b := range [][]byte{append([]byte{1, 0, 0, 0x27, 0x0f}, make([]byte, 60)...), []byte("vault:v9999:AAAA")} {
		got, err := k.Unwrap(ctx, 0, []keeper.Item{its[0], {Context: []byte("x"), Bytes: b}})
		switch {
		case errors.Is(err, keeper.ErrAhead) && got == nil:
			ahead++
		case !errors.Is(err, keeper.ErrWrong): // the other keeper's form
			t.Errorf("%q: %v with %d answers, want ErrAhead or ErrWrong", b, err, len(got))
		}
	}
	if ahead != 1 {
		t.Errorf("%d of the forms are of a version to come, want one", ahead)
	}
	for _, junk := range [][]byte{nil, {1}, []byte("vault:v1:"), []byte("vault:v1:!!")} {
		if _, err := k.Unwrap(ctx, 0, []keeper.Item{{Context: []byte("x"), Bytes: junk}}); !errors.Is(err, keeper.ErrWrong) {
			t.Errorf("junk %q: %v, want ErrWrong", junk, err)
		}
	}
}

func testEpoch(t *testing.T, p Place) {
	ctx, k, replica := t.Context(), p.Open(t), p.Open(t)
	plain := items(40, 32)
	old := must[[][]byte](t)(k.Wrap(ctx, 5, plain))
	if v := must[int](t)(k.Rotate(ctx, 5)); v != 2 {
		t.Fatalf("rotated to version %d, want 2", v)
	}
	fresh := must[[][]byte](t)(replica.Rewrap(ctx, 5, with(plain[:20], old[:20])))
	wantItems(t, must[[][]byte](t)(replica.Unwrap(ctx, 5, with(plain, old))), plain)
	if err := k.Trim(ctx, 5); err != nil {
		t.Fatal(err)
	}
	for _, open := range []keeper.Keeper{k, replica, p.Open(t)} {
		wantItems(t, must[[][]byte](t)(open.Unwrap(ctx, 5, with(plain[:20], fresh))), plain[:20])
		if _, err := open.Unwrap(ctx, 5, with(plain[20:], old[20:])); !errors.Is(err, keeper.ErrGone) {
			t.Errorf("a trimmed version answers %v, want ErrGone", err)
		}
		if _, err := open.Rewrap(ctx, 5, with(plain[20:], old[20:])); !errors.Is(err, keeper.ErrGone) {
			t.Errorf("rewrap of a trimmed version answers %v, want ErrGone", err)
		}
	}
	wantItems(t, must[[][]byte](t)(k.Unwrap(ctx, 5, with(plain, must[[][]byte](t)(replica.Wrap(ctx, 5, plain))))), plain)
	if err := k.Trim(ctx, 5); err != nil {
		t.Errorf("a second trim has nothing to do, but says %v", err)
	}
}

func testSeal(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	secret := []byte("JBSWY3DPEHPK3PXP")
	sealed := must[[]byte](t)(k.Seal(ctx, "mfa/ana", secret))
	if bytes.Contains(sealed, secret) {
		t.Error("sealed in the clear")
	}
	if v := must[int](t)(k.RotateSeal(ctx)); v != 2 {
		t.Errorf("rotated to version %d, want 2", v)
	}
	if got := must[[]byte](t)(p.Open(t).Open(ctx, "mfa/ana", sealed)); !bytes.Equal(got, secret) {
		t.Error("another secret came out")
	}
	if _, err := k.Open(ctx, "mfa/eve", sealed); !errors.Is(err, keeper.ErrWrong) {
		t.Errorf("another context opens it: %v", err)
	}
	if _, err := k.Unwrap(ctx, 0, []keeper.Item{{Context: []byte("mfa/ana"), Bytes: sealed}}); !errors.Is(err, keeper.ErrWrong) {
		t.Errorf("a wrapping key opens it: %v", err)
	}
}

func testMAC(t *testing.T, p Place) {
	ctx := t.Context()
	a := must[[]byte](t)(p.Open(t).MACKey(ctx, "tokens"))
	b := must[[]byte](t)(p.Open(t).MACKey(ctx, "tokens"))
	c := must[[]byte](t)(p.Open(t).MACKey(ctx, "tags"))
	if len(a) != 32 || !bytes.Equal(a, b) || bytes.Equal(a, c) {
		t.Errorf("mac keys %d bytes; same purpose equal %v; other purpose equal %v", len(a), bytes.Equal(a, b), bytes.Equal(a, c))
	}
}

func testSign(t *testing.T, p Place) {
	ctx, k, replica := t.Context(), p.Open(t), p.Open(t)
	msg := []byte("privet.example/trail\n1\nAAAA\n")
	sig, v, err := k.Sign(ctx, msg)
	if err != nil || v != 1 {
		t.Fatalf("sign: version %d, %v", v, err)
	}
	if v := must[int](t)(k.RotateSign(ctx)); v != 2 {
		t.Fatalf("rotated to version %d, want 2", v)
	}
	keys := must[[]keeper.PublicKey](t)(replica.PublicKeys(ctx))
	if len(keys) != 2 || keys[0].Version != 1 || keys[1].Version != 2 {
		t.Fatalf("public keys %v, want versions 1 and 2", keys)
	}
	if !ed25519.Verify(keys[0].Ed25519, msg, sig) || ed25519.Verify(keys[1].Ed25519, msg, sig) {
		t.Error("the first signature belongs to the first key alone")
	}
	sig2, v2, err := replica.Sign(ctx, msg)
	if err != nil || v2 != 2 || !ed25519.Verify(keys[1].Ed25519, msg, sig2) {
		t.Errorf("a replica signs as version %d after the rotation: %v", v2, err)
	}
	if overlap := must[[]byte](t)(k.SignAs(ctx, 1, msg)); !ed25519.Verify(keys[0].Ed25519, msg, overlap) {
		t.Error("SignAs(1) does not verify under version 1")
	}
	if _, err := k.SignAs(ctx, 9, msg); err == nil {
		t.Error("a version that never was signs")
	}
}

func testStatus(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	must[int](t)(k.Rotate(ctx, 2))
	must[int](t)(k.Rotate(ctx, 2))
	if err := k.Trim(ctx, 2); err != nil {
		t.Fatal(err)
	}
	must[int](t)(k.Rotate(ctx, 2))
	var seen []string
	for _, s := range must[[]keeper.KeyStatus](t)(k.Status(ctx)) {
		seen = append(seen, s.Name)
		if s.Name == "shard-02" && (s.Oldest != 3 || s.Newest != 4) {
			t.Errorf("shard-02 has versions %d to %d, want 3 to 4", s.Oldest, s.Newest)
		}
		if s.Made.IsZero() && s.Name != "mac" { // which Vault does not tell
			t.Errorf("%s does not say when it was made", s.Name)
		}
	}
	if len(seen) != keeper.Shards+3 {
		t.Errorf("status lists %v", seen)
	}
}

func testWrongUse(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	for _, shard := range []int{-1, keeper.Shards} {
		if _, err := k.Wrap(ctx, shard, items(1, 8)); err == nil {
			t.Errorf("shard %d wraps", shard)
		}
		if _, err := k.Rotate(ctx, shard); err == nil {
			t.Errorf("shard %d rotates", shard)
		}
	}
	if _, err := k.Wrap(ctx, 0, []keeper.Item{{Bytes: []byte("x")}}); err == nil {
		t.Error("an item without a context was wrapped")
	}
	if _, err := k.Seal(ctx, "", []byte("x")); err == nil {
		t.Error("a secret without a context was sealed")
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := k.Wrap(gone, 0, items(1, 8)); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled call answers %v", err)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := k.Wrap(ctx, 0, items(1, 8)); !errors.Is(err, keeper.ErrDown) {
		t.Errorf("a closed keeper answers %v, want ErrDown", err)
	}
}

func testConcurrent(t *testing.T, p Place) {
	ctx, k := t.Context(), p.Open(t)
	plain := items(64, 32)
	wrapped := with(plain, must[[][]byte](t)(k.Wrap(ctx, 7, plain)))
	var wg sync.WaitGroup
	for g := range 64 {
		wg.Go(func() {
			for n := range 8 {
				i := (g + n) % len(plain)
				got, err := k.Unwrap(ctx, 7, wrapped[i:i+1])
				if err != nil || !bytes.Equal(got[0], plain[i].Bytes) {
					t.Errorf("unwrap %d beside others: %v", i, err)
					return
				}
			}
		})
	}
	must[int](t)(k.Rotate(ctx, 7))
	wg.Wait()
}

func testFaults(t *testing.T, p Place) {
	if len(p.Faults) == 0 {
		t.Fatal("the place names no fault")
	}
	ctx, k := t.Context(), p.Open(t)
	plain := items(1, 32)
	wrapped := with(plain, must[[][]byte](t)(k.Wrap(ctx, 0, plain)))
	for _, f := range p.Faults {
		t.Run(f.Name, func(t *testing.T) {
			f.Break(t)
			for range 3 {
				if _, err := k.Unwrap(ctx, 0, wrapped); !errors.Is(err, f.Want) {
					t.Errorf("unwrap: %v, want %v", err, f.Want)
				}
				if _, _, err := k.Sign(ctx, []byte("m")); !errors.Is(err, f.Want) {
					t.Errorf("sign: %v, want %v", err, f.Want)
				}
				if err := k.Health(ctx); !errors.Is(err, f.Want) {
					t.Errorf("health: %v, want %v", err, f.Want)
				}
			}
			f.Mend(t)
			Eventually(t, func() error { return k.Health(ctx) })
			wantItems(t, must[[][]byte](t)(k.Unwrap(ctx, 0, wrapped)), plain)
		})
	}
}

// Eventually waits until f succeeds; it fails the test after a minute.
func Eventually(t testing.TB, f func() error) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := time.After(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-last:
			t.Fatalf("still after a minute: %v", err)
		}
	}
}
