package policy

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// Screen is one kind of page or call of a tool.
type Screen struct {
	Tool    string
	ID      string // "account.view"
	Method  string
	Path    string // a net/http.ServeMux pattern's path, "/api/accounts/{subject}"
	Media   string // what the tool answers: "application/json", "text/html", …; of one frame where Upgrade is set
	Subject string // the path parameter that names the cardholder, "" if none
	Kind    string // "account", "list", …: what rules may ask for
	Upgrade string // "websocket", or ""
	Polled  bool   // a page's script asks for it again and again, which is no activity of a person; so are a client's frames
	Write   bool   // the method changes something
	Body    bool   // the request's body, or a client's frames, are checked by a shape of their own
}

// ErrScreen: no such screen is configured, so it does not exist.
var ErrScreen = errors.New("no such screen")

// screen is a screen with what its documents hold.
type screen struct {
	Screen
	query     map[string]parameter
	answer    *outline // nil: nothing is shown
	body      *outline
	facts     []redact.Fact             // of answer and body, as ordered by the bundle
	shape     *redact.Plan              // of answer, with nothing shown
	bodyShape *redact.Plan              // nil: requests have no body
	strays    map[string]*redact.Strays // what is met beyond the answer, and by selector beyond an island of it
	own       bool                      // some fact compares with the agent, the case or the region
}

type screenKey struct{ tool, id string }

// screens is the catalogue of every tool, ready to match requests.
type screens struct {
	byID map[screenKey]*screen
	mux  map[string]*http.ServeMux // by tool
	list []*screen                 // sorted by tool and id
}

func compileScreens(all []*catalogue, known *Conditions) (*screens, error) {
	out := &screens{byID: map[screenKey]*screen{}, mux: map[string]*http.ServeMux{}}
	for _, c := range all {
		if out.mux[c.Tool] != nil {
			return nil, fmt.Errorf("%w %s: tool %s has two catalogues", ErrCatalogue, c.name, c.Tool)
		}
		out.mux[c.Tool] = http.NewServeMux()
		for _, e := range c.Screens {
			s, err := c.compile(e, known)
			if err == nil {
				err = register(out.mux[c.Tool], s)
			}
			if err != nil {
				return nil, fmt.Errorf("%w %s: screen %s: %w", ErrCatalogue, c.name, e.ID, err)
			}
			out.byID[screenKey{c.Tool, e.ID}] = s
			out.list = append(out.list, s)
		}
	}
	slices.SortFunc(out.list, func(a, b *screen) int {
		return strings.Compare(a.Tool+"\x00"+a.ID, b.Tool+"\x00"+b.ID)
	})
	return out, nil
}

// register adds a pattern; ServeMux panics where two contradict each other.
func register(mux *http.ServeMux, s *screen) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("path %s: %v", s.Path, r)
		}
	}()
	path := s.Path
	if strings.HasSuffix(path, "/") {
		path += "{$}"
	}
	mux.Handle(s.Method+" "+path, matched{s})
	return nil
}

// matched is how a screen stands in a ServeMux; it serves nothing.
type matched struct{ *screen }

func (matched) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

func (c *catalogue) compile(e screenEntry, known *Conditions) (*screen, error) {
	s := &screen{query: e.Query, Screen: Screen{Tool: c.Tool, ID: e.ID, Method: e.Method, Path: e.Path, Media: e.Media,
		Subject: e.Subject, Kind: e.Kind, Upgrade: e.Upgrade, Polled: e.Polled, Write: e.Method != "GET" && e.Method != "HEAD", Body: e.Body != ""}}
	var err error
	if e.Shape != "" {
		if s.answer, err = c.expand(e.Shape); err != nil {
			return nil, err
		}
		for _, name := range s.answer.factNames() {
			if slices.Index(known.Facts, name) < 0 {
				return nil, fmt.Errorf("fact %q is not among the rules' facts %v", name, known.Facts)
			}
		}
		for _, name := range known.Facts {
			if f, ok := s.answer.facts[name]; ok {
				s.facts, s.own = append(s.facts, f), s.own || personal(f)
			}
		}
	}
	if e.Body != "" {
		if s.body, err = c.expand(e.Body); err != nil {
			return nil, err
		}
	}
	return s, s.compileShapes()
}

// factNames are those of the facts that the screen's records can prove.
func (s *screen) factNames() []string {
	names := make([]string, len(s.facts))
	for i, f := range s.facts {
		names[i] = f.Name
	}
	return names
}

func (s *screen) html() bool {
	kind, _, _ := mime.ParseMediaType(s.Media)
	return kind == "text/html"
}

// match finds the screen of a canonical request.
func (all *screens) match(tool, method, path string) (*screen, map[string]string, error) {
	mux := all.mux[tool]
	if mux == nil {
		return nil, nil, ErrScreen
	}
	r := &http.Request{Method: method, URL: &url.URL{Path: path}}
	h, pattern := mux.Handler(r)
	m, ok := h.(matched)
	if !ok || pattern == "" {
		return nil, nil, ErrScreen
	}
	params, ok := bind(strings.TrimSuffix(m.Path, "{$}"), path)
	if !ok {
		return nil, nil, ErrScreen
	}
	return m.screen, params, nil
}

// bind reads the parameters of a pattern out of a path that matched it.
func bind(pattern, path string) (map[string]string, bool) {
	params := map[string]string{}
	for pattern != "" {
		want, restPattern, _ := strings.Cut(strings.TrimPrefix(pattern, "/"), "/")
		have, restPath, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		name, isParam := strings.CutPrefix(want, "{")
		name = strings.TrimSuffix(name, "}")
		switch {
		case !isParam && want != have:
			return nil, false
		case isParam && strings.HasSuffix(name, "..."):
			params[strings.TrimSuffix(name, "...")] = strings.TrimPrefix(path, "/")
			return params, true
		case isParam:
			if have == "" {
				return nil, false
			}
			params[name] = have
		}
		pattern, path = restPattern, restPath
	}
	return params, path == ""
}
