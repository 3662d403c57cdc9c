package rights

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/oauth2"
	"golang.org/x/time/rate"
)

// API declares an HTTP/JSON system, so that a new one is data and not code.
//
//	base: https://api.example.com
//	auth: {bearer: TOKEN}              # or basic: USER:PASSWORD, or headers: {Name: value}
//	rate: 10                           # requests a second
//	search: {get: "/search?q={value}", items: hits}
//	collections:
//	  account:
//	    find:                          # one way in for each field that links lead to
//	      email: {get: "/subjects?email={value}", items: subjects, then: "/accounts/{subject}"}
//	    erase:   {delete: "/accounts/{subject}"}
//	    correct: {patch: "/accounts/{subject}", body: "{swap}"}
//	    verify:  {get: "/search?q={subject}", items: hits}
//
// In addresses and bodies {name} stands for a key field of the row, {value} for the
// value looked for. A body of "{set}", "{swap}" or "{blank}" stands for an object of
// the changed fields: new values, {"old","new"} pairs, nulls.
type API struct {
	Base        string             `yaml:"base"`
	Auth        Auth               `yaml:"auth"`
	Rate        float64            `yaml:"rate"`
	Timeout     time.Duration      `yaml:"timeout"`
	Search      *Call              `yaml:"search"`
	Collections map[string]Actions `yaml:"collections"`
}

// Auth is how the system knows us. Secrets are put in by whoever reads the file.
type Auth struct {
	Bearer  string            `yaml:"bearer"`
	Basic   string            `yaml:"basic"`
	Headers map[string]string `yaml:"headers"`
	OAuth   *OAuth            `yaml:"oauth"`
}

// OAuth is the client credentials grant (RFC 6749 §4.4).
type OAuth struct {
	URL    string `yaml:"url"`
	Client string `yaml:"client"`
	Secret string `yaml:"secret"`
	Scope  string `yaml:"scope"`
}

// Actions of one collection.
type Actions struct {
	Find    map[string]Call   `yaml:"find"`
	Erase   *Call             `yaml:"erase"`
	Blank   *Call             `yaml:"blank"`
	Correct *Call             `yaml:"correct"`
	Verify  *Call             `yaml:"verify"`
	Fields  map[string]string `yaml:"fields"` // field → path in a record, where they differ
}

// Call is one request and how to read its answer.
type Call struct {
	Get    string `yaml:"get"`
	Post   string `yaml:"post"`
	Put    string `yaml:"put"`
	Patch  string `yaml:"patch"`
	Delete string `yaml:"delete"`
	Body   any    `yaml:"body"`
	Form   bool   `yaml:"form"`
	Items  string `yaml:"items"` // path of the list; "" the answer is one record
	Then   string `yaml:"then"`  // each item is only a pointer: read the record here
	Total  string `yaml:"total"` // path of the declared number of items
	Where  string `yaml:"where"` // keep only items whose field has the value
	Next   *Next  `yaml:"next"`
	Gone   []int  `yaml:"gone"` // statuses that mean "is not there"; default 404 and 410
}

// Next is how to get the next page.
type Next struct {
	Link   string `yaml:"link"`   // path of the next address
	Cursor string `yaml:"cursor"` // query parameter that takes the last item's Field, or the path From
	Field  string `yaml:"field"`
	From   string `yaml:"from"`
	More   string `yaml:"more"`   // path of a boolean
	Offset string `yaml:"offset"` // query parameter that counts items
	Size   int    `yaml:"size"`   // a page of fewer items is the last (offset)
}

const mostPages = 10_000

// HTTP is a holder over a declared API.
type HTTP struct {
	api   API
	http  *http.Client
	pace  *rate.Limiter
	token oauth2.TokenSource
}

// ParseAPI reads a declaration strictly.
func ParseAPI(raw []byte) (API, error) {
	var api API
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	if err := dec.Decode(&api); err != nil {
		return API{}, fmt.Errorf("read declaration: %w", err)
	}
	return api, nil
}

// NewHTTP checks a declaration and makes the holder. A collection that is written
// to must say how to verify, along another way than it is found or written.
func NewHTTP(api API, transport http.RoundTripper) (*HTTP, error) {
	if _, err := url.Parse(api.Base); err != nil || !strings.HasPrefix(api.Base, "http") {
		return nil, fmt.Errorf("declaration: base %q is no http address", api.Base)
	}
	for name, a := range api.Collections {
		for _, w := range []*Call{a.Erase, a.Blank, a.Correct} {
			if w == nil {
				continue
			}
			if a.Verify == nil {
				return nil, fmt.Errorf("declaration: %s is written to but declares no `verify`", name)
			}
			_, wrote := w.line()
			if method, path := a.Verify.line(); method == http.MethodGet && path == wrote && api.Search == nil {
				return nil, fmt.Errorf("declaration: %s verifies at the address it writes to; that proves nothing", name)
			}
		}
	}
	if transport == nil {
		transport = keeping()
	}
	h := &HTTP{api: api, pace: rate.NewLimiter(rate.Limit(cmp.Or(api.Rate, 50)), 10),
		http: &http.Client{Transport: transport, Timeout: cmp.Or(api.Timeout, 10*time.Second),
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if api.Auth.OAuth != nil {
		h.token = h.tokens()
	}
	return h, nil
}

// keeping is a transport that keeps its connections; net/http's own keeps two a host.
func keeping() http.RoundTripper {
	own, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return http.DefaultTransport
	}
	own = own.Clone()
	own.MaxIdleConnsPerHost = 16
	return own
}

func (c *Call) line() (method, path string) {
	for _, m := range [][2]string{{http.MethodGet, c.Get}, {http.MethodPost, c.Post}, {http.MethodPut, c.Put}, {http.MethodPatch, c.Patch}, {http.MethodDelete, c.Delete}} {
		if m[1] != "" {
			return m[0], m[1]
		}
	}
	return http.MethodGet, ""
}

// Find reads by the declared way in for a field, one value at a time, all pages.
func (h *HTTP) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	call, ok := h.api.Collections[c.Name].Find[field]
	if !ok {
		return noRows(fmt.Errorf("%w: %s declares no way to find by %s", ErrBroken, c.Name, field))
	}
	return func(yield func(Row, error) bool) {
		seen := map[string]bool{}
		for _, v := range values {
			err := h.each(ctx, &call, map[string]string{"value": v, field: v}, h.api.Collections[c.Name].Fields, c, func(rec map[string]any) error {
				if Text(rec[field]) == "" && call.Then == "" {
					rec[field] = v // the answer does not repeat what was asked
				}
				if call.Where != "" && Text(rec[call.Where]) != v {
					return nil
				}
				row, err := NewRow(c, rec)
				if err != nil || seen[row.Key] {
					return err
				}
				if seen[row.Key] = true; !yield(row, nil) {
					return errEnough
				}
				return nil
			})
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield(Row{}, err)
				return
			}
		}
	}
}

// records is each, collected.
func (h *HTTP) records(ctx context.Context, call *Call, vars map[string]string, paths map[string]string, c *Collection) (out []map[string]any, err error) {
	err = h.each(ctx, call, vars, paths, c, func(rec map[string]any) error { out = append(out, rec); return nil })
	return out, err
}

// each runs a reading call to its last page and maps each record to fields.
func (h *HTTP) each(ctx context.Context, call *Call, vars map[string]string, paths map[string]string, c *Collection, f func(map[string]any) error) error {
	_, address := call.line()
	address = h.fill(address, vars)
	counted, total := 0, -1
	for page := 0; address != ""; page++ {
		if page >= mostPages {
			return fmt.Errorf("%w: more than %d pages", ErrBroken, mostPages)
		}
		answer, found, err := h.read(ctx, call, address, vars)
		if err != nil {
			return err
		}
		if !found {
			break
		}
		items, err := itemsOf(answer, call.Items)
		if err != nil {
			return err
		}
		counted += len(items)
		if n, err := strconv.Atoi(Text(at(answer, call.Total))); call.Total != "" && err == nil {
			total = n
		}
		for _, item := range items {
			rec, err := h.record(ctx, call, item, paths, c)
			if err == nil && rec != nil {
				err = f(rec)
			}
			if err != nil {
				return err
			}
		}
		if address, err = h.nextPage(call, address, answer, items, counted); err != nil {
			return err
		}
	}
	if total > counted {
		return fmt.Errorf("%w: %d items came where the answer declares %d", ErrBroken, counted, total)
	}
	return nil
}

// record maps one item, after following its pointer if it is one.
func (h *HTTP) record(ctx context.Context, call *Call, item any, paths map[string]string, c *Collection) (map[string]any, error) {
	if call.Then != "" {
		flat, ok := item.(map[string]any)
		if !ok {
			return nil, fmt.Errorf("%w: an item is no object", ErrBroken)
		}
		vars := map[string]string{}
		for k, v := range flat {
			vars[k] = Text(v)
		}
		answer, found, err := h.read(ctx, &Call{Get: call.Then, Gone: call.Gone}, h.fill(call.Then, vars), vars)
		if err != nil || !found {
			return nil, err
		}
		item = answer
	}
	rec := map[string]any{}
	for _, f := range c.Fields {
		path := cmp.Or(paths[f.Name], f.Name)
		if v := at(item, path); v != nil {
			rec[f.Name] = v
		}
	}
	return rec, nil
}

func itemsOf(answer any, path string) ([]any, error) {
	if path == "" {
		if list, ok := answer.([]any); ok {
			return list, nil
		}
		return []any{answer}, nil
	}
	v := at(answer, path)
	if v == nil {
		return nil, fmt.Errorf("%w: the answer has no %q", ErrBroken, path)
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("%w: %q is no list", ErrBroken, path)
	}
	return list, nil
}

// nextPage is the address of the next page, or "".
func (h *HTTP) nextPage(call *Call, address string, answer any, items []any, counted int) (string, error) {
	n := call.Next
	if n == nil || len(items) == 0 {
		if n != nil && n.More != "" && Text(at(answer, n.More)) == "true" {
			return "", fmt.Errorf("%w: an empty page says that there is more", ErrBroken)
		}
		return "", nil
	}
	if n.Link != "" {
		link := Text(at(answer, n.Link))
		base, err := url.Parse(h.api.Base)
		if err != nil || link == "" {
			return "", err
		}
		to, err := base.Parse(link)
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme {
			return "", fmt.Errorf("%w: the next page is on another host, or not as safe", ErrBroken)
		}
		return to.String(), nil
	}
	value := ""
	switch {
	case n.More != "" && Text(at(answer, n.More)) != "true":
		return "", nil
	case n.From != "":
		value = Text(at(answer, n.From))
	case n.Cursor != "":
		value = Text(at(items[len(items)-1], n.Field))
	case n.Offset != "" && len(items) >= n.Size:
		value = strconv.Itoa(counted)
	}
	if value == "" {
		return "", nil
	}
	u, err := url.Parse(address)
	if err != nil {
		return "", err
	}
	q := u.Query()
	q.Set(cmp.Or(n.Cursor, n.Offset), value)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// at follows a dotted path; a leading "$." is allowed. A number indexes a list.
func at(v any, path string) any {
	path = strings.TrimPrefix(strings.TrimPrefix(path, "$"), ".")
	if path == "" {
		return v
	}
	for _, part := range strings.Split(path, ".") {
		switch node := v.(type) {
		case map[string]any:
			v = node[part]
		case []any:
			i, err := strconv.Atoi(part)
			if err != nil || i < 0 || i >= len(node) {
				return nil
			}
			v = node[i]
		default:
			return nil
		}
	}
	return v
}

// fill puts values into an address, escaped for where they stand.
func (h *HTTP) fill(address string, vars map[string]string) string {
	path, query, has := strings.Cut(address, "?")
	for k, v := range vars {
		path = strings.ReplaceAll(path, "{"+k+"}", url.PathEscape(v))
		query = strings.ReplaceAll(query, "{"+k+"}", url.QueryEscape(v))
	}
	if has {
		path += "?" + query
	}
	return strings.TrimSuffix(h.api.Base, "/") + path
}
