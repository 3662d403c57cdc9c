package main

import (
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/privet-gateway/privet"

// floors is the plan of the house: package → what of ours it may import. A
// package not listed here fails the test, and so does an import not allowed.
var floors = map[string][]string{
	"redact":                  {},
	"redact/redacttest":       {"redact"},
	"redact/scoring":          {"redact"}, // judges the engine; no product package imports it
	"audit/store":             {},
	"audit/store/storetest":   {"audit/store"},
	"audit/keeper":            {},
	"audit/witness":           {"audit/evidence"},
	"audit/syslog":            {},
	"audit/syslog/syslogtest": {"audit/keeper/keepertest"},
	"audit/evidence":          {}, // formats and the check: all that an auditor must trust
	"audit/keeper/keepertest": {"audit/keeper"},
	"gateway/page":            {},

	"mfa":          {"audit/store"},
	"policy":       {"redact"},
	"audit":        {"audit/store", "audit/evidence", "audit/witness"},
	"audit/rights": {"audit", "audit/store"},
	// An office over real parts, for the tests of portal and console.
	"audit/rights/rightstest": {"audit", "audit/keeper", "audit/rights", "audit/store", "audit/store/storetest", "cmd/supportdesk/tool", "redact"},

	// The assertion is verified by tools, in their own processes: it knows nothing of ours.
	"gateway/assertion": {},

	"gateway":         {"gateway/assertion", "mfa", "policy", "redact", "audit", "gateway/page"},
	"gateway/desk":    {"mfa", "gateway/page"},
	"gateway/portal":  {"audit/rights", "mfa", "gateway/page"},
	"gateway/console": {"audit", "audit/rights", "mfa", "policy", "gateway/page"},

	"cmd/privet":           {"*"},
	"cmd/privet-verify":    {"audit/evidence"},
	"cmd/privet-witness":   {"audit/evidence", "audit/witness"},
	"cmd/supportdesk":      {"cmd/supportdesk/tool"},
	"cmd/supportdesk/tool": {},
}

// owners: only these packages may import these modules.
var owners = map[string][]string{
	"github.com/open-policy-agent/opa": {"policy"},
	"github.com/pquerna/otp":           {"mfa"},
	"github.com/go-webauthn/webauthn":  {"mfa"},
	"github.com/hashicorp/vault/api":   {"audit/keeper"},
	"modernc.org/sqlite":               {"audit/store"},
	"github.com/jackc/pgx/v5":          {"audit/store"},
	module + "/audit/keeper":           {"cmd/privet", "audit/rights/rightstest", "audit/keeper/keepertest", "audit/syslog/syslogtest"},
}

func TestFloorPlan(t *testing.T) {
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("list packages: %v", err)
	}
	seen := 0
	for dec := json.NewDecoder(strings.NewReader(string(out))); dec.More(); seen++ {
		var pkg struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&pkg); err != nil {
			t.Fatal(err)
		}
		checkPackage(t, strings.TrimPrefix(pkg.ImportPath, module+"/"), pkg.Imports)
	}
	if seen < 10 {
		t.Fatalf("saw %d packages; the plan guards nothing", seen)
	}
}

func checkPackage(t *testing.T, name string, imports []string) {
	t.Helper()
	allowed, listed := floors[name]
	if !listed {
		t.Errorf("package %s is not on the floor plan", name)
		return
	}
	for _, imp := range imports {
		for owned, by := range owners {
			if (imp == owned || strings.HasPrefix(imp, owned+"/")) && !contains(by, name) {
				t.Errorf("%s imports %s; only %v may", name, imp, by)
			}
		}
		ours, ok := strings.CutPrefix(imp, module+"/")
		if ok && !contains(allowed, ours) && !contains(allowed, "*") {
			t.Errorf("%s imports %s, which is not below it on the floor plan", name, ours)
		}
	}
}

func contains(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}
