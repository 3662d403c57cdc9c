package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// Rules that were kept and that this version cannot read stop the start, which
// says what to do; an officer's word, and nothing else, puts those of the files
// in their place.
func TestKeptRulesThatCannotBeRead(t *testing.T) {
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	public, err := newOfficer("ben", at("ben.key"))
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = append(text, "policy: { officers: ['"+public+"'], approval: policy.approval }\n"...)
	catalogue := "tool: cases\nscreens: [{id: list, path: /list, media: application/json, shape: list}]\nshapes: {list: {fields: {name: person}}}\n"
	for name, text := range map[string][]byte{config: text, at("none.yaml"): []byte(catalogue)} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	privet(t, 0, "keys", "init", "--config", config)
	start := func() (string, error) {
		cfg, err := readConfig(config)
		if err != nil {
			t.Fatal(err)
		}
		h, err := openHouse(t.Context(), cfg, 0, os.Stderr)
		if err != nil {
			return "", err
		}
		defer h.close()
		h.settleRules(t.Context())
		if err := h.keepRules(t.Context()); err != nil {
			t.Fatal(err)
		}
		return h.policy.Bundle(), nil
	}
	bundle, err := start()
	if err != nil {
		t.Fatal(err)
	}
	trailOf(t, config, func(h *house) {
		err := h.db.Write(t.Context(), func(tx *sql.Tx) error {
			_, err := tx.Exec(`UPDATE rules_kept SET body = $1 WHERE id = 1`, []byte(`{"modules":[{"Name":"a.rego","Text":"cGFja2FnZSAx"}]}`))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
	_, err = start()
	if err == nil {
		t.Fatal("started on rules that nobody has compared")
	}
	mentions(t, err.Error(), "start the version before again", "privet policy approve")
	digests := regexp.MustCompile("--from (sha256:[0-9a-f]{64}) --to (sha256:[0-9a-f]{64})").FindStringSubmatch(err.Error())
	if digests == nil || digests[2] != bundle {
		t.Fatal(err)
	}
	privet(t, 0, "policy", "approve", "--from", digests[1], "--to", digests[2], "--key", at("ben.key"), "--out", at("policy.approval"))
	if now, err := start(); err != nil || now != bundle {
		t.Fatalf("with an officer's word: %s %v", now, err)
	}
	if err := os.Remove(at("policy.approval")); err != nil {
		t.Fatal(err)
	}
	if now, err := start(); err != nil || now != bundle {
		t.Errorf("once it is kept: %s %v", now, err)
	}
	out, _ := privet(t, 0, "audit", "tail", "--config", config, "--kind", "policy.change", "--json")
	mentions(t, out, `"approved_by":"ben"`)
}
