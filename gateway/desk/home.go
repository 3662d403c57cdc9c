package desk

import (
	"errors"
	"net/http"
	"time"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// view adds what every page of a signed-in person carries.
func (d *Desk) view(s *mfa.Session, title, here string, v page.View) page.View {
	v.Title, v.Who, v.SignOut = title, s.Name, "/logout"
	for _, l := range []page.Link{{Href: "/", Word: "home.title"}, {Href: "/caller", Word: "caller.title"}, {Href: "/sessions", Word: "sessions.title"}, {Href: "/factors", Word: "factors.title"}} {
		if s.Kind == "officer" && l.Href == "/caller" {
			continue
		}
		l.Current = l.Href == here
		v.Nav = append(v.Nav, l)
	}
	if d.supervises(s) {
		v.Nav = append(v.Nav, page.Link{Href: "/team", Word: "team.title", Current: here == "/team"})
	}
	return v
}

func (d *Desk) home(w http.ResponseWriter, r *http.Request) error {
	back := r.URL.Query().Get("return")
	to := r.URL.Query().Get("to") // a refusal's link: sign in or step up, then come back
	s, err := d.door.Recognise(r)
	if errors.Is(err, mfa.ErrNoSession) {
		if back == "" {
			back = to
		}
		if _, err := d.door.Returnable(back); err != nil {
			back = ""
		}
		return d.signInPage(w, r, http.StatusOK, signing{Return: back, Ended: r.URL.Query().Get("ended") != ""})
	}
	if err != nil {
		return err
	}
	if back != "" {
		return d.goOn(w, r, s, back)
	}
	if to != "" {
		return d.renderStepUp(w, r, s, http.StatusOK, stepping{Return: to})
	}
	return d.renderHome(w, r, s, false)
}

type homeView struct {
	*mfa.Session
	Tools    []Tool
	Purposes []string
	Fresh    time.Time
	Saved    bool
	Account  mfa.Account
}

func (d *Desk) renderHome(w http.ResponseWriter, r *http.Request, s *mfa.Session, saved bool) error {
	account, err := d.door.Account(r.Context(), s)
	if err != nil {
		return err
	}
	h := homeView{Session: s, Purposes: d.cfg.Purposes, Fresh: s.Fresh(), Saved: saved, Account: account}
	for _, t := range d.cfg.Tools {
		if t.Kind == "" || t.Kind == s.Kind {
			h.Tools = append(h.Tools, t)
		}
	}
	return d.pages.Render(w, r, "home", d.view(s, "home.title", "/", page.View{Data: h, Wide: true}))
}

func (d *Desk) purpose(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if err := d.door.SetPurpose(r.Context(), s, r.PostFormValue("purpose"), r.PostFormValue("case")); err != nil {
		return err
	}
	if s, err = d.door.Recognise(r); err != nil {
		return err
	}
	return d.renderHome(w, r, s, true)
}

type sessionsView struct {
	Current  string
	Sessions []mfa.Session
	Notices  []mfa.Notice
}

func (d *Desk) sessions(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	list, err := d.door.Sessions(r.Context(), s.Agent)
	if err != nil {
		return err
	}
	account, err := d.door.Account(r.Context(), s)
	if err != nil {
		return err
	}
	return d.pages.Render(w, r, "sessions", d.view(s, "sessions.title", "/sessions", page.View{Wide: true, Data: sessionsView{s.ID, list, account.Notices}}))
}

// confirmNotices takes the agent's word that what the page told of was theirs.
func (d *Desk) confirmNotices(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if err := d.door.ConfirmNotices(r.Context(), s, r.PostFormValue("up_to")); err != nil {
		return err
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
	return nil
}

func (d *Desk) endSession(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if err := d.endOwn(r, s, r.PostFormValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/sessions", http.StatusSeeOther)
	return nil
}
