package audit_test

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"testing"

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
	want := []struct{ class, kind, status float64 }{{6005, 1, 1}, {3002, 1, 2}, {3004, 3, 1}, {6003, 99, 1}}
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
