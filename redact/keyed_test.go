package redact

import (
	"fmt"
	"strings"
	"testing"
)

// Tokens are the same for one value in every spelling, differ between values,
// classes and keys, and are themselves nothing that a detector finds.
func TestKeyedTokens(t *testing.T) {
	engine := func(key string) *Engine {
		tokens, err := NewKeyedTokens([]byte(strings.Repeat(key, 32)))
		if err != nil {
			t.Fatal(err)
		}
		e, err := New(Config{Profile: Strict, Tokens: tokens, Treat: map[Class]Treatment{PAN: Tokenise, Email: Tokenise}})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	e, other := engine("a"), engine("b")
	say := func(e *Engine, text string) string { return string(e.Append(nil, []byte(text))) }
	first := say(e, "4111111111111111")
	if first != say(e, "4111 1111 1111 1111") || first == say(e, "5555555555554444") || first == say(other, "4111111111111111") {
		t.Errorf("token %s does not follow value and key", first)
	}
	if token, ok := e.rules.token(CVV, []byte("123")); ok {
		t.Errorf("a security code became a token: %s", token)
	}
	for i := range 2000 {
		token, _ := e.rules.tokens.Token(PAN, fmt.Sprint(i))
		if spans := e.Find(nil, []byte("card "+token+" on file")); len(spans) > 0 {
			t.Fatalf("%s is found again: %v", token, spans)
		}
	}
	if _, err := NewKeyedTokens([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
