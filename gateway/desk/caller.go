package desk

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// calling is what the caller's panel shows.
type calling struct {
	Subject   string
	Channel   string
	Sent      bool
	Until     time.Time // this subject is verified until
	Problem   *problem
	Questions []mfa.Question
	Verified  map[string]time.Time
}

// inPanel reads the session, does an act and shows the panel.
func (d *Desk) inPanel(w http.ResponseWriter, r *http.Request, act func(*mfa.Session, *calling) error) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	c := &calling{Subject: strings.TrimSpace(r.FormValue("subject")), Channel: r.FormValue("channel")}
	view := page.View{Data: c, Wide: true}
	if err := act(s, c); err != nil {
		if !shown(err) {
			return err
		}
		var no page.Refusal
		c.Problem, no = d.problem(r, err)
		view.Status = no.Status
	}
	if c.Verified, err = d.door.Callers(r.Context(), s.ID); err != nil {
		return err
	}
	if c.Subject != "" {
		c.Questions, err = d.door.CallerQuestions(r.Context(), c.Subject, string(page.Of(r)))
		if err != nil && !errors.Is(err, mfa.ErrChannel) {
			return err
		}
	}
	return d.pages.Render(w, r, "caller", d.view(s, "caller.title", "/caller", view))
}

func (d *Desk) caller(w http.ResponseWriter, r *http.Request) error {
	return d.inPanel(w, r, func(*mfa.Session, *calling) error { return nil })
}

func (d *Desk) callerStart(w http.ResponseWriter, r *http.Request) error {
	return d.inPanel(w, r, func(s *mfa.Session, c *calling) error {
		_, err := d.door.CallerStart(r.Context(), bearer(s), c.Subject, c.Channel, r.PostFormValue("language"))
		c.Sent = err == nil
		return err
	})
}

func (d *Desk) callerVerify(w http.ResponseWriter, r *http.Request) error {
	return d.inPanel(w, r, func(s *mfa.Session, c *calling) (err error) {
		c.Sent = true
		c.Until, _, err = d.door.CallerVerify(r.Context(), bearer(s), c.Subject, r.PostFormValue("code"))
		return err
	})
}

func (d *Desk) callerAnswer(w http.ResponseWriter, r *http.Request) error {
	return d.inPanel(w, r, func(s *mfa.Session, c *calling) (err error) {
		answers := map[string]string{}
		for key, values := range r.PostForm {
			if id, ok := strings.CutPrefix(key, "answer."); ok {
				answers[id] = values[0]
			}
		}
		c.Until, _, err = d.door.CallerAnswer(r.Context(), bearer(s), c.Subject, answers)
		return err
	})
}

func (d *Desk) callerEnd(w http.ResponseWriter, r *http.Request) error {
	return d.inPanel(w, r, func(s *mfa.Session, c *calling) error {
		err := d.door.CallerEnd(r.Context(), bearer(s), c.Subject)
		c.Subject = ""
		return err
	})
}
