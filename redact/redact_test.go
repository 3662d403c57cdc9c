package redact

import (
	"bytes"
	"io"
	"math/rand/v2"
	"testing"
)

func engine(t testing.TB, cfg Config) *Engine {
	t.Helper()
	e, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestAppend(t *testing.T) {
	logs := engine(t, Config{})
	for _, c := range []struct{ in, want string }{
		{"paid with 4111 1111 1111 1111 today", "paid with [pan] today"},
		{"amex 3782-822463-10005.", "amex [pan]."},
		{"mc 2-series 2223003122003222", "mc 2-series [pan]"},
		{"19 digits 6304000000000000000", "19 digits [pan]"},
		{"4111111111111112", "4111111111111112"},
		{"card number 4111111111111112", "card number [pan]"},
		{"card 4111111111111111 cvv: 123 exp 12/27", "card [pan] cvv: [cvv] exp [expiry]"},
		{"iban DE89 3704 0044 0532 0130 00, ok", "iban [iban], ok"},
		{"My IBAN is GB59IFUE40226315499137", "My IBAN is [iban]"},
		{"ssn 078-05-1123", "ssn [ssn]"},
		{"mail john.doe+x@example.co.uk now", "mail [email] now"},
		{"call (415) 555-2671 or +49 30 901820", "call [phone] or [phone]"},
		{"from 10.1.2.3 to 2001:db8::1", "from [ip] to [ip]"},
		{"version 1.2.3.4", "version 1.2.3.4"},
		{"mac 00:1B:44:11:3A:B7", "mac [mac]"},
		{"born 12/31/1980", "born [dob]"},
		{"on 12/31/1980", "on 12/31/1980"},
		{"https://bob:secret@example.com/x", "[url]"},
		{"password=hunter2 user=x", "password=[password] user=x"},
		{`{"password":"a b\"c","x":1}`, `{"password":"[password]","x":1}`},
		{"Authorization: Bearer abc.def.ghi", "Authorization: Bearer [secret]"},
		{"%B4111111111111111^DOE/JOHN^2512101?", "[track]"},
		{"PIN 4821", "PIN [pin]"},
		{"hello, my name is Maria Gonzalez and", "hello, my name is [person] and"},
		{"me llamo josé garcía", "me llamo [person]"},
		{"Dear Mr. Smith, thanks", "Dear Mr. [person], thanks"},
		{"the password is wrong", "the password is wrong"},
		{"your password was reset", "your password was reset"},
		{"４１１１ １１１１ １１１１ １１１１", "[pan]"},
		{"4111\u00a01111\u200b1111\u20111111", "4111\u00a01111\u200b1111\u20111111"},
		{"4111\u00a01111\u00a01111\u200b\u00a01111", "[pan]"},
		{"4111%201111%201111%201111", "[pan]"},
	} {
		if got := string(logs.Append(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

// TestStreamEqualsWhole cuts a text at random places; the bytes must be the
// whole text's, and never more than 256 bytes held back.
func TestStreamEqualsWhole(t *testing.T) {
	text := bytes.Repeat([]byte("call +49 30 901820, card 4111 1111 1111 1111 cvv 123; password=\"some long secret thing\" {\"a\":\"x@y.example\"} \\u0034%20 =3D\n\n ¿Qué? 我的卡号是4111111111111111。 token="), 30)
	text = append(text, bytes.Repeat([]byte("abcdefghij"), 200)...)
	text = append(text, " end 10.0.0.1"...)
	for _, p := range []Profile{Logs, Chat, Strict} {
		e := engine(t, Config{Profile: p})
		want := e.Append(nil, text)
		rng := rand.New(rand.NewPCG(7, 7))
		for range 200 {
			var got bytes.Buffer
			w := e.Writer(&got)
			for rest := text; len(rest) > 0; {
				n := min(len(rest), 1+rng.IntN(1+rng.IntN(300)))
				if _, err := w.Write(rest[:n]); err != nil {
					t.Fatal(err)
				}
				rest = rest[n:]
				if held := len(w.(*writer).raw); held > 256 {
					t.Fatalf("%d bytes held back", held)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), want) {
				at := 0
				for at < min(got.Len(), len(want)) && got.Bytes()[at] == want[at] {
					at++
				}
				t.Fatalf("profile %s: stream differs from whole text at %d:\n got …%q\nwant …%q", p, at, got.Bytes()[max(0, at-40):min(got.Len(), at+60)], want[max(0, at-40):min(len(want), at+60)])
			}
		}
	}
	_ = io.Discard
}

func TestKnownPerson(t *testing.T) {
	e := engine(t, Config{}).With(KnownPerson{
		Names:     []string{"Rosa Will"},
		Emails:    []string{"rosa@will.example"},
		Phones:    []string{"+49 30 901820"},
		Addresses: []string{"12 Elm Row, Springfield"},
		Numbers:   map[Class][]string{NationalID: {"X12-99 a"}},
	})
	for _, c := range []struct{ in, want string }{
		{"ROSA WILL called", "[person] called"},
		{"I will ask Will or rosa.", "I will ask [person] or [person]."},
		{"Will, Rosa", "[person]"},
		{"rosa@will.example", "[email]"},
		{"030/901 820 or 00493090 1820 or 30901820", "[phone] or [phone] or [phone]"},
		{"12 elm row springfield; 12, Elm Row", "[address]; [address]"},
		{"id x1299A!", "id [national_id]!"},
	} {
		if got := string(e.Append(nil, []byte(c.in))); got != c.want {
			t.Errorf("%q\n got %q\nwant %q", c.in, got, c.want)
		}
	}
}

func TestClassNoIsFreeOfCollisions(t *testing.T) {
	seen := map[int]Class{}
	for _, c := range append(Classes(), FieldClasses()...) {
		if other, ok := seen[classNo(c)]; ok && other != c {
			t.Errorf("%s and %s share a number", c, other)
		}
		seen[classNo(c)] = c
	}
}
