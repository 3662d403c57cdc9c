package policy

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// What explain shows is the live decision, not one like it.
func TestExplainIsLive(t *testing.T) {
	e := openSample(t)
	s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
	if err != nil {
		t.Fatal(err)
	}
	scan, err := redact.New(redact.Config{})
	if err != nil {
		t.Fatal(err)
	}
	q := question("disputes", func(q *Question) { q.Purpose, q.Case = "dispute", "k" })
	x, err := e.Explain(context.Background(), s, q, []byte(account), scan)
	if err != nil {
		t.Fatal(err)
	}
	live, err := e.Decide(context.Background(), s, q)
	if err != nil || live != x.Decision {
		t.Fatalf("another decision: %v", err)
	}
	var out bytes.Buffer
	if _, err := live.Plan.Rewrite(&out, strings.NewReader(account), s.Media, scan); err != nil || out.String() != x.View {
		t.Errorf("another view: %v", err)
	}
	fields := map[string]Explained{}
	for _, f := range x.Fields {
		fields[f.Path] = f
		if f.Rule == "" || f.Why == "" {
			t.Errorf("%s: no rule or reason: %+v", f.Path, f)
		}
	}
	if f := fields["card.pan"]; f.Do != "show" || !strings.HasPrefix(f.Rule, "grants.rego:") || !strings.Contains(f.Why, "own dispute") {
		t.Errorf("card.pan: %+v", f)
	}
	if f := fields["card.cvv"]; f.Do != "withhold" || !strings.Contains(f.Why, "3.3.1") {
		t.Errorf("card.cvv: %+v", f)
	}
	if fmt.Sprint(x.Facts) != "[ordinary unrelated assigned local]" {
		t.Errorf("facts %v", x.Facts)
	}
}

func TestDailyLimit(t *testing.T) {
	e := openSample(t)
	e.cfg.Counter = NewMemory()
	ctx := context.Background()
	look := func(role string) string {
		s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
		if err != nil {
			t.Fatal(err)
		}
		d, err := e.Decide(ctx, s, question(role, nil))
		if err != nil {
			t.Fatal(err)
		}
		return d.Refused
	}
	for i := range 100 {
		if got := look("contractor"); got != "" {
			t.Fatalf("refused after %d: %s", i, got)
		}
		for range 2 { // the same cardholder twice is one
			if err := e.Seen(ctx, "ada", redact.Tally{Records: 1, Subjects: []string{fmt.Sprint("c-", i)}}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := look("contractor"); got != LimitReached {
		t.Errorf("after 100 cardholders: %q", got)
	}
	if got := look("tier1"); got != "" {
		t.Errorf("a role with a higher limit: %q", got)
	}
	if got := look("visitor"); got != RoleUnknown {
		t.Errorf("without a role: %q", got)
	}
	tomorrow := noon.AddDate(0, 0, 1)
	e.cfg.Clock = func() time.Time { return tomorrow }
	s, _, err := e.Match("cases", "GET", "/api/accounts/c-1")
	if err != nil {
		t.Fatal(err)
	}
	q := question("contractor", func(q *Question) { q.Proofs = []Proof{{"totp", tomorrow}} })
	if d, err := e.Decide(ctx, s, q); err != nil || d.Refused != "" {
		t.Errorf("on the next day: %+v %v", d, err)
	}
}
