package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/privet-gateway/privet/audit/keeper/keepertest"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"privet": main,
		"signin": signIn,
		"call":   call,
		"codes":  codes,
		"inzip":  inzip,
		"tamper": tamper,
	})
}

// TestJourneys runs every script of testdata: one person, one wish. Each runs on
// {SQLite, local keeper} and on {PostgreSQL, Vault}.
func TestJourneys(t *testing.T) {
	for _, house := range []string{"embedded", "grown"} {
		t.Run(house, func(t *testing.T) {
			scripts, err := filepath.Glob("testdata/*.txtar")
			if err != nil {
				t.Fatal(err)
			}
			var vault *keepertest.VaultServer
			if house == "grown" {
				vault = keepertest.StartVault(t)
				scripts = slices.DeleteFunc(scripts, func(name string) bool { // what opens no house is the same on every one
					text, err := os.ReadFile(name)
					return err == nil && !bytes.Contains(text, []byte("\nhouse"))
				})
			}
			testscript.Run(t, testscript.Params{
				Files: scripts,
				Setup: func(env *testscript.Env) error {
					env.Setenv("GORACE", os.Getenv("GORACE"))
					if house == "grown" {
						mount := vault.Mount(t)
						token, err := os.ReadFile(vault.TokenFile(t, mount, "gateway", "officer"))
						if err != nil {
							return err
						}
						env.Setenv("STORE", storetest.URL(t, store.PostgreSQL))
						env.Setenv("VAULT_ADDR", vault.Address)
						env.Setenv("VAULT_MOUNT", mount)
						env.Setenv("VAULT_CACERT", vault.CAFile)
						env.Setenv("VAULT_TOKEN", strings.TrimSpace(string(token)))
					}
					return nil
				},
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"house": startHouse, "stop": stopHouse,
				},
			})
		})
	}
}

// startHouse runs "privet demo" in $WORK/d until it says that all listens:
// house [flag…]. It sets DESK, TOOL, PORTAL, CONSOLE, SUBJECT and READY.
func startHouse(ts *testscript.TestScript, neg bool, args []string) {
	dir, readyFile := ts.MkAbs("d"), ts.MkAbs("ready.json")
	all := append([]string{"demo", "--dir", dir, "--ready", readyFile, "--port", "0"}, args...)
	if store := ts.Getenv("STORE"); store != "" {
		all = append(all, "--store", store, "--vault", ts.Getenv("VAULT_ADDR"), "--vault-mount", ts.Getenv("VAULT_MOUNT"))
	}
	cmd := exec.Command(filepath.Join(strings.SplitN(ts.Getenv("PATH"), string(os.PathListSeparator), 2)[0], "privet"), all...)
	cmd.Env = append(os.Environ(), "VAULT_TOKEN="+ts.Getenv("VAULT_TOKEN"), "VAULT_CACERT="+ts.Getenv("VAULT_CACERT"))
	logs, err := os.OpenFile(ts.MkAbs("house.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	cmd.Stderr = logs
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() { _ = cmd.Process.Kill(); _, _ = cmd.Process.Wait(); _ = logs.Close() })
	said := false
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if said = strings.HasPrefix(lines.Text(), "Stop with"); said {
			break
		}
	}
	if !said {
		text, _ := os.ReadFile(ts.MkAbs("house.log"))
		ts.Fatalf("the demo did not start:\n%s", text)
	}
	go func() { _, _ = io.Copy(io.Discard, out) }()
	r := readReady(readyFile)
	for name, value := range map[string]string{"DESK": r.Desk, "TOOL": r.Tool, "PORTAL": r.Portal, "CONSOLE": r.Console,
		"SUBJECT": r.Holders[0].Subject, "EMAIL": r.Holders[0].Email, "READY": readyFile, "KEY": r.TrailKey, "UPSTREAM": r.Upstream, "PID": fmt.Sprint(cmd.Process.Pid)} {
		ts.Setenv(name, value)
	}
}

// stopHouse ends the running demo: stop [KILL].
func stopHouse(ts *testscript.TestScript, neg bool, args []string) {
	var pid int
	_, err := fmt.Sscan(ts.Getenv("PID"), &pid)
	ts.Check(err)
	process, err := os.FindProcess(pid)
	ts.Check(err)
	sig := syscall.SIGTERM
	if slices.Contains(args, "KILL") {
		sig = syscall.SIGKILL
	}
	ts.Check(process.Signal(sig))
	_, _ = process.Wait()
}

func readReady(file string) ready {
	var r ready
	text, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		panic(err)
	}
	return r
}

// client trusts the demo's authority and finds *.localhost on loopback.
func client(r ready) *http.Client {
	roots := x509.NewCertPool()
	if ca, err := os.ReadFile(r.CA); err == nil {
		roots.AppendCertsFromPEM(ca)
	}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true,
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				_, port, err := net.SplitHostPort(address)
				if err != nil {
					return nil, err
				}
				var d net.Dialer
				return d.DialContext(ctx, network, net.JoinHostPort("127.0.0.1", port))
			},
		}}
}

func die(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// code is the code of a person's key now.
func code(key string, now time.Time) (string, error) {
	k, err := otp.NewKeyFromURL(key)
	if err != nil {
		return "", err
	}
	return totp.GenerateCode(k.Secret(), now)
}

// session signs a person in and returns the session.
func session(r ready, name string) (string, error) {
	i := slices.IndexFunc(r.People, func(h readyHuman) bool { return h.Name == name })
	if i < 0 {
		return "", errors.New("nobody is called " + name)
	}
	for {
		var ticket struct{ Ticket string }
		if err := post200(r, "/api/login", map[string]string{"agent": name, "password": r.People[i].Password}, &ticket); err != nil {
			return "", err
		}
		now := time.Now()
		digits, err := code(r.People[i].TOTP, now)
		if err != nil {
			return "", err
		}
		var s struct{ Session string }
		err = post200(r, "/api/code", map[string]string{"ticket": ticket.Ticket, "code": digits}, &s)
		if !errors.Is(err, errAnswerLost) {
			return s.Session, err
		}
		time.Sleep(time.Until(now.Truncate(30 * time.Second).Add(30 * time.Second))) // the code is spent; the next is due then
	}
}

// errAnswerLost: a busy machine answered 503 to what it had done.
var errAnswerLost = errors.New("done, but the answer was late")

// post200 posts until it is answered 200. A machine that is busy with other
// tests answers 503, try again; everything else is final.
func post200(r ready, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	for tries := 0; ; tries++ {
		resp, err := client(r).Post(r.Desk+path, "application/json", bytes.NewReader(text))
		if err != nil {
			return err
		}
		answer, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return err
		case resp.StatusCode == http.StatusOK:
			return json.Unmarshal(answer, into)
		case resp.StatusCode == http.StatusUnauthorized && tries > 0:
			return fmt.Errorf("%w: %s: %s", errAnswerLost, path, answer)
		case resp.StatusCode != http.StatusServiceUnavailable || tries == 50:
			return fmt.Errorf("%s: %d %s", path, resp.StatusCode, answer)
		}
	}
}

// signIn is the script's program "signin NAME": it keeps the session for call -as NAME.
func signIn() {
	r := readReady("ready.json")
	token, err := session(r, os.Args[1])
	die(err)
	die(os.WriteFile(os.Args[1]+".session", []byte(token), 0o600))
}

// call is the script's program "call [-as NAME] [-page] METHOD URL [BODY]": it prints
// status, headers and body, and fails unless the status is 2xx.
func call() {
	as := flag.String("as", "", "who calls")
	page := flag.Bool("page", false, "as a browser's navigation")
	flag.Parse()
	r := readReady("ready.json")
	var body io.Reader
	if flag.NArg() > 2 {
		body = strings.NewReader(flag.Arg(2))
	}
	req, err := http.NewRequest(flag.Arg(0), flag.Arg(1), body)
	die(err)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if *page {
		req.Header.Set("Accept", "text/html")
		req.Header.Set("Sec-Fetch-Mode", "navigate")
	}
	if *as != "" {
		token, err := os.ReadFile(*as + ".session")
		die(err)
		req.Header.Set("Privet-Session", string(token))
	}
	resp, err := client(r).Do(req)
	die(err)
	for tries := 0; resp.StatusCode == http.StatusServiceUnavailable && tries < 6; tries++ { // on a busy machine
		wait, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		die(err)
		time.Sleep(time.Duration(wait) * time.Second) // as it asks for
		if req.GetBody != nil {
			req.Body, err = req.GetBody()
			die(err)
		}
		_ = resp.Body.Close()
		resp, err = client(r).Do(req)
		die(err)
	}
	defer resp.Body.Close()
	fmt.Println(resp.StatusCode)
	die(resp.Header.Write(os.Stdout))
	fmt.Println()
	_, err = io.Copy(os.Stdout, resp.Body)
	die(err)
	if resp.StatusCode >= 300 {
		os.Exit(1)
	}
}
