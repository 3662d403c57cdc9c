package rights

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Map is the data map: which systems hold what about a cardholder.
type Map struct {
	Version string   `yaml:"version"`
	Systems []System `yaml:"systems"`

	settled *settledMap // nil: it may still change
}

// System is one place that holds personal data, behind one [Holder].
type System struct {
	Name        string        `yaml:"name"`
	Title       string        `yaml:"title"`       // for people
	Purpose     string        `yaml:"purpose"`     // GDPR Art. 15(1)(a)
	Recipients  []string      `yaml:"recipients"`  // Art. 15(1)(c)
	Keep        string        `yaml:"keep"`        // Art. 15(1)(d), in words
	Source      string        `yaml:"source"`      // Art. 15(1)(g)
	Propagation time.Duration `yaml:"propagation"` // until an erasure has reached every copy
	Sync        time.Duration `yaml:"sync"`        // until the feeding system writes again
	Collections []Collection  `yaml:"collections"`

	Local map[string]Told `yaml:"local,omitempty"` // the same for people, by language
}

// Collection is a table, an endpoint, a directory.
type Collection struct {
	Name       string   `yaml:"name"`
	Title      string   `yaml:"title"`
	Fields     []Field  `yaml:"fields"`
	Erase      Action   `yaml:"erase"`       // delete (default), blank or keep
	Because    string   `yaml:"because"`     // why it is kept: an exemption's name
	Since      string   `yaml:"since"`       // the field that dates a row, for exemptions with an end
	EraseAfter []string `yaml:"erase_after"` // system.collection

	Local map[string]string `yaml:"local,omitempty"` // titles by language
}

// Action is what erasing does.
type Action string

// Actions.
const (
	Delete Action = "delete" // the row goes
	Blank  Action = "blank"  // the row stays, its personal fields become null
	Keep   Action = "keep"   // nothing changes, and the law that says so is named
)

// Field is one column or member.
type Field struct {
	Name        string      `yaml:"name"`
	Class       string      `yaml:"class"`    // what kind of personal data; "" for none
	Key         bool        `yaml:"key"`      // part of what names a row
	Identity    string      `yaml:"identity"` // found by this identifier: email, phone, subject
	References  []Reference `yaml:"references"`
	Because     string      `yaml:"because"` // exemption that keeps this one field
	Withhold    bool        `yaml:"withhold"`
	Correctable string      `yaml:"correctable"` // validator: name, email, phone, date, address, text, postcode
}

// Reference links two fields. Its values flow one way.
type Reference struct {
	To    string `yaml:"to"`    // this field's values are looked for in system.collection.field
	From  string `yaml:"from"`  // the values of system.collection.field are looked for in this field
	Owner Owner  `yaml:"owner"` // whose the rows found are
}

// Owner says whose the rows at the end of a link are.
type Owner string

// Owners.
const (
	Own      Owner = "own"      // they belong to whom the first row belongs to
	Shared   Owner = "shared"   // several people's rows lead there
	Mentions Owner = "mentions" // somebody else's row, in which the person is named
)

// Place names a field.
type Place struct{ System, Collection, Field string }

func (p Place) String() string { return p.System + "." + p.Collection + "." + p.Field }

// edge is one link of the graph, in the direction in which values flow.
type edge struct {
	from, to Place
	owner    Owner
}

// ParseMap reads a data map strictly: an unknown key is an error with its line.
func ParseMap(raw []byte) (*Map, error) {
	dec := yaml.NewDecoder(bytes.NewReader(raw))
	dec.KnownFields(true)
	m := &Map{}
	if err := dec.Decode(m); err != nil {
		return nil, fmt.Errorf("read data map: %w", err)
	}
	return m, nil
}

// settledMap is what follows from a map that will not change any more.
type settledMap struct {
	digest string
	ahead  map[string]map[string]bool
}

// settle is a copy of a checked map with what every plan asks of it worked out once.
func (m *Map) settle() *Map {
	out := *m
	out.settled = nil // of the map it is a copy of
	out.settled = &settledMap{out.Digest(), out.ahead()}
	return &out
}

// Digest names this exact map; plans carry it.
func (m *Map) Digest() string {
	if m.settled != nil {
		return m.settled.digest
	}
	raw, err := yaml.Marshal(m)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(raw)
	return hex.EncodeToString(sum[:])
}

// System finds a system by name, or nil.
func (m *Map) System(name string) *System {
	for i := range m.Systems {
		if m.Systems[i].Name == name {
			return &m.Systems[i]
		}
	}
	return nil
}

// Collection finds one by name, or nil.
func (m *Map) Collection(system, name string) *Collection {
	s := m.System(system)
	if s == nil {
		return nil
	}
	for i := range s.Collections {
		if s.Collections[i].Name == name {
			return &s.Collections[i]
		}
	}
	return nil
}

// Field finds one by name, or nil.
func (c *Collection) Field(name string) *Field {
	for i := range c.Fields {
		if c.Fields[i].Name == name {
			return &c.Fields[i]
		}
	}
	return nil
}

// Keys lists the fields that name a row.
func (c *Collection) Keys() (keys []string) {
	for _, f := range c.Fields {
		if f.Key {
			keys = append(keys, f.Name)
		}
	}
	return keys
}

// Personal says whether any field holds personal data.
func (c *Collection) Personal() bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Class != "" || f.Identity != "" })
}

// Identities says whether rows are found here by an identifier.
func (c *Collection) Identities() bool {
	return slices.ContainsFunc(c.Fields, func(f Field) bool { return f.Identity != "" })
}

// place reads "system.collection.field"; a collection's name may hold dots.
func place(system, s string) (Place, error) {
	parts := strings.Split(s, ".")
	switch {
	case len(parts) >= 3:
		return Place{parts[0], strings.Join(parts[1:len(parts)-1], "."), parts[len(parts)-1]}, nil
	case len(parts) == 2:
		return Place{system, parts[0], parts[1]}, nil
	}
	return Place{}, fmt.Errorf("reference %q is not system.collection.field", s)
}

// edges lists every link. The owner of a link that declares none follows from what
// the map shows: values that flow out of a row (customer.address_id) lead to rows
// others may lead to as well; rows that point back at their owner belong to it,
// unless an identifier of their own says whose they are.
func (m *Map) edges() (out []edge, errs []error) {
	for _, s := range m.Systems {
		for _, c := range s.Collections {
			for _, f := range c.Fields {
				here := Place{s.Name, c.Name, f.Name}
				for _, ref := range f.References {
					e, err := link(here, ref, c.Identities())
					if err == nil && m.field(e.from) == nil {
						err = fmt.Errorf("%s refers to %s, which does not exist", here, e.from)
					}
					if err == nil && m.field(e.to) == nil {
						err = fmt.Errorf("%s refers to %s, which does not exist", here, e.to)
					}
					if err != nil {
						errs = append(errs, err)
						continue
					}
					out = append(out, e)
				}
			}
		}
	}
	return out, errs
}

func link(here Place, ref Reference, identified bool) (edge, error) {
	switch {
	case ref.To != "" && ref.From == "":
		there, err := place(here.System, ref.To)
		return edge{here, there, cmp.Or(ref.Owner, Shared)}, err
	case ref.From != "" && ref.To == "":
		there, err := place(here.System, ref.From)
		owner := Own
		if identified {
			owner = Mentions
		}
		return edge{there, here, cmp.Or(ref.Owner, owner)}, err
	}
	return edge{}, fmt.Errorf("%s: a reference has either `to` or `from`", here)
}

func (m *Map) field(p Place) *Field {
	if c := m.Collection(p.System, p.Collection); c != nil {
		return c.Field(p.Field)
	}
	return nil
}
