package gateway

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

var full = flag.Bool("full", false, "long runs in their full length")

// authority signs certificates for tests.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	next int64
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true,
		BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, _ := x509.ParseCertificate(der)
	return &authority{t: t, cert: cert, key: key, next: 2}
}

func (a *authority) pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// issue writes a pair for names into dir.
func (a *authority) issue(dir string, names ...string) Pair {
	a.t.Helper()
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	a.next++
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(a.next), Subject: pkix.Name{CommonName: names[0]}, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	secret, _ := x509.MarshalPKCS8PrivateKey(key)
	p := Pair{filepath.Join(dir, names[0]+".pem"), filepath.Join(dir, names[0]+".key")}
	for name, block := range map[string]*pem.Block{p.Certificate: {Type: "CERTIFICATE", Bytes: der}, p.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			a.t.Fatal(err)
		}
	}
	return p
}

func (p Pair) load(t *testing.T) tls.Certificate {
	t.Helper()
	cert, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestTLS(t *testing.T) {
	ca := newAuthority(t)
	certs, err := OpenCertificates([]Pair{ca.issue(t.TempDir(), host)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, says("application/json", account))
	strict, old := h.open(ListenConfig{TLS: certs.TLS(false, nil)}), h.open(ListenConfig{TLS: certs.TLS(true, nil)})
	for _, c := range []struct {
		name, addr string
		client     *tls.Config
		ok         bool
	}{
		{"1.3", strict, &tls.Config{MinVersion: tls.VersionTLS13}, true},
		{"1.2 where not asked for", strict, &tls.Config{MaxVersion: tls.VersionTLS12}, false},
		{"1.2", old, &tls.Config{MaxVersion: tls.VersionTLS12}, true},
		{"1.1", old, &tls.Config{MaxVersion: tls.VersionTLS11}, false},
		{"CBC", old, &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA}}, false},
		{"P-521 only", strict, &tls.Config{CurvePreferences: []tls.CurveID{tls.CurveP521}}, false},
	} {
		c.client.RootCAs, c.client.ServerName = ca.pool(), host
		conn, err := tls.Dial("tcp", c.addr, c.client)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil {
			if s := conn.ConnectionState(); s.Version == tls.VersionTLS13 && s.CurveID != tls.X25519MLKEM768 {
				t.Errorf("%s: exchanged keys by %v", c.name, s.CurveID)
			}
			conn.Close()
		}
	}
}

// TestCertificateReload: renewed pairs are used by the next handshake and no
// request fails, also while a file is half written.
func TestCertificateReload(t *testing.T) {
	rounds := 50
	if *full {
		rounds = 1000
	}
	ca, dir := newAuthority(t), t.TempDir()
	pair := ca.issue(dir, host)
	certs, err := OpenCertificates([]Pair{pair}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, says("application/json", account))
	addr := h.open(ListenConfig{TLS: certs.TLS(false, nil)})
	stop, asked := make(chan struct{}), 0
	var load sync.WaitGroup
	load.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: host}, DisableKeepAlives: true}}
			r := h.request("GET", "/api/accounts/alice", nil)
			r.URL.Host = addr
			res, err := client.Do(r)
			if err != nil || res.StatusCode != 200 {
				t.Errorf("request %d: %v %v", asked, res, err)
				return
			}
			res.Body.Close()
			asked++
		}
	})
	for i := range rounds {
		if i%5 == 4 {
			os.WriteFile(pair.Certificate, []byte("-----BEGIN CERT"), 0o600)
			if certs.Reload() == nil {
				t.Error("a torn file was taken")
			}
		}
		ca.issue(dir, host)
		if err := certs.Reload(); err != nil {
			t.Fatal(err)
		}
	}
	close(stop)
	load.Wait()
	conn, err := tls.Dial("tcp", addr, &tls.Config{RootCAs: ca.pool(), ServerName: host})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64(); got != ca.next {
		t.Errorf("certificate %d in use, want the newest, %d", got, ca.next)
	}
	t.Logf("%d reloads, %d requests, none failed", rounds, asked)
}

// TestCertificateFollowed: a renewed certificate is noticed although it was made,
// and its file copied with that time, before the key in use was put there.
func TestCertificateFollowed(t *testing.T) {
	pair := newAuthority(t).issue(t.TempDir(), host)
	certs, err := OpenCertificates([]Pair{pair}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if certs.stale() {
		t.Error("renewed at once")
	}
	yesterday := time.Now().AddDate(0, 0, -1)
	if err := os.Chtimes(pair.Certificate, yesterday, yesterday); err != nil {
		t.Fatal(err)
	}
	if !certs.stale() {
		t.Error("not noticed")
	}
}

// TestClientCertificates: a tool may want them of its agents, on its own name
// only, and a connection opened for another tool does not do.
func TestClientCertificates(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	pair := ca.issue(dir, host, "other.localhost")
	h := newHouse(t, says("application/json", account), func(c *Config) { c.Tools[0].Callers = ca.pool() })
	certs, err := OpenCertificates([]Pair{pair}, nil)
	if err != nil {
		t.Fatal(err)
	}
	addr := h.open(ListenConfig{TLS: certs.TLS(false, []Tool{h.gate.tools[host].Tool})})
	own := ca.issue(dir, "agent").load(t)
	for _, c := range []struct {
		name, server string
		certs        []tls.Certificate
		status       int // 0: no handshake
	}{
		{"with", host, []tls.Certificate{own}, 200},
		{"without", host, nil, 0},
		{"of a stranger", host, []tls.Certificate{newAuthority(t).issue(t.TempDir(), "mallory").load(t)}, 0},
		{"through another name", "other.localhost", nil, 421},
	} {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
			TLSClientConfig: &tls.Config{RootCAs: ca.pool(), ServerName: c.server, Certificates: c.certs}}}
		r := h.request("GET", "/api/accounts/alice", nil)
		r.URL.Host = addr
		res, err := client.Do(r)
		if c.status == 0 && err == nil || c.status != 0 && (err != nil || res.StatusCode != c.status) {
			t.Errorf("%s: %v %v", c.name, res, err)
		}
	}
}

// TestToolTLS: a tool is spoken to over TLS with a client certificate and a
// post-quantum exchange, over h1 or h2; an untrusted one is not spoken to.
func TestToolTLS(t *testing.T) {
	ca, dir := newAuthority(t), t.TempDir()
	for _, h2 := range []bool{false, true} {
		back := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if len(r.TLS.PeerCertificates) != 1 || r.TLS.CurveID != tls.X25519MLKEM768 || (r.ProtoMajor == 2) != h2 {
				t.Errorf("the tool saw %v certificates, %v, %s", len(r.TLS.PeerCertificates), r.TLS.CurveID, r.Proto)
			}
			says("application/json", account)(w, r)
		}))
		back.EnableHTTP2 = h2
		back.TLS = &tls.Config{Certificates: []tls.Certificate{ca.issue(dir, "tool.internal").load(t)}, ClientCAs: ca.pool(), ClientAuth: tls.RequireAndVerifyClientCert}
		back.StartTLS()
		defer back.Close()
		to, _ := url.Parse(back.URL)
		for _, c := range []struct {
			name   string
			tls    *tls.Config
			status int
			code   string
		}{
			{"trusted", &tls.Config{RootCAs: ca.pool(), ServerName: "tool.internal", Certificates: []tls.Certificate{ca.issue(dir, "privet").load(t)}}, 200, ""},
			{"unknown", &tls.Config{ServerName: "tool.internal"}, 502, "tool_untrusted"},
			{"another name", &tls.Config{RootCAs: ca.pool(), ServerName: "else"}, 502, "tool_untrusted"},
		} {
			h := newHouse(t, http.NotFoundHandler(), func(cfg *Config) { cfg.Tools[0].Upstream, cfg.Tools[0].TLS = to, c.tls })
			if res, body := h.get("/api/accounts/alice"); res.StatusCode != c.status || !strings.Contains(body, c.code) {
				t.Errorf("%s: %d %s", c.name, res.StatusCode, body)
			}
		}
	}
}
