package gateway

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/privet-gateway/privet/policy"
)

// findScreen finds the configured screen of a request's canonical method, host
// and path. What is not configured does not exist.
func (g *Gateway) findScreen(v *visit) error {
	t, known := g.tools[canonicalHost(v.r.Host)]
	if !known {
		return errHost
	}
	v.tool = t
	if v.elsewhere && !t.Unviewed {
		return errViewed
	}
	if t.Callers != nil && !certified(v.r, t) {
		return errCertificate
	}
	if err := checkMethod(v.r); err != nil {
		return err
	}
	path, err := canonicalPath(v.r.URL)
	if err != nil {
		return err
	}
	v.path = path
	if v.query, err = readQuery(v.r.URL.RawQuery); err != nil {
		return err
	}
	screen, params, err := g.cfg.Policy.Match(t.Name, v.r.Method, path)
	if err != nil {
		return fmt.Errorf("match screen: %w", policy.ErrScreen)
	}
	v.screen, v.params = screen, params
	return nil
}

// certified says whether the connection was made for this tool's name and with
// a client certificate: one that was opened for another tool may carry none.
func certified(r *http.Request, t *tool) bool {
	return r.TLS != nil && canonicalHost(r.TLS.ServerName) == t.host && len(r.TLS.VerifiedChains) > 0
}

// canonicalHost is a host in lower case, without port and final dot.
func canonicalHost(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.TrimSuffix(strings.ToLower(host), ".")
}

// checkMethod admits the methods that a screen can have. CONNECT opens tunnels
// and TRACE mirrors credentials (RFC 9110 §9.3.6, §9.3.8).
func checkMethod(r *http.Request) error {
	switch r.Method {
	case "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS":
		return nil
	}
	return errMethod
}

// canonicalPath is the one decoded form of a path on which both the decision
// and the forward rest. Whatever two servers could read differently is refused:
// encoded separators, dot segments, empty segments, path parameters, encoded
// percent signs, controls and what is not UTF-8.
func canonicalPath(u *url.URL) (string, error) {
	raw := u.EscapedPath()
	if raw == "" || raw[0] != '/' {
		return "", errPath
	}
	for i := 0; i < len(raw); i++ {
		switch c := raw[i]; {
		case c == '\\', c == ';', c <= ' ', c >= 0x7f:
			return "", errPath
		case c == '%':
			if i+2 >= len(raw) || !plainEscape(raw[i+1], raw[i+2]) {
				return "", errPath
			}
		}
	}
	path := u.Path
	if strings.Contains(path, "//") || !utf8.ValidString(path) {
		return "", errPath
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		if segment == "." || segment == ".." {
			return "", errPath
		}
	}
	return path, nil
}

// plainEscape says whether %hl stands for a byte that no server gives a meaning.
func plainEscape(h, l byte) bool {
	b, ok := unhex(h, l)
	if !ok || b < ' ' || b == 0x7f {
		return false
	}
	return !strings.ContainsRune("/\\%;.?#", rune(b)) || b >= 0x80
}

func unhex(h, l byte) (byte, bool) {
	const digits = "0123456789abcdef"
	hi, lo := strings.IndexByte(digits, h|0x20), strings.IndexByte(digits, l|0x20)
	if h < '0' || l < '0' || hi < 0 || lo < 0 {
		return 0, false
	}
	return byte(hi<<4 | lo), true
}

// readQuery refuses queries that two parsers read differently, and the
// parameter by which some frameworks change the method after the decision.
func readQuery(raw string) (url.Values, error) {
	if raw == "" {
		return nil, nil
	}
	for i := 0; i < len(raw); i++ {
		if c := raw[i]; c <= ' ' || c >= 0x7f || c == '#' {
			return nil, errQuery
		}
	}
	values, err := url.ParseQuery(raw)
	if err != nil || values.Has("_method") {
		return nil, errQuery
	}
	return values, nil
}
