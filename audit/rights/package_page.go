package rights

import (
	"context"
	"html/template"
	"strings"
)

const pageHead = `<!doctype html><html lang="{{.Lang}}"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1"><title>{{.Title}}</title><style>
:root{color-scheme:light dark}body{font:1rem/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0 1.5rem}th,td{border:1px solid #8888;padding:.3rem .5rem;text-align:start;vertical-align:top;overflow-wrap:anywhere}
th{width:14rem;font-weight:600}h2{margin-top:2.5rem}dt{font-weight:600}dd{margin:0 0 .5rem}</style></head><body><main><h1>{{.Title}}</h1><p>{{.Intro}}</p><h2>{{.Statement}}</h2><p>{{.Rights}}</p><p>{{.Brackets}}</p>`

const systemHead = `<h2>{{.Title}}</h2><dl>{{range .Facts}}<dt>{{index . 0}}</dt><dd>{{index . 1}}</dd>{{end}}</dl>`

const rowTable = `<table>{{range .}}<tr><th scope="row">{{index . 0}}</th><td>{{range $i, $l := index . 1}}{{if $i}}<br>{{end}}{{$l}}{{end}}</td></tr>{{end}}</table>`

const withheldTable = `<h2>{{.Title}}</h2><table>{{range .Kept}}<tr><th scope="row">{{index . 0}}</th><td>{{index . 1}}</td></tr>{{end}}</table></main></body></html>`

// writePage writes index.html: readable offline, in the person's language, with the
// Article 15 statement. Every value is escaped where it stands.
func (o *Office) writePage(ctx context.Context, a *archive, r *Request, plan *Plan) error {
	w, err := a.create("index.html")
	if err != nil {
		return err
	}
	lang := r.Facts.Language
	regime := o.Laws.Regime(r.Facts.Regime, r.Received)
	show := func(text string, data any) error {
		t, err := template.New("").Parse(text)
		if err != nil {
			return err
		}
		return t.Execute(w, data)
	}
	if err := show(pageHead, map[string]string{"Lang": lang, "Title": say(lang, "package.title"),
		"Intro":     say(lang, "package.intro", Day(lang, a.now)),
		"Statement": say(lang, "package.statement"), "Brackets": say(lang, "package.brackets"),
		"Rights": say(lang, "package.rights", regime.Where(lang))}); err != nil {
		return err
	}
	last := ""
	for _, s := range plan.Steps {
		system, c := o.Map.System(s.System), o.Map.Collection(s.System, s.Collection)
		if s.System != last {
			last = s.System
			var facts [][2]string
			told := system.In(lang)
			for _, f := range [][2]string{{"purpose", told.Purpose}, {"recipients", strings.Join(told.Recipients, ", ")}, {"keep", told.Keep}, {"source", told.Source}} {
				if f[1] != "" {
					facts = append(facts, [2]string{say(lang, "package."+f[0]), f[1]})
				}
			}
			if err := show(systemHead, map[string]any{"Title": told.Title, "Facts": facts}); err != nil {
				return err
			}
		}
		if err := show(`<h3>{{.}}</h3>`, c.In(lang)); err != nil {
			return err
		}
		few := s
		few.Targets = s.Targets[:min(len(s.Targets), htmlRows)]
		err := o.eachRow(ctx, few, r, func(values map[string]any) error {
			var cells [][2]any
			for _, f := range c.Fields {
				if v, there := values[f.Name]; there && v != nil {
					cells = append(cells, [2]any{FieldName(lang, f.Class, f.Name), lines(lang, v)})
				}
			}
			return show(rowTable, cells)
		})
		if err != nil {
			return err
		}
		if rest := len(s.Targets) - len(few.Targets); rest > 0 {
			if err := show(`<p>{{.}}</p>`, say(lang, "package.more", rest)); err != nil {
				return err
			}
		}
	}
	var kept [][2]string
	for _, k := range withheld(plan) {
		what := o.Map.System(k.System).In(lang).Title + " · " + o.Map.Collection(k.System, k.Collection).In(lang)
		if k.Field != "" {
			what += " · " + o.Map.FieldName(lang, k.Field)
		}
		kept = append(kept, [2]string{what, Because(lang, k.Why) + " (" + k.Cite + ")"})
	}
	return show(withheldTable, map[string]any{"Title": say(lang, "package.withheld"), "Kept": kept})
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
