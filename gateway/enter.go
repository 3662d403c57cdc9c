package gateway

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/privet-gateway/privet/mfa"
)

// EnterPath is where the desk hands a signed-in person over to a tool's host,
// whose cookies the desk cannot set: a form posts session and to (a path of
// the tool) there. Only the desk's own pages may: a session that another page
// planted would make an agent work in a stranger's name.
const EnterPath = "/.privet/enter"

// enter takes a session over into a cookie of this host.
func (g *Gateway) enter(v *visit) error {
	r := v.r
	if r.Method != http.MethodPost {
		return errMethod
	}
	if g.cfg.Desk == nil || r.Header.Get("Origin") != g.cfg.Desk.Scheme+"://"+g.cfg.Desk.Host {
		return errOrigin
	}
	r.Body = http.MaxBytesReader(v.w, r.Body, 8<<10)
	if err := r.ParseForm(); err != nil {
		return bodyError(err)
	}
	to, err := localPath(r.PostForm.Get("to"))
	if err != nil {
		return err
	}
	ctx, stop := context.WithTimeout(r.Context(), g.cfg.Patience)
	defer stop()
	token := r.PostForm.Get("session")
	if token == "" {
		return mfa.ErrNoSession
	}
	session, err := g.cfg.Door.Session(ctx, token)
	if err != nil {
		return fmt.Errorf("read session: %w", err)
	}
	http.SetCookie(v.w, &http.Cookie{Name: SessionCookie, Value: token, Path: "/", Secure: true, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Expires: session.Expires})
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "same-origin")
	http.Redirect(v.w, r, to, http.StatusSeeOther)
	return nil
}

// localPath is a path of this host, and not a way out of it.
func localPath(to string) (string, error) {
	if to == "" {
		return "/", nil
	}
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsAny(to, "\\\r\n\t") {
		return "", errPath
	}
	return to, nil
}
