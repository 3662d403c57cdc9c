package rights

import (
	"context"
	"html/template"
	"slices"
	"strings"
	"sync"
)

const pageHead = `<!doctype html><html lang="{{.Lang}}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #8888;padding:.3rem .5rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th{width:14rem;font-weight:600;hyphens:auto}h2{margin-top:2.5rem}dt{font-weight:600}dd{margin:0 0 .5rem}@media print{body{max-width:none;margin:0}tr{break-inside:avoid}h2,h3,dl{break-after:avoid}}</style></head><body><main><h1>{{.Title}}</h1><p>{{.Intro}}</p><h2>{{.Statement}}</h2><p>{{.Rights}}</p><p>{{.Brackets}}</p>`

const systemHead = `<h2>{{.Title}}</h2><dl>{{range .Facts}}<dt>{{index . 0}}</dt><dd>{{index . 1}}</dd>{{end}}</dl>`

const rowTable = `<table>{{range .}}<tr><th scope="row">{{index . 0}}</th><td>{{range $i, $l := index . 1}}{{if $i}}<br>{{end}}{{$l}}{{end}}</td></tr>{{end}}</table>`

const withheldTable = `<h2>{{.Title}}</h2><table>{{range .Kept}}<tr><th scope="row">{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</table></main></body></html>`

// packagePage is the page's templates, parsed once: a package has a table for each row.
var packagePage = sync.OnceValues(func() (*template.Template, error) {
	t := template.New("")
	for name, text := range map[string]string{"head": pageHead, "system": systemHead, "row": rowTable, "withheld": withheldTable, "title": `<h3>{{.}}</h3>`, "more": `<p>{{.}}</p>`} {
		if _, err := t.New(name).Parse(text); err != nil {
			return nil, err
		}
	}
	return t, nil
})

// pageWriter writes one package's page.
type pageWriter struct {
	o    *Office
	r    *Request
	lang string
	show func(name string, data any) error
}

// writePage writes index.html: readable offline, in the person's language, with the
// Article 15 statement. Every value is escaped where it stands.
func (o *Office) writePage(ctx context.Context, a *archive, r *Request, plan *Plan) error {
	w, err := a.create("index.html")
	if err != nil {
		return err
	}
	templates, err := packagePage()
	if err != nil {
		return err
	}
	lang := r.Facts.Language
	p := &pageWriter{o, r, lang, func(name string, data any) error { return templates.ExecuteTemplate(w, name, data) }}
	regime := o.Laws.Regime(r.Facts.Regime, r.Received)
	if err := p.show("head", map[string]string{"Lang": lang, "Title": say(lang, "package.title"),
		"Intro":     say(lang, "package.intro", Day(lang, a.now)),
		"Statement": say(lang, "package.statement"), "Brackets": say(lang, "package.brackets"),
		"Rights": say(lang, "package.rights", regime.Where(lang))}); err != nil {
		return err
	}
	for i, s := range plan.Steps { // a plan goes from system to system and back; a reader does not
		if slices.ContainsFunc(plan.Steps[:i], func(before PlanStep) bool { return before.System == s.System }) {
			continue
		}
		if err := p.system(s.System); err != nil {
			return err
		}
		for _, there := range plan.Steps[i:] {
			if there.System != s.System {
				continue
			}
			if err := p.collection(ctx, there); err != nil {
				return err
			}
		}
	}
	return p.withheld(plan)
}

// system says what is done with the data there, from where it is and who gets it.
func (p *pageWriter) system(name string) error {
	told := p.o.Map.System(name).In(p.lang)
	var facts [][2]string
	for _, f := range [][2]string{{"purpose", told.Purpose}, {"recipients", strings.Join(told.Recipients, ", ")}, {"keep", told.Keep}, {"source", told.Source}} {
		if f[1] != "" {
			facts = append(facts, [2]string{say(p.lang, "package."+f[0]), f[1]})
		}
	}
	return p.show("system", map[string]any{"Title": told.Title, "Facts": facts})
}

// collection shows the first rows, field by field.
func (p *pageWriter) collection(ctx context.Context, s PlanStep) error {
	c := p.o.Map.Collection(s.System, s.Collection)
	if err := p.show("title", c.In(p.lang)); err != nil {
		return err
	}
	few := s
	few.Targets = s.Targets[:min(len(s.Targets), htmlRows)]
	err := p.o.eachRow(ctx, few, p.r, func(values map[string]any) error {
		var cells [][2]any
		for _, f := range c.Fields {
			if v, there := values[f.Name]; there && v != nil {
				cells = append(cells, [2]any{FieldName(p.lang, f.Class, f.Name), lines(p.lang, v)})
			}
		}
		return p.show("row", cells)
	})
	if rest := len(s.Targets) - len(few.Targets); err == nil && rest > 0 {
		err = p.show("more", say(p.lang, "package.more", rest))
	}
	return err
}

// withheld lists what is kept back, and the law that says so.
func (p *pageWriter) withheld(plan *Plan) error {
	var kept [][2]string
	for _, k := range withheld(plan) {
		kept = append(kept, [2]string{p.o.Map.Told(p.lang, k), Because(p.lang, k.Why) + " (" + Law(p.lang, k.Cite) + ")"})
	}
	return p.show("withheld", map[string]any{"Title": say(p.lang, "package.withheld"), "Kept": kept})
}

// lines is a value as a person reads it: a conversation turn by turn, a list item by
// item, and in place of what is withheld the reason in words.
func lines(lang string, v any) []string {
	switch v := v.(type) {
	case []any:
		var out []string
		for _, item := range v {
			out = append(out, strings.Join(lines(lang, item), ", "))
		}
		return out
	case map[string]any:
		if text, ok := v["text"].(string); ok && v["speaker"] != nil {
			return []string{Text(v["speaker"]) + ": " + text}
		}
		var out []string
		for _, key := range sortedKeys(v) {
			out = append(out, key+": "+strings.Join(lines(lang, v[key]), ", "))
		}
		return out
	}
	text := Text(v)
	if why, ok := strings.CutPrefix(text, "["); ok && strings.HasSuffix(why, "]") {
		return []string{"[" + Because(lang, strings.TrimSuffix(why, "]")) + "]"}
	}
	return []string{text}
}
