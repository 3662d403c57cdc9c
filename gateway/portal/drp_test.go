package portal

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/nacl/sign"

	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// shared finds a file of the shared test data, or skips.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	tried := []string{os.Getenv("PRIVET_TESTDATA")}
	for dir, _ := os.Getwd(); dir != "/"; dir = filepath.Dir(dir) {
		tried = append(tried, filepath.Join(dir, "shared", "testdata"))
	}
	for _, dir := range tried {
		if raw, err := os.ReadFile(filepath.Join(dir, name)); dir != "" && err == nil {
			return raw
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("shared test data %s is missing", name)
	}
	t.Skipf("shared test data %s is not here", name)
	return nil
}

// Every signed vector, at its own time, is answered as the text asks.
func TestDRPVectors(t *testing.T) {
	var file struct {
		Key      string `json:"verify_key_b64"`
		Business string `json:"business_id"`
		Vectors  []struct {
			Name, Endpoint, Expect string
			Now                    time.Time
			Bearer                 string `json:"bearer_agent"`
			Body                   string `json:"body_b64"`
		}
	}
	if err := json.Unmarshal(sharedFile(t, "privacy/drp/vectors.json"), &file); err != nil {
		t.Fatal(err)
	}
	office := rightstest.Open(t, nil)
	d, err := NewDRP(DRPConfig{Office: office.Office, Business: file.Business, Agents: []Agent{{ID: "CORDON_TEST_AA", Key: file.Key}}})
	if err != nil {
		t.Fatal(err)
	}
	token, id := "", ""
	for _, v := range file.Vectors {
		office.Clock.Set(v.Now)
		method, path, _ := strings.Cut(v.Endpoint, " ")
		req := httptest.NewRequest(method, strings.ReplaceAll(path, "{id}", id), strings.NewReader(v.Body))
		req.Header.Set("Content-Type", "text/plain")
		req.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		d.ServeHTTP(w, req)
		var body map[string]any
		_ = json.Unmarshal(w.Body.Bytes(), &body)
		ok := true
		switch {
		case v.Expect == "200 token":
			token, _ = body["token"].(string)
			ok = w.Code == 200 && token != "" && body["agent-id"] == v.Bearer
		case v.Expect == "200 open|in_progress":
			id, _ = body["request_id"].(string)
			ok = w.Code == 200 && (body["status"] == "open" || body["status"] == "in_progress" || body["status"] == "denied") && body["received_at"] != "" && body["expected_by"] != ""
		case strings.HasPrefix(v.Expect, "200 or non-200"):
			ok = w.Code == 200 || (body["code"] != nil && body["message"] != nil)
		case v.Expect == "200":
			ok = w.Code == 200
		case v.Expect == "403 fatal":
			ok = w.Code == 403 && body["fatal"] == true
		case strings.HasPrefix(v.Expect, "policy"):
			ok = w.Code == 403 && body["fatal"] == true
		case v.Expect == "200 revoked": // of a request that waits: this directory knows nobody called Jane
			ok = w.Code == 200 && body["status"] == "revoked" || w.Code == 409
		default:
			ok = strings.HasPrefix(v.Expect, "403") && w.Code == 403
		}
		if !ok {
			t.Errorf("%s: %d %s, want %s", v.Name, w.Code, w.Body, v.Expect)
		}
	}
	if len(file.Vectors) != 13 {
		t.Errorf("%d vectors, want 13", len(file.Vectors))
	}
}

// network is an agent that signs for itself.
type network struct {
	t      *testing.T
	office *rightstest.Office
	d      *DRP
	keys   map[string]ed25519.PrivateKey
	tokens map[string]string
}

func newNetwork(t *testing.T) *network {
	t.Helper()
	n := &network{t: t, office: rightstest.Open(t, nil), keys: map[string]ed25519.PrivateKey{}, tokens: map[string]string{}}
	var agents []Agent
	for _, id := range []string{"AGENT_A", "AGENT_B"} {
		public, private, err := ed25519.GenerateKey(nil)
		if err != nil {
			t.Fatal(err)
		}
		n.keys[id] = private
		agents = append(agents, Agent{ID: id, Key: base64.StdEncoding.EncodeToString(public), Hosts: []string{"agent.example"}})
	}
	var err error
	if n.d, err = NewDRP(DRPConfig{Office: n.office.Office, Business: "CB", Agents: agents}); err != nil {
		t.Fatal(err)
	}
	for id := range n.keys {
		status, body := n.send("POST", "/v1/agent/"+id, id, "", n.claims(id, nil))
		if n.tokens[id], _ = body["token"].(string); status != 200 || n.tokens[id] == "" {
			t.Fatalf("pairing: %d %v", status, body)
		}
	}
	return n
}

func (n *network) claims(agent string, more map[string]any) map[string]any {
	now := n.office.Clock.Now()
	c := map[string]any{"agent-id": agent, "business-id": "CB", "issued-at": now.Add(-time.Minute).Format(time.RFC3339), "expires-at": now.Add(9 * time.Minute).Format(time.RFC3339), "drp.version": "1.0"}
	for k, v := range more {
		if v == nil {
			delete(c, k)
		} else {
			c[k] = v
		}
	}
	return c
}

func (n *network) send(method, path, signer, bearer string, claims map[string]any) (int, map[string]any) {
	n.t.Helper()
	raw, err := json.Marshal(claims)
	if err != nil {
		n.t.Fatal(err)
	}
	signed := sign.Sign(nil, raw, (*[64]byte)(n.keys[signer]))
	req := httptest.NewRequest(method, path, strings.NewReader(base64.StdEncoding.EncodeToString(signed)))
	req.Header.Set("Content-Type", "text/plain")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+n.tokens[bearer])
	}
	w := httptest.NewRecorder()
	n.d.ServeHTTP(w, req)
	body := map[string]any{}
	_ = json.Unmarshal(w.Body.Bytes(), &body)
	if w.Code != 200 && strings.HasPrefix(path, "/v1/agent") && method == "POST" && w.Body.Len() > 0 {
		n.t.Errorf("§2.05.1: a failed pairing has the body %s", w.Body)
	}
	return w.Code, body
}

const drpPath = "/v1/data-rights-request"

// The MUSTs and SHALLs of DRP 1.0 that a provider can break, one by one.
func TestDRPMusts(t *testing.T) {
	n := newNetwork(t)
	email := n.office.Desk.People()[6].Email
	exercise := func(more map[string]any) map[string]any {
		base := map[string]any{"exercise": "deletion", "regime": "ccpa", "email": email, "email_verified": true, "name": "A B", "agent-request-id": "foo"}
		for k, v := range more {
			base[k] = v
		}
		return n.claims("AGENT_A", base)
	}
	var id string
	for _, tc := range []struct {
		section        string
		method, path   string
		signer, bearer string
		claims         map[string]any
		status         int
		check          func(body map[string]any) bool
	}{
		{"2.01 no token", "POST", drpPath, "AGENT_A", "", exercise(nil), 403, nil},
		{"3.07 signature of the token's agent", "POST", drpPath, "AGENT_B", "AGENT_A", exercise(nil), 403, nil},
		{"3.07 agent-id is the token's", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"agent-id": "AGENT_B"}), 403, nil},
		{"3.07 business-id is ours", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"business-id": "OTHER"}), 403, nil},
		{"3.07 issued-at in the past", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"issued-at": "2999-01-01T00:00:00Z"}), 403, nil},
		{"3.07 expires-at in the future", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"expires-at": "2020-01-01T00:00:00Z"}), 403, func(b map[string]any) bool { return b["fatal"] == true }},
		{"2.01 issued-at there", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"issued-at": nil}), 403, nil},
		{"2.01 expires-at there", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"expires-at": nil}), 403, nil},
		{"2.01 drp.version there", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"drp.version": nil}), 403, nil},
		{"2.01 exercise there", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"exercise": nil}), 400, nil},
		{"3.01 unsupported action", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"exercise": "sale:opt-out"}), 400, func(b map[string]any) bool { return b["code"] == "400" && b["message"] != "" && b["fatal"] == nil }},
		{"3.01 regime is ccpa", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"regime": "gdpr"}), 400, nil},
		{"2.03 callback to a stranger", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"status_callback": "https://169.254.169.254/latest"}), 400, nil},
		{"2.01 request", "POST", drpPath, "AGENT_A", "AGENT_A", exercise(map[string]any{"status_callback": "https://agent.example/status"}), 200, func(b map[string]any) bool {
			id, _ = b["request_id"].(string)
			return id != "" && b["status"] == "in_progress" && b["received_at"] != "" && b["expected_by"] != "" && b["agent_request_id"] == "foo"
		}},
		{"2.01 trailing slash", "POST", drpPath + "/", "AGENT_A", "AGENT_A", exercise(map[string]any{"exercise": "access"}), 200, nil},
	} {
		status, body := n.send(tc.method, tc.path, tc.signer, tc.bearer, tc.claims)
		if status != tc.status || (tc.check != nil && !tc.check(body)) {
			t.Errorf("§%s: %d %v, want %d", tc.section, status, body, tc.status)
		}
		if status != 200 && (body["code"] == nil || body["message"] == nil) {
			t.Errorf("§3.06 (%s): the error is %v", tc.section, body)
		}
	}
	for _, tc := range []struct {
		section, path, bearer string
		status                int
	}{
		{"2.02 status", drpPath + "/" + id, "AGENT_A", 200},
		{"2.02.1 another agent's", drpPath + "/" + id, "AGENT_B", 403},
		{"2.02 no token", drpPath + "/" + id, "", 403},
		{"2.06 token", "/v1/agent/AGENT_A", "AGENT_A", 200},
		{"2.06.1 another's token", "/v1/agent/AGENT_A", "AGENT_B", 403},
	} {
		if status, body := n.send("GET", tc.path, "AGENT_A", tc.bearer, nil); status != tc.status {
			t.Errorf("§%s: %d %v, want %d", tc.section, status, body, tc.status)
		}
	}
	if status, _ := n.send("DELETE", drpPath+"/"+id, "AGENT_B", "AGENT_A", map[string]any{"reason": "x"}); status != 403 {
		t.Errorf("§2.04: a revocation that another signed: %d", status)
	}
	if status, body := n.send("DELETE", drpPath+"/"+id, "AGENT_A", "AGENT_A", map[string]any{"reason": "changed my mind"}); status != 200 || body["status"] != "revoked" {
		t.Errorf("§2.04.1: %d %v", status, body)
	}
	if status, _ := n.send("POST", "/v1/agent/AGENT_A", "AGENT_B", "", n.claims("AGENT_A", nil)); status != 403 {
		t.Errorf("§2.05: pairing with another's key: %d", status)
	}
	if status, _ := n.send("POST", "/v1/agent/AGENT_B", "AGENT_B", "", n.claims("AGENT_A", nil)); status != 403 {
		t.Errorf("§2.05: the URL names another agent: %d", status)
	}
}

// An unverified address is §3.02.1: the person is led to a page of ours.
func TestDRPNeedsVerification(t *testing.T) {
	n := newNetwork(t)
	status, body := n.send("POST", drpPath, "AGENT_A", "AGENT_A", n.claims("AGENT_A", map[string]any{"exercise": "access", "email": n.office.Desk.People()[2].Email}))
	url, _ := body["user_verification_url"].(string)
	if status != 200 || body["reason"] != "need_user_verification" || !strings.HasPrefix(url, "https://") {
		t.Errorf("%d %v", status, body)
	}
	again, twice := n.send("POST", drpPath, "AGENT_A", "AGENT_A", n.claims("AGENT_A", map[string]any{"exercise": "access", "email": n.office.Desk.People()[2].Email}))
	if again != 200 || twice["request_id"] != body["request_id"] {
		t.Errorf("the same message again made another request: %v", twice)
	}
}

// Callbacks lead only where a partner registered, never inside, never on.
func TestCallbackAddresses(t *testing.T) {
	c := NewCaller([]string{"partner.example", "localhost", "127.0.0.1"}, false, nil)
	for _, address := range []string{"http://partner.example/x", "https://other.example/", "https://partner.example@evil.example/", "ftp://partner.example/", "https://u:p@partner.example/", "::", "https://partner.example/#f"} {
		if err := c.Allowed(address); !errors.Is(err, ErrCallback) {
			t.Errorf("%s is allowed", address)
		}
	}
}
