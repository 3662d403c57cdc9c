package portal

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/crypto/nacl/sign"

	"github.com/privet-gateway/privet/audit/rights"
)

// raw sends a body as it is.
func (n *network) raw(method, path, bearer, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	req.Header.Set("Content-Type", "text/plain")
	if bearer != "" {
		req.Header.Set("Authorization", "Bearer "+n.tokens[bearer])
	}
	w := httptest.NewRecorder()
	n.d.ServeHTTP(w, req)
	return w
}

func (n *network) seal(signer string, claims map[string]any) string {
	raw, err := json.Marshal(claims)
	if err != nil {
		n.t.Fatal(err)
	}
	return base64.StdEncoding.EncodeToString(sign.Sign(nil, raw, (*[64]byte)(n.keys[signer])))
}

// isStatus holds a body against the schema of §3.03 and the states of §3.02.
func isStatus(t *testing.T, body map[string]any) {
	t.Helper()
	if !isText(body["request_id"]) || !isTime(body["received_at"]) || !isTime(body["expected_by"]) ||
		!slices.Contains([]any{"open", "in_progress", "fulfilled", "revoked", "denied", "expired"}, body["status"]) {
		t.Errorf("not an Exercise Status: %v", body)
	}
	known := []string{"request_id", "agent_request_id", "received_at", "expected_by", "processing_details", "status", "reason", "user_verification_url", "results_url", "expires_at"}
	for k := range body {
		if !slices.Contains(known, k) {
			t.Errorf("the schema has no %q", k)
		}
	}
}

// Every MUST and SHALL of the Data Rights Protocol 1.0. What asks something of agents is
// tested from our side: we refuse or accept accordingly.
func TestDRPEveryMust(t *testing.T) {
	n := newNetwork(t)
	m := &musts{t, map[string]bool{}}
	email := n.office.Desk.People()[6].Email
	exercise := func(more map[string]any) map[string]any {
		base := map[string]any{"exercise": "deletion", "regime": "ccpa", "email": email, "email_verified": true, "name": "A B", "agent-request-id": "foo"}
		for k, v := range more {
			base[k] = v
		}
		return n.claims("AGENT_A", base)
	}
	post := func(more map[string]any) (int, map[string]any) {
		return n.send("POST", drpPath, "AGENT_A", "AGENT_A", exercise(more))
	}
	refuses := func(name string, want int, more map[string]any) {
		m.is(name, func(t *testing.T) {
			if status, body := post(more); status != want {
				t.Errorf("%d %v, want %d", status, body, want)
			}
		})
	}
	made, body := post(nil)
	if made != 200 {
		t.Fatalf("%d %v", made, body)
	}
	id, _ := body["request_id"].(string)
	at := drpPath + "/" + id
	token := func(name, method, path string, claims map[string]any) {
		m.is(name, func(t *testing.T) {
			if status, _ := n.send(method, path, "AGENT_A", "", claims); status != http.StatusForbidden {
				t.Errorf("without a token: %d", status)
			}
		})
	}
	other := func(name, method, path string, claims map[string]any) { // signed by somebody else
		m.is(name, func(t *testing.T) {
			if status, _ := n.send(method, path, "AGENT_B", "AGENT_A", claims); status != http.StatusForbidden {
				t.Errorf("with another's signature: %d", status)
			}
		})
	}

	m.is("2.0/1 text/plain in, application/json out", func(t *testing.T) {
		if w := n.raw("POST", drpPath, "AGENT_A", n.seal("AGENT_A", exercise(nil))); w.Code != 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
	m.is("2.01/1 a signed body in base64", func(t *testing.T) {
		for _, body := range []string{"{}", "not base64!", base64.StdEncoding.EncodeToString([]byte("short"))} {
			if w := n.raw("POST", drpPath, "AGENT_A", body); w.Code != http.StatusForbidden {
				t.Errorf("%q: %d", body, w.Code)
			}
		}
	})
	m.is("2.01/2 JSON inside", func(t *testing.T) {
		raw := base64.StdEncoding.EncodeToString(sign.Sign(nil, []byte("plain text"), (*[64]byte)(n.keys["AGENT_A"])))
		if w := n.raw("POST", drpPath, "AGENT_A", raw); w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
	})
	refuses("2.01/3 agent-id", 403, map[string]any{"agent-id": nil})
	refuses("2.01/4 business-id", 403, map[string]any{"business-id": nil})
	refuses("2.01/5 issued-at", 403, map[string]any{"issued-at": "today"})
	refuses("2.01/6 expires-at", 403, map[string]any{"expires-at": "tomorrow"})
	refuses("2.01/7 drp.version", 403, map[string]any{"drp.version": "0.5"})
	refuses("2.01/8 exercise", 400, map[string]any{"exercise": "rectify"})
	token("2.01/9 bearer token", "POST", drpPath, exercise(nil))
	other("2.01/10 signature", "POST", drpPath, exercise(nil))
	m.is("2.01.1/1 answers by the schema", func(t *testing.T) { isStatus(t, body) })
	token("2.02/1 bearer token", "GET", at, nil)
	m.is("2.02.1/1 answers by the schema", func(t *testing.T) {
		_, body := n.send("GET", at, "AGENT_A", "AGENT_A", nil)
		isStatus(t, body)
	})
	m.is("2.02.1/2 only the agent that manages it", func(t *testing.T) {
		if status, body := n.send("GET", at, "AGENT_A", "AGENT_A", nil); status != 200 || body["request_id"] != id {
			t.Errorf("%d %v", status, body)
		}
	})
	m.is("2.02.1/3 another agent gets 403", func(t *testing.T) {
		if status, _ := n.send("GET", at, "AGENT_A", "AGENT_B", nil); status != http.StatusForbidden {
			t.Errorf("%d", status)
		}
	})

	partner := newPartner(t, nil)
	n.d.Agents[0].Hosts, n.d.Inside, n.d.Roots = []string{"127.0.0.1"}, true, partner.roots()
	n.office.Callbacks = map[string]rights.Callback{"drp": n.d.Callback}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = n.office.Run(ctx) }()
	defer func() { stop(); <-done }()
	var news delivery
	var watched string
	m.is("2.03/1 status_callback is used", func(t *testing.T) {
		_, body := post(map[string]any{"exercise": "access", "agent-request-id": "bar", "status_callback": partner.URL + "/s"})
		news = partner.next(t)
		if watched, _ = body["request_id"].(string); news.path != "/s" || news.body["request_id"] != watched {
			t.Errorf("%s %v of %v", news.path, news.body, body)
		}
	})
	m.is("2.03/2 callbacks by the schema", func(t *testing.T) { isStatus(t, news.body) })
	m.is("3.08/1 an extension is told by callback", func(t *testing.T) {
		for last := ""; last != "extended"; {
			if req, err := n.office.Get(ctx, watched); err == nil && req.Status == rights.InReview && !req.Facts.Clock.Extended {
				if _, err := n.office.Extend(ctx, watched, "olga", rights.Extensions()[0], ""); err != nil {
					t.Fatal(err)
				}
			}
			if text, _ := partner.next(t).body["processing_details"].(string); strings.Contains(text, "extended") {
				last = "extended"
			}
		}
	})
	m.is("3.03/5 processing_details says why the date moved", func(t *testing.T) {
		_, body := n.send("GET", drpPath+"/"+watched, "AGENT_A", "AGENT_A", nil)
		if text, _ := body["processing_details"].(string); !strings.Contains(text, "extended") {
			t.Errorf("%v", body)
		}
	})

	var revoked map[string]any
	other("2.04/4 signature", "DELETE", at, map[string]any{"reason": "x"})
	token("2.04/3 bearer token", "DELETE", at, map[string]any{"reason": "x"})
	m.is("2.04/2 a signed body in base64", func(t *testing.T) {
		if w := n.raw("DELETE", at, "AGENT_A", `{"reason":"x"}`); w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
	})
	m.is("2.04/1 cancelled while open or in progress", func(t *testing.T) {
		status, body := n.send("DELETE", at, "AGENT_A", "AGENT_A", map[string]any{"reason": "I don't want my account deleted"})
		if revoked = body; status != 200 {
			t.Errorf("%d %v", status, body)
		}
	})
	m.is("2.04.1/1 answers by the schema", func(t *testing.T) { isStatus(t, revoked) })
	m.is("2.04.1/2 the new state is revoked", func(t *testing.T) {
		_, now := n.send("GET", at, "AGENT_A", "AGENT_A", nil)
		if revoked["status"] != "revoked" || now["status"] != "revoked" {
			t.Errorf("%v, then %v", revoked, now)
		}
	})

	pair := func(path, signer string, claims map[string]any) *httptest.ResponseRecorder {
		return n.raw("POST", path, "", n.seal(signer, claims))
	}
	for name, claims := range map[string]map[string]any{
		"2.05/1 the same semantics":           {"issued-at": nil},
		"2.05/2 the same chain of validation": {"expires-at": "2020-01-01T00:00:00Z"},
	} {
		m.is(name, func(t *testing.T) {
			if w := pair("/v1/agent/AGENT_A", "AGENT_A", n.claims("AGENT_A", claims)); w.Code != http.StatusForbidden {
				t.Errorf("%d", w.Code)
			}
		})
	}
	m.is("2.05/3 the URL's agent is the message's", func(t *testing.T) {
		if w := pair("/v1/agent/AGENT_A", "AGENT_A", n.claims("AGENT_B", nil)); w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
	})
	m.is("2.05/4 the signer is the directory's", func(t *testing.T) {
		if w := pair("/v1/agent/AGENT_A", "AGENT_B", n.claims("AGENT_A", nil)); w.Code != http.StatusForbidden {
			t.Errorf("%d", w.Code)
		}
	})
	paired := fields(t, pair("/v1/agent/AGENT_A", "AGENT_A", n.claims("AGENT_A", nil)).Body.Bytes())
	m.is("2.05.1/1 the answer", func(t *testing.T) {
		if len(paired) != 2 {
			t.Errorf("%v", paired)
		}
	})
	m.is("2.05.1/2 agent-id", func(t *testing.T) {
		if paired["agent-id"] != "AGENT_A" {
			t.Errorf("%v", paired)
		}
	})
	m.is("2.05.1/3 token is a string", func(t *testing.T) {
		if s, _ := paired["token"].(string); len(s) < 30 {
			t.Errorf("%v", paired)
		}
	})
	info := func(token string) int {
		req := httptest.NewRequest("GET", "/v1/agent/AGENT_A", nil)
		req.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		n.d.ServeHTTP(w, req)
		return w.Code
	}
	fresh, _ := paired["token"].(string)
	m.is("2.05.1/4 presented in later requests", func(t *testing.T) {
		if code := info("Bearer " + fresh); code != 200 {
			t.Errorf("%d", code)
		}
	})
	m.is("2.05.1/5 opaque: no part of it counts", func(t *testing.T) {
		if code := info("Bearer " + fresh[:len(fresh)-1]); code != http.StatusForbidden {
			t.Errorf("%d", code)
		}
	})
	m.is("2.05.1/6 as a bearer token", func(t *testing.T) {
		if code := info("Basic " + fresh); code != http.StatusForbidden {
			t.Errorf("%d", code)
		}
	})
	m.is("2.05.1/7 failures are 403 without a body", func(t *testing.T) {
		if w := pair("/v1/agent/NOBODY", "AGENT_B", n.claims("NOBODY", nil)); w.Code != http.StatusForbidden || w.Body.Len() > 0 {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	token("2.06/1 bearer token", "GET", "/v1/agent/AGENT_A", nil)
	m.is("2.06.1/1 another's token is 403", func(t *testing.T) {
		if status, _ := n.send("GET", "/v1/agent/AGENT_A", "AGENT_A", "AGENT_B", nil); status != http.StatusForbidden {
			t.Errorf("%d", status)
		}
	})
	m.is("3.01/1 ccpa or voluntary", func(t *testing.T) {
		for regime, want := range map[any]int{"gdpr": 400, "ccpa": 200, nil: 200} {
			if status, body := post(map[string]any{"regime": regime, "exercise": "access"}); status != want {
				t.Errorf("%v: %d %v", regime, status, body)
			}
		}
	})

	_, unsure := post(map[string]any{"exercise": "access:specific", "email": n.office.Desk.People()[2].Email, "email_verified": nil, "agent-request-id": nil})
	unsureID, _ := unsure["request_id"].(string)
	verifyURL, _ := unsure["user_verification_url"].(string)
	m.is("3.02.1/1 need_user_verification is told", func(t *testing.T) {
		_, body := n.send("GET", drpPath+"/"+unsureID, "AGENT_A", "AGENT_A", nil)
		if body["status"] != "in_progress" || body["reason"] != "need_user_verification" {
			t.Errorf("%v", body)
		}
	})
	m.is("3.02.1/2 user_verification_url is https", func(t *testing.T) {
		if !strings.HasPrefix(verifyURL, "https://") {
			t.Errorf("%v", unsure)
		}
	})
	p, err := New(Config{Office: n.office.Office, DRP: n.d})
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(verifyURL)
	if err != nil {
		t.Fatal(err)
	}
	visit := func(query url.Values) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		p.ServeHTTP(w, httptest.NewRequest("GET", to.Path+"?"+query.Encode(), nil))
		return w
	}
	m.is("3.02.1/3 redirect_to after success, to the agent alone", func(t *testing.T) {
		if w := visit(url.Values{"redirect_to": {"https://evil.example/"}, "request_id": {unsureID}}); len(w.Result().Cookies()) > 0 {
			t.Errorf("a stranger's address is remembered: %v", w.Result().Cookies())
		}
		w := visit(url.Values{"redirect_to": {"https://127.0.0.1/done?x=1"}, "request_id": {unsureID}})
		if w.Code != 200 || len(w.Result().Cookies()) != 1 {
			t.Fatalf("%d %v", w.Code, w.Result().Cookies())
		}
		req := httptest.NewRequest("POST", to.Path+"/verify", strings.NewReader(url.Values{"code": {n.office.Mail.Code(t, n.office.Desk.People()[2].Email)}}.Encode()))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		req.AddCookie(w.Result().Cookies()[0])
		w = httptest.NewRecorder()
		if p.ServeHTTP(w, req); w.Code != http.StatusSeeOther || w.Header().Get("Location") != "https://127.0.0.1/done?x=1" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
	m.is("3.02.1/4 request_id", func(t *testing.T) {
		if w := visit(url.Values{"request_id": {unsureID}}); w.Code != 200 {
			t.Errorf("%d", w.Code)
		}
	})
	m.is("3.02.1/5 another request_id is not served", func(t *testing.T) {
		if w := visit(url.Values{"request_id": {id}}); w.Code != http.StatusNotFound {
			t.Errorf("%d", w.Code)
		}
	})

	m.is("3.03/1 request_id stays the same", func(t *testing.T) {
		_, now := n.send("GET", at, "AGENT_A", "AGENT_A", nil)
		if now["request_id"] != id {
			t.Errorf("%v", now)
		}
	})
	m.is("3.03/2 agent_request_id", func(t *testing.T) {
		if body["agent_request_id"] != "foo" || unsure["agent_request_id"] != nil {
			t.Errorf("%v %v", body, unsure)
		}
	})
	describe := func(status rights.Status) map[string]any {
		req, err := n.office.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(n.d.describe(req, status))
		if err != nil {
			t.Fatal(err)
		}
		return fields(t, raw)
	}
	m.is("3.03/3 status is a state of the table", func(t *testing.T) {
		for status := range allStatuses() {
			isStatus(t, describe(status))
		}
	})
	m.is("3.03/4 received_at", func(t *testing.T) {
		if !isTime(body["received_at"]) {
			t.Errorf("%v", body)
		}
	})
	m.is("3.03/6 expected_by once in progress", func(t *testing.T) {
		for status := range allStatuses() {
			if d := describe(status); d["status"] == "in_progress" && !isTime(d["expected_by"]) {
				t.Errorf("%s: %v", status, d)
			}
		}
	})
	claims(t, m, n, post)

	m.is("3.06/1 200 when processed", func(t *testing.T) {
		if made != 200 {
			t.Errorf("%d", made)
		}
	})
	bad, no := post(map[string]any{"exercise": "sale:opt-out"})
	w := n.raw("POST", drpPath, "AGENT_A", n.seal("AGENT_A", exercise(map[string]any{"exercise": "nonsense"})))
	m.is("3.06/2 errors are JSON, not 200", func(t *testing.T) {
		if w.Code == 200 || w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%d %v", w.Code, w.Header())
		}
	})
	m.is("3.06/3 code is a string", func(t *testing.T) {
		if no["code"] != itoa(bad) {
			t.Errorf("%v", no)
		}
	})
	m.is("3.06/4 message", func(t *testing.T) {
		if !isText(no["message"]) {
			t.Errorf("%v", no)
		}
	})
	m.is("3.06/5 known codes", func(t *testing.T) {
		big := n.raw("POST", drpPath, "AGENT_A", strings.Repeat("A", mostBody+1))
		if bad != 400 || big.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%d %d", bad, big.Code)
		}
	})
	m.is("3.07/1 validated in this order", func(t *testing.T) {
		a, now := n.d.Agents[0], n.office.Clock.Now()
		wrong := map[string]any{"agent-id": "AGENT_B", "business-id": "OTHER", "issued-at": "2999-01-01T00:00:00Z", "expires-at": "2020-01-01T00:00:00Z"}
		steps := []struct{ key, says string }{{"agent-id", "agent-id"}, {"business-id", "business-id"}, {"issued-at", "future"}, {"expires-at", "expired"}}
		for i, step := range steps { // with everything wrong from here on, this is what is said
			bad := map[string]any{}
			for _, later := range steps[i:] {
				bad[later.key] = wrong[later.key]
			}
			if _, err := n.d.Check([]byte(n.seal("AGENT_A", exercise(bad))), a, now); err == nil || !strings.Contains(err.Error(), step.says) {
				t.Errorf("%s: %v", step.key, err)
			}
			if _, err := n.d.Check([]byte(n.seal("AGENT_B", exercise(bad))), a, now); err == nil || !strings.Contains(err.Error(), "signature") {
				t.Errorf("the signature is not looked at before %s: %v", step.key, err)
			}
		}
		if _, err := n.d.Check([]byte("!"), a, now); err == nil || !strings.Contains(err.Error(), "base64") {
			t.Errorf("base64: %v", err)
		}
	})
	m.is("3.07.1/1 combined mode", func(t *testing.T) {
		raw, err := json.Marshal(exercise(map[string]any{"agent-request-id": "baz"}))
		if err != nil {
			t.Fatal(err)
		}
		signed := sign.Sign(nil, raw, (*[64]byte)(n.keys["AGENT_A"]))
		detached := slices.Concat(raw, signed[:sign.Overhead])
		if !bytes.HasSuffix(signed, raw) {
			t.Fatal("not combined mode")
		}
		for want, body := range map[int][]byte{200: signed, 403: detached} {
			if w := n.raw("POST", drpPath, "AGENT_A", base64.StdEncoding.EncodeToString(body)); w.Code != want {
				t.Errorf("%d, want %d: %s", w.Code, want, w.Body)
			}
		}
	})
	m.all(sharedFile(t, "privacy/drp/data-rights-protocol-1.0.md"), "1.03", "4.0")
}

// claims tests §3.04: what an agent says about a person arrives, and how far it is
// relied on is ours to say.
func claims(t *testing.T, m *musts, n *network, post func(map[string]any) (int, map[string]any)) {
	t.Helper()
	who := n.office.Desk.People()[9]
	said := map[string]any{"exercise": "access", "email": who.Email, "email_verified": true, "name": who.Name.Full, "phone_number": "+15551234567", "phone_number_verified": true,
		"address": map[string]string{"street_address": "1 Main St"}, "address_verified": true}
	_, body := post(said)
	id, _ := body["request_id"].(string)
	req, err := n.office.Open(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	for name, ok := range map[string]bool{
		"3.04/1 name":                  req.Body.Name == who.Name.Full,
		"3.04/2 email":                 req.Body.Email == who.Email,
		"3.04/3 email_verified":        req.Facts.Proven != nil && strings.Contains(req.Facts.Level, "AGENT_A"),
		"3.04/4 phone_number":          req.Body.Phone == "+15551234567",
		"3.04/5 phone_number_verified": body["request_id"] != nil,
		"3.04/6 address":               body["status"] == "in_progress",
		"3.04/7 address_verified":      body["reason"] == nil,
	} {
		m.is(name, func(t *testing.T) {
			if !ok {
				t.Errorf("%+v %+v %v", req.Body, req.Facts, body)
			}
		})
	}
	m.is("3.04/8 reliance is ours: other claims prove nothing", func(t *testing.T) {
		said["email_verified"], said["email"] = false, n.office.Desk.People()[10].Email
		if _, body := post(said); body["reason"] != "need_user_verification" {
			t.Errorf("a verified telephone stood for the address: %v", body)
		}
	})
	m.is("3.04/9 tokens that cannot be used are refused", func(t *testing.T) {
		said["email"] = "not an address"
		if status, _ := post(said); status != http.StatusBadRequest {
			t.Errorf("%d", status)
		}
	})
}
