package portal

import (
	"net/http"
	"net/url"

	"github.com/privet-gateway/privet/audit/rights"
)

// An agent leads its person to our page to prove who they are (DRP 1.0 §3.02.1), with
// the request's number again and the address to come back to afterwards.
const returnCookie = "privet_return"

// led says whether a page may be shown to somebody whom an agent led here: the number
// the agent gave must be this request's. A way back that is one of the agent's own
// addresses is remembered.
func (p *Portal) led(w http.ResponseWriter, r *http.Request, id string) bool {
	q := r.URL.Query()
	if q.Has("request_id") && q.Get("request_id") != id {
		return false
	}
	if back := q.Get("redirect_to"); back != "" && p.DRP != nil {
		if req, err := p.Office.Get(r.Context(), id); err == nil && p.DRP.own(req, back) {
			http.SetCookie(w, &http.Cookie{Name: returnCookie, Value: url.QueryEscape(back), Path: "/requests/" + id, MaxAge: 1800, Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
	}
	return true
}

// back leads a person who has just proven who they are to the agent they came from.
func (p *Portal) back(w http.ResponseWriter, r *http.Request, id string) bool {
	c, err := r.Cookie(returnCookie)
	if err != nil || p.DRP == nil {
		return false
	}
	to, err := url.QueryUnescape(c.Value)
	req, lost := p.Office.Get(r.Context(), id)
	if err != nil || lost != nil || !p.DRP.own(req, to) { // a cookie is no promise
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: returnCookie, Path: "/requests/" + id, MaxAge: -1, Secure: true, HttpOnly: true})
	http.Redirect(w, r, to, http.StatusSeeOther)
	return true
}

// own says whether an address is one of the hosts of the agent whose request it is.
func (d *DRP) own(req *rights.Request, address string) bool {
	for _, a := range d.Agents {
		if belongs(req, a) {
			return NewCaller(a.Hosts, d.Inside, nil).Allowed(address) == nil
		}
	}
	return false
}
