package portal

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
)

func itoa(n int) string { return strconv.Itoa(n) }

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// answers are what a processor said over the life of one request.
type answers struct {
	*processor
	discovery, create, status, cancel, bad *httptest.ResponseRecorder
	callbacks                              []delivery
	request                                string // as sent
	urls                                   []string
}

const sampleID = "a7551968-d5d6-44b2-9831-815ac9017798"

// live runs one request from discovery to cancellation, with two callbacks.
func live(t *testing.T) *answers {
	t.Helper()
	at := newPartner(t, nil)
	a := &answers{processor: calling(t, at, true), urls: []string{at.URL + "/a", at.URL + "/b"}}
	a.discovery = a.send("", "GET", "/v2/discovery", "")
	a.request = published(t, a.processor, map[string]any{"status_callback_urls": a.urls, "extensions": map[string]any{"other-processor.example": map[string]string{"token": "s3cret"}}})
	a.create = a.send("shop-key", "POST", "/v2/requests", a.request)
	a.status = a.send("shop-key", "GET", "/v2/requests/"+sampleID, "")
	a.callbacks = []delivery{at.next(t), at.next(t)}
	a.bad = a.send("shop-key", "POST", "/v2/requests", published(t, a.processor, map[string]any{"submitted_time": "yesterday", "status_callback_urls": a.urls}))
	a.cancel = a.send("shop-key", "DELETE", "/v2/requests/"+sampleID, "")
	return a
}

func fields(t *testing.T, raw []byte) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatalf("%v: %s", err, raw)
	}
	return out
}

// Forms that a REQUIRED value can have.
func isTime(v any) bool {
	s, _ := v.(string)
	_, err := time.Parse(time.RFC3339, s)
	return err == nil
}
func isText(v any) bool { s, _ := v.(string); return s != "" }
func is(want string) func(any) bool {
	return func(v any) bool { return v == want }
}

// Every MUST and REQUIRED of the OpenDSR 2.0 text.
func TestOpenDSREveryMust(t *testing.T) {
	a := live(t)
	m := &musts{t, map[string]bool{}}
	has := func(name string, body func() []byte, field string, form func(any) bool) {
		m.is(name, func(t *testing.T) {
			if v := fields(t, body())[field]; !form(v) {
				t.Errorf("%s is %v", field, v)
			}
		})
	}
	code := func(name string, w *httptest.ResponseRecorder, want int) {
		m.is(name, func(t *testing.T) {
			if w.Code != want {
				t.Errorf("%d %s, want %d", w.Code, w.Body, want)
			}
		})
	}
	refused := func(name, why string, more map[string]any) {
		m.is(name, func(t *testing.T) {
			more["status_callback_urls"] = nil // the sample's is not registered
			if w := a.send("shop-key", "POST", "/requests", published(t, a.processor, more)); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), why) {
				t.Errorf("%d %s", w.Code, w.Body)
			}
		})
	}
	fits := func(t *testing.T, head http.Header, raw []byte) {
		t.Helper()
		leaf, err := x509.ParseCertificate(a.o.Certificate.Certificate[0])
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256(raw)
		sig, err := base64.StdEncoding.DecodeString(head.Get("X-OpenDSR-Signature"))
		if err != nil || !ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), sum[:], sig) || leaf.VerifyHostname(head.Get("X-OpenDSR-Processor-Domain")) != nil {
			t.Errorf("the signature of %s does not fit", raw)
		}
	}
	body := func(w *httptest.ResponseRecorder) func() []byte { return w.Body.Bytes }
	identity := func(drop string) map[string]any {
		id := map[string]string{"identity_type": "email", "identity_value": "x@example.com", "identity_format": "raw"}
		delete(id, drop)
		return map[string]any{"subject_identities": []any{id}}
	}

	refused("1.1/6 GUIDs are lowercase and v4", "lowercase", map[string]any{"subject_request_id": strings.ToUpper(sampleID)})
	m.is("3.1/1 responses are signed", func(t *testing.T) {
		for _, w := range []*httptest.ResponseRecorder{a.discovery, a.create, a.status, a.cancel} {
			fits(t, w.Header(), w.Body.Bytes())
		}
	})
	for i, name := range []string{"3.1/2 callbacks are honoured", "3.1/3 callbacks included in requests are honoured"} {
		m.is(name, func(t *testing.T) {
			if got := a.callbacks[i].body["status_callback_url"]; got != a.urls[i] {
				t.Errorf("callback %d is for %v", i, got)
			}
		})
	}
	m.is("3.1/4 endpoints", func(t *testing.T) {
		for _, path := range []string{"/v2/discovery", "/v2/status/" + sampleID, "/v2/requests/" + sampleID} {
			if w := a.send("shop-key", "GET", path, ""); w.Code != 200 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
	})
	m.is("3.4/1 URLs with the major version", func(t *testing.T) {
		for _, path := range []string{"/v2/discovery", "/v1/discovery", "/v1/requests/" + sampleID, "/v2/status/" + sampleID, "/v2/cert.pem"} {
			if w := a.send("shop-key", "GET", path, ""); w.Code != 200 {
				t.Errorf("%s: %d", path, w.Code)
			}
		}
		if cert, _ := fields(t, a.discovery.Body.Bytes())["processor_certificate"].(string); !strings.Contains(cert, "/v2/") {
			t.Errorf("discovery leads to %s", cert)
		}
	})
	opens := func(domain string, c tls.Certificate) error {
		_, err := NewOpenDSR(OpenDSRConfig{Office: a.office.Office, Domain: domain, Certificate: c})
		return err
	}
	m.is("4.1/1 certificate of an authority", func(t *testing.T) {
		if err := opens("a.example", certificate(t, "a.example")); err != nil {
			t.Error(err)
		}
	})
	m.is("4.1/2 issued to us", func(t *testing.T) {
		if opens("b.example", certificate(t, "a.example")) == nil {
			t.Error("another's certificate was taken")
		}
	})
	m.is("4.1/3 never self-signed", func(t *testing.T) {
		if opens("a.example", selfSigned(t, "a.example")) == nil {
			t.Error("a self-signed certificate was taken")
		}
	})
	m.is("4.2/1 signatures of FIPS 186-4", func(t *testing.T) {
		fits(t, a.create.Header(), a.create.Body.Bytes())
		_, key, _ := ed25519.GenerateKey(nil)
		c := certificate(t, "a.example")
		c.PrivateKey = key
		if opens("a.example", c) == nil {
			t.Error("a key that FIPS 186-4 does not know was taken")
		}
	})
	m.is("4.3/1 callbacks are signed", func(t *testing.T) { fits(t, a.callbacks[0].head, a.callbacks[0].raw) })
	refused("5.3/1 identities", "subject_identities field", map[string]any{"subject_identities": nil})
	refused("5.3/2 identity_type", "identity_type", identity("identity_type"))
	refused("5.3/3 identity_value", "identity_value", identity("identity_value"))
	refused("5.3/4 identity_format", "identity_format", identity("identity_format"))

	code("6/1 discovery by GET", a.discovery, http.StatusOK)
	has("6.3/1 api_version", body(a.discovery), "api_version", is("2.0"))
	has("6.3/2 supported_identities", body(a.discovery), "supported_identities", func(v any) bool {
		list, _ := v.([]any)
		return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool {
			pair, _ := v.(map[string]any)
			return !isText(pair["identity_type"]) || !isText(pair["identity_format"])
		})
	})
	has("6.3/3 supported_subject_request_types", body(a.discovery), "supported_subject_request_types", func(v any) bool {
		list, _ := v.([]any)
		return len(list) > 0 && !slices.ContainsFunc(list, func(v any) bool { return !slices.Contains([]any{"erasure", "portability", "access"}, v) })
	})
	m.is("6.3/4 processor_certificate can be downloaded", func(t *testing.T) {
		if w := a.send("", "GET", "/v2/cert.pem", ""); w.Code != 200 || !strings.HasPrefix(w.Body.String(), "-----BEGIN CERTIFICATE-----") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	})
	has("6.3/5 processor_certificate on discovery's domain", body(a.discovery), "processor_certificate", func(v any) bool {
		s, _ := v.(string)
		return strings.HasPrefix(s, "https://"+a.o.Domain+"/")
	})

	code("7.1.1/1 created by POST", a.create, http.StatusCreated)
	m.is("7.1.1/2 parameters are asked for", func(t *testing.T) {
		if w := a.send("shop-key", "POST", "/requests", "{}"); w.Code != http.StatusBadRequest {
			t.Errorf("%d", w.Code)
		}
	})
	refused("7.1.1/3 regulation", "regulation field", map[string]any{"regulation": nil})
	refused("7.1.1/4 subject_request_id", "UUID v4", map[string]any{"subject_request_id": "a7551968-d5d6-14b2-9831-815ac9017798"})
	refused("7.1.1/5 made by the controller", "subject_request_id field", map[string]any{"subject_request_id": nil})
	refused("7.1.1/6 subject_request_type", "subject_request_type field", map[string]any{"subject_request_type": nil})
	refused("7.1.1/7 identities without an extension of ours", "subject_identities field", map[string]any{"subject_identities": nil, "extensions": map[string]any{"other.example": map[string]string{"id": "1"}}})
	refused("7.1.1/8 submitted_time", "submitted_time", map[string]any{"submitted_time": nil})

	ended := func() map[string]any { // a request that is refused with a reason of ours
		r, err := a.office.ByExternal(context.Background(), "opendsr:shop:"+sampleID)
		if err != nil {
			t.Fatal(err)
		}
		return a.o.describe(r, rights.DeniedExempt, a.o.Controllers[0])
	}
	m.is("7.1.2/1 extensions under our domain", func(t *testing.T) {
		all, _ := ended()["extensions"].(map[string]any)
		if len(all) != 1 || all[a.status.Header().Get("X-OpenDSR-Processor-Domain")] == nil {
			t.Errorf("%v", all)
		}
	})
	m.is("7.1.2/2 no authentication in extensions", func(t *testing.T) {
		req := httptest.NewRequest("GET", "/requests/"+sampleID, strings.NewReader(`{"extensions":{"`+a.o.Domain+`":{"authorization":"Bearer shop-key"}}}`))
		w := httptest.NewRecorder()
		if a.o.ServeHTTP(w, req); w.Code != http.StatusUnauthorized {
			t.Errorf("an extension let somebody in: %d", w.Code)
		}
	})
	m.is("7.1.2/3 extensions only for what has no word", func(t *testing.T) {
		for status := range allStatuses() {
			r, err := a.office.ByExternal(context.Background(), "opendsr:shop:"+sampleID)
			if err != nil {
				t.Fatal(err)
			}
			if ext := a.o.describe(r, status, a.o.Controllers[0])["extensions"]; (ext != nil) != strings.HasPrefix(string(status), "denied/") && ext != nil {
				t.Errorf("%s has the extension %v", status, ext)
			}
		}
	})

	code("7.3/1 answered 201", a.create, http.StatusCreated)
	m.is("7.3/2 parameters", func(t *testing.T) { fields(t, a.create.Body.Bytes()) })
	has("7.3/3 controller_id", body(a.create), "controller_id", is("shop"))
	has("7.3/4 expected_completion_time", body(a.create), "expected_completion_time", isTime)
	has("7.3/5 received_time", body(a.create), "received_time", isTime)
	has("7.3/6 encoded_request", body(a.create), "encoded_request", func(v any) bool {
		raw, err := base64.StdEncoding.DecodeString(v.(string))
		return err == nil && string(raw) == a.request
	})
	m.is("7.3/7 encoded_request is kept by nobody", func(t *testing.T) {
		for _, w := range []*httptest.ResponseRecorder{a.status, a.cancel} {
			if strings.Contains(w.Body.String(), "encoded_request") {
				t.Error("it comes again: so it was stored")
			}
		}
	})
	has("7.3/8 subject_request_id", body(a.create), "subject_request_id", is(sampleID))
	signedBody := func(w *httptest.ResponseRecorder) func(any) bool {
		return func(v any) bool {
			all := fields(t, w.Body.Bytes())
			delete(all, "processor_signature")
			raw, err := json.Marshal(all)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(raw)
			sig, err := base64.StdEncoding.DecodeString(v.(string))
			leaf, _ := x509.ParseCertificate(a.o.Certificate.Certificate[0])
			return err == nil && ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), sum[:], sig)
		}
	}
	has("7.3/9 processor_signature", body(a.create), "processor_signature", signedBody(a.create))
	code("7.5/1 errors are 400", a.bad, http.StatusBadRequest)
	m.is("7.6/1 nothing of the person in errors", func(t *testing.T) {
		for _, secret := range []string{"@", "shop-key", "yesterday"} {
			if strings.Contains(a.bad.Body.String(), secret) {
				t.Errorf("the error holds %q: %s", secret, a.bad.Body)
			}
		}
	})
	has("7.6/2 code", body(a.bad), "error", func(v any) bool { e, _ := v.(map[string]any); return e["code"] == float64(400) })

	words := []any{"pending", "in_progress", "completed", "cancelled"}
	m.is("8/1 every status has a word", func(t *testing.T) {
		r, err := a.office.ByExternal(context.Background(), "opendsr:shop:"+sampleID)
		if err != nil {
			t.Fatal(err)
		}
		for status := range allStatuses() {
			if word := a.o.describe(r, status, a.o.Controllers[0])["request_status"]; !slices.Contains(words, word) {
				t.Errorf("%s is %v", status, word)
			}
		}
	})
	code("8.1/1 status by GET", a.status, http.StatusOK)
	documents := []struct {
		section string
		head    http.Header
		raw     []byte
	}{{"8.3", a.status.Header(), a.status.Body.Bytes()}, {"8.6", a.callbacks[0].head, a.callbacks[0].raw}}
	for _, d := range documents {
		raw := func() []byte { return d.raw }
		m.is(d.section+"/1 headers", func(t *testing.T) {
			if d.head.Get("X-OpenDSR-Processor-Domain") == "" || d.head.Get("X-OpenDSR-Signature") == "" {
				t.Errorf("%v", d.head)
			}
		})
		m.is(d.section+"/2 X-OpenDSR-Processor-Domain", func(t *testing.T) {
			if d.head.Get("X-OpenDSR-Processor-Domain") != a.o.Domain {
				t.Errorf("%v", d.head)
			}
		})
		m.is(d.section+"/3 the domain requests are received on", func(t *testing.T) {
			if !strings.HasPrefix(a.o.Base, "https://"+d.head.Get("X-OpenDSR-Processor-Domain")+"/") {
				t.Errorf("%v", d.head)
			}
		})
		m.is(d.section+"/4 X-OpenDSR-Signature", func(t *testing.T) { fits(t, d.head, d.raw) })
		m.is(d.section+"/5 a body", func(t *testing.T) { fields(t, d.raw) })
		has(d.section+"/6 controller_id", raw, "controller_id", is("shop"))
		n := 7
		if d.section == "8.6" {
			has("8.6/7 status_callback_url", raw, "status_callback_url", is(a.urls[0]))
			has("8.6/8 subject_request_id", raw, "subject_request_id", is(sampleID))
			has("8.6/9 request_status", raw, "request_status", func(v any) bool { return slices.Contains(words, v) })
			n = 10
		}
		has(d.section+"/"+itoa(n)+" expected_completion_time", raw, "expected_completion_time", isTime)
	}
	has("8.3/8 subject_request_id", body(a.status), "subject_request_id", is(sampleID))
	has("8.3/9 request_status", body(a.status), "request_status", func(v any) bool { return slices.Contains(words, v) })
	m.is("8.5/1 all callbacks are invoked", func(t *testing.T) {
		if a.callbacks[0].path != "/a" || a.callbacks[1].path != "/b" {
			t.Errorf("%s and %s were called", a.callbacks[0].path, a.callbacks[1].path)
		}
	})
	m.is("8.5/2 at least once", func(t *testing.T) {
		if first := a.callbacks[0].body["request_status"]; first != "pending" {
			t.Errorf("the first news is %v", first)
		}
	})
	code("9/1 cancelled by DELETE", a.cancel, http.StatusAccepted)
	code("9.2/1 answered 202", a.cancel, http.StatusAccepted)
	has("9.2/2 controller_id", body(a.cancel), "controller_id", is("shop"))
	has("9.2/3 received_time", body(a.cancel), "received_time", isTime)
	has("9.2/4 subject_request_id", body(a.cancel), "subject_request_id", is(sampleID))
	has("9.2/5 processor_signature", body(a.cancel), "processor_signature", signedBody(a.cancel))
	m.is("10/1 no throttling in normal operation", func(t *testing.T) {
		for range 200 {
			if w := a.send("shop-key", "GET", "/requests/"+sampleID, ""); w.Code != 200 {
				t.Fatalf("%d", w.Code)
			}
		}
	})
	m.is("10.1/1 routes and headers of OpenGDPR", func(t *testing.T) {
		id := "b7551968-d5d6-44b2-9831-815ac9017798"
		w := a.send("shop-key", "POST", "/v1/opengdpr_requests", published(t, a.processor, map[string]any{"subject_request_id": id, "status_callback_urls": nil}))
		again := a.send("shop-key", "GET", "/opengdpr_requests/"+id, "")
		if w.Code != 201 || again.Code != 200 || a.send("shop-key", "DELETE", "/opengdpr_requests/"+id, "").Code != 202 {
			t.Errorf("%d %s, %d", w.Code, w.Body, again.Code)
		}
		if w.Header().Get("X-OpenGDPR-Processor-Domain") != a.o.Domain || w.Header().Get("X-OpenGDPR-Signature") == "" || a.callbacks[0].head.Get("X-OpenGDPR-Signature") == "" {
			t.Errorf("%v", w.Header())
		}
	})
	m.all(sharedFile(t, "privacy/opendsr/specification.md"), "1.1/1", "1.1/2", "1.1/3", "1.1/4", "1.1/5")
}

// allStatuses are those of the published map.
func allStatuses() map[rights.Status]bool {
	out := map[rights.Status]bool{}
	for _, s := range []rights.Status{rights.Received, rights.IdentityPending, rights.Verified, rights.Planning, rights.InReview, rights.AwaitingSecond, rights.Scheduled, rights.Executing,
		rights.AwaitingExternal, rights.Verifying, rights.Notifying, rights.NeedsAttention, rights.CompletedFull, rights.CompletedPartial, rights.Withdrawn, rights.Expired, rights.Merged, rights.Appealed} {
		out[s] = true
	}
	for _, reason := range rights.Denied() {
		out[rights.Status("denied/"+reason)] = true
	}
	return out
}
