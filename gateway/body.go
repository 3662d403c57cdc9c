package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"golang.org/x/net/html/charset"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const (
	wholeBody = 64 << 10 // a body up to this is rewritten before its first byte is shown
)

// acceptBody checks a request's body by its head, and JSON by its content: a
// document that two parsers could read differently never reaches a tool.
func (v *visit) acceptBody() error {
	r := v.r
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// A chunked body whose trailer is malformed leaves bytes behind that the
		// next request would begin with (golang/go#81143; RFC 9112 §6.1).
		v.w.Header().Set("Connection", "close")
	}
	if r.Body == nil || r.Body == http.NoBody {
		return nil
	}
	r.Body = &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(v.w), began: time.Now()}
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return errCoding
	}
	if r.ContentLength > v.tool.MaxBody {
		return errTooLarge
	}
	media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		if r.ContentLength == 0 {
			return nil
		}
		return fmt.Errorf("%w: content type", errBody)
	}
	if !isJSON(media) && media != "application/x-www-form-urlencoded" {
		if v.screen.Body || !v.uploads(media) {
			return fmt.Errorf("%w: a body of type %s", policy.ErrProbe, media)
		}
		r.Body = http.MaxBytesReader(v.w, r.Body, v.tool.MaxBody)
		return nil
	}
	if r.ContentLength > v.tool.MaxJSON {
		return errTooLarge
	}
	body, err := io.ReadAll(http.MaxBytesReader(v.w, r.Body, v.tool.MaxJSON))
	if err != nil {
		return bodyError(err)
	}
	if isJSON(media) && !jsontext.Value(body).IsValid() {
		return fmt.Errorf("%w: JSON", errBody)
	}
	if err := v.decision.CheckBody(media, body); err != nil {
		return err
	}
	r.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	r.Body, _ = r.GetBody()
	r.ContentLength, r.TransferEncoding = int64(len(body)), nil
	return nil
}

// uploads says whether the tool takes files of a media type.
func (v *visit) uploads(media string) bool {
	return slices.ContainsFunc(v.tool.Uploads, func(want string) bool {
		_, ok := shownAs(want, media)
		return ok
	})
}

func bodyError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return errTooLarge
	}
	return fmt.Errorf("%w: %w", errBody, err)
}

func isJSON(media string) bool {
	return media == "application/json" || strings.HasSuffix(media, "+json")
}

// view checks a tool's answer and puts the rewritten one in its place.
func (x *exchange) view(res *http.Response) error {
	v := x.visit
	now := time.Now()
	v.tool.load.began(now.Sub(x.asked), now)
	x.silence.Reset(v.tool.Silence)
	if res.StatusCode == http.StatusPartialContent || res.Header.Get("Content-Range") != "" {
		return errPartial
	}
	coding, media, letters := res.Header.Get("Content-Encoding"), "", ""
	if declared := res.Header.Get("Content-Type"); declared != "" {
		parsed, params, err := mime.ParseMediaType(declared)
		if err != nil {
			return errMedia
		}
		media, letters = parsed, strings.ToLower(params["charset"])
	}
	length := res.ContentLength
	res.Header = v.fromTool(res)
	res.ContentLength = -1
	if v.r.Method == http.MethodHead || res.StatusCode < 200 || res.StatusCode == http.StatusNoContent ||
		res.StatusCode == http.StatusNotModified || length == 0 || isRedirect(res) {
		res.Body.Close()
		res.Body, res.ContentLength = http.NoBody, 0
		return nil
	}
	kind, ok := shownAs(v.screen.Media, media)
	if !ok {
		if res.StatusCode >= 400 {
			return &toolSays{res.StatusCode}
		}
		return fmt.Errorf("%w: %q, the screen says %q", errMedia, media, v.screen.Media)
	}
	body, err := v.unpack(res.Body, coding)
	if err != nil {
		return err
	}
	if body, err = inUTF8(body, letters, kind); err != nil {
		return err
	}
	res.Header["Content-Type"] = []string{withCharset(kind)}
	res.Header["X-Content-Type-Options"] = []string{"nosniff"}
	if coding != "" && coding != "identity" {
		res.Header.Add("Vary", "Accept-Encoding")
		if x.coding = codingFor(v.r.Header["Accept-Encoding"], strings.ToLower(coding)); x.coding != "" {
			res.Header["Content-Encoding"] = []string{x.coding}
		}
	}
	return x.show(res, &heard{r: body, from: res.Body, x: x}, kind)
}

func isRedirect(res *http.Response) bool {
	return res.StatusCode >= 300 && res.StatusCode < 400
}

// show puts the rewritten body in place: a short one whole, a long one and a
// stream as it comes.
func (x *exchange) show(res *http.Response, body *heard, kind string) error {
	v := x.visit
	if isStream(kind) {
		x.stream(res, body, kind)
		return nil
	}
	in := bodyBuffers.Get().(*bytes.Buffer)
	defer func() { in.Reset(); bodyBuffers.Put(in) }()
	if _, err := in.ReadFrom(io.LimitReader(body, wholeBody+1)); err != nil {
		return readError(err)
	}
	if err := sniff(in.Bytes(), kind); err != nil {
		return err
	}
	if in.Len() > wholeBody {
		head := bytes.Clone(in.Bytes())
		x.long(res, io.MultiReader(bytes.NewReader(head), body), body, kind)
		return nil
	}
	res.Body.Close()
	out := bytes.NewBuffer(make([]byte, 0, in.Len()+512))
	tally, err := v.decision.Plan.Rewrite(out, in, kind, v.g.cfg.Scan)
	v.tally = tally
	if err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	if out, err = x.packed(out); err != nil {
		return err
	}
	res.Body, res.ContentLength = io.NopCloser(out), int64(out.Len())
	res.Header["Content-Length"] = []string{strconv.Itoa(out.Len())}
	return nil
}

var bodyBuffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, wholeBody/8)) }}

// long rewrites a body that does not fit as it comes. An error tears the
// answer off.
func (x *exchange) long(res *http.Response, src io.Reader, body *heard, kind string) {
	v := x.visit
	pr, pw := io.Pipe()
	stopWatch := v.watchEnd(x.stop)
	x.pump.Go(func() {
		defer stopWatch()
		tally, err := x.rewriteLong(pw, src, kind)
		body.Close()
		v.tally = tally
		if err != nil {
			err = fmt.Errorf("%w: %w", errTorn, toolErrorIn(x.ctx, err))
			x.torn = err
		}
		pw.CloseWithError(err)
	})
	res.Body = pr
}

func (x *exchange) rewriteLong(w io.Writer, src io.Reader, kind string) (redact.Tally, error) {
	v := x.visit
	packed, err := pack(x.coding, w, isStream(kind))
	if err != nil {
		return redact.Tally{}, err
	}
	out := &gather{w: packed, buf: make([]byte, 0, copySize), live: isStream(kind)}
	tally, err := v.decision.Plan.RewriteLive(out, src, kind, v.g.cfg.Scan, v.planNow())
	if err == nil {
		err = out.flush()
	}
	if err == nil { // what was torn off gets no end that looks valid
		err = packed.Close()
	}
	return tally, err
}

// packed is a short body in the agent's coding.
func (x *exchange) packed(out *bytes.Buffer) (*bytes.Buffer, error) {
	if x.coding == "" {
		return out, nil
	}
	packed := &bytes.Buffer{}
	w, err := pack(x.coding, packed, false)
	if err == nil {
		_, err = w.Write(out.Bytes())
	}
	if err == nil {
		err = w.Close()
	}
	return packed, err
}

// toolErrorIn prefers the reason why the answer was ended to the error that
// the ending caused.
func toolErrorIn(ctx context.Context, err error) error {
	switch cause := context.Cause(ctx); {
	case cause == nil:
		return err
	case cause == context.Canceled:
		return errLeft
	default:
		return cause
	}
}

// wait returns when the body's rewriting has ended, also when the agent left.
func (x *exchange) wait() {
	x.stop(nil)
	x.pump.Wait()
}

// gather collects small writes; a live stream is passed on at once.
type gather struct {
	w    io.Writer
	buf  []byte
	live bool
}

func (o *gather) Write(p []byte) (int, error) {
	if o.live {
		return o.w.Write(p)
	}
	if len(o.buf)+len(p) > cap(o.buf) {
		if err := o.flush(); err != nil {
			return 0, err
		}
		if len(p) >= cap(o.buf) {
			return o.w.Write(p)
		}
	}
	o.buf = append(o.buf, p...)
	return len(p), nil
}

func (o *gather) flush() error {
	_, err := o.w.Write(o.buf)
	o.buf = o.buf[:0]
	return err
}

// heard is a tool's body; every byte proves that the tool is still there.
type heard struct {
	r    io.Reader
	from io.Closer
	x    *exchange
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 && h.x.silence != nil {
		h.x.silence.Reset(h.x.tool.Silence)
	}
	return n, err
}

func (h *heard) Close() error { return h.from.Close() }

func readError(err error) error {
	if errors.Is(err, errPacked) || errors.Is(err, errAnswer) {
		return err
	}
	return fmt.Errorf("%w: %w", errToolDown, err)
}

// shownAs is the media type an answer is rewritten as, if its screen allows it.
func shownAs(screen, got string) (string, bool) {
	switch {
	case got == "":
		return "", false
	case got == screen:
		return got, true
	case isJSON(got) && isJSON(screen):
		return screen, true
	case got == "application/xhtml+xml" && screen == "text/html":
		return screen, true
	case isScript(got) && isScript(screen):
		return screen, true
	case strings.HasSuffix(screen, "/*") && strings.HasPrefix(got, screen[:len(screen)-1]):
		return got, true
	}
	return "", false
}

// isScript: the names of JavaScript that are in use (RFC 9239 §6).
func isScript(media string) bool {
	switch media {
	case "text/javascript", "application/javascript", "application/x-javascript":
		return true
	}
	return false
}

// inUTF8 makes old pages readable for the detectors; JSON is UTF-8 or nothing
// (RFC 8259 §8.1).
func inUTF8(body io.Reader, letters, kind string) (io.Reader, error) {
	switch letters {
	case "", "utf-8", "utf8", "us-ascii":
		return body, nil
	}
	if isJSON(kind) || !strings.HasPrefix(kind, "text/") {
		return nil, fmt.Errorf("%w: charset %q", errMedia, letters)
	}
	read, err := charset.NewReaderLabel(letters, body)
	if err != nil {
		return nil, fmt.Errorf("%w: charset %q", errMedia, letters)
	}
	return read, nil
}

func withCharset(kind string) string {
	if strings.HasPrefix(kind, "text/") {
		return kind + "; charset=utf-8"
	}
	return kind
}

// sniff looks whether a body can be what it is called: a page that begins as
// an archive does is not shown as a page.
func sniff(head []byte, kind string) error {
	if isJSON(kind) {
		return nil // the rewriter reads every byte of it
	}
	found, _, _ := mime.ParseMediaType(http.DetectContentType(head))
	text := strings.HasPrefix(found, "text/")
	switch {
	case strings.HasPrefix(kind, "text/"), kind == "application/javascript", kind == "application/xml":
		if !text && len(head) > 0 {
			return fmt.Errorf("%w: called %q, looks like %q", errMedia, kind, found)
		}
	case text && found == "text/html":
		return fmt.Errorf("%w: called %q, looks like %q", errMedia, kind, found)
	}
	return nil
}
