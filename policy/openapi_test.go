package policy

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
)

func long() bool { return os.Getenv("PRIVET_LONG") != "" }

const description = `openapi: 3.0.3
info: {title: cases, version: "1"}
paths:
  /accounts/{id}:
    get:
      operationId: account.view
      x-privet-subject: id
      parameters: [{in: query, name: expand, x-privet-class: plain, schema: {type: string}}]
      responses:
        "200": {content: {application/json: {schema: {$ref: "#/components/schemas/Account"}}}}
        "404": {description: none}
    patch:
      requestBody: {content: {application/json: {schema: {$ref: "#/components/schemas/Account"}}}}
      responses: {"200": {content: {application/json: {schema: {$ref: "#/components/schemas/Account"}}}}}
components:
  schemas:
    Account:
      type: object
      properties:
        email: {type: string, x-privet-class: email}
        shoe.size: {type: integer}
        parent: {$ref: "#/components/schemas/Account"}
        cards: {type: array, items: {allOf: [{$ref: "#/components/schemas/Card"}]}}
        extra: {type: object, additionalProperties: {type: string, x-privet-class: text}}
    Card: {type: object, properties: {pan: {type: string, x-privet-class: pan}}}
`

func TestImportOpenAPI(t *testing.T) {
	out, err := ImportOpenAPI("cases", Document{"api.yaml", []byte(description)})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"cards[].pan": pan`, `"email": email`, `"extra{}": text`, `"parent.email": email`, `# "shoe\\.size": has no x-privet-class`} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	e, err := Open(context.Background(), Config{Catalogue: []Document{{"draft.yaml", out}}})
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	s, params, err := e.Match("cases", "PATCH", "/accounts/7")
	if err != nil || params["id"] != "7" || !s.Write || !s.Body {
		t.Errorf("%+v %v %v", s, params, err)
	}
	for name, text := range map[string]string{
		"not YAML":        "{",
		"nothing in it":   "openapi: 3.0.3\n",
		"unknown class":   strings.Replace(description, "x-privet-class: pan", "x-privet-class: pam", 1),
		"two minds":       strings.Replace(description, "allOf: [", `allOf: [{properties: {pan: {x-privet-class: iban}}}, `, 1),
		"no such class 2": strings.Replace(description, "x-privet-class: plain", "x-privet-class: [1]", 1) + "\n  bad: [",
	} {
		if _, err := ImportOpenAPI("cases", Document{"api.yaml", []byte(text)}); !errors.Is(err, ErrOpenAPI) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBadCatalogues(t *testing.T) {
	for name, c := range map[string]struct{ text, says string }{
		"empty":             {"", "empty"},
		"unknown key":       {"tool: x\nscreens: []\ncolour: red\n", "colour"},
		"duplicate key":     {"tool: x\ntool: y\n", "2:"},
		"unknown class":     {"tool: x\nscreens: []\nshapes:\n  a:\n    fields:\n      pan: pam\n", "line 6"},
		"no shape":          {"tool: x\nscreens: [{id: a, path: /a, media: application/json, shape: b}]\n", `"b"`},
		"shapes in a ring":  {"tool: x\nscreens: []\nshapes: {a: {fields: {x: \"@b\"}}, b: {fields: {y: \"@a\"}}}\n", "each other"},
		"subject":           {"tool: x\nscreens: [{id: a, path: /a, subject: id}]\n", "{id}"},
		"same path":         {"tool: x\nscreens: [{id: a, path: /a}, {id: b, path: /a}]\n", "/a"},
		"fact of nothing":   {"tool: x\nscreens: [{id: a, path: /a, media: application/json, shape: s}]\nshapes: {s: {facts: {rich: {path: x, equals: true}}, fields: {x: plain}}}\n", "rich"},
		"leaf and inner":    {"tool: x\nscreens: [{id: a, path: /a, media: application/json, shape: s}]\nshapes: {s: {fields: {x: plain, x.y: plain}}}\n", "x"},
		"an anchor":         {"tool: x\nscreens: []\nshapes: {s: {fields: {x: !t plain}}}\n", "line 3"},
		"list in its place": {"tool: x\nscreens: []\nshapes: {s: {fields: {x: [plain]}}}\n", "line 3"},
	} {
		_, err := Open(context.Background(), Config{Catalogue: []Document{{"cat.yaml", []byte(c.text)}}})
		if !errors.Is(err, ErrCatalogue) || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), "cat.yaml") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzCatalogue(f *testing.F) {
	text, err := os.ReadFile("testdata/catalogue.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte("screens: !0 000")) // on which the library panics
	f.Add([]byte("tool: x\nscreens: [{id: a, path: \"/{x...}\"}]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		all, err := parseCatalogues(Document{"cat.yaml", text})
		if err == nil && len(all) == 0 {
			t.Error("neither a catalogue nor an error")
		}
	})
}
