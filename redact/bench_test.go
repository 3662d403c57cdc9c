package redact

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"
)

// mixedCorpus is 70 % log lines and 30 % chat lines, digit-heavy, with a
// personal value in some of them.
func mixedCorpus(n int) []byte {
	rng := rand.New(rand.NewPCG(3, 5))
	var b bytes.Buffer
	for b.Len() < n {
		switch rng.IntN(10) {
		case 0, 1, 2:
			fmt.Fprintf(&b, "2026-11-%02dT%02d:%02d:%02d.%06dZ INFO request id=%08x path=/api/accounts/%d status=200 bytes=%d duration=%dus\n", 1+rng.IntN(28), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.IntN(1e6), rng.Uint32(), rng.IntN(1e6), rng.IntN(1e5), rng.IntN(1e5))
		case 3, 4:
			fmt.Fprintf(&b, `{"level":"info","ts":%d.%03d,"caller":"server/handler.go:%d","msg":"served","trace_id":"%016x%016x","latency_ms":%d,"retries":%d}`+"\n", 1763700000+rng.IntN(1e6), rng.IntN(1000), rng.IntN(900), rng.Uint64(), rng.Uint64(), rng.IntN(900), rng.IntN(3))
		case 5:
			fmt.Fprintf(&b, "10.%d.%d.%d - - [21/Nov/2026:%02d:%02d:%02d +0000] \"GET /static/app.%08x.js HTTP/1.1\" 304 0 \"-\" \"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36\"\n", rng.IntN(256), rng.IntN(256), rng.IntN(256), rng.IntN(24), rng.IntN(60), rng.IntN(60), rng.Uint32())
		case 6:
			fmt.Fprintf(&b, "kernel: [%6d.%06d] eth0: link up, 1000 Mbps, full duplex, lpa 0x%04x, queue %d of %d, order %d shipped\n", rng.IntN(1e6), rng.IntN(1e6), rng.IntN(65536), rng.IntN(8), 8, rng.IntN(1e9))
		case 7:
			b.WriteString("agent: Thank you for calling, how can I help you with your account today?\ncaller: I wanted to ask why my statement shows two charges from last week, I only remember making one of them.\n")
		case 8:
			b.WriteString("caller: I was travelling and the hotel said they would release the hold, but it is still there after ten days and nobody answers.\nagent: Let me have a look at that for you, one moment please.\n")
		default:
			switch rng.IntN(4) {
			case 0:
				fmt.Fprintf(&b, "caller: my card is %s and it expires 04/29\n", testCards[rng.IntN(len(testCards))])
			case 1:
				fmt.Fprintf(&b, "caller: you can reach me at 415-555-%04d or jane.doe%d@example.com\n", 100+rng.IntN(100), rng.IntN(100))
			case 2:
				b.WriteString("caller: my name is Maria Gonzalez and I live at 12 Elm Street, Springfield\n")
			default:
				b.WriteString("agent: I see, so the transfer to DE89 3704 0044 0532 0130 00 did not arrive?\n")
			}
		}
	}
	return b.Bytes()[:n]
}

func BenchmarkFind(b *testing.B) {
	text := mixedCorpus(8 << 20)
	chat := bytes.Repeat([]byte("agent: Thank you for calling, how can I help you with your account today? I wanted to ask why my statement shows two charges from last week.\n"), 8<<20/140)
	for _, p := range []Profile{Logs, Chat, Strict} {
		e := engine(b, Config{Profile: p})
		for name, t := range map[string][]byte{"mixed": text, "chat": chat} {
			b.Run(string(p)+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(t)))
				b.ReportAllocs()
				var spans []Span
				spans = e.Find(spans[:0], t[:1<<20])
				from := cpu()
				n := 0
				for b.Loop() {
					spans = e.Find(spans[:0], t)
					n++
				}
				b.ReportMetric(float64(n*len(t))/1e6/(cpu()-from).Seconds(), "MB/cpu-s")
			})
		}
	}
}

// cpu is the processor time of this process.
func cpu() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMessage reports the 99th percentile of 4 KB messages.
func BenchmarkMessage(b *testing.B) {
	text := mixedCorpus(4 << 20)
	e := engine(b, Config{Profile: Strict})
	var took []time.Duration
	var spans []Span
	for b.Loop() {
		for at := 0; at+4096 <= len(text); at += 4096 {
			from := time.Now()
			spans = e.Find(spans[:0], text[at:at+4096])
			took = append(took, time.Since(from))
		}
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Nanoseconds())/1e3, "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Nanoseconds())/1e3, "µs/p99")
}
