package redact

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func pagePlan(t testing.TB, fields ...Field) *Plan {
	t.Helper()
	p, err := NewPlan(PlanConfig{HTML: true, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The inputs of html5lib's tokenizer tests (MIT): where nothing is to be
// hidden, every byte stays.
func TestPageIsCopiedRaw(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testData(t), "html/html5lib-tests/tokenizer/*.test"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	all := pagePlan(t, Field{Path: "*", Class: Plain, Do: Show})
	inputs := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var set struct {
			Tests []struct {
				Input         string
				DoubleEscaped bool
			}
		}
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, tc := range set.Tests {
			inputs++
			doc := "<p>" + tc.Input // a text needs an element around it to be classified
			var out bytes.Buffer
			if _, err := all.Rewrite(&out, strings.NewReader(doc), "text/html", nil); err != nil {
				t.Errorf("%q: %v", doc, err)
			} else if out.String() != doc {
				t.Errorf("%q\nbecame %q", doc, out.String())
			}
		}
	}
	if inputs < 5000 {
		t.Errorf("%d inputs", inputs)
	}
}

func TestPages(t *testing.T) {
	e := mustEngine(t)
	plan := pagePlan(t, Field{Path: "h1", Class: Plain, Do: Show}, Field{Path: ".label", Class: Plain, Do: Show}, Field{Path: "b.pan", Class: PAN, Do: Mask},
		Field{Path: ".cvv", Class: CVV}, Field{Path: ".notes", Class: FreeText, Do: Scrub}, Field{Path: "input[name=mail]@value", Class: Email, Do: Mask})
	for _, c := range []struct{ name, in, want string }{
		{"shown", `<h1>Account &amp; card</h1>`, `<h1>Account &amp; card</h1>`},
		{"masked", `<b class="pan">4111 1111 1111 1111</b>`, `<b class="pan">•••• 1111</b>`},
		{"withheld", `<p class=cvv>123</p><p>x</p>`, `<p class=cvv></p><p></p>`},
		{"scrubbed", `<p class=notes>card 4111111111111111 &lt;b&gt;</p>`, `<p class=notes>card [pan] &lt;b&gt;</p>`},
		{"strictest holds", `<div class=cvv><h1>4</h1></div>`, `<div class=cvv><h1></h1></div>`},
		{"mis-nested", `<i><b class="pan"></i>4111111111111111</b>`, `<i><b class="pan"></i>•••• 1111</b>`},
		{"attributes", `<h1 title="4111111111111111" onclick="x()" data-x="y">A</h1>`, `<h1 title="[pan]" data-x="y">A</h1>`},
		{"attribute by name", `<input name=mail value="ana@example.com">`, `<input name="mail" value="a•••@•••.com">`},
		{"a link", `<a href="/x?pan=4111111111111111">1</a>`, `<a></a>`},
		{"comments", `<h1>A<!-- 4111 --></h1><![CDATA[x]]>`, `<h1>A</h1>`},
		{"scripts", `<script>var pan="4111111111111111"</script><style>p{}</style>`, `<script></script><style></style>`},
		{"end tag with more", `<h1>A</h1 4111111111111111>`, `<h1>A</h1>`},
		{"cut off", `<h1>A</h1><p title="4111`, `<h1>A</h1>`},
		{"upper case", `<H1>A</H1><B CLASS=PAN>4</B>`, `<H1>A</H1><B CLASS=PAN></B>`},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out bytes.Buffer
			if _, err := plan.Rewrite(&out, strings.NewReader(c.in), "text/html", e); err != nil {
				t.Fatal(err)
			}
			if out.String() != c.want {
				t.Errorf("got  %s\nwant %s", out.String(), c.want)
			}
		})
	}
	spread := `<h1>4111<i>1111</i>1111<i>1111</i></h1>`
	if _, err := plan.Rewrite(&bytes.Buffer{}, strings.NewReader(spread), "text/html", e); !errors.Is(err, ErrDocument) {
		t.Errorf("spread over elements: %v", err)
	}
}

func TestTables(t *testing.T) {
	e := mustEngine(t)
	plan, err := NewPlan(PlanConfig{Subject: "id", Facts: []Fact{{Name: "ordinary", Path: "vip", Value: "no"}}, Fields: []Field{
		{Path: "id", Class: Reference, Do: Show}, {Path: "email", Class: Email, Vary: []Treatment{Withhold, Show}}, {Path: "cvv", Class: CVV}, {Path: "pan", Class: PAN, Do: Mask}}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := "id,vip,email,pan,cvv,other\nc1,no,a@x.org,4111111111111111,1,z\nc2,yes,b@x.org,4111111111111111,1,z\n"
	tally, err := plan.Rewrite(&out, strings.NewReader(in), "text/csv", e)
	if err != nil || out.String() != "id,email,pan\nc1,a@x.org,•••• 1111\nc2,,•••• 1111\n" || tally.Records != 2 || len(tally.Subjects) != 2 {
		t.Errorf("%q %+v %v", out.String(), tally, err)
	}
	for _, bad := range []string{"a,a\n1,2\n", "id,email\n1\n", "id\n\"x"} {
		if _, err := plan.Rewrite(&out, strings.NewReader(bad), "text/csv", e); !errors.Is(err, ErrDocument) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestEventsAndLines(t *testing.T) {
	e := mustEngine(t)
	plan := crookedPlan(t, false)
	var out bytes.Buffer
	in := ": hello 4111111111111111\nevent: news\nid: 4111111111111111\nretry: 10\ndata: {\"accounts\":[{\"pan\":\ndata: \"4111111111111111\"}]}\nsecret: x\n\ndata: {\"total\":1}\n\ndata: {\"cut\":"
	if _, err := plan.Rewrite(&out, strings.NewReader(in), "text/event-stream; charset=utf-8", e); err != nil {
		t.Fatal(err)
	}
	if got := strings.ReplaceAll(out.String(), "data: \"", "\""); !strings.Contains(out.String(), "event: news\nretry: 10\ndata: {\"accounts\":[{\"pan\":") || strings.Contains(got, "4111") || !strings.HasSuffix(got, "data: {\"total\":1}\n\n") {
		t.Errorf("%q", out.String())
	}
	out.Reset()
	if _, err := plan.Rewrite(&out, strings.NewReader("{\"total\":1}\r\n\n{\"total\":2,\"x\":1}"), "application/x-ndjson", e); err != nil || out.String() != "{\"total\":1}\r\n\n{\"total\":2}" {
		t.Errorf("%q %v", out.String(), err)
	}
	for _, kind := range []string{"application/pdf", "", "multipart/mixed", "text/xml"} {
		if _, err := plan.Rewrite(&out, strings.NewReader("x"), kind, e); !errors.Is(err, ErrMedia) {
			t.Errorf("%q: %v", kind, err)
		}
	}
}

// A change of the plan takes effect at the next record of a stream.
func TestPlanChangesInsideAStream(t *testing.T) {
	shows, err := NewPlan(PlanConfig{Record: "[]", Fields: []Field{{Path: "[].email", Class: Email, Do: Show}}})
	if err != nil {
		t.Fatal(err)
	}
	hides, err := NewPlan(PlanConfig{Record: "[]", Fields: []Field{{Path: "[].email", Class: Email}}})
	if err != nil {
		t.Fatal(err)
	}
	doc := "[" + strings.Repeat(`{"email":"a@example.com"},`, 5000) + `{}]`
	for name, from := range map[string]*Plan{"scanner": shows, "jsontext": withReference(t, shows)} {
		asked := 0
		live := func(*Tally) (*Plan, error) {
			if asked++; asked > 3000 {
				return hides, nil
			}
			return from, nil
		}
		var out bytes.Buffer
		if _, err := from.RewriteLive(&out, strings.NewReader(doc), "application/json", nil, live); err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(out.String(), "example"); n != 3000 {
			t.Errorf("%s: %d of 3000 records show their address", name, n)
		}
		revoked := errors.New("signed out")
		_, err = from.RewriteLive(&out, strings.NewReader(doc), "application/json", nil, func(*Tally) (*Plan, error) { return nil, revoked })
		if !errors.Is(err, ErrRevoked) || !errors.Is(err, revoked) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func withReference(t *testing.T, p *Plan) *Plan {
	t.Helper()
	cfg := p.cfg
	cfg.Reference = true
	slow, err := NewPlan(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return slow
}

// What a row of a page proves about itself decides about that row, wherever it stands in it.
func TestPageFacts(t *testing.T) {
	e := mustEngine(t)
	facts := []Fact{{Name: "ordinary", Path: "tr@data-vip", Value: "false"}, {Name: "unrelated", Path: ".kin", Value: "ada", Lacks: true}}
	shown := []Treatment{Withhold, Withhold, Withhold, Show} // both facts proven
	fields := []Field{{Path: "td", Class: Plain, Do: Show}, {Path: ".mail", Class: Email, Vary: shown}}
	rows, err := NewPlan(PlanConfig{HTML: true, Record: "tbody tr", Facts: facts, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	facts[0].Path = "div@data-vip"
	whole, err := NewPlan(PlanConfig{HTML: true, Facts: facts, Fields: fields})
	if err != nil {
		t.Fatal(err)
	}
	row := func(vip, kin string) string {
		return `<tr data-vip="` + vip + `"><td class="mail">a@x.org</td><td class="kin">` + kin + `</td></tr>`
	}
	for _, c := range []struct {
		name string
		plan *Plan
		in   string
		want string // of each address: 1 shown, 0 not
	}{
		{"rows", rows, `<table><tbody>` + row("false", "bob") + row("true", "bob") + row("false", "ada") + row("", "") + row("false", "bob") + `</tbody></table>`, "10001"},
		{"nothing said", rows, `<table><tbody><tr><td class="mail">a@x.org</td></tr></tbody></table>`, "0"},
		{"two say it", rows, `<table><tbody><tr data-vip="false"><td class="kin">bob</td><td class="kin">ada</td><td class="mail">a@x.org</td></tr></tbody></table>`, "0"},
		{"not in a row", rows, `<table><tbody>` + row("false", "bob") + `</tbody></table><div class="mail">a@x.org</div>`, "10"},
		{"whole page", whole, `<b class="mail">a@x.org</b><div data-vip="false"><i class="kin">bob</i></div>`, "1"},
		{"whole page, VIP", whole, `<b class="mail">a@x.org</b><div data-vip="true"><i class="kin">bob</i></div>`, "0"},
		{"cut off", whole, `<b class="mail">a@x.org</b><i class="kin">bob</i><div data-vip="fal`, "0"},
	} {
		var out bytes.Buffer
		if _, err := c.plan.Rewrite(&out, strings.NewReader(c.in), "text/html", e); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, part := range strings.Split(out.String(), `class="mail">`)[1:] {
			if strings.HasPrefix(part, "a@x.org") {
				got += "1"
			} else {
				got += "0"
			}
		}
		if got != c.want {
			t.Errorf("%s: got %s, want %s: %s", c.name, got, c.want, out.String())
		}
	}
}
