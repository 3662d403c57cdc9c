package gateway

import (
	"bytes"
	"fmt"
	"io"
	"mime"
	"net/url"
	"regexp"
	"strings"

	"github.com/privet-gateway/privet/policy"
)

// Nobody looks into the files that agents upload, but one thing in them is not
// the tool's business alone: frameworks (Rails, Laravel, Symfony) take a form's
// field "_method" for the request's method, after that was judged. So the heads
// of a multipart body's parts are read as they pass, more widely than any parser
// reads them, and none goes on to the tool before it has been read.

// partHead bounds the head of one part.
const partHead = 8 << 10

// boundaries are those that every parser reads alike (RFC 2046 §5.1.1, without blanks).
var boundaries = regexp.MustCompile(`^[A-Za-z0-9'()+_,./:=?-]{1,70}$`)

// namesOf finds where a part's head may name a field or a file, by any reading
// of it: quotes and escapes, which parsers read in many ways, are not looked at.
var namesOf = regexp.MustCompile(`(?i)(file)?name[ \t\r\n]*(\*?[0-9]*\*?)[ \t\r\n]*=`)

// partHeads passes a multipart body on, head by head.
type partHeads struct {
	in       io.Reader
	closer   io.Closer
	boundary []byte // with its two dashes
	buf      []byte // read and not passed on
	free     int    // of that, what may be
	err      error  // the end, or why there is no more
}

// newPartHeads looks into a multipart body. It says how the content type goes on
// to the tool, so that all read the same boundary in it.
func newPartHeads(body io.ReadCloser, media string, params map[string]string) (io.ReadCloser, string, error) {
	if !boundaries.MatchString(params["boundary"]) {
		return nil, "", fmt.Errorf("%w: boundary of a multipart body", errBody)
	}
	return &partHeads{in: body, closer: body, boundary: []byte("--" + params["boundary"])}, mime.FormatMediaType(media, params), nil
}

// Close closes the body.
func (p *partHeads) Close() error { return p.closer.Close() }

// Read passes on what has been looked at.
func (p *partHeads) Read(b []byte) (int, error) {
	for p.free == 0 {
		if p.err != nil {
			return 0, p.err
		}
		p.fill()
	}
	n := copy(b, p.buf[:p.free])
	p.buf, p.free = p.buf[n:], p.free-n
	return n, nil
}

// fill reads on and looks at it.
func (p *partHeads) fill() {
	more := make([]byte, len(p.buf), max(len(p.buf)+gatherSize, 2*len(p.buf)))
	copy(more, p.buf)
	n, err := p.in.Read(more[len(more):cap(more)])
	p.buf = more[:len(more)+n]
	if err != nil && err != io.EOF {
		p.err = err
		return
	}
	ended := err == io.EOF
	for {
		at := bytes.Index(p.buf[p.free:], p.boundary)
		if at < 0 {
			if p.free = max(p.free, len(p.buf)-len(p.boundary)+1); ended {
				p.free = len(p.buf)
			}
			break
		}
		p.free += at // the tool may have what stands before it
		head := p.buf[p.free:]
		end := bytes.Index(head, []byte("\r\n\r\n"))
		switch {
		case end >= 0 && end <= partHead:
			head = head[:end]
		case len(head) > partHead:
			p.err = fmt.Errorf("%w: the head of a part is longer than %d bytes", errBody, partHead)
			return
		case !ended:
			return
		}
		if overrides(head[len(p.boundary):]) {
			p.err = fmt.Errorf("%w: the form names another method", policy.ErrProbe)
			return
		}
		p.free += len(head)
	}
	if ended {
		p.err = io.EOF
	}
}

// overrides says whether a part's head may name the field _method, as one of the
// frameworks reads it: PHP makes underscores of blanks, dots and brackets, some
// decode RFC 2231 or 2047, and some take the name from several pieces.
func overrides(head []byte) bool {
	for _, at := range namesOf.FindAllSubmatchIndex(head, -1) {
		file, pieces := at[2] >= 0, string(head[at[4]:at[5]])
		name := strings.TrimLeft(string(head[at[1]:]), "\"'\\ \t\r\n")
		if end := strings.IndexAny(name, "\";\r\n"); end >= 0 {
			name = name[:end]
		}
		if !file && (strings.ContainsAny(pieces, "0123456789") || strings.Contains(name, "=?")) {
			return true // in pieces or encoded: nobody sends fields' names so
		}
		if pieces != "" {
			name = name[strings.LastIndexByte(name, '\'')+1:] // charset'language'name
		}
		if plain, err := url.PathUnescape(name); err == nil {
			name = plain
		}
		name = strings.Map(func(r rune) rune {
			switch r {
			case ' ', '.', '[':
				return '_'
			case '\\', '"', '\'', ']', 0:
				return -1
			}
			return r
		}, strings.TrimSpace(name))
		if strings.HasPrefix(strings.ToLower(name), "_method") {
			return true
		}
	}
	return false
}
