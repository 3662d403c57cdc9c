package redact

import (
	"reflect"
	"strings"
	"testing"
	"unsafe"
)

// said makes turns of "A: text" (agent) and "C: text" (caller), one second each.
func said(lines ...string) []Turn {
	var turns []Turn
	for i, l := range lines {
		who := map[byte]string{'A': "agent", 'C': "caller"}[l[0]]
		turns = append(turns, Turn{Speaker: who, Text: l[3:], StartMS: int64(i) * 1000, EndMS: int64(i)*1000 + 900})
	}
	return turns
}

func heard(turns []RedactedTurn) string {
	var lines []string
	for _, t := range turns {
		lines = append(lines, t.Redacted)
	}
	return strings.Join(lines, " / ")
}

func TestDialogue(t *testing.T) {
	for _, c := range []struct {
		name  string
		turns []Turn
		want  string
	}{
		{"over turns", said("A: Your card number?", "C: four one", "A: yes", "C: one one", "A: go on", "C: eleven eleven", "C: eleven eleven eleven eleven"),
			"Your card number? / [pan] / yes / [pan] / go on / [pan] / [pan]"},
		{"nobody asked", said("C: forty one", "A: mm-hmm", "C: eleven", "A: okay", "C: twelve thirteen", "A: okay", "C: fourteen fifteen sixteen seventeen"),
			"[pan] / mm-hmm / [pan] / okay / [pan] / okay / [pan]"},
		{"corrected", said("A: And your phone number?", "C: five five nine", "A: five five nine", "C: no, nine not five... sorry, five not nine", "C: one two three four"),
			"And your phone number? / [phone] / [phone] / no, [phone] / [phone]"},
		{"figures", said("A: Card number please", "C: 4111", "A: ok", "C: 1111 1111", "A: ok", "C: 1111"),
			"Card number please / [pan] / ok / [pan] / ok / [pan]"},
		{"code on the back", said("A: What are the three digits on the back?", "C: three two one"), "What are the three digits on the back? / [cvv]"},
		{"code on the back, in figures", said("A: and the CVV?", "C: 321"), "and the CVV? / [cvv]"},
		{"pin", said("A: Enter or say your PIN.", "C: twelve thirty four"), "Enter or say your PIN. / [pin]"},
		{"expiry", said("A: When does it expire?", "C: oh four", "A: yes", "C: twenty seven"), "When does it expire? / [expiry] / yes / [expiry]"},
		{"expiry by month", said("A: And the expiration date?", "C: that's March twenty twenty seven"), "And the expiration date? / that's [expiry]"},
		{"birthday", said("A: Your date of birth?", "C: the fifth of May, nineteen eighty"), "Your date of birth? / the [dob]"},
		{"one-time code", said("A: Read me the code we sent you.", "C: 48", "A: yes", "C: 15 16"), "Read me the code we sent you. / [secret] / yes / [secret]"},
		{"address", said("A: What's your e-mail?", "C: it's j dot smith", "A: j dot smith", "C: at gmail dot com"), "What's your e-mail? / it's [email] / [email] / [email]"},
		{"one after another", said("A: Your card number?", "C: four one one one, one one one one", "A: Okay.", "C: one one one one, one one one one", "A: And the security code?", "C: 582."),
			"Your card number? / [pan] / Okay. / [pan] / And the security code? / [cvv]."},
		{"counts", said("A: How many cards do you have?", "C: Two.", "A: And how many payments?", "C: I made three, maybe four."), "How many cards do you have? / Two. / And how many payments? / I made three, maybe four."},
		{"afterwards", said("A: CVV?", "C: one two three", "A: Thanks. I have two more questions.", "C: Sure, it happened three times in ten minutes."),
			"CVV? / [cvv] / Thanks. I have two more questions. / Sure, it happened three times in ten minutes."},
	} {
		e, err := New(Config{Profile: Chat, Lang: "en"})
		if err != nil {
			t.Fatal(err)
		}
		if got := heard(e.Conversation(c.turns)); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s", c.name, got, c.want)
		}
	}
}

func TestMute(t *testing.T) {
	e, err := New(Config{Profile: Chat, Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	turns := said("A: Your card number?", "C: four one one one", "C: eleven eleven eleven eleven eleven eleven", "A: Thank you.")
	got := MuteRanges(e.Conversation(turns))
	if want := [][2]int64{{1000, 1900}, {2000, 2900}}; !reflect.DeepEqual(got, want) {
		t.Errorf("mute %v, want %v", got, want)
	}
	one := Turn{Speaker: "caller", Text: "it's one two three", EndMS: 2000, Words: []Word{{0, 4, 0, 400}, {5, 8, 500, 800}, {9, 12, 800, 1200}, {13, 18, 1300, 1700}}}
	got = MuteRanges(e.Conversation([]Turn{{Speaker: "agent", Text: "The CVV?"}, one}))
	if want := [][2]int64{{500, 1200}, {1300, 1700}}; !reflect.DeepEqual(got, want) {
		t.Errorf("mute by words %v, want %v", got, want)
	}
}

// TestDialogueState: whatever is said, what waits stays below 4 KB, and every
// turn comes back, once and in order.
func TestDialogueState(t *testing.T) {
	e, err := New(Config{Profile: Chat, Lang: "en"})
	if err != nil {
		t.Fatal(err)
	}
	d := e.Dialogue()
	in, out := 0, 0
	check := func(got []RedactedTurn) {
		for _, r := range got {
			if r.StartMS != int64(out) {
				t.Fatalf("turn %d came as number %d", r.StartMS, out)
			}
			out++
			if strings.Contains(r.Redacted, "one") {
				t.Fatalf("%q left the window", r.Redacted)
			}
		}
	}
	for _, text := range []string{"card number", strings.Repeat("one nine ", 3000)} {
		check(d.Say(Turn{Text: text, StartMS: int64(in)}))
		in++
	}
	for range 500 {
		check(d.Say(Turn{Speaker: "caller", Text: "one nine", StartMS: int64(in)}))
		in++
		size := int(unsafe.Sizeof(*d)) + cap(d.value.digits)
		for _, h := range d.held {
			size += int(unsafe.Sizeof(h)) + len(h.turn.Text) + (len(h.parts)+len(h.spans))*int(unsafe.Sizeof(Span{}))
		}
		if size > 4<<10 {
			t.Fatalf("state of %d bytes", size)
		}
	}
	check(d.Close())
	if in != out {
		t.Errorf("%d turns in, %d out", in, out)
	}
}

func FuzzDialogue(f *testing.F) {
	f.Add("card number?\nfour one\nok\none one, no, two not one\nat x dot com")
	f.Add("有效期\n三月\n幺二")
	f.Fuzz(func(t *testing.T, text string) {
		e, err := New(Config{Profile: Chat})
		if err != nil {
			t.Fatal(err)
		}
		var turns []Turn
		for i, line := range strings.Split(text, "\n") {
			turns = append(turns, Turn{Speaker: []string{"agent", "caller"}[i%2], Text: line})
		}
		got := e.Conversation(turns)
		if len(got) != len(turns) {
			t.Fatalf("%d turns became %d", len(turns), len(got))
		}
		for i := range got {
			if got[i].Text != turns[i].Text {
				t.Fatalf("turn %d is %q", i, got[i].Text)
			}
			for _, s := range got[i].Spans {
				if s.Start < 0 || s.End > len(turns[i].Text) || s.Start >= s.End {
					t.Fatalf("span %v of %q", s, turns[i].Text)
				}
			}
		}
	})
}
