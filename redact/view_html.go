package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// open is an element that is open.
type open struct {
	tag   string
	attrs []html.Attribute
	field *Field
	do    Treatment
	bound bool // some selector took it
}

// page is the state of one HTML document.
type page struct {
	*rewriting
	z     *html.Tokenizer
	out   io.Writer
	stack []open
	line  []byte // the shown text since the last block: digits may be spread over elements
	facts []int  // what the records to come prove
	row   int    // how many elements were open when the record began; -1: in none
	every bool   // the plan shows every element: comments and event handlers too
}

// html rewrites an HTML document token by token. What is shown keeps its bytes.
// The strictest of the classified elements around a text decides; a text in
// none is withheld.
func (v *rewriting) html(dst io.Writer, src io.Reader) error {
	p := &page{rewriting: v, out: dst, row: -1}
	if err := v.renew(); err != nil {
		return err
	}
	if p.known = 0; len(v.plan.facts) > 0 {
		whole, err := p.readFacts(src)
		if err != nil {
			return err
		}
		src = whole
	}
	p.z = html.NewTokenizer(src)
	p.z.SetMaxBuf(v.plan.cfg.MaxRecord)
	for i := range v.plan.rules {
		r := &v.plan.rules[i]
		p.every = p.every || r.all() && v.plan.vary[r.field.at][0] == Show
	}
	for {
		kind := p.z.Next()
		raw := append([]byte(nil), p.z.Raw()...) // reading a tag's name lowers it in place
		var err error
		switch kind {
		case html.ErrorToken:
			return p.end(raw)
		case html.TextToken:
			err = p.words(raw)
		case html.StartTagToken, html.SelfClosingTagToken:
			err = p.start(raw)
		case html.EndTagToken:
			err = p.close(raw)
		case html.CommentToken:
			err = p.aside(raw)
		case html.DoctypeToken:
			err = p.doctype(raw)
		}
		if err != nil {
			return err
		}
	}
}

func (p *page) end(raw []byte) error {
	err := p.z.Err()
	switch {
	case err == io.EOF:
		if p.every && !hidesCard(raw) { // a tag that the end cuts off
			return p.write(raw)
		}
		return nil
	case errors.Is(err, html.ErrBufferExceeded):
		return fmt.Errorf("%w: one piece of HTML", ErrTooLarge)
	}
	return fmt.Errorf("read body: %w", err)
}

func (p *page) write(b []byte) error {
	_, err := p.out.Write(b)
	return err
}

// around returns the strictest ruling of the classified elements that are open.
func (p *page) around() (f *Field, do Treatment) {
	for i := range p.stack {
		if o := &p.stack[i]; o.bound && (f == nil || strictness(o.do) > strictness(do) ||
			strictness(o.do) == strictness(do) && o.field.Class != Plain) {
			f, do = o.field, o.do
		}
	}
	return f, do
}

// strictness orders treatments by how much they hold back.
func strictness(t Treatment) int {
	switch t {
	case Show:
		return 0
	case Scrub:
		return 1
	case Mask:
		return 2
	case Tokenise:
		return 3
	}
	return 4
}

func (p *page) words(raw []byte) error {
	text := append([]byte(nil), p.z.Text()...)
	top := ""
	if len(p.stack) > 0 {
		top = p.stack[len(p.stack)-1].tag
	}
	if onlySpace(text) {
		p.line = append(p.line, ' ')
		return p.write(raw)
	}
	f, do := p.around()
	if f == nil && wordless(text) {
		return p.write(raw)
	}
	if f == nil {
		p.tally.Unclassified++
		p.strayText(p.selector(), text)
		return nil
	}
	if f.Inner != nil {
		return p.island(f, raw)
	}
	if p.plan.scrubs {
		p.met.meet(f.Class, do, bytes.TrimSpace(text))
	}
	out, done, talk := p.said(f, do, text)
	if !talk {
		out, done = p.treat(f.Class, do, text)
	}
	code := top == "script" || top == "style" || top == "xmp" || top == "iframe" || top == "noembed" || top == "noframes" || top == "plaintext"
	if code && done != Show && !bytes.Equal(out, text) {
		done = Withhold
	}
	p.note(f.Class, done)
	if done == Withhold {
		return nil
	}
	if f.Class != PAN {
		if p.line = append(p.line, out...); !code && hidesCard(p.line) {
			return fmt.Errorf("%w: a card number is spread over elements", ErrDocument)
		}
		p.line = p.line[max(0, len(p.line)-64):]
	}
	if bytes.Equal(out, text) {
		return p.write(raw)
	}
	return p.write([]byte(html.EscapeString(string(out))))
}

// island rewrites the JSON inside a script element by its own plan.
func (p *page) island(f *Field, raw []byte) error {
	inner := &rewriting{plan: p.plan.inner[f.at], scan: p.scan}
	var out bytes.Buffer
	if err := inner.json(&out, bytes.NewReader(raw)); err != nil {
		return err
	}
	p.add(&inner.tally)
	p.hits = append(p.hits, inner.hits...)
	return p.write(bytes.ReplaceAll(bytes.TrimSpace(out.Bytes()), []byte("<"), []byte(`\u003c`)))
}

// add counts what an inner document showed.
func (v *rewriting) add(t *Tally) {
	v.tally.Records += t.Records
	v.tally.Unclassified += t.Unclassified
	for _, id := range t.Subjects {
		v.subject(id)
	}
	for _, pair := range []struct {
		to   *map[Class]int
		from map[Class]int
	}{{&v.tally.Shown, t.Shown}, {&v.tally.Masked, t.Masked}, {&v.tally.Withheld, t.Withheld}} {
		for c, n := range pair.from {
			count(pair.to, c)
			(*pair.to)[c] += n - 1
		}
	}
}

func (p *page) start(raw []byte) error {
	tag, attrs := tagOf(p.z)
	if p.plan.rows != nil && p.row < 0 && p.plan.rows.match(tag, attrs, p.stack) {
		if err := p.renew(); err != nil {
			return err
		}
		p.tally.Records++
		p.enterRow()
	}
	o := open{tag: tag, attrs: attrs}
	for i := range p.plan.rules {
		r := &p.plan.rules[i]
		if r.of == "" && r.match(tag, attrs, p.stack) && (!o.bound || strictness(p.do(r.field)) >= strictness(o.do)) {
			o.field, o.do, o.bound = r.field, p.do(r.field), true
		}
	}
	if !inline(tag) {
		p.line = p.line[:0]
	}
	p.stack = append(p.stack, o)
	kept, same := p.attributes(tag, attrs)
	if void(tag) {
		p.stack = p.stack[:len(p.stack)-1]
	}
	if same && !hidesCard(raw) {
		return p.write(raw)
	}
	return p.write(startTag(tag, kept))
}

func startTag(tag string, attrs []html.Attribute) []byte {
	out := append([]byte{'<'}, tag...)
	for _, a := range attrs {
		out = append(append(out, ' '), a.Key...)
		out = append(append(append(out, `="`...), html.EscapeString(a.Val)...), '"')
	}
	return append(out, '>')
}

// attributes gives those attributes of a start tag that may stay.
func (p *page) attributes(tag string, attrs []html.Attribute) (kept []html.Attribute, same bool) {
	same = true
	for _, a := range attrs {
		val, done := p.attribute(tag, a, attrs)
		if done == Withhold {
			same = false
			continue
		}
		same = same && val == a.Val
		kept = append(kept, html.Attribute{Key: a.Key, Val: val})
	}
	return kept, same
}

func (p *page) attribute(tag string, a html.Attribute, all []html.Attribute) (string, Treatment) {
	if !p.every && (strings.HasPrefix(a.Key, "on") || a.Key == "srcdoc" || hidesCard([]byte(a.Key))) {
		p.tally.Unclassified++
		return "", Withhold
	}
	f, do := p.around()
	for i := range p.plan.rules {
		if r := &p.plan.rules[i]; r.of == a.Key && r.match(tag, all, p.stack[:len(p.stack)-1]) {
			out, done := p.treat(r.field.Class, p.do(r.field), []byte(a.Val))
			p.note(r.field.Class, done)
			return string(out), done
		}
	}
	if a.Val == "" {
		return "", Show
	}
	if p.named(a) {
		return a.Val, Show
	}
	if structural(a.Key) || tag == "meta" && a.Key == "content" {
		if p.quiet(a.Val) {
			return a.Val, Show
		}
		p.tally.Unclassified++
		return "", Withhold
	}
	if f == nil {
		p.tally.Unclassified++
		p.strayText(p.selector()+"@"+a.Key, []byte(a.Val))
		return "", Withhold
	}
	out, done := p.treat(f.Class, do, []byte(a.Val))
	p.note(f.Class, done)
	return string(out), done
}

// named: the attribute stands in a selector of the catalogue as it is, so it is
// the same for everybody.
func (p *page) named(a html.Attribute) bool {
	for i := range p.plan.rules {
		if slices.Contains(p.plan.rules[i].attr, a) {
			return true
		}
	}
	return false
}

// quiet: the detectors find nothing in the value, nor in what it decodes to.
func (p *page) quiet(val string) bool {
	forms := []string{val}
	if plain, err := url.QueryUnescape(val); err == nil && plain != val {
		forms = append(forms, plain)
	}
	for _, form := range forms {
		if hidesCard([]byte(form)) {
			return false
		}
	}
	return true
}

func (p *page) close(raw []byte) error {
	name, _ := p.z.TagName()
	tag := string(name)
	if !inline(tag) {
		p.line = p.line[:0]
	}
	p.pop(tag)
	p.leaveRow()
	if simple := len(raw) == len(tag)+3; simple || p.every && !hidesCard(raw) {
		return p.write(raw)
	}
	return p.write([]byte("</" + tag + ">"))
}

// pop closes the innermost element of a name and what is open inside it. A
// classified formatting element inside stays open, as it does in a browser.
func (p *page) pop(tag string) {
	at := len(p.stack) - 1
	for ; at >= 0 && p.stack[at].tag != tag; at-- {
	}
	if at < 0 {
		return
	}
	keep := p.stack[:at]
	for _, o := range p.stack[at+1:] {
		if o.bound && formatting(o.tag) {
			keep = append(keep, o)
		}
	}
	p.stack = keep
}

// aside drops comments, processing instructions and CDATA, which no rule can classify.
func (p *page) aside(raw []byte) error {
	if p.every && !hidesCard(raw) {
		return p.write(raw)
	}
	return nil
}

func (p *page) doctype(raw []byte) error {
	if p.every && !hidesCard(raw) || strings.EqualFold(string(raw), "<!doctype html>") {
		return p.write(raw)
	}
	return p.write([]byte("<!DOCTYPE html>"))
}
