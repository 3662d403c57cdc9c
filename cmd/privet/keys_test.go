package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// keysConfig writes a configuration with the given keeper.
func keysConfig(t *testing.T, dir, name, keeper string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	text := fmt.Sprintf(`
hosts: { desk: desk.test, portal: portal.test, console: console.test }
tls: { certificate: none.pem, key: none.key }
store: sqlite:privet.db
keeper:
  %s
trail: { origin: privet.test/trail, key: trail.vkey }
tools:
  - { name: cases, host: cases.test, upstream: "http://127.0.0.1:9", catalogue: none.yaml }
post: { outbox: outbox, from: privet@privet.test }
`, keeper)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// privet runs a command line and wants its exit status.
func privet(t *testing.T, want int, args ...string) (out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	if got := run(t.Context(), args, streams{strings.NewReader(""), &stdout, &stderr}); got != want {
		t.Fatalf("privet %s: exit %d, want %d\n%s%s", strings.Join(args, " "), got, want, stdout.String(), stderr.String())
	}
	return stdout.String(), stderr.String()
}

func mentions(t *testing.T, text string, words ...string) {
	t.Helper()
	for _, w := range words {
		if !strings.Contains(text, w) {
			t.Errorf("no %q in:\n%s", w, text)
		}
	}
}

// The life of keys: made, rotated, trimmed, moved to Vault, trimmed there.
func TestKeys(t *testing.T) {
	dir := t.TempDir()
	local := keysConfig(t, dir, "local.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	out, _ := privet(t, 0, "keys", "init", "--config", local)
	mentions(t, out, "keeper.json", "back it up")
	_, said := privet(t, 1, "keys", "init", "--config", local)
	mentions(t, said, "exists already")
	out, _ = privet(t, 0, "keys", "status", "--config", local)
	mentions(t, out, "shard-00 … shard-63  v1–v1", "sign", "seal", "mac")
	out, _ = privet(t, 0, "keys", "rotate", "sign", "seal", "--config", local, "--by", "olga")
	mentions(t, out, "sign is at version 2", "seal is at version 2", "receipt")
	vkey, err := os.ReadFile(filepath.Join(dir, "trail.vkey"))
	if err != nil || strings.Count(string(vkey), "\n") != 2 {
		t.Errorf("the public key file has not both keys: %q, %v", vkey, err)
	}
	out, _ = privet(t, 0, "keys", "trim", "--config", local)
	mentions(t, out, "old keys of 0 shards")
	_, said = privet(t, 2, "keys", "trim", "--config", local, "--vault-token-file", local)
	mentions(t, said, "names no vault")

	s := keepertest.StartDevVault(t)
	mount := s.Mount(t)
	for _, name := range []string{"mac", "sign"} { // as setup --migrate leaves them out
		s.Admin(t, "POST", mount+"/keys/"+name+"/config", map[string]any{"deletion_allowed": true})
		s.Admin(t, "DELETE", mount+"/keys/"+name, nil)
	}
	vault := keysConfig(t, dir, "vault.yaml", fmt.Sprintf("vault: { address: %q, mount: %s, auth: token, token_file: %s }",
		s.Address, mount, s.TokenFile(t, mount, "gateway")))
	migrate := s.TokenFile(t, mount, "gateway", "migrate")
	_, said = privet(t, 2, "keys", "migrate", "--config", vault, "--to", vault, "--vault-token-file", migrate)
	mentions(t, said, "--config needs keeper.local")
	out, _ = privet(t, 0, "keys", "migrate", "--config", local, "--to", vault, "--vault-token-file", migrate)
	mentions(t, out, "moved 0 data keys, 0 sealed secrets, the signing keys", "destroy")
	_, said = privet(t, 1, "keys", "rotate", "sign", "--config", vault)
	mentions(t, said, "refuses these credentials")
	officer := s.TokenFile(t, mount, "gateway", "officer")
	out, _ = privet(t, 0, "keys", "rotate", "sign", "--config", vault, "--vault-token-file", officer)
	mentions(t, out, "sign is at version 3")
	out, _ = privet(t, 0, "audit", "tail", "--config", vault)
	mentions(t, out, "keys.moved")
	out, _ = privet(t, 0, "keys", "trim", "--config", vault, "--vault-token-file", officer)
	mentions(t, out, "old keys of 0 shards")
	out, _ = privet(t, 0, "keys", "status", "--json", "--config", vault)
	mentions(t, out, `"name":"sign","oldest":1,"newest":3`)
}
