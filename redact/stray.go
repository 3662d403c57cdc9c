package redact

import (
	"bytes"
	"math/bits"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/go-json-experiment/json/jsontext"
)

// Strays counts what live documents of one shape hold where the plan names
// nothing: paths, counts and a class that the detectors suggest, never a value.
// A value that is met again costs two additions; the first eight of a path, and
// then the 16th, the 32nd and so on, are looked into.
type Strays struct {
	suggest *Engine // nil: nothing is noted

	mu   sync.RWMutex
	at   map[strayAt]*stray
	wide map[string]int // by place: names there that are values themselves
}

type strayAt struct{ place, name string }

// stray is one path.
type stray struct {
	path  string
	met   atomic.Int64 // values, those of documents that were read twice more than once
	count atomic.Int64 // values of documents that were shown
	box   bool         // an object or array: what is in it is listed
	in    *stray       // inside of this one
	found atomic.Int64 // in the values of in that were looked into
	look  atomic.Int64 // values looked into
	class atomic.Pointer[Class]
	told  int64 // guarded by Strays.mu
}

const (
	maxStrays = 256 // paths of one shape
	maxWide   = 16  // names at one place that are values
	maxLooked = 4096
)

// Suggest begins to count, and has an engine suggest classes.
func (s *Strays) Suggest(scan *Engine) { s.suggest = scan }

// Take lists what was met since the last time. What lies inside of values that
// are not named themselves is counted by those that were looked into.
func (s *Strays) Take() (list []Unnamed) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, st := range s.at {
		n := st.count.Load()
		if st.in != nil {
			n = st.in.count.Load() * st.found.Load() / max(1, st.in.look.Load())
		}
		if st.box || n <= st.told {
			continue
		}
		u := Unnamed{Path: st.path, Count: int(n - st.told), Class: Plain}
		if class := st.class.Load(); class != nil {
			u.Class = *class
		}
		st.told = n
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b Unnamed) int { return strings.Compare(a.Path, b.Path) })
	return list
}

// find gives the stray of a name at a place; "" is the place itself. nil: there are too many.
func (s *Strays) find(place string, name []byte) *stray {
	s.mu.RLock()
	st := s.at[strayAt{place, string(name)}]
	s.mu.RUnlock()
	if st != nil {
		return st
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	step := ""
	if len(name) > 0 {
		step = "{}"
		if s.wide[place] < maxWide {
			walk := unnamedWalk{scan: s.suggest}
			step = walk.step(string(name))
		}
	}
	if step == "{}" {
		if s.wide == nil {
			s.wide = map[string]int{}
		}
		s.wide[place]++
		name = []byte("{}")
	}
	return s.put(strayAt{place, string(name)}, joinPath(place, step))
}

// put makes room for a path. mu is held.
func (s *Strays) put(at strayAt, path string) *stray {
	if st := s.at[at]; st != nil || len(s.at) >= maxStrays {
		return st
	}
	if s.at == nil {
		s.at = map[strayAt]*stray{}
	}
	st := &stray{path: path}
	s.at[at] = st
	return st
}

// due says whether the next value is to be looked into.
func (st *stray) due() bool {
	n := uint64(st.met.Add(1))
	return n <= 8 || bits.OnesCount64(n) == 1
}

// stray counts a value that stands under a name at a place of the plan.
func (v *rewriting) stray(n *node, name, raw []byte) {
	if s := v.strays(); s != nil && n != nil {
		v.strayed(s, s.find(n.path, name), raw, true)
	}
}

// strays is where what is not named is counted, nil: nowhere.
func (v *rewriting) strays() *Strays {
	if s := v.plan.cfg.Strays; s != nil && s.suggest != nil {
		return s
	}
	return nil
}

// strayed counts one value of a stray, and looks into it where that is due.
func (v *rewriting) strayed(s *Strays, st *stray, raw []byte, json bool) {
	if st == nil {
		return
	}
	v.hits = append(v.hits, st)
	if st.due() {
		s.lookInto(st, raw, json)
	}
}

// settle adds to the counts what was met in documents that are done.
func (v *rewriting) settle() {
	for _, st := range v.hits {
		st.count.Add(1)
	}
	v.hits = v.hits[:0]
}

func (s *Strays) lookInto(st *stray, raw []byte, json bool) {
	if json && len(raw) > 0 && (raw[0] == '{' || raw[0] == '[') {
		s.open(st, raw)
		return
	}
	walk := unnamedWalk{scan: s.suggest, found: map[string]*Unnamed{}}
	if !json {
		quoted, err := jsontext.AppendQuote(nil, bytes.ToValidUTF8(raw[:min(len(raw), maxLooked)], nil))
		if err != nil {
			return
		}
		raw = quoted
	}
	if len(raw) == 0 || len(raw) > 2*maxLooked {
		return
	}
	walk.note(st.path, raw)
	st.learn(walk.found[st.path].Class)
}

func (st *stray) learn(class Class) {
	if known := st.class.Load(); known == nil || *known == Plain {
		st.class.Store(&class)
	}
}

// open lists what an object or array that is not named holds.
func (s *Strays) open(st *stray, raw []byte) {
	if len(raw) > 16*maxLooked {
		return
	}
	walk := unnamedWalk{scan: s.suggest, found: map[string]*Unnamed{}}
	if walk.value(nil, st.path, raw) != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	st.look.Add(1)
	for path, u := range walk.found {
		in := s.put(strayAt{st.path, "\x00" + path}, path)
		if in == nil {
			return
		}
		st.box, in.in = true, st
		in.found.Add(int64(u.Count))
		in.learn(u.Class)
	}
}

// strayCell counts a cell of a column that is not named.
func (v *rewriting) strayCell(column, cell string) {
	if s := v.strays(); s != nil && cell != "" {
		v.strayed(s, s.find("", []byte(column)), []byte(cell), false)
	}
}

// strayText counts a text by a selector.
func (v *rewriting) strayText(at string, text []byte) {
	s := v.strays()
	if s == nil {
		return
	}
	s.mu.Lock()
	st := s.put(strayAt{"\x00", at}, at)
	s.mu.Unlock()
	v.strayed(s, st, text, false)
}

// selector names the place where a page stands: the nearest element that has a
// class, an id, or else the tag. Names that look personal are not used.
func (p *page) selector() string {
	if p.strays() == nil {
		return ""
	}
	walk := unnamedWalk{scan: p.strays().suggest}
	for i := len(p.stack) - 1; i >= 0; i-- {
		for _, key := range []string{"class", "id"} {
			for _, a := range p.stack[i].attrs {
				name, _, _ := strings.Cut(strings.TrimSpace(a.Val), " ")
				if a.Key == key && plainName(name) && walk.step(name) == name {
					return map[string]string{"class": ".", "id": "#"}[key] + name
				}
			}
		}
	}
	if len(p.stack) > 0 {
		return p.stack[len(p.stack)-1].tag
	}
	return "*"
}

func plainName(name string) bool {
	rest := ""
	if name != "" {
		name, rest = cutName(name)
	}
	return name != "" && rest == ""
}
