package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

	ocsf "github.com/valllabh/ocsf-schema-golang/ocsfvalidate/1.2"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// What a SIEM gets has the class of its act and names nobody.
func TestOCSF(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	mustAppend(t, tr, view("cust_42"))
	mustAppend(t, tr, audit.Event{Kind: "signin.code", Agent: "mara", Outcome: "refused", Reason: "totp_reused"})
	mustAppend(t, tr, audit.Event{Kind: "policy.change", Agent: "olga", Outcome: "allowed"})
	var out bytes.Buffer
	if _, err := tr.ExportOCSF(context.Background(), &out, "officer", audit.Filter{}, nil); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "cust_42") || strings.Contains(out.String(), "+49") {
		t.Errorf("personal data in %s", out.String())
	}
	want := []struct{ class, kind, status float64 }{{6005, 1, 1}, {3002, 1, 2}, {3004, 3, 1}, {6003, 2, 1}}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != len(want) {
		t.Fatalf("%d events, want %d", len(lines), len(want))
	}
	for i, line := range lines {
		var e map[string]any
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatal(err)
		}
		if e["class_uid"] != want[i].class || e["activity_id"] != want[i].kind || e["status_id"] != want[i].status ||
			e["type_uid"] != want[i].class*100+want[i].kind || e["category_uid"] != float64(int(want[i].class)/1000) {
			t.Errorf("event %d is %s", i, line)
		}
		for _, required := range []string{"time", "metadata", "severity_id", "actor", "src_endpoint"} {
			if e[required] == nil {
				t.Errorf("event %d has no %s", i, required)
			}
		}
	}
}

// Every kind of event is valid by the JSON schema that OCSF publishes for its class.
func TestOCSFSchema(t *testing.T) {
	tr := openTrail(t, audit.Config{Store: storetest.Open(t, store.SQLite, audit.Schema())})
	classes := map[float64]string{3002: "authentication", 3004: "entity_management", 6003: "api_activity", 6005: "datastore_activity"}
	for _, kind := range []string{"view.intent", "view.outcome", "refusal", "signin.password", "signin.code", "session.end", "session.step_up", "caller.verify",
		"agent.add", "policy.change", "keys.rotated", "subject.erased", "subject.held", "rights.approve", "trail.read", "trail.export", "privet.start", "breakglass.opened"} {
		for _, outcome := range []string{"allowed", "refused", "failed", "shown"} {
			full := view("cust_42")
			full.Kind, full.Outcome = kind, outcome
			mustAppend(t, tr, full)
			mustAppend(t, tr, audit.Event{Kind: kind, Outcome: outcome})
		}
	}
	var out bytes.Buffer
	if _, err := tr.ExportOCSF(context.Background(), &out, "officer", audit.Filter{}, nil); err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for line := range bytes.Lines(out.Bytes()) {
		var e struct {
			Class float64 `json:"class_uid"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatal(err)
		}
		class := classes[e.Class]
		if class == "authentication" && !bytes.Contains(line, []byte(`"service":{"name":"`)) { // at_least_one, which JSON Schema does not say
			t.Errorf("neither service nor dst_endpoint: %s", line)
		}
		// The published schema has every profile in it; what only they require, and
		// we do not use, is put in here.
		with := `{"cloud":{"provider":"none"},`
		if class == "datastore_activity" || class == "api_activity" {
			with += `"action_id":0,`
		}
		if err := ocsf.Validate(class, append([]byte(with), line[1:]...)); err != nil && seen[class] < 3 {
			t.Errorf("%s: %v\n%s", class, err, line)
		}
		seen[class]++
	}
	if len(seen) != len(classes) {
		t.Errorf("only %v", seen)
	}
}
