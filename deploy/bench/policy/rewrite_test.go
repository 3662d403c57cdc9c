// Package policybench measures Privet's decisions and rewriting beside what others use.
//
//	go test -bench . -benchtime 1s            # everything, in one run
//	go test -run Leaks -v                     # who leaks what
package policybench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bytedance/sonic"

	"github.com/privet-gateway/privet/redact"
)

// fields of one record: name, class, example. Two are dropped, three masked, one is free text.
var fields = []struct {
	name  string
	class redact.Class
	do    redact.Treatment
	value func(r *rand.Rand) any
}{
	{"subject", redact.Reference, redact.Show, func(r *rand.Rand) any { return fmt.Sprintf("c-%07d", r.IntN(1e7)) }},
	{"given_name", redact.Person, redact.Show, word("Ana", "Bea", "Carla", "Dmitri", "Ewa")},
	{"family_name", redact.Person, redact.Show, word("Lopez", "Meyer", "Nowak", "Okafor", "Petit")},
	{"email", redact.Email, redact.Mask, func(r *rand.Rand) any { return fmt.Sprintf("ana.lopez%d@example.com", r.IntN(1e5)) }},
	{"phone", redact.Phone, redact.Mask, func(r *rand.Rand) any { return fmt.Sprintf("+1202555%04d", r.IntN(1e4)) }},
	{"pan", redact.PAN, redact.Mask, word("4111111111111111", "5555555555554444", "378282246310005")},
	{"cvv", redact.CVV, redact.Withhold, func(r *rand.Rand) any { return fmt.Sprintf("%03d", r.IntN(1000)) }},
	{"ssn", redact.SSN, redact.Withhold, func(r *rand.Rand) any { return fmt.Sprintf("219-09-%04d", r.IntN(1e4)) }},
	{"notes", redact.FreeText, redact.Scrub, word("Caller asked about a declined payment at the pharmacy; the daily limit was explained and raised until Friday.",
		"Travels to Lisbon next week, wants alerts by message and not by letter; asked twice whether the fee is charged in winter.")},
	{"opened", redact.Plain, redact.Show, word("2019-03-04", "2021-11-30")},
	{"updated", redact.Plain, redact.Show, word("2026-11-18T12:00:00Z", "2026-10-02T08:30:00Z")},
	{"status", redact.Plain, redact.Show, word("active", "blocked", "closed")},
	{"currency", redact.Plain, redact.Show, word("EUR", "USD", "CNY")},
	{"balance", redact.Money, redact.Show, func(r *rand.Rand) any { return float64(r.IntN(1e7)) / 100 }},
	{"limit", redact.Money, redact.Show, func(r *rand.Rand) any { return r.IntN(20) * 500 }},
	{"vip", redact.Plain, redact.Show, func(r *rand.Rand) any { return r.IntN(50) == 0 }},
	{"street", redact.Address, redact.Show, word("12 Elm Street", "Calle Mayor 4", "Rue de la Paix 9")},
	{"city", redact.Location, redact.Show, word("Lisbon", "Berlin", "São Paulo", "上海")},
	{"postcode", redact.Postcode, redact.Show, word("10115", "28013", "75002")},
	{"country", redact.Plain, redact.Show, word("DE", "ES", "FR")},
}

func word(list ...string) func(*rand.Rand) any {
	return func(r *rand.Rand) any { return list[r.IntN(len(list))] }
}

const spare = 20 // further plain fields, to make forty

func record(r *rand.Rand, b *bytes.Buffer) {
	b.WriteByte('{')
	for i, f := range fields {
		if i > 0 {
			b.WriteByte(',')
		}
		v, err := json.Marshal(f.value(r))
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(b, "%q:%s", f.name, v)
	}
	for i := range spare {
		fmt.Fprintf(b, `,"setting_%02d":"%x"`, i, r.IntN(1<<20))
	}
	b.WriteByte('}')
}

// list makes a document of at least size bytes.
func list(size int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	var b bytes.Buffer
	b.WriteString(`{"accounts":[`)
	for n := 0; b.Len() < size; n++ {
		if n > 0 {
			b.WriteByte(',')
		}
		record(r, &b)
	}
	b.WriteString(`]}`)
	return b.Bytes()
}

func plan(t testing.TB, reference bool) *redact.Plan {
	cfg := redact.PlanConfig{Record: "accounts[]", Subject: "accounts[].subject", Reference: reference}
	for _, f := range fields {
		cfg.Fields = append(cfg.Fields, redact.Field{Path: "accounts[]." + f.name, Class: f.class, Do: f.do})
	}
	for i := range spare {
		cfg.Fields = append(cfg.Fields, redact.Field{Path: fmt.Sprintf("accounts[].setting_%02d", i), Class: redact.Plain, Do: redact.Show})
	}
	p, err := redact.NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func engine(t testing.TB) *redact.Engine {
	e, err := redact.New(redact.Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// mapped is what a rewriter through maps does with a decoded document.
func mapped(doc map[string]any, e *redact.Engine) {
	records, _ := doc["accounts"].([]any)
	for _, r := range records {
		m, _ := r.(map[string]any)
		for _, f := range fields {
			text, _ := m[f.name].(string)
			switch f.do {
			case redact.Withhold:
				delete(m, f.name)
			case redact.Mask:
				if len(text) > 4 {
					m[f.name] = "•••• " + text[len(text)-4:]
				}
			case redact.Scrub:
				m[f.name] = string(e.Append(nil, []byte(text)))
			}
		}
	}
}

// cpuSeconds is the processor time of this process and of the children it has waited for.
func cpuSeconds(b *testing.B) float64 {
	var sum float64
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
	}
	return sum
}

const jqProgram = `.accounts[] |= (del(.cvv, .ssn) | .pan |= "•••• " + .[-4:] | .email |= "•••• " + .[-4:] | .phone |= "•••• " + .[-4:])`

func BenchmarkRewrite(b *testing.B) {
	e := engine(b)
	scanner, reference := plan(b, false), plan(b, true)
	for _, size := range []int{2 << 10, 1 << 20} {
		doc := list(size)
		if size < 1<<16 {
			doc = list(1100)
		}
		run := func(name string, f func() error) {
			b.Run(fmt.Sprintf("%s/%dKB", name, len(doc)>>10), func(b *testing.B) {
				b.SetBytes(int64(len(doc)))
				b.ReportAllocs()
				before := cpuSeconds(b)
				for b.Loop() {
					if err := f(); err != nil {
						b.Fatal(err)
					}
				}
				// on a shared machine, the processor's time says more than the clock's
				if used := cpuSeconds(b) - before; used > 0 {
					b.ReportMetric(float64(len(doc))*float64(b.N)/1e6/used, "MB/cpu-s")
				}
			})
		}
		run("privet", func() error {
			_, err := scanner.Rewrite(io.Discard, bytes.NewReader(doc), "application/json", e)
			return err
		})
		run("jsontext", func() error {
			_, err := reference.Rewrite(io.Discard, bytes.NewReader(doc), "application/json", e)
			return err
		})
		run("encoding-json-map", func() error {
			var m map[string]any
			if err := json.Unmarshal(doc, &m); err != nil {
				return err
			}
			mapped(m, e)
			_, err := json.Marshal(m)
			return err
		})
		run("sonic-map", func() error {
			var m map[string]any
			if err := sonic.Unmarshal(doc, &m); err != nil {
				return err
			}
			mapped(m, e)
			_, err := sonic.Marshal(m)
			return err
		})
		if _, err := exec.LookPath("jq"); err == nil && size > 1<<16 {
			run("jq-process", func() error {
				cmd := exec.Command("jq", "-c", jqProgram)
				cmd.Stdin = bytes.NewReader(doc)
				return cmd.Run()
			})
		}
	}
}

// The peers' output is what they say it is: nothing is measured that does nothing.
func TestPeersDoTheSameWork(t *testing.T) {
	e := engine(t)
	doc := list(4000)
	var out bytes.Buffer
	tally, err := plan(t, false).Rewrite(&out, bytes.NewReader(doc), "application/json", e)
	if err != nil {
		t.Fatal(err)
	}
	var m map[string]any
	if err := json.Unmarshal(doc, &m); err != nil {
		t.Fatal(err)
	}
	mapped(m, e)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{"privet": out.String(), "map": string(text)} {
		if strings.Contains(got, "4111111111111111") || strings.Contains(got, `"cvv"`) || !strings.Contains(got, "•••• 1111") {
			t.Errorf("%s: %s", name, got)
		}
	}
	if tally.Records < 3 || tally.Withheld[redact.CVV] != tally.Records || tally.Masked[redact.PAN] != tally.Records {
		t.Errorf("tally %+v", tally)
	}
}
