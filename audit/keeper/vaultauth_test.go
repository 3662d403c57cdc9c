package keeper_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// role makes an AppRole with the gateway's policy.
func role(t *testing.T, s *keepertest.VaultServer, mount string, settings map[string]any) (roleID string) {
	t.Helper()
	settings["token_policies"] = []string{s.Policy(t, mount, "gateway")}
	settings["token_no_default_policy"] = true
	s.Admin(t, "POST", "auth/approle/role/"+mount, settings)
	return s.Admin(t, "GET", "auth/approle/role/"+mount+"/role-id", nil)["data"].(map[string]any)["role_id"].(string)
}

func secretID(t *testing.T, s *keepertest.VaultServer, mount string) string {
	t.Helper()
	return s.Admin(t, "POST", "auth/approle/role/"+mount+"/secret-id", nil)["data"].(map[string]any)["secret_id"].(string)
}

func wrappedSecretID(t *testing.T, s *keepertest.VaultServer, mount string) string {
	t.Helper()
	var out struct {
		Wrap struct {
			Token string `json:"token"`
		} `json:"wrap_info"`
	}
	header := s.As(s.RootToken)
	header.Set("X-Vault-Wrap-TTL", "60s")
	if err := s.Call(header, "POST", "auth/approle/role/"+mount+"/secret-id", nil, &out); err != nil {
		t.Fatal(err)
	}
	return out.Wrap.Token
}

// works proves that a keeper does its work.
func works(t *testing.T, k keeper.Keeper) {
	t.Helper()
	if _, err := k.MACKey(t.Context(), "works"); err != nil {
		t.Errorf("after log-in: %v", err)
	}
}

func TestVaultAuth(t *testing.T) {
	s := keepertest.StartVault(t)
	mount := s.Mount(t)
	gateway := s.Policy(t, mount, "gateway")
	cfg := s.Config(t, mount)
	for _, method := range []string{"approle", "cert", "jwt"} {
		s.Admin(t, "POST", "sys/auth/"+method, map[string]any{"type": method})
	}

	t.Run("approle", func(t *testing.T) {
		id := role(t, s, mount, map[string]any{})
		cfg.Auth = keeper.VaultAuth{Method: "approle", RoleID: id, SecretIDFile: keepertest.CredentialFile(t, secretID(t, s, mount))}
		works(t, keepertest.OpenVault(t, cfg))
		cfg.Auth.SecretIDFile = keepertest.CredentialFile(t, "00000000-0000-0000-0000-000000000000")
		if _, err := keeper.OpenVault(t.Context(), cfg); !errors.Is(err, keeper.ErrDenied) {
			t.Errorf("a wrong secret id: %v, want ErrDenied", err)
		}
	})
	t.Run("approle wrapped", func(t *testing.T) { testWrappedSecretID(t, s, mount, cfg) })
	t.Run("cert", func(t *testing.T) {
		certFile, keyFile := filepath.Join(t.TempDir(), "c.pem"), filepath.Join(t.TempDir(), "k.pem")
		keepertest.Certificate(t, certFile, keyFile)
		s.Admin(t, "POST", "auth/cert/certs/gateway", map[string]any{"certificate": string(read(t, certFile)), "token_policies": []string{gateway}})
		cfg.Auth = keeper.VaultAuth{Method: "cert", Role: "gateway", CertFile: certFile, KeyFile: keyFile}
		works(t, keepertest.OpenVault(t, cfg))
		keepertest.Certificate(t, certFile, keyFile) // one that Vault does not know
		if _, err := keeper.OpenVault(t.Context(), cfg); !errors.Is(err, keeper.ErrDenied) {
			t.Errorf("an unknown certificate: %v, want ErrDenied", err)
		}
	})
	t.Run("jwt", func(t *testing.T) {
		key, public := signingKey(t)
		s.Admin(t, "POST", "auth/jwt/config", map[string]any{"jwt_validation_pubkeys": []string{public}})
		s.Admin(t, "POST", "auth/jwt/role/gateway", map[string]any{"role_type": "jwt", "user_claim": "sub",
			"bound_audiences": []string{"privet"}, "token_policies": []string{gateway}})
		cfg.Auth = keeper.VaultAuth{Method: "jwt", Role: "gateway", JWTFile: keepertest.CredentialFile(t, token(t, key, map[string]any{"aud": "privet"}))}
		works(t, keepertest.OpenVault(t, cfg))
		cfg.Auth.JWTFile = keepertest.CredentialFile(t, token(t, key, map[string]any{"aud": "another"}))
		if _, err := keeper.OpenVault(t.Context(), cfg); !errors.Is(err, keeper.ErrDenied) {
			t.Errorf("for another audience: %v, want ErrDenied", err)
		}
	})
	t.Run("kubernetes", func(t *testing.T) { testKubernetes(t, s, gateway, cfg) })
}

// Vault's own Kubernetes method asks a cluster whose token it was shown. The
// cluster is the one part that is not real.
func testKubernetes(t *testing.T, s *keepertest.VaultServer, policy string, cfg keeper.VaultConfig) {
	const plugin = "vault-plugin-auth-kubernetes"
	s.Plugin(t, plugin)
	key, _ := signingKey(t)
	cluster := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review struct {
			Spec struct{ Token string } `json:"spec"`
		}
		if r.URL.Path != "/apis/authentication.k8s.io/v1/tokenreviews" || r.Header.Get("Authorization") != "Bearer reviewer" ||
			json.NewDecoder(r.Body).Decode(&review) != nil {
			http.Error(w, "no such page", http.StatusNotFound)
			return
		}
		// Of a token that has expired or was not issued here it says no.
		shown, err := jose.ParseSignedCompact(review.Spec.Token, []jose.SignatureAlgorithm{jose.ES256})
		var payload []byte
		if err == nil {
			payload, err = shown.Verify(key.Public())
		}
		var claims struct {
			Sub string
			Aud []string
		}
		if err == nil {
			err = json.Unmarshal(payload, &claims)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "authentication.k8s.io/v1", "kind": "TokenReview", "status": map[string]any{
			"authenticated": err == nil, "audiences": claims.Aud, "user": map[string]any{"username": claims.Sub, "uid": "4f2d"}}})
	}))
	t.Cleanup(cluster.Close)
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cluster.Certificate().Raw})
	s.Admin(t, "POST", "sys/auth/kubernetes", map[string]any{"type": plugin})
	s.Admin(t, "POST", "auth/kubernetes/config", map[string]any{"kubernetes_host": cluster.URL, "kubernetes_ca_cert": string(ca),
		"token_reviewer_jwt": "reviewer", "disable_local_ca_jwt": true})
	s.Admin(t, "POST", "auth/kubernetes/role/gateway", map[string]any{"bound_service_account_names": "privet", "bound_service_account_namespaces": "desk",
		"audience": "vault", "token_policies": []string{policy}})
	account := func(namespace, name string) map[string]any {
		return map[string]any{"sub": "system:serviceaccount:" + namespace + ":" + name, "aud": []string{"vault"},
			"kubernetes.io": map[string]any{"namespace": namespace, "serviceaccount": map[string]any{"name": name, "uid": "4f2d"}}}
	}
	cfg.Auth = keeper.VaultAuth{Method: "kubernetes", Role: "gateway", JWTFile: keepertest.CredentialFile(t, token(t, key, account("desk", "privet")))}
	works(t, keepertest.OpenVault(t, cfg))
	stranger, _ := signingKey(t)
	for name, jwt := range map[string]string{
		"of another service account": token(t, key, account("desk", "other")),
		"of another namespace":       token(t, key, account("other", "privet")),
		"of another cluster":         token(t, stranger, account("desk", "privet")),
	} {
		cfg.Auth.JWTFile = keepertest.CredentialFile(t, jwt)
		if _, err := keeper.OpenVault(t.Context(), cfg); !errors.Is(err, keeper.ErrDenied) {
			t.Errorf("a token %s: %v, want ErrDenied", name, err)
		}
	}
}

// A response-wrapped secret id is unwrapped once. When it is spent, the keeper
// refuses until a new one is delivered into the same file, and then goes on.
func testWrappedSecretID(t *testing.T, s *keepertest.VaultServer, mount string, cfg keeper.VaultConfig) {
	id := role(t, s, mount, map[string]any{"secret_id_num_uses": 1})
	file := keepertest.CredentialFile(t, wrappedSecretID(t, s, mount))
	cfg.Auth = keeper.VaultAuth{Method: "approle", RoleID: id, SecretIDFile: file, SecretIDWrapped: true}
	k := keepertest.OpenVault(t, cfg)
	works(t, k)
	_, err := keeper.OpenVault(t.Context(), cfg)
	if !errors.Is(err, keeper.ErrDenied) || !strings.Contains(err.Error(), "treat it as stolen") {
		t.Errorf("a spent wrapping token: %v", err)
	}
	s.Admin(t, "POST", "sys/leases/revoke-prefix/auth/approle/login", nil)
	keepertest.Eventually(t, func() error {
		if _, err := k.MACKey(t.Context(), "spent"); !errors.Is(err, keeper.ErrDenied) {
			return errors.New("the secret id was for one use, but the keeper is in again")
		}
		return nil
	})
	if err := os.WriteFile(file, []byte(wrappedSecretID(t, s, mount)), 0o600); err != nil {
		t.Fatal(err)
	}
	keepertest.Eventually(t, func() error { _, err := k.MACKey(t.Context(), "again"); return err })
}

func signingKey(t *testing.T) (key crypto.Signer, public string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(k.Public())
	if err != nil {
		t.Fatal(err)
	}
	return k, string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

func token(t *testing.T, key crypto.Signer, claims map[string]any) string {
	t.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key}, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]any{"sub": "privet", "exp": time.Now().Add(time.Hour).Unix(), "iat": time.Now().Unix()}
	maps.Copy(all, claims)
	payload, err := json.Marshal(all)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		t.Fatal(err)
	}
	text, err := signed.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// watcher stands between the keeper and Vault and notes who asks for what.
type watcher struct {
	*httptest.Server
	mu         sync.Mutex
	tokens     map[string]bool
	namespaces map[string]string // path → namespace asked for
	paths      map[string]int
}

func watch(t *testing.T, s *keepertest.VaultServer) *watcher {
	t.Helper()
	to, err := url.Parse(s.Address)
	if err != nil {
		t.Fatal(err)
	}
	w := &watcher{tokens: map[string]bool{}, namespaces: map[string]string{}, paths: map[string]int{}}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(to)
		r.Out.Header.Del("X-Vault-Namespace") // the community server has none
	}}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.mu.Lock()
		path := strings.TrimPrefix(r.URL.Path, "/v1/")
		w.namespaces[path] = r.Header.Get("X-Vault-Namespace")
		w.paths[path]++
		if token := r.Header.Get("X-Vault-Token"); token != "" {
			w.tokens[token] = true
		}
		w.mu.Unlock()
		proxy.ServeHTTP(rw, r)
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *watcher) seen(t *testing.T, path string) (count int, namespace string, tokens int) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.paths[path], w.namespaces[path], len(w.tokens)
}

func TestVaultNamespace(t *testing.T) {
	t.Setenv("VAULT_NAMESPACE", "from/environment")
	t.Setenv("VAULT_TOKEN", "from-environment")
	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	w := watch(t, s)
	cfg := s.Config(t, mount)
	cfg.Address, cfg.Namespace = w.URL, "desk/eu"
	k := keepertest.OpenVault(t, cfg)
	if err := k.Health(t.Context()); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"auth/token/lookup-self": "desk/eu", mount + "/hmac/mac/sha2-256": "desk/eu", "sys/health": ""} {
		if n, got, _ := w.seen(t, path); n == 0 || got != want {
			t.Errorf("%s was asked %d times, last in namespace %q, want %q", path, n, got, want)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.tokens["from-environment"] {
		t.Error("a token came from the environment")
	}
}

// Calls go on without an error while tokens reach their max_ttl, and old tokens
// do not pile up in Vault.
func TestVaultMaxTTL(t *testing.T) {
	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	s.Admin(t, "POST", "sys/auth/approle", map[string]any{"type": "approle"})
	id := role(t, s, mount, map[string]any{"token_ttl": "2s", "token_max_ttl": "3s"})
	w := watch(t, s)
	cfg := s.Config(t, mount)
	cfg.Address = w.URL
	cfg.Auth = keeper.VaultAuth{Method: "approle", RoleID: id, SecretIDFile: keepertest.CredentialFile(t, secretID(t, s, mount))}
	k := keepertest.OpenVault(t, cfg)
	calls := 0
	for tokens := 0; tokens < 4; _, _, tokens = w.seen(t, "") {
		if _, err := k.MACKey(t.Context(), "beat"); err != nil {
			t.Fatalf("call %d, with %d tokens so far: %v", calls, tokens, err)
		}
		calls++
	}
	logins, _, _ := w.seen(t, "auth/approle/login")
	t.Logf("%d calls over %d log-ins, no error", calls, logins)
	if logins > 5 {
		t.Errorf("%d log-ins for 4 tokens", logins)
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	keepertest.Eventually(t, func() error { // root's, and the one of Config
		if n := len(s.Admin(t, "LIST", "auth/token/accessors", nil)["data"].(map[string]any)["keys"].([]any)); n > 2 {
			return errors.New("tokens are left in Vault")
		}
		return nil
	})
}

// A token that somebody revoked is replaced while callers wait; they see nothing.
func TestVaultTokenRevoked(t *testing.T) {
	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	s.Admin(t, "POST", "sys/auth/approle", map[string]any{"type": "approle"})
	id := role(t, s, mount, map[string]any{})
	cfg := s.Config(t, mount)
	cfg.Auth = keeper.VaultAuth{Method: "approle", RoleID: id, SecretIDFile: keepertest.CredentialFile(t, secretID(t, s, mount))}
	w := watch(t, s)
	cfg.Address = w.URL
	k := keepertest.OpenVault(t, cfg)
	works(t, k)
	s.Admin(t, "POST", "sys/leases/revoke-prefix/auth/approle/login", nil)
	var wg sync.WaitGroup
	for range 32 {
		wg.Go(func() { works(t, k) })
	}
	wg.Wait()
	if n, _, _ := w.seen(t, "auth/approle/login"); n != 2 {
		t.Errorf("%d log-ins, want the first and one more for all 32 callers", n)
	}
}

// The policies of deploy/vault allow what each part needs and nothing more.
func TestVaultPolicies(t *testing.T) {
	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	ctx := t.Context()
	cfg := s.Config(t, mount)
	cfg.Auth.TokenFile = s.TokenFile(t, mount, "gateway")
	gateway := keepertest.OpenVault(t, cfg)
	token := strings.TrimSpace(string(read(t, cfg.Auth.TokenFile)))
	cfg.Auth.TokenFile = s.TokenFile(t, mount, "officer")
	officer := keepertest.OpenVault(t, cfg)

	item := []keeper.Item{{Context: []byte("row"), Bytes: []byte("data key")}}
	wrapped, err := gateway.Wrap(ctx, 0, item)
	if err != nil {
		t.Fatal(err)
	}
	item[0].Bytes = wrapped[0]
	if _, err := gateway.Status(ctx); err != nil {
		t.Errorf("gateway: status: %v", err)
	}
	if _, err := gateway.Rotate(ctx, 0); !errors.Is(err, keeper.ErrDenied) {
		t.Errorf("gateway: rotate: %v, want ErrDenied", err)
	}
	if err := gateway.Trim(ctx, 0); !errors.Is(err, keeper.ErrDenied) {
		t.Errorf("gateway: trim: %v, want ErrDenied", err)
	}
	if _, err := officer.Unwrap(ctx, 0, item); !errors.Is(err, keeper.ErrDenied) {
		t.Errorf("officer: unwrap: %v, want ErrDenied", err)
	}
	if _, err := officer.Rotate(ctx, 0); err != nil {
		t.Errorf("officer: rotate: %v", err)
	}
	if _, err := officer.Rewrap(ctx, 0, item); err != nil {
		t.Errorf("officer: rewrap: %v", err)
	}
	if err := officer.Trim(ctx, 0); err != nil {
		t.Errorf("officer: trim: %v", err)
	}
	if _, err := officer.RotateSign(ctx); err != nil {
		t.Errorf("officer: rotate sign: %v", err)
	}
	officerToken := strings.TrimSpace(string(read(t, cfg.Auth.TokenFile)))
	for _, c := range []struct {
		who, method, path string
		body              map[string]any
	}{
		{token, "GET", "/export/encryption-key/shard-00", nil},
		{token, "POST", "/encrypt/unmade", map[string]any{"plaintext": "QQ==", "context": "QQ=="}},
		{token, "POST", "/encrypt/shard-99", map[string]any{"plaintext": "QQ==", "context": "QQ=="}}, // upsert is off
		{token, "POST", "/keys/shard-00/config", map[string]any{"exportable": true}},
		{token, "DELETE", "/keys/shard-00", nil},
		{officerToken, "POST", "/keys/shard-00/config", map[string]any{"exportable": true}},
		{officerToken, "POST", "/keys/shard-00/config", map[string]any{"deletion_allowed": true}},
		{officerToken, "POST", "/keys/seal/config", map[string]any{"min_decryption_version": 2}},
		{officerToken, "POST", "/keys/sign/trim", map[string]any{"min_available_version": 2}},
		{officerToken, "POST", "/keys/mac/rotate", nil},
		{officerToken, "GET", "/export/signing-key/sign", nil},
		{officerToken, "POST", "/sign/sign", map[string]any{"input": "QQ=="}},
		{officerToken, "DELETE", "/keys/shard-00", nil},
	} {
		if err := s.Call(s.As(c.who), c.method, mount+c.path, c.body, nil); err == nil {
			t.Errorf("%s %s %v was allowed", c.method, c.path, c.body)
		}
	}
}
