package main

import (
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
)

// trailOf opens the trail of a configuration as a command does.
func trailOf(t *testing.T, config string, act func(h *house)) {
	t.Helper()
	h, err := keysState{state: state{Config: config}}.trail(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	act(h)
}

// A copy of the whole database, put back after somebody was erased, is adopted:
// people are there again, the erased are not, and what follows is another log.
func TestWholeBackupIsAdopted(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	privet(t, 0, "keys", "init", "--config", config)
	view := func(h *house, subject string) {
		if _, err := h.trail.Append(t.Context(), audit.Event{Kind: "view.intent", Subjects: []string{subject}, Personal: map[string]string{"phone": "+49 30 1"}}); err != nil {
			t.Fatal(err)
		}
	}
	trailOf(t, config, func(h *house) { view(h, "cust_1"); view(h, "cust_2") })
	_, said := privet(t, 1, "agents", "list", "--config", config)
	mentions(t, said, "read catalogue of cases")
	catalogue := "tool: cases\nscreens: [{id: list, path: /list, media: application/json, shape: list}]\nshapes: {list: {fields: {name: person}}}\n"
	if err := os.WriteFile(at("none.yaml"), []byte(catalogue), 0o600); err != nil {
		t.Fatal(err)
	}
	privet(t, 0, "agents", "add", "mara", "--role", "tier1", "--config", config)
	privet(t, 0, "audit", "backup", "--all", "--config", config, "--out", at("copy.db"), "--by", "olga")
	trailOf(t, config, func(h *house) {
		if _, err := h.trail.Erase(t.Context(), "cust_2"); err != nil {
			t.Fatal(err)
		}
	})
	copied, err := os.ReadFile(at("copy.db"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"privet.db-wal", "privet.db-shm"} {
		if err := os.Remove(at(name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(at("privet.db"), copied, 0o600); err != nil {
		t.Fatal(err)
	}
	_, said = privet(t, 1, "audit", "restore", "--config", config)
	mentions(t, said, "have the trail open") // the command that made the copy, a moment ago
	h, err := keysState{state: state{Config: config}}.open(t.Context(), os.Stderr)
	if err == nil {
		err = h.openRecords(t.Context())
	}
	if err == nil {
		err = h.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec("UPDATE trail_lanes SET until = 0") // a lease is over in seconds
			return err
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	h.close()
	out, _ := privet(t, 0, "audit", "restore", "--config", config, "--by", "rosa")
	mentions(t, out, "restored; 1 people erased again")
	out, _ = privet(t, 0, "audit", "tail", "--config", config)
	mentions(t, out, "cust_1", "(1 erased)", "agent.add", "trail.backup      olga", "trail.restored    rosa")
	if strings.Contains(out, "cust_2") {
		t.Errorf("the erased is named again:\n%s", out)
	}
	out, _ = privet(t, 0, "agents", "list", "--config", config)
	mentions(t, out, "mara")
	privet(t, 0, "audit", "export", "--config", config, "--out", at("all.zip"))
	out, _ = privet(t, 0, "audit", "verify", at("all.zip"), "--key", at("trail.vkey"))
	mentions(t, out, "VERDICT: VERIFIED", "erased=1")
}

// Entries older than twelve months go by command, with their proofs intact;
// younger ones cannot be made to.
func TestRetentionByCommand(t *testing.T) {
	dir := t.TempDir()
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	privet(t, 0, "keys", "init", "--config", config)
	trailOf(t, config, func(h *house) {
		old := time.Now().Add(-400 * 24 * time.Hour)
		aged, err := audit.Open(t.Context(), audit.Config{Store: h.db, Signer: h.keeper, Wrapper: h.keeper, Origin: h.cfg.Trail.Origin,
			Timeout: time.Minute, Checkpoint: time.Hour, MaxLag: 10 * 366 * 24 * time.Hour, Clock: func() time.Time { return old }})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 600 {
			if _, err := aged.Append(t.Context(), audit.Event{Kind: "view.intent", Request: fmt.Sprint("old", i)}); err != nil {
				t.Fatal(err)
			}
		}
		if err := aged.Close(); err != nil {
			t.Fatal(err)
		}
	})
	fill(t, config, 100)
	_, said := privet(t, 1, "audit", "prune", "--config", config, "--before", time.Now().Add(-100*24*time.Hour).Format(time.DateOnly))
	mentions(t, said, "are kept by trail.retention")
	out, _ := privet(t, 0, "audit", "prune", "--config", config)
	mentions(t, out, "512 entries") // whole tiles
	out, _ = privet(t, 0, "audit", "prune", "--config", config)
	mentions(t, out, "0 entries")
	archive := filepath.Join(dir, "all.zip")
	privet(t, 0, "audit", "export", "--config", config, "--out", archive)
	out, _ = privet(t, 0, "audit", "verify", archive, "--key", filepath.Join(dir, "trail.vkey"))
	mentions(t, out, "VERDICT: VERIFIED", "pruned=512")
	out, _ = privet(t, 0, "audit", "tail", "--config", config, "-n", "1000")
	mentions(t, out, "trail.pruned")
	if n := strings.Count(out, "view.intent"); n != 188 {
		t.Errorf("%d entries stay, want 88 old ones of an unfinished tile and 100 of today", n)
	}
}
