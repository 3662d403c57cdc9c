package rights

import (
	"context"
	"fmt"
	"time"
)

// HolderDirectory finds people in a collection of a holder: the system of record.
type HolderDirectory struct {
	Holder     Holder
	Collection *Collection
	Subject    string // field names
	Phone      string
	Name       string
	Changed    string // when the address was last changed; "" if it does not say
	PhoneSince string // since when the telephone has stood; "" if it does not say
}

// Find looks a person up by an identifier the collection is found by.
func (d HolderDirectory) Find(ctx context.Context, kind, value string) ([]Person, error) {
	field := ""
	for _, f := range d.Collection.Fields {
		if f.Identity == kind {
			field = f.Name
		}
	}
	if field == "" {
		return nil, fmt.Errorf("%w: %s is not found by %s", ErrBroken, d.Collection.Name, kind)
	}
	rows, err := rowsOf(d.Holder.Find(ctx, d.Collection, field, []string{value}))
	if err != nil {
		return nil, err
	}
	people := make([]Person, 0, len(rows))
	for _, row := range rows {
		changed, _ := time.Parse(time.RFC3339, Text(row.Values[d.Changed]))
		since, _ := time.Parse(time.RFC3339, Text(row.Values[d.PhoneSince]))
		people = append(people, Person{Subject: Text(row.Values[d.Subject]), Phone: Text(row.Values[d.Phone]), Name: Text(row.Values[d.Name]), Changed: changed, PhoneSince: since})
	}
	return people, nil
}
