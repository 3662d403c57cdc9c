package main

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/privet-gateway/privet/gateway"
)

// toolConfig is one support application. Name, host, upstream and catalogue are
// required; every default is the closed one.
type toolConfig struct {
	Name      string `yaml:"name"`
	Host      string `yaml:"host"`
	Upstream  string `yaml:"upstream"`
	Catalogue string `yaml:"catalogue"` // its screens and classes
	KnownAs   string `yaml:"known_as"`  // the Host header it expects; default: host

	TLS     toolTLSConfig           `yaml:"tls"`     // towards an https upstream
	HTTP2   bool                    `yaml:"http2"`   // HTTP/2 without TLS; over TLS it is negotiated
	Callers string                  `yaml:"callers"` // PEM of who signs the client certificates that agents must have here
	Secrets map[string]secretConfig `yaml:"secrets"` // headers by which the tool knows Privet, where it cannot verify assertions

	Origins         []string `yaml:"origins"`          // pages elsewhere whose scripts may call this tool (CORS): https://app.example.com
	RequestHeaders  []string `yaml:"request_headers"`  // further ones that may pass to the tool
	ResponseHeaders []string `yaml:"response_headers"` // further ones that may pass to the agent
	Uploads         []string `yaml:"uploads"`          // media types of files that agents may send, unread: "image/*"
	Unviewed        bool     `yaml:"unviewed"`         // another proxy shows its answers, whole; see forward_auth
	Compress        bool     `yaml:"compress"`         // ask the tool to compress; for tools far away

	Health   healthConfig     `yaml:"health"`
	Timeouts timeoutsConfig   `yaml:"timeouts"`
	Limits   toolLimitsConfig `yaml:"limits"`
}

type toolTLSConfig struct {
	CA          string `yaml:"ca"`          // PEM; default: the system's
	Certificate string `yaml:"certificate"` // Privet's own, for tools that want one
	Key         string `yaml:"key"`
	ServerName  string `yaml:"server_name"` // in the tool's certificate, where it is not the upstream's
}

// secretConfig names where a header's value is kept; it never stands in the file.
type secretConfig struct {
	File   string `yaml:"file"`   // one of file …
	Env    string `yaml:"env"`    // … and env
	User   string `yaml:"user"`   // makes it Basic authentication (RFC 7617) of this user
	Scheme string `yaml:"scheme"` // written before it: Bearer
}

type healthConfig struct {
	Path  string        `yaml:"path"`  // 2xx and 3xx are well; empty: a connection is enough
	Every time.Duration `yaml:"every"` // default 10s
}

type timeoutsConfig struct {
	Connect time.Duration `yaml:"connect"` // default 5s, and as long for TLS
	Answer  time.Duration `yaml:"answer"`  // until it begins; default 30s
	Silence time.Duration `yaml:"silence"` // between two bytes; default as answer
}

type toolLimitsConfig struct {
	Body        size `yaml:"body"`        // of a request; default 32MiB
	JSON        size `yaml:"json"`        // of a JSON document or form, read whole; default 1MiB
	Connections int  `yaml:"connections"` // to the tool; default 256
}

// size is a number of bytes: 1048576, 64KiB, 32MiB, 1GiB.
type size int64

// UnmarshalText reads one.
func (s *size) UnmarshalText(text []byte) error {
	number, unit := string(text), int64(1)
	for i, suffix := range []string{"KiB", "MiB", "GiB"} {
		if n, ok := strings.CutSuffix(number, suffix); ok {
			number, unit = n, 1<<(10*(i+1))
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
	if err != nil || n <= 0 {
		return fmt.Errorf("%q is not a size: want 1048576, 64KiB, 32MiB or 1GiB", text)
	}
	*s = size(n * unit)
	return nil
}

// complete makes paths absolute and says what cannot work; at is the key.
func (t *toolConfig) complete(at string, path func(string) string) (errs []error) {
	want := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(at+format, args...))
		}
	}
	want(t.Name != "" && t.Host != "" && t.Catalogue != "", ": want name, host, upstream and catalogue")
	want(t.Host == strings.ToLower(t.Host) && !strings.ContainsAny(t.Host, ":/ "), ".host: want a host name in small letters, without port")
	u, err := url.Parse(t.Upstream)
	want(err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "", ".upstream: want http(s)://host")
	secure := err == nil && u.Scheme == "https"
	want(secure || t.TLS == toolTLSConfig{}, ".tls: the upstream is http://; make it https:// or leave tls out")
	want(!secure || !t.HTTP2, ".http2: is for http:// upstreams; over TLS it is negotiated")
	want((t.TLS.Certificate == "") == (t.TLS.Key == ""), ".tls: want certificate and key together")
	for name, s := range t.Secrets {
		want((s.File == "") != (s.Env == ""), ".secrets.%s: want one of file and env", name)
		want(s.User == "" || s.Scheme == "", ".secrets.%s: want one of user and scheme", name)
		want(!strings.Contains(s.User, ":"), ".secrets.%s.user: a colon ends the name in Basic authentication", name)
		s.File = path(s.File)
		t.Secrets[name] = s
	}
	for _, media := range t.Uploads {
		kind, sub, ok := strings.Cut(media, "/")
		want(ok && kind != "" && kind != "*" && sub != "", ".uploads: %q is not a media type, \"image/png\" or \"image/*\"", media)
	}
	want(t.Health.Path == "" || t.Health.Path[0] == '/', ".health.path: want a path that begins with /")
	for name, d := range map[string]time.Duration{"health.every": t.Health.Every, "timeouts.connect": t.Timeouts.Connect,
		"timeouts.answer": t.Timeouts.Answer, "timeouts.silence": t.Timeouts.Silence} {
		want(d >= 0, ".%s: want a time that is not negative", name)
	}
	want(t.Limits.Connections >= 0, ".limits.connections: want a number that is not negative")
	for _, p := range []*string{&t.Catalogue, &t.Callers, &t.TLS.CA, &t.TLS.Certificate, &t.TLS.Key} {
		*p = path(*p)
	}
	return errs
}

// tools reads what the configuration names and gives the gateway its tools.
func (c *config) tools() ([]gateway.Tool, error) {
	var tools []gateway.Tool
	var errs []error
	for i := range c.Tools {
		t, err := c.Tools[i].open()
		if err != nil {
			errs = append(errs, fmt.Errorf("tools[%d] (%s): %w", i, c.Tools[i].Name, err))
		}
		tools = append(tools, t)
	}
	return tools, errors.Join(errs...)
}

func (t *toolConfig) open() (gateway.Tool, error) {
	upstream, _ := url.Parse(t.Upstream) // the configuration was checked
	out := gateway.Tool{Name: t.Name, Host: t.Host, Upstream: upstream, KnownAs: t.KnownAs, HTTP2: t.HTTP2,
		Origins: t.Origins, RequestHeaders: t.RequestHeaders, ResponseHeaders: t.ResponseHeaders, Uploads: t.Uploads, Unviewed: t.Unviewed, Compress: t.Compress,
		Health:  gateway.Health{Path: t.Health.Path, Every: t.Health.Every},
		Connect: t.Timeouts.Connect, Timeout: t.Timeouts.Answer, Silence: t.Timeouts.Silence,
		MaxBody: int64(t.Limits.Body), MaxJSON: int64(t.Limits.JSON), Connections: t.Limits.Connections}
	var err error
	if t.Callers != "" {
		if out.Callers, err = readAuthorities(t.Callers); err != nil {
			return out, fmt.Errorf("callers: %w", err)
		}
	}
	if upstream.Scheme == "https" {
		if out.TLS, err = t.TLS.open(); err != nil {
			return out, fmt.Errorf("tls: %w", err)
		}
	}
	for name, s := range t.Secrets {
		value, err := s.read()
		if err != nil {
			return out, fmt.Errorf("secrets.%s: %w", name, err)
		}
		if out.Secrets == nil {
			out.Secrets = map[string]string{}
		}
		out.Secrets[name] = value
	}
	return out, nil
}

func (c toolTLSConfig) open() (*tls.Config, error) {
	out := &tls.Config{ServerName: c.ServerName}
	var err error
	if c.CA != "" {
		if out.RootCAs, err = readAuthorities(c.CA); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	if c.Certificate != "" {
		own, err := tls.LoadX509KeyPair(c.Certificate, c.Key)
		if err != nil {
			return nil, fmt.Errorf("certificate: %w", err)
		}
		out.Certificates = []tls.Certificate{own}
	}
	return out, nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read authorities: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s holds no certificate; want PEM", file)
	}
	return pool, nil
}

// environ is a secret that the environment must hold.
func environ(name string) (string, error) {
	value := os.Getenv(name)
	if value == "" {
		return "", fmt.Errorf("the environment has no %s; set it where Privet starts", name)
	}
	return value, nil
}

// read is the header's value. What it is never stands in an error.
func (s secretConfig) read() (value string, err error) {
	if s.File != "" {
		text, err := os.ReadFile(s.File)
		if err != nil {
			return "", fmt.Errorf("read secret: %w", err)
		}
		value = strings.TrimSpace(string(text))
	} else if value, err = environ(s.Env); err != nil {
		return "", err
	}
	switch {
	case value == "":
		return "", fmt.Errorf("%s is empty", s.File)
	case s.User != "":
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(s.User+":"+value)), nil
	case s.Scheme != "":
		return s.Scheme + " " + value, nil
	}
	return value, nil
}

// addresses reads a list of addresses and networks.
func addresses(at string, list []string) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, text := range list {
		if one, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(one.Unmap(), one.Unmap().BitLen()))
			continue
		}
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is neither an address (10.0.0.5) nor a network (10.0.0.0/8)", at, text)
		}
		all = append(all, network.Masked())
	}
	return all, nil
}
