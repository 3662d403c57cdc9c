package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
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

// sample is a directory with the commented configuration and what it names.
func sample(t *testing.T) (dir, config string) {
	t.Helper()
	dir = t.TempDir()
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
	return dir, filepath.Join(dir, "deploy/privet.yaml")
}

// TestSample: the commented configuration is one that privet check accepts, and the
// check makes nothing: records and keys made by whoever checks would not be the server's.
func TestSample(t *testing.T) {
	dir, config := sample(t)
	files := func() (names []string) {
		err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
			names = append(names, name)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return names
	}
	before := files()
	if out, _ := privet(t, 0, "check", "--config", config); strings.Contains(out, "not ready") || !strings.Contains(out, "no records yet") {
		t.Error(out)
	}
	if after := files(); !slices.Equal(before, after) {
		t.Errorf("the check made files:\n%s", strings.Join(after, "\n"))
	}
}

// A name that nobody has is not looked after in silence.
func TestAgentsNobody(t *testing.T) {
	_, config := sample(t)
	privet(t, 0, "agents", "add", "lee", "--role", "tier1", "--config", config)
	for _, c := range []struct {
		status int
		args   []string
	}{
		{0, []string{"end", "lee"}}, {0, []string{"sessions", "lee"}},
		{1, []string{"end", "nobody"}}, {1, []string{"sessions", "nobody"}}, {1, []string{"end", "lee", "--session", "of-somebody-else"}},
	} {
		privet(t, c.status, append(append([]string{"agents"}, c.args...), "--config", config)...)
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

// TestHelp: every command and group says what it does, with an example, also by the
// word help; what is wrong with a command points at its own help.
func TestHelp(t *testing.T) {
	parser, err := kong.New(&commands{}, kong.Name("privet"))
	if err != nil {
		t.Fatal(err)
	}
	nodes := append(parser.Model.Leaves(true), parser.Model.Children...)
	if len(nodes) < 20 {
		t.Errorf("only %d commands", len(nodes))
	}
	for _, node := range nodes {
		words := strings.Fields(commandOf(node))
		var out, again bytes.Buffer
		status := run(t.Context(), append(slices.Clone(words), "--help"), streams{nil, &out, &out})
		if status != 0 || strings.Count(out.String(), "Example") != 1 || !strings.Contains(out.String(), "\n  privet "+words[0]) && !strings.Contains(out.String(), "| privet "+words[0]) {
			t.Errorf("privet %s --help: status %d, not one example:\n%s", strings.Join(words, " "), status, out.String())
		}
		if status := run(t.Context(), append([]string{"help"}, words...), streams{nil, &again, &again}); status != 0 || again.String() != out.String() {
			t.Errorf("privet help %s: status %d\n%s", strings.Join(words, " "), status, again.String())
		}
		var wrong bytes.Buffer
		if status := run(t.Context(), append(slices.Clone(words), "--no-such-flag"), streams{nil, &wrong, &wrong}); status != 2 ||
			!strings.Contains(wrong.String(), "Try 'privet "+strings.Join(words, " ")+" --help'") {
			t.Errorf("privet %s --no-such-flag: status %d\n%s", strings.Join(words, " "), status, wrong.String())
		}
	}
}

// TestGreeting runs the commands that the demo prints, as they stand there; and what
// an earlier start said of itself does not outlive a start that fails.
func TestGreeting(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		need(t, "bash is not installed")
	}
	d := startDemo(t, filepath.Join(t.TempDir(), "a b"))
	said := d.stdout.String()
	for _, p := range d.ready.People {
		if !regexp.MustCompile(p.Name + ` +` + p.Role + ` +` + p.Password + `\n`).MatchString(said) {
			t.Errorf("the demo does not say how %s signs in", p.Name)
		}
	}
	commands := regexp.MustCompile(`(?m)^     (.* (audit|agents) .*)$`).FindAllStringSubmatch(said, -1)
	if len(commands) < 4 {
		t.Errorf("only %d commands in\n%s", len(commands), said)
	}
	here := t.TempDir()
	for _, c := range commands {
		cmd := exec.Command("bash", "-euc", c[1])
		cmd.Dir = here
		if out, err := cmd.CombinedOutput(); err != nil || len(out) == 0 {
			t.Errorf("%s: %v\n%s", c[1], err, out)
		}
	}
	taken := d.ready.Desk[strings.LastIndexByte(d.ready.Desk, ':')+1:]
	stale := filepath.Join(here, "ready.json")
	if err := os.WriteFile(stale, []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := privetProcess(t, "demo", "--dir", filepath.Join(here, "d"), "--port", taken, "--ready", stale).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "port "+taken+" is taken") {
		t.Errorf("on a taken port: %v\n%s", err, out)
	}
	if _, err := os.Stat(stale); err == nil {
		t.Error("the file of an earlier start still says that all listens")
	}
}
