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
	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"

	"github.com/privet-gateway/privet/policy"
	"github.com/privet-gateway/privet/redact"
)

const (
	gatherSize = 32 << 10
	wholeBody  = 64 << 10 // a body up to this is rewritten before its first byte is shown
)

// acceptBody checks a request's body by its head, and JSON by its content: a
// document that two parsers could read differently never reaches a tool.
func (v *visit) acceptBody() error {
	r := v.r
	if coding := r.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return errCoding
	}
	if r.ContentLength > v.tool.MaxBody {
		return errTooLarge
	}
	media, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
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
		if strings.HasPrefix(media, "multipart/") {
			var declared string
			r.Body, declared, err = newPartHeads(r.Body, media, params)
			r.Header["Content-Type"] = []string{declared}
		}
		return err
	}
	if r.ContentLength > v.tool.MaxJSON {
		return errTooLarge
	}
	began := time.Now()
	body, err := io.ReadAll(http.MaxBytesReader(v.w, r.Body, v.tool.MaxJSON))
	if err != nil {
		return bodyError(err)
	}
	if time.Since(began) > planAge { // what was decided before may not hold any more
		ctx, stop := context.WithTimeout(r.Context(), v.g.cfg.Patience)
		defer stop()
		if err := v.g.judge(ctx, v); err != nil {
			return err
		}
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

// view checks a tool's answer and shows it rewritten. Its error means that
// nothing of it has been shown.
func (x *exchange) view(res *http.Response) error {
	v := x.visit
	now := time.Now()
	v.tool.load.began(now.Sub(x.asked), now)
	x.silence.Reset(v.tool.Silence)
	switch {
	case res.StatusCode < 200: // 099: net/http would panic on it
		return errAnswer
	case res.StatusCode == http.StatusPartialContent || res.Header.Get("Content-Range") != "":
		return errPartial
	}
	coding, media, letters := strings.Join(res.Header["Content-Encoding"], ", "), "", ""
	if declared := res.Header.Get("Content-Type"); declared != "" {
		parsed, params, err := mime.ParseMediaType(declared)
		if err != nil {
			return errMedia
		}
		media, letters = parsed, strings.ToLower(params["charset"])
	}
	head := v.fromTool(res)
	if v.r.Method == http.MethodHead || res.StatusCode == http.StatusNoContent || res.StatusCode == http.StatusResetContent ||
		res.ContentLength == 0 || isRedirect(res) {
		x.begin(res.StatusCode, head)
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
	head["Content-Type"] = []string{withCharset(kind)}
	head["X-Content-Type-Options"] = []string{"nosniff"}
	if coding != "" && coding != "identity" {
		head.Add("Vary", "Accept-Encoding")
		if x.coding = codingFor(v.r.Header["Accept-Encoding"], strings.ToLower(coding)); x.coding != "" {
			head["Content-Encoding"] = []string{x.coding}
		}
	}
	return x.show(res.StatusCode, head, &heard{r: body, x: x}, kind)
}

func isRedirect(res *http.Response) bool {
	return res.StatusCode >= 300 && res.StatusCode < 400
}

// show sends the rewritten body: a short one whole, a long one and a stream as
// it comes.
func (x *exchange) show(status int, head http.Header, body io.Reader, kind string) error {
	v := x.visit
	if isStream(kind) {
		return x.stream(status, head, body, kind)
	}
	in, out := bodyBuffers.Get().(*bytes.Buffer), bodyBuffers.Get().(*bytes.Buffer)
	defer func() { putBuffer(in); putBuffer(out) }()
	if _, err := in.ReadFrom(io.LimitReader(body, wholeBody+1)); err != nil {
		return readError(err)
	}
	if wide(in.Bytes(), kind) {
		whole := io.MultiReader(bytes.NewReader(bytes.Clone(in.Bytes())), body)
		return x.show(status, head, transform.NewReader(whole, unicode.BOMOverride(encoding.Nop.NewDecoder())), kind)
	}
	if err := sniff(in.Bytes(), kind); err != nil {
		return err
	}
	if in.Len() > wholeBody {
		return x.long(status, head, io.MultiReader(in, body), kind)
	}
	tally, err := v.decision.Plan.RewriteLive(out, in, kind, v.g.cfg.Scan, v.planMetered())
	v.tally = tally
	if err != nil {
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	packed, err := x.packed(out)
	if err != nil {
		return err
	}
	if x.ended() {
		return errRevoked
	}
	head["Content-Length"] = []string{strconv.Itoa(packed.Len())}
	x.begin(status, head)
	if _, err := v.w.Write(packed.Bytes()); err != nil {
		x.tear(errLeft)
	}
	if v.r.ProtoMajor == 1 { // the agent need not wait for the outcome to be written down
		_ = http.NewResponseController(v.w).Flush()
	}
	return nil
}

var bodyBuffers = sync.Pool{New: func() any { return bytes.NewBuffer(make([]byte, 0, wholeBody/8)) }}

// putBuffer keeps a buffer for the next body, but not what stood in it.
func putBuffer(b *bytes.Buffer) {
	b.Reset()
	bodyBuffers.Put(b)
}

// long rewrites a body that does not fit as it comes. An error before the
// first byte is shown is a refusal; a later one tears the answer off.
func (x *exchange) long(status int, head http.Header, src io.Reader, kind string) error {
	x.answered()
	defer x.g.vigil.over(x.visit, x.wire(), x.stop)()
	tally, err := x.rewriteLong(&opening{x: x, status: status, head: head}, src, kind)
	x.tally = tally
	if err != nil {
		err = toolErrorIn(x.ctx, err)
		if x.begun {
			x.tear(err)
		}
		return fmt.Errorf("%w: %w", errAnswer, err)
	}
	if !x.begun {
		x.begin(status, head)
	}
	return nil
}

// opening is the agent's end of a long answer, which begins with the first byte.
type opening struct {
	x      *exchange
	status int
	head   http.Header
	live   *http.ResponseController // of a stream, whose every event leaves at once
}

func (o *opening) Write(p []byte) (int, error) {
	if o.x.hushed.Load() {
		return 0, errRevoked
	}
	if !o.x.begun {
		o.x.begin(o.status, o.head)
	}
	n, err := o.x.w.Write(p)
	if err == nil && o.live != nil {
		err = o.live.Flush()
	}
	return n, err
}

func (x *exchange) rewriteLong(w io.Writer, src io.Reader, kind string) (redact.Tally, error) {
	v := x.visit
	packed, err := pack(x.coding, w, isStream(kind))
	if err != nil {
		return redact.Tally{}, err
	}
	out := &gather{w: packed, live: isStream(kind)}
	if !out.live {
		out.buf = make([]byte, 0, gatherSize)
	}
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
	r io.Reader
	x *exchange
}

func (h *heard) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if n > 0 && h.x.silence != nil {
		h.x.silence.Reset(h.x.tool.Silence)
	}
	return n, err
}

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

// wide says whether a text begins with the mark of UTF-16, by which browsers go
// whatever its head says (Encoding Standard, "decode").
func wide(text []byte, kind string) bool {
	return strings.HasPrefix(kind, "text/") && (bytes.HasPrefix(text, []byte("\xfe\xff")) || bytes.HasPrefix(text, []byte("\xff\xfe")))
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
