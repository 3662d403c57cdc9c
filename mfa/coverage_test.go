package mfa_test

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var writeCoverage = flag.Bool("coverage-table", false, "write deploy/sign-in-coverage.md anew")

// coverage: requirement → the tests that would fail if it were broken. What has
// no test of its own says where it stands instead.
var coverage = []struct{ requirement, text, tests, note string }{
	{"PCI DSS 4.0.1 8.2.1", "every user has a unique ID", "TestEnrol", "the name is the directory's key"},
	{"PCI DSS 4.0.1 8.2.2", "no shared accounts", "", "a rule of the organisation; the trail names who acted"},
	{"PCI DSS 4.0.1 8.2.4", "adding, changing and removing IDs and factors is authorised", "TestEnrol TestEnrolAgain TestSecondDevice", ""},
	{"PCI DSS 4.0.1 8.2.5", "access of leavers is revoked at once", "TestEnd TestEndOfSession TestBlind TestTeam", "open WebSockets and event streams too, on every replica"},
	{"PCI DSS 4.0.1 8.2.6", "accounts unused for 90 days are disabled", "TestUnused TestLimitsOfStandards", "a supervisor unlocks or invites anew"},
	{"PCI DSS 4.0.1 8.2.8", "idle for 15 minutes: prove yourself again", "TestIdle TestEnd TestLimitsOfStandards", ""},
	{"PCI DSS 4.0.1 8.3.1", "all access by at least one factor", "TestSignIn", ""},
	{"PCI DSS 4.0.1 8.3.2", "factors unreadable in transit and at rest", "TestHashUpgrade FuzzReadPHC", "argon2id, seeds sealed by the keeper, tokens as SHA-256"},
	{"PCI DSS 4.0.1 8.3.3", "identity verified before a factor is changed", "TestSecondDevice TestEnrolAgain", ""},
	{"PCI DSS 4.0.1 8.3.4", "lock after at most 10 tries for at least 30 minutes", "TestLockout TestLimitsOfStandards TestAPILock", "ten tries of the second factor; wrong passwords alone are throttled by network (TestThrottle) and never lock (TestNoLockoutByPassword)"},
	{"PCI DSS 4.0.1 8.3.5", "first passwords unique and changed at first use", "TestEnrol", "an invitation instead: nobody else ever knows the password"},
	{"PCI DSS 4.0.1 8.3.6", "at least 12 characters", "TestCommon", "length and a list, not composition (SP 800-63B-4)"},
	{"PCI DSS 4.0.1 8.3.11", "factors are one person's", "TestPasskeyClone TestTicketOnce", ""},
	{"PCI DSS 4.0.1 8.4.2", "MFA for all access to the cardholder data environment", "TestSignIn TestSSO TestSSOLevels", ""},
	{"PCI DSS 4.0.1 8.5.1", "no replay; no bypass; two kinds; all factors before access", "TestOnceOnly TestSignIn TestTicketOnce TestCollision", ""},
	{"ASVS 5 6.2.1", "passwords of at least 8 characters", "TestCommon", ""},
	{"ASVS 5 6.2.4", "the 3,000 most common passwords are refused", "TestCommon", ""},
	{"ASVS 5 6.2.7", "paste and password managers allowed", "TestChromium", ""},
	{"ASVS 5 6.2.9", "passwords of 64 characters are taken", "TestSignIn", "up to 256 bytes"},
	{"ASVS 5 6.2.12", "breached passwords are refused", "TestCommon", "an offline list of 49,233"},
	{"ASVS 5 6.3.1", "guessing and stuffing are slowed", "TestThrottle TestStorm TestLockout", "counted over all replicas"},
	{"ASVS 5 6.3.3", "a second factor is needed", "TestSignIn", ""},
	{"ASVS 5 6.3.8", "answers do not tell who exists", "TestOracle TestSameAnswer", ""},
	{"ASVS 5 6.4.2", "no secret questions", "TestEnrolAgain", "agents have none; questions verify a caller, five tries an hour (TestKnowledge)"},
	{"ASVS 5 6.4.4", "a lost factor is replaced by proof of the same level", "TestEnrolAgain", ""},
	{"ASVS 5 6.5.1", "codes and recovery codes work once", "TestOnceOnly TestEnrol", ""},
	{"ASVS 5 6.5.2", "recovery codes are hashed", "TestEnrol", "argon2id"},
	{"ASVS 5 6.5.5", "a TOTP code lives at most 30 s", "TestThirtySeconds", ""},
	{"ASVS 5 6.5.4", "one-time codes of at least 20 bits, or six digits", "TestCallerCode", "five tries each"},
	{"ASVS 5 6.6.2", "a one-time code is bound to its request", "TestCallerCode", "the caller's codes: session and subject"},
	{"ASVS 5 6.8.1", "a provider cannot sign in as another's person", "TestSSO", "matched by issuer and subject"},
	{"ASVS 5 6.8.4", "acr and amr are checked", "TestSSO TestSSOLevels", ""},
	{"ASVS 5 7.2.3", "tokens of at least 128 random bits", "TestSignIn", "256 bits"},
	{"ASVS 5 7.2.4", "a new token at each sign-in", "TestHandOver", ""},
	{"ASVS 5 7.3.1", "idle limit", "TestIdle", ""},
	{"ASVS 5 7.3.2", "absolute limit", "TestIdle", ""},
	{"ASVS 5 7.4.1", "an ended session is of no use", "TestEnd TestEndOfSession TestBlind", ""},
	{"ASVS 5 7.4.2", "disabling an account ends its sessions", "TestEnd", ""},
	{"ASVS 5 7.4.3", "changing factors ends other sessions", "TestEnrolAgain", "at enrolment and reset"},
	{"ASVS 5 7.4.5", "administrators can end sessions", "TestEnd TestTeam", ""},
	{"ASVS 5 7.5.1", "changes of factors need a fresh proof", "TestSecondDevice", ""},
	{"ASVS 5 7.5.2", "agents see and end their sessions", "TestChromium", ""},
	{"ASVS 5 7.5.3", "sensitive acts need a fresh second factor", "TestPasskey TestTeam TestBreakGlass TestSinglePageApp", "with an RFC 9470 challenge for programs"},
	{"SP 800-63B-4 AAL2", "two factors, replay resistant", "TestSignIn TestOnceOnly", ""},
	{"SP 800-63B-4 AAL2", "a phishing-resistant option is offered", "TestPasskey TestChromium", "a role can require it: TestPasskeyRequired"},
	{"SP 800-63B-4 AAL2", "prove yourself again after 24 h, or 1 h idle", "TestIdle TestLimitsOfStandards", "12 h and 15 min"},
	{"SP 800-63B-4 3.2.2", "at most 100 failures of an authenticator", "TestLockout", "ten of the second factor; passwords alone are throttled, not counted out"},
	{"SP 800-63B-4 3.1.4", "a clock's drift is allowed for within bounds", "TestLearn TestMeet", ""},
}

// TestCoverage: every test that the table names exists, and the table in deploy
// is the one made from here.
func TestCoverage(t *testing.T) {
	tests := map[string]bool{}
	for _, pattern := range []string{"*_test.go", "../gateway/desk/*_test.go", "../gateway/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`).FindAllStringSubmatch(string(text), -1) {
				tests[m[1]] = true
			}
		}
	}
	var b strings.Builder
	b.WriteString("# Sign-in: requirement → test\n\nMade by `go test ./mfa -run TestCoverage -coverage-table`. Tests are in `mfa`, `gateway/desk` and `gateway`.\n\n| requirement | what it asks | tests | note |\n|---|---|---|---|\n")
	for _, row := range coverage {
		names := strings.Fields(row.tests)
		for i, name := range names {
			if !tests[name] {
				t.Errorf("%s: there is no %s", row.requirement, name)
			}
			names[i] = "`" + name + "`"
		}
		if len(names) == 0 {
			names = []string{"—"}
		}
		b.WriteString("| " + row.requirement + " | " + row.text + " | " + strings.Join(names, ", ") + " | " + row.note + " |\n")
	}
	const file = "../deploy/sign-in-coverage.md"
	if *writeCoverage {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != b.String() {
		t.Errorf("%s is not what the table says (%v); make it anew with -coverage-table", file, err)
	}
}
