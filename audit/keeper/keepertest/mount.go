package keepertest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/keeper"
)

// Mount makes a fresh transit mount with all keys, as deploy/vault/setup does.
func (s *VaultServer) Mount(t testing.TB) string {
	t.Helper()
	mount := fmt.Sprintf("privet%d", s.mounts.Add(1))
	s.Admin(t, "POST", "sys/mounts/"+mount, map[string]any{"type": "transit"})
	s.Admin(t, "POST", mount+"/config/keys", map[string]any{"disable_upsert": true})
	for i := range keeper.Shards {
		s.Admin(t, "POST", fmt.Sprintf("%s/keys/shard-%02d", mount, i), map[string]any{"type": "aes256-gcm96", "derived": true})
	}
	s.Admin(t, "POST", mount+"/keys/seal", map[string]any{"type": "aes256-gcm96", "derived": true})
	s.Admin(t, "POST", mount+"/keys/mac", map[string]any{"type": "hmac", "key_size": 32})
	s.Admin(t, "POST", mount+"/keys/sign", map[string]any{"type": "ed25519"})
	return mount
}

// Policy installs deploy/vault/NAME.hcl for a mount and gives the policy's name.
func (s *VaultServer) Policy(t testing.TB, mount, name string) string {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	raw, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../../deploy/vault", name+".hcl"))
	if err != nil {
		t.Fatal(err)
	}
	s.Admin(t, "PUT", "sys/policies/acl/"+mount+"-"+name, map[string]any{"policy": strings.ReplaceAll(string(raw), `"privet/`, `"`+mount+`/`)})
	return mount + "-" + name
}

// TokenFile makes a token that may do what the policies of deploy/vault allow
// ("gateway", "officer") and gives the file that holds it.
func (s *VaultServer) TokenFile(t testing.TB, mount string, policies ...string) string {
	t.Helper()
	var names []string
	for _, p := range policies {
		names = append(names, s.Policy(t, mount, p))
	}
	out := s.Admin(t, "POST", "auth/token/create", map[string]any{"policies": names, "no_default_policy": true, "ttl": "1h"})
	return CredentialFile(t, out["auth"].(map[string]any)["client_token"].(string))
}

// CredentialFile puts a credential into a private file of its own.
func CredentialFile(t testing.TB, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "credential")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Config is a keeper's configuration for a mount, with the rights of a gateway
// and an officer. Its deadline is long enough for a busy test machine; tests of
// the deadline set their own.
func (s *VaultServer) Config(t testing.TB, mount string) keeper.VaultConfig {
	t.Helper()
	return keeper.VaultConfig{Address: s.Address, Mount: mount, CAFile: s.CAFile, Deadline: time.Second,
		Auth: keeper.VaultAuth{Method: "token", TokenFile: s.TokenFile(t, mount, "gateway", "officer")}}
}

// OpenVault opens a keeper and closes it with the test.
func OpenVault(t testing.TB, cfg keeper.VaultConfig) *keeper.Vault {
	t.Helper()
	v, err := keeper.OpenVault(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}
