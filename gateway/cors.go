package gateway

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// originSet checks [Tool.Origins]: each as a browser writes it, "https://host" or
// with a port; plain http only for this very machine.
func originSet(origins []string) (map[string]bool, error) {
	set := make(map[string]bool, len(origins))
	for _, o := range origins {
		u, err := url.Parse(o)
		if err != nil || u.Host == "" || o != u.Scheme+"://"+strings.ToLower(u.Host) ||
			u.Scheme != "https" && (u.Scheme != "http" || canonicalHost(u.Host) != "localhost") {
			return nil, fmt.Errorf("origin %q: want https://host as browsers write it, without a path", o)
		}
		set[o] = true
	}
	return set, nil
}

// origin is the configured origin whose page sends this request, or "".
func (v *visit) origin() string {
	if v.tool != nil {
		if o := v.r.Header.Get("Origin"); v.tool.origins[o] {
			return o
		}
	}
	return ""
}

// preflight answers a browser that asks whether a page of a configured origin
// may send a request (Fetch, "CORS-preflight fetch"). It carries no credential,
// tells nothing that the catalogue does not, and asks the tool nothing: the
// request itself walks like every other. False: it is no such question.
func (v *visit) preflight() bool {
	method := v.r.Header.Get("Access-Control-Request-Method")
	if v.r.Method != http.MethodOptions || method == "" {
		return false
	}
	v.tool = v.g.tools[canonicalHost(v.r.Host)]
	origin := v.origin()
	if origin == "" {
		return false
	}
	path, err := canonicalPath(v.r.URL)
	if err != nil {
		return false
	}
	if _, _, err := v.g.cfg.Policy.Match(v.tool.Name, method, path); err != nil {
		return false
	}
	head := v.w.Header()
	readable(head, origin)
	head.Set("Access-Control-Allow-Methods", method)
	var allowed []string
	for _, name := range tokens(v.r.Header["Access-Control-Request-Headers"]) {
		if name = http.CanonicalHeaderKey(name); v.tool.requests[name] || name == SessionHeader {
			allowed = append(allowed, name)
		}
	}
	if len(allowed) > 0 {
		head.Set("Access-Control-Allow-Headers", strings.Join(allowed, ", "))
	}
	head.Set("Access-Control-Max-Age", "600")
	head.Set("Cache-Control", "no-store")
	head.Set("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
	v.w.WriteHeader(http.StatusNoContent)
	return true
}

// readable lets a page of the origin read an answer. What the tool says about
// it does not count where Privet is told.
func readable(head http.Header, origin string) {
	head["Access-Control-Allow-Origin"] = []string{origin}
	head["Access-Control-Allow-Credentials"] = []string{"true"}
	exposed := append([]string{receiptHeader, "Retry-After", "WWW-Authenticate"}, tokens(head["Access-Control-Expose-Headers"])...)
	head["Access-Control-Expose-Headers"] = []string{strings.Join(exposed, ", ")}
}

// crossOrigin decides which pages of other origins may read a tool's answer.
func (v *visit) crossOrigin(head http.Header) {
	if len(v.tool.origins) == 0 {
		return
	}
	if origin := v.origin(); origin != "" {
		readable(head, origin)
	} else {
		for name := range head {
			if strings.HasPrefix(name, "Access-Control-") {
				delete(head, name)
			}
		}
	}
	head["Vary"] = []string{"Origin, Cookie, " + SessionHeader}
}

// tokens are the members of a list that may take several lines (RFC 9110 §5.6.1).
func tokens(lines []string) []string {
	var list []string
	for part := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		if part = strings.TrimSpace(part); part != "" {
			list = append(list, part)
		}
	}
	return list
}
