package rights

import (
	"embed"
	"fmt"
	"os"
	"strings"
)

//go:embed apis/*.yaml
var apis embed.FS

// KnownAPI is a declaration that comes with Privet: stripe, hubspot or mailchimp.
// lookup gives the values of its ${NAMES}; nil takes the environment's.
func KnownAPI(name string, lookup func(string) string) (API, error) {
	raw, err := apis.ReadFile("apis/" + strings.ToLower(name) + ".yaml")
	if err != nil {
		return API{}, fmt.Errorf("%w: no declaration is called %q", ErrInvalid, name)
	}
	if lookup == nil {
		lookup = os.Getenv
	}
	return ParseAPI([]byte(os.Expand(string(raw), lookup)))
}
