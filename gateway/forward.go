package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/privet-gateway/privet/gateway/assertion"
	"github.com/privet-gateway/privet/policy"
)

// forward asks the tool and shows the answer.
func (v *visit) forward() error {
	ctx, stop := context.WithCancelCause(v.r.Context())
	defer stop(nil)
	// Silence of the tool ends the request; every byte starts the wait anew.
	silence := time.AfterFunc(v.tool.Timeout, func() { stop(errToolSlow) })
	defer silence.Stop()
	answered := v.overdue(stop)
	defer answered()
	x := exchange{visit: v, ctx: ctx, stop: stop, answered: answered, silence: silence, asked: time.Now()}
	defer v.pace()()
	question, err := x.question()
	if err != nil {
		return err
	}
	if question.Body != nil {
		defer question.Body.Close() // whoever still reads it must not once the answer is given
	}
	res, err := v.tool.trip.RoundTrip(question)
	if err == nil {
		defer res.Body.Close()
		err = x.view(res)
	}
	if err != nil {
		return toolError(ctx, err)
	}
	return nil
}

// moving is an upload whose every part starts the wait for the answer anew.
type moving struct {
	io.ReadCloser
	moved func()
}

func (m *moving) Read(p []byte) (int, error) {
	n, err := m.ReadCloser.Read(p)
	if n > 0 {
		m.moved()
	}
	return n, err
}

// exchange is one question to a tool and its answer.
type exchange struct {
	*visit
	ctx      context.Context
	stop     context.CancelCauseFunc
	answered func() // the wait for the tool is over
	silence  *time.Timer
	asked    time.Time
	coding   string // of the answer to the agent, "" for none
	begun    bool   // the agent has its head
}

// question is the tool's request. Its headers are made from nothing, so what a
// client nominates in Connection can neither add nor remove one.
func (x *exchange) question() (*http.Request, error) {
	v := x.visit
	out := v.r.WithContext(x.ctx)
	out.URL = &url.URL{Scheme: v.tool.Upstream.Scheme, Host: v.tool.Upstream.Host, Path: v.tool.prefix + v.path, RawQuery: v.r.URL.RawQuery}
	out.Host, out.RequestURI = v.toolHost(), ""
	out.Header, out.Trailer, out.TransferEncoding, out.Close = v.toTool(v.r.Header), nil, nil, false
	if _, named := out.Header["User-Agent"]; !named {
		out.Header["User-Agent"] = []string{""} // else the library would name itself
	}
	switch {
	case v.r.ContentLength == 0:
		out.Body = nil
	case v.r.GetBody == nil: // an upload moves before the tool can answer
		out.Body = &moving{v.r.Body, func() { x.silence.Reset(v.tool.Timeout) }}
	}
	return out, v.identify(out.Header)
}

// begin sends the head of the answer. From here on an error can only tear it off.
func (x *exchange) begin(status int, head http.Header) {
	maps.Copy(x.w.Header(), head)
	x.w.WriteHeader(status)
	x.begun = true
}

// tear ends an answer that has begun, so that it never looks complete.
func (x *exchange) tear(why error) {
	x.failed = fmt.Errorf("%w: %w", errTorn, why)
	panic(http.ErrAbortHandler)
}

// identify tells the tool who the agent is.
func (v *visit) identify(out http.Header) error {
	a := v.g.cfg.Assertions
	if a == nil {
		return nil
	}
	token, err := a.For(v.session, v.tool.Name, v.question.Purpose, v.question.Case)
	if err != nil {
		return err
	}
	out[assertion.Header] = []string{token}
	return nil
}

// toolHost is the Host that the tool sees: the one agents use, so that the
// links and the origin checks of the tool keep working.
func (v *visit) toolHost() string {
	if v.tool.KnownAs != "" {
		return v.tool.KnownAs
	}
	if _, port, err := net.SplitHostPort(v.r.Host); err == nil && port != "" && strings.Trim(port, "0123456789") == "" {
		return v.tool.host + ":" + port
	}
	return v.tool.host
}

// toolError tells the ways apart in which a tool can fail to answer.
func toolError(ctx context.Context, err error) error {
	var says *toolSays
	var cert *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var timeout net.Error
	cause := context.Cause(ctx)
	switch {
	case cause == context.Canceled:
		return errLeft
	case errors.Is(cause, errToolSlow), errors.Is(cause, errRevoked), errors.Is(cause, errSign):
		return cause
	case errors.As(err, &says), errors.Is(err, errAnswer), errors.Is(err, errMedia), errors.Is(err, errPacked),
		errors.Is(err, errPartial), errors.Is(err, errTooLarge), errors.Is(err, errBody), errors.Is(err, policy.ErrProbe):
		return err
	case errors.As(err, &cert), errors.As(err, &authority):
		return fmt.Errorf("%w: %w", errToolTLS, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", errToolSlow, err)
	}
	return fmt.Errorf("%w: %w", errToolDown, err)
}
