package mfa_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/mfa"
)

const replicaVariable = "PRIVET_TEST_REPLICA"

// TestMain lets the test binary be a replica: a process that can be killed.
func TestMain(m *testing.M) {
	if at := os.Getenv(replicaVariable); at != "" {
		if err := beReplica(at); err != nil {
			fmt.Fprintln(os.Stderr, "replica:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// blank is a trail that keeps nothing: a storm of tries would fill a kept one.
type blank struct{}

func (blank) Record(context.Context, mfa.Act) (string, error) { return "test", nil }

// submission is one code on its way to a replica, and the time to take it at.
type submission struct {
	Ticket, Code string
	Now          time.Time
}

// beReplica opens a door on the database and answers submissions until standard
// input ends.
func beReplica(databaseURL string) error {
	ctx := context.Background()
	db, err := store.Open(ctx, store.Config{URL: databaseURL, Schemas: schemas(), Timeout: time.Minute})
	if err != nil {
		return err
	}
	clock := &clock{t: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)}
	tool, _ := url.Parse("https://cases.test")
	door, err := mfa.Open(ctx, mfa.Config{Store: db, Sealer: &box{}, Trail: blank{}, Desk: deskURL, Hosts: []*url.URL{tool},
		Argon: cheap, Clock: clock.now, Limits: mfa.Limits{Burst: 1 << 30, StrangersBurst: 1 << 30}})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var s submission
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		clock.set(s.Now)
		_, err := door.Code(r.Context(), s.Ticket, s.Code, from)
		switch {
		case err == nil:
		case errors.Is(err, mfa.ErrWrong):
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	})}
	go func() { _ = server.Serve(listener) }()
	fmt.Println(listener.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	return errors.Join(server.Close(), db.Close())
}

// replica is a door in a process of its own.
type replica struct {
	command *exec.Cmd
	client  *http.Client
	url     string
}

func startReplica(t testing.TB, databaseURL string) *replica {
	t.Helper()
	command := exec.Command(os.Args[0])
	command.Env = append(os.Environ(), replicaVariable+"="+databaseURL)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = stdin.Close(); _ = command.Wait() })
	address, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatalf("replica does not say where it listens: %v", err)
	}
	return &replica{command, &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}, "http://" + strings.TrimSpace(address)}
}

// errGone: the replica was killed before it answered.
var errGone = errors.New("replica is gone")

// submit says whether the code was accepted.
func (r *replica) submit(s submission) (bool, error) {
	body, err := json.Marshal(s)
	if err != nil {
		return false, err
	}
	resp, err := r.client.Post(r.url, "application/json", bytes.NewReader(body))
	if err != nil {
		return false, errGone
	}
	defer resp.Body.Close()
	why, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return false, errGone
	case resp.StatusCode == http.StatusOK:
		return true, nil
	case resp.StatusCode == http.StatusUnauthorized:
		return false, nil
	}
	return false, fmt.Errorf("%s: %s", resp.Status, why)
}

// kill is kill -9.
func (r *replica) kill() {
	_ = r.command.Process.Kill()
	r.client.CloseIdleConnections()
}
