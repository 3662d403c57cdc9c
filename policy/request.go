package policy

import (
	"errors"
	"fmt"
	"mime"
	"net/url"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// Errors of requests that would learn or destroy what an agent may not see.
var (
	ErrProbe  = errors.New("the request asks about a field that may not be seen")
	ErrMasked = errors.New("the request writes back a value that was masked")
)

// CheckQuery refuses request parameters that the catalogue does not name, and
// filters and sorts on classes that are not shown of every record: whoever may
// filter by a field can read it by asking often enough. The error is ErrProbe.
func (d *Decision) CheckQuery(values url.Values) error {
	for name, given := range values {
		p, known := d.screen.query[name]
		if !known {
			return fmt.Errorf("%w: parameter %q is not in the catalogue", ErrProbe, name)
		}
		if p.Class != "" {
			if !d.alwaysShown(p.Class) {
				return fmt.Errorf("%w: parameter %q, class %s", ErrProbe, name, p.Class)
			}
			continue
		}
		for _, value := range given {
			if err := d.checkFields(name, p.Field, value); err != nil {
				return err
			}
		}
	}
	return nil
}

// alwaysShown: shown of every record, whatever it proves about itself.
func (d *Decision) alwaysShown(c redact.Class) bool {
	r := d.Classes[c]
	return r.Do == redact.Show && !slices.ContainsFunc(r.Vary, func(t redact.Treatment) bool { return t != redact.Show })
}

// checkFields reads "name.family,-opened" or "opened:desc".
func (d *Decision) checkFields(param string, allowed []string, value string) error {
	for _, part := range strings.Split(value, ",") {
		field := strings.TrimLeft(strings.TrimSpace(part), "+-")
		if i := strings.IndexAny(field, ": "); i >= 0 {
			if way := strings.ToLower(strings.TrimSpace(field[i+1:])); way != "asc" && way != "desc" {
				return fmt.Errorf("%w: parameter %q", ErrProbe, param)
			}
			field = field[:i]
		}
		class, ok := d.classAt(field)
		if !slices.Contains(allowed, field) || !ok || !d.alwaysShown(class) {
			return fmt.Errorf("%w: parameter %q names a field that is not shown", ErrProbe, param)
		}
	}
	return nil
}

// classAt finds the class of a field of a record.
func (d *Decision) classAt(field string) (redact.Class, bool) {
	if d.screen.answer == nil {
		return "", false
	}
	for _, f := range d.screen.answer.fields {
		path := strings.TrimPrefix(strings.TrimPrefix(f.path, d.screen.answer.record), ".")
		if path == field {
			return f.class, true
		}
	}
	return "", false
}

// CheckBody refuses a request's body, or one frame of a client, that writes
// where the catalogue's body shape names nothing, or a class that the agent
// may not see, or something that Privet has masked. A record's own facts are
// not known before it is read, so a class that is shown of some records may be
// written. The errors are ErrProbe, ErrMasked and redact.ErrDocument.
func (d *Decision) CheckBody(mediaType string, body []byte) error {
	if len(body) == 0 {
		return nil
	}
	if d.body == nil {
		return fmt.Errorf("%w: the catalogue gives this screen's request no body", ErrProbe)
	}
	kind, _, err := mime.ParseMediaType(mediaType)
	if err != nil {
		return fmt.Errorf("%w: media type of the body", ErrProbe)
	}
	switch {
	case kind == "application/json" || strings.HasSuffix(kind, "+json"):
		return asProbe(d.body.CheckJSON(body))
	case kind == "application/x-www-form-urlencoded":
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return fmt.Errorf("%w: form", redact.ErrDocument)
		}
		for name, given := range values {
			for _, v := range given {
				if err := asProbe(d.body.CheckValue(name, v)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	return fmt.Errorf("%w: a body of type %s cannot be checked", ErrProbe, kind)
}

func asProbe(err error) error {
	switch {
	case errors.Is(err, redact.ErrUnseen):
		return fmt.Errorf("%w: %w", ErrProbe, err)
	case errors.Is(err, redact.ErrMasked):
		return fmt.Errorf("%w: %w", ErrMasked, err)
	}
	return err
}
