package rights

import (
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// fidesFile is the part of a Fides dataset declaration that a data map needs; the
// rest (masking strategies, quotas, descriptions) is left aside on purpose.
type fidesFile struct {
	Dataset []struct {
		Key         string            `yaml:"fides_key"`
		Name        string            `yaml:"name"`
		Meta        fidesMeta         `yaml:"fides_meta"`
		Collections []fidesCollection `yaml:"collections"`
	} `yaml:"dataset"`
}

type fidesCollection struct {
	Name   string       `yaml:"name"`
	Fields []fidesField `yaml:"fields"`
	Meta   fidesMeta    `yaml:"fides_meta"`
}

type fidesField struct {
	Name       string       `yaml:"name"`
	Categories []string     `yaml:"data_categories"`
	Meta       fidesMeta    `yaml:"fides_meta"`
	MetaOld    fidesMeta    `yaml:"fidesops_meta"`
	Fields     []fidesField `yaml:"fields"`
}

type fidesMeta struct {
	Key        bool     `yaml:"primary_key"`
	Identity   string   `yaml:"identity"`
	EraseAfter []string `yaml:"erase_after"`
	References []struct {
		Dataset, Field, Direction string
	} `yaml:"references"`
}

// ImportFides turns Fides dataset declarations into a data map. A reference
// without a direction links both ways. What Fides does not say (whose a shared
// row is) follows the rule of [Map]; look at the result before using it.
func ImportFides(files ...[]byte) (*Map, error) {
	m := &Map{Version: "imported"}
	for _, raw := range files {
		var file fidesFile
		if err := yaml.Unmarshal(raw, &file); err != nil {
			return nil, fmt.Errorf("import Fides dataset: %w", err)
		}
		if len(file.Dataset) == 0 {
			return nil, fmt.Errorf("import Fides dataset: the file declares no `dataset`")
		}
		for _, d := range file.Dataset {
			s := System{Name: strings.Trim(d.Key, "<>"), Title: d.Name}
			for _, c := range d.Collections {
				collection := Collection{Name: c.Name, EraseAfter: c.Meta.EraseAfter}
				for _, f := range c.Fields {
					collection.Fields = append(collection.Fields, f.fields("")...)
				}
				s.Collections = append(s.Collections, collection)
			}
			m.Systems = append(m.Systems, s)
		}
	}
	return m, nil
}

// fields flattens nested ones to dotted names.
func (f fidesField) fields(prefix string) []Field {
	meta := f.Meta
	if meta.Identity == "" && len(meta.References) == 0 && !meta.Key {
		meta = f.MetaOld
	}
	out := Field{Name: prefix + f.Name, Key: meta.Key, Identity: meta.Identity}
	for _, category := range f.Categories {
		if class := fidesClass(category); class != "" {
			out.Class = class
		}
	}
	for _, r := range meta.References {
		dataset := strings.Trim(r.Dataset, "<>")
		target := dataset + "." + r.Field
		if r.Direction != "to" {
			out.References = append(out.References, Reference{From: target})
		}
		if r.Direction != "from" {
			out.References = append(out.References, Reference{To: target})
		}
	}
	all := []Field{out}
	for _, child := range f.Fields {
		all = append(all, child.fields(prefix+f.Name+".")...)
	}
	return all
}

// fidesClass maps a Fides data category to a class; system.* is not personal.
func fidesClass(category string) string {
	for _, m := range [][2]string{
		{"system", ""}, {"user.contact.email", "email"}, {"user.contact.phone_number", "phone"},
		{"user.contact.address.postal_code", "postcode"}, {"user.contact.address", "address"},
		{"user.name", "person"}, {"user.financial.bank_account", "bank_account"}, {"user.financial.credit_card", "pan"},
		{"user.government_id", "national_id"}, {"user.demographic.date_of_birth", "dob"}, {"user.device.ip_address", "ip"},
		{"user.credentials", "secret"}, {"user.authorization.credentials", "secret"}, {"user.location", "location"},
	} {
		if category == m[0] || strings.HasPrefix(category, m[0]+".") {
			return m[1]
		}
	}
	if strings.HasPrefix(category, "user") {
		return "personal"
	}
	return ""
}
