package gateway

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/net/http/httpguts"
)

// Tool is one support application behind the gateway.
type Tool struct {
	Name     string
	Host     string   // the host agents use, "cases.example.com"
	Upstream *url.URL // http or https; its path is put before every path
	KnownAs  string   // the Host that the tool expects; default: the one agents use

	TLS     *tls.Config       // towards the tool: roots, a client certificate; nil: the system's roots
	Secrets map[string]string // headers for tools that cannot verify assertions: "Authorization": "Basic …"

	Callers *x509.CertPool // who signs the client certificates that this tool's agents must have; nil: none needed

	RequestHeaders  []string // further headers of the agent that the tool may see
	ResponseHeaders []string // further headers of the tool that the agent may see

	// Origins are the pages elsewhere, "https://app.example.com", whose scripts may
	// call this tool with the agent's session and read its answers and refusals
	// (CORS). With one configured, what the tool itself says about it is dropped.
	Origins []string

	// Uploads are the media types of files that agents may send, "image/*",
	// "multipart/form-data": nobody looks into them. None by default.
	Uploads []string

	// Unviewed lets other proxies ask for decisions and show the tool's answers
	// whole, past the gateway: for tools that hold nothing to withhold.
	Unviewed bool

	MaxBody     int64         // bytes of a request's body; default 32 MiB
	MaxJSON     int64         // bytes of a JSON body, which is read whole; default 1 MiB
	Connect     time.Duration // until a connection stands, and as long again for TLS; default 5 s
	Timeout     time.Duration // until the tool's answer begins; default 30 s
	Silence     time.Duration // between two bytes of it; default Timeout
	Connections int           // open at the same time; default 256
	Compress    bool          // ask the tool for zstd, br or gzip, and give it to agents who take it; for tools far away
	HTTP2       bool          // speak HTTP/2 without TLS to the tool

	Health Health // zero: a connection every 10 s
}

// tool is an opened Tool.
type tool struct {
	Tool
	host      string
	prefix    string // of every path
	transport *http.Transport
	sockets   ends
	trip      http.RoundTripper
	lines     *lines // nil: the tool speaks TLS or HTTP/2
	origins   map[string]bool
	requests  map[string]bool // canonical names that may pass to the tool
	responses map[string]bool // canonical names that may pass to the agent
	load      *load
	pulse     pulse
}

func openTool(t Tool) (*tool, error) {
	if t.Name == "" || t.Host == "" || t.Upstream == nil || t.Upstream.Host == "" {
		return nil, errors.New("name, host and upstream are required")
	}
	if s := t.Upstream.Scheme; s != "http" && s != "https" {
		return nil, errors.New("upstream: want http:// or https://")
	}
	if t.Upstream.User != nil || t.Upstream.RawQuery != "" {
		return nil, errors.New("upstream: no user and no query; a password is a secret header")
	}
	if t.Health.Path != "" && t.Health.Path[0] != '/' {
		return nil, errors.New("health: the path must begin with /")
	}
	t.MaxBody = orDefault(t.MaxBody, 32<<20)
	t.MaxJSON = orDefault(t.MaxJSON, 1<<20)
	t.Connect = orDefault(t.Connect, 5*time.Second)
	t.Timeout = orDefault(t.Timeout, 30*time.Second)
	t.Silence = orDefault(t.Silence, t.Timeout)
	t.Health.Every = orDefault(t.Health.Every, 10*time.Second)
	t.Connections = orDefault(t.Connections, 256)
	transport := &http.Transport{
		Proxy:                  nil,
		DialContext:            (&net.Dialer{Timeout: t.Connect, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:        clientTLS(t.TLS),
		TLSHandshakeTimeout:    t.Connect,
		ResponseHeaderTimeout:  t.Timeout,
		ExpectContinueTimeout:  time.Second,
		IdleConnTimeout:        90 * time.Second,
		MaxIdleConns:           t.Connections,
		MaxIdleConnsPerHost:    t.Connections,
		MaxResponseHeaderBytes: 64 << 10,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		Protocols:              new(http.Protocols),
	}
	transport.Protocols.SetHTTP1(!t.HTTP2)
	transport.Protocols.SetHTTP2(true)
	transport.Protocols.SetUnencryptedHTTP2(t.HTTP2)
	if err := checkHeaders(&t); err != nil {
		return nil, err
	}
	origins, err := originSet(t.Origins)
	if err != nil {
		return nil, err
	}
	opened := &tool{Tool: t, origins: origins, host: canonicalHost(t.Host), prefix: strings.TrimSuffix(t.Upstream.Path, "/"), transport: transport, trip: calm{transport},
		requests:  nameSet(requestHeaders[:], t.RequestHeaders),
		responses: nameSet(responseHeaders[:], t.ResponseHeaders),
		load:      newLoad(t.Connections)}
	opened.openSockets()
	if t.Upstream.Scheme == "http" && !t.HTTP2 {
		opened.lines = &lines{dial: opened.open, most: t.Connections, general: transport}
		opened.trip = calm{opened.lines}
	}
	return opened, nil
}

// open makes a connection to the tool, without TLS.
func (t *tool) open(ctx context.Context) (net.Conn, error) {
	address := t.Upstream.Host
	if t.Upstream.Port() == "" {
		address = net.JoinHostPort(t.Upstream.Hostname(), t.Upstream.Scheme)
	}
	return t.transport.DialContext(ctx, "tcp", address)
}

// checkHeaders refuses to let headers through that the gateway itself answers
// for, in either direction.
func checkHeaders(t *Tool) error {
	for _, name := range t.RequestHeaders {
		if !httpguts.ValidHeaderFieldName(name) || trusted(name) {
			return fmt.Errorf("request header %q is Privet's own and cannot be let through", name)
		}
	}
	for _, name := range t.ResponseHeaders {
		if !httpguts.ValidHeaderFieldName(name) || rewritten(name) {
			return fmt.Errorf("response header %q is written by Privet and cannot be let through", name)
		}
	}
	for name, value := range t.Secrets {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) || value == "" {
			return fmt.Errorf("secret header %q: want a header's name and a value of one line", name)
		}
		if rewritten(name) || forwards(name) {
			return fmt.Errorf("secret header %q is written by Privet", name)
		}
	}
	return nil
}

func (t *tool) close() {
	if t.lines != nil {
		t.lines.hangUp(true)
	}
	t.transport.CloseIdleConnections()
}

func orDefault[T int | int64 | time.Duration](v, otherwise T) T {
	if v <= 0 {
		return otherwise
	}
	return v
}

func nameSet(lists ...[]string) map[string]bool {
	set := map[string]bool{}
	for _, list := range lists {
		for _, name := range list {
			set[http.CanonicalHeaderKey(strings.TrimSpace(name))] = true
		}
	}
	return set
}

// calm is a transport that never switches protocols, and asks once more where
// the first try cannot have reached the tool.
type calm struct{ next http.RoundTripper }

func (c calm) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := c.next.RoundTrip(r)
	if again := unsent(r, err); again != nil {
		res, err = c.next.RoundTrip(again)
	}
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		res.Body.Close()
		return nil, errTunnel
	}
	return res, nil
}

// unsent is the request to ask once more with, if no byte of it has left: only
// then is it safe whatever the method. What broke later, http.Transport asks
// again itself where RFC 9110 §9.2.2 allows, and nobody else does.
func unsent(r *http.Request, err error) *http.Request {
	var dial *net.OpError
	if !errors.As(err, &dial) || dial.Op != "dial" || dial.Timeout() || r.Context().Err() != nil {
		return nil
	}
	if r.Body == nil || r.Body == http.NoBody {
		return r
	}
	if r.GetBody == nil {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	again := *r
	again.Body = body
	return &again
}

var errTunnel = errors.New("the tool switched protocols without being asked")
