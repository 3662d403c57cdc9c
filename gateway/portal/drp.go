package portal

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/mail"
	"strings"
	"time"

	"golang.org/x/crypto/nacl/sign"

	"github.com/privet-gateway/privet/audit/rights"
)

// DRP is a privacy infrastructure provider's side of the Data Rights Protocol 1.0.
// Messages are NaCl-signed and validated in the order of §3.07; a message counts
// once, so that sending it again answers with the same request.
type DRP struct {
	DRPConfig
	mux *http.ServeMux
}

// DRPConfig of the protocol.
type DRPConfig struct {
	Office   *rights.Office
	Business string // our id in the network's directory
	Agents   []Agent
	Inside   bool           // callbacks may lead into private networks
	Roots    *x509.CertPool // of callbacks' servers; nil: the system's
}

// Agent is one authorised agent of the network's directory (§3.05.1).
type Agent struct {
	ID    string   `json:"id"`
	Key   string   `json:"verify_key"` // base64, or hex as older entries have it
	Hosts []string `json:"callback_hosts"`
}

// window is the longest a signed message may be valid. The text recommends ten
// minutes, the official test agent signs fifteen.
const window = 20 * time.Minute

// NewDRP makes the protocol's handler.
func NewDRP(cfg DRPConfig) (*DRP, error) {
	d := &DRP{DRPConfig: cfg, mux: http.NewServeMux()}
	for _, a := range cfg.Agents {
		if _, err := a.key(); err != nil {
			return nil, fmt.Errorf("agent %s: %w", a.ID, err)
		}
	}
	d.mux.HandleFunc("POST /v1/agent/{agent}", d.pair)
	d.mux.HandleFunc("GET /v1/agent/{agent}", d.agent)
	d.mux.HandleFunc("POST /v1/data-rights-request", d.exercise)
	d.mux.HandleFunc("POST /v1/data-rights-request/{$}", d.exercise) // before 0.9.3
	d.mux.HandleFunc("GET /v1/data-rights-request/{id}", d.status)
	d.mux.HandleFunc("DELETE /v1/data-rights-request/{id}", d.revoke)
	return d, nil
}

func (d *DRP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" && strings.HasSuffix(r.URL.Path, "/") {
		r.URL.Path = strings.TrimSuffix(r.URL.Path, "/")
	}
	d.mux.ServeHTTP(w, r)
}

func (a Agent) key() (*[32]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(a.Key)
	if err != nil || len(raw) != 32 {
		raw, err = hex.DecodeString(a.Key)
	}
	if err != nil || len(raw) != 32 {
		return nil, errors.New("verify_key is not a public key in base64")
	}
	return (*[32]byte)(raw), nil
}

func (d *DRP) find(id string) (Agent, bool) {
	for _, a := range d.Agents {
		if a.ID == id {
			return a, true
		}
	}
	return Agent{}, false
}

// drpNo is an error of the protocol (§3.06).
type drpNo struct {
	status int
	text   string
	fatal  bool
}

func (n *drpNo) Error() string { return n.text }

// Why a message is refused, in the order of §3.07.
func refuse(text string, fatal bool) error { return &drpNo{http.StatusForbidden, text, fatal} }

// drpClaims are the fields all signed messages share, and the request's own.
type drpClaims struct {
	Agent    string `json:"agent-id"`
	Business string `json:"business-id"`
	Issued   string `json:"issued-at"`
	Expires  string `json:"expires-at"`
	Version  string `json:"drp.version"`

	AgentRequest  string   `json:"agent-request-id"`
	Exercise      string   `json:"exercise"`
	Regime        string   `json:"regime"`
	Relationships []string `json:"relationships"`
	Callback      string   `json:"status_callback"`
	Name          string   `json:"name"`
	Email         string   `json:"email"`
	EmailVerified bool     `json:"email_verified"`
	Phone         string   `json:"phone_number"`
	PhoneOld      string   `json:"phone"`
}

// opened decodes and checks the signature: the first two steps.
func opened(body []byte, a Agent) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(body)))
	if err != nil {
		return nil, refuse("the message is not base64", false)
	}
	key, err := a.key()
	if err != nil || len(raw) < sign.Overhead {
		return nil, refuse("the message is shorter than a signature", false)
	}
	message, ok := sign.Open(nil, raw, key)
	if !ok {
		return nil, refuse("the signature does not fit the agent's key", false)
	}
	return message, nil
}

// Check validates a signed message of an agent at a moment, in the order that the
// text gives, and returns its claims.
func (d *DRP) Check(body []byte, a Agent, now time.Time) (drpClaims, error) {
	var c drpClaims
	message, err := opened(body, a)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal(message, &c); err != nil {
		return c, refuse("the signed message is not JSON", false)
	}
	issued, errIssued := iso(c.Issued)
	expires, errExpires := iso(c.Expires)
	switch {
	case c.Agent != a.ID:
		return c, refuse("agent-id is not the presented agent", false)
	case c.Business != d.Business:
		return c, refuse("business-id is another business", false)
	case errIssued != nil || errExpires != nil:
		return c, refuse("issued-at and expires-at must be ISO 8601 times", false)
	case now.Before(issued):
		return c, refuse("issued-at lies in the future", false)
	case !now.Before(expires):
		return c, refuse("the message has expired", true)
	case expires.Sub(issued) > window:
		return c, refuse("the message is valid for too long; keep it to ten minutes", true)
	case c.Version != "1.0":
		return c, refuse(`drp.version must be "1.0"`, false)
	}
	return c, nil
}

// iso reads the profile of ISO 8601 that implementers send.
func iso(s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if at, err := time.Parse(layout, s); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("not a time")
}

func (d *DRP) answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (d *DRP) no(w http.ResponseWriter, err error) {
	var n *drpNo
	if !errors.As(err, &n) {
		n = &drpNo{answerFor(err).status, failing(d.Office, err), false}
	}
	body := map[string]any{"code": fmt.Sprint(n.status), "message": n.text}
	if n.fatal {
		body["fatal"] = true
	}
	d.answer(w, n.status, body)
}

// bearer is the agent whose token the request carries. Tokens are "agent.secret".
func (d *DRP) bearer(r *http.Request) (Agent, error) {
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	id, _, cut := strings.Cut(token, ".")
	a, known := d.find(id)
	if !ok || !cut || !known || !d.Office.IsPartner(r.Context(), "drp:"+id, token[len(id)+1:]) {
		return Agent{}, refuse("the bearer token is not known", false)
	}
	return a, nil
}

// pair is §2.05: a signed message is exchanged for a token. Failures have no body.
func (d *DRP) pair(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	a, known := d.find(r.PathValue("agent"))
	if err == nil && known {
		if _, err = d.Check(body, a, d.Office.Now()); err == nil {
			var token string
			if token, err = d.Office.PartnerToken(r.Context(), "drp:"+a.ID); err == nil {
				d.answer(w, http.StatusOK, map[string]string{"agent-id": a.ID, "token": a.ID + "." + token})
				return
			}
		}
	}
	w.WriteHeader(http.StatusForbidden)
}

// agent is §2.06.
func (d *DRP) agent(w http.ResponseWriter, r *http.Request) {
	a, err := d.bearer(r)
	if err == nil && a.ID != r.PathValue("agent") {
		err = refuse("the bearer token is another agent's", false)
	}
	if err != nil {
		d.no(w, err)
		return
	}
	d.answer(w, http.StatusOK, struct{}{})
}

// exercise is §2.01.
func (d *DRP) exercise(w http.ResponseWriter, r *http.Request) {
	a, err := d.bearer(r)
	if err != nil {
		d.no(w, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody))
	if err != nil {
		d.no(w, &drpNo{http.StatusRequestEntityTooLarge, "the message is too large", false})
		return
	}
	c, err := d.Check(body, a, d.Office.Now())
	if err != nil {
		d.no(w, err)
		return
	}
	f, err := d.filing(c, a, body)
	if err != nil {
		d.no(w, err)
		return
	}
	req, err := d.Office.File(r.Context(), f)
	if err := filed(req, err); err != nil {
		d.no(w, err)
		return
	}
	d.answer(w, http.StatusOK, d.describe(req, req.Status))
}

// filing turns claims into a filing of ours.
func (d *DRP) filing(c drpClaims, a Agent, body []byte) (rights.Filing, error) {
	bad := func(text string) (rights.Filing, error) {
		return rights.Filing{}, &drpNo{http.StatusBadRequest, text, false}
	}
	right, ok := map[string]rights.Right{"access": rights.Access, "access:specific": rights.Access, "access:categories": rights.Access, "deletion": rights.Erase}[c.Exercise]
	if !ok {
		return bad("Unsupported rights actions submitted.")
	}
	if c.Regime != "" && c.Regime != "ccpa" {
		return bad("regime must be ccpa, or left out for voluntary processing")
	}
	if at, err := mail.ParseAddress(c.Email); err != nil || at.Address != c.Email {
		return bad("an email claim is needed to find the person")
	}
	f := rights.Filing{Right: right, Email: c.Email, Name: c.Name, Phone: c.Phone, Channel: "drp", Jurisdiction: c.Regime}
	if f.Phone == "" {
		f.Phone = c.PhoneOld
	}
	if c.Callback != "" {
		if err := NewCaller(a.Hosts, d.Inside, d.Roots).Allowed(c.Callback); err == nil {
			f.Callbacks = []string{c.Callback}
		} else if len(a.Hosts) > 0 {
			return bad("status_callback: " + err.Error())
		}
	}
	if c.EmailVerified {
		f.Proven = "vouched for by agent " + a.ID
	}
	name := sha256.Sum256(body)
	f.External = "drp:" + a.ID + ":" + c.AgentRequest + ":" + hex.EncodeToString(name[:])
	f.Agent = &rights.Proxy{Name: a.ID, Permission: "signed message under the network's rules"}
	return f, nil
}

// drpStatus is §3.03.
type drpStatus struct {
	ID           string `json:"request_id"`
	AgentRequest string `json:"agent_request_id,omitempty"`
	Received     string `json:"received_at"`
	Expected     string `json:"expected_by"`
	Details      string `json:"processing_details,omitempty"`
	Status       string `json:"status"`
	Reason       string `json:"reason,omitempty"`
	VerifyURL    string `json:"user_verification_url,omitempty"`
	Results      string `json:"results_url,omitempty"`
	Expires      string `json:"expires_at,omitempty"`
}

func (d *DRP) describe(req *rights.Request, status rights.Status) drpStatus {
	word, details, _ := strings.Cut(status.Wire().DRP, " ")
	state, reason, _ := strings.Cut(word, "/")
	if strings.HasPrefix(word, "(") || status == rights.Merged {
		state, reason = "in_progress", ""
	}
	parts := strings.Split(req.Facts.External, ":")
	link := strings.TrimSuffix(d.Office.Portal, "/") + "/requests/" + req.ID
	out := drpStatus{ID: req.ID, Received: req.Received.Format(time.RFC3339), Expected: endOfDay(req.Due).Format(time.RFC3339), Status: state, Reason: reason}
	if len(parts) == 4 {
		out.AgentRequest = parts[2]
	}
	switch {
	case reason == "need_user_verification":
		out.VerifyURL = link
		out.Expires = endOfDay(req.Due).Format(time.RFC3339)
	case state == "fulfilled" && req.Facts.Package != nil:
		out.Results, out.Expires = link, req.Facts.Package.Expires.Format(time.RFC3339)
	case state == "fulfilled":
		out.Expires = req.Received.AddDate(2, 0, 0).Format(time.RFC3339)
	}
	switch {
	case strings.Contains(details, "processing_details") && req.Facts.Planned != nil:
		out.Details = "Kept by law: " + strings.Join(req.Facts.Planned.Reasons, "; ")
	case state == "denied":
		out.Details = req.Facts.Reason
	case req.Facts.Clock.Extended:
		out.Details = "The date was extended under " + req.Facts.Clock.Cite
	}
	return out
}

func belongs(req *rights.Request, a Agent) bool {
	return strings.HasPrefix(req.Facts.External, "drp:"+a.ID+":")
}

// mine reads a request of the agent who asks; another's is 403 (§2.02.1).
func (d *DRP) mine(r *http.Request, a Agent) (*rights.Request, error) {
	req, err := d.Office.Get(r.Context(), r.PathValue("id"))
	if errors.Is(err, rights.ErrUnknown) || (err == nil && !belongs(req, a)) {
		return nil, refuse("the request is not this agent's", false)
	}
	return req, err
}

func (d *DRP) status(w http.ResponseWriter, r *http.Request) {
	a, err := d.bearer(r)
	var req *rights.Request
	if err == nil {
		req, err = d.mine(r, a)
	}
	if err != nil {
		d.no(w, err)
		return
	}
	d.answer(w, http.StatusOK, d.describe(req, req.Status))
}

// revoke is §2.04: honoured at any open or in_progress state until the first write;
// then it is a 409, and the status goes on saying what happens.
func (d *DRP) revoke(w http.ResponseWriter, r *http.Request) {
	a, err := d.bearer(r)
	var req *rights.Request
	if err == nil {
		req, err = d.mine(r, a)
	}
	if err == nil {
		var body []byte
		if body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, mostBody)); err == nil {
			_, err = opened(body, a)
		}
	}
	if err == nil {
		req, err = d.Office.Withdraw(r.Context(), req.ID)
		if errors.Is(err, rights.ErrTransition) {
			err = &drpNo{http.StatusConflict, "work on the data has begun, or the request has ended; it cannot be revoked any more", false}
		}
	}
	if err != nil {
		d.no(w, err)
		return
	}
	d.answer(w, http.StatusOK, d.describe(req, req.Status))
}

// Callback tells an agent the status (§2.03).
func (d *DRP) Callback(ctx context.Context, req *rights.Request, status rights.Status) error {
	parts := strings.Split(req.Facts.External, ":")
	if len(parts) != 4 || len(req.Body.Callbacks) == 0 {
		return nil
	}
	a, known := d.find(parts[1])
	if !known {
		return nil
	}
	raw, err := json.Marshal(d.describe(req, status))
	if err != nil {
		return err
	}
	return NewCaller(a.Hosts, d.Inside, d.Roots).Post(ctx, req.Body.Callbacks[0], http.Header{}, raw)
}
