package rights

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/keeper/keepertest"
)

// door is an HTTP system that lets in who has the right Authorization, and a token
// endpoint beside it.
type door struct {
	mu     sync.Mutex
	want   string
	client string // "id:secret" of the token endpoint
	issued int
	life   int
	calls  int
}

func (d *door) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if r.URL.Path == "/token" {
		id, secret, _ := r.BasicAuth()
		if id+":"+secret != d.client || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "people.read people.write" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		d.issued++
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": "t-1", "token_type": "Bearer", "expires_in": d.life})
		return
	}
	d.calls++
	if r.Header.Get("Authorization") != d.want {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": []any{map[string]string{"id": "1", "email": victim}}})
}

var person = &Collection{Name: "person", Fields: []Field{{Name: "id", Key: true}, {Name: "email", Identity: "email"}}}

func holderAt(t *testing.T, declaration string, lookup func(string) (string, error)) *HTTP {
	t.Helper()
	text, err := Expand(declaration, lookup)
	if err != nil {
		t.Fatal(err)
	}
	api, err := ParseAPI([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHTTP(api, nil)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// A holder's key lies in Vault: a real one gives what the gateway's policy allows, and
// the holder is let in with it; nothing else of Vault can be read.
func TestKeyFromVault(t *testing.T) {
	server := keepertest.StartDevVault(t)
	mount := server.Mount(t)
	for _, path := range []string{"secret/data/privet/crm", "secret/data/payroll"} {
		server.Admin(t, "POST", path, map[string]any{"data": map[string]string{"key": "k-from-vault"}})
	}
	v := keepertest.OpenVault(t, keeper.VaultConfig{Address: server.Address, Mount: mount, Deadline: vaultDeadline,
		Auth: keeper.VaultAuth{Method: "token", TokenFile: server.TokenFile(t, mount, "gateway")}})
	ctx := context.Background()
	lookup := func(name string) (string, error) {
		path, field, _ := strings.Cut(strings.TrimPrefix(name, "vault:"), "#")
		return v.Secret(ctx, path, field)
	}
	d := &door{want: "Bearer k-from-vault"}
	crm := httptest.NewServer(d)
	defer crm.Close()
	h := holderAt(t, "base: "+crm.URL+"\nauth: {bearer: \"${vault:secret/data/privet/crm#key}\"}\ncollections: {person: {find: {email: {get: \"/people?email={value}\", items: items}}}}", lookup)
	if rows, err := rowsOf(h.Find(ctx, person, "email", []string{victim})); err != nil || len(rows) != 1 {
		t.Errorf("%d rows: %v", len(rows), err)
	}
	for ref, want := range map[string]error{"secret/data/payroll#key": keeper.ErrDenied, "secret/data/privet/crm#other": keeper.ErrNoSecret} {
		if _, err := Expand("${vault:"+ref+"}", lookup); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", ref, err, want)
		}
	}
}

// An empty key is no key, and a value cannot add anything to the declaration.
func TestExpand(t *testing.T) {
	lookup := func(name string) (string, error) {
		return map[string]string{"KEY": "k1", "EVIL": "x\"}\nbase: https://evil.example", "QUOTE": `a"b`}[name], nil
	}
	if got, err := Expand(`{bearer: "${KEY}"} $.items $KEY`, lookup); err != nil || got != `{bearer: "k1"} $.items $KEY` {
		t.Errorf("%q %v", got, err)
	}
	for _, text := range []string{"${MISSING}", `"${EVIL}"`, `"${QUOTE}"`} {
		if _, err := Expand(text, lookup); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// OAuth2 client credentials: one token serves many requests, an ended one is renewed,
// and a wrong secret means that nothing was asked of the system itself.
func TestOAuth2(t *testing.T) {
	for _, tc := range []struct {
		name, client string
		life, issued int
		err          error
	}{
		{"kept while it lives", "us:s3cret", 3600, 1, nil},
		{"renewed when it ends", "us:s3cret", 1, 3, nil},
		{"wrong secret", "us:other", 3600, 0, ErrLater},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := &door{want: "Bearer t-1", client: tc.client, life: tc.life}
			server := httptest.NewServer(d)
			defer server.Close()
			h := holderAt(t, "base: "+server.URL+"\nauth: {oauth: {url: "+server.URL+"/token, client: us, secret: s3cret, scope: people.read people.write}}\ncollections: {person: {find: {email: {get: \"/people?email={value}\", items: items}}}}", nil)
			for range 3 {
				rows, err := rowsOf(h.Find(context.Background(), person, "email", []string{victim}))
				if !errors.Is(err, tc.err) || (err == nil && len(rows) != 1) {
					t.Fatalf("%d rows: %v", len(rows), err)
				}
				if err != nil && strings.Contains(err.Error(), "s3cret") {
					t.Errorf("the error holds the secret: %v", err)
				}
			}
			if d.issued != tc.issued || (tc.err != nil && d.calls > 0) {
				t.Errorf("%d tokens were issued, want %d; %d calls", d.issued, tc.issued, d.calls)
			}
		})
	}
}
