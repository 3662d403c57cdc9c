package gateway

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base32"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/redact"
)

var sockets = flag.Int("sockets", 240, "WebSockets and event streams open when their session ends; the goal is 5000")

const agentsVariable = "PRIVET_TEST_AGENTS"

// TestMain lets the test binary be the tool and the agents, each a process of
// its own: what the tool does when thousands leave it must not hold up the
// agents' clock.
func TestMain(m *testing.M) {
	if errand := os.Getenv(errandVariable); errand != "" {
		if err := runErrand(errand); err != nil {
			fmt.Fprintln(os.Stderr, "errand:", err)
			os.Exit(1)
		}
		return
	}
	if who := os.Getenv(agentsVariable); who != "" {
		if err := map[string]func() error{"tool": beTool, "agents": beAgents}[who](); err != nil {
			fmt.Fprintln(os.Stderr, who+":", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// errand is what the agents are to open.
type errand struct {
	Addresses []string // of replicas
	Token     string
	Sockets   int
}

// beTool runs a tool whose streams are silent, until it is told nothing more.
func beTool() error {
	tool := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "" {
			conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
			if err == nil {
				_, _, _ = conn.Read(r.Context())
				_ = conn.CloseNow()
			}
			return
		}
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}))
	fmt.Println(tool.URL)
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// beAgents takes an errand, opens its sockets, says so, and tells when each of
// them ended.
func beAgents() error {
	var e errand
	if err := json.NewDecoder(os.Stdin).Decode(&e); err != nil {
		return err
	}
	conns, failed := make([]*net.TCPConn, e.Sockets), make(chan error, e.Sockets)
	slots := make(chan struct{}, 32)
	var opening sync.WaitGroup
	for i := range conns {
		slots <- struct{}{}
		opening.Go(func() {
			var err error
			for range 50 { // a refusal because all is busy is no failure
				if conns[i], err = e.dial(i); err == nil {
					break
				}
			}
			if err != nil {
				failed <- err
			}
			<-slots
		})
	}
	opening.Wait()
	select {
	case err := <-failed:
		return err
	default:
	}
	return watch(conns)
}

// watch says that all are open, and then when each has its first news, which is
// its end, to the millisecond. Few looks see many ends, and nobody is woken for
// one: the agents share the gateway's processors here, and nowhere else.
func watch(conns []*net.TCPConn) error {
	poll, err := syscall.EpollCreate1(0)
	if err != nil {
		return err
	}
	for i, conn := range conns {
		raw, err := conn.SyscallConn()
		if err != nil {
			return err
		}
		var added error
		err = raw.Control(func(fd uintptr) {
			added = syscall.EpollCtl(poll, syscall.EPOLL_CTL_ADD, int(fd), &syscall.EpollEvent{Events: syscall.EPOLLIN | syscall.EPOLLRDHUP | 1<<30 /* one shot */, Fd: int32(i)})
		})
		if err := errors.Join(err, added); err != nil {
			return err
		}
	}
	fmt.Println("open")
	ended := make([]int64, len(conns))
	events := make([]syscall.EpollEvent, len(conns))
	for left := len(conns); left > 0; time.Sleep(time.Millisecond) {
		n, err := syscall.EpollWait(poll, events, 0)
		if err != nil && !errors.Is(err, syscall.EINTR) {
			return err
		}
		now := time.Now().UnixNano()
		for _, e := range events[:max(0, n)] {
			ended[e.Fd] = now
			left--
		}
	}
	return json.NewEncoder(os.Stdout).Encode(ended)
}

// dial opens the i-th socket: an even one is a WebSocket, an odd one events.
func (e errand) dial(i int) (*net.TCPConn, error) {
	raw, err := net.Dial("tcp", e.Addresses[i/2%len(e.Addresses)])
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"http/1.1"}})
	head, want := "GET /api/events HTTP/1.1\r\nAccept: text/event-stream\r\n", 200
	if i%2 == 0 {
		head, want = "GET /chat/7 HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n", 101
	}
	if _, err := io.WriteString(conn, head+"Host: "+host+"\r\nPrivet-Session: "+e.Token+"\r\n\r\n"); err != nil {
		return nil, err
	}
	res, err := http.ReadResponse(bufio.NewReaderSize(conn, 1024), nil)
	if err != nil || res.StatusCode != want {
		_ = raw.Close()
		return nil, fmt.Errorf("socket %d: %+v, %v", i, res, err)
	}
	return raw.(*net.TCPConn), nil
}

// unheard is a trail for sign-in that keeps nothing.
type unheard struct{}

func (unheard) Record(context.Context, mfa.Act) (string, error) { return "test", nil }

// plain is a keeper that hides nothing.
type plain struct{}

func (plain) Seal(_ context.Context, _ string, b []byte) ([]byte, error) { return slices.Clone(b), nil }
func (plain) Open(_ context.Context, _ string, b []byte) ([]byte, error) { return slices.Clone(b), nil }

// replicas are gateways with doors of their own over one database, each on its
// own port.
func replicas(t *testing.T, n int, upstream *url.URL) (doors []*mfa.Door, addresses []string) {
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		t.Fatal(err)
	}
	said := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})) // a gateway's own part
	start := time.Now()
	clock := func() time.Time { return tuesday().Add(time.Since(start)) }
	certificate := newAuthority(t).issue(t.TempDir(), host).load(t)
	database := storetest.URL(t, store.PostgreSQL)
	desk := &url.URL{Scheme: "https", Host: "desk.localhost"}
	for range n {
		door, err := mfa.Open(t.Context(), mfa.Config{Store: storetest.OpenURL(t, database, mfa.Schema()), Sealer: plain{}, Trail: unheard{},
			Desk: desk, Argon: mfa.Argon{Memory: 64, Passes: 1, Threads: 1}, Clock: clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(door.Close)
		gate, err := New(Config{Tools: []Tool{{Name: "cases", Host: host, Upstream: upstream}}, Policy: newRules(t).Engine, Trail: counting{},
			Door: door, Scan: scan, Clock: clock, Logger: said, PerAgent: 1 << 20})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { gate.Close() })
		listener, err := Listen(t.Context(), ListenConfig{Address: "127.0.0.1:0", TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
		if err != nil {
			t.Fatal(err)
		}
		server := NewServer(gate, nil)
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { server.Close() })
		doors, addresses = append(doors, door), append(addresses, listener.Addr().String())
	}
	return doors, addresses
}

// TestEndOfSession: when a session ends on one replica, every WebSocket and
// event stream of it ends on all of them. It reports how long that takes, as
// the agents' machine sees it.
func TestEndOfSession(t *testing.T) {
	for _, n := range []int{1, 3} {
		t.Run(fmt.Sprintf("%d replicas", n), func(t *testing.T) {
			_, tool := beside(t, "tool")
			line, err := tool.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			upstream, err := url.Parse(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			in, said := beside(t, "agents")
			doors, addresses := replicas(t, n, upstream)
			session := enter(t, doors[0])
			if err := json.NewEncoder(in).Encode(errand{addresses, session.Token, *sockets}); err != nil {
				t.Fatal(err)
			}
			if line, err := said.ReadString('\n'); err != nil || line != "open\n" {
				t.Fatalf("agents say %q, %v", line, err)
			}
			start := time.Now()
			if err := doors[0].End(t.Context(), "sofia", session.Session, "supervisor"); err != nil {
				t.Fatal(err)
			}
			var ended []int64
			if err := json.NewDecoder(said).Decode(&ended); err != nil {
				t.Fatal(err)
			}
			var here, there []time.Duration
			for i, at := range ended {
				took := time.Duration(at - start.UnixNano())
				if took <= 0 {
					t.Fatalf("socket %d ended by itself", i)
				}
				if i/2%n == 0 {
					here = append(here, took)
				} else {
					there = append(there, took)
				}
			}
			for where, took := range map[string][]time.Duration{"this replica": here, "the others": there} {
				if slices.Sort(took); len(took) > 0 {
					t.Logf("%d of %d sockets, on %s: median %v, p99 %v, last %v", len(took), *sockets, where,
						took[len(took)/2], took[len(took)*99/100], took[len(took)-1])
				}
			}
		})
	}
}

// beside starts the test binary as somebody else, who listens and speaks.
func beside(t *testing.T, who string) (io.Writer, *bufio.Reader) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env, cmd.Stderr = append(os.Environ(), agentsVariable+"="+who), os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return in, bufio.NewReader(out)
}

// enter signs ada in.
func enter(t *testing.T, door *mfa.Door) *mfa.SignedIn {
	t.Helper()
	const password = "plum harbour lantern 9"
	seed := []byte("12345678901234567890")
	_, err := door.AddAgent(t.Context(), "", mfa.NewPerson{Person: mfa.Person{Name: "ada", Kind: "agent", Roles: []string{"tier1"}}, Password: password, Seed: seed})
	if err != nil {
		t.Fatal(err)
	}
	from := mfa.From{Address: "192.0.2.7"}
	next, err := door.Login(t.Context(), "ada", password, from)
	if err != nil {
		t.Fatal(err)
	}
	code, err := totp.GenerateCodeCustom(base32.StdEncoding.EncodeToString(seed), tuesday().Add(time.Second), totp.ValidateOpts{Period: 30, Digits: otp.DigitsSix})
	if err != nil {
		t.Fatal(err)
	}
	in, err := door.Code(t.Context(), next.Ticket, code, from)
	if err != nil {
		t.Fatal(err)
	}
	return in
}
