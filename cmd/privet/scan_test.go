package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/privet-gateway/privet/redact"
)

// What free text is scanned for does not become less by a file alone: a looser
// redaction waits for an officer, over restarts, and says so; a stricter one does not.
func TestLooserRedaction(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	public, err := newOfficer("ben", at("ben.key"))
	if err != nil {
		t.Fatal(err)
	}
	base, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(at(name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("none.yaml", "tool: cases\nscreens: [{id: list, path: /list, media: application/json, shape: list}]\nshapes: {list: {fields: {name: person}}}\n")
	start := func(redaction string) (redact.Profile, string, error) {
		t.Helper()
		write("privet.yaml", string(base)+"policy: { officers: ['"+public+"'] }\nredact: "+redaction+"\n")
		cfg, err := readConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		var logs bytes.Buffer
		h, err := openHouse(t.Context(), cfg, 0, &logs)
		if err != nil {
			t.Fatal(err)
		}
		defer h.close()
		h.settleRules(t.Context())
		h.settleScan(t.Context())
		if err := h.keepRules(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h.scanned.Profile, h.scan.String("my badge is B-123456, " + "card 4000 0000 0000 0002"), h.policy.Ready()
	}
	privet(t, 0, "keys", "init", "--config", config)
	if profile, _, err := start("{ profile: strict }"); err != nil || profile != redact.Strict {
		t.Fatalf("first start: %s %v", profile, err)
	}
	profile, _, err := start("{ profile: chat }")
	if err == nil || profile != redact.Strict {
		t.Fatalf("a looser profile is in force by the file alone: %s %v", profile, err)
	}
	mentions(t, err.Error(), "profile strict → chat", "privet policy approve", at("redact.approval"))
	approve := func(why error) {
		t.Helper()
		digests := regexp.MustCompile("--from (sha256:[0-9a-f]{64}) --to (sha256:[0-9a-f]{64})").FindStringSubmatch(why.Error())
		if digests == nil {
			t.Fatal(why)
		}
		privet(t, 0, "policy", "approve", "--from", digests[1], "--to", digests[2], "--key", at("ben.key"), "--out", at("redact.approval"))
	}
	approve(err)
	if profile, _, err := start("{ profile: chat }"); err != nil || profile != redact.Chat {
		t.Fatalf("with an officer's word: %s %v", profile, err)
	}
	if err := os.Remove(at("redact.approval")); err != nil {
		t.Fatal(err)
	}
	if profile, _, err := start("{ profile: chat }"); err != nil || profile != redact.Chat {
		t.Errorf("once it is kept: %s %v", profile, err)
	}
	write("own.yaml", "suppress: ['4000000000000002']\n")
	_, said, err := start("{ profile: chat, rules: own.yaml }")
	if err == nil || said != "my badge is B-123456, card [pan]" {
		t.Errorf("a number is suppressed by the file alone: %q %v", said, err)
	}
	approve(err)
	if _, said, err = start("{ profile: chat, rules: own.yaml }"); err != nil || said != "my badge is B-123456, card 4000 0000 0000 0002" {
		t.Errorf("with an officer's word: %q %v", said, err)
	}
	if profile, said, err := start("{ profile: strict }"); err != nil || profile != redact.Strict || said == "my badge is B-123456, card 4000 0000 0000 0002" {
		t.Errorf("stricter: %s %q %v", profile, said, err)
	}
	out, _ := privet(t, 0, "audit", "tail", "--config", config, "--kind", "redact.change", "--json")
	mentions(t, out, `"approved_by":"ben"`, `"loosens":"profile strict → chat"`, `"loosens":"1 more suppressed values"`, `"reason":"approval_missing"`)
}

// A SIGHUP does not loosen it either.
func TestLooserRedactionAtReload(t *testing.T) {
	s := startServe(t, nil, "")
	s.edit("store:", "redact: {profile: strict}\nstore:")
	s.next(1, "configuration reloaded")
	s.edit("profile: strict", "profile: chat")
	why, _ := s.next(1, "configuration not reloaded; the one before stays in force")["error"].(string)
	mentions(t, why, "profile strict → chat", "privet policy approve")
}
