package policy

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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
	Path   string       `json:"path"`
	Class  redact.Class `json:"class"` // what the detectors take its values for
	Count  int          `json:"count"` // of values, in the answers that were looked into
	First  time.Time    `json:"first"`
	Last   time.Time    `json:"last"`
}

const (
	maxNoted  = 1000             // paths that are kept
	noteEvery = 10 * time.Second // of one screen
)

// notes keep paths and counts, never a value.
type notes struct {
	mu    sync.Mutex
	busy  bool
	again map[screenKey]time.Time // when a screen is looked into next
	paths map[Noted]*Noted        // by tool, screen and path
}

// Note looks, apart from the request, into an answer that held values which no
// catalogue names: one answer at a time, and of one screen every ten seconds.
func (e *Engine) Note(s *Screen, document []byte) {
	key, now, n := screenKey{s.Tool, s.ID}, e.cfg.Clock(), &e.notes
	if e.cfg.Suggest == nil {
		return
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.busy || now.Before(n.again[key]) {
		return
	}
	if n.again == nil {
		n.again, n.paths = map[screenKey]time.Time{}, map[Noted]*Noted{}
	}
	n.busy, n.again[key] = true, now.Add(noteEvery)
	go e.note(s, bytes.Clone(document), now)
}

func (e *Engine) note(s *Screen, document []byte, now time.Time) {
	found, err := e.Unclassified(s, document, e.cfg.Suggest)
	n := &e.notes
	n.mu.Lock()
	defer n.mu.Unlock()
	n.busy = false
	if err != nil { // not JSON: its selectors are written by hand
		return
	}
	for _, u := range found {
		key := Noted{Tool: s.Tool, Screen: s.ID, Path: u.Path}
		p := n.paths[key]
		if p == nil {
			if len(n.paths) == maxNoted {
				continue
			}
			p = &Noted{Tool: s.Tool, Screen: s.ID, Path: u.Path, Class: u.Class, First: now}
			n.paths[key] = p
		}
		if p.Class == redact.Plain {
			p.Class = u.Class
		}
		p.Count, p.Last = p.Count+u.Count, now
	}
}

// Noted lists what was noted since the start, by tool, screen and path.
func (e *Engine) Noted() []Noted {
	e.notes.mu.Lock()
	defer e.notes.mu.Unlock()
	out := make([]Noted, 0, len(e.notes.paths))
	for _, p := range e.notes.paths {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Noted) int {
		return cmp.Or(cmp.Compare(a.Tool, b.Tool), cmp.Compare(a.Screen, b.Screen), cmp.Compare(a.Path, b.Path))
	})
	return out
}
