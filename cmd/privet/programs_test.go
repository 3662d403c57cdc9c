package main

import (
	"archive/zip"
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// The programs that scripts run beside privet itself.

// codes is "codes NAME": it signs in, then tries the used code again and a wrong
// one, and prints what the desk answered.
func codes() {
	r := readReady("ready.json")
	name := os.Args[1]
	_, err := session(r, name)
	die(err)
	i := slices.IndexFunc(r.People, func(h readyHuman) bool { return h.Name == name })
	used, err := code(r.People[i].TOTP, time.Now())
	die(err)
	for _, try := range []struct{ what, code string }{{"used", used}, {"wrong", wrong(used)}} {
		var ticket struct{ Ticket string }
		die(post200(r, "/api/login", map[string]string{"agent": name, "password": r.People[i].Password}, &ticket))
		resp, err := client(r).Post(r.Desk+"/api/code", "application/json",
			strings.NewReader(fmt.Sprintf(`{"ticket":%q,"code":%q}`, ticket.Ticket, try.code)))
		die(err)
		receipt := "no receipt"
		if resp.Header.Get("Privet-Receipt") != "" {
			receipt = "receipt"
		}
		_ = resp.Body.Close()
		fmt.Println(try.what, resp.StatusCode, receipt)
	}
}

// wrong is another code of the same length.
func wrong(code string) string {
	return string('0'+('9'-code[0])) + code[1:]
}

// inzip is "inzip ZIP FILE PATTERN": fails unless the file in the archive matches.
func inzip() {
	text, err := zipped(os.Args[1], os.Args[2])
	die(err)
	if !regexp.MustCompile(os.Args[3]).Match(text) {
		die(fmt.Errorf("%s does not match %s", os.Args[2], os.Args[3]))
	}
}

func zipped(archive, name string) ([]byte, error) {
	z, err := zip.OpenReader(archive)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	f, err := z.Open(name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(f)
}

// tamper is "tamper HOW FROM TO": an archive, or a key, changed in one way.
func tamper() {
	how, from, to := os.Args[1], os.Args[2], os.Args[3]
	if how == "key" {
		text, err := os.ReadFile(from)
		die(err)
		name, _, _ := strings.Cut(string(text), "+")
		_, vkey, err := note.GenerateKey(rand.Reader, name)
		die(err)
		die(os.WriteFile(to, []byte(vkey+"\n"), 0o600))
		return
	}
	z, err := zip.OpenReader(from)
	die(err)
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for _, f := range z.File {
		r, err := f.Open()
		die(err)
		text, err := io.ReadAll(r)
		die(err)
		if f.Name == "entries.jsonl" {
			text = tamperEntries(how, text)
		}
		part, err := w.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		die(err)
		_, err = part.Write(text)
		die(err)
	}
	die(w.Close())
	die(os.WriteFile(to, out.Bytes(), 0o600))
}

func tamperEntries(how string, text []byte) []byte {
	lines := bytes.SplitAfter(bytes.TrimSuffix(text, []byte("\n")), []byte("\n"))
	switch how {
	case "flip":
		at := len(text) / 2
		text[at] ^= 1
		return text
	case "cut":
		return bytes.Join(lines[:len(lines)-1], nil)
	case "reorder":
		lines[0], lines[1] = lines[1], lines[0]
		return bytes.Join(lines, nil)
	}
	die(fmt.Errorf("how to tamper: %q", how))
	return nil
}
