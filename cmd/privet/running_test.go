package main

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// demo is a running "privet demo", a process of its own.
type demo struct {
	dir     string
	ready   ready
	client  *http.Client
	process *exec.Cmd
	gone    chan struct{}

	stdout, stderr bytes.Buffer // to be read once gone
}

// startDemo runs privet demo in dir; an argument NAME=value goes into its
// environment.
func startDemo(t *testing.T, dir string, args ...string) *demo {
	t.Helper()
	d := &demo{dir: filepath.Join(dir, "d"), gone: make(chan struct{})}
	readyFile := filepath.Join(dir, "ready.json")
	d.process = privetProcess(t, append([]string{"demo", "--dir", d.dir, "--ready", readyFile, "--port", "0"}, args...)...)
	said := &until{line: []byte("Stop with"), said: make(chan struct{})}
	d.process.Stdout, d.process.Stderr = io.MultiWriter(&d.stdout, said), &d.stderr
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { _ = d.process.Wait(); close(d.gone) }()
	t.Cleanup(func() { d.end(os.Kill) })
	select {
	case <-said.said:
	case <-d.gone:
		t.Fatalf("the demo did not start: %s", d.stderr.String())
	}
	d.ready = readReady(readyFile)
	d.client = client(d.ready)
	return d
}

// end sends a signal and waits for the process.
func (d *demo) end(sig os.Signal) {
	_ = d.process.Process.Signal(sig)
	<-d.gone
}

// privet runs a command beside the demo and returns what it printed.
func (d *demo) privet(t *testing.T, args ...string) []byte {
	t.Helper()
	out, err := privetProcess(t, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("privet %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

// privetProcess is this test binary under the name of privet; see TestMain.
func privetProcess(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	variable := regexp.MustCompile("^[A-Z_]+=")
	binary, err := exec.LookPath("privet")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = os.Environ()
	for _, arg := range args {
		if variable.MatchString(arg) {
			cmd.Env = append(cmd.Env, arg)
		} else {
			cmd.Args = append(cmd.Args, arg)
		}
	}
	return cmd
}

// until closes said when a line went by.
type until struct {
	line []byte
	said chan struct{}
	once sync.Once
	seen []byte
}

func (u *until) Write(p []byte) (int, error) {
	u.seen = append(u.seen, p...)
	if bytes.Contains(u.seen, u.line) {
		u.once.Do(func() { close(u.said) })
	}
	return len(p), nil
}
