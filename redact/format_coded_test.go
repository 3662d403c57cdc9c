package redact

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// TestCodedFiles: what an office program or a shell of Windows saves is read and
// stays in its coding, and offsets are those of the text in UTF-8.
func TestCodedFiles(t *testing.T) {
	for _, c := range formatCases {
		for name, coding := range map[string]encoding.Encoding{"UTF-8": unicode.UTF8BOM,
			"UTF-16LE": unicode.UTF16(unicode.LittleEndian, unicode.UseBOM), "UTF-16BE": unicode.UTF16(unicode.BigEndian, unicode.UseBOM)} {
			if name == "UTF-8" && c.format == Text && c.spans {
				continue // the mark is part of the first line's text
			}
			in, err := coding.NewEncoder().String(c.in)
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if !c.spans {
				if want, err = coding.NewEncoder().String(c.want); err != nil {
					t.Fatal(err)
				}
			}
			got, err := filed(t, FileConfig{Engine: Config{Profile: Chat}, Format: c.format, Spans: c.spans}, strings.NewReader(in))
			if err != nil || got != want {
				t.Errorf("%s in %s: %v\n got %q\nwant %q", c.name, name, err, got, want)
			}
		}
	}
}

// TestBrokenBytes: bytes that are no UTF-8 neither hide a value nor leave half of one.
func TestBrokenBytes(t *testing.T) {
	e := engine(t, Config{Profile: Strict})
	for in, want := range map[string]string{
		"card 4111\xA01111\xA01111\xA01111 ok":                "card [pan] ok",
		"card 4111\x961111\x961111\x961111 ok":                "card [pan] ok",
		"card 4111\xFF1111 1111 1111 ok":                      "card [pan] ok",
		"card 4111\uFFFD111111111111 ok":                      "card [pan] ok",
		"me llamo Jos\xE9 Garc\xEDa Mu\xF1oz, gracias":        "me llamo [person], gracias",
		"mail bob\xFE@example.com now":                        "mail [email] now",
		"\xBF\xA8\xBA\xC54111111111111111\xBA\xC3":            "\xBF\xA8\xBA\xC5[pan]\xBA\xC3", // GBK
		"\xFF\xFE\x00\x01 4111111111111111 \x80\x81 \xC3\x28": "\xFF\xFE\x00\x01 [pan] \x80\x81 \xC3\x28",
	} {
		if got := string(e.Append(nil, []byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

// TestLatestWordNamesCode: of two words that announce codes the later one counts.
func TestLatestWordNamesCode(t *testing.T) {
	e := engine(t, Config{Profile: Chat})
	for in, want := range map[string]string{
		"cvv 123, pin 4321":                            "cvv [cvv], pin [pin]",
		"pin 4321, cvv 123":                            "pin [pin], cvv [cvv]",
		"the security code is 123 and the pin is 4321": "the security code is [cvv] and the pin is [pin]",
		"cvv 123 exp 0427":                             "cvv [cvv] exp [expiry]",
		"cvv, card expires soon: 9876":                 "cvv, card expires soon: [cvv]",
	} {
		if got := string(e.Append(nil, []byte(in))); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	only := engine(t, Config{Profile: Chat, Classes: []Class{PIN}})
	if got := string(only.Append(nil, []byte("cvv 123, pin 4321"))); got != "cvv 123, pin [pin]" {
		t.Errorf("asked for PINs alone: %q", got)
	}
}

// TestFollow: a line that was written whole is not held back until more comes.
func TestFollow(t *testing.T) {
	for format, line := range map[Format]string{
		JSONL: `{"id":1,"text":"card ` + pan1 + `"}` + "\n",
		CSV:   "1," + pan1 + "\n",
		Text:  strings.Repeat("card "+pan1+"\n", 20),
	} {
		file, err := NewFile(FileConfig{Engine: Config{Profile: Chat}, Format: format})
		if err != nil {
			t.Fatal(err)
		}
		in, input := io.Pipe()
		output, out := io.Pipe()
		done := make(chan error, 1)
		go func() { done <- file.Copy(t.Context(), out, in); out.Close() }()
		go func() { _, _ = io.WriteString(input, line) }()
		got := make([]byte, 8)
		if _, err := io.ReadFull(output, got); err != nil { // waits for ever where nothing is written
			t.Error(err)
		}
		input.Close()
		if _, err := io.Copy(io.Discard, output); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// TestTableSeparators: a table keeps the separator it has.
func TestTableSeparators(t *testing.T) {
	for _, sep := range []string{",", ";", "\t", "|"} {
		in := strings.Join([]string{"id", "cvv", "note"}, sep) + "\n" + strings.Join([]string{"1", "123", pan1}, sep) + "\n"
		want := strings.Join([]string{"id", "cvv", "note"}, sep) + "\n" + strings.Join([]string{"1", "[cvv]", "[pan]"}, sep) + "\n"
		if got, err := filed(t, FileConfig{Format: CSV}, strings.NewReader(in)); err != nil || got != want {
			t.Errorf("%q: %v\n got %q\nwant %q", sep, err, got, want)
		}
	}
}

// TestMailLines: a message keeps its line ends, and nothing stays nothing.
func TestMailLines(t *testing.T) {
	cfg := FileConfig{Engine: Config{Profile: Chat}, Format: EML}
	want, err := filed(t, cfg, strings.NewReader(letterIn))
	if !errors.Is(err, ErrUnread) {
		t.Errorf("the picture: %v", err)
	}
	got, err := filed(t, cfg, strings.NewReader(strings.ReplaceAll(letterIn, "\r\n", "\n")))
	if !errors.Is(err, ErrUnread) || got != strings.ReplaceAll(want, "\r\n", "\n") {
		t.Errorf("got %q\nwant %q", got, want)
	}
	if got, err := filed(t, FileConfig{Format: EML}, strings.NewReader("")); err != nil || got != "" {
		t.Errorf("of nothing: %q, %v", got, err)
	}
}

// TestLongCaptions: findings of captions are written as they are found.
func TestLongCaptions(t *testing.T) {
	f, err := NewFile(FileConfig{Format: VTT, Spans: true})
	if err != nil {
		t.Fatal(err)
	}
	first := &firstWrite{}
	cue := "00:00:01.000 --> 00:00:02.000\nmy card is " + pan1 + "\n\n"
	src := &countedReader{r: strings.NewReader("WEBVTT\n\n" + strings.Repeat(cue, 4000))}
	first.read = &src.n
	if err := f.Copy(t.Context(), first, src); err != nil {
		t.Fatal(err)
	}
	if first.at == src.n {
		t.Error("nothing was written before everything was read")
	}
	if !bytes.HasSuffix(first.tail, []byte(`],"mute":[[1000,2000]]}`+"\n")) {
		t.Errorf("ends in %q", first.tail)
	}
}

type countedReader struct {
	r io.Reader
	n int
}

func (c *countedReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += n
	return n, err
}

// firstWrite notes how much was read when the first byte was written.
type firstWrite struct {
	read *int
	at   int
	tail []byte
}

func (f *firstWrite) Write(p []byte) (int, error) {
	if f.at == 0 {
		f.at = *f.read
	}
	f.tail = append(f.tail[:0], p...)
	return len(p), nil
}
