package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/go-json-experiment/json/jsontext"
)

// samplePlan shows, masks and withholds at several depths, by facts.
func samplePlan(t testing.TB, reference bool) *Plan {
	t.Helper()
	ordinary := []Treatment{Withhold, Show}
	p, err := NewPlan(PlanConfig{
		Record: "accounts[]", Subject: "accounts[].subject", Reference: reference,
		Facts: []Fact{{Name: "ordinary", Path: "accounts[].vip", Value: "false", Literal: true}},
		Fields: []Field{
			{Path: "accounts[].subject", Class: Reference, Do: Show},
			{Path: "accounts[].vip", Class: Plain, Do: Show},
			{Path: "accounts[].name", Class: Person, Vary: ordinary},
			{Path: "accounts[].pan", Class: PAN, Do: Mask},
			{Path: "accounts[].cvv", Class: CVV, Do: Withhold},
			{Path: "accounts[].notes[].text", Class: FreeText, Do: Scrub},
			{Path: "accounts[].tags[]", Class: Plain, Do: Show},
			{Path: "accounts[].by{}", Class: Money, Do: Show},
			{Path: "total", Class: Plain, Do: Show},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func mustEngine(t testing.TB) *Engine {
	t.Helper()
	e, err := New(Config{})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func rewriteJSON(p *Plan, e *Engine, src io.Reader) (string, Tally, error) {
	var out bytes.Buffer
	tally, err := p.Rewrite(&out, src, "application/json", e)
	if err != nil {
		return "", tally, err
	}
	v := jsontext.Value(out.Bytes())
	if err := v.Compact(jsontext.PreserveRawStrings(true)); err != nil {
		return "", tally, fmt.Errorf("the output is not JSON: %w", err)
	}
	return v.String(), tally, nil
}

// same compares the scanner with jsontext on one document: acceptance, output
// and tally, from a whole body, from single bytes and from a small window.
func same(t testing.TB, fast, slow *Plan, e *Engine, doc []byte) {
	t.Helper()
	want, wantTally, wantErr := rewriteJSON(slow, e, bytes.NewReader(doc))
	fast.whole = wholeBody
	for _, src := range []io.Reader{bytes.NewReader(doc), bytes.NewReader(doc), iotest.OneByteReader(bytes.NewReader(doc))} {
		got, tally, err := rewriteJSON(fast, e, src)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q:\nscanner  %v\njsontext %v", doc, err, wantErr)
		}
		if err == nil && (got != want || !reflect.DeepEqual(tally, wantTally)) {
			t.Fatalf("%q:\nscanner  %s %+v\njsontext %s %+v", doc, got, tally, want, wantTally)
		}
		fast.whole = 0 // from now on: as if it did not fit
	}
	fast.whole = wholeBody
}

func TestScannerAgainstJSONText(t *testing.T) {
	e := mustEngine(t)
	fast, slow := samplePlan(t, false), samplePlan(t, true)
	for _, doc := range []string{
		`{"accounts":[{"subject":"c1","vip":false,"name":"Ana","pan":"4111111111111111","cvv":"1"}],"total":1}`,
		`{"accounts":[{"cvv":"1","pan":"4111111111111111","name":"Ana","vip":true},{"cvv":"1","name":"Ana","vip":false}]}`,
		`{"accounts":[{"cvv":"1","cvv":"2"}]}`, `{"accounts":[{"a":1,"\u0061":2}]}`, `{"x":{"a":1,"a":2}}`,
		`{"accounts":[{"name":"A"},{"name":"B","name":"C"}]}`, `{"accounts":[{"name":"A","pan":"1"},{"name":"B","pan":"1","name":"C"}]}`,
		`{"accounts":[{"pan":4111111111111111,"tags":["a",["b"],{"c":1},4111111111111111]}]}`,
		` { "accounts" : [ { "cvv" : 1 , "tags" : [ 1 , 2 ] , "by" : { "x" : 1 , "y" : null } } ] , "z" : 0 } `,
		`[]`, `{}`, `null`, `"x"`, ``, ` `, `{`, `{"accounts":[`, `{"accounts":[{}]`, `{"accounts":[{}]}x`, `{"accounts":[{},]}`, `{,}`,
		`{"accounts":[{"name":"A"},{,"name":"B"}]}`, `{"accounts":[{"name":"A","pan":"1"},{"name":"B""pan":"1"}]}`,
		`{"accounts":{"name":"A"}}`, `{"accounts":[[{"name":"A"}]],"total":[1]}`, `{"accounts":null,"total":null}`,
		"{\"accounts\":[{\"name\":\"\xff\"}]}", `{"accounts":[{"name":"\ud800"}]}`, `{"accounts":[{"name":"\ud83d\ude00\n"}]}`,
		`{"accounts":[{"tags":["4111 1111 1111 1111","x","411111\u0031111111111"]}]}`, `{"accounts":[{"name":01}]}`, `{"accounts":[{"by":{"a":-0.0e+1,"b":1.}}]}`,
		`{"accounts":[{"notes":[{"text":"card 4111 1111 1111 1111"},{"text":"<b>fine</b>"},{"x":1}]}]}`,
	} {
		same(t, fast, slow, e, []byte(doc))
		same(t, fast, slow, e, []byte(strings.ReplaceAll(doc, ":", " : ")))
	}
}

// JSONTestSuite (github.com/nst/JSONTestSuite, MIT): what must be refused is
// refused, what must be accepted is accepted but for two documents with
// duplicate names, which Privet refuses.
func TestJSONTestSuite(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(testData(t), "json/JSONTestSuite/test_parsing/*.json"))
	if err != nil || len(files) < 300 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	twice := map[string]bool{"y_object_duplicated_key.json": true, "y_object_duplicated_key_and_value.json": true}
	e := mustEngine(t)
	fast, slow := samplePlan(t, false), samplePlan(t, true)
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(file)
		_, _, err = rewriteJSON(fast, e, bytes.NewReader(doc))
		switch {
		case twice[name]:
			if err == nil {
				t.Errorf("%s: accepted", name)
			}
		case name[0] == 'y' && err != nil:
			t.Errorf("%s: %v", name, err)
		case name[0] == 'n' && err == nil:
			t.Errorf("%s: accepted", name)
		}
		same(t, fast, slow, e, doc)
	}
}

// testData finds the data that several projects share, or skips.
func testData(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("PRIVET_TESTDATA")
	for up := "../shared/testdata"; dir == "" && len(up) < 40; up = "../" + up {
		if _, err := os.Stat(up); err == nil {
			dir = up
		}
	}
	if dir == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal("no test data: set PRIVET_TESTDATA")
		}
		t.Skip("no test data: set PRIVET_TESTDATA")
	}
	return dir
}

// writer makes documents that are nearly of the plan's shape.
type writer2 struct {
	*rand.Rand
	strings.Builder
}

func (w *writer2) space() { w.WriteString([]string{"", "", "", "", " ", "\n", "\t "}[w.IntN(7)]) }

func (w *writer2) scalar() {
	w.WriteString([]string{`"Ana"`, `"4111111111111111"`, `4111111111111111`, `true`, `false`, `null`, `-1.5e3`, `""`, `"\u0041\n"`, `"né 日本"`,
		`"call 4111-1111-1111-1111 now"`, `"x&#52;111111111111111"`, `0`, `"\ud83d\ude00"`, `"c-7"`, `"2026-11-18T12:00:00.000Z"`,
		"\"\x01\"", `"\u00"`, `01`, `"\ud800"`, `tru`}[min(w.IntN(17)+w.IntN(2)*w.IntN(2)*w.IntN(5), 20)])
}

func (w *writer2) value(depth int) {
	w.space()
	switch k := w.IntN(10); {
	case depth > 6 || k < 5:
		w.scalar()
	case k < 8:
		w.WriteByte('{')
		keys := []string{"subject", "vip", "name", "pan", "cvv", "notes", "text", "tags", "by", "total", "accounts", "x", `p\u0061n`, "y"}
		if w.IntN(3) > 0 {
			w.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		}
		for i := range w.IntN(len(keys)) {
			if i > 0 {
				w.WriteByte(',')
			}
			w.space()
			fmt.Fprintf(w, `"%s"`, keys[i])
			w.space()
			w.WriteByte(':')
			w.value(depth + 1)
			w.space()
		}
		w.WriteByte('}')
	default:
		w.WriteByte('[')
		for i := range w.IntN(4) {
			if i > 0 {
				w.WriteByte(',')
			}
			w.value(depth + 1)
		}
		w.WriteByte(']')
	}
	w.space()
}

func (w *writer2) document() []byte {
	w.Reset()
	if w.IntN(4) == 0 {
		w.value(0)
		return []byte(w.String())
	}
	w.WriteString(`{"accounts":[`)
	for i := range w.IntN(5) {
		if i > 0 {
			w.WriteByte(',')
		}
		w.WriteString(`{"subject":"c`)
		w.WriteByte(byte('0' + w.IntN(10)))
		w.WriteString(`","vip":`)
		w.scalar()
		for _, key := range []string{"name", "pan", "cvv", "tags", "by", "notes"} {
			if w.IntN(5) > 0 {
				fmt.Fprintf(w, `,"%s":`, key)
				w.value(3)
			}
		}
		w.WriteByte('}')
	}
	w.WriteString(`],"total":`)
	w.scalar()
	w.WriteByte('}')
	doc := []byte(w.String())
	if w.IntN(6) == 0 { // and sometimes one byte is wrong
		doc[w.IntN(len(doc))] = `{}[]",:\0 x`[w.IntN(11)]
	}
	return doc
}

// TestDifferential runs the scanner beside jsontext on random documents. The
// same plans go through all of them, so that what was learnt of one document
// meets the next. PRIVET_LONG=1 runs five thousand times as many.
func TestDifferential(t *testing.T) {
	n := 600
	if os.Getenv("PRIVET_LONG") != "" {
		n *= 5000
	}
	e := mustEngine(t)
	fast, slow := samplePlan(t, false), samplePlan(t, true)
	w := &writer2{Rand: rand.New(rand.NewPCG(1, 2))}
	accepted := 0
	for range n {
		doc := w.document()
		same(t, fast, slow, e, doc)
		if jsontext.Value(doc).IsValid() {
			accepted++
		}
	}
	if accepted < n/4 || accepted == n {
		t.Fatalf("%d of %d documents are valid: the generator tests nothing", accepted, n)
	}
}

func FuzzScanner(f *testing.F) {
	w := &writer2{Rand: rand.New(rand.NewPCG(3, 4))}
	for range 50 {
		f.Add(w.document())
	}
	e := mustEngine(f)
	fast, slow := samplePlan(f, false), samplePlan(f, true)
	f.Fuzz(func(t *testing.T, doc []byte) { same(t, fast, slow, e, doc) })
}

func TestLargeBodyIsStreamed(t *testing.T) {
	e := mustEngine(t)
	fast, slow := samplePlan(t, false), samplePlan(t, true)
	doc := []byte(`{"accounts":[` + strings.Repeat(`{"subject":"c1","vip":false,"name":"Ana","cvv":"1","extra":[1,2,{"a":"b"}]},`, 5000) + `{}],"total":5000}`)
	same(t, fast, slow, e, doc)

	// what ends in the middle is an error, and what was written by then is no whole document
	var out bytes.Buffer
	if _, err := fast.Rewrite(&out, bytes.NewReader(doc[:len(doc)-30]), "application/json", e); !errors.Is(err, ErrDocument) {
		t.Errorf("cut off: %v", err)
	}
	if out.Len() == 0 || jsontext.Value(out.Bytes()).IsValid() {
		t.Errorf("cut off: %d bytes, valid", out.Len())
	}
	// a short one leaves nothing behind
	out.Reset()
	if _, err := fast.Rewrite(&out, strings.NewReader(`{"accounts":[{"subject":"c1"},`), "application/json", e); err == nil || out.Len() > 0 {
		t.Errorf("short and cut off: %v, %q", err, out.String())
	}
}

func TestMemoryIsBoundedByOneRecord(t *testing.T) {
	p, err := NewPlan(PlanConfig{Record: "[]", MaxRecord: 100 << 10, Fields: []Field{{Path: "[].a", Class: Plain, Do: Show}}})
	if err != nil {
		t.Fatal(err)
	}
	big := io.MultiReader(strings.NewReader(`[{"a":"`), endless('x'))
	if _, err := p.Rewrite(io.Discard, big, "application/json", nil); !errors.Is(err, ErrTooLarge) {
		t.Errorf("got %v", err)
	}
	s, _ := p.scratch.Get().(*scanner)
	if s != nil && len(s.full) > 1<<20 {
		t.Errorf("the window has grown to %d bytes", len(s.full))
	}
}

type endless byte

func (b endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(b)
	}
	return len(p), nil
}
