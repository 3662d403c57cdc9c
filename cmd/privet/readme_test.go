package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
)

// TestReadme runs the commands of the README's ten minutes, as they stand there,
// against a demo. Only what a reader fills in is filled in.
func TestReadme(t *testing.T) {
	for _, tool := range []string{"bash", "curl", "jq"} {
		if _, err := exec.LookPath(tool); err != nil {
			need(t, tool+" is not installed")
		}
	}
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile("(?s)## Ten minutes.*?```\n(.*?)```").FindSubmatch(text)
	if block == nil {
		t.Fatal("the README has no commands under Ten minutes")
	}
	d := startDemo(t, t.TempDir())
	digits, err := code(d.ready.People[0].TOTP, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	port := d.ready.Desk[strings.LastIndexByte(d.ready.Desk, ':')+1:]
	script := string(block[1])
	script = regexp.MustCompile(`(?m)^D=\S+`).ReplaceAllString(script, "D="+d.dir)
	script = strings.Replace(script, `"password":"…"`, fmt.Sprintf(`"password":%q`, d.ready.People[0].Password), 1)
	script = strings.Replace(script, `"code":"…"`, fmt.Sprintf(`"code":%q`, digits), 1)
	script = strings.ReplaceAll(script, ":8443", ":"+port)
	script = strings.ReplaceAll(script, "go run ./cmd/privet", "privet")
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", script)
	cmd.Dir = t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{`"pan": "•••• `, "view.intent", "VERDICT: VERIFIED"} {
		if !bytes.Contains(out, []byte(want)) {
			t.Errorf("the README's commands do not show %q:\n%s", want, out)
		}
	}
}

// need skips where a part of the machine is missing; in CI nothing may be.
func need(t *testing.T, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// TestSample: the commented configuration is one that privet check accepts.
func TestSample(t *testing.T) {
	dir := t.TempDir()
	for _, file := range []string{"deploy/privet.yaml", "cmd/supportdesk/tool/catalogue.yaml"} {
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, filepath.Dir(file)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hosts := []string{"desk.example.com", "privacy.example.com", "officers.example.com", "cases.example.com"}
	if err := demoCertificate(filepath.Join(dir, "deploy"), hosts, time.Now()); err != nil {
		t.Fatal(err)
	}
	var out, logs bytes.Buffer
	status := run(t.Context(), []string{"check", "--config", filepath.Join(dir, "deploy/privet.yaml")}, streams{nil, &out, &logs})
	if status != 0 || strings.Contains(out.String(), "not ready") {
		t.Errorf("status %d\n%s%s", status, out.String(), logs.String())
	}
}

// TestSampleIsComplete: the sample is the manual, so every key stands in it; and
// what it shows commented out is a configuration too.
func TestSampleIsComplete(t *testing.T) {
	text, err := os.ReadFile("../../deploy/privet.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var missing func(of reflect.Type, at string)
	missing = func(of reflect.Type, at string) {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Slice || of.Kind() == reflect.Map {
			of = of.Elem()
		}
		for i := 0; of.Kind() == reflect.Struct && i < of.NumField(); i++ {
			if key := of.Field(i).Tag.Get("yaml"); key != "" {
				if !regexp.MustCompile(`[\s{]`+key+`: `).Match(text) && !regexp.MustCompile(`[\s{]`+key+`:\n`).Match(text) {
					t.Errorf("deploy/privet.yaml does not name %s%s", at, key)
				}
				missing(of.Field(i).Type, at+key+".")
			}
		}
	}
	missing(reflect.TypeFor[config](), "")

	shown := regexp.MustCompile(`(?ms)^tools:.*?^\n`).FindString(string(text))
	shown = regexp.MustCompile(`(?m)^    # ([a-z0-9_]+:|  [A-Za-z-]+:)`).ReplaceAllString(shown, "    $1")
	shown = strings.Replace(strings.Replace(shown, "http2: true", "http2: false", 1), "http://", "https://", 1)
	file := keysConfig(t, t.TempDir(), "privet.yaml", "local: {file: keys, root_key_file: root}")
	rest, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	rest = regexp.MustCompile(`(?m)^tools:\n.*\n`).ReplaceAllLiteral(rest, []byte(shown))
	office := regexp.MustCompile(`(?ms)^# privacy:.*\z`).Find(text)
	rest = append(rest, regexp.MustCompile(`(?m)^# `).ReplaceAll(office, nil)...)
	if err := os.WriteFile(file, rest, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, err := readConfig(file)
	if err != nil {
		t.Fatalf("%v\n%s", err, rest)
	}
	if p := cfg.Privacy; len(p.Systems) != 5 || p.Own["olga"] == "" || p.DRP == nil || p.OpenDSR == nil {
		t.Errorf("read %+v", p)
	}
	if tool := cfg.Tools[0]; len(tool.Secrets) != 3 || tool.Limits.Body != 32<<20 || tool.Health.Path != "/healthz" || tool.TLS.CA == "" {
		t.Errorf("read %+v", tool)
	}
}

// TestHelp: every command says what it does, with an example.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("privet"))
	if err != nil {
		t.Fatal(err)
	}
	leaves := parser.Model.Leaves(true)
	if len(leaves) < 20 {
		t.Errorf("only %d commands", len(leaves))
	}
	for _, leaf := range leaves {
		words := strings.Fields(commandOf(leaf))
		var out bytes.Buffer
		status := run(t.Context(), append(words, "--help"), streams{nil, &out, &out})
		if status != 0 || !strings.Contains(out.String(), "Example") {
			t.Errorf("privet %s --help: status %d, no example", strings.Join(words, " "), status)
		}
	}
}
