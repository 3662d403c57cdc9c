package portal

import (
	"context"
	"crypto/ecdsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/rights/rightstest"
)

// partner is a partner's callback server: real TLS on loopback.
type partner struct {
	*httptest.Server
	got    chan delivery
	answer func(n int) int // status of the n-th call
	calls  int
}

type delivery struct {
	path string
	head http.Header
	raw  []byte
	body map[string]any
}

func newPartner(t testing.TB, answer func(n int) int) *partner {
	t.Helper()
	p := &partner{got: make(chan delivery, 100), answer: answer}
	p.Server = httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		d := delivery{path: r.URL.Path, head: r.Header.Clone(), raw: raw}
		_ = json.Unmarshal(raw, &d.body)
		status := http.StatusOK
		if p.answer != nil {
			status = p.answer(p.calls) // one at a time: the office makes a request's calls in order
		}
		p.calls++
		p.got <- d
		w.Header().Set("Location", "/elsewhere")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "<html>thrown away</html>")
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *partner) roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(p.Certificate())
	return pool
}

// next is the next call that arrives.
func (p *partner) next(t testing.TB) delivery {
	t.Helper()
	return p.nextAs(t, func() {})
}

// nextAs is the next call that arrives while time passes: when a try that failed
// is written down, and so when the next is due, is not known here.
func (p *partner) nextAs(t testing.TB, pass func()) delivery {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	last := time.After(30 * time.Second)
	for {
		select {
		case d := <-p.got:
			return d
		case <-tick.C:
			pass()
		case <-last:
			t.Fatal("no callback came")
			return delivery{}
		}
	}
}

// calling is a processor whose callbacks lead to a partner's server, and works.
func calling(t *testing.T, at *partner, inside bool) *processor {
	t.Helper()
	office := rightstest.Open(t, func(c *rights.Config) { c.Poll = 5 * time.Millisecond })
	o, err := NewOpenDSR(OpenDSRConfig{Office: office.Office, Domain: "opendsr.privet.example", Base: "https://opendsr.privet.example/opendsr", Certificate: certificate(t, "opendsr.privet.example"),
		Controllers: []Controller{{ID: "shop", Key: "shop-key", Hosts: []string{"127.0.0.1"}}}, Inside: inside, Roots: at.roots()})
	if err != nil {
		t.Fatal(err)
	}
	office.Callbacks = map[string]rights.Callback{"opendsr": o.Callback}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = office.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return &processor{t, office, o}
}

// Every status change is delivered, in order, to every address the controller named,
// signed with the published certificate, with every REQUIRED header and field; what the
// controller answers is not read (§8.5, §8.6).
func TestOpenDSRCallbacks(t *testing.T) {
	at := newPartner(t, nil)
	p := calling(t, at, true)
	urls := []string{at.URL + "/a", at.URL + "/b"}
	if w := p.send("shop-key", "POST", "/requests", published(t, p, map[string]any{"subject_request_type": "access", "status_callback_urls": urls})); w.Code != http.StatusCreated {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	leaf, err := x509.ParseCertificate(p.o.Certificate.Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	var said []string
	for approved := false; !slices.Contains(said, "completed"); {
		a, b := at.next(t), at.next(t)
		for i, d := range []delivery{a, b} {
			sum := sha256.Sum256(d.raw)
			sig, err := base64.StdEncoding.DecodeString(d.head.Get("X-OpenDSR-Signature"))
			if err != nil || !ecdsa.VerifyASN1(leaf.PublicKey.(*ecdsa.PublicKey), sum[:], sig) {
				t.Errorf("§8.6 signature: it does not fit the body")
			}
			if leaf.VerifyHostname(d.head.Get("X-OpenDSR-Processor-Domain")) != nil {
				t.Errorf("§8.6 domain: %q", d.head.Get("X-OpenDSR-Processor-Domain"))
			}
			if d.body["status_callback_url"] != urls[i] || "/"+urls[i][len(urls[i])-1:] != d.path {
				t.Errorf("§8.5: address %d got %v at %s", i, d.body["status_callback_url"], d.path)
			}
			for _, field := range []string{"controller_id", "subject_request_id", "request_status", "expected_completion_time"} {
				if d.body[field] == nil || d.body[field] == "" {
					t.Errorf("§8.6: the callback lacks %s", field)
				}
			}
			if strings.Contains(string(d.raw), "@") {
				t.Errorf("the callback holds an identity: %s", d.raw)
			}
		}
		if word, _ := a.body["request_status"].(string); len(said) == 0 || said[len(said)-1] != word {
			said = append(said, word)
		}
		req, err := p.office.ByExternal(context.Background(), "opendsr:shop:a7551968-d5d6-44b2-9831-815ac9017798")
		if err != nil {
			t.Fatal(err)
		}
		if req.Status == rights.InReview && !approved {
			approved = true
			if _, err := p.office.Approve(context.Background(), req.ID, rights.Officer{Name: "olga"}, req.Facts.PlanHash); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !slices.Equal(said, []string{"pending", "in_progress", "completed"}) {
		t.Errorf("§8: the controller heard %v", said)
	}
}

// A callback that fails is tried again, later news waits for earlier news, and a
// redirect is not followed; when it works again nothing is missing.
func TestCallbackRetried(t *testing.T) {
	failures := []int{http.StatusInternalServerError, http.StatusFound, http.StatusServiceUnavailable}
	at := newPartner(t, func(n int) int {
		if n < len(failures) {
			return failures[n]
		}
		return http.StatusNoContent
	})
	p := calling(t, at, true)
	p.send("shop-key", "POST", "/requests", published(t, p, map[string]any{"status_callback_urls": []string{at.URL + "/status"}}))
	const id = "a7551968-d5d6-44b2-9831-815ac9017798"
	later := func() { p.office.Clock.Set(p.office.Clock.Now().Add(5 * time.Minute)) }
	var paths []string
	for n := range failures {
		d := at.nextAs(t, later)
		if paths = append(paths, d.path); d.body["request_status"] != "pending" {
			t.Errorf("try %d tells of %v before the first news has arrived", n, d.body["request_status"])
		}
		if n == 0 {
			if w := p.send("shop-key", "DELETE", "/requests/"+id, ""); w.Code != http.StatusAccepted {
				t.Fatalf("cancel: %d %s", w.Code, w.Body)
			}
		}
	}
	if slices.Contains(paths, "/elsewhere") {
		t.Error("a redirect was followed")
	}
	for last := ""; last != "cancelled"; {
		last, _ = at.nextAs(t, later).body["request_status"].(string)
	}
}

// A registered name that leads inside is not connected to, although its certificate is
// trusted: what a name resolves to is judged when connecting. The same call arrives
// where the inside is allowed.
func TestCallbackInside(t *testing.T) {
	at := newPartner(t, nil)
	for _, inside := range []bool{true, false} {
		err := NewCaller([]string{"127.0.0.1", "localhost"}, inside, at.roots()).Post(context.Background(), at.URL, http.Header{}, []byte("{}"))
		if (err == nil) != inside {
			t.Errorf("inside allowed: %t, and the call: %v", inside, err)
		}
	}
	if at.calls != 1 {
		t.Errorf("%d calls arrived, want 1", at.calls)
	}
	for _, address := range []string{"https://10.0.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest", "https://100.64.0.1/", "https://[::1]/", "https://[fd00::1]/", "https://0.0.0.0/", "https://[::ffff:127.0.0.1]/", "https://224.0.0.1/"} {
		host := strings.Trim(strings.TrimSuffix(strings.TrimPrefix(address, "https://"), "/"), "[]")
		host, _, _ = strings.Cut(host, "/")
		if err := NewCaller([]string{strings.Trim(host, "[]")}, false, nil).Post(context.Background(), address, http.Header{}, nil); err == nil {
			t.Errorf("%s was called", address)
		}
	}
}

// An agent of the Data Rights Protocol hears every status (§2.03).
func TestDRPCallbacks(t *testing.T) {
	at := newPartner(t, nil)
	n := newNetwork(t)
	n.d.Agents[0].Hosts, n.d.Inside, n.d.Roots = []string{"127.0.0.1"}, true, at.roots()
	n.office.Callbacks = map[string]rights.Callback{"drp": n.d.Callback}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = n.office.Run(ctx) }()
	defer func() { stop(); <-done }()
	_, body := n.send("POST", drpPath, "AGENT_A", "AGENT_A", n.claims("AGENT_A", map[string]any{"exercise": "access", "regime": "ccpa", "email": n.office.Desk.People()[3].Email, "email_verified": true, "status_callback": at.URL + "/s"}))
	d := at.next(t)
	if d.body["request_id"] != body["request_id"] || d.body["status"] != "in_progress" || d.body["received_at"] == nil || d.body["expected_by"] == nil {
		t.Errorf("§2.03: the callback is %s of %v", d.raw, body)
	}
	if status, _ := n.send("DELETE", drpPath+"/"+body["request_id"].(string), "AGENT_A", "AGENT_A", map[string]any{"reason": "x"}); status != 200 {
		t.Fatalf("revoke: %d", status)
	}
	for last := ""; last != "revoked"; {
		last, _ = at.next(t).body["status"].(string)
	}
}
