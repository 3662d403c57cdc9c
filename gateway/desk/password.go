package desk

import (
	"errors"
	"net/http"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// changing is what the page for a new password shows.
type changing struct {
	Agent   string
	Known   bool // there is a password to change
	Done    bool
	Problem *problem
	At      string // the field that the problem is about
}

func (d *Desk) renderPassword(w http.ResponseWriter, r *http.Request, s *mfa.Session, status int, c changing) error {
	var err error
	if c.Agent = s.Agent; !c.Done {
		if c.Known, err = d.door.HasPassword(r.Context(), s.Agent); err != nil {
			return err
		}
	}
	return d.pages.Render(w, r, "password", d.view(s, "password.title", "/factors", page.View{Data: c, Status: status}))
}

// passwordPage asks for the second factor first, so that nothing typed is lost to it.
func (d *Desk) passwordPage(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if !d.door.Freshly(s) {
		return d.renderStepUp(w, r, s, http.StatusOK, stepping{Return: "/password"})
	}
	return d.renderPassword(w, r, s, http.StatusOK, changing{})
}

func (d *Desk) password(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	_, err = d.door.ChangePassword(r.Context(), s, r.PostFormValue("present"), r.PostFormValue("next"), from(r))
	if err != nil && shown(err) {
		p, no := d.problem(r, err)
		at := "present"
		if errors.Is(err, mfa.ErrWeak) || errors.Is(err, mfa.ErrReused) {
			at = "next"
		}
		return d.renderPassword(w, r, s, no.Status, changing{Problem: p, At: at})
	}
	if err != nil {
		return err
	}
	return d.renderPassword(w, r, s, http.StatusOK, changing{Done: true})
}

// apiPassword takes {"present","next"}.
func (d *Desk) apiPassword(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Present, Next string }
	if err := read(r, &in); err != nil {
		return err
	}
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	receipt, err := d.door.ChangePassword(r.Context(), s, in.Present, in.Next, from(r))
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"done": "password"})
}
