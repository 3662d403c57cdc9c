package rights

import (
	"embed"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

//go:embed apis/*.yaml
var apis embed.FS

// KnownAPI is a declaration that comes with Privet: stripe, hubspot or mailchimp.
// lookup gives the values of its ${NAMES}.
func KnownAPI(name string, lookup func(string) (string, error)) (API, error) {
	raw, err := apis.ReadFile("apis/" + strings.ToLower(name) + ".yaml")
	if err != nil {
		return API{}, fmt.Errorf("%w: no declaration is called %q", ErrInvalid, name)
	}
	text, err := Expand(string(raw), lookup)
	if err != nil {
		return API{}, err
	}
	return ParseAPI([]byte(text))
}

var named = regexp.MustCompile(`\$\{([^{}\s]+)\}`)

// Expand puts values in the place of ${NAMES}. A name without a value is an error:
// a system must not be asked with an empty key. A value cannot add lines or keys to
// the YAML around it.
func Expand(text string, lookup func(name string) (string, error)) (string, error) {
	var errs []error
	out := named.ReplaceAllStringFunc(text, func(found string) string {
		name := found[2 : len(found)-1]
		value, err := lookup(name)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("${%s}: %w", name, err))
		case value == "":
			errs = append(errs, fmt.Errorf("%w: ${%s} has no value", ErrInvalid, name))
		case strings.ContainsAny(value, "\r\n\"\\"):
			errs = append(errs, fmt.Errorf("%w: ${%s} has a line break, quote or backslash", ErrInvalid, name))
		}
		return value
	})
	return out, errors.Join(errs...)
}
