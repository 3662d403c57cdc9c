package gateway

import (
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/privet-gateway/privet/redact"
)

// Names of Privet's own.
const (
	SessionHeader = "Privet-Session"
	receiptHeader = "Privet-Receipt"
)

// requestHeaders may pass from the agent to a tool. Each is an exact name in
// its one canonical spelling, so an underscore, a dot or another case of a
// trusted name is simply not on the list.
var requestHeaders = [...]string{
	"Accept", "Accept-Language", "Access-Control-Request-Headers", "Access-Control-Request-Method",
	"Content-Language", "Content-Type", "Content-Disposition", "Dnt", "If-Match", "If-Unmodified-Since",
	"Last-Event-Id", "Origin", "Prefer", "Priority", "Purpose",
	"Sec-Fetch-Dest", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Sec-Fetch-User", "Sec-Gpc",
	"Upgrade-Insecure-Requests", "User-Agent", "X-Csrf-Token", "X-Csrftoken", "X-Requested-With", "X-Xsrf-Token",
	"Idempotency-Key",
}

// responseHeaders may pass from a tool to the agent as they are: they say how
// to show an answer, not whom it is about.
var responseHeaders = [...]string{
	"Access-Control-Allow-Credentials", "Access-Control-Allow-Headers", "Access-Control-Allow-Methods",
	"Access-Control-Allow-Origin", "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Allow", "Content-Language",
	"Content-Security-Policy", "Content-Security-Policy-Report-Only", "Cross-Origin-Embedder-Policy",
	"Cross-Origin-Opener-Policy", "Cross-Origin-Resource-Policy", "Permissions-Policy", "Referrer-Policy",
	"Retry-After", "X-Content-Type-Options", "X-Frame-Options", "X-Robots-Tag", "X-Ua-Compatible", "X-Dns-Prefetch-Control",
}

// headerClasses are what no header of a tool may carry.
func headerClasses() []redact.Class {
	return []redact.Class{redact.PAN, redact.IBAN, redact.SSN, redact.Email, redact.Phone, redact.NationalID, redact.TaxID}
}

// trusted says whether a header is one that only Privet or a proxy it trusts
// may set, in any spelling: case, dash, underscore and dot do not matter.
func trusted(name string) bool {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r == '-' || r == '_' || r == '.':
			return -1
		case 'A' <= r && r <= 'Z':
			return r + 'a' - 'A'
		}
		return r
	}, name)
	switch plain {
	case "host", "te", "trailer", "upgrade", "expect", "via", "range", "ifrange", "cookie", "connection", "keepalive",
		"transferencoding", "contentlength", "acceptencoding":
		return true
	}
	for _, prefix := range [...]string{"privet", "xprivet", "xforwarded", "forwarded", "xreal", "xoriginal", "xrewrite",
		"xhttpmethod", "xmethodoverride", "remoteuser", "xremote", "xauth", "xclient", "xssl", "sslclient", "trueclient",
		"cfconnecting", "xenvoy", "xuser", "xgroups", "xemail", "proxy", "authorization"} {
		if strings.HasPrefix(plain, prefix) {
			return true
		}
	}
	return false
}

// rewritten says whether a header of an answer is one that the gateway writes
// or checks itself.
func rewritten(name string) bool {
	switch name = http.CanonicalHeaderKey(name); name {
	case "Set-Cookie", "Location", "Link", "Cache-Control", "Vary", "Connection", "Keep-Alive", "Upgrade", "Te", "Trailer",
		"Transfer-Encoding", "Strict-Transport-Security", "Alt-Svc", "Refresh", "Host", "Cookie", "Accept-Encoding":
		return true
	}
	return strings.HasPrefix(name, "Content-") && name != "Content-Security-Policy" || strings.HasPrefix(name, "Privet-")
}

// forwards says whether a header tells of the agent's connection.
func forwards(name string) bool {
	name = http.CanonicalHeaderKey(name)
	return name == "Forwarded" || strings.HasPrefix(name, "X-Forwarded-")
}

// toTool builds the headers that a tool sees from nothing.
func (v *visit) toTool(in http.Header) http.Header {
	out := make(http.Header, len(in)+8)
	for name, values := range in {
		if v.tool.requests[name] {
			out[name] = values
		}
	}
	if referer := sameHost(in.Get("Referer"), v.tool.host); referer != "" {
		out["Referer"] = []string{referer}
	}
	if cookies := foreignCookies(in["Cookie"]); cookies != "" {
		out["Cookie"] = []string{cookies}
	}
	coding := "identity"
	if v.tool.Compress {
		coding = codings
	}
	out["Accept-Encoding"] = []string{coding}
	address := v.question.Address
	out["X-Forwarded-For"] = []string{address}
	out["X-Forwarded-Host"] = []string{v.toolHost()}
	out["X-Forwarded-Proto"] = []string{"https"}
	out["Forwarded"] = []string{forwarded(address, v.toolHost())}
	for name, value := range v.tool.Secrets {
		out[http.CanonicalHeaderKey(name)] = []string{value}
	}
	return out
}

// forwarded is one element of RFC 7239.
func forwarded(address, host string) string {
	if strings.Contains(address, ":") {
		address = `"[` + address + `]"`
	}
	return "for=" + address + `;host="` + host + `";proto=https`
}

// sameHost is a referrer's URL if it is a page of the tool, else "".
func sameHost(referer, host string) string {
	u, err := url.Parse(referer)
	if err != nil || canonicalHost(u.Host) != host {
		return ""
	}
	return referer
}

// foreignCookies are the tool's own cookies: all but Privet's.
func foreignCookies(lines []string) string {
	var kept []string
	for _, line := range lines {
		for pair := range strings.SplitSeq(line, ";") {
			pair = strings.TrimSpace(pair)
			name, _, _ := strings.Cut(pair, "=")
			if pair != "" && !ownCookie(strings.TrimSpace(name)) {
				kept = append(kept, pair)
			}
		}
	}
	return strings.Join(kept, "; ")
}

func ownCookie(name string) bool {
	name = strings.ToLower(name)
	name = strings.TrimPrefix(strings.TrimPrefix(name, "__host-"), "__secure-")
	return strings.HasPrefix(name, "privet")
}

// fromTool builds the headers that an agent sees. Headers leak as bodies do,
// so those that carry a tool's own words are scanned, and dropped if anything
// is found.
func (v *visit) fromTool(res *http.Response) http.Header {
	in, out := res.Header, make(http.Header, len(res.Header)+4)
	for name, values := range in {
		if v.tool.responses[name] {
			if clean := v.unscathed(values); len(clean) > 0 {
				out[name] = clean
			}
		}
	}
	if to := in.Get("Location"); to != "" {
		if to = v.publicURL(to); to != "" {
			out["Location"] = []string{to}
		}
	}
	for _, link := range v.unscathed(in["Link"]) {
		if !strings.Contains(link, v.tool.Upstream.Host) {
			out.Add("Link", link)
		}
	}
	if d := in.Get("Content-Disposition"); d != "" {
		out["Content-Disposition"] = []string{v.disposition(d)}
	}
	for _, c := range res.Cookies() {
		if kept := v.cookie(c); kept != "" {
			out.Add("Set-Cookie", kept)
		}
	}
	out["Cache-Control"] = []string{"private, no-store"}
	out["Vary"] = []string{"Cookie, " + SessionHeader}
	v.crossOrigin(out)
	return out
}

// unscathed are the values in which nothing personal is found, as they are and
// as whoever undoes their escapes reads them.
func (v *visit) unscathed(values []string) []string {
	var clean []string
	for _, s := range values {
		plain := plainText(s)
		if len(v.g.leaks.Find(nil, []byte(s))) == 0 && (plain == s || len(v.g.leaks.Find(nil, []byte(plain))) == 0) {
			clean = append(clean, s)
		}
	}
	return clean
}

// publicURL turns a redirect of the tool into one that agents can follow: the
// tool's own address becomes its public host. "" if it carries personal data.
func (v *visit) publicURL(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.User != nil || len(v.unscathed([]string{to})) == 0 {
		return ""
	}
	if u.Host != "" && (strings.EqualFold(u.Host, v.tool.Upstream.Host) || canonicalHost(u.Host) == v.tool.host) {
		u.Scheme, u.Host = "", ""
		if prefix := strings.TrimSuffix(v.tool.Upstream.Path, "/"); prefix != "" {
			if rest, inside := strings.CutPrefix(u.Path, prefix); inside && (rest == "" || rest[0] == '/') {
				u.Path, u.RawPath = rest, ""
			}
		}
		if u.Path == "" {
			u.Path = "/"
		}
		return strings.TrimPrefix(u.String(), "//")
	}
	return to
}

// plainText is a value as a person reads it, so that an escaped address is
// found; what is no escape stays.
func plainText(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	plain := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if b, ok := unhex(s[i+1], s[i+2]); ok {
				plain, i = append(plain, b), i+2
				continue
			}
		}
		plain = append(plain, s[i])
	}
	return string(plain)
}

// disposition keeps how a file is offered, and its name if that says nothing
// personal.
func (v *visit) disposition(value string) string {
	kind, params, err := mime.ParseMediaType(value)
	if err != nil {
		return "attachment"
	}
	name := params["filename"]
	if name == "" || len(v.unscathed([]string{name})) == 0 {
		return kind
	}
	return mime.FormatMediaType(kind, map[string]string{"filename": name})
}

// cookie is a tool's cookie, for this host only and over TLS only. A tool
// cannot set a cookie of Privet's.
func (v *visit) cookie(c *http.Cookie) string {
	if ownCookie(c.Name) {
		return ""
	}
	c.Domain, c.Secure = "", true
	line := c.String()
	if len(v.unscathed([]string{line})) == 0 {
		return ""
	}
	return line
}

func (g *Gateway) address(r *http.Request) string { return Address(r, g.cfg.TrustedProxies) }

// Address is where a request comes from: the connection's address, or, behind a
// trusted proxy, the last one in X-Forwarded-For that is not a trusted proxy
// itself. "" if that is not known.
func Address(r *http.Request, proxies []netip.Prefix) string {
	trusts := func(a netip.Addr) bool {
		return slices.ContainsFunc(proxies, func(p netip.Prefix) bool { return p.Contains(a) })
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	addr := peer.Addr().Unmap()
	if !trusts(addr) {
		return addr.String()
	}
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for _, hop := range slices.Backward(hops) {
		next, err := netip.ParseAddr(strings.TrimSpace(hop))
		if err != nil {
			break
		}
		addr = next.Unmap()
		if !trusts(addr) {
			break
		}
	}
	return addr.String()
}

// lastHop is the address that the nearest proxy saw.
func lastHop(lines []string) string {
	hops := strings.Split(strings.Join(lines, ","), ",")
	return strings.TrimSpace(hops[len(hops)-1])
}
