package redact

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// slowFind is the reference: the same rules asked at every token, without
// short cuts and without memory of the text before.
func slowFind(e *Engine, text []byte) []Span {
	s := &scan{slow: true}
	s.reset(e.rules)
	s.feed(text, true)
	var out []Span
	for _, f := range s.out {
		out = append(out, Span{f.start, f.end, f.class, f.rule, f.score})
	}
	return out
}

// plainCard is what anybody would write to find card numbers.
var plainCard = regexp.MustCompile(`\d(?:[ -]?\d){13,18}`)

// barePANs are the card numbers that stand alone, in one of the printed
// groupings, with nothing glued to them.
func barePANs(text []byte) (out [][2]int) {
	for _, loc := range plainCard.FindAllIndex(text, -1) {
		m := text[loc[0]:loc[1]]
		groups := strings.FieldsFunc(string(m), func(r rune) bool { return r == ' ' || r == '-' })
		whole := len(groups) == 1 || len(groups) == 4 && len(groups[0]) == 4 && len(groups[1]) == 4 && len(groups[2]) == 4 && len(groups[3]) == 4
		if bytes.ContainsRune(m, ' ') && bytes.ContainsRune(m, '-') || !whole {
			continue
		}
		if loc[0] > 0 && !bytes.ContainsRune([]byte(" \n:("), rune(text[loc[0]-1])) || loc[1] < len(text) && !bytes.ContainsRune([]byte("\n;)"), rune(text[loc[1]])) {
			continue
		}
		if loc[0] > 1 && (isDigit(text[loc[0]-2]) || text[loc[0]-2] == '-' || text[loc[0]-2] == '=') {
			continue
		}
		if validPAN([]byte(strings.Join(groups, ""))) {
			out = append(out, [2]int{loc[0], loc[1]})
		}
	}
	return out
}

func fuzzSeeds(f *testing.F) {
	for _, form := range cardForms("4111111111111111") {
		f.Add([]byte("card "+form+" and so on"), uint8(3))
	}
	for _, s := range []string{"password: \"a b\\\"c\" x", "token=" + strings.Repeat("ab", 300), "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\nrest",
		"my name is Ana María de la Cruz, born 3 May 1980", "\xff\xfe4\x001\x00", "a@b.c <x@y.example>", "::1 fe80::1%eth0 00:11:22:33:44:55", "я 身份证11010519491231002X。",
		"four one one one one one one one one one one one one one one one", "12 Elm Street\nSpringfield, IL 62704\n\nRegards,\nJane Roe", "=\r\n=3D=41&#52;&nbsp;%2520\\\\u0034", "\\u090000000 0",
		"card 4111\xFF1111\uFFFD1111\xA01111, bob\xFE@example.com, my name is Jos\xE9 Garc\xEDa"} {
		f.Add([]byte(s), uint8(7))
	}
}

// FuzzFind: spans are in order and in range, the fast path finds what the
// reference finds, a stream gives the whole text's bytes, and no card number
// in plain sight is missed.
func FuzzFind(f *testing.F) {
	fuzzSeeds(f)
	engines := []*Engine{engine(f, Config{}), engine(f, Config{Profile: Strict}), engine(f, Config{Profile: Chat}).With(KnownPerson{Names: []string{"Ana Ruiz"}, Phones: []string{"+34 911 234 567"}})}
	f.Fuzz(func(t *testing.T, text []byte, chunk uint8) {
		for _, e := range engines {
			spans := e.Find(nil, text)
			at := 0
			for _, s := range spans {
				if s.Start < at || s.End <= s.Start || s.End > len(text) {
					t.Fatalf("span %+v out of order or range in %q: %+v", s, text, spans)
				}
				at = s.End
			}
			slow := slowFind(e, text)
			if len(slow) != len(spans) {
				t.Fatalf("fast %+v, slow %+v in %q", spans, slow, text)
			}
			for i := range slow {
				if slow[i] != spans[i] {
					t.Fatalf("fast %+v, slow %+v in %q", spans[i], slow[i], text)
				}
			}
			want := e.Append(nil, text)
			var got bytes.Buffer
			w := e.Writer(&got)
			for rest := text; len(rest) > 0; {
				n := min(len(rest), int(chunk)+1)
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				if held := len(w.(*writer).raw); held > 256 {
					t.Fatalf("%d bytes held back", held)
				}
				rest = rest[n:]
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("stream %q\n whole %q", got.Bytes(), want)
			}
			for _, p := range barePANs(text) {
				covered := false
				for _, s := range spans {
					covered = covered || s.Start < p[1] && p[0] < s.End
				}
				if !covered {
					t.Fatalf("card %q stays in %q", text[p[0]:p[1]], text)
				}
			}
		}
	})
}

// TestEverySplit cuts each text of the labelled sets and each card form at every place.
func TestEverySplit(t *testing.T) {
	e := engine(t, Config{Profile: Strict})
	var all []string
	for _, form := range cardForms("4012888888881881") {
		all = append(all, "dear Maria, card "+form+" is mine")
	}
	if dir := os.Getenv("PRIVET_TESTDATA"); dir != "" {
		logs, err := os.ReadFile(filepath.Join(dir, "redaction", "datadog_sample_logs.txt"))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(logs[:1500]))
	}
	for _, text := range all {
		want := e.Append(nil, []byte(text))
		for cut := 0; cut <= len(text); cut++ {
			var got bytes.Buffer
			w := e.Writer(&got)
			if _, err := io.WriteString(w, text[:cut]); err != nil {
				t.Fatal(err)
			}
			if _, err := io.WriteString(w, text[cut:]); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Fatalf("cut at %d: %v\n got %q\nwant %q", cut, err, got.Bytes(), want)
			}
		}
	}
}

// breaking is a tokeniser that fails in the worst way.
type breaking struct{}

func (breaking) Token(Class, string) (string, error) { panic("the key is gone") }

// TestFailuresWithhold: a panic inside withholds the text, never passes it.
func TestFailuresWithhold(t *testing.T) {
	e := engine(t, Config{Treat: map[Class]Treatment{Email: Tokenise}, Tokens: breaking{}})
	text := "before a@b.example after"
	if got := string(e.Append(nil, []byte(text))); got != "[secret]" {
		t.Errorf("append gave %q", got)
	}
	var out bytes.Buffer
	w := e.Writer(&out)
	_, _ = io.WriteString(w, text)
	if err := w.Close(); !errors.Is(err, ErrUnread) {
		t.Errorf("close gave %v", err)
	}
	if bytes.Contains(out.Bytes(), []byte("a@b.example")) {
		t.Errorf("stream passed %q", out.Bytes())
	}
	if _, err := io.WriteString(w, "more"); !errors.Is(err, ErrUnread) {
		t.Errorf("write after failure gave %v", err)
	}
}

// TestCardholderDataRules: PCI DSS 4.0.1 3.3.1 and 3.4.1 hold whatever is configured.
func TestCardholderDataRules(t *testing.T) {
	for _, c := range []Class{CVV, PIN, Track} {
		for _, tr := range []Treatment{Show, Mask, Tokenise, Scrub} {
			if _, err := New(Config{Treat: map[Class]Treatment{c: tr}, Tokens: breaking{}}); err == nil {
				t.Errorf("%s may be configured to %v", c, tr)
			}
		}
	}
	if _, err := New(Config{Treat: map[Class]Treatment{PAN: Show}}); err == nil {
		t.Error("card numbers may be configured to be shown")
	}
	if _, err := New(Config{Treat: map[Class]Treatment{Email: Tokenise}}); err == nil {
		t.Error("tokens without a key are accepted")
	}
	e := engine(t, Config{Treat: map[Class]Treatment{PAN: Mask}})
	masks := map[string]bool{}
	for _, form := range []string{"4012888888881881", "4012 8888 8888 1881", "4012-8888-8888-1881", "４０１２888888881881", "%34012888888881881"} {
		masks[string(e.Append(nil, []byte(form)))] = true
	}
	if len(masks) != 1 || !masks["•••• 1881"] {
		t.Errorf("one card has the masks %v", masks)
	}
}
