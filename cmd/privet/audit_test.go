package main

import (
	"os"
	"path/filepath"
	"testing"
)

// What an officer does with the trail, by command.
func TestAuditCommands(t *testing.T) {
	dir := t.TempDir()
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	at := func(name string) string { return filepath.Join(dir, name) }
	privet(t, 0, "keys", "init", "--config", config)
	privet(t, 0, "keys", "rotate", "sign", "--config", config, "--by", "olga")
	for _, name := range []string{"SUDO_USER", "USER"} { // as in a container
		t.Setenv(name, "")
	}
	privet(t, 0, "audit", "backup", "--config", config, "--out", at("early"))
	out, _ := privet(t, 0, "audit", "tail", "--kind", "trail.backup", "--config", config)
	mentions(t, out, "operator")

	out, _ = privet(t, 0, "audit", "tail", "--config", config)
	mentions(t, out, "1.0", "olga")
	out, _ = privet(t, 0, "audit", "tail", "--json", "--kind", "nothing", "--config", config)
	if out != "" {
		t.Errorf("tail of nothing: %q", out)
	}
	if out, _ = privet(t, 0, "audit", "tail", "-n", "0", "--config", config); out != "" {
		t.Errorf("the last 0 entries: %q", out)
	}
	out, _ = privet(t, 0, "audit", "tail", "--json", "-n", "1", "--config", config)
	mentions(t, out, `{"receipt":"`, `"kind":"trail.read"`)
	_, no := privet(t, 1, "audit", "export", "--config", config, "--out", at("nowhere/all.zip"))
	mentions(t, no, "no such file or directory")
	out, _ = privet(t, 0, "audit", "export", "--config", config, "--out", at("all.zip"), "--by", "olga")
	mentions(t, out, "all.zip", "recorded as 1.")
	_, said := privet(t, 2, "audit", "export", "--config", config, "--out", at("all.zip"))
	mentions(t, said, "exists")
	out, _ = privet(t, 0, "audit", "verify", at("all.zip"), "--key", at("trail.vkey"))
	mentions(t, out, "VERDICT: VERIFIED entries=8")
	privet(t, 0, "audit", "export", "--config", config, "--out", at("siem.jsonl"), "--format", "ocsf")

	head, _ := privet(t, 0, "audit", "checkpoint", "--config", config)
	mentions(t, head, "privet.test/trail/1", "— privet.test/trail ")
	if err := os.WriteFile(at("head"), []byte(head), 0o600); err != nil {
		t.Fatal(err)
	}
	out, _ = privet(t, 5, "audit", "verify", at("all.zip"), "--key", at("trail.vkey"), "--head", at("head"))
	mentions(t, out, "VERDICT: ROLLED-BACK")

	archive, err := os.ReadFile(at("all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		content []byte
		exit    int
		verdict string
	}{
		"cut":     {archive[:len(archive)/2], 3, "VERDICT: INCOMPLETE"},
		"flipped": {append(append([]byte(nil), archive[:900]...), append([]byte{archive[900] ^ 1}, archive[901:]...)...), 4, "VERDICT: TAMPERED"},
		"text":    {[]byte("hello"), 2, "VERDICT: UNREADABLE"},
	} {
		if err := os.WriteFile(at(name), c.content, 0o600); err != nil {
			t.Fatal(err)
		}
		out, _ := privet(t, c.exit, "audit", "verify", at(name), "--key", at("trail.vkey"))
		mentions(t, out, c.verdict)
	}
	other := "other.test+2b6e37ef+ATn09JxVdu0yyKWqPdH5MbjEHlHxMI1oBQnXY5TkDNAY"
	_, said = privet(t, 2, "audit", "verify", at("all.zip"), "--key", other)
	mentions(t, said, "verifier key")

	_, said = privet(t, 1, "audit", "prune", "--config", config, "--before", "2999-01-01")
	mentions(t, said, "trail.retention")
	privet(t, 0, "audit", "prune", "--config", config)
	privet(t, 0, "audit", "backup", "--config", config, "--out", at("backup"))
	_, said = privet(t, 1, "audit", "restore", at("backup"), "--config", config)
	mentions(t, said, "holds a trail already")
	for _, name := range []string{"privet.db", "privet.db-wal", "privet.db-shm"} {
		if err := os.Remove(at(name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	out, _ = privet(t, 0, "audit", "restore", at("backup"), "--config", config)
	mentions(t, out, "restored; 0 people")
	out, _ = privet(t, 0, "audit", "tail", "--config", config)
	mentions(t, out, "1.0", "trail.read", "trail.backup", "2.0", "trail.restored")
}
