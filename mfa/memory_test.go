package mfa_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"flag"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

var inUseAtOnce = flag.Int("sessions", 2000, "sessions whose memory is measured; the goal is 10000")

// TestMemoryOfSessions: sessions in use take at most 2 KiB each of a replica's memory.
func TestMemoryOfSessions(t *testing.T) {
	n := *inUseAtOnce
	h := open(t, storetest.URL(t, store.SQLite), 1)
	h.add(t, "ada")
	now := h.clock.now().UnixMicro()
	tokens := make([]string, n)
	const proofs = `[{"Kind":"password","At":"2026-03-01T09:00:00Z"},{"Kind":"totp","At":"2026-03-01T09:00:00Z"}]`
	browser := "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	err := h.dbs[0].Write(t.Context(), func(tx *sql.Tx) error {
		for i := range tokens {
			tokens[i] = fmt.Sprintf("%043d", i)
			id, hash := fmt.Sprintf("session-%08d", i), sha256.Sum256([]byte(tokens[i]))
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO mfa_sessions (id, agent, proofs, purpose, matter, address, browser, created, seen, absolute, ended, why)
				VALUES ($1, 'ada', $2, 'servicing', 'C-1', '192.0.2.7', $3, $4, $4, $5, 0, '')`, id, proofs, browser, now, now+12*3600*1e6); err != nil {
				return err
			}
			if _, err := tx.ExecContext(t.Context(), `INSERT INTO mfa_tokens (hash, session, host) VALUES ($1, $2, '')`, hash[:], id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	look := func() {
		for _, token := range tokens {
			s, err := h.doors[0].Session(context.Background(), strings.Clone(token))
			if err != nil || s.Agent != "ada" || s.Case != "C-1" || len(s.Proofs) != 2 {
				t.Fatalf("%+v %v", s, err)
			}
		}
	}
	before := inUse()
	look()
	each := (inUse() - before) / int64(n)
	t.Logf("%d bytes a session", each)
	if each > 2<<10 {
		t.Errorf("a session takes %d bytes, want at most 2048", each)
	}
	runtime.KeepAlive(h)
}

func inUse() int64 {
	runtime.GC()
	runtime.GC() // pools are emptied by the second
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
