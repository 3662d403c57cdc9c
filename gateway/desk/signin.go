package desk

import (
	"errors"
	"net/http"
	"strings"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// signing is what the sign-in pages show.
type signing struct {
	Return  string
	Agent   string
	Ticket  string
	Next    *mfa.Next
	Problem *problem
	SSO     bool
	Passkey bool // passkeys can be used alone
	Ended   bool
}

// problem is a no shown inside a form, with what can be done now.
type problem struct {
	Code    string // key of its texts, refusal.CODE
	Receipt string
	Minutes int // until it is worth trying again
}

func (d *Desk) problem(r *http.Request, err error) (*problem, page.Refusal) {
	no := d.refusal(r, err)
	return &problem{no.Code, no.Receipt, (no.RetryAfter + 59) / 60}, no
}

// shown says whether a refusal belongs into the form it answers.
func shown(err error) bool {
	for _, e := range []error{mfa.ErrWrong, mfa.ErrLocked, mfa.ErrSlow, mfa.ErrWeak, mfa.ErrReused, mfa.ErrChannel, mfa.ErrRecent, mfa.ErrUndated, mfa.ErrPasskey} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

func (d *Desk) signInPage(w http.ResponseWriter, r *http.Request, status int, s signing) error {
	s.Passkey, s.SSO = true, d.door.HasSSO()
	return d.pages.Render(w, r, "signin", page.View{Title: "signin.title", Status: status, Data: s, FormAction: d.leads(), Script: "/passkey.js"})
}

// leads are the origins a sign-in may end at: browsers apply form-action to the
// redirects that follow a form as well.
func (d *Desk) leads() []string {
	var origins []string
	for _, t := range d.cfg.Tools {
		origins = append(origins, strings.TrimSuffix(t.URL, "/"))
	}
	return append(origins, d.door.SSOOrigins()...)
}

func (d *Desk) signIn(w http.ResponseWriter, r *http.Request) error {
	s := signing{Return: r.PostFormValue("return"), Agent: r.PostFormValue("agent")}
	next, err := d.door.Login(r.Context(), s.Agent, r.PostFormValue("password"), from(r))
	if err != nil && shown(err) {
		var no page.Refusal
		s.Problem, no = d.problem(r, err)
		return d.signInPage(w, r, no.Status, s)
	}
	if err != nil {
		return err
	}
	return d.codePage(w, r, http.StatusOK, signing{Return: s.Return, Agent: next.Agent, Ticket: next.Ticket, Next: next})
}

func (d *Desk) codePage(w http.ResponseWriter, r *http.Request, status int, s signing) error {
	return d.pages.Render(w, r, "code", page.View{Title: "code.title", Status: status, Data: s, FormAction: d.leads(), Script: "/passkey.js"})
}

func (d *Desk) code(w http.ResponseWriter, r *http.Request) error {
	s := signing{Return: r.PostFormValue("return"), Agent: r.PostFormValue("agent"), Ticket: r.PostFormValue("ticket"),
		Next: &mfa.Next{Code: true, Passkey: r.PostFormValue("passkey") != ""}}
	got, err := d.door.Code(r.Context(), s.Ticket, r.PostFormValue("code"), from(r))
	if err != nil && shown(err) {
		var no page.Refusal
		s.Problem, no = d.problem(r, err)
		return d.codePage(w, r, no.Status, s)
	}
	if err != nil {
		return err
	}
	session, err := d.begin(w, r, got.Token)
	if err != nil {
		return err
	}
	return d.goOn(w, r, session, s.Return)
}

// begin gives a browser its new session, and ends the one it had (ASVS 5 7.2.4).
func (d *Desk) begin(w http.ResponseWriter, r *http.Request, token string) (*mfa.Session, error) {
	if former, err := d.door.Recognise(r); err == nil {
		if err := d.door.End(r.Context(), former.Agent, former.ID, "replaced"); err != nil {
			return nil, err
		}
	}
	mfa.SetSession(w, token)
	return d.door.Session(r.Context(), token)
}

// goOn leads a signed-in person to where they wanted to go.
func (d *Desk) goOn(w http.ResponseWriter, r *http.Request, s *mfa.Session, back string) error {
	to := "/"
	if back != "" {
		var err error
		if to, err = d.door.HandOver(r.Context(), s, back); errors.Is(err, mfa.ErrReturn) {
			to = home(back) // an address that is not ours leads nowhere
		} else if err != nil {
			return err
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (d *Desk) logout(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil && !errors.Is(err, mfa.ErrNoSession) {
		return err
	}
	if err == nil {
		if err := d.door.End(r.Context(), s.Agent, s.ID, "sign_out"); err != nil {
			return err
		}
	}
	mfa.SetSession(w, "")
	w.Header().Set("Clear-Site-Data", `"cache"`)
	http.Redirect(w, r, "/?ended=1", http.StatusSeeOther)
	return nil
}

// stepping is what the step-up page shows.
type stepping struct {
	Return  string
	Passkey bool
	Problem *problem
}

func (d *Desk) stepUpPage(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	return d.renderStepUp(w, r, s, http.StatusOK, stepping{Return: r.URL.Query().Get("return")})
}

func (d *Desk) renderStepUp(w http.ResponseWriter, r *http.Request, s *mfa.Session, status int, v stepping) error {
	v.Passkey = true
	return d.pages.Render(w, r, "stepup", d.view(s, "stepup.title", "", page.View{Data: v, Status: status, FormAction: d.leads(), Script: "/passkey.js"}))
}

func (d *Desk) stepUp(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	v := stepping{Return: r.PostFormValue("return")}
	_, err = d.door.StepUp(r.Context(), s, r.PostFormValue("code"), from(r))
	if err != nil && shown(err) {
		var no page.Refusal
		v.Problem, no = d.problem(r, err)
		return d.renderStepUp(w, r, s, no.Status, v)
	}
	if err != nil {
		return err
	}
	return d.goOn(w, r, s, v.Return)
}

func (d *Desk) help(w http.ResponseWriter, r *http.Request) error {
	return d.pages.Render(w, r, "help", page.View{Title: "help.title"})
}

func (d *Desk) ssoStart(w http.ResponseWriter, r *http.Request) error {
	to, err := d.door.SSOStart(w, r, r.PostFormValue("return"))
	if err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

func (d *Desk) ssoFinish(w http.ResponseWriter, r *http.Request) error {
	got, next, back, err := d.door.SSOFinish(w, r, from(r))
	if err != nil {
		return err
	}
	if next != nil {
		return d.codePage(w, r, http.StatusOK, signing{Return: back, Agent: next.Agent, Ticket: next.Ticket, Next: next})
	}
	session, err := d.begin(w, r, got.Token)
	if err != nil {
		return err
	}
	return d.goOn(w, r, session, back)
}
