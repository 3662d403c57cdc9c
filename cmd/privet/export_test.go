package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/privet-gateway/privet/audit"
)

// An export whose process is killed goes on with the same command.
func TestKilledExportGoesOn(t *testing.T) {
	dir := t.TempDir()
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	out := filepath.Join(dir, "all.zip")
	privet(t, 0, "keys", "init", "--config", config)
	fill(t, config, 12_000)
	export := []string{"audit", "export", "--config", config, "--out", out, "--by", "olga"}
	exports := 1
	for ; !killedExport(t, out, export); exports++ { // it was faster than the kill
		if err := os.Remove(out); err != nil && !os.IsNotExist(err) || exports == 20 {
			t.Fatalf("try %d: %v", exports, err)
		}
	}
	_, said := privet(t, 2, "audit", "export", "--config", config, "--out", out, "--by", "paul")
	mentions(t, said, "another export was begun", "all.zip.partial")
	printed, said := privet(t, 0, export...)
	mentions(t, printed, "entries of 120")
	mentions(t, said, "leaves had been read by an earlier run")
	printed, _ = privet(t, 0, "audit", "verify", out, "--key", filepath.Join(dir, "trail.vkey"))
	mentions(t, printed, "VERDICT: VERIFIED entries=120")
	printed, _ = privet(t, 0, "audit", "tail", "--config", config, "--kind", "trail.export")
	if n := strings.Count(printed, "trail.export"); n > exports {
		t.Errorf("%d exports, but the trail has %d:\n%s", exports, n, printed)
	}
}

// killedExport starts an export and kills it as soon as some of it is done. It
// says whether the kill was in time.
func killedExport(t *testing.T, out string, args []string) bool {
	t.Helper()
	cmd := privetProcess(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	for looking := true; looking; {
		looking = !begun(out)
		select {
		case <-ended:
			looking = false
		default:
		}
	}
	_ = cmd.Process.Kill()
	<-ended
	_, err := os.Stat(out)
	return err != nil && begun(out)
}

// begun says whether an unfinished export has something to go on from.
func begun(out string) bool {
	var at struct{ Leaves int64 }
	text, err := os.ReadFile(filepath.Join(out+".partial", "state.json"))
	return err == nil && json.Unmarshal(text, &at) == nil && at.Leaves > 0
}

// fill appends n events to the trail of a configuration.
func fill(t *testing.T, config string, n int) {
	t.Helper()
	h, err := keysState{state: state{Config: config}}.trail(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	var wg sync.WaitGroup
	for w := range 64 {
		wg.Go(func() {
			for i := w; i < n; i += 64 {
				for tries := 0; ; tries++ { // a busy machine may refuse one
					_, err := h.trail.Append(t.Context(), audit.Event{Kind: "view.intent", Request: fmt.Sprint(i)})
					if err == nil {
						break
					}
					if tries == 50 {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}
