package desk

import (
	"encoding/json"
	"html/template"
	"io"
	"net/http"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// enrolling is what the enrolment pages show, one step after another.
type enrolling struct {
	Invite   string
	Agent    string
	Known    bool // has a password already
	Key      *mfa.Enrolment
	Ticket   string
	QR       template.HTML
	Plain    string
	Recovery []string
	Problem  *problem
}

func (d *Desk) renderEnrol(w http.ResponseWriter, r *http.Request, status int, e enrolling) error {
	return d.pages.Render(w, r, "enrol", page.View{Title: "enrol.title", Status: status, Data: e})
}

// enrolPage opens an invitation.
func (d *Desk) enrolPage(w http.ResponseWriter, r *http.Request) error {
	e := enrolling{Invite: r.URL.Query().Get("invite")}
	var err error
	if e.Agent, e.Known, err = d.door.Invited(r.Context(), e.Invite); err != nil {
		return err
	}
	return d.renderEnrol(w, r, http.StatusOK, e)
}

// enrol takes the password and shows the key.
func (d *Desk) enrol(w http.ResponseWriter, r *http.Request) error {
	e := enrolling{Invite: r.PostFormValue("invite")}
	key, err := d.door.Enrol(r.Context(), e.Invite, r.PostFormValue("password"), from(r))
	if err != nil && shown(err) {
		var no page.Refusal
		e.Problem, no = d.problem(r, err)
		if e.Agent, e.Known, err = d.door.Invited(r.Context(), e.Invite); err != nil {
			return err
		}
		return d.renderEnrol(w, r, no.Status, e)
	}
	if err != nil {
		return err
	}
	return d.showKey(w, r, key)
}

// addDevice shows the key of a further device.
func (d *Desk) addDevice(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	key, err := d.door.AddDevice(r.Context(), s)
	if err != nil {
		return err
	}
	return d.showKey(w, r, key)
}

func (d *Desk) showKey(w http.ResponseWriter, r *http.Request, key *mfa.Enrolment) error {
	e := enrolling{Key: key, Ticket: key.Ticket, Agent: key.Agent}
	label, err := d.pages.Text(page.Of(r), "enrol.qr")
	if err != nil {
		return err
	}
	if e.QR, e.Plain, err = qrCode(key.URL, label); err != nil {
		return err
	}
	return d.renderEnrol(w, r, http.StatusOK, e)
}

// confirm takes the first code of the new device.
func (d *Desk) confirm(w http.ResponseWriter, r *http.Request) error {
	e := enrolling{Ticket: r.PostFormValue("ticket")}
	codes, err := d.door.Confirm(r.Context(), e.Ticket, r.PostFormValue("code"), from(r))
	if err != nil && shown(err) {
		var no page.Refusal
		e.Problem, no = d.problem(r, err)
		return d.renderEnrol(w, r, no.Status, e)
	}
	if err != nil {
		return err
	}
	if codes == nil {
		http.Redirect(w, r, "/factors", http.StatusSeeOther)
		return nil
	}
	e.Ticket, e.Recovery = "", codes
	return d.renderEnrol(w, r, http.StatusOK, e)
}

type factorsView struct {
	Factors  []mfa.Factor
	Recovery int
	Password bool
}

func (d *Desk) factors(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var v factorsView
	if v.Factors, v.Recovery, err = d.door.Factors(r.Context(), s.Agent); err != nil {
		return err
	}
	if v.Password, err = d.door.HasPassword(r.Context(), s.Agent); err != nil {
		return err
	}
	return d.pages.Render(w, r, "factors", d.view(s, "factors.title", "/factors", page.View{Data: v, Wide: true, Script: "/passkey.js"}))
}

func (d *Desk) removeFactor(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if err := d.door.RemoveFactor(r.Context(), s, r.PostFormValue("id")); err != nil {
		return err
	}
	http.Redirect(w, r, "/factors", http.StatusSeeOther)
	return nil
}

func (d *Desk) newRecovery(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	codes, err := d.door.RenewRecovery(r.Context(), s)
	if err != nil {
		return err
	}
	return d.renderEnrol(w, r, http.StatusOK, enrolling{Recovery: codes})
}

// passkeyBegin gives the browser what its authenticator needs: to register, to
// step up, or to sign in (with the ticket of a password, or alone).
func (d *Desk) passkeyBegin(w http.ResponseWriter, r *http.Request) error {
	var in struct{ For, Ticket string }
	if err := read(r, &in); err != nil {
		return err
	}
	ctx := r.Context()
	var c *mfa.Ceremony
	s, err := d.door.Recognise(r)
	switch {
	case in.For == "register" && err == nil:
		c, err = d.door.PasskeyRegister(ctx, s)
	case in.For == "step_up" && err == nil:
		c, err = d.door.PasskeyStepUp(ctx, s)
	case in.For == "":
		c, err = d.door.PasskeySignIn(ctx, in.Ticket, from(r))
	case err == nil:
		err = errBody
	}
	if err != nil {
		return err
	}
	return answer(w, "", c)
}

// passkeyFinish takes the authenticator's answer from the page's form.
func (d *Desk) passkeyFinish(w http.ResponseWriter, r *http.Request) error {
	passed, s, err := d.finish(r, r.PostFormValue("ceremony"), []byte(r.PostFormValue("answer")))
	if err != nil && shown(err) && s == nil {
		p, no := d.problem(r, err)
		return d.signInPage(w, r, no.Status, signing{Return: r.PostFormValue("return"), Problem: p})
	}
	if err != nil {
		return err
	}
	switch {
	case passed.SignedIn != nil:
		if s, err = d.begin(w, r, passed.SignedIn.Token); err != nil {
			return err
		}
	case passed.For == "register":
		http.Redirect(w, r, "/factors", http.StatusSeeOther)
		return nil
	}
	return d.goOn(w, r, s, r.PostFormValue("return"))
}

func (d *Desk) finish(r *http.Request, ceremony string, answer []byte) (*mfa.Passed, *mfa.Session, error) {
	s, err := d.door.Recognise(r)
	if err != nil {
		s = nil
	}
	passed, err := d.door.PasskeyFinish(r.Context(), ceremony, answer, s, from(r))
	return passed, s, err
}

// apiPasskeyFinish takes {"ceremony","answer"}; answer is the credential as
// PublicKeyCredential.toJSON gives it.
func (d *Desk) apiPasskeyFinish(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Ceremony string
		Answer   json.RawMessage
	}
	if err := read(r, &in); err != nil {
		return err
	}
	passed, _, err := d.finish(r, in.Ceremony, in.Answer)
	if err != nil {
		return err
	}
	if passed.SignedIn != nil {
		return d.welcomeProgram(w, passed.SignedIn)
	}
	return answer(w, passed.Receipt, map[string]any{"done": passed.For})
}

func (d *Desk) script(w http.ResponseWriter, _ *http.Request) error {
	text, err := files.Open("passkey.js")
	if err != nil {
		return err
	}
	defer text.Close()
	w.Header().Set("Content-Type", "text/javascript; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Cache-Control", "max-age=300")
	_, _ = io.Copy(w, text) // the reader has gone; nobody is left to tell
	return nil
}
