package gateway

import (
	"crypto/rand"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/privet-gateway/privet/gateway/assertion"
)

var (
	errPeer   = errors.New("this peer may not ask for decisions")
	errViewed = errors.New("this tool's answers must be seen by the gateway itself")
)

// ForwardAuth answers another proxy's question whether a request may pass:
// nginx's auth_request, Caddy's and Traefik's forward_auth. It takes the same
// steps as the walk, from screen to trail, and decides the same; but the
// answer of the tool goes past it, so only tools that are Unviewed are decided
// here, and their intents say that every class was shown.
//
// The question is a request with the original one in X-Forwarded-Method, -Proto,
// -Host and -Uri and its own Cookie and Privet-Session. 200 means yes, with
// Privet-Assertion and Privet-Receipt, and in Privet-Cookie the cookies that
// the tool may see; Traefik cannot rename a header, so they stand in Cookie too. 401 and 403 mean no, with the code in Privet-Refusal; no
// other status is used, because nginx takes any other for a failure.
//
// peers are the proxies that may ask: whoever else could name any address as
// an agent's.
func (g *Gateway) ForwardAuth(peers []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leave, ok := g.admit()
		defer leave()
		if !ok {
			shutOut(w)
			return
		}
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !slices.ContainsFunc(peers, func(p netip.Prefix) bool { return p.Contains(peer.Addr().Unmap()) }) {
			refuseForward(w, answerTo(errPeer), "")
			return
		}
		v := &visit{g: g, w: w, id: rand.Text(), elsewhere: true, until: time.Now().Add(g.cfg.Patience)}
		if v.r, err = asked(r); err == nil {
			err = g.vouch(v)
		}
		if err == nil {
			return
		}
		a, receipt := g.recordRefusal(v, err)
		refuseForward(w, a, receipt)
	})
}

// vouch takes the steps of the walk up to the trail and says who the agent is.
func (g *Gateway) vouch(v *visit) error {
	if err := g.approach(v); err != nil {
		return err
	}
	header := v.w.Header()
	if err := v.identify(header); err != nil {
		return err
	}
	for name, value := range v.tool.Secrets {
		header[http.CanonicalHeaderKey(name)] = []string{value}
	}
	cookies := foreignCookies(v.r.Header["Cookie"])
	header["Privet-Cookie"] = []string{cookies}
	if cookies != "" { // Traefik takes the agent's Cookie away where this is missing
		header["Cookie"] = []string{cookies}
	}
	v.w.WriteHeader(http.StatusOK)
	return nil
}

// asked is the original request as the other proxy describes it.
func asked(r *http.Request) (*http.Request, error) {
	method, uri, host := r.Header.Get("X-Forwarded-Method"), r.Header.Get("X-Forwarded-Uri"), r.Header.Get("X-Forwarded-Host")
	original := &http.Request{Method: method, Host: host, URL: &url.URL{}, Header: http.Header{}, Proto: r.Proto,
		ProtoMajor: r.ProtoMajor, ProtoMinor: r.ProtoMinor, RemoteAddr: r.RemoteAddr, Body: http.NoBody}
	for _, name := range [...]string{"Cookie", SessionHeader, "Accept", "Accept-Language", "Sec-Fetch-Mode", "Sec-Fetch-Site", "Origin"} {
		if values := r.Header[name]; len(values) > 0 {
			original.Header[name] = values
		}
	}
	original = original.WithContext(r.Context())
	if hop, err := netip.ParseAddr(lastHop(r.Header["X-Forwarded-For"])); err == nil {
		original.RemoteAddr = netip.AddrPortFrom(hop, 0).String()
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil || len(r.Header["X-Forwarded-Uri"]) != 1 || len(r.Header["X-Forwarded-Method"]) != 1 || len(r.Header["X-Forwarded-Host"]) != 1 || u.Host != "" {
		return original, errPath
	}
	original.URL, original.RequestURI = u, uri
	return original, nil
}

// refuseForward says no in the two words that every proxy understands.
func refuseForward(w http.ResponseWriter, a answer, receipt string) {
	status := http.StatusForbidden
	if a.status == http.StatusUnauthorized {
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", a.challenge)
	}
	w.Header().Set("Privet-Refusal", a.code)
	if receipt != "" {
		w.Header().Set(receiptHeader, receipt)
	}
	w.Header().Del(assertion.Header)
	w.WriteHeader(status)
}
