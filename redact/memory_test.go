package redact

import (
	"flag"
	"io"
	"runtime"
	"testing"
)

var streamed = flag.Int("stream-mb", 7, "megabytes that TestStreamMemory streams; 10240 for the full run")

// TestStreamMemory: memory does not grow with the stream, whatever its lines.
func TestStreamMemory(t *testing.T) {
	e := engine(t, Config{Profile: Strict})
	for name, piece := range map[string][]byte{
		"lines":          mixedCorpus(1 << 16),
		"one line":       []byte(`{"a":"x y z","n":4111111111111111,"m":"a@b.example"},`),
		"one word":       []byte("abcdefgh"),
		"one secret":     []byte("password=\"aaaaaaaaaaaaaaaa"),
		"invalid UTF-8":  {0xff, 0xfe, 0x00, 0x80, '4', '1'},
		"blanks":         []byte("        "),
		"nested escapes": []byte(`\\\\\\\\\\\\u0034`),
	} {
		w := e.Writer(io.Discard)
		var before, after runtime.MemStats
		limit := *streamed << 20 / 7
		for sent := 0; sent < limit; sent += len(piece) {
			if sent >= limit/2 && before.HeapAlloc == 0 {
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
			if _, err := w.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 4<<20 {
			t.Errorf("%s: the heap grew by %d KiB in the second half of the stream", name, grown>>10)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
