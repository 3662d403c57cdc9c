package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/privet-gateway/privet/gateway/assertion"
)

// forward asks the tool and shows the answer.
func (v *visit) forward() error {
	ctx, stop := context.WithCancelCause(v.r.Context())
	defer stop(nil)
	// Silence of the tool ends the request; every byte starts the wait anew.
	silence := time.AfterFunc(v.tool.Timeout, func() { stop(errToolSlow) })
	defer silence.Stop()
	if v.r.ContentLength != 0 && v.r.GetBody == nil { // an upload moves before the tool can answer
		v.r.Body = &moving{v.r.Body, func() { silence.Reset(v.tool.Timeout) }}
	}

	var failed error
	x := exchange{visit: v, ctx: ctx, stop: stop, silence: silence}
	defer func() {
		x.wait()
		if x.torn != nil {
			v.failed = x.torn
		}
	}()
	proxy := httputil.ReverseProxy{
		Rewrite:        x.rewrite,
		ModifyResponse: x.view,
		ErrorHandler:   func(_ http.ResponseWriter, _ *http.Request, err error) { failed = toolError(ctx, err) },
		Transport:      v.tool.trip,
		BufferPool:     copyBuffers{},
		ErrorLog:       v.g.silent,
	}
	x.asked = time.Now()
	// Upgrade is hop-by-hop, and only WebSocket is spoken elsewhere.
	delete(v.r.Header, "Upgrade")
	delete(v.r.Header, "Te")
	defer v.pace()()
	proxy.ServeHTTP(v.w, v.r.WithContext(ctx))
	return failed
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
	ctx     context.Context
	stop    context.CancelCauseFunc
	silence *time.Timer
	asked   time.Time
	pump    sync.WaitGroup // rewriting a long body
	coding  string         // of the answer to the agent, "" for none
	torn    error
}

// rewrite makes the tool's request. Identity is set here and nowhere before:
// what a client nominates in Connection is removed before this runs, never after.
func (x *exchange) rewrite(p *httputil.ProxyRequest) {
	v, out := x.visit, p.Out
	out.Header = v.toTool(out.Header)
	out.Trailer = nil
	out.Host = v.toolHost()
	prefix := strings.TrimSuffix(v.tool.Upstream.Path, "/")
	out.URL = &url.URL{Scheme: v.tool.Upstream.Scheme, Host: v.tool.Upstream.Host,
		Path: prefix + v.path, RawQuery: p.In.URL.RawQuery}
	if err := v.identify(out.Header); err != nil {
		x.stop(err)
	}
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
		errors.Is(err, errPartial), errors.Is(err, errTooLarge), errors.Is(err, errBody):
		return err
	case errors.As(err, &cert), errors.As(err, &authority):
		return fmt.Errorf("%w: %w", errToolTLS, err)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Errorf("%w: %w", errToolSlow, err)
	}
	return fmt.Errorf("%w: %w", errToolDown, err)
}

var copyPool = sync.Pool{New: func() any { return new([copySize]byte) }}

const copySize = 32 << 10

type copyBuffers struct{}

func (copyBuffers) Get() []byte  { return copyPool.Get().(*[copySize]byte)[:] }
func (copyBuffers) Put(b []byte) { copyPool.Put((*[copySize]byte)(b)) }
