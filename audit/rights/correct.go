package rights

import (
	"errors"
	"fmt"
	"net/mail"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Correction is one wish: the field, what it says and what it should say.
type Correction struct {
	Field string `json:"field"`
	Old   string `json:"old"`
	New   string `json:"new"`
}

// ErrInvalid: what was sent cannot be right; the text says what to mend.
var ErrInvalid = errors.New("invalid")

// mend is an [ErrInvalid] that pages can say in their reader's language.
type mend struct{ word, text string }

func (m mend) Error() string        { return ErrInvalid.Error() + ": " + m.text }
func (m mend) Is(target error) bool { return target == ErrInvalid }

// invalid is an [ErrInvalid] with a word of its own, mend.WORD, and a text for programs.
func invalid(word, text string, args ...any) error { return mend{word, fmt.Sprintf(text, args...)} }

// Mend is in a language what to mend, of an [ErrInvalid]; "" if there are no words for it.
func Mend(lang string, err error) string {
	var m mend
	if !errors.As(err, &m) {
		return ""
	}
	return say(lang, "mend."+m.word)
}

// Validators lists how a corrected value can be checked.
func Validators() []string {
	return []string{"name", "email", "phone", "date", "address", "text", "postcode"}
}

// Validate checks a corrected value. It judges form only; whether it is true is an
// officer's decision.
func Validate(kind, value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }) {
		return invalid("value", "control characters")
	}
	v := strings.TrimSpace(value)
	if v == "" || len(v) > 500 {
		return invalid("value", "between 1 and 500 bytes")
	}
	ok := true
	switch kind {
	case "email":
		a, err := mail.ParseAddress(v)
		ok = err == nil && a.Address == v
	case "phone":
		ok = regexp.MustCompile(`^\+?[0-9][0-9 ()./-]{5,20}$`).MatchString(v)
	case "date":
		_, err := time.Parse(time.DateOnly, v)
		ok = err == nil
	case "postcode":
		ok = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 -]{1,11}$`).MatchString(v)
	case "name":
		ok = strings.ContainsFunc(v, unicode.IsLetter) && !strings.ContainsAny(v, "<>{}@0123456789")
	case "address", "text":
	default:
		return fmt.Errorf("%w: no validator %q", ErrInvalid, kind)
	}
	if !ok {
		return invalid("value."+kind, "not a %s", kind)
	}
	return nil
}
