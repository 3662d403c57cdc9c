package rights

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Identity is what a person is found by: kind of identifier → values.
type Identity map[string][]string

// located is everything the locate pass found. It reads and never writes.
type located struct {
	rows   map[string][]*found // by system.collection, in the order found
	links  []Link
	others map[string]int // rows of other people that a link touched, by collection
	calls  int
}

// Link is a question that led to rows; proof asks it again.
type Link struct {
	Place  Place    `json:"place"`
	Values []string `json:"values"`
}

// found is one row and whose it is. It is small: a person may have very many.
type found struct {
	system  string
	c       *Collection
	key     string
	values  []any // in the order of c.Fields; what nobody asks for later is only [there]
	owner   Owner
	joint   bool     // another person owns it too
	foreign []string // fields that lead to another person
	mention []string // fields in which the person is named
	via     []*found // rows whose links led here; nil: an identifier
	byID    bool
}

// there stands for a value that planning needs no more of than that it is not null.
type there struct{}

// value is a field's value; nil if it is null or unknown.
func (f *found) value(field string) any {
	if i := slices.IndexFunc(f.c.Fields, func(c Field) bool { return c.Name == field }); i >= 0 {
		return f.values[i]
	}
	return nil
}

// locator runs one locate pass.
type locator struct {
	m       *Map
	edges   []edge
	holders map[string]Holder
	known   map[string]*found
	asked   map[string]bool
	linked  map[Place]bool // the ends of all edges
	seeds   Identity
	located
}

// locate finds every row about a person. Rows that belong to the person are
// followed on; shared rows only towards further shared ones; other people's rows
// not at all.
func locate(ctx context.Context, m *Map, holders map[string]Holder, seeds Identity) (*located, error) {
	edges, errs := m.edges()
	if len(errs) > 0 {
		return nil, errs[0]
	}
	l := &locator{m: m, edges: edges, holders: holders, known: map[string]*found{}, asked: map[string]bool{}, linked: map[Place]bool{}, seeds: seeds,
		located: located{rows: map[string][]*found{}, others: map[string]int{}}}
	for _, e := range edges {
		l.linked[e.from], l.linked[e.to] = true, true
	}
	wave, err := l.identified(ctx)
	if err != nil {
		return nil, err
	}
	for len(wave) > 0 {
		if wave, err = l.follow(ctx, wave, Own); err != nil {
			return nil, err
		}
	}
	l.judge()
	for _, owner := range []Owner{Mentions, Shared} {
		for wave = l.all(); len(wave) > 0; {
			if wave, err = l.follow(ctx, wave, owner); err != nil {
				return nil, err
			}
		}
	}
	return &l.located, nil
}

// identified asks every collection that knows people by an identifier.
func (l *locator) identified(ctx context.Context) ([]*found, error) {
	var wave []*found
	for _, s := range l.m.Systems {
		for i := range s.Collections {
			c := &s.Collections[i]
			for _, f := range c.Fields {
				values := l.seeds[f.Identity]
				if f.Identity == "" || len(values) == 0 {
					continue
				}
				at := Place{s.Name, c.Name, f.Name}
				err := l.ask(ctx, at, values, true, func(row Row) {
					if f, isNew := l.take(at, row); isNew {
						f.owner, f.byID = Own, true
						wave = append(wave, f)
					}
				})
				if err != nil {
					return nil, err
				}
			}
		}
	}
	return wave, nil
}

// ask puts one link's question to its holder and hands over what comes.
func (l *locator) ask(ctx context.Context, at Place, values []string, keep bool, f func(Row)) error {
	h := l.holders[at.System]
	if h == nil {
		return fmt.Errorf("%w: no holder is configured for system %q", ErrBroken, at.System)
	}
	l.calls++
	asked := map[string]bool{}
	for _, v := range values {
		asked[v] = true
	}
	for row, err := range h.Find(ctx, l.m.Collection(at.System, at.Collection), at.Field, values) {
		if err != nil {
			return fmt.Errorf("locate in %s: %w", at, err)
		}
		if !asked[Text(row.Values[at.Field])] { // a holder that answers another question is not believed
			return fmt.Errorf("locate in %s: %w: a row came back that was not asked for", at, ErrBroken)
		}
		f(row)
	}
	if keep {
		l.links = append(l.links, Link{at, slices.Clone(values)})
	}
	return nil
}

// take remembers a row once.
func (l *locator) take(at Place, row Row) (*found, bool) {
	name := at.System + "." + at.Collection
	if f := l.known[name+row.Key]; f != nil {
		return f, false
	}
	f := &found{system: at.System, c: l.m.Collection(at.System, at.Collection), key: row.Key}
	f.values = make([]any, len(f.c.Fields))
	for i, field := range f.c.Fields {
		v := row.Values[field.Name]
		needed := field.Key || field.Identity != "" || field.Correctable != "" || field.Name == f.c.Since || l.linked[Place{at.System, at.Collection, field.Name}]
		if v != nil && !needed {
			v = there{}
		}
		f.values[i] = v
	}
	l.known[name+row.Key] = f
	l.rows[name] = append(l.rows[name], f)
	return f, true
}

func (l *locator) all() (out []*found) {
	for _, name := range sortedKeys(l.rows) {
		out = append(out, l.rows[name]...)
	}
	return out
}

// follow walks the links of one kind out of a wave of rows and returns the new rows.
func (l *locator) follow(ctx context.Context, wave []*found, owner Owner) ([]*found, error) {
	var next []*found
	for _, e := range l.edges {
		if e.owner != owner {
			continue
		}
		values, by := l.outgoing(wave, e)
		if len(values) == 0 {
			continue
		}
		err := l.ask(ctx, e.to, values, owner == Own, func(row Row) {
			if f := l.arrive(e, row, by[Text(row.Values[e.to.Field])]); f != nil {
				next = append(next, f)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return next, nil
}

// outgoing is the values that flow along an edge and have not been asked yet.
func (l *locator) outgoing(wave []*found, e edge) ([]string, map[string][]*found) {
	var values []string
	by := map[string][]*found{}
	for _, f := range wave {
		if f.system != e.from.System || f.c.Name != e.from.Collection || f.owner == Mentions ||
			(f.owner == Shared && e.owner != Shared) || (f.joint && e.owner == Mentions) {
			continue
		}
		for _, v := range texts(f.value(e.from.Field)) {
			if by[v] = append(by[v], f); !l.asked[e.from.String()+">"+e.to.String()+"="+v] {
				l.asked[e.from.String()+">"+e.to.String()+"="+v] = true
				values = append(values, v)
			}
		}
	}
	return values, by
}

// arrive decides whose a row at the end of a link is; nil if it is not new, or
// belongs to somebody else and is left alone.
func (l *locator) arrive(e edge, row Row, from []*found) *found {
	name := e.to.System + "." + e.to.Collection
	if f := l.known[name+row.Key]; f != nil {
		if e.owner == Own {
			f.via = append(f.via, from...)
		}
		if e.owner == Mentions && f.owner == Mentions {
			f.mention = append(f.mention, e.to.Field)
		}
		return nil
	}
	if e.owner == Shared && l.somebodys(name, row) {
		l.others[name]++
		return nil
	}
	f, _ := l.take(e.to, row)
	f.owner, f.via = e.owner, from
	if e.owner == Mentions {
		f.mention = []string{e.to.Field}
		if !l.somebodys(name, row) {
			f.owner = Shared
		}
		return nil // other people's rows are not followed
	}
	return f
}

// somebodys says whether a row that no own link reached names an owner.
func (l *locator) somebodys(name string, row Row) bool {
	system, collection, _ := strings.Cut(name, ".")
	for _, f := range l.m.Collection(system, collection).Fields {
		if f.Identity != "" && Text(row.Values[f.Name]) != "" {
			return true
		}
	}
	for _, e := range l.edges {
		if e.owner == Own && e.to.System == system && e.to.Collection == collection && Text(row.Values[e.to.Field]) != "" {
			return true
		}
	}
	return false
}

// judge marks the rows that another person owns too: those with a link to an owner
// outside the person's own rows, and those that hang on such a row.
func (l *locator) judge() {
	mine := map[Place]map[string]bool{}
	for _, f := range l.all() {
		for i, field := range f.c.Fields {
			at := Place{f.system, f.c.Name, field.Name}
			if !l.linked[at] {
				continue
			}
			if mine[at] == nil {
				mine[at] = map[string]bool{}
			}
			for _, text := range texts(f.values[i]) {
				mine[at][text] = true
			}
		}
	}
	for _, f := range l.all() {
		belongs := map[string]bool{}
		for _, e := range l.edges {
			if e.owner != Own || e.to.System != f.system || e.to.Collection != f.c.Name {
				continue
			}
			v := Text(f.value(e.to.Field))
			belongs[e.to.Field] = belongs[e.to.Field] || v == "" || mine[e.from][v]
		}
		for field, ok := range belongs {
			if !ok {
				f.joint, f.foreign = true, append(f.foreign, field)
			}
		}
		slices.Sort(f.foreign)
	}
	for changed := true; changed; {
		changed = false
		for _, f := range l.all() {
			if !f.joint && !f.byID && slices.ContainsFunc(f.via, func(p *found) bool { return p.joint }) {
				f.joint, changed = true, true
			}
		}
	}
}
