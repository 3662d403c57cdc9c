package policybench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cedar "github.com/cedar-policy/cedar-go"
	"github.com/cedar-policy/cedar-go/types"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/open-policy-agent/opa/v1/ast"
	"github.com/open-policy-agent/opa/v1/rego"

	"github.com/privet-gateway/privet/policy"
)

func sample(b testing.TB) (*policy.Engine, *policy.Screen, *policy.Question) {
	text, err := os.ReadFile("../../../policy/testdata/catalogue.yaml")
	if err != nil {
		b.Fatal(err)
	}
	now := time.Date(2026, 11, 18, 12, 0, 0, 0, time.UTC)
	e, err := policy.Open(context.Background(), policy.Config{Catalogue: []policy.Document{{Name: "catalogue.yaml", Text: text}},
		Clock: func() time.Time { return now }})
	if err != nil {
		b.Fatal(err)
	}
	s, err := e.Screen("cases", "account.list")
	if err != nil {
		b.Fatal(err)
	}
	return e, s, &policy.Question{Agent: "ada", Roles: []string{"tier1"}, Region: "us", Tool: "cases", Screen: s.ID, CallerVerified: true,
		Proofs: []policy.Proof{{Kind: "password", At: now}, {Kind: "totp", At: now}}}
}

// perField is the same question asked idiomatically, field by field, in Rego.
const perField = `package view

default treatment := "withhold"

treatment := "mask" if { input.role == "tier1"; input.class in {"pan", "ssn", "iban"} } else := "show" if {
	input.role == "tier1"
	input.verified
	input.class in {"email", "phone", "dob", "money"}
} else := "show" if { input.class in {"plain", "person", "reference"} }

decision[f.path] := t if {
	some f in data.fields
	t := treatment with input.class as f.class
}`

func BenchmarkDecide(b *testing.B) {
	ctx := context.Background()
	e, s, q := sample(b)
	asked := 0 // nobody asks twice, whichever run it is
	b.Run("privet/warm", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if d, err := e.Decide(ctx, s, q); err != nil || d.Plan == nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("privet/cold", func(b *testing.B) {
		b.ReportAllocs()
		cold := *q
		var took []time.Duration
		for b.Loop() {
			asked++
			cold.Agent = fmt.Sprint("ada", asked) // facts compare with the agent, so nobody's decision is another's
			began := time.Now()
			if d, err := e.Decide(ctx, s, &cold); err != nil || d.Plan == nil {
				b.Fatal(err)
			}
			took = append(took, time.Since(began))
		}
		slices.Sort(took)
		b.ReportMetric(float64(took[len(took)/2].Nanoseconds()), "p50-ns")
	})
	b.Run("privet/answers", func(b *testing.B) { answers(b, e, s, q) })
	b.Run("opa/per-field-40", func(b *testing.B) { opaPerField(b, ctx) })
	b.Run("cedar-go/per-field-40", cedarPerField)
}

// answers decides about answers of 1, 1,000 and 100,000 records, by turns, and
// rewrites them. Each decision comes after the same work, so that each finds
// the processor's caches as cold as the others do: what is compared is the
// decision, not what ran before it. It is asked once for an answer.
func answers(b *testing.B, e *policy.Engine, s *policy.Screen, q *policy.Question) {
	scan := engine(b)
	sizes := []int{1, 1000, 100000}
	docs := map[int][]byte{}
	for _, n := range sizes {
		docs[n] = []byte(`{"accounts":[` + strings.Repeat(`{"subject":"c"},`, n-1) + `{}]}`)
	}
	took := map[int][]time.Duration{}
	for b.Loop() {
		for _, n := range sizes {
			d, err := e.Decide(context.Background(), s, q)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := d.Plan.Rewrite(io.Discard, bytes.NewReader(docs[100000]), s.Media, scan); err != nil {
				b.Fatal(err)
			}
			began := time.Now()
			d, err = e.Decide(context.Background(), s, q)
			took[n] = append(took[n], time.Since(began))
			if err != nil {
				b.Fatal(err)
			}
			tally, err := d.Plan.Rewrite(io.Discard, bytes.NewReader(docs[n]), s.Media, scan)
			if err != nil || tally.Records != n {
				b.Fatal(tally.Records, err)
			}
		}
	}
	for _, n := range sizes {
		slices.Sort(took[n])
		b.ReportMetric(float64(took[n][len(took[n])/2].Nanoseconds()), fmt.Sprintf("p50-ns/answer-of-%d", n))
	}
}

func opaPerField(b *testing.B, ctx context.Context) {
	b.ReportAllocs()
	var list []any
	for i, f := range fields {
		list = append(list, map[string]any{"path": f.name, "class": string(f.class)}, map[string]any{"path": fmt.Sprint("p", i), "class": "plain"})
	}
	module := perField + "\n"
	text, err := json.Marshal(list)
	if err != nil {
		b.Fatal(err)
	}
	module = strings.Replace(module, "data.fields", string(text), 1)
	query, err := rego.New(rego.Query("data.view.decision"), rego.Module("view.rego", module)).PrepareForEval(ctx)
	if err != nil {
		b.Fatal(err)
	}
	input, err := ast.InterfaceToValue(map[string]any{"role": "tier1", "verified": true})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rs, err := query.Eval(ctx, rego.EvalParsedInput(input))
		if err != nil || len(rs) != 1 {
			b.Fatal(err)
		}
	}
}

func cedarPerField(b *testing.B) {
	b.ReportAllocs()
	set, err := cedar.NewPolicySetFromBytes("view.cedar", []byte(`
permit (principal, action == Action::"mask", resource) when { context.role == "tier1" && ["pan", "ssn", "iban"].contains(context.class) };
permit (principal, action == Action::"show", resource) when { context.role == "tier1" && context.verified && ["email", "phone", "dob", "money"].contains(context.class) };
permit (principal, action == Action::"show", resource) when { ["plain", "person", "reference"].contains(context.class) };`))
	if err != nil {
		b.Fatal(err)
	}
	classes := make([]types.Record, 0, 40)
	for _, f := range fields {
		for _, c := range []string{string(f.class), "plain"} {
			classes = append(classes, types.NewRecord(types.RecordMap{"role": types.String("tier1"), "verified": types.True, "class": types.String(c)}))
		}
	}
	req := types.Request{Principal: types.NewEntityUID("Agent", "ada"), Resource: types.NewEntityUID("Field", "f")}
	allowed := 0
	for b.Loop() {
		for _, c := range classes {
			req.Context = c
			for _, action := range []types.String{"show", "mask"} {
				req.Action = types.NewEntityUID("Action", action)
				if d, _ := cedar.Authorize(set, types.EntityMap{}, req); d == types.Allow {
					allowed++
					break
				}
			}
		}
	}
	if allowed == 0 {
		b.Fatal("nothing is allowed")
	}
}

func denied(doc []byte, read func([]byte, any) error, write func(any) ([]byte, error)) ([]byte, error) {
	var v any
	if err := read(doc, &v); err != nil {
		return nil, err
	}
	var drop func(any)
	drop = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			delete(v, "pan")
			for _, c := range v {
				drop(c)
			}
		case []any:
			for _, c := range v {
				drop(c)
			}
		}
	}
	drop(v)
	return write(v)
}

// deniedTokens leaves members called pan out of a stream of tokens.
func deniedTokens(doc []byte) ([]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(doc))
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out)
	for {
		tok, err := dec.ReadToken()
		if err == io.EOF {
			return out.Bytes(), nil
		}
		if err != nil {
			return nil, err
		}
		if kind, n := dec.StackIndex(dec.StackDepth()); kind == '{' && n%2 == 1 && tok.Kind() == '"' && tok.String() == "pan" {
			if err := dec.SkipValue(); err != nil {
				return nil, err
			}
			continue
		}
		if err := enc.WriteToken(tok); err != nil {
			return nil, err
		}
	}
}
