package keeper_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// setup runs deploy/vault/setup against a server, as its operator would.
func setup(t *testing.T, s *keepertest.VaultServer, args ...string) string {
	t.Helper()
	cmd := exec.Command("../../deploy/vault/setup", args...)
	cmd.Env = append(os.Environ(), "VAULT_ADDR="+s.Address, "VAULT_TOKEN="+s.RootToken, "VAULT_CACERT="+s.CAFile,
		"VAULT_BIN="+keepertest.VaultBinary(t), "HOME="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("setup %v: %v\n%s", args, err, out)
	}
	return string(out)
}

// What the script makes is all that a keeper needs, and running it again
// changes nothing.
func TestVaultSetup(t *testing.T) {
	s := keepertest.StartVault(t)
	said := setup(t, s, "approle")
	if !strings.Contains(said, "enable two") {
		t.Errorf("setup does not warn that no audit device is enabled:\n%s", said)
	}
	id := regexp.MustCompile(`role_id: (\S+)`).FindStringSubmatch(said)
	if id == nil {
		t.Fatalf("setup prints no role id:\n%s", said)
	}
	cfg := s.Config(t, "privet")
	cfg.Auth = keeper.VaultAuth{Method: "approle", RoleID: id[1], SecretIDWrapped: true,
		SecretIDFile: keepertest.CredentialFile(t, wrappedSecretID(t, s, "privet-gateway"))}
	k := keepertest.OpenVault(t, cfg)
	ctx := t.Context()
	before, err := k.Status(ctx)
	if err != nil {
		t.Fatalf("status with the gateway's own rights: %v", err)
	}
	item := []keeper.Item{{Context: []byte("row"), Bytes: []byte("data key")}}
	wrapped, err := k.Wrap(ctx, 63, item)
	if err != nil {
		t.Fatal(err)
	}
	works(t, k)

	certFile := filepath.Join(t.TempDir(), "c.pem")
	keyFile := filepath.Join(t.TempDir(), "k.pem")
	keepertest.Certificate(t, certFile, keyFile)
	setup(t, s, "cert", certFile)
	cfg.Auth = keeper.VaultAuth{Method: "cert", Role: "privet-gateway", CertFile: certFile, KeyFile: keyFile}
	again := keepertest.OpenVault(t, cfg)
	after, err := again.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for i := range before {
		if before[i] != after[i] {
			t.Errorf("the second run changed %+v to %+v", before[i], after[i])
		}
	}
	item[0].Bytes = wrapped[0]
	if got, err := again.Unwrap(ctx, 63, item); err != nil || string(got[0]) != "data key" {
		t.Errorf("after the second run: %v", err)
	}
}
