package gateway

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"testing"

	"github.com/privet-gateway/privet/audit"
	supportdesk "github.com/privet-gateway/privet/cmd/supportdesk/tool"
	"github.com/privet-gateway/privet/mfa"
	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

// counting is a trail that forgets.
type counting struct{}

func (counting) Append(context.Context, audit.Event) (audit.Receipt, error) { return "bench.1", nil }

// BenchmarkWalk is the whole walk over real rules and the sample tool's
// catalogue, beside a bare reverse proxy; deploy/bench/proxy has the table with
// other products and the real trail.
func BenchmarkWalk(b *testing.B) {
	desk := supportdesk.New(supportdesk.Config{Seed: 1})
	back := httptest.NewServer(fixed(desk))
	defer back.Close()
	upstream, _ := url.Parse(back.URL)
	rules, err := policy.Open(b.Context(), policy.Config{Clock: tuesday, Catalogue: []policy.Document{{Name: "tool", Text: supportdesk.Catalogue()}}})
	if err != nil {
		b.Fatal(err)
	}
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		b.Fatal(err)
	}
	door := &oneAgent{ended: make(chan struct{}), session: &mfa.Session{ID: "s", Agent: "ada", Roles: []string{"tier1"}, Purpose: "servicing", Case: "C",
		Proofs: []mfa.Proof{{Kind: "password", At: tuesday()}, {Kind: "totp", At: tuesday()}}}}
	gate, err := New(Config{Tools: []Tool{{Name: "supportdesk", Host: "127.0.0.1", Upstream: upstream}}, Policy: rules, Trail: counting{}, Door: door, Scan: scan, Clock: tuesday})
	if err != nil {
		b.Fatal(err)
	}
	defer gate.Close()
	bare := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) { p.SetURL(upstream) }}
	for _, front := range []struct {
		name    string
		handler http.Handler
	}{{"bare", bare}, {"walk", gate}} {
		srv := httptest.NewServer(front.handler)
		defer srv.Close()
		for name, path := range map[string]string{"2KB": "/api/accounts/" + desk.People()[0].Subject, "1MB": "/api/accounts"} {
			b.Run(front.name+"/"+name, func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					r, _ := http.NewRequest("GET", srv.URL+path, nil)
					r.Header.Set(SessionHeader, token)
					res, err := http.DefaultClient.Do(r)
					if err != nil {
						b.Fatal(err)
					}
					n, err := io.Copy(io.Discard, res.Body)
					res.Body.Close()
					if err != nil || res.StatusCode != 200 {
						b.Fatal(res.StatusCode, err)
					}
					b.SetBytes(n)
				}
			})
		}
	}
}

// fixed answers as the tool does, from bodies made once.
func fixed(desk http.Handler) http.Handler {
	made := map[string][]byte{}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := made[r.URL.Path]
		if body == nil {
			rec := httptest.NewRecorder()
			ask := httptest.NewRequest("GET", r.URL.Path+"?limit=600", nil)
			desk.ServeHTTP(rec, ask)
			body = rec.Body.Bytes()
			made[r.URL.Path] = body
		}
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		w.Write(body)
	})
}
