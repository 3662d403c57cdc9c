package portal

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
)

// OpenDSR is a processor's side of OpenDSR 2.0: controllers hand their subjects'
// requests to us. Answers and callbacks are signed with the key of a certificate
// (ECDSA P-256 or RSA over SHA-256, FIPS 186-4). Statuses are mapped by
// [rights.Status.Wire]; what OpenDSR has no word for goes into `extensions` under
// our domain. The encoded request is sent back and neither logged nor stored (§7.3).
type OpenDSR struct {
	OpenDSRConfig
	mux *http.ServeMux
}

// OpenDSRConfig of the protocol.
type OpenDSRConfig struct {
	Office      *rights.Office
	Domain      string          // the one requests are received on
	Base        string          // https address of the protocol, "https://DOMAIN/opendsr"
	Certificate tls.Certificate // issued for Domain
	Controllers []Controller
	Inside      bool           // callbacks may lead into private networks
	Roots       *x509.CertPool // of callbacks' servers; nil: the system's
}

// Controller is one registered partner.
type Controller struct {
	ID    string
	Key   string   // bearer token
	Hosts []string // of its callbacks
}

const openDSRVersion = "2.0"

// NewOpenDSR makes the protocol's handler.
func NewOpenDSR(cfg OpenDSRConfig) (*OpenDSR, error) {
	if len(cfg.Certificate.Certificate) == 0 {
		return nil, errors.New("OpenDSR needs a certificate with its key")
	}
	switch cfg.Certificate.PrivateKey.(type) { // §4.2
	case *ecdsa.PrivateKey, *rsa.PrivateKey:
	default:
		return nil, errors.New("OpenDSR needs an ECDSA or RSA key (FIPS 186-4)")
	}
	leaf, err := x509.ParseCertificate(cfg.Certificate.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read OpenDSR certificate: %w", err)
	}
	if err := leaf.VerifyHostname(cfg.Domain); err != nil { // §8.3
		return nil, fmt.Errorf("OpenDSR certificate: %w", err)
	}
	if leaf.CheckSignature(leaf.SignatureAlgorithm, leaf.RawTBSCertificate, leaf.Signature) == nil { // §4.1
		return nil, errors.New("OpenDSR certificate: it is self-signed; it must come from an authority that controllers trust")
	}
	o := &OpenDSR{OpenDSRConfig: cfg, mux: http.NewServeMux()}
	for _, v := range []string{"", "/v1", "/v2"} { // §3.4
		o.mux.HandleFunc("GET "+v+"/discovery", o.discovery)
		o.mux.HandleFunc("GET "+v+"/cert.pem", o.certificate)
		o.mux.HandleFunc("GET "+v+"/status/{id}", o.known(o.status))
		for _, name := range []string{"/requests", "/opengdpr_requests"} { // §10.1: the earlier name
			o.mux.HandleFunc("POST "+v+name, o.known(o.create))
			o.mux.HandleFunc("GET "+v+name+"/{id}", o.known(o.status))
			o.mux.HandleFunc("DELETE "+v+name+"/{id}", o.known(o.cancel))
		}
	}
	return o, nil
}

func (o *OpenDSR) ServeHTTP(w http.ResponseWriter, r *http.Request) { o.mux.ServeHTTP(w, r) }

// known lets registered controllers in.
func (o *OpenDSR) known(f func(http.ResponseWriter, *http.Request, Controller)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		for _, c := range o.Controllers {
			if c.Key != "" && subtle.ConstantTimeCompare([]byte(c.Key), []byte(token)) == 1 {
				f(w, r, c)
				return
			}
		}
		o.fail(w, http.StatusUnauthorized, "authentication is needed")
	}
}

// sign answers with a signed body.
func (o *OpenDSR) sign(w http.ResponseWriter, status int, body map[string]any, inBody bool) {
	raw, err := o.encode(body, inBody)
	if err == nil {
		var head http.Header
		if head, err = o.headers(raw); err == nil {
			for k := range head {
				w.Header().Set(k, head.Get(k))
			}
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-store")
			w.WriteHeader(status)
			_, _ = w.Write(raw)
			return
		}
	}
	http.Error(w, "cannot sign", http.StatusInternalServerError)
}

// encode writes a body; processor_signature signs the body without that field.
func (o *OpenDSR) encode(body map[string]any, inBody bool) ([]byte, error) {
	raw, err := json.Marshal(body)
	if err != nil || !inBody {
		return raw, err
	}
	signature, err := o.signature(raw)
	if err != nil {
		return nil, err
	}
	body["processor_signature"] = signature
	return json.Marshal(body)
}

func (o *OpenDSR) signature(raw []byte) (string, error) {
	digest := sha256.Sum256(raw)
	sig, err := o.Certificate.PrivateKey.(crypto.Signer).Sign(rand.Reader, digest[:], crypto.SHA256)
	return base64.StdEncoding.EncodeToString(sig), err
}

// headers are of this name and of the earlier one (§10.1).
func (o *OpenDSR) headers(raw []byte) (http.Header, error) {
	signature, err := o.signature(raw)
	head := http.Header{}
	for _, name := range []string{"X-OpenDSR", "X-OpenGDPR"} {
		head.Set(name+"-Processor-Domain", o.Domain)
		head.Set(name+"-Signature", signature)
	}
	return head, err
}

func (o *OpenDSR) fail(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": message,
		"errors": []map[string]string{{"domain": "Validation", "reason": "IllegalArgumentException", "message": message}}}})
}

func (o *OpenDSR) discovery(w http.ResponseWriter, _ *http.Request) {
	o.sign(w, http.StatusOK, map[string]any{"api_version": openDSRVersion,
		"supported_identities":            []map[string]string{{"identity_type": "email", "identity_format": "raw"}},
		"supported_subject_request_types": []string{"access", "portability", "erasure"},
		"processor_certificate":           strings.TrimSuffix(o.Base, "/") + "/v2/cert.pem"}, false)
}

func (o *OpenDSR) certificate(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/x-pem-file")
	for _, der := range o.Certificate.Certificate {
		_ = pem.Encode(w, &pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
}

// openDSRRequest is §7.1.1.
type openDSRRequest struct {
	Regulation string          `json:"regulation"`
	ID         string          `json:"subject_request_id"`
	Type       string          `json:"subject_request_type"`
	Submitted  string          `json:"submitted_time"`
	Version    string          `json:"api_version"`
	Callbacks  []string        `json:"status_callback_urls"`
	Extensions json.RawMessage `json:"extensions"`
	Identities []struct {
		Type   string `json:"identity_type"`
		Value  string `json:"identity_value"`
		Format string `json:"identity_format"`
	} `json:"subject_identities"`
}

var uuid4 = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)

// filing checks a request and turns it into ours. Messages name fields, never values.
func (o *OpenDSR) filing(in openDSRRequest, c Controller) (rights.Filing, error) {
	f := rights.Filing{Channel: "opendsr", External: "opendsr:" + c.ID + ":" + in.ID, Callbacks: in.Callbacks, Proven: "vouched for by controller " + c.ID}
	right, ok := map[string]rights.Right{"access": rights.Access, "portability": rights.Access, "erasure": rights.Erase}[in.Type]
	submitted, err := time.Parse(time.RFC3339, in.Submitted)
	caller := NewCaller(c.Hosts, o.Inside, o.Roots)
	switch {
	case in.ID == "":
		return f, errors.New("subject_request_id field is required")
	case !uuid4.MatchString(in.ID):
		return f, errors.New("subject_request_id is not a lowercase UUID v4")
	case in.Type == "":
		return f, errors.New("subject_request_type field is required")
	case !ok:
		return f, errors.New("subject_request_type is not supported")
	case in.Regulation == "":
		return f, errors.New("regulation field is required")
	case in.Regulation != "gdpr" && in.Regulation != "ccpa":
		return f, errors.New("regulation is not supported; gdpr and ccpa are")
	case err != nil:
		return f, errors.New("submitted_time is not an RFC 3339 time")
	case in.Version != "" && !strings.HasPrefix(in.Version, "2.") && !strings.HasPrefix(in.Version, "1."):
		return f, errors.New("api_version is not supported")
	case len(in.Identities) == 0:
		return f, errors.New("subject_identities field is required")
	}
	for _, url := range in.Callbacks {
		if err := caller.Allowed(url); err != nil {
			return f, errors.New("status_callback_urls: " + err.Error())
		}
	}
	for _, id := range in.Identities {
		if id.Type == "" || id.Value == "" || id.Format == "" {
			return f, errors.New("subject_identities: identity_type, identity_value and identity_format are required")
		}
		if id.Type == "email" && id.Format == "raw" {
			f.Email = id.Value
		}
	}
	if a, err := mail.ParseAddress(f.Email); err != nil || a.Address != f.Email {
		return f, errors.New("subject_identities: an email in raw format is needed; see discovery")
	}
	f.Right, f.Jurisdiction, f.Received = right, in.Regulation, submitted
	return f, nil
}

func (o *OpenDSR) create(w http.ResponseWriter, r *http.Request, c Controller) {
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	var in openDSRRequest
	if err == nil {
		err = json.Unmarshal(raw, &in)
	}
	if err != nil {
		o.fail(w, http.StatusBadRequest, "the body is not JSON")
		return
	}
	f, err := o.filing(in, c)
	if err != nil {
		o.fail(w, http.StatusBadRequest, err.Error())
		return
	}
	req, err := o.Office.File(r.Context(), f)
	if err := filed(req, err); err != nil {
		o.fail(w, answerFor(err).status, failing(o.Office, err))
		return
	}
	o.sign(w, http.StatusCreated, map[string]any{"controller_id": c.ID, "expected_completion_time": endOfDay(req.Due).Format(time.RFC3339),
		"received_time": req.Received.Format(time.RFC3339), "encoded_request": base64.StdEncoding.EncodeToString(raw),
		"subject_request_id": in.ID, "api_version": openDSRVersion}, true)
}

// find reads a controller's own request.
func (o *OpenDSR) find(w http.ResponseWriter, r *http.Request, c Controller) *rights.Request {
	req, err := o.Office.ByExternal(r.Context(), "opendsr:"+c.ID+":"+r.PathValue("id"))
	switch {
	case errors.Is(err, rights.ErrUnknown):
		o.fail(w, http.StatusNotFound, "no such subject_request_id")
	case err != nil:
		o.fail(w, http.StatusServiceUnavailable, failing(o.Office, err))
	default:
		return req
	}
	return nil
}

// describe is the status body of §8.3 and §8.6.
func (o *OpenDSR) describe(req *rights.Request, status rights.Status, c Controller) map[string]any {
	word, reason, _ := strings.Cut(status.Wire().OpenDSR, " ")
	if !slices.Contains([]string{"pending", "in_progress", "completed", "cancelled"}, word) {
		word = "in_progress" // a merged or appealed request goes on elsewhere
	}
	body := map[string]any{"controller_id": c.ID, "expected_completion_time": endOfDay(req.Due).Format(time.RFC3339),
		"subject_request_id": strings.TrimPrefix(req.Facts.External, "opendsr:"+c.ID+":"), "request_status": word, "api_version": openDSRVersion}
	if strings.Contains(reason, "extension.reason") {
		body["extensions"] = map[string]any{o.Domain: map[string]string{"reason": string(status)}}
	}
	if status == rights.DeniedNoMatch {
		body["results_count"] = 0
	}
	if req.Facts.Package != nil && word == "completed" {
		body["results_url"] = strings.TrimSuffix(o.Office.Portal, "/") + "/requests/" + req.ID
		body["results_count"] = req.Facts.Package.Rows
	}
	return body
}

func (o *OpenDSR) status(w http.ResponseWriter, r *http.Request, c Controller) {
	if req := o.find(w, r, c); req != nil {
		o.sign(w, http.StatusOK, o.describe(req, o.surviving(r.Context(), req).Status, c), false)
	}
}

// surviving is the request a merged one goes on as.
func (o *OpenDSR) surviving(ctx context.Context, req *rights.Request) *rights.Request {
	if req.Status == rights.Merged {
		if other, err := o.Office.Get(ctx, req.Facts.Survivor); err == nil {
			return other
		}
	}
	return req
}

// cancel is §9: only while the status is pending.
func (o *OpenDSR) cancel(w http.ResponseWriter, r *http.Request, c Controller) {
	req := o.find(w, r, c)
	if req == nil {
		return
	}
	if req.Status.Wire().OpenDSR != "pending" {
		o.fail(w, http.StatusBadRequest, "the request is not pending any more")
		return
	}
	if _, err := o.Office.Withdraw(r.Context(), req.ID); errors.Is(err, rights.ErrTransition) {
		o.fail(w, http.StatusBadRequest, "the request cannot be cancelled any more")
		return
	} else if err != nil {
		o.fail(w, http.StatusServiceUnavailable, failing(o.Office, err))
		return
	}
	o.sign(w, http.StatusAccepted, map[string]any{"controller_id": c.ID, "subject_request_id": r.PathValue("id"),
		"received_time": o.Office.Now().UTC().Format(time.RFC3339), "api_version": openDSRVersion}, true)
}

// Callback tells a controller at every address it named (§8.5).
func (o *OpenDSR) Callback(ctx context.Context, req *rights.Request, status rights.Status) error {
	rest := strings.TrimPrefix(req.Facts.External, "opendsr:")
	for _, c := range o.Controllers {
		if !strings.HasPrefix(rest, c.ID+":") {
			continue
		}
		caller := NewCaller(c.Hosts, o.Inside, o.Roots)
		var errs []error
		for _, url := range req.Body.Callbacks {
			body := o.describe(req, status, c)
			body["status_callback_url"] = url
			raw, err := o.encode(body, false)
			if err != nil {
				return err
			}
			head, err := o.headers(raw)
			if err != nil {
				return err
			}
			errs = append(errs, caller.Post(ctx, url, head, raw))
		}
		return errors.Join(errs...)
	}
	return nil
}
