package rights

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
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
	text string // of which each row shows another part
	echo int    // so many times over: what repeats is quick to compress
}

func newPlenty(rows, size int) *plenty {
	pool := make([]byte, 1<<20) // far more than a compressor looks back
	rng := rand.NewChaCha8([32]byte{1})
	_, _ = rng.Read(pool) // never fails
	return &plenty{rows: rows, size: size, text: base64.StdEncoding.EncodeToString(pool), echo: 1}
}

func (p *plenty) Find(_ context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		row := func(id int) bool {
			from := id * 65_537 % (len(p.text) - p.size)
			r, err := NewRow(c, map[string]any{"id": fmt.Sprint(id), "email": victim, "text": strings.Repeat(p.text[from:from+p.size/p.echo], p.echo)})
			return yield(r, err) && err == nil
		}
		if field == "email" {
			for i := range p.rows {
				if !row(i) {
					return
				}
			}
		}
		for _, v := range values {
			if id, err := strconv.Atoi(v); err == nil && !row(id) {
				return
			}
		}
	}
}

const bigMap = `
version: t
systems:
- name: big
  collections:
  - name: letters
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}, {name: text, class: person}]
`

// A package streams: what the process holds does not grow with it.
func TestPackageStreams(t *testing.T) {
	rows, size := 1_000, 16<<10
	if *long {
		rows = 44_000                                              // a ZIP of 1 GiB
		defer debug.SetMemoryLimit(debug.SetMemoryLimit(48 << 20)) // as GOMEMLIMIT does for a small machine
	}
	m, err := ParseMap([]byte(bigMap))
	if err != nil {
		t.Fatal(err)
	}
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	big := newPlenty(rows, size)
	if !*long {
		big.echo = 16
	}
	f := newFixture(t, db, m, map[string]Holder{"big": big}, func(c *Config) { c.Directory = someone{} })
	r := f.approve(t, f.file(t, Filing{Right: Access, Email: victim, Jurisdiction: "DE"}))
	stop := watchMemory()
	r = f.advance(t, r.ID)
	peak := stop()
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
	t.Logf("%d MiB of data, a ZIP of %d MiB; at the peak %s", raw>>20, about.Bytes>>20, peak)
	if peak.heap > 64 {
		t.Errorf("the heap grew to %d MiB", peak.heap)
	}
}

// memoryPeak is the most seen, in MiB: the heap in use, and what the process held
// other than pages of its own file (RssAnon of Linux).
type memoryPeak struct{ heap, resident uint64 }

func (p memoryPeak) String() string {
	return fmt.Sprintf("%d MiB of heap in use, %d MiB resident besides the program's file", p.heap, p.resident)
}

// watchMemory looks often until it is stopped.
func watchMemory() (stop func() memoryPeak) {
	end, done := make(chan struct{}), make(chan memoryPeak)
	go func() {
		var peak memoryPeak
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-end:
				tick.Stop()
				done <- peak
				return
			case <-tick.C:
				var s runtime.MemStats
				runtime.ReadMemStats(&s)
				peak.heap, peak.resident = max(peak.heap, s.HeapInuse>>20), max(peak.resident, residentKB()>>10)
			}
		}
	}()
	return func() memoryPeak { close(end); return <-done }
}

func residentKB() (kb uint64) {
	raw, _ := os.ReadFile("/proc/self/status") // not there: 0
	for line := range strings.Lines(string(raw)) {
		if rest, ok := strings.CutPrefix(line, "RssAnon:"); ok {
			_, _ = fmt.Sscan(rest, &kb)
		}
	}
	return kb
}
