package gateway

import (
	"io"
	"net/http"
	"time"
)

// A client that sends or takes bytes too slowly holds places that others need.
const (
	slowStart = 20 * time.Second // before a body must have begun to move
	slowRate  = 1 << 10          // bytes a second that it must keep
	stalled   = 30 * time.Second // that one write may take
)

// receive has a request's body keep moving, whoever reads it. What nobody reads,
// as its request is refused, must have come in time too: net/http waits for it.
// That goes on with the request it knows, whose body it may not have asked for yet.
func receive(w http.ResponseWriter, r *http.Request) *http.Request {
	if r.ProtoMajor == 1 && len(r.TransferEncoding) > 0 {
		// A chunked body whose trailer is malformed leaves bytes behind that the
		// next request would begin with (golang/go#81143; RFC 9112 §6.1).
		w.Header().Set("Connection", "close")
	}
	body := &pacedBody{ReadCloser: r.Body, control: http.NewResponseController(w), began: time.Now()}
	body.wait()
	r = r.WithContext(r.Context())
	r.Body = body
	return r
}

// pacedBody is a request's body that must keep moving.
type pacedBody struct {
	io.ReadCloser
	control *http.ResponseController
	began   time.Time
	got     int64
}

func (b *pacedBody) Read(p []byte) (int, error) {
	b.wait()
	n, err := b.ReadCloser.Read(p)
	b.got += int64(n)
	if err == io.EOF { // the deadline would end the request that the body belongs to
		_ = b.control.SetReadDeadline(time.Time{})
	}
	return n, err
}

func (b *pacedBody) wait() {
	_ = b.control.SetReadDeadline(b.began.Add(slowStart + time.Duration(b.got/slowRate)*time.Second))
}

// pacedWriter is an answer whose reader must keep reading.
type pacedWriter struct {
	http.ResponseWriter
	control *http.ResponseController
	due     time.Time
}

func (w *pacedWriter) Write(p []byte) (int, error) {
	w.wait()
	return w.ResponseWriter.Write(p)
}

// FlushError is how http.ResponseController flushes.
func (w *pacedWriter) FlushError() error {
	w.wait()
	return w.control.Flush()
}

// wait begins the wait anew, not oftener than the clock of a stall needs.
func (w *pacedWriter) wait() {
	if due := time.Now().Add(stalled); due.Sub(w.due) > time.Second {
		w.due = due
		_ = w.control.SetWriteDeadline(due)
	}
}

// Unwrap lets http.ResponseController reach the connection.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// pace makes an answer that may take long a paced one, and returns how to end that.
func (v *visit) pace() (end func()) {
	paced := &pacedWriter{ResponseWriter: v.w, control: http.NewResponseController(v.w)}
	v.w = paced
	return func() { _ = paced.control.SetWriteDeadline(time.Time{}) }
}
