package policybench

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/bytedance/sonic"

	"github.com/privet-gateway/privet/redact"
)

// planted is the number that crooked documents try to carry past a rewriter.
const planted = "4111111111111111"

// crooked are the shared documents, and names × values × places of our own.
func crooked(t *testing.T) (docs [][]byte, shared int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(os.Getenv("PRIVET_TESTDATA"), "json/bypass/*.json"))
	if err != nil || len(files) == 0 {
		if os.Getenv("CI") == "true" {
			t.Fatal("no crooked documents: set PRIVET_TESTDATA")
		}
		t.Skip("no crooked documents: set PRIVET_TESTDATA")
	}
	for _, file := range files {
		doc, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		docs = append(docs, doc)
	}
	shared = len(docs)
	names := []string{"pan", "PAN", `\u0070an`, "p\u200ban", "pаn" /* Cyrillic */, "pan ", "ｐａｎ", "card_number", "name", "agent_notes", "tags", "by", "", planted}
	values := []string{`"` + planted + `"`, `"4111 1111 1111 1111"`, `"4111-1111-1111-1111"`, "\"4111\u200b1111\u200b1111\u200b1111\"", `"４１１１１１１１１１１１１１１１"`,
		`"٤١١١١١١١١١١١١١١١"`, `"\u0034\u0031\u0031\u0031111111111111"`, planted, "4.111111111111111e15", planted + ".0",
		`"%34%31%31%31%31%31%31%31%31%31%31%31%31%31%31%31"`, `"&#52;&#49;&#49;&#49;1111111&#x31;11111"`,
		`"` + base64.StdEncoding.EncodeToString([]byte(planted)) + `"`, `"` + hex.EncodeToString([]byte(planted)) + `"`, `"please charge 4111 1111 1111 1111 today"`,
		`"{\"pan\":\"` + planted + `\"}"`, "[4111,1111,1111,1111]", `["4111", "1111", "1111", "1111"]`, `{"v":"` + planted + `"}`, `[[{"v":["` + planted + `"]}]]`, `{"` + planted + `":1}`}
	places := []string{`{"accounts":[{%s}]}`, `{"accounts":[{"name":"Ana"},{"pan":"x"},{%s}],"total":1}`, `{%s}`, `{"accounts":[{"pan":"x",%s}]}`}
	for _, name := range names {
		for _, value := range values {
			for _, place := range places {
				docs = append(docs, fmt.Appendf(nil, place, `"`+name+`":`+value))
			}
		}
	}
	return docs, shared
}

// carriers put a document into a body of a media type; a peer that reads JSON
// alone rewrites it where it stands as JSON.
var carriers = []struct {
	media string
	wrap  func(doc []byte) []byte
	peer  func(doc []byte, rewrite rewriter) ([]byte, error)
}{
	{"application/json", func(doc []byte) []byte { return doc }, func(doc []byte, rewrite rewriter) ([]byte, error) { return rewrite(doc) }},
	{"application/x-ndjson", func(doc []byte) []byte { return append(oneLine(doc), '\n') }, func(doc []byte, rewrite rewriter) ([]byte, error) { return rewrite(oneLine(doc)) }},
	{"text/event-stream", func(doc []byte) []byte { return []byte("event: case\ndata: " + string(oneLine(doc)) + "\n\n") },
		func(doc []byte, rewrite rewriter) ([]byte, error) { return rewrite(oneLine(doc)) }},
	{"text/html", page, func(doc []byte, rewrite rewriter) ([]byte, error) {
		island, err := rewrite(doc)
		return bytes.Replace(page(doc), islandOf(doc), islandOf(island), 1), err
	}},
}

func oneLine(doc []byte) []byte {
	return bytes.Map(func(r rune) rune {
		if r == '\n' || r == '\r' {
			return ' '
		}
		return r
	}, doc)
}

func islandOf(doc []byte) []byte { return bytes.ReplaceAll(doc, []byte("<"), []byte(`\u003c`)) }

func page(doc []byte) []byte {
	text := html.EscapeString(string(doc))
	return []byte(`<!doctype html><script id="state" type="application/json">` + string(islandOf(doc)) + `</script><p class="shown">` + text +
		`</p><p class="shown" title="` + text + `">x</p><!-- ` + string(doc) + ` --><div data-x='` + text + `'>` + text + `</div>`)
}

type rewriter func(doc []byte) ([]byte, error)

// TestLeaks counts how many crooked bodies carry their card number past a
// rewriter, in every coding and carrier: Privet by its allow-list, and peers by
// the usual deny-list of names. A refusal is no leak. What peers leak of HTML,
// they leak because they know JSON alone.
func TestLeaks(t *testing.T) {
	docs, shared := crooked(t)
	scan := engine(t)
	inner, err := redact.NewPlan(redact.PlanConfig{Record: "accounts[]", Fields: []redact.Field{{Path: "accounts[].pan", Class: redact.PAN, Do: redact.Mask},
		{Path: "accounts[].name", Class: redact.Person, Do: redact.Show}, {Path: "accounts[].agent_notes", Class: redact.FreeText, Do: redact.Scrub},
		{Path: "accounts[].tags[]", Class: redact.Plain, Do: redact.Show}, {Path: "accounts[].by{}", Class: redact.Plain, Do: redact.Show}}})
	if err != nil {
		t.Fatal(err)
	}
	outer, err := redact.NewPlan(redact.PlanConfig{HTML: true, Fields: []redact.Field{{Path: "p.shown", Class: redact.FreeText, Do: redact.Scrub},
		{Path: "script#state", Class: redact.Plain, Do: redact.Show, Inner: inner}}})
	if err != nil {
		t.Fatal(err)
	}
	peers := []struct {
		name    string
		rewrite rewriter
	}{
		{"encoding/json map", func(doc []byte) ([]byte, error) { return denied(doc, json.Unmarshal, json.Marshal) }},
		{"sonic map", func(doc []byte) ([]byte, error) { return denied(doc, sonic.Unmarshal, sonic.Marshal) }},
		{"jsontext tokens", deniedTokens},
		{"jq", func(doc []byte) ([]byte, error) {
			cmd := exec.Command("jq", "-c", `walk(if type == "object" then del(.pan) else . end)`)
			cmd.Stdin = bytes.NewReader(doc)
			return cmd.Output()
		}},
	}
	t.Logf("%d documents, %d of them shared; leaks / refused", len(docs), shared)
	for _, coding := range []string{"identity", "gzip", "br", "zstd"} {
		for _, c := range carriers {
			plan, leaks, refused := inner, 0, 0
			if c.media == "text/html" {
				plan = outer
			}
			for _, doc := range docs {
				out, err := coded(coding, c.wrap(doc), func(dst io.Writer, src io.Reader) error {
					_, err := plan.Rewrite(dst, src, c.media, scan)
					return err
				})
				if err != nil {
					refused++
				} else if leaksNumber(out) {
					leaks++
					t.Errorf("%s %s leaks: %s", coding, c.media, doc)
				}
			}
			line := fmt.Sprintf("%-8s %-20s privet %d/%d", coding, c.media, leaks, refused)
			for _, p := range peers {
				if p.name == "jq" && (coding != "identity" || c.media != "application/json") {
					continue // a process for every document
				}
				leaks, refused := 0, 0
				for _, doc := range docs {
					out, err := c.peer(doc, p.rewrite)
					if err == nil {
						out, err = coded(coding, out, func(dst io.Writer, src io.Reader) error { _, err := io.Copy(dst, src); return err })
					}
					if err != nil {
						refused++
					} else if leaksNumber(out) {
						leaks++
					}
				}
				line += fmt.Sprintf(" · %s %d/%d", p.name, leaks, refused)
			}
			t.Log(line)
		}
	}
}

// coded takes a body through a rewriter as a gateway does: unpacked, rewritten, packed, and unpacked by the reader.
func coded(coding string, body []byte, rewrite func(io.Writer, io.Reader) error) ([]byte, error) {
	var packed, out bytes.Buffer
	w, err := redact.Encode(coding, &packed)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(body); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	src, err := redact.Decode(coding, &packed)
	if err != nil {
		return nil, err
	}
	dst, err := redact.Encode(coding, &out)
	if err != nil {
		return nil, err
	}
	if err := rewrite(dst, src); err != nil {
		return nil, err
	}
	if err := dst.Close(); err != nil {
		return nil, err
	}
	seen, err := redact.Decode(coding, &out)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(seen)
}

var (
	gaps     = regexp.MustCompile(`[^0-9A-Za-z]+`)
	escapes  = regexp.MustCompile(`\\u00(3[0-9])`)
	percents = regexp.MustCompile(`%(3[0-9])`)
	words    = regexp.MustCompile(`[A-Za-z0-9+/_=-]{16,}`)
)

// leaksNumber says whether the number can be read out of an output, as it
// stands or through any of the usual encodings.
func leaksNumber(out []byte) bool {
	text := html.UnescapeString(html.UnescapeString(string(out)))
	digit := func(e string) string {
		b, err := hex.DecodeString(e[len(e)-2:])
		if err != nil {
			return e
		}
		return string(b)
	}
	text = percents.ReplaceAllStringFunc(escapes.ReplaceAllStringFunc(text, digit), digit)
	text = strings.Map(func(r rune) rune {
		switch {
		case r >= '０' && r <= '９':
			return r - '０' + '0'
		case r >= '٠' && r <= '٩':
			return r - '٠' + '0'
		}
		return r
	}, text)
	if strings.Contains(gaps.ReplaceAllString(text, ""), planted) || strings.Contains(text, "4.111111111111111e15") {
		return true
	}
	for _, word := range words.FindAllString(text, -1) {
		if b, err := base64.StdEncoding.DecodeString(word); err == nil && strings.Contains(string(b), planted) {
			return true
		}
		if b, err := hex.DecodeString(word); err == nil && strings.Contains(string(b), planted) {
			return true
		}
	}
	return false
}
