package redact

import (
	"strings"
	"testing"
)

// TestWritten: a value has one token and one mask in every form it takes,
// typed or spoken.
func TestWritten(t *testing.T) {
	tokens, err := NewKeyedTokens([]byte(strings.Repeat("k", 32)))
	if err != nil {
		t.Fatal(err)
	}
	e, err := New(Config{Profile: Strict, Lang: "en", Tokens: tokens, Treat: map[Class]Treatment{PAN: Tokenise, Email: Tokenise, Phone: Mask}})
	if err != nil {
		t.Fatal(err)
	}
	shown := func(text string) string { return string(e.render(nil, []byte(text), e.findAll(nil, []byte(text)))) }
	for class, same := range map[Class][]string{
		PAN: {"4111111111111111", "4111 1111 1111 1111", "４１１１-1111-1111-1111",
			"four one one one one one one one one one one one one one one one", "forty-one eleven eleven eleven eleven eleven eleven eleven",
			"four one one one, double one double one, double one double one, double one one two, no, one"},
		Email: {"john.smith2@gmail.com", "John.Smith2@gmail.com", "john dot smith two at gmail dot com", "john.smith2(at)gmail.com", "john (dot) smith2 [at] gmail (dot) com"},
	} {
		want, err := tokens.Token(class, same[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range same {
			if got := shown(text); got != want {
				t.Errorf("%q became %q, want %q", text, got, want)
			}
		}
	}
	if got := shown("five five five two three four five six seven eight"); got != "•••• 5678" {
		t.Errorf("a spoken telephone number became %q", got)
	}
}
