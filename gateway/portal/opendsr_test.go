package portal

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// certificate is one for a domain, from an authority of the test's own (§4.1).
func certificate(t testing.TB, domain string) tls.Certificate {
	t.Helper()
	issuer := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "authority"}, IsCA: true, BasicConstraintsValid: true, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	leaf := &x509.Certificate{SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain}, NotBefore: issuer.NotBefore, NotAfter: issuer.NotAfter}
	authority := newKey(t)
	key := newKey(t)
	der, err := x509.CreateCertificate(rand.Reader, leaf, issuer, &key.PublicKey, authority)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// selfSigned is what §4.1 forbids.
func selfSigned(t testing.TB, domain string) tls.Certificate {
	t.Helper()
	key := newKey(t)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: domain}, DNSNames: []string{domain}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

type processor struct {
	t      *testing.T
	office *rightstest.Office
	o      *OpenDSR
}

func newProcessor(t *testing.T) *processor {
	t.Helper()
	office := rightstest.Open(t, nil)
	o, err := NewOpenDSR(OpenDSRConfig{Office: office.Office, Domain: "opendsr.privet.example", Base: "https://opendsr.privet.example/opendsr", Certificate: certificate(t, "opendsr.privet.example"),
		Controllers: []Controller{{ID: "shop", Key: "shop-key", Hosts: []string{"examplecontroller.com"}}, {ID: "bank", Key: "bank-key"}}})
	if err != nil {
		t.Fatal(err)
	}
	return &processor{t, office, o}
}

func (p *processor) send(key, method, path, body string) *httptest.ResponseRecorder {
	req := httptest.NewRequest(method, path, strings.NewReader(body))
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	w := httptest.NewRecorder()
	p.o.ServeHTTP(w, req)
	return w
}

// signed checks an answer's signature with the published certificate.
func (p *processor) signed(w *httptest.ResponseRecorder) {
	p.t.Helper()
	block, _ := pem.Decode(p.send("", "GET", "/v2/cert.pem", "").Body.Bytes())
	leaf, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		p.t.Fatal(err)
	}
	for _, name := range []string{"X-OpenDSR", "X-OpenGDPR"} {
		sig, err := base64.StdEncoding.DecodeString(w.Header().Get(name + "-Signature"))
		sum := sha256.Sum256(w.Body.Bytes())
		if err != nil || !ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), sum[:], sig) || leaf.VerifyHostname(w.Header().Get(name+"-Processor-Domain")) != nil {
			p.t.Errorf("the %s signature does not fit", name)
		}
	}
}

func published(t *testing.T, p *processor, more map[string]any) string {
	t.Helper()
	body := map[string]any{}
	if err := json.Unmarshal(sharedFile(t, "privacy/opendsr/payloads/request.json"), &body); err != nil {
		t.Fatal(err)
	}
	body["regulation"] = "gdpr" // which the published sample lacks
	body["subject_identities"] = []map[string]string{{"identity_type": "email", "identity_value": p.office.Desk.People()[8].Email, "identity_format": "raw"}}
	for k, v := range more {
		if v == nil {
			delete(body, k)
		} else {
			body[k] = v
		}
	}
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(raw)
}

// brokenDirectory is one that is down.
type brokenDirectory struct{}

func (brokenDirectory) Find(context.Context, string, string) ([]rights.Person, error) {
	return nil, errors.New("down")
}

// What broke off while the directory was down goes on when the controller sends the
// request again, and a controller hears what it must mend.
func TestOpenDSRSentAgain(t *testing.T) {
	p := newProcessor(t)
	body, directory := published(t, p, nil), p.office.Directory
	p.office.Directory = brokenDirectory{}
	if w := p.send("shop-key", "POST", "/v2/requests", body); w.Code != 503 {
		t.Errorf("while the directory is down: %d %s", w.Code, w.Body)
	}
	p.office.Directory = directory
	if w := p.send("shop-key", "POST", "/v2/requests", body); w.Code != 201 {
		t.Errorf("sent again: %d %s", w.Code, w.Body)
	}
	req, err := p.office.ByExternal(t.Context(), "opendsr:shop:a7551968-d5d6-44b2-9831-815ac9017798")
	if err != nil || req.Facts.Proven == nil {
		t.Errorf("the request is %+v %v, want it proven", req, err)
	}
	long := []map[string]string{{"identity_type": "email", "identity_value": strings.Repeat("a", 300) + "@example.com", "identity_format": "raw"}}
	if w := p.send("shop-key", "POST", "/v2/requests", published(t, p, map[string]any{"subject_request_id": "b7551968-d5d6-44b2-9831-815ac9017798", "subject_identities": long})); w.Code != 400 || !strings.Contains(w.Body.String(), "email is not an address") {
		t.Errorf("too long an address: %d %s", w.Code, w.Body)
	}
}

// The published sample, made whole, is taken; each answer has every REQUIRED field.
func TestOpenDSRFlow(t *testing.T) {
	p := newProcessor(t)
	const id = "a7551968-d5d6-44b2-9831-815ac9017798"
	has := func(section string, w *httptest.ResponseRecorder, status int, sample string, fields ...string) map[string]any {
		t.Helper()
		got, want := map[string]any{}, map[string]any{}
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != status {
			t.Fatalf("§%s: %d %s", section, w.Code, w.Body)
		}
		if sample != "" {
			if err := json.Unmarshal(sharedFile(t, "privacy/opendsr/payloads/"+sample), &want); err != nil {
				t.Fatal(err)
			}
			for k := range want {
				if k != "results_url" && k != "results_count" {
					fields = append(fields, k)
				}
			}
		}
		for _, f := range fields {
			if got[f] == nil {
				t.Errorf("§%s: the answer lacks %q", section, f)
			}
		}
		return got
	}
	discovery := p.send("", "GET", "/discovery", "")
	has("6.3 discovery", discovery, 200, "discovery_response.json")
	p.signed(discovery)
	body := published(t, p, nil)
	create := p.send("shop-key", "POST", "/requests", body)
	got := has("7.3 create", create, 201, "create_response.json", "processor_signature")
	p.signed(create)
	if raw, err := base64.StdEncoding.DecodeString(got["encoded_request"].(string)); err != nil || string(raw) != body {
		t.Error("§7.3: encoded_request is not the whole request")
	}
	if got["subject_request_id"] != id {
		t.Errorf("§7.3: subject_request_id is %v", got["subject_request_id"])
	}
	for _, path := range []string{"/requests/" + id, "/v2/requests/" + id, "/status/" + id} {
		status := p.send("shop-key", "GET", path, "")
		if s := has("8.3 status", status, 200, "status_response.json", "request_status"); s["request_status"] != "pending" {
			t.Errorf("§8: %v", s["request_status"])
		}
		p.signed(status)
	}
	if w := p.send("bank-key", "GET", "/requests/"+id, ""); w.Code != 404 {
		t.Errorf("another controller reads the request: %d", w.Code)
	}
	cancel := p.send("shop-key", "DELETE", "/requests/"+id, "")
	has("9.2 cancel", cancel, 202, "cancel_response.json", "processor_signature")
	p.signed(cancel)
	if s := has("8", p.send("shop-key", "GET", "/requests/"+id, ""), 200, ""); s["request_status"] != "cancelled" {
		t.Errorf("§9: %v", s["request_status"])
	}
	if w := p.send("shop-key", "DELETE", "/requests/"+id, ""); w.Code != 400 {
		t.Errorf("§9: cancelled twice: %d", w.Code)
	}
}

// Malformed requests are 400 with the common error object, and say nothing personal.
func TestOpenDSRMusts(t *testing.T) {
	p := newProcessor(t)
	for section, tc := range map[string]struct {
		more map[string]any
		want string
	}{
		"7.1.1 id there":           {map[string]any{"subject_request_id": nil}, "subject_request_id field is required"},
		"1.1 id is v4":             {map[string]any{"subject_request_id": "a7551968-d5d6-14b2-9831-815ac9017798"}, "UUID v4"},
		"1.1 id is lowercase":      {map[string]any{"subject_request_id": "A7551968-D5D6-44B2-9831-815AC9017798"}, "lowercase"},
		"7.1.1 type there":         {map[string]any{"subject_request_type": nil}, "subject_request_type field is required"},
		"6.2 type known":           {map[string]any{"subject_request_type": "rectification"}, "not supported"},
		"7.1.1 regulation there":   {map[string]any{"regulation": nil}, "regulation field is required"},
		"7.1.1 regulation known":   {map[string]any{"regulation": "hipaa"}, "not supported"},
		"7.1.1 submitted there":    {map[string]any{"submitted_time": nil}, "RFC 3339"},
		"5.3 identities there":     {map[string]any{"subject_identities": nil}, "subject_identities field is required"},
		"5.3 format there":         {map[string]any{"subject_identities": []map[string]string{{"identity_type": "email", "identity_value": "x@example.com"}}}, "are required"},
		"5.3 value there":          {map[string]any{"subject_identities": []map[string]string{{"identity_type": "email", "identity_format": "raw"}}}, "are required"},
		"5.2 hash is not findable": {map[string]any{"subject_identities": []map[string]string{{"identity_type": "email", "identity_value": "secret-hash", "identity_format": "sha256"}}}, "raw format"},
		"8.5 callback registered":  {map[string]any{"status_callback_urls": []string{"https://10.0.0.1/x"}}, "status_callback_urls"},
		"8.5 callback over TLS":    {map[string]any{"status_callback_urls": []string{"http://examplecontroller.com/x"}}, "status_callback_urls"},
	} {
		w := p.send("shop-key", "POST", "/requests", published(t, p, tc.more))
		var body struct {
			Error struct {
				Code    int
				Message string
				Errors  []map[string]string
			}
		}
		if err := json.Unmarshal(w.Body.Bytes(), &body); err != nil || w.Code != http.StatusBadRequest || body.Error.Code != 400 || !strings.Contains(body.Error.Message, tc.want) || len(body.Error.Errors) == 0 {
			t.Errorf("§%s: %d %s", section, w.Code, w.Body)
		}
		if strings.Contains(w.Body.String(), "secret-hash") || strings.Contains(w.Body.String(), "@") {
			t.Errorf("§7.6 (%s): the error holds an identity", section)
		}
	}
	if w := p.send("", "POST", "/requests", published(t, p, nil)); w.Code != 401 {
		t.Errorf("§4.3: without a key: %d", w.Code)
	}
	if _, err := NewOpenDSR(OpenDSRConfig{Office: p.office.Office, Domain: "other.example", Certificate: certificate(t, "opendsr.privet.example")}); err == nil {
		t.Error("§6.3: a certificate for another domain was taken")
	}
}
