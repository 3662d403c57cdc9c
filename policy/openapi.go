package policy

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"github.com/privet-gateway/privet/redact"
)

// ErrOpenAPI: a description cannot be imported.
var ErrOpenAPI = errors.New("OpenAPI description")

// openAPI is a description being read: JSON Schema with its references.
type openAPI struct {
	doc map[string]any
	out map[string]redact.Class // path → class of the schema at hand
}

// methods of a path item that become screens.
var methods = []string{"get", "post", "put", "patch", "delete"}

// ImportOpenAPI drafts a catalogue from an OpenAPI 3 description (JSON or
// YAML), or from a JSON Schema, whose properties carry x-privet-class. A
// property without one is left out, and so withheld, and stands in a comment.
func ImportOpenAPI(tool string, doc Document) ([]byte, error) {
	var root map[string]any
	if err := reading(func() error { return yaml.Unmarshal(doc.Text, &root) }); err != nil {
		return nil, fmt.Errorf("%w %s: %s", ErrOpenAPI, doc.Name, yaml.FormatError(err, false, true))
	}
	var out bytes.Buffer
	fmt.Fprintf(&out, "# Drafted from %s. Read every line before it is used.\ntool: %s\n", doc.Name, tool)
	shapes := &bytes.Buffer{}
	fmt.Fprint(&out, "screens:\n")
	paths, _ := root["paths"].(map[string]any)
	screens := 0
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		item, _ := paths[path].(map[string]any)
		for _, method := range methods {
			op, ok := item[method].(map[string]any)
			if !ok {
				continue
			}
			if err := importScreen(&out, shapes, root, path, method, op); err != nil {
				return nil, fmt.Errorf("%w %s: %s %s: %w", ErrOpenAPI, doc.Name, method, path, err)
			}
			screens++
		}
	}
	if screens == 0 {
		if root["properties"] == nil {
			return nil, fmt.Errorf("%w %s: has neither paths nor properties", ErrOpenAPI, doc.Name)
		}
		out.Truncate(out.Len() - len("screens:\n"))
		out.WriteString("screens: []\n")
		if err := importShape(shapes, root, "document", root); err != nil {
			return nil, fmt.Errorf("%w %s: %w", ErrOpenAPI, doc.Name, err)
		}
	}
	fmt.Fprintf(&out, "shapes:\n%s", shapes.Bytes())
	if _, err := parseCatalogues(Document{"draft", out.Bytes()}); err != nil {
		return nil, fmt.Errorf("%w %s: %w", ErrOpenAPI, doc.Name, err)
	}
	return out.Bytes(), nil
}

// importScreen writes one operation as a screen, and the shape of its answer.
func importScreen(out, shapes *bytes.Buffer, root map[string]any, path, method string, op map[string]any) error {
	id, _ := op["operationId"].(string)
	if id == "" {
		id = method + strings.NewReplacer("/", ".", "{", "", "}", "").Replace(path)
	}
	fmt.Fprintf(out, "  - {id: %q, method: %s, path: %q", id, strings.ToUpper(method), path)
	media, schema := successful(root, op)
	if schema != nil {
		name := id + ".answer"
		if err := importShape(shapes, root, name, schema); err != nil {
			return err
		}
		fmt.Fprintf(out, ", media: %q, shape: %q", media, name)
	}
	if body := content(root, op["requestBody"]); body != nil {
		name := id + ".request"
		if err := importShape(shapes, root, name, body); err != nil {
			return err
		}
		fmt.Fprintf(out, ", body: %q", name)
	}
	if subject, _ := op["x-privet-subject"].(string); subject != "" {
		fmt.Fprintf(out, ", subject: %q", subject)
	}
	var query []string
	params, _ := op["parameters"].([]any)
	for _, p := range params {
		param := resolve(root, p)
		class, _ := param["x-privet-class"].(string)
		if param["in"] == "query" && class != "" {
			query = append(query, fmt.Sprintf("%q: %s", param["name"], class))
		}
	}
	if len(query) > 0 {
		fmt.Fprintf(out, ", query: {%s}", strings.Join(query, ", "))
	}
	fmt.Fprintln(out, "}")
	return nil
}

// successful finds the JSON schema of the first answer of class 2xx.
func successful(root, op map[string]any) (media string, schema map[string]any) {
	answers, _ := op["responses"].(map[string]any)
	for _, status := range slices.Sorted(maps.Keys(answers)) {
		if strings.HasPrefix(status, "2") {
			if s := content(root, answers[status]); s != nil {
				return "application/json", s
			}
		}
	}
	return "", nil
}

// content is the JSON schema of a request or an answer.
func content(root map[string]any, part any) map[string]any {
	kinds, _ := resolve(root, part)["content"].(map[string]any)
	for _, kind := range slices.Sorted(maps.Keys(kinds)) {
		if strings.HasSuffix(kind, "json") {
			m, _ := kinds[kind].(map[string]any)
			s, _ := m["schema"].(map[string]any)
			return s
		}
	}
	return nil
}

// resolve follows local references, a bounded number of them.
func resolve(root map[string]any, v any) map[string]any {
	m, _ := v.(map[string]any)
	for range maxNesting {
		ref, ok := m["$ref"].(string)
		if !ok {
			return m
		}
		at := any(root)
		for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
			inner, _ := at.(map[string]any)
			at = inner[strings.NewReplacer("~1", "/", "~0", "~").Replace(step)]
		}
		m, _ = at.(map[string]any)
	}
	return nil
}

func importShape(out *bytes.Buffer, root map[string]any, name string, schema map[string]any) error {
	o := &openAPI{doc: root, out: map[string]redact.Class{}}
	if err := o.walk("", schema, 0); err != nil {
		return err
	}
	fmt.Fprintf(out, "  %q:\n    fields:\n", name)
	named := 0
	for _, path := range slices.Sorted(maps.Keys(o.out)) {
		if class := o.out[path]; class != "" {
			fmt.Fprintf(out, "      %q: %s\n", path, class)
			named++
		} else {
			fmt.Fprintf(out, "      # %q: has no x-privet-class and is withheld\n", path)
		}
	}
	if named == 0 {
		out.WriteString("      {}\n")
	}
	return nil
}

// walk collects the paths of a schema. Of alternatives, all paths; where two
// disagree about a class, the import fails: somebody must decide.
func (o *openAPI) walk(path string, v any, depth int) error {
	if depth > maxNesting {
		return nil // recursive schemas end here, and what is deeper is withheld
	}
	schema := resolve(o.doc, v)
	for _, key := range []string{"allOf", "oneOf", "anyOf"} {
		list, _ := schema[key].([]any)
		for _, alt := range list {
			if err := o.walk(path, alt, depth+1); err != nil {
				return err
			}
		}
	}
	if class, _ := schema["x-privet-class"].(string); class != "" {
		if !slices.Contains(redact.FieldClasses(), redact.Class(class)) {
			return fmt.Errorf("%s: %q is not a class", path, class)
		}
		if have := o.out[path]; have != "" && have != redact.Class(class) {
			return fmt.Errorf("%s: is both %s and %s", path, have, class)
		}
		o.out[path] = redact.Class(class)
		return nil
	}
	properties, _ := schema["properties"].(map[string]any)
	for name, p := range properties {
		step := strings.NewReplacer(`\`, `\\`, ".", `\.`, "[", `\[`, "{", `\{`).Replace(name)
		if path != "" {
			step = path + "." + step
		}
		if err := o.walk(step, p, depth+1); err != nil {
			return err
		}
	}
	inner := false
	for key, suffix := range map[string]string{"items": "[]", "additionalProperties": "{}"} {
		if sub, ok := schema[key].(map[string]any); ok {
			inner = true
			if err := o.walk(path+suffix, sub, depth+1); err != nil {
				return err
			}
		}
	}
	if _, known := o.out[path]; properties == nil && !inner && path != "" && schema["allOf"] == nil && schema["oneOf"] == nil && schema["anyOf"] == nil && !known {
		o.out[path] = ""
	}
	return nil
}
