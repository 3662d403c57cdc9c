package gateway

import (
	"context"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestTestSSL: at the port as it is served, testssl.sh finds nothing, of whatever
// severity, but what is explained here. In the check it tries protocols, ciphers,
// forward secrecy and those vulnerabilities that a configuration could open, where
// TLS 1.2 is allowed beside 1.3; with -full everything that it knows, and the port
// of 1.3 only.
func TestTestSSL(t *testing.T) {
	t.Parallel() // it mostly waits
	program := needs(t, "testssl")
	explained := map[string]string{
		"cert_chain_of_trust":   "the test's own authority is in no store",
		"cert_expirationStatus": "the test's certificates last an hour",
		"cert_notAfter":         "the same",
		"cert_revocation":       "the test's authority revokes none",
		"cert_serialNumberLen":  "the test's certificates are numbered",
		"TLS_session_ticket":    "crypto/tls names a week; it changes the tickets' key every day",
		"engine_problem":        "of the scanner's own OpenSSL",
	}
	ca, dir := newAuthority(t), t.TempDir()
	certs, err := OpenCertificates([]Pair{ca.issue(dir, host)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, says("application/json", account))
	ports := map[string]bool{"1.2 too": true}
	if *full {
		ports["1.3"] = false
	}
	for name, old := range ports {
		t.Run(name, func(t *testing.T) {
			bound, port, err := net.SplitHostPort(h.open(ListenConfig{TLS: certs.TLS(old, nil)}))
			if err != nil {
				t.Fatal(err)
			}
			file := filepath.Join(t.TempDir(), "found.json")
			args := []string{"--protocols", "--std", "--pfs", "--heartbleed", "--robot", "--renegotiation", "--poodle", "--sweet32", "--lucky13"}
			if *full {
				args = []string{"--full"}
			}
			args = append(args, "--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--ip", bound, "--jsonfile", file, host+":"+port)
			scan := exec.CommandContext(context.WithoutCancel(t.Context()), program, args...)
			scan.Env = append(os.Environ(), "HEARTBLEED_MAX_WAITSOCK=1", "CCS_MAX_WAITSOCK=1") // for the silence that is the right answer
			said, _ := scan.CombinedOutput()                                                   // its status counts findings
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			var found []struct{ ID, Severity, Finding string }
			if err := json.Unmarshal(text, &found); err != nil {
				t.Fatalf("%v: %s", err, said)
			}
			count := map[string]int{}
			for _, f := range found {
				count[f.Severity]++
				switch f.Severity {
				case "OK", "INFO":
					continue
				}
				if why, known := explained[f.ID]; known {
					t.Logf("%s: %s: %s (%s)", f.Severity, f.ID, f.Finding, why)
					continue
				}
				t.Errorf("%s: %s: %s", f.Severity, f.ID, f.Finding)
			}
			if t.Logf("%v", count); count["OK"] < 18 {
				t.Errorf("it tried little: %s", said)
			}
		})
	}
}
