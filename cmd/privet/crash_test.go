package main

import (
	"bytes"
	"flag"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

var kills = flag.Int("kills", 2, "how often TestKill9 kills the house")

// TestKill9 kills the house in the middle of 64 sign-ins and views at a time,
// again and again. Every receipt that anybody was given must be in the trail
// afterwards, and the trail must verify.
func TestKill9(t *testing.T) {
	dir := t.TempDir()
	var receipts []string
	var sessions []string
	for round := range *kills {
		d := startDemo(t, dir)
		if sessions == nil {
			for _, name := range []string{"ada", "ben", "chen", "sofia"} {
				token, err := session(d.ready, name)
				if err != nil {
					t.Fatal(err)
				}
				sessions = append(sessions, token)
			}
		}
		got := storm(d, sessions, 100+37*(round%10))
		d.end(os.Kill)
		receipts = append(receipts, got...)
	}
	d := startDemo(t, dir)
	archive := filepath.Join(t.TempDir(), "trail.zip")
	d.privet(t, "audit", "export", "--dir", d.dir, "--out", archive)
	verdict := d.privet(t, "audit", "verify", archive, "--key", d.ready.TrailKey)
	if !bytes.Contains(verdict, []byte("VERDICT: VERIFIED")) {
		t.Errorf("after %d kills: %s", *kills, verdict)
	}
	entries, err := zipped(archive, "entries.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	lost := 0
	for _, r := range receipts {
		if !bytes.Contains(entries, []byte(`"`+r+`"`)) {
			lost++
		}
	}
	if lost > 0 || len(receipts) < 100 {
		t.Errorf("%d kills, %d receipts, %d lost", *kills, len(receipts), lost)
	}
	t.Logf("%d kills, %d receipts acknowledged, %d lost; %s", *kills, len(receipts), lost, bytes.TrimSpace(verdict))
}

// storm sends sign-ins and views from 64 callers until so many receipts came
// back, then kills the house under them, and returns every receipt that arrived.
func storm(d *demo, sessions []string, enough int) []string {
	var mu sync.Mutex
	var receipts []string
	var count atomic.Int64
	var callers sync.WaitGroup
	for i := range 64 {
		callers.Go(func() {
			for n := 0; ; n++ {
				resp, err := act(d, sessions[i%len(sessions)], i, n)
				if err != nil {
					return // it is dead
				}
				if r := resp.Header.Get("Privet-Receipt"); r != "" {
					mu.Lock()
					receipts = append(receipts, r)
					mu.Unlock()
					if count.Add(1) == int64(enough) {
						_ = d.process.Process.Kill()
					}
				}
				_ = resp.Body.Close()
			}
		})
	}
	callers.Wait()
	return receipts
}

// act is one view, or every fourth time one try to sign in.
func act(d *demo, token string, caller, n int) (*http.Response, error) {
	if n%4 == 3 {
		body := fmt.Sprintf(`{"agent":"nobody-%d","password":"never mind"}`, caller)
		return d.client.Post(d.ready.Desk+"/api/login", "application/json", bytes.NewReader([]byte(body)))
	}
	subject := d.ready.Holders[(caller*7+n)%len(d.ready.Holders)].Subject
	req, err := http.NewRequest(http.MethodGet, d.ready.Tool+"/api/accounts/"+subject, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Privet-Session", token)
	return d.client.Do(req)
}
