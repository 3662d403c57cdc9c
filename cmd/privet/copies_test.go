package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/syslog/syslogtest"
)

// A configured collector gets what the house writes down.
func TestCopiesBySyslog(t *testing.T) {
	c := syslogtest.Start(t)
	dir := t.TempDir()
	config := keysConfig(t, dir, "privet.yaml", "local: { file: keeper.json, root_key_file: root.key }")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	with := strings.Replace(string(text), "key: trail.vkey }", "key: trail.vkey, copies: [{ syslog: \""+c.Address+"\", ca: "+c.CAFile+" }] }", 1)
	if err := os.WriteFile(config, []byte(with), 0o600); err != nil {
		t.Fatal(err)
	}
	privet(t, 0, "keys", "init", "--config", config)
	h, err := keysState{state: state{Config: config}}.trail(t.Context(), os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	r, err := h.trail.Append(t.Context(), audit.Event{Kind: "refusal", Agent: "ada", Outcome: "refused", Subjects: []string{"cust_42"}})
	if err != nil {
		t.Fatal(err)
	}
	got := c.Await(t, 1)[0]
	if got.ID != "refusal" || got.Severity != 5 || !strings.HasPrefix(got.Text, `{"receipt":"`+string(r)+`","leaf":{`) || strings.Contains(got.Text, "cust_42") {
		t.Errorf("%+v", got)
	}

	wrong := filepath.Join(dir, "wrong.yaml")
	if err := os.WriteFile(wrong, []byte(strings.Replace(with, c.Address, "siem.example", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, said := privet(t, 2, "audit", "tail", "--config", wrong)
	mentions(t, said, "trail.copies[0].syslog", "host:port")
}
