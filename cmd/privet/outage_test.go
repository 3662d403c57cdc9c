package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// TestOutage stops the database, then the keeper, under load: what cannot be
// written down is not shown, the refusal comes quickly, and all goes on by
// itself when the part is back.
func TestOutage(t *testing.T) {
	vault := keepertest.StartVault(t)
	mount := vault.Mount(t)
	token, err := os.ReadFile(vault.TokenFile(t, mount, "gateway", "officer"))
	if err != nil {
		t.Fatal(err)
	}
	wire := newWire(t, storetest.URL(t, store.PostgreSQL))
	d := startDemo(t, t.TempDir(), "--store", wire.url, "--vault", vault.Address, "--vault-mount", mount,
		"VAULT_TOKEN="+strings.TrimSpace(string(token)), "VAULT_CACERT="+vault.CAFile)
	ada, err := session(d.ready, "ada")
	if err != nil {
		t.Fatal(err)
	}
	shown, refused, _ := load(t, d, ada, 0) // a machine that is busy with other tests refuses a few
	if shown == 0 {
		t.Fatalf("before: %d shown, %d refused", shown, refused)
	}
	wire.freeze()
	shown, refused, took := load(t, d, ada, 0)
	if shown > 0 {
		t.Errorf("%d accounts shown without a database", shown)
	}
	t.Logf("database hung: %d refused, p50 %v, slowest %v", refused, took[len(took)/2], took[len(took)-1])
	wire.thaw()
	back := time.Now()
	keepertest.Eventually(t, func() error { return view(d, ada, 0) })
	t.Logf("database back: an account is shown after %v", time.Since(back))

	vault.Freeze(t)
	// A cardholder whose key is not in use needs the keeper; one whose key is, does not.
	shown, refused, took = load(t, d, ada, 100)
	if shown > 0 {
		t.Errorf("%d accounts of cold subjects shown without a keeper", shown)
	}
	t.Logf("keeper hung: %d refused, p50 %v, slowest %v", refused, took[len(took)/2], took[len(took)-1])
	vault.Thaw(t)
	back = time.Now()
	keepertest.Eventually(t, func() error { return view(d, ada, 100) })
	t.Logf("keeper back: an account of a cold subject is shown after %v", time.Since(back))
}

// load opens 200 accounts from 16 callers, beginning with the first-th.
func load(t *testing.T, d *demo, token string, first int) (shown, refused int, took []time.Duration) {
	t.Helper()
	var mu sync.Mutex
	var callers sync.WaitGroup
	for c := range 16 {
		callers.Go(func() {
			for n := range 12 {
				start := time.Now()
				err := view(d, token, first+(c*12+n)%60)
				mu.Lock()
				took = append(took, time.Since(start))
				if err == nil {
					shown++
				} else {
					refused++
				}
				mu.Unlock()
			}
		})
	}
	callers.Wait()
	slices.Sort(took)
	return shown, refused, took
}

type refusedError string

func (r refusedError) Error() string { return string(r) }

// view opens the n-th account; an error is a refusal that shows nothing of it.
func view(d *demo, token string, n int) error {
	holder := d.ready.Holders[n]
	req, err := http.NewRequest(http.MethodGet, d.ready.Tool+"/api/accounts/"+holder.Subject, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Privet-Session", token)
	resp, err := d.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		if bytes.Contains(body, []byte(holder.Subject)) || bytes.Contains(body, []byte(holder.Name)) {
			panic("a refusal shows the account")
		}
		return refusedError(resp.Status)
	}
	return nil
}
