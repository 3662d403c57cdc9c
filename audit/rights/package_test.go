package rights

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// plenty holds many large rows of one person, made up as they are asked for.
type plenty struct {
	memory
	rows int
	size int
}

func (p *plenty) Find(_ context.Context, c *Collection, field string, values []string) ([]Row, error) {
	row := func(id int) (Row, error) {
		rng := rand.New(rand.NewPCG(uint64(id), 1))
		var text strings.Builder
		for text.Len() < p.size {
			fmt.Fprintf(&text, "%x ", rng.Uint64())
		}
		return NewRow(c, map[string]any{"id": fmt.Sprint(id), "email": victim, "text": text.String()})
	}
	var out []Row
	if field == "email" { // locating needs keys, not texts
		for i := range p.rows {
			r, err := NewRow(c, map[string]any{"id": fmt.Sprint(i), "email": victim})
			if err != nil {
				return nil, err
			}
			out = append(out, r)
		}
		return out, nil
	}
	for _, v := range values {
		var id int
		if _, err := fmt.Sscan(v, &id); err != nil {
			return nil, err
		}
		r, err := row(id)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, nil
}

// A package streams: what the process holds does not grow with it.
func TestPackageStreams(t *testing.T) {
	rows, size := 2_000, 16<<10
	if *long {
		rows = 32_768 // half a GiB as JSON, half as CSV
	}
	m, err := ParseMap([]byte(`
version: t
systems:
- name: big
  collections:
  - name: letters
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}, {name: text, class: person}]
`))
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	f := newFixture(t, db, m, map[string]Holder{"big": &plenty{rows: rows, size: size}}, func(c *Config) { c.Directory = someone{} })
	r := f.approve(t, f.file(t, Filing{Right: Access, Email: victim, Jurisdiction: "DE"}))
	var peak atomic.Uint64
	stop := make(chan struct{})
	go func() {
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-stop:
				tick.Stop()
				return
			case <-tick.C:
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				peak.Store(max(peak.Load(), s.HeapInuse))
			}
		}
	}()
	r = f.advance(t, r.ID)
	close(stop)
	if r.Status != CompletedFull {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	token, err := f.Session(context.Background(), r.ID)
	if err != nil {
		t.Fatal(err)
	}
	stream, about, err := f.Download(context.Background(), r.ID, Proof{Session: token})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	n, err := io.Copy(io.Discard, stream)
	if err != nil || n != about.Bytes {
		t.Errorf("%d of %d bytes came: %v", n, about.Bytes, err)
	}
	raw := int64(rows) * int64(size) * 2
	t.Logf("%d MiB of data, a ZIP of %d MiB, peak heap in use %d MiB", raw>>20, about.Bytes>>20, peak.Load()>>20)
}
