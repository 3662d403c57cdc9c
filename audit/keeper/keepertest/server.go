package keepertest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// VaultServer is a real Vault on a loopback port of its own: raft storage and
// TLS, as in production. It ends with the test.
type VaultServer struct {
	Address   string
	CAFile    string
	RootToken string
	Dir       string

	owner     testing.TB // whose end is the server's, also after a restart in a subtest
	binary    string
	unsealKey string
	standby   bool // joined another's cluster
	process   *exec.Cmd
	ended     chan struct{}
	http      *http.Client
	mounts    atomic.Int32
}

// VaultBinary is the server that PRIVET_TEST_VAULT names. Without it the test
// is skipped, in CI it fails.
func VaultBinary(t testing.TB) string {
	t.Helper()
	binary := os.Getenv("PRIVET_TEST_VAULT")
	if binary == "" && os.Getenv("CI") == "true" {
		t.Fatal("PRIVET_TEST_VAULT is not set; deploy/check builds the server and sets it")
	}
	if binary == "" {
		t.Skip("PRIVET_TEST_VAULT is not set; deploy/check builds the server and sets it")
	}
	return binary
}

// StartVault starts, initialises and unseals a server.
func StartVault(t testing.TB) *VaultServer {
	t.Helper()
	s := &VaultServer{owner: t, binary: VaultBinary(t), Dir: t.TempDir()}
	s.writeConfig(t, "a")
	s.launch(t, "server", "-config="+filepath.Join(s.Dir, "vault.hcl"))
	var init struct {
		Keys  []string `json:"keys_base64"`
		Token string   `json:"root_token"`
	}
	Eventually(t, func() error { return s.Call(http.Header{}, "GET", "sys/seal-status", nil, nil) })
	if err := s.Call(http.Header{}, "PUT", "sys/init", map[string]any{"secret_shares": 1, "secret_threshold": 1}, &init); err != nil {
		t.Fatal(err)
	}
	s.RootToken, s.unsealKey = init.Token, init.Keys[0]
	s.Unseal(t)
	return s
}

// StartDevVault starts a server in dev mode: in memory, plain HTTP.
func StartDevVault(t testing.TB) *VaultServer {
	t.Helper()
	addr := FreeAddress(t)
	s := &VaultServer{owner: t, binary: VaultBinary(t), Dir: t.TempDir(), Address: "http://" + addr, RootToken: "root-for-tests", http: http.DefaultClient}
	s.launch(t, "server", "-dev", "-dev-no-store-token", "-dev-listen-address="+addr, "-dev-root-token-id="+s.RootToken)
	s.awaitActive(t)
	return s
}

func (s *VaultServer) writeConfig(t testing.TB, node string) {
	t.Helper()
	addr, cluster := FreeAddress(t), FreeAddress(t)
	s.Address, s.CAFile = "https://"+addr, filepath.Join(s.Dir, "tls.pem")
	keyFile, data := filepath.Join(s.Dir, "tls.key"), filepath.Join(s.Dir, "data")
	Certificate(t, s.CAFile, keyFile)
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf(`
storage "raft" { path = %q  node_id = %q  performance_multiplier = 1  autopilot_reconcile_interval = "200ms"  autopilot_update_interval = "200ms" }
listener "tcp" { address = %q  cluster_address = %q  tls_cert_file = %q  tls_key_file = %q }
disable_mlock = true
api_addr = %q
cluster_addr = "https://%s"
`, data, node, addr, cluster, s.CAFile, keyFile, s.Address, cluster)
	if dir := s.plugins(); dir != "" {
		config += fmt.Sprintf("plugin_directory = %q\n", dir)
	}
	if err := os.WriteFile(filepath.Join(s.Dir, "vault.hcl"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	raw, err := os.ReadFile(s.CAFile)
	if err != nil || !pool.AppendCertsFromPEM(raw) {
		t.Fatalf("read back the certificate: %v", err)
	}
	s.http = &http.Client{Timeout: time.Minute, Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}}
}

// plugins is the directory beside the server's binary with what a minimal
// server lacks; "" if there is none.
func (s *VaultServer) plugins() string {
	dir, err := filepath.Abs(s.binary + ".plugins")
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		return ""
	}
	return dir
}

// Plugin registers a plugin for an auth method under its own name. Where it was
// not built the test is skipped, in CI it fails.
func (s *VaultServer) Plugin(t testing.TB, name string) {
	t.Helper()
	binary, err := os.ReadFile(filepath.Join(s.plugins(), name))
	switch {
	case err != nil && os.Getenv("CI") == "true":
		t.Fatalf("%v; deploy/check builds it", err)
	case err != nil:
		t.Skipf("%v; deploy/check builds it", err)
	}
	sum := sha256.Sum256(binary)
	s.Admin(t, "PUT", "sys/plugins/catalog/auth/"+name, map[string]any{"sha256": hex.EncodeToString(sum[:]), "command": name})
}

// launch starts the process so that it cannot outlive this one: its parent
// thread is held until it ends, and the kernel kills it if that thread dies.
func (s *VaultServer) launch(t testing.TB, args ...string) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(s.Dir, "vault.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(s.binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), "HOME="+s.Dir, "VAULT_TOKEN=", "VAULT_ADDR=")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	ended, started := make(chan struct{}), make(chan error)
	go func() {
		runtime.LockOSThread()
		defer close(ended)
		defer log.Close()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatalf("start %s: %v", s.binary, err)
	}
	s.process, s.ended = cmd, ended
	s.owner.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-ended
		if s.owner.Failed() {
			raw, _ := os.ReadFile(log.Name())
			s.owner.Logf("vault's log ends:\n%s", raw[max(0, len(raw)-3000):])
		}
	})
}

// Kill ends the process with SIGKILL; Restart starts it again and unseals it.
func (s *VaultServer) Kill(t testing.TB) {
	t.Helper()
	_ = s.process.Process.Kill()
	<-s.ended
}

// Restart starts a killed server on its old data.
func (s *VaultServer) Restart(t testing.TB) {
	t.Helper()
	s.RestartSealed(t)
	s.Unseal(t)
}

// RestartSealed starts it, but nobody unseals it.
func (s *VaultServer) RestartSealed(t testing.TB) {
	t.Helper()
	s.launch(t, s.process.Args[1:]...)
	Eventually(t, func() error { return s.Call(http.Header{}, "GET", "sys/seal-status", nil, nil) })
}

// Freeze stops the process without ending it (SIGSTOP): it accepts connections
// and answers nothing.
func (s *VaultServer) Freeze(t testing.TB) {
	t.Helper()
	s.signal(t, syscall.SIGSTOP)
	Eventually(t, func() error { // a thread may still finish an answer
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.process.Process.Pid))
		if err == nil && !bytes.Contains(status, []byte("\nState:\tT")) {
			err = errors.New("it still runs")
		}
		return err
	})
}

// Thaw lets it go on.
func (s *VaultServer) Thaw(t testing.TB) { s.signal(t, syscall.SIGCONT) }

func (s *VaultServer) signal(t testing.TB, sig os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(sig); err != nil {
		t.Fatal(err)
	}
}

// Seal seals the server.
func (s *VaultServer) Seal(t testing.TB) { s.Admin(t, "PUT", "sys/seal", nil) }

// Unseal unseals it and waits until it is active.
func (s *VaultServer) Unseal(t testing.TB) {
	t.Helper()
	Eventually(t, func() error {
		return s.Call(http.Header{}, "PUT", "sys/unseal", map[string]any{"key": s.unsealKey}, nil)
	})
	s.awaitActive(t)
}

func (s *VaultServer) awaitActive(t testing.TB) {
	t.Helper()
	path := "sys/health"
	if s.standby {
		path += "?standbyok=true"
	}
	Eventually(t, func() error { return s.Call(http.Header{}, "GET", path, nil, nil) })
}

// Admin is one call as root.
func (s *VaultServer) Admin(t testing.TB, method, path string, body any) map[string]any {
	t.Helper()
	var out map[string]any
	if err := s.Call(s.As(s.RootToken), method, path, body, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// As is the header of a request with a token.
func (s *VaultServer) As(token string) http.Header {
	return http.Header{"X-Vault-Token": {token}}
}

// Call is one plain request, for tests of what Vault itself allows.
func (s *VaultServer) Call(header http.Header, method, path string, body, out any) error {
	raw, err := json.Marshal(body)
	if err != nil {
		return err
	}
	answer, err := s.exchange(header, method, path, raw)
	if err != nil || out == nil || len(answer) == 0 {
		return err
	}
	return json.Unmarshal(answer, out)
}

func (s *VaultServer) exchange(header http.Header, method, path string, body []byte) ([]byte, error) {
	req, err := http.NewRequest(method, s.Address+"/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header = header
	resp, err := s.http.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 300 {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	return answer, err
}

// Snapshot is a backup of the whole server; Restore goes back to one.
func (s *VaultServer) Snapshot(t testing.TB) []byte {
	t.Helper()
	raw, err := s.exchange(s.As(s.RootToken), "GET", "sys/storage/raft/snapshot", nil)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// Restore goes back to a snapshot.
func (s *VaultServer) Restore(t testing.TB, snapshot []byte) {
	t.Helper()
	if _, err := s.exchange(s.As(s.RootToken), "POST", "sys/storage/raft/snapshot-force", snapshot); err != nil {
		t.Fatal(err)
	}
	s.awaitActive(t)
}

// Certificate writes a self-signed certificate for 127.0.0.1, to serve or to
// show.
func Certificate(t testing.TB, certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "vault for tests"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: der}, keyFile: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
