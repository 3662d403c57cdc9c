package main

import (
	"bytes"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var writeTables = flag.Bool("write", false, "write deploy/pci-dss-10.md anew")

// requirement is one line of PCI DSS 4.0.1, the events that meet it, and the
// tests that would fail if they did not.
type requirement struct {
	number, asks string
	kinds        []string
	tests        []string // DIRECTORY.TestName
}

func requirements() []requirement {
	return []requirement{
		{"10.2.1", "Audit logs are enabled and active for all system components and cardholder data",
			[]string{"view.intent", "privet.start"}, []string{"gateway.TestTrailClosed", "audit.TestHungDatabaseClosesTheDoor", "audit.TestKill9LosesNothingAcknowledged"}},
		{"10.2.1.1", "All individual user access to cardholder data",
			[]string{"view.intent", "view.outcome", "session.purpose", "caller.start", "caller.verify", "caller.answer", "caller.end", "redact", "policy.explain", "rights.package", "rights.shown", "rights.viewed"}, []string{"gateway.TestView", "gateway.TestLongListNamesEverybody", "cmd/privet.TestLongListIsInTheTrail", "cmd/privet.TestEveryActIsInTheTrail"}},
		{"10.2.1.2", "All actions taken by any individual with administrative access",
			[]string{"agent.add", "agent.roles", "agent.lock", "agent.unlock", "agent.invite", "privet.start", "privet.reload", "policy.change", "redact.change", "session.break_glass", "keys.rotated", "keys.trimmed", "keys.moved", "rights.approve", "subject.held", "subject.released"},
			[]string{"cmd/privet.TestEveryActIsInTheTrail", "cmd/privet.TestChangedRules", "cmd/privet.TestLooserRedaction", "cmd/privet.TestKeys", "mfa.TestSignIn", "audit/rights.TestAccessAndErase", "audit.TestHeldSubjectCannotBeErased"}},
		{"10.2.1.3", "All access to audit logs",
			[]string{"trail.read", "trail.export", "trail.backup"}, []string{"gateway/console.TestTrailAPI", "gateway/console.TestExportAPI", "cmd/privet.TestAuditCommands", "cmd/privet.TestKilledExportGoesOn"}},
		{"10.2.1.4", "All invalid logical access attempts",
			[]string{"refusal", "signin.password", "signin.code", "signin.passkey", "signin.sso", "passkey.finish", "caller.verify", "caller.answer"}, []string{"cmd/privet.TestEveryActIsInTheTrail", "gateway.TestRefusals", "mfa.TestSignIn", "gateway/console.TestTrailAPI"}},
		{"10.2.1.5", "All changes to identification and authentication credentials",
			[]string{"agent.add", "agent.roles", "agent.invite", "enrol.begin", "enrol.confirm", "agent.email", "notice.send", "notice.confirm", "password.change", "passkey.begin", "passkey.register", "factor.remove", "recovery.new", "session.step_up", "session.break_glass", "session.handover", "session.depart", "session.enter", "session.end"},
			[]string{"cmd/privet.TestEveryActIsInTheTrail", "mfa.TestPasskey", "mfa.TestSignIn", "mfa.TestNotices", "mfa.TestNoticeUnsent"}},
		{"10.2.1.6", "Initialization of new audit logs, starting, stopping or pausing of existing ones",
			[]string{"privet.start", "privet.stop", "privet.reload", "trail.pruned", "trail.restored"}, []string{"cmd/privet.TestEveryActIsInTheTrail", "cmd/privet.TestAuditCommands", "cmd/privet.TestWholeBackupIsAdopted", "audit.TestPruningKeepsProofs"}},
		{"10.2.1.7", "Creation and deletion of system-level objects",
			[]string{"privet.start", "keys.rotated", "keys.trimmed", "keys.moved", "subject.erased", "trail.pruned"}, []string{"cmd/privet.TestKeys", "audit.TestErasedSubjectIsGoneEverywhere"}},
		{"10.2.2", "Each event: user, type, date and time, success or failure, origin, identity of the data or resource",
			[]string{"view.intent"}, []string{"audit.TestEntryComesBackWhole"}},
		{"10.3.1–10.3.4", "Logs are read by need, protected from change, backed up, and watched for change",
			[]string{"trail.read", "trail.backup"}, []string{"audit.TestTamperingIsCaught", "audit.TestDatabaseTamperingIsCaught", "audit.TestOutsideHeadCatchesRollbackAndFork", "cmd/privet-witness.TestWitnessRefusesRollback", "cmd/privet-verify.TestVerdicts", "audit.TestRestoredTrailVerifiesAndStaysErased"}},
		{"10.5.1", "Twelve months are kept, three of them at hand",
			[]string{"trail.pruned"}, []string{"audit.TestPruningKeepsProofs", "cmd/privet.TestRetentionByCommand"}},
		{"beside it: GDPR 5(2)", "Every step of a cardholder's request, from filing to proof",
			[]string{"rights.filed", "rights.verify", "rights.planned", "rights.approve", "rights.cooling", "rights.executing", "rights.step", "rights.proof", "rights.compiled", "rights.package",
				"rights.package_deleted", "rights.completed", "rights.notify", "rights.message", "rights.ended", "rights.extended", "rights.withdrawn", "rights.held", "rights.released", "rights.retry",
				"rights.attest", "rights.redacted", "rights.unredacted", "rights.shown", "rights.viewed", "rights.suppressed", "subject.erased"},
			[]string{"cmd/privet.TestPrivacyRequestsInDemo", "audit/rights.TestAccessAndErase"}},
	}
}

// The table that an assessor reads is made from the code: each event is written
// somewhere, no event is missing, and each test is there.
func TestAssessorsTable(t *testing.T) {
	root := filepath.Join("..", "..")
	written, tests := eventKinds(t, root), readTests(t, root)
	listed := map[string]bool{}
	var table strings.Builder
	table.WriteString("# PCI DSS 4.0.1, requirement 10: what is recorded, and which test proves it\n\n" +
		"Made by `go test ./cmd/privet -run AssessorsTable -write`, which fails when an event is written nowhere, one is not listed, or a test is gone.\n\n" +
		"| requirement | asks for | events | tests |\n|---|---|---|---|\n")
	for _, r := range requirements() {
		for _, kind := range r.kinds {
			family, _, _ := strings.Cut(kind, ".")
			listed[kind], listed[family+"."] = true, true
			if written[kind] == "" && written[family+"."] == "" {
				t.Errorf("%s: no code writes %q", r.number, kind)
			}
		}
		for _, test := range r.tests {
			if !tests[test] {
				t.Errorf("%s: there is no %s", r.number, test)
			}
		}
		fmt.Fprintf(&table, "| %s | %s | `%s` | %s |\n", r.number, r.asks, strings.Join(r.kinds, "` `"), strings.Join(r.tests, ", "))
	}
	for kind, place := range written {
		if !listed[kind] {
			t.Errorf("%s writes %q, which meets no requirement of the table", place, kind)
		}
	}
	file := filepath.Join(root, "deploy", "pci-dss-10.md")
	if *writeTables {
		if err := os.WriteFile(file, []byte(table.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	stored, err := os.ReadFile(file)
	if err != nil || !bytes.Equal(stored, []byte(table.String())) {
		t.Errorf("deploy/pci-dss-10.md is not of this code (%v); run with -write", err)
	}
}

// readTests gives the names of all tests.
func readTests(t *testing.T, root string) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "deploy" || strings.HasPrefix(d.Name(), ".") && path != root) {
			return fs.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		dir, err := filepath.Rel(root, filepath.Dir(path))
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(text)) {
			if name, ok := strings.CutPrefix(line, "func Test"); ok {
				name, _, _ = strings.Cut(name, "(")
				tests[filepath.ToSlash(dir)+".Test"+name] = true
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return tests
}
