package redact

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/net/html"
)

// factReader reads from a page what each of its records proves. A page with
// facts is read whole before it is rewritten: a fact may stand below what it
// decides about.
type factReader struct {
	plan  *Plan
	z     *html.Tokenizer
	stack []open
	row   int            // how many elements were open when the record began; -1: in none
	seen  []int          // by fact: how many values the record has had
	hit   []bool         // by fact: one of them was the value
	text  map[int]string // by fact: the text of its element, while that is open
	depth map[int]int
	known []int // by record
}

// pageFacts returns what each record of a page proves, in order; where the
// plan has no records, the page is one.
func (p *Plan) pageFacts(doc []byte) ([]int, error) {
	r := &factReader{plan: p, z: html.NewTokenizer(bytes.NewReader(doc)), row: -1, seen: make([]int, len(p.facts)),
		hit: make([]bool, len(p.facts)), text: map[int]string{}, depth: map[int]int{}}
	if p.rows == nil {
		r.row = 0
	}
	for {
		switch r.z.Next() {
		case html.ErrorToken:
			if err := r.z.Err(); !errors.Is(err, io.EOF) {
				return nil, fmt.Errorf("%w: %w", ErrDocument, err)
			}
			for i := range r.text {
				r.value(i, r.text[i])
			}
			if r.row >= 0 {
				r.settle()
			}
			return r.known, nil
		case html.TextToken:
			text := string(r.z.Text())
			for i := range r.text {
				r.text[i] += text
			}
		case html.StartTagToken, html.SelfClosingTagToken:
			r.start()
		case html.EndTagToken:
			name, _ := r.z.TagName()
			r.end(string(name))
		}
	}
}

func (r *factReader) start() {
	tag, attrs := tagOf(r.z)
	if r.plan.rows != nil && r.row < 0 && r.plan.rows.match(tag, attrs, r.stack) {
		r.row = len(r.stack)
	}
	if r.row >= 0 {
		for i := range r.plan.factAt {
			s := &r.plan.factAt[i]
			if !s.match(tag, attrs, r.stack) {
				continue
			}
			if s.of == "" {
				r.text[i], r.depth[i] = "", len(r.stack)
			} else if hasAttribute(attrs, html.Attribute{Key: s.of}) {
				r.value(i, attribute(attrs, s.of))
			}
		}
	}
	if !void(tag) {
		r.stack = append(r.stack, open{tag: tag, attrs: attrs})
	}
}

func (r *factReader) end(tag string) {
	at := len(r.stack) - 1
	for ; at >= 0 && r.stack[at].tag != tag; at-- {
	}
	if at < 0 {
		return
	}
	r.stack = r.stack[:at]
	for i, depth := range r.depth {
		if _, open := r.text[i]; open && at <= depth {
			r.value(i, r.text[i])
		}
	}
	if r.plan.rows != nil && r.row >= 0 && at <= r.row {
		r.settle()
		r.row = -1
	}
}

// value is one value of a fact.
func (r *factReader) value(i int, text string) {
	delete(r.text, i)
	r.seen[i]++
	r.hit[i] = r.hit[i] || strings.TrimSpace(text) == r.plan.facts[i].Value && r.plan.facts[i].Value != ""
}

// settle ends a record.
func (r *factReader) settle() {
	known := 0
	for i := range r.plan.facts {
		if r.seen[i] > 0 && r.hit[i] != r.plan.facts[i].Lacks {
			known |= 1 << i
		}
		r.seen[i], r.hit[i] = 0, false
	}
	r.known = append(r.known, known)
}

// tagOf reads a start tag; an attribute that stands twice counts once, as in browsers.
func tagOf(z *html.Tokenizer) (string, []html.Attribute) {
	name, more := z.TagName()
	tag := string(name)
	var attrs []html.Attribute
	for more {
		var key, val []byte
		key, val, more = z.TagAttr()
		attrs = append(attrs, html.Attribute{Key: string(key), Val: string(val)})
	}
	return tag, attrs
}

// readFacts reads the page whole and gives it back for rewriting.
func (p *page) readFacts(src io.Reader) (io.Reader, error) {
	doc, err := io.ReadAll(io.LimitReader(src, int64(p.plan.cfg.MaxRecord)+1))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if len(doc) > p.plan.cfg.MaxRecord {
		return nil, fmt.Errorf("%w: a page with facts is held whole", ErrTooLarge)
	}
	if p.facts, err = p.plan.pageFacts(doc); err != nil {
		return nil, err
	}
	if p.plan.rows == nil && len(p.facts) == 1 {
		p.known = p.facts[0]
	}
	return bytes.NewReader(doc), nil
}

// enterRow begins a record: from here on it is treated by what it proves.
func (p *page) enterRow() {
	p.row, p.known = len(p.stack), 0
	if len(p.facts) > 0 {
		p.known, p.facts = p.facts[0], p.facts[1:]
	}
}

// leaveRow ends the record once its element is closed.
func (p *page) leaveRow() {
	if p.row >= 0 && len(p.stack) <= p.row {
		p.row, p.known = -1, 0
	}
}
