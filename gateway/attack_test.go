package gateway

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestAttacks: while somebody starves the door, honest agents are served, and
// memory stays bounded.
func TestAttacks(t *testing.T) {
	n := 50
	if *full {
		n = 500
	}
	for name, attack := range map[string]func(addr string, n int, open func(), stop <-chan struct{}){
		"slow heads": func(addr string, n int, open func(), stop <-chan struct{}) {
			hold(addr, n, open, stop, "GET /files/a HTTP/1.1\r\nHost: "+host+"\r\nX: ")
		},
		"slow bodies": func(addr string, n int, open func(), stop <-chan struct{}) {
			hold(addr, n, open, stop, "POST /api/accounts/alice HTTP/1.1\r\nHost: "+host+"\r\n"+SessionHeader+": "+token+"\r\nContent-Type: application/json\r\nContent-Length: 1000000\r\n\r\n{")
		},
		"huge heads": func(addr string, n int, open func(), stop <-chan struct{}) {
			huge := "GET /files/a HTTP/1.1\r\nHost: " + host + "\r\nX: " + strings.Repeat("a", 8<<20)
			open()
			again(stop, func() { hold(addr, 1, func() {}, closed(), huge) })
		},
		"rapid reset": func(addr string, n int, open func(), stop <-chan struct{}) {
			open()
			again(stop, func() { rapidReset(addr, 10*n) })
		},
		"empty connections": func(addr string, n int, open func(), stop <-chan struct{}) { hold(addr, n, open, stop, "") },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account), func(c *Config) { c.Strangers = 100 })
			addr := h.open(ListenConfig{})
			quiet := h.honest(addr, 300)
			before := heap()
			stop, started := make(chan struct{}), make(chan struct{})
			var attackers sync.WaitGroup
			attackers.Go(func() { attack(addr, n, func() { close(started) }, stop) })
			<-started
			busy := h.honest(addr, 300)
			grown := int64(heap()) - int64(before)
			close(stop)
			attackers.Wait()
			t.Logf("honest p99 %v alone, %v beside (%.1f×); heap grew by %.1f MB", quiet, busy, float64(busy)/float64(quiet), float64(grown)/1e6)
			if grown > 200<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

func closed() <-chan struct{} { c := make(chan struct{}); close(c); return c }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// honest asks n times and gives the 99th percentile; every answer must be right.
func (h *house) honest(addr string, n int) time.Duration {
	h.t.Helper()
	client := h.client("h1")
	took := make([]time.Duration, 0, n)
	for range n {
		r := h.request("GET", "/api/accounts/alice", nil)
		r.URL.Host = addr
		began := time.Now()
		res, err := client.Do(r)
		if err != nil {
			h.t.Fatalf("an honest agent was not served: %v", err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if res.StatusCode != 200 {
			h.t.Fatalf("an honest agent got %d", res.StatusCode)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	return took[n*99/100]
}

// hold opens n connections, tells when they are, says the beginning of something on each, and keeps
// them until told to stop.
func hold(addr string, n int, open func(), stop <-chan struct{}, said string) {
	var conns []*tls.Conn
	for range n {
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			continue
		}
		io.WriteString(conn, said)
		conns = append(conns, conn)
	}
	open()
	<-stop
	for _, c := range conns {
		c.Close()
	}
}

func again(stop <-chan struct{}, do func()) {
	for {
		select {
		case <-stop:
			return
		default:
			do()
		}
	}
}

// rapidReset opens streams and resets each at once (CVE-2023-44487).
func rapidReset(addr string, n int) {
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return
	}
	defer conn.Close()
	io.WriteString(conn, http2.ClientPreface)
	framer := http2.NewFramer(conn, conn)
	framer.WriteSettings()
	go io.Copy(io.Discard, conn)
	var head bytes.Buffer
	enc := hpack.NewEncoder(&head)
	for i := range n {
		head.Reset()
		for _, f := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", host}, {":path", fmt.Sprintf("/files/%d", i)}} {
			enc.WriteField(hpack.HeaderField{Name: f[0], Value: f[1]})
		}
		id := uint32(2*i + 1)
		if framer.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: head.Bytes(), EndStream: true, EndHeaders: true}) != nil ||
			framer.WriteRSTStream(id, http2.ErrCodeCancel) != nil {
			return
		}
	}
}

// TestBodyBomb: a gigabyte from a tool streams in constant memory.
func TestBodyBomb(t *testing.T) {
	size := 64 << 20
	if *full {
		size = 1 << 30
	}
	record := []byte(`{"name":"Alice Example","pan":"4111111111111111"},`)
	h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, `{"items":[`)
		block := bytes.Repeat(record, 1000)
		for sent := 0; sent < size; sent += len(block) {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
		io.WriteString(w, `{"name":"last"}]}`)
	}))
	before := heap()
	res, err := h.client("h1").Do(h.request("GET", "/api/list", nil))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var most uint64
	var shown int64
	buf := make([]byte, 1<<20)
	for i := 0; ; i++ {
		n, err := res.Body.Read(buf)
		shown += int64(n)
		if bytes.Contains(buf[:n], []byte("41111")) {
			t.Fatal("a card number was shown")
		}
		if i%2000 == 0 {
			most = max(most, heap())
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	grown := int64(most) - int64(before)
	t.Logf("%d MB in, %d MB shown, heap grew by %.1f MB", size>>20, shown>>20, float64(grown)/1e6)
	if grown > 64<<20 {
		t.Errorf("the heap grew by %d bytes", grown)
	}
}
