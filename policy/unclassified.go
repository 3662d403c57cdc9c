package policy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/privet-gateway/privet/redact"
)

// Unclassified lists the paths of a JSON document that the catalogue of a
// screen does not name: they are withheld from everybody.
func (e *Engine) Unclassified(s *Screen, document []byte, scan *redact.Engine) ([]redact.Unnamed, error) {
	st := e.state.Load()
	sc := st.screens.byID[screenKey{s.Tool, s.ID}]
	if sc == nil {
		return nil, ErrScreen
	}
	if sc.html() {
		return nil, errors.New("pages are classified by selectors; look at explain's view of the page")
	}
	return sc.shape.Unnamed(document, scan)
}

// Paste writes unclassified paths as they would stand under a shape's fields.
func Paste(list []redact.Unnamed) string {
	var b strings.Builder
	for _, u := range list {
		fmt.Fprintf(&b, "      %q: %s # seen %d×; nothing personal found is no proof that there is none\n", u.Path, u.Class, u.Count)
	}
	return b.String()
}

// PasteNoted is Paste for what was noted of one screen.
func PasteNoted(list []Noted) string {
	all := make([]redact.Unnamed, len(list))
	for i, n := range list {
		all[i] = redact.Unnamed{Path: n.Path, Count: n.Count, Class: n.Class}
	}
	return Paste(all)
}

// Screens lists the screens of the catalogue, by tool and id.
func (e *Engine) Screens() []Screen {
	var out []Screen
	for _, s := range e.state.Load().screens.list {
		out = append(out, s.Screen)
	}
	return out
}

// Screen finds a screen by its name.
func (e *Engine) Screen(tool, id string) (*Screen, error) {
	s := e.state.Load().screens.byID[screenKey{tool, id}]
	if s == nil {
		return nil, fmt.Errorf("%w: %s %s", ErrScreen, tool, id)
	}
	return &s.Screen, nil
}

// Noted is a path of live answers that the catalogue does not name.
type Noted struct {
	Tool   string       `json:"tool"`
	Screen string       `json:"screen"`
	Island string       `json:"island,omitempty"` // the selector of a page's JSON that it lies in
	Path   string       `json:"path"`
	Class  redact.Class `json:"class"` // what the detectors take its values for
	Count  int          `json:"count"` // of values
	First  time.Time    `json:"first"`
	Last   time.Time    `json:"last"`
}

// Notes keeps what was noted beyond the process, and of several gateways
// together: paths and counts, never a value.
type Notes interface {
	// Add adds counts to what is kept.
	Add(ctx context.Context, list []Noted) error
	// All lists what is kept.
	All(ctx context.Context) ([]Noted, error)
}

// take drains what the answers of a bundle were found to hold.
func (st *state) take(now time.Time) (list []Noted) {
	for _, s := range st.screens.list {
		for island, strays := range s.strays {
			for _, u := range strays.Take() {
				list = append(list, Noted{s.Tool, s.ID, island, u.Path, u.Class, u.Count, now, now})
			}
		}
	}
	return list
}

// FlushNotes hands on what was noted since the last time.
func (e *Engine) FlushNotes(ctx context.Context) error {
	if e.cfg.Suggest == nil {
		return nil
	}
	e.noting.Lock()
	defer e.noting.Unlock()
	e.pending = append(e.pending, e.state.Load().take(e.cfg.Clock())...)
	if len(e.pending) == 0 {
		return nil
	}
	if err := e.notes().Add(ctx, e.pending); err != nil {
		return fmt.Errorf("keep unclassified paths: %w", err)
	}
	e.pending = nil
	return nil
}

func (e *Engine) notes() Notes {
	if e.cfg.Notes != nil {
		return e.cfg.Notes
	}
	return &e.here
}

// Noted lists what was noted and is still not in the catalogue, by tool, screen and path.
func (e *Engine) Noted(ctx context.Context) ([]Noted, error) {
	if err := e.FlushNotes(ctx); err != nil {
		return nil, err
	}
	all, err := e.notes().All(ctx)
	if err != nil {
		return nil, fmt.Errorf("read unclassified paths: %w", err)
	}
	known := e.state.Load().screens.byID
	all = slices.DeleteFunc(all, func(n Noted) bool {
		s := known[screenKey{n.Tool, n.Screen}]
		return s == nil || s.strays[n.Island] == nil || s.names(n.Island, n.Path)
	})
	slices.SortFunc(all, func(a, b Noted) int {
		return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.Screen, b.Screen), cmp.Compare(a.Island, b.Island), cmp.Compare(a.Path, b.Path))
	})
	return all, nil
}

// names says whether the catalogue gives a path a class.
func (s *screen) names(island, path string) bool {
	o := s.answer
	if island != "" {
		o = s.answer.islands[island]
	}
	return slices.ContainsFunc(o.fields, func(f leaf) bool { return f.path == path })
}

// inMemory is the Notes of one process.
type inMemory struct{ all map[Noted]*Noted }

// Add adds counts; Engine.noting is held.
func (m *inMemory) Add(_ context.Context, list []Noted) error {
	if m.all == nil {
		m.all = map[Noted]*Noted{}
	}
	for _, n := range list {
		key := Noted{Tool: n.Tool, Screen: n.Screen, Island: n.Island, Path: n.Path}
		have := m.all[key]
		if have == nil {
			m.all[key] = &n
			continue
		}
		have.Count, have.Last = have.Count+n.Count, n.Last
		if have.Class == redact.Plain {
			have.Class = n.Class
		}
	}
	return nil
}

// All lists them.
func (m *inMemory) All(context.Context) (list []Noted, err error) {
	for _, n := range m.all {
		list = append(list, *n)
	}
	return list, nil
}
