package redact

import (
	"bytes"
	"fmt"
	"strings"
	"unicode"

	"golang.org/x/net/html"
)

// selector is a compound of CSS selectors, "td.pan[data-kind=card]", perhaps
// inside another ("tbody tr"), followed by "@attribute" where it means an
// attribute's value.
type selector struct {
	in    *selector // an element around it; nil: anywhere
	tag   string    // "" or "*": any
	id    string
	class []string
	attr  []html.Attribute // Val "": only present
	of    string           // the attribute meant; "": the element's text
	field *Field
}

// all says whether the selector takes every element.
func (s *selector) all() bool {
	return s.in == nil && (s.tag == "" || s.tag == "*") && s.id == "" && len(s.class) == 0 && len(s.attr) == 0 && s.of == ""
}

func parseSelector(text string) (selector, error) {
	var s selector
	bad := func(why string) (selector, error) {
		return s, fmt.Errorf("%w: selector %q: %s", ErrPlan, text, why)
	}
	rest := strings.TrimSpace(text)
	if i := strings.LastIndexByte(rest, '@'); i >= 0 && !strings.Contains(rest[i:], "]") {
		s.of, rest = strings.ToLower(rest[i+1:]), rest[:i]
	}
	if rest == "" {
		return bad("is empty")
	}
	if i := strings.LastIndexByte(rest, ' '); i >= 0 && !strings.Contains(rest[i:], "]") {
		outer, err := parseSelector(rest[:i])
		if err != nil {
			return s, err
		}
		s.in, rest = &outer, rest[i+1:]
	}
	s.tag, rest = cutName(rest)
	s.tag = strings.ToLower(s.tag)
	for rest != "" {
		sign := rest[0]
		rest = rest[1:]
		switch sign {
		case '#', '.':
			var name string
			if name, rest = cutName(rest); name == "" {
				return bad("a name is missing after " + string(sign))
			}
			if sign == '#' {
				s.id = name
			} else {
				s.class = append(s.class, name)
			}
		case '[':
			inner, after, ok := strings.Cut(rest, "]")
			if !ok {
				return bad("] is missing")
			}
			key, val, _ := strings.Cut(inner, "=")
			s.attr = append(s.attr, html.Attribute{Key: strings.ToLower(strings.TrimSpace(key)), Val: strings.Trim(val, `"' `)})
			rest = after
		default:
			return bad("want a tag, #id, .class or [attribute=value], one inside another by a space")
		}
	}
	return s, nil
}

func cutName(s string) (name, rest string) {
	i := strings.IndexAny(s, "#.[ >+~:")
	if i < 0 {
		return s, ""
	}
	return s[:i], s[i:]
}

// match says whether the selector takes an element inside those that are open.
func (s *selector) match(tag string, attrs []html.Attribute, around []open) bool {
	if s.in != nil {
		inside := false
		for i := len(around) - 1; i >= 0 && !inside; i-- {
			inside = s.in.match(around[i].tag, around[i].attrs, around[:i])
		}
		if !inside {
			return false
		}
	}
	if s.tag != "" && s.tag != "*" && s.tag != tag {
		return false
	}
	if s.id != "" && attribute(attrs, "id") != s.id {
		return false
	}
	if len(s.class) > 0 {
		have := strings.Fields(attribute(attrs, "class"))
		for _, c := range s.class {
			if !containsWord(have, c) {
				return false
			}
		}
	}
	for _, want := range s.attr {
		if !hasAttribute(attrs, want) {
			return false
		}
	}
	return true
}

// attribute returns the first attribute of a name: the one that browsers take.
func attribute(attrs []html.Attribute, key string) string {
	for _, a := range attrs {
		if a.Key == key {
			return a.Val
		}
	}
	return ""
}

func hasAttribute(attrs []html.Attribute, want html.Attribute) bool {
	for _, a := range attrs {
		if a.Key == want.Key {
			return want.Val == "" || a.Val == want.Val
		}
	}
	return false
}

func containsWord(list []string, s string) bool {
	for _, v := range list {
		if v == s {
			return true
		}
	}
	return false
}

// structural attributes shape a page; a value in which the detectors find
// nothing may stay. Every other attribute holds data and is treated like text.
func structural(key string) bool {
	switch key {
	case "id", "class", "rel", "type", "name", "for", "lang", "charset", "method", "enctype", "role", "scope",
		"colspan", "rowspan", "headers", "tabindex", "dir", "hidden", "disabled", "checked", "selected", "required",
		"readonly", "multiple", "autofocus", "autocomplete", "inputmode", "maxlength", "minlength", "pattern", "min",
		"max", "step", "size", "rows", "cols", "width", "height", "media", "sizes", "href", "src", "action", "target",
		"http-equiv", "style", "open", "datetime", "defer", "async", "crossorigin", "integrity", "nonce", "loading",
		"viewbox", "d", "fill", "stroke", "stroke-width", "xmlns", "cx", "cy", "r", "x", "y", "x1", "x2", "y1", "y2",
		"points", "transform", "focusable", "accesskey", "draggable", "spellcheck", "itemscope", "itemprop", "itemtype":
		return true
	}
	if label, ok := strings.CutPrefix(key, "aria-"); ok {
		return label != "label" && label != "description" && label != "valuetext" && label != "roledescription"
	}
	return false
}

// void elements have no end tag.
func void(tag string) bool {
	switch tag {
	case "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "track", "wbr":
		return true
	}
	return false
}

// formatting elements are opened again by browsers when an end tag of another
// element closes them by mistake (WHATWG HTML §13.2.4.3).
func formatting(tag string) bool {
	switch tag {
	case "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u":
		return true
	}
	return false
}

// inline elements do not interrupt a line of digits.
func inline(tag string) bool {
	if formatting(tag) {
		return true
	}
	switch tag {
	case "span", "wbr", "mark", "abbr", "bdi", "bdo", "cite", "data", "dfn", "kbd", "label", "output", "q", "samp", "sub", "sup", "time", "var":
		return true
	}
	return false
}

func onlySpace(text []byte) bool { return len(bytes.TrimSpace(text)) == 0 }

// wordless: a separator between two fields, without a letter or a digit in it.
func wordless(text []byte) bool {
	return len(text) <= 16 && !bytes.ContainsFunc(text, func(r rune) bool {
		return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
	})
}
