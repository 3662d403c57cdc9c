package redact

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// filed redacts a text of one format.
func filed(t *testing.T, cfg FileConfig, in io.Reader) (string, error) {
	t.Helper()
	f, err := NewFile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	err = f.Copy(t.Context(), &out, in)
	return out.String(), err
}

const pan1 = "4111 1111 1111 1111"

var formatCases = []struct {
	name   string
	format Format
	spans  bool
	in     string
	want   string
}{
	{"text", Text, false, "card " + pan1 + "\nbye\n", "card [pan]\nbye\n"},
	{"text with findings", Text, true, "card " + pan1 + "\nbye", `{"id":1,"text":"card [pan]","spans":[{"start":5,"end":24,"class":"pan","rule":"card_number","score":0.95}]}` + "\n" + `{"id":2,"text":"bye","spans":[]}`},
	{"lines", JSONL, false, `{"a":1,  "text":"card ` + pan1 + `","n":4111111111111111}` + "\n\n[true]\nno json, " + pan1 + "\n",
		`{"a":1,  "text":"card [pan]","n":"[pan]"}` + "\n\n[true]\nno json, [pan]\n"},
	{"lines with findings", JSONL, true, `{"id":"x","text":"é four one one one one one one one one one one one one one one one","lang":"en"}`, `{"id":"x","text":"é [pan]","spans":[{"start":3,"end":67,"class":"pan","rule":"spoken-number","score":0.75}]}`},
	{"turns", JSONL, true, `{"id":7,"turns":[{"speaker":"agent","text":"CVV?","start_ms":0,"end_ms":10},{"speaker":"caller","text":"321","start_ms":10,"end_ms":20}]}`,
		`{"id":7,"turns":[{"speaker":"agent","text":"CVV?","start_ms":0,"end_ms":10,"spans":[]},{"speaker":"caller","text":"[cvv]","start_ms":10,"end_ms":20,"spans":[{"start":0,"end":3,"class":"cvv","rule":"dialogue","score":0.95}]}],"mute":[[10,20]]}`},
	{"turns kept as they were", JSONL, false, `{"turns":[{"text":"CVV?","x":1},{"text":"321","speaker":"caller"}],"more":"` + pan1 + `"}`, `{"turns":[{"text":"CVV?","x":1},{"text":"[cvv]","speaker":"caller"}],"more":"[pan]"}`},
	{"document", JSON, false, "{ \"cvv\" : 123,\n\t\"list\":[null,\"" + pan1 + "\",1.5e3], \"\\u0034111111111111111\":{} }\n", "{ \"cvv\" : \"[cvv]\",\n\t\"list\":[null,\"[pan]\",1.5e3], \"[pan]\":{} }\n"},
	{"split numbers", JSONL, false, `{"card":["4111","1111","1111","1111"],"d":[4,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],"x":[1,2,3]}`, `{"card":["[pan]","[pan]","[pan]","[pan]"],"d":["[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]","[pan]"],"x":[1,2,3]}`},
	{"captions", VTT, false, "WEBVTT\n\nNOTE " + pan1 + "\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Agent>Card number?\n\n00:03.000 --> 00:04.000\n<v Bob Hope>four one <c>one one\n\n00:05.000 --> 00:06.000\n<v Bob Hope>double one double one double one, eleven, eleven eleven\n",
		"WEBVTT\n\nNOTE [pan]\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Agent>Card number?\n\n00:03.000 --> 00:04.000\n<v Speaker 1>[pan]<c>\n\n00:05.000 --> 00:06.000\n<v Speaker 1>[pan]\n"},
	{"subtitles", SRT, false, "1\r\n00:00:01,000 --> 00:00:02,000\r\nAgent: the CVV?\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nCaller: three two one\r\n", "1\r\n00:00:01,000 --> 00:00:02,000\r\nAgent: the CVV?\r\n\r\n2\r\n00:00:03,000 --> 00:00:04,000\r\nCaller: [cvv]\r\n"},
	{"captions with findings", VTT, true, "WEBVTT\n\n00:01.000 --> 00:02.500\nCVV?\n\n00:03.000 --> 00:04.000\n321\n", `{"turns":[{"speaker":"","text":"CVV?","start_ms":1000,"end_ms":2500,"spans":[]},{"speaker":"","text":"[cvv]","start_ms":3000,"end_ms":4000,"spans":[{"start":0,"end":3,"class":"cvv","rule":"dialogue","score":0.95}]}],"mute":[[3000,4000]]}` + "\n"},
	{"table", CSV, false, "id, cvv,note\r\n1,123,\"a, b\"\r\n2,,'x'\r\n3,,\"is " + pan1 + "\"\r\n", "id, cvv,note\r\n1,[cvv],\"a, b\"\r\n2,,'x'\r\n3,,is [pan]\r\n"},
	{"transcribe", JSON, false, transcribeIn, transcribeOut},
	{"whisperx", JSON, false, whisperIn, whisperOut},
}

const transcribeIn = `{"jobName":"j","results":{"language_code":"en-US","transcripts":[{"transcript":"CVV? three two one."}],"items":[` +
	`{"start_time":"0.0","end_time":"0.4","type":"pronunciation","alternatives":[{"confidence":"1.0","content":"CVV"}],"speaker_label":"spk_0"},{"type":"punctuation","alternatives":[{"content":"?"}]},` +
	`{"start_time":"1.0","end_time":"1.4","type":"pronunciation","alternatives":[{"content":"three"},{"content":"free"}],"speaker_label":"spk_1"},{"start_time":"1.5","end_time":"1.9","type":"pronunciation","alternatives":[{"content":"two"}],"speaker_label":"spk_1"},` +
	`{"start_time":"2.0","end_time":"2.4","type":"pronunciation","alternatives":[{"content":"one"}],"speaker_label":"spk_1"},{"type":"punctuation","alternatives":[{"content":"."}]}],` +
	`"audio_segments":[{"start_time":"1.0","end_time":"2.5","transcript":"three two one."}]}}`

const transcribeOut = `{"jobName":"j","results":{"language_code":"en-US","transcripts":[{"transcript":"CVV? [cvv]."}],"items":[` +
	`{"start_time":"0.0","end_time":"0.4","type":"pronunciation","alternatives":[{"confidence":"1.0","content":"CVV"}],"speaker_label":"spk_0"},{"type":"punctuation","alternatives":[{"content":"?"}]},` +
	`{"start_time":"1.0","end_time":"1.4","type":"pronunciation","alternatives":[{"content":"[cvv]"},{"content":"[cvv]"}],"speaker_label":"spk_1"},{"start_time":"1.5","end_time":"1.9","type":"pronunciation","alternatives":[{"content":""}],"speaker_label":"spk_1"},` +
	`{"start_time":"2.0","end_time":"2.4","type":"pronunciation","alternatives":[{"content":""}],"speaker_label":"spk_1"},{"type":"punctuation","alternatives":[{"content":"."}]}],` +
	`"audio_segments":[{"start_time":"1.0","end_time":"2.5","transcript":"[cvv]"}]}}`

const whisperIn = `{"segments":[{"start":0,"end":1,"text":" The CVV?","speaker":"A","words":[{"word":"The","start":0,"end":0.3},{"word":"CVV?","start":0.4,"end":0.9}]},` +
	`{"start":1,"end":2,"text":" It's 321.","speaker":"B","words":[{"word":"It's","start":1,"end":1.3},{"word":"321."}],"chars":[{"char":"3"}]}],"word_segments":[{"word":"The"},{"word":"CVV?"},{"word":"It's"},{"word":"321."}],"language":"en"}`

const whisperOut = `{"segments":[{"start":0,"end":1,"text":" The CVV?","speaker":"A","words":[{"word":"The","start":0,"end":0.3},{"word":"CVV?","start":0.4,"end":0.9}]},` +
	`{"start":1,"end":2,"text":" It's [cvv].","speaker":"B","words":[{"word":"It's","start":1,"end":1.3},{"word":"[cvv]."}],"chars":[{"char":""}]}],"word_segments":[{"word":"The"},{"word":"CVV?"},{"word":"It's"},{"word":"[cvv]."}],"language":"en"}`

func TestFormats(t *testing.T) {
	for _, c := range formatCases {
		for how, in := range map[string]io.Reader{"whole": strings.NewReader(c.in), "byte by byte": iotest.OneByteReader(strings.NewReader(c.in))} {
			got, err := filed(t, FileConfig{Engine: Config{Profile: Chat}, Format: c.format, Spans: c.spans}, in)
			if err != nil || got != c.want {
				t.Errorf("%s, %s: %v\n got %q\nwant %q", c.name, how, err, got, c.want)
			}
		}
	}
}

const letterIn = "From: Bob Hope <bob@example.com>\r\nTo: desk@bank.example\r\nSubject: =?utf-8?Q?card_4111_1111_1111_1111?=\r\nContent-Type: multipart/mixed; boundary=b\r\nMIME-Version: 1.0\r\n\r\npreamble " + pan1 + "\r\n" +
	"--b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nol=E9 4111=201111 1111 11=\r\n11\r\n" +
	"--b\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+aXQgaXMgNDExMSAxMTExIDExMTEgMTExMTwvcD4=\r\n" +
	"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: ann@example.com\r\n\r\ncvv: 123\r\n" +
	"--b\r\nContent-Type: image/png; name=\"bob.png\"\r\n\r\n\x89PNG\r\n--b--\r\n"

func TestMail(t *testing.T) {
	got, err := filed(t, FileConfig{Engine: Config{Profile: Chat}, Format: EML}, strings.NewReader(letterIn))
	if !errors.Is(err, ErrUnread) || !strings.Contains(err.Error(), "image/png") {
		t.Errorf("the picture was not withheld: %v", err)
	}
	want := "From: [person] <[email]>\r\nTo: <[email]>\r\nSubject: card [pan]\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nol=C3=A9 [pan]\r\n" +
		"--b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nPHA+aXQgaXMgW3Bhbl08L3A+\r\n" +
		"--b\r\nContent-Type: message/rfc822\r\n\r\nFrom: <[email]>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\ncvv: [cvv]\r\n" +
		"--b\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n[withheld: image/png]\r\n\r\n--b--\r\n"
	if got != want {
		t.Errorf("got %q\nwant %q", got, want)
	}
}

// TestUnread: what cannot be read is withheld, named, and the rest is written.
func TestUnread(t *testing.T) {
	for _, c := range []struct {
		name   string
		format Format
		spans  bool
		in     io.Reader
		want   string
	}{
		{"a line without an end", JSONL, false, io.MultiReader(strings.NewReader("{\"a\":\""), io.LimitReader(everMore("4111 1111 1111 1111 "), maxItem+9), strings.NewReader("\"}\n{\"b\":1}\n")), "{\"error\":\"line 1 is over 2097152 bytes: text could not be read and is withheld\"}\n{\"b\":1}\n"},
		{"no JSON where findings are asked for", JSONL, true, strings.NewReader("nonsense 4111111111111111\n"), `{"error":"line 1: `},
		{"neither text nor turns", JSONL, true, strings.NewReader(`{"id":1}`), `{"id":1,"error":"line 1: no `},
		{"a number for a text", JSONL, true, strings.NewReader(`{"id":"a","text":4111}`), `{"id":"a","error":"line 1: \"text\" is a JSON number: want a string: `},
		{"no object", JSONL, true, strings.NewReader(`[4111]`), `{"error":"line 1: array: want an object with `},
		{"half a document", JSON, false, strings.NewReader(`{"a":"4111 1111 1111 1111","b":["4111111111`), `{"a":"[pan]","b":[`},
		{"half a record", CSV, false, strings.NewReader("a,b\n1,\"4111111111111111\n"), "a,b\n"},
	} {
		got, err := filed(t, FileConfig{Format: c.format, Spans: c.spans}, c.in)
		if !errors.Is(err, ErrUnread) && c.name != "half a record" || !strings.HasPrefix(got, c.want) || strings.Contains(got, "4111") {
			t.Errorf("%s: %v\n got %.200q\nwant %q", c.name, err, got, c.want)
		}
	}
}

// everMore repeats a text.
func everMore(text string) io.Reader { return &repeated{text: text} }

type repeated struct {
	text string
	at   int
}

func (r *repeated) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.text[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.text)
	}
	return n, nil
}

var fullStream = flag.Bool("fullstream", false, "10 GB a format instead of a few MB")

// TestConstantMemory: a stream of any length needs the same memory.
func TestConstantMemory(t *testing.T) {
	for format, unit := range map[Format]string{
		Text:  ("I paid with 4111 1111 1111 1111 on the fourth of two, and then some ordinary words follow it\n"),
		JSONL: (`{"text":"I paid with 4111 1111 1111 1111","n":[1,2,3]}` + "\n"),
		JSON:  (`{"text":"I paid with 4111 1111 1111 1111","n":[` + strings.Repeat("1,", 10) + strings.Repeat(" ", 1500) + `3]}` + "\n"),
		CSV:   ("1,\"paid with 4111 1111 1111 1111\",x\n"),
		VTT:   ("00:01.000 --> 00:02.000\nfour one one one\n\n"),
	} {
		size := int64(512 << 10)
		if format == JSON {
			size = 9 << 20 // more than is read at once
		}
		if *fullStream {
			size = 10 << 30
		}
		f, err := NewFile(FileConfig{Format: format})
		if err != nil {
			t.Fatal(err)
		}
		peak := &watch{}
		if err := f.Copy(context.Background(), peak, io.LimitReader(everMore(unit), size/int64(len(unit))*int64(len(unit)))); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		t.Logf("%s: at most %d MiB of heap", format, peak.heap>>20)
		if peak.heap > 64<<20 {
			t.Errorf("%s: %d MiB of heap", format, peak.heap>>20)
		}
	}
}

// watch notes the largest heap while it is written to.
type watch struct {
	n    int
	heap uint64
}

func (w *watch) Write(p []byte) (int, error) {
	if w.n += len(p); w.n > 1<<16 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		w.heap, w.n = max(w.heap, m.HeapAlloc), 0
	}
	return len(p), nil
}

func FuzzFormats(f *testing.F) {
	for _, c := range formatCases {
		f.Add(string(c.format), c.in)
	}
	f.Add("eml", letterIn)
	f.Fuzz(func(t *testing.T, format, text string) {
		as, err := ParseFormat(format)
		if err != nil {
			return
		}
		file, err := NewFile(FileConfig{Engine: Config{Profile: Chat, Lang: "en"}, Format: as})
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		err = file.Copy(t.Context(), &out, strings.NewReader(text))
		if as == JSONL && err == nil && json.Valid([]byte(text)) && !strings.Contains(text, "\n") && !json.Valid(out.Bytes()) {
			t.Fatalf("%q became %q", text, out.String())
		}
	})
}
