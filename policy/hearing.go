package policy

import (
	"context"
	"encoding/binary"
	"slices"
	"strings"
	"sync"
)

// hearing is what one bundle's rules have said on a walk over the space. What
// the rules of a set say depends on what they look at and on nothing else, so
// that a walk over every screen asks a few thousand short questions.
type hearing struct {
	rules *rules
	mu    sync.Mutex
	said  map[heardAt]saidSet
	ids   map[string]uint32 // of what was said
}

type heardAt struct {
	part   int
	screen string // as the part's rules tell screens apart
	at     situation
}

// saidSet is what the rules of one set say to one situation.
type saidSet struct {
	answer *answer
	id     uint32
}

func newHearing(r *rules) *hearing {
	return &hearing{rules: r, said: map[heardAt]saidSet{}, ids: map[string]uint32{}}
}

// ask asks one set of rules, unless the question was asked before.
func (h *hearing) ask(ctx context.Context, i int, s *screen, name string, at situation) (saidSet, error) {
	key := heardAt{i, name, at}
	h.mu.Lock()
	said, known := h.said[key]
	h.mu.Unlock()
	if known {
		return said, nil
	}
	said.answer = &answer{}
	if err := h.rules.eval(ctx, h.rules.parts[i].query, h.rules.input(s, at), said.answer); err != nil {
		return said, err
	}
	words := said.answer.key()
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, had := h.ids[words]; !had {
		h.ids[words] = uint32(len(h.ids))
	}
	said.id = h.ids[words]
	h.said[key] = said
	return said, nil
}

// asker decides points for one screen of one bundle; screen nil: there is none.
type asker struct {
	*hearing
	screen *screen
	names  []string // of the screen, by part
	near   []map[situation]saidSet
	kept   map[string]*Decision // by what was said: there are few different decisions
	scrap  []byte
}

func newAsker(h *hearing, s *screen) *asker {
	a := &asker{hearing: h, screen: s, kept: map[string]*Decision{}}
	for i := range h.rules.parts {
		a.near = append(a.near, map[situation]saidSet{})
		if s != nil {
			a.names = append(a.names, h.rules.parts[i].uses.screen(s))
		}
	}
	return a
}

// decide gives the decision at a point, and a key that equal decisions share.
func (a *asker) decide(ctx context.Context, p point) (*Decision, string, error) {
	if a.screen == nil {
		return &Decision{Refused: "screen_unknown"}, "-", nil
	}
	at, has := a.rules.known.at(p)
	if !has {
		return &Decision{Refused: RoleUnknown}, "-", nil
	}
	var sets [8]*answer
	a.scrap = a.scrap[:0]
	for i := range a.rules.parts {
		key := a.rules.parts[i].sight.project(at)
		said, known := a.near[i][key]
		if !known {
			var err error
			if said, err = a.ask(ctx, i, a.screen, a.names[i], key); err != nil {
				return nil, "", err
			}
			a.near[i][key] = said
		}
		sets[i] = said.answer
		a.scrap = binary.LittleEndian.AppendUint32(a.scrap, said.id)
	}
	if d, ok := a.kept[string(a.scrap)]; ok {
		return d, d.Bundle, nil
	}
	d := decide(a.screen, a.rules.known, []*answer{join(sets[:len(a.near)])})
	d.Bundle = string(a.scrap)
	a.kept[d.Bundle] = d
	return d, d.Bundle, nil
}

func join(parts []*answer) *answer {
	all := &answer{}
	for _, p := range parts {
		all.open = append(all.open, p.open...)
		all.refuse = append(all.refuse, p.refuse...)
		all.stepUp = append(all.stepUp, p.stepUp...)
		all.grant = append(all.grant, p.grant...)
		all.cap = append(all.cap, p.cap...)
	}
	return all
}

// key names an answer by what was said: a rule stands at one place.
func (a *answer) key() string {
	var at []string
	for _, list := range [][]*saying{a.open, a.refuse, a.stepUp, a.grant, a.cap} {
		for _, s := range list {
			at = append(at, s.set[:1]+s.at)
		}
	}
	slices.Sort(at)
	return strings.Join(at, " ")
}
