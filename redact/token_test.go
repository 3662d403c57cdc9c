package redact

import (
	"math/rand/v2"
	"testing"
)

// cutBytes is the reference: the tokens of a text, one after the other.
func cutBytes(s *scan, text []byte) []tok {
	s.take(text, true)
	b := s.surface.padded()
	for i := 0; i < len(b); {
		switch c := classOf[b[i]]; {
		case c == isBlank:
			s.gap = max(s.gap, spaced)
			i++
		case c == isLine && s.gap >= newline && b[i] == '\n' && i > 0 && b[i-1] != '\r':
			s.gap = blankLine
			i++
		case c == isLine:
			s.gap = max(s.gap, newline)
			i++
		case c == isMark:
			s.push(tok{s: int32(i), e: int32(i + 1), kind: mark, ch: b[i]})
			if i++; b[i-1] == '@' {
				s.markMail()
			}
		default:
			i = s.other(b, i, true)
		}
	}
	return s.toks
}

// TestTokens holds the tokens that are cut by windows, of whole texts and of
// pieces, against those of the reference.
func TestTokens(t *testing.T) {
	parts := []string{" ", "  ", "\n", "\r\n", "\n\n", "\t", ", ", ". ", "@", "-", "_", "dot", "Dot com", "as", "The", "ACME Inc", "A", "iPhone", "McX", "XY1", "a1", "1x", "42", "2024-05-06", "cvv123", "dob19800101", "5551234x56", "é", "José", "€", "我", "abcdefgh", "ijklmnopq", "a.b@c.de", "abcdefghijklmnopqrstuvwxyzabcdef", "g", "0123456789"}
	rng := rand.New(rand.NewPCG(3, 8))
	e := engine(t, Config{Profile: Strict})
	for range 5000 {
		var text []byte
		for range 1 + rng.IntN(40) {
			if text = append(text, parts[rng.IntN(len(parts))]...); rng.IntN(2) == 0 {
				text = append(text, ' ')
			}
		}
		want := new(scan)
		want.reset(e.rules)
		cutBytes(want, text)
		for _, n := range []int{len(text), 1 + rng.IntN(len(text))} {
			s := new(scan)
			s.reset(e.rules)
			for at := 0; at < len(text); at += n {
				end := min(at+n, len(text))
				s.take(text[at:end], end == len(text))
				s.cut = s.tokenise(s.cut, end == len(text))
			}
			if len(s.toks) != len(want.toks) {
				t.Fatalf("%d tokens in %q, want %d", len(s.toks), text, len(want.toks))
			}
			for i, got := range s.toks {
				if got != want.toks[i] {
					t.Fatalf("token %d of %q in pieces of %d is %+v, want %+v", i, text, n, got, want.toks[i])
				}
			}
		}
	}
}
