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

// found is one row and whose it is.
type found struct {
	place   Place // without field
	row     Row
	owner   Owner
	joint   bool     // another person owns it too
	foreign []string // fields that lead to another person
	mention []string // fields in which the person is named
	via     []*found // rows whose links led here; nil: an identifier
	byID    bool
}

// locator runs one locate pass.
type locator struct {
	m       *Map
	edges   []edge
	holders map[string]Holder
	known   map[string]*found
	asked   map[string]bool
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
	l := &locator{m: m, edges: edges, holders: holders, known: map[string]*found{}, asked: map[string]bool{}, seeds: seeds,
		located: located{rows: map[string][]*found{}, others: map[string]int{}}}
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
				rows, err := l.ask(ctx, at, c, values, true)
				if err != nil {
					return nil, err
				}
				for _, row := range rows {
					if f, isNew := l.take(at, row); isNew {
						f.owner, f.byID = Own, true
						wave = append(wave, f)
					}
				}
			}
		}
	}
	return wave, nil
}

// ask puts one link's question to its holder.
func (l *locator) ask(ctx context.Context, at Place, c *Collection, values []string, keep bool) ([]Row, error) {
	h := l.holders[at.System]
	if h == nil {
		return nil, fmt.Errorf("%w: no holder is configured for system %q", ErrBroken, at.System)
	}
	l.calls++
	rows, err := h.Find(ctx, c, at.Field, values)
	if err != nil {
		return nil, fmt.Errorf("locate in %s: %w", at, err)
	}
	for _, row := range rows { // a holder that answers another question is not believed
		if !slices.Contains(values, Text(row.Values[at.Field])) {
			return nil, fmt.Errorf("locate in %s: %w: a row came back that was not asked for", at, ErrBroken)
		}
	}
	if keep {
		l.links = append(l.links, Link{at, values})
	}
	return rows, nil
}

// take remembers a row once.
func (l *locator) take(at Place, row Row) (*found, bool) {
	name := at.System + "." + at.Collection
	if f := l.known[name+row.Key]; f != nil {
		return f, false
	}
	f := &found{place: Place{at.System, at.Collection, ""}, row: row}
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
		rows, err := l.ask(ctx, e.to, l.m.Collection(e.to.System, e.to.Collection), values, owner == Own)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if f := l.arrive(e, row, by[Text(row.Values[e.to.Field])]); f != nil {
				next = append(next, f)
			}
		}
	}
	return next, nil
}

// outgoing is the values that flow along an edge and have not been asked yet.
func (l *locator) outgoing(wave []*found, e edge) ([]string, map[string][]*found) {
	var values []string
	by := map[string][]*found{}
	for _, f := range wave {
		if f.place.System != e.from.System || f.place.Collection != e.from.Collection || f.owner == Mentions ||
			(f.owner == Shared && e.owner != Shared) || (f.joint && e.owner == Mentions) {
			continue
		}
		for _, v := range texts(f.row.Values[e.from.Field]) {
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
		for field, v := range f.row.Values {
			at := Place{f.place.System, f.place.Collection, field}
			if mine[at] == nil {
				mine[at] = map[string]bool{}
			}
			for _, text := range texts(v) {
				mine[at][text] = true
			}
		}
	}
	for _, f := range l.all() {
		belongs := map[string]bool{}
		for _, e := range l.edges {
			if e.owner != Own || e.to.System != f.place.System || e.to.Collection != f.place.Collection {
				continue
			}
			v := Text(f.row.Values[e.to.Field])
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
