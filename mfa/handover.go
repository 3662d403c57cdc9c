package mfa

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Cookies of a host. They begin with __Host-privet, which no tool ever sees.
const (
	SessionCookie   = "__Host-privet"
	departureCookie = "__Host-privet-departure"
)

// EnterPath is where a tool's host takes a session over; the gateway serves
// [Door.Enter] there, before any screen.
const EnterPath = "/.privet/enter"

// departure is a signed return address: back to To, at the browser whose cookie
// has this digest, until Until.
type departure struct {
	To      string `json:"to"`
	Browser []byte `json:"b"`
	Until   int64  `json:"u"`
}

// Depart sends a browser without a session from a tool's host to the desk: it
// returns the desk's address and the receipt of having refused it. A cookie
// marks the browser, so that only the one that left can come back: a hand-over
// cannot be planted on somebody else.
func (d *Door) Depart(w http.ResponseWriter, r *http.Request) (to, receipt string, err error) {
	receipt, err = d.record(r.Context(), Act{Kind: "session.depart", Outcome: "refused", Reason: "no_session", Detail: map[string]string{"host": r.Host}})
	if err != nil {
		return "", "", err
	}
	mark := ""
	if c, err := r.Cookie(departureCookie); err == nil && len(c.Value) == 43 {
		mark = c.Value // several tabs leave under one mark
	} else {
		mark, _ = token()
	}
	setCookie(w, departureCookie, mark, time.Hour)
	back := url.URL{Scheme: "https", Host: r.Host, Path: "/"}
	if r.Method == http.MethodGet && len(r.URL.RequestURI()) < 2000 {
		back.Path, back.RawPath, back.RawQuery = r.URL.Path, r.URL.RawPath, r.URL.RawQuery
	}
	desk := *d.cfg.Desk
	desk.Path, desk.RawQuery = "/", "return="+d.sign(departure{back.String(), digest(mark), d.now().Add(time.Hour).Unix()})
	return desk.String(), receipt, nil
}

func (d *Door) sign(leave departure) string {
	body, _ := json.Marshal(leave) // strings and numbers always encode
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(d.seal(text))
}

func (d *Door) seal(text string) []byte {
	mac := hmac.New(sha256.New, d.key)
	mac.Write([]byte("return\x00" + text))
	return mac.Sum(nil)
}

// read checks a return address: made by us, alive, and to one of our hosts.
func (d *Door) read(back string) (*departure, *url.URL, error) {
	text, mac, ok := strings.Cut(back, ".")
	got, err := base64.RawURLEncoding.DecodeString(mac)
	if !ok || err != nil || len(back) > 8000 || !hmac.Equal(got, d.seal(text)) {
		return nil, nil, ErrReturn
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, nil, ErrReturn
	}
	var leave departure
	if err := json.Unmarshal(body, &leave); err != nil || d.now().Unix() > leave.Until {
		return nil, nil, ErrReturn
	}
	to, err := url.Parse(leave.To)
	if err != nil || to.Scheme != "https" || to.User != nil || !d.ours(to.Host) {
		return nil, nil, ErrReturn
	}
	return &leave, to, nil
}

func (d *Door) ours(host string) bool {
	return slices.ContainsFunc(*d.hosts.Load(), func(h *url.URL) bool { return strings.EqualFold(h.Host, host) })
}

// Returnable says whether a return address may be followed, and to where: one
// that Depart signed, or a plain address on one of our hosts.
func (d *Door) Returnable(back string) (*url.URL, error) {
	if _, to, err := d.read(back); err == nil {
		return to, nil
	}
	to, err := url.Parse(back)
	if err != nil || len(back) > 4000 || strings.ContainsAny(back, "\\\t\r\n") || to.Scheme != "https" || to.User != nil || !d.ours(to.Host) {
		return nil, ErrReturn
	}
	return to, nil
}

// HandOver gives the address that a signed-in browser goes to next. For one that
// Depart signed it is where the tool's host takes the session over: good for one
// minute, one use and the browser that left from there. A plain address on one of
// our hosts is itself: that host departs from there if it has no session yet.
func (d *Door) HandOver(ctx context.Context, s *Session, back string) (string, error) {
	leave, to, err := d.read(back)
	if err != nil {
		if to, err = d.Returnable(back); err != nil {
			return "", err
		}
		return to.String(), nil
	}
	body, err := json.Marshal(leave)
	if err != nil {
		return "", err
	}
	code, err := d.issue(ctx, "handover", s.Agent, s.ID, string(body), handLife)
	if err != nil {
		return "", err
	}
	if _, err := d.record(ctx, Act{Kind: "session.handover", Agent: s.Agent, Session: s.ID, Detail: map[string]string{"host": to.Host}}); err != nil {
		return "", err
	}
	enter := url.URL{Scheme: "https", Host: to.Host, Path: EnterPath, RawQuery: "code=" + code}
	return enter.String(), nil
}

// Enter takes a session over at a tool's host: it spends the code, sets this
// host's own cookie and returns the address the agent wanted to go to. ErrTicket: spent
// or expired; ErrReturn: another host or browser than the one that left.
func (d *Door) Enter(w http.ResponseWriter, r *http.Request) (string, error) {
	ctx := r.Context()
	t, err := d.redeem(ctx, "handover", r.URL.Query().Get("code"))
	if err != nil {
		return "", d.noTicket(ctx, err, "session.enter", From{Address: hostOf(r.RemoteAddr)})
	}
	var leave departure
	if err := json.Unmarshal([]byte(t.body), &leave); err != nil {
		return "", fmt.Errorf("read hand-over: %w", err)
	}
	to, err := url.Parse(leave.To)
	if err != nil {
		return "", fmt.Errorf("read hand-over: %w", err)
	}
	act := Act{Kind: "session.enter", Agent: t.agent, Session: t.session, Detail: map[string]string{"host": to.Host}}
	mark, err := r.Cookie(departureCookie)
	if err != nil || !hmac.Equal(digest(mark.Value), leave.Browser) || !strings.EqualFold(r.Host, to.Host) {
		act.Reason = "return"
		return "", d.refuse(ctx, act, ErrReturn, 0)
	}
	text, hash := token()
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error { return insertToken(ctx, tx, hash, t.session, to.Host) })
	if err != nil {
		return "", fmt.Errorf("write token: %w", err)
	}
	if _, err := d.record(ctx, act); err != nil {
		return "", err
	}
	SetSession(w, text)
	setCookie(w, departureCookie, "", -1)
	return to.String(), nil // whole: a path of two slashes by itself would be another host's
}

// SetSession gives the browser a session at this host; "" takes it away. The
// cookie lives as long as the browser: the session's own limits are the server's.
func SetSession(w http.ResponseWriter, token string) {
	life := time.Duration(0)
	if token == "" {
		life = -1
	}
	setCookie(w, SessionCookie, token, life)
}

func setCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	c := &http.Cookie{Name: name, Value: value, Path: "/", Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if c.MaxAge = int(life.Seconds()); life < 0 {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

type atHost struct{}

// AtHost marks a request's context with the host it came to (with its port, as
// in the Host header): Session then refuses what was handed over to another.
func AtHost(ctx context.Context, host string) context.Context {
	return context.WithValue(ctx, atHost{}, host)
}

// TokenOf is the token a request carries: the header Privet-Session, else the cookie.
func TokenOf(r *http.Request) string {
	if t := r.Header.Get("Privet-Session"); t != "" {
		return t
	}
	if c, err := r.Cookie(SessionCookie); err == nil {
		return c.Value
	}
	return ""
}

// Recognise is Session for a request to its host.
func (d *Door) Recognise(r *http.Request) (*Session, error) {
	return d.Session(AtHost(r.Context(), r.Host), TokenOf(r))
}

// Seconds rounds a wait up, for Retry-After.
func Seconds(wait time.Duration) int {
	return int((wait + time.Second - 1) / time.Second)
}

func hostOf(remote string) string {
	if i := strings.LastIndexByte(remote, ':'); i >= 0 {
		if _, err := strconv.Atoi(remote[i+1:]); err == nil {
			return strings.Trim(remote[:i], "[]")
		}
	}
	return remote
}
