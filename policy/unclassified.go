package policy

import (
	"errors"
	"fmt"
	"strings"

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
