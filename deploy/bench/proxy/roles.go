package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
	"github.com/privet-gateway/privet/gateway"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// Paths of the origin.
const (
	small = "/api/accounts/bench"
	large = "/api/accounts"
	terse = "/api/terse" // as large, without notes and history
	feed  = "/api/events"
	talk  = "/chat/1"
)

const session = "bench-session"

// serve is a process of the table. It listens on addr without TLS, and on the
// port after it with TLS, h1 and h2.
func serve(role, addr, toolAddr, dir string) error {
	var handler http.Handler
	var err error
	switch role {
	case "origin":
		handler = origin()
	case "bare":
		handler = &httputil.ReverseProxy{Transport: transport(), BufferPool: nil, Rewrite: func(p *httputil.ProxyRequest) {
			p.SetURL(&url.URL{Scheme: "http", Host: toolAddr})
		}}
	case "walk", "privet", "unviewed", "idle", "idle+tls":
		handler, err = walk(role, toolAddr, dir)
	default:
		err = fmt.Errorf("no role %q", role)
	}
	if err != nil {
		return err
	}
	cert, err := certificate(dir)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		return err
	}
	certs, err := gateway.OpenCertificates([]gateway.Pair{cert}, nil)
	if err != nil {
		return err
	}
	secure, err := gateway.Listen(context.Background(), gateway.ListenConfig{Address: net.JoinHostPort(host, strconv.Itoa(n+1)), TLS: certs.TLS(true, nil)})
	if err != nil {
		return err
	}
	go func() { log.Fatal(gateway.NewServer(handler, nil).Serve(secure)) }()
	return http.ListenAndServe(addr, handler)
}

func transport() *http.Transport {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.MaxIdleConnsPerHost = 256
	t.DisableCompression = true
	return t
}

// origin answers with bodies made once, so that its own cost is small.
func origin() http.Handler {
	desk := tool.New(tool.Config{Seed: 1})
	one, list := body(desk, "/api/accounts/"+desk.People()[0].Subject), body(desk, "/api/accounts?limit=600")
	mux := http.NewServeMux()
	answer := func(b []byte) http.HandlerFunc {
		length := []string{strconv.Itoa(len(b))}
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header()["Content-Type"], w.Header()["Content-Length"] = []string{"application/json"}, length
			w.Write(b)
		}
	}
	mux.HandleFunc("GET "+small, answer(one))
	mux.HandleFunc("GET "+large, answer(list))
	mux.HandleFunc("GET "+terse, answer(withoutTexts(list)))
	mux.HandleFunc("GET /yes", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X-User", "ada") })
	mux.HandleFunc("GET "+feed, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		control := http.NewResponseController(w)
		for i := 0; ; i++ {
			_, err := fmt.Fprintf(w, "data: {\"id\":\"case-%d\",\"subject\":\"bench\",\"opened\":\"%d\",\"text\":\"The caller lost card 4111 1111 1111 1111 and asks for a new one.\"}\n\n", i, clock())
			if err != nil || control.Flush() != nil {
				return
			}
			select {
			case <-r.Context().Done():
				return
			case <-time.After(2 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("GET "+talk, func(w http.ResponseWriter, r *http.Request) {
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer conn.CloseNow()
		for {
			if _, _, err := conn.Read(context.Background()); err != nil {
				return
			}
		}
	})
	return mux
}

// clock is the time in a short number: a longer one could be a card's, and
// would be withheld.
func clock() int64 { return time.Now().UnixMicro() % 1e9 }

func body(h http.Handler, path string) []byte {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest("GET", path, nil))
	b, _ := io.ReadAll(w.Result().Body)
	return b
}

// withoutTexts takes free text out of a list, and makes it as long again.
func withoutTexts(list []byte) []byte {
	var doc struct {
		Accounts []map[string]json.RawMessage `json:"accounts"`
	}
	if err := json.Unmarshal(list, &doc); err != nil {
		panic(err)
	}
	for _, a := range doc.Accounts {
		delete(a, "notes")
		delete(a, "history")
	}
	all := doc.Accounts
	for {
		b, err := json.Marshal(doc)
		if err != nil {
			panic(err)
		}
		if len(b) >= len(list) {
			return b
		}
		doc.Accounts = append(doc.Accounts, all[:len(all)/16]...)
	}
}

// catalogue is the sample tool's, with a screen for what has no free text.
func catalogue() []byte {
	const at = "screens:\n"
	return bytes.Replace(tool.Catalogue(), []byte(at), []byte(at+"  - {id: terse, path: "+terse+", media: application/json, shape: account_list}\n"), 1)
}

// walk is the gateway: real rules, real rewriting, and for "privet" the real
// trail on SQLite.
func walk(role, toolAddr, dir string) (http.Handler, error) {
	ctx := context.Background()
	rules, err := policy.Open(ctx, policy.Config{Catalogue: []policy.Document{{Name: "catalogue.yaml", Text: catalogue()}}})
	if err != nil {
		return nil, err
	}
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		return nil, err
	}
	signer, err := gateway.NewAssertions(ctx, gateway.AssertionConfig{Issuer: "https://desk.localhost", Seed: func(_ context.Context, purpose string) ([]byte, error) {
		sum := sha256.Sum256([]byte(purpose))
		return sum[:], nil
	}})
	if err != nil {
		return nil, err
	}
	cfg := gateway.Config{Policy: rules, Trail: &memory{}, Door: &door{}, Scan: scan, Assertions: signer, PerAgent: 1 << 20, Patience: 5 * time.Second, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Tools: []gateway.Tool{{Name: "supportdesk", Host: "127.0.0.1", Upstream: &url.URL{Scheme: "http", Host: toolAddr}, Unviewed: role == "unviewed"}}}
	if role == "privet" {
		if cfg.Trail, err = trail(ctx, dir); err != nil {
			return nil, err
		}
	}
	g, err := gateway.New(cfg)
	if err != nil {
		return nil, err
	}
	if role == "unviewed" {
		return g.ForwardAuth([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), nil
	}
	return g, nil
}

func trail(ctx context.Context, dir string) (*audit.Trail, error) {
	keys, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: filepath.Join(dir, "keys"), Create: true, Root: keeper.Root{File: filepath.Join(dir, "root")}})
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, store.Config{URL: "sqlite:" + filepath.Join(dir, "privet.db"), Schemas: []store.Schema{audit.Schema()}})
	if err != nil {
		return nil, err
	}
	return audit.Open(ctx, audit.Config{Store: db, Signer: keys, Wrapper: keys, Origin: "bench.localhost/trail", Timeout: 5 * time.Second})
}

// memory is a trail that only counts.
type memory struct{ n atomic.Int64 }

func (m *memory) Append(context.Context, audit.Event) (audit.Receipt, error) {
	return audit.Receipt("bench." + strconv.FormatInt(m.n.Add(1), 10)), nil
}

// door knows one agent.
type door struct{}

func (door) Session(_ context.Context, token string) (*mfa.Session, error) {
	if token != session {
		return nil, mfa.ErrNoSession
	}
	now := time.Now()
	return &mfa.Session{ID: "s1", Agent: "ada", Roles: []string{"tier1"}, Purpose: "servicing", Case: "C-1",
		Proofs: []mfa.Proof{{Kind: "password", At: now}, {Kind: "totp", At: now}}}, nil
}

func (door) Ended(string) <-chan struct{} { return nil }

func (door) Changed(string) <-chan struct{} { return nil }

func (door) CallerVerified(context.Context, string, string) (time.Time, error) {
	return time.Now().Add(time.Hour), nil
}

// certificate makes one for 127.0.0.1, and leaves it for nginx and Caddy.
func certificate(dir string) (gateway.Pair, error) {
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return gateway.Pair{}, err
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "bench"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		return gateway.Pair{}, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return gateway.Pair{}, err
	}
	for name, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			return gateway.Pair{}, err
		}
	}
	return gateway.Pair{Certificate: certFile, Key: keyFile}, nil
}
