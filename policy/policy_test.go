package policy

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/privet-gateway/privet/redact"
)

var noon = time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)

func openSample(t testing.TB) *Engine {
	t.Helper()
	text, err := os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(context.Background(), Config{Catalogue: []Document{{"catalogue.yaml", text}},
		Clock: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func question(role string, with func(*Question)) *Question {
	q := &Question{Agent: "ada", Roles: []string{role}, Region: "us", Tool: "cases", Screen: "account.view",
		Proofs: []Proof{{"password", noon}, {"totp", noon}}}
	if with != nil {
		with(q)
	}
	return q
}

const account = `{"subject":"c-1","vip":false,"region":"us","related_agents":[],"assignee":"ada",
 "name":{"given":"Ana","family":"Lopez"},"email":"ana@example.com",
 "card":{"pan":"4111111111111111","cvv":"123"},"secret":"x","balance":{"amount":12.50,"currency":"EUR"}}`

func render(t *testing.T, e *Engine, q *Question, doc string) (string, *Decision, redact.Tally) {
	t.Helper()
	s, params, err := e.Match("cases", "GET", "/api/accounts/c-1")
	if err != nil || params["subject"] != "c-1" {
		t.Fatalf("match: %v %v", params, err)
	}
	d, err := e.Decide(context.Background(), s, q)
	if err != nil {
		t.Fatal(err)
	}
	if d.Plan == nil {
		return "", d, redact.Tally{}
	}
	scan, err := redact.New(redact.Config{})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	tally, err := d.Plan.Rewrite(&out, strings.NewReader(doc), s.Media, scan)
	if err != nil {
		t.Fatal(err)
	}
	value := jsontext.Value(out.Bytes())
	if err := value.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		t.Fatal(err)
	}
	return value.String(), d, tally
}

func TestViews(t *testing.T) {
	e := openSample(t)
	verified := func(q *Question) { q.CallerVerified = true }
	dispute := func(q *Question) { q.Purpose, q.Case = "dispute", "k-1" }
	head := `{"subject":"c-1","vip":false,"region":"us",`
	for _, c := range []struct {
		name, role string
		with       func(*Question)
		doc, want  string
	}{
		{"tier 1", "tier1", nil, account, head + `"name":{"given":"Ana","family":"Lopez"},"email":"a•••@•••.com","card":{"pan":"•••• 1111"},"balance":{"currency":"EUR"}}`},
		{"caller verified", "tier1", verified, account, head + `"name":{"given":"Ana","family":"Lopez"},"email":"ana@example.com","card":{"pan":"•••• 1111"},"balance":{"amount":12.50,"currency":"EUR"}}`},
		{"own dispute", "disputes", dispute, account, head + `"name":{"given":"Ana","family":"Lopez"},"email":"ana@example.com","card":{"pan":"4111111111111111"},"balance":{"amount":12.50,"currency":"EUR"}}`},
		{"another's dispute", "disputes", dispute, strings.Replace(account, `"assignee":"ada"`, `"assignee":"bob"`, 1), head + `"name":{"given":"Ana","family":"Lopez"},"email":"ana@example.com","card":{"pan":"•••• 1111"},"balance":{"amount":12.50,"currency":"EUR"}}`},
		{"VIP", "tier1", verified, strings.Replace(account, `"vip":false`, `"vip":true`, 1), `{"vip":true,"region":"us","name":{},"card":{},"balance":{"currency":"EUR"}}`},
		{"own account", "tier1", verified, strings.Replace(account, `"related_agents":[]`, `"related_agents":["bob","ada"]`, 1), `{"vip":false,"region":"us","name":{},"card":{},"balance":{"currency":"EUR"}}`},
		{"bit missing", "tier1", verified, strings.Replace(account, `"related_agents":[],`, ``, 1), `{"vip":false,"region":"us","name":{},"card":{},"balance":{"currency":"EUR"}}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, d, tally := render(t, e, question(c.role, c.with), c.doc)
			if got != c.want {
				t.Errorf("got  %s\nwant %s\nruling %+v", got, c.want, d.Classes["pan"])
			}
			if len(tally.Subjects) != 1 || tally.Subjects[0] != "c-1" || tally.Records != 1 {
				t.Errorf("tally %+v", tally)
			}
		})
	}
}

func TestRefusals(t *testing.T) {
	e := openSample(t)
	for _, c := range []struct {
		name, role string
		with       func(*Question)
		code       string
		stepUp     time.Duration
	}{
		{"no such role", "boss", nil, RoleUnknown, 0},
		{"stale second factor", "tier1", func(q *Question) { q.Proofs[1].At = noon.Add(-13 * time.Hour) }, "", 12 * time.Hour},
		{"password alone", "tier1", func(q *Question) { q.Proofs = q.Proofs[:1] }, "", 12 * time.Hour},
		{"privacy without a request", "privacy", nil, "purpose_required", 0},
		{"contractor at night", "contractor", func(q *Question) { q.Time = noon.Add(11 * time.Hour) }, "off_hours", 0},
		{"old proof, broken glass", "tier1", func(q *Question) { q.BreakGlass = "fire"; q.Proofs[1].At = noon.Add(-time.Hour) }, "", 15 * time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, d, _ := render(t, e, question(c.role, c.with), account)
			if d.Plan != nil || d.Refused != c.code || d.StepUp != c.stepUp || d.Why == "" {
				t.Errorf("got %+v", d)
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	e := openSample(b)
	s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
	if err != nil {
		b.Fatal(err)
	}
	ctx := context.Background()
	q := question("tier1", nil)
	b.Run("warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := e.Decide(ctx, s, q); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cold", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			clear(e.state.Load().kept)
			if _, err := e.Decide(ctx, s, q); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// The sample tool's own catalogue must open, and every screen of it must be
// found by its own path.
func TestSampleToolCatalogue(t *testing.T) {
	text, err := os.ReadFile("../cmd/supportdesk/tool/catalogue.yaml")
	if err != nil {
		t.Fatal(err)
	}
	e, err := Open(context.Background(), Config{Catalogue: []Document{{"catalogue.yaml", text}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range e.state.Load().screens.list {
		path := strings.NewReplacer("{$}", "", "{subject}", "c-1", "{id}", "x").Replace(s.Path)
		got, _, err := e.Match(s.Tool, s.Method, path)
		if err != nil || got.ID != s.ID {
			t.Errorf("%s %s: found %v, %v; want %s", s.Method, path, got, err, s.ID)
		}
	}
	for _, path := range []string{"/api/accounts/", "/api//accounts", "/api/accounts/c-1/x", "/nope", "", "api/accounts"} {
		if s, _, err := e.Match("supportdesk", "GET", path); err == nil {
			t.Errorf("%q found %s", path, s.ID)
		}
	}
}

// TestOpenBeside: engines that are opened at the same time, as when a change is
// tried out beside the rules in force, share nothing that either writes.
func TestOpenBeside(t *testing.T) {
	var all sync.WaitGroup
	for range 2 {
		all.Go(func() {
			if _, err := Open(t.Context(), Config{}); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
