package rights

import (
	"cmp"
	"slices"
)

// Told is what a data map says of a system or collection to people, in one language.
type Told struct {
	Title      string   `yaml:"title"`
	Purpose    string   `yaml:"purpose"`
	Recipients []string `yaml:"recipients"`
	Keep       string   `yaml:"keep"`
	Source     string   `yaml:"source"`
}

// In is what the map says of a system in a language; what that language lacks is told
// as the map has it.
func (s *System) In(lang string) Told {
	t := s.Local[lang]
	t.Title, t.Purpose = cmp.Or(t.Title, s.Title, s.Name), cmp.Or(t.Purpose, s.Purpose)
	t.Keep, t.Source = cmp.Or(t.Keep, s.Keep), cmp.Or(t.Source, s.Source)
	if len(t.Recipients) == 0 {
		t.Recipients = recipients(s)
	}
	return t
}

// In is a collection's title in a language.
func (c *Collection) In(lang string) string {
	return cmp.Or(c.Local[lang], c.Title, c.Name)
}

// FieldName is a field as people of a language call it: by the class of its data, with
// its own name where a class has several. Fields without a class have only their name.
func FieldName(lang, class, name string) string {
	text := say(lang, "field."+class)
	if class == "" || text == "field."+class {
		return name
	}
	if slices.Contains([]string{"person", "phone", "location", "transcript", "personal", "username"}, class) {
		return text + " · " + name
	}
	return text
}

// Told is where something kept stands, in a language; what a newer map no longer has is
// told by its old name.
func (m *Map) Told(lang string, k Kept) string {
	system, collection := k.System, k.Collection
	if s := m.System(k.System); s != nil {
		system = s.In(lang).Title
		if c := m.Collection(k.System, k.Collection); c != nil {
			collection = c.In(lang)
		}
	}
	if k.Field == "" {
		return system + " · " + collection
	}
	return system + " · " + collection + " · " + m.FieldName(lang, k.Field)
}

// FieldName is a field's name in a language, found by its own name in the whole map.
func (m *Map) FieldName(lang, name string) string {
	for _, s := range m.Systems {
		for _, c := range s.Collections {
			for _, f := range c.Fields {
				if f.Name == name && f.Class != "" {
					return FieldName(lang, f.Class, name)
				}
			}
		}
	}
	return name
}
