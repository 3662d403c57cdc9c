package redact

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"net/textproto"
	"slices"
	"strings"

	"golang.org/x/text/encoding/htmlindex"
)

// A letter redacts one e-mail message (RFC 5322) with its MIME parts (RFC
// 2045…2049): header fields, texts in any charset and encoding, HTML, messages
// within messages. Attachments that are no text are withheld, and so is what
// nests deeper than maxParts.
type letter struct {
	e      *Engine
	unread error
}

const (
	maxParts  = 8       // depth
	maxHeader = 1 << 20 // bytes of one header
)

func (f *File) copyMail(out *bufio.Writer, src io.Reader) error {
	in := bufio.NewReaderSize(src, 64<<10)
	first, err := in.ReadSlice('\n')
	if err == io.EOF && len(first) == 0 {
		return nil
	}
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return fmt.Errorf("read message: %w", err)
	}
	l, to := &letter{e: f.engine("")}, io.Writer(out)
	if !bytes.HasSuffix(first, []byte("\r\n")) {
		to = &bareLines{w: out} // as it lies on disk: kept so
	}
	if err := l.message(to, io.MultiReader(bytes.NewReader(bytes.Clone(first)), in), 0); err != nil {
		return fmt.Errorf("read message: %w", err)
	}
	return l.unread
}

// bareLines ends lines with \n where \r\n is written.
type bareLines struct {
	w    *bufio.Writer
	held bool // a \r that may be followed by \n
}

func (b *bareLines) Write(p []byte) (int, error) {
	for _, c := range p {
		if b.held && c != '\n' {
			b.w.WriteByte('\r') // its error stays and comes back below
		}
		if b.held = c == '\r'; !b.held {
			b.w.WriteByte(c)
		}
	}
	_, err := b.w.Write(nil)
	return len(p), err
}

func (l *letter) message(out io.Writer, src io.Reader, depth int) error {
	in := bufio.NewReader(src)
	head := &io.LimitedReader{R: in, N: maxHeader}
	lines := textproto.NewReader(bufio.NewReaderSize(oneByte{head}, 16))
	var fields []field
	for {
		line, err := lines.ReadContinuedLine()
		if line == "" || err != nil {
			if head.N <= 0 {
				return fmt.Errorf("header over %d bytes: %w", maxHeader, ErrUnread)
			}
			if err != nil && err != io.EOF {
				return err
			}
			break
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			l.note("a header line without a name")
			continue
		}
		fields = append(fields, field{name, strings.TrimSpace(value)})
	}
	// the small reader may have read ahead of the header's end
	rest, _ := lines.R.Peek(lines.R.Buffered())
	return l.entity(out, fields, io.MultiReader(bytes.NewReader(rest), in), depth)
}

// oneByte reads single bytes, so that nothing behind a header is swallowed.
type oneByte struct{ r io.Reader }

func (o oneByte) Read(p []byte) (int, error) { return o.r.Read(p[:min(1, len(p))]) }

// field is one header field, unfolded.
type field struct{ name, value string }

// note keeps the first thing that was withheld.
func (l *letter) note(what string) {
	l.unread = firstOf(l.unread, fmt.Errorf("%s: %w", what, ErrUnread))
}

// entity writes a header and the body it describes.
func (l *letter) entity(out io.Writer, fields []field, body io.Reader, depth int) error {
	kind, params, encoding := "text/plain", map[string]string{}, ""
	for _, f := range fields {
		switch strings.ToLower(f.name) {
		case "content-type":
			k, p, err := mime.ParseMediaType(f.value)
			if err != nil {
				k, p = "application/octet-stream", nil
			}
			kind, params = k, p
		case "content-transfer-encoding":
			encoding = strings.ToLower(strings.TrimSpace(f.value))
		}
	}
	for _, f := range fields {
		switch strings.ToLower(f.name) {
		case "content-type", "content-transfer-encoding", "content-disposition", "content-length", "content-md5":
			continue
		}
		if _, err := fmt.Fprintf(out, "%s: %s\r\n", l.name(f.name), l.value(f)); err != nil {
			return err
		}
	}
	switch main, _, _ := strings.Cut(kind, "/"); {
	case depth > maxParts:
		return l.withhold(out, kind, "parts are nested too deep")
	case main == "multipart" && params["boundary"] != "":
		return l.parts(out, kind, params["boundary"], body, depth)
	case kind == "message/rfc822" && (encoding == "" || encoding == "7bit" || encoding == "8bit"):
		if _, err := fmt.Fprintf(out, "Content-Type: message/rfc822\r\n\r\n"); err != nil {
			return err
		}
		return l.message(out, body, depth+1)
	case main == "text" || kind == "application/json" || kind == "application/xml" || kind == "message/delivery-status":
		return l.text(out, kind, params["charset"], encoding, body)
	}
	return l.withhold(out, kind, "an attachment of type "+kind)
}

func (l *letter) withhold(out io.Writer, kind, why string) error {
	l.note(why)
	_, err := fmt.Fprintf(out, "Content-Type: text/plain; charset=utf-8\r\n\r\n[withheld: %s]\r\n", kind)
	return err
}

// parts rewrites a multipart body; text outside its parts is dropped.
func (l *letter) parts(out io.Writer, kind, boundary string, body io.Reader, depth int) error {
	if _, err := fmt.Fprintf(out, "Content-Type: %s\r\n", mime.FormatMediaType(kind, map[string]string{"boundary": boundary})); err != nil {
		return err
	}
	in := multipart.NewReader(body, boundary)
	for {
		part, err := in.NextRawPart()
		if err != nil {
			if err != io.EOF { // a part without an end, or nonsense: what was read is written
				l.note("a broken multipart body")
			}
			_, err = fmt.Fprintf(out, "\r\n--%s--\r\n", boundary)
			return err
		}
		if _, err := fmt.Fprintf(out, "\r\n--%s\r\n", boundary); err != nil {
			return err
		}
		var fields []field
		for name, values := range part.Header {
			for _, v := range values {
				fields = append(fields, field{name, v})
			}
		}
		slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.name, b.name) })
		if err := l.entity(out, fields, part, depth+1); err != nil {
			return err
		}
	}
}

// text decodes a text, redacts it and encodes it again, always as UTF-8.
func (l *letter) text(out io.Writer, kind, charset, encoding string, body io.Reader) error {
	switch encoding {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	case "", "7bit", "8bit", "binary":
		encoding = "8bit"
	default:
		return l.withhold(out, kind, "a text in encoding "+encoding)
	}
	body, err := decodeCharset(charset, body)
	if err != nil {
		return l.withhold(out, kind, "a text in charset "+charset)
	}
	if _, err := fmt.Fprintf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", kind, encoding); err != nil {
		return err
	}
	to := encoder(out, encoding)
	if kind == "text/html" || kind == "text/xml" || kind == "application/xml" || kind == "application/xhtml+xml" {
		err = l.html(to, body)
	} else {
		w := l.e.Writer(to)
		_, err = io.Copy(w, body)
		err = errors.Join(err, w.Close())
	}
	if err = errors.Join(err, to.Close()); err != nil && !errors.As(err, new(base64.CorruptInputError)) {
		return err
	}
	if err != nil {
		l.note("a broken " + encoding + " body")
	}
	return nil
}

// html redacts a page; one that cannot be rewritten is withheld.
func (l *letter) html(out io.Writer, body io.Reader) error {
	plan, err := NewPlan(PlanConfig{HTML: true, Fields: []Field{{Path: "*", Class: FreeText, Do: Scrub}}})
	if err != nil {
		return err
	}
	var page bytes.Buffer
	if _, err := plan.Rewrite(&page, body, "text/html", l.e); err != nil {
		l.note("a page: " + err.Error())
		_, err = io.WriteString(out, "[withheld: text/html]\r\n")
		return err
	}
	_, err = out.Write(page.Bytes())
	return err
}

func decodeCharset(charset string, r io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "", "utf-8", "utf8", "us-ascii", "ascii":
		return r, nil
	}
	enc, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return enc.NewDecoder().Reader(r), nil
}

// encoder encodes a body; Close ends it.
func encoder(out io.Writer, encoding string) io.WriteCloser {
	switch encoding {
	case "quoted-printable":
		return quotedprintable.NewWriter(out)
	case "base64":
		return base64.NewEncoder(base64.StdEncoding, &wrapped{w: out})
	}
	return nopCloser{out}
}

type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }

// wrapped breaks lines after 76 characters (RFC 2045 §6.8).
type wrapped struct {
	w  io.Writer
	at int
}

func (b *wrapped) Write(p []byte) (int, error) {
	for done := 0; done < len(p); {
		n := min(76-b.at, len(p)-done)
		if _, err := b.w.Write(p[done : done+n]); err != nil {
			return done, err
		}
		done += n
		if b.at += n; b.at == 76 {
			if _, err := io.WriteString(b.w, "\r\n"); err != nil {
				return done, err
			}
			b.at = 0
		}
	}
	return len(p), nil
}

// name gives a header field's name, without anything that is none.
func (l *letter) name(s string) string {
	return strings.Map(func(r rune) rune {
		if r > ' ' && r < 0x7f && r != ':' {
			return r
		}
		return -1
	}, s)
}

// value gives a header field's value as it may be shown. Addresses have names;
// words in another charset are decoded first (RFC 2047).
func (l *letter) value(f field) string {
	words := mime.WordDecoder{CharsetReader: decodeCharset}
	text, err := words.DecodeHeader(f.value)
	if err != nil {
		l.note("header field " + l.name(f.name))
		return "[withheld]"
	}
	switch strings.ToLower(f.name) {
	case "from", "to", "cc", "bcc", "sender", "reply-to", "resent-from", "resent-to":
		if list, err := mail.ParseAddressList(text); err == nil {
			return l.addresses(list)
		}
	case "mime-version", "date":
		return l.fields(f.name, text)
	}
	return l.fields(f.name, text)
}

func (l *letter) fields(name, text string) string {
	lead := name + ": "
	b := []byte(lead + text)
	hits := clip(l.e.findAll(nil, b), len(lead))
	shown := string(l.e.render(nil, b[len(lead):], hits))
	return mime.QEncoding.Encode("utf-8", strings.Map(func(r rune) rune {
		if r == '\r' || r == '\n' {
			return ' '
		}
		return r
	}, shown))
}

// addresses: a mailbox's name is a person, whatever it is.
func (l *letter) addresses(list []*mail.Address) string {
	var out []string
	for _, a := range list {
		name, box := []byte(a.Name), []byte(a.Address)
		if l.e.rules.wants(Person, 1) && len(name) > 0 {
			name = l.e.rules.replace(nil, Person, name)
		}
		if l.e.rules.wants(Email, 1) {
			box = l.e.rules.replace(nil, Email, box)
		}
		shown := "<" + string(box) + ">"
		if len(name) > 0 {
			shown = mime.QEncoding.Encode("utf-8", string(name)) + " " + shown
		}
		out = append(out, shown)
	}
	return strings.Join(out, ", ")
}
