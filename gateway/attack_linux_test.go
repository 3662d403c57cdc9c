package gateway

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/privet-gateway/privet/redact"
)

// errandVariable names what the test's binary is to be, in a process of its own.
const errandVariable = "PRIVET_TEST_ERRAND"

// attacks are run by a process of their own, from an address of their own.
func attacks() map[string]func(addr string, n int, open func(), stop <-chan struct{}) {
	return map[string]func(addr string, n int, open func(), stop <-chan struct{}){
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
		"handshakes": func(addr string, n int, open func(), stop <-chan struct{}) {
			open()
			again(stop, func() { hold(addr, 1, func() {}, closed(), "") })
		},
	}
}

// TestAttacks: while somebody starves the door, honest agents are served, and
// memory stays bounded. Attacker, agents and door are three processes. In full,
// where waiting is measured, the attacker runs at idle priority: what it takes of
// the machine itself is not the door's doing.
func TestAttacks(t *testing.T) {
	n, requests := 30, 100
	if *full {
		n, requests = 500, 3000
	}
	for name := range attacks() {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, says("application/json", account), func(c *Config) { c.Strangers = 100 })
			addr := h.open(ListenConfig{})
			quiet := h.honest(addr, requests)
			before := heap()
			attacker, said := process(t, "attack", name, addr, fmt.Sprint(n))
			if line, err := said.ReadString('\n'); line != "open\n" {
				t.Fatalf("the attacker says %q, %v", line, err)
			}
			busy := h.honest(addr, requests)
			grown := int64(heap()) - int64(before)
			_ = attacker.Close()
			t.Logf("honest p99 %v alone, %v beside (%.1f×); heap grew by %.1f MB", quiet, busy, float64(busy)/float64(quiet), float64(grown)/1e6)
			if grown > 200<<20 {
				t.Errorf("the heap grew by %d bytes", grown)
			}
		})
	}
}

// process starts the test's binary with an errand; it ends with its input or the test.
func process(t *testing.T, errand ...string) (end io.Closer, said *bufio.Reader) {
	t.Helper()
	c := exec.Command(os.Args[0])
	if *full && errand[0] == "attack" { // in truth it has processors of its own: it gets what is left of these
		c = exec.Command("chrt", "--idle", "0", os.Args[0])
	}
	c.Env, c.Stderr = append(os.Environ(), errandVariable+"="+strings.Join(errand, "|")), os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Process.Kill(); _ = c.Wait() })
	return in, bufio.NewReader(out)
}

// runErrand is such a process: an attacker, until its input ends, or honest
// agents, who say how long they had to wait.
func runErrand(errand string) error {
	f := strings.Split(errand, "|")
	n, err := strconv.Atoi(f[3])
	if err != nil {
		return err
	}
	if f[0] == "honest" {
		took, err := askHonestly(f[2], n)
		fmt.Println(int64(took))
		return err
	}
	stop := make(chan struct{})
	go func() { _, _ = io.Copy(io.Discard, os.Stdin); close(stop) }()
	attacks()[f[1]](f[2], n, func() { fmt.Println("open") }, stop)
	return nil
}

func closed() <-chan struct{} { c := make(chan struct{}); close(c); return c }

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// honest is the 99th percentile that honest agents wait.
func (h *house) honest(addr string, n int) time.Duration {
	h.t.Helper()
	_, said := process(h.t, "honest", "", addr, fmt.Sprint(n))
	var took int64
	if _, err := fmt.Fscan(said, &took); err != nil || took == 0 {
		h.t.Fatalf("honest agents were not served: %v", err)
	}
	return time.Duration(took)
}

// askHonestly asks n times after some for warmth; every answer must be right.
func askHonestly(addr string, n int) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	took := make([]time.Duration, 0, n)
	for i := range n + n/3 {
		r, err := http.NewRequest("GET", "https://"+addr+"/api/accounts/alice", nil)
		if err != nil {
			return 0, err
		}
		r.Host = host
		r.Header.Set(SessionHeader, token)
		began := time.Now()
		res, err := client.Do(r)
		if err != nil {
			return 0, err
		}
		_, err = io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != 200 {
			return 0, fmt.Errorf("answered %d, %w", res.StatusCode, err)
		}
		if i >= n/3 {
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return took[n*99/100], nil
}

// stranger dials from an address that no honest agent has.
func stranger(addr string, cfg *tls.Config) (*tls.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 6, 6, 6)}, Timeout: 5 * time.Second}, "tcp", addr, cfg)
}

// hold opens n connections, tells when they are, says the beginning of something on each, and keeps
// them until told to stop.
func hold(addr string, n int, open func(), stop <-chan struct{}, said string) {
	var conns []*tls.Conn
	for range n {
		conn, err := stranger(addr, &tls.Config{InsecureSkipVerify: true})
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
	conn, err := stranger(addr, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
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
	size := 24 << 20
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

// TestCompressedBombs: a few kilobytes that unpack to a large answer, three at a
// time, in every coding and as one value or as many: refused or torn off, and
// never held whole. A decoder may hold a window of 16 MiB (RFC 7932 §9.1).
func TestCompressedBombs(t *testing.T) {
	size := 32 << 20
	if *full {
		size = 1 << 30
	}
	many := strings.Repeat(`"aaaaaaaaaaaaa",`, 1<<16)
	for _, coding := range []string{"gzip", "br", "zstd"} {
		for name, block := range map[string]string{"one value": strings.Repeat("a", 1<<20), "many": many} {
			t.Run(coding+", "+name, func(t *testing.T) {
				var packed bytes.Buffer
				w, err := redact.Encode(coding, &packed)
				if err != nil {
					t.Fatal(err)
				}
				io.WriteString(w, `{"items":["`)
				if name == "many" {
					io.WriteString(w, `",`)
				}
				for n := 0; n < size; n += len(block) {
					io.WriteString(w, block)
				}
				if err := w.Close(); err != nil {
					t.Fatal(err)
				}
				h := newHouse(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.Header().Set("Content-Type", "application/json")
					w.Header().Set("Content-Encoding", coding)
					_, _ = w.Write(packed.Bytes())
				}), compressing)
				before, most := heap(), uint64(0)
				var wait sync.WaitGroup
				for range 3 {
					wait.Go(func() {
						res, err := h.client("h1").Do(h.request("GET", "/api/accounts/alice", nil))
						if err != nil {
							return // torn off
						}
						defer res.Body.Close()
						if n, err := io.Copy(io.Discard, res.Body); res.StatusCode == http.StatusOK && err == nil {
							t.Errorf("%d KB unpack to %d MB, and %d bytes of it pass", packed.Len()>>10, size>>20, n)
						}
					})
				}
				done := make(chan struct{})
				go func() { wait.Wait(); close(done) }()
				for under := true; under; {
					most = max(most, heap())
					select {
					case <-done:
						under = false
					default:
					}
				}
				grown := int64(most) - int64(before)
				t.Logf("%d KB for %d MB: heap grew by %.1f MB", packed.Len()>>10, size>>20, float64(grown)/1e6)
				if grown > 64<<20 {
					t.Errorf("the heap grew by %d bytes", grown)
				}
			})
		}
	}
}

// TestBlames: who sends malformed heads all the time is hung up on before a
// handshake; somebody else's address, and a proxy that speaks for many, is not.
func TestBlames(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	spared := h.open(ListenConfig{Blames: 1, Spares: func(a netip.Addr) bool { return a == netip.MustParseAddr("127.6.6.6") }})
	for range 50 {
		conn, err := stranger(spared, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatalf("a proxy: %v", err)
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost : %s\r\n\r\n", host)
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
	}
	addr := h.open(ListenConfig{Blames: 1})
	for i := 0; ; i++ {
		conn, err := stranger(addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			if i < 10 {
				t.Errorf("hung up on after %d", i)
			}
			break
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost : %s\r\n\r\n", host)
		_, _ = io.Copy(io.Discard, conn)
		conn.Close()
		if i > 1000 {
			t.Fatal("not hung up on")
		}
	}
	conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatalf("another address: %v", err)
	}
	conn.Close()
}

// TestHugeHeads: a head that is too long is answered before the rest of it is
// read, and weighs as much as several malformed ones.
func TestHugeHeads(t *testing.T) {
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{Blames: 3})
	for i := 0; ; i++ {
		conn, err := stranger(addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			if i < 6 || i > 7 {
				t.Errorf("shut out after %d", i)
			}
			return
		}
		if i > 7 {
			t.Fatal("not shut out")
		}
		fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nX: %s", host, strings.Repeat("a", longestHead-100))
		io.WriteString(conn, strings.Repeat("a", 200)) // what was answered is not lost behind a reset
		if said, _ := io.ReadAll(conn); i < 6 && !strings.HasPrefix(string(said), "HTTP/1.1 431 ") {
			t.Errorf("%d: answered %.40q", i, said)
		}
		conn.Close()
	}
}
