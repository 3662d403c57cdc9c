package desk

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// read takes one JSON object.
func read(r *http.Request, into any) error {
	if ct := r.Header.Get("Content-Type"); ct != "" {
		if kind, _, err := mime.ParseMediaType(ct); err != nil || kind != "application/json" {
			return fmt.Errorf("%w: content type is not application/json", errBody)
		}
	}
	dec := json.NewDecoder(r.Body)
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%w: not one JSON object", errBody)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: more than one JSON object", errBody)
	}
	return nil
}

func answer(w http.ResponseWriter, receipt string, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	head := w.Header()
	head.Set("Content-Type", "application/json")
	head.Set("Cache-Control", "no-store")
	head.Set("X-Content-Type-Options", "nosniff")
	if receipt != "" {
		head.Set("Privet-Receipt", receipt)
	}
	_, _ = w.Write(append(text, '\n')) // the reader has gone; nobody is left to tell
	return nil
}

func (d *Desk) apiLogin(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Agent, Password string }
	if err := read(r, &in); err != nil {
		return err
	}
	next, err := d.door.Login(r.Context(), in.Agent, in.Password, from(r))
	if err != nil {
		return err
	}
	return answer(w, next.Receipt, map[string]any{"ticket": next.Ticket, "code": next.Code, "passkey": next.Passkey})
}

func (d *Desk) apiCode(w http.ResponseWriter, r *http.Request) error {
	var in struct{ Ticket, Code string }
	if err := read(r, &in); err != nil {
		return err
	}
	got, err := d.door.Code(r.Context(), in.Ticket, in.Code, from(r))
	if err != nil {
		return err
	}
	return d.welcomeProgram(w, got)
}

func (d *Desk) welcomeProgram(w http.ResponseWriter, got *mfa.SignedIn) error {
	mfa.SetSession(w, got.Token)
	return answer(w, got.Receipt, map[string]any{"session": got.Token, "id": got.Session, "expires_at": got.Expires.UTC().Format(time.RFC3339)})
}

func (d *Desk) apiLogout(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if err := d.door.End(r.Context(), s.Agent, s.ID, "sign_out"); err != nil {
		return err
	}
	mfa.SetSession(w, "")
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func (d *Desk) apiStepUp(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var in struct{ Code string }
	if err := read(r, &in); err != nil {
		return err
	}
	receipt, err := d.door.StepUp(r.Context(), s, in.Code, from(r))
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"proven_at": d.cfg.Clock().UTC().Format(time.RFC3339)})
}

func (d *Desk) apiPurpose(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var in struct{ Purpose, Case string }
	if err := read(r, &in); err != nil {
		return err
	}
	if err := d.door.SetPurpose(r.Context(), s, in.Purpose, in.Case); err != nil {
		return err
	}
	return answer(w, "", map[string]any{"purpose": in.Purpose, "case": in.Case})
}

// sessionView is a session as its agent may see it.
type sessionView struct {
	ID        string      `json:"id"`
	Agent     string      `json:"agent"`
	Name      string      `json:"name,omitempty"`
	Kind      string      `json:"kind,omitempty"`
	Roles     []string    `json:"roles,omitempty"`
	Purpose   string      `json:"purpose"`
	Case      string      `json:"case"`
	Proofs    []mfa.Proof `json:"proofs"`
	Address   string      `json:"address"`
	Browser   string      `json:"browser"`
	CreatedAt string      `json:"created_at"`
	SeenAt    string      `json:"seen_at"`
	ExpiresAt string      `json:"expires_at"`
	Current   bool        `json:"current"`
}

func view(s mfa.Session, current bool) sessionView {
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	return sessionView{s.ID, s.Agent, s.Name, s.Kind, s.Roles, s.Purpose, s.Case, s.Proofs, s.Address, s.Browser,
		at(s.Created), at(s.Seen), at(s.Expires), current}
}

func (d *Desk) apiSession(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	return answer(w, "", view(*s, true))
}

func (d *Desk) apiSessions(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	list, err := d.door.Sessions(r.Context(), s.Agent)
	if err != nil {
		return err
	}
	views := []sessionView{}
	for _, other := range list {
		views = append(views, view(other, other.ID == s.ID))
	}
	return answer(w, "", map[string]any{"sessions": views})
}

func (d *Desk) apiEndSession(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var in struct{ ID string }
	if err := read(r, &in); err != nil {
		return err
	}
	if err := d.endOwn(r, s, in.ID); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiNotices lists what happened to the agent's own sign-in, newest first.
func (d *Desk) apiNotices(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	account, err := d.door.Account(r.Context(), s)
	if err != nil {
		return err
	}
	got := map[string]any{"notices": append([]mfa.Notice{}, account.Notices...)}
	if !account.Former.IsZero() {
		got["former_at"], got["former_device"] = account.Former.Format(time.RFC3339), account.Device
	}
	return answer(w, "", got)
}

// apiConfirmNotices takes {"up_to"}, the id of the newest notice that the agent knows of.
func (d *Desk) apiConfirmNotices(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var in struct {
		UpTo string `json:"up_to"`
	}
	if err := read(r, &in); err != nil {
		return err
	}
	if err := d.door.ConfirmNotices(r.Context(), s, in.UpTo); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// endOwn ends one of the agent's own sessions.
func (d *Desk) endOwn(r *http.Request, s *mfa.Session, id string) error {
	list, err := d.door.Sessions(r.Context(), s.Agent)
	if err != nil {
		return err
	}
	for _, own := range list {
		if own.ID == id {
			return d.door.End(r.Context(), s.Agent, id, "agent")
		}
	}
	return errNothing
}

// callerBody is what the caller's addresses take.
type callerBody struct {
	Subject  string
	Channel  string
	Code     string
	Language string
	Answers  map[string]string
}

// forCaller reads the session and the body of an act about a caller.
func (d *Desk) forCaller(r *http.Request) (*mfa.Session, callerBody, error) {
	var in callerBody
	s, err := d.door.Recognise(r)
	if err == nil {
		err = read(r, &in)
	}
	if in.Language == "" {
		in.Language = string(page.Of(r))
	}
	return s, in, err
}

func (d *Desk) apiCallerStart(w http.ResponseWriter, r *http.Request) error {
	s, in, err := d.forCaller(r)
	if err != nil {
		return err
	}
	receipt, err := d.door.CallerStart(r.Context(), bearer(s), in.Subject, in.Channel, in.Language)
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"subject": in.Subject, "channel": in.Channel, "sent": true})
}

func (d *Desk) apiCallerVerify(w http.ResponseWriter, r *http.Request) error {
	s, in, err := d.forCaller(r)
	if err != nil {
		return err
	}
	until, receipt, err := d.door.CallerVerify(r.Context(), bearer(s), in.Subject, in.Code)
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"subject": in.Subject, "verified": true, "verified_until": until.UTC().Format(time.RFC3339)})
}

func (d *Desk) apiCallerQuestions(w http.ResponseWriter, r *http.Request) error {
	_, in, err := d.forCaller(r)
	if err != nil {
		return err
	}
	questions, err := d.door.CallerQuestions(r.Context(), in.Subject, in.Language)
	if err != nil {
		return err
	}
	list := []map[string]string{}
	for _, q := range questions {
		list = append(list, map[string]string{"id": q.ID, "text": q.Text})
	}
	return answer(w, "", map[string]any{"subject": in.Subject, "questions": list})
}

func (d *Desk) apiCallerAnswer(w http.ResponseWriter, r *http.Request) error {
	s, in, err := d.forCaller(r)
	if err != nil {
		return err
	}
	until, receipt, err := d.door.CallerAnswer(r.Context(), bearer(s), in.Subject, in.Answers)
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"subject": in.Subject, "verified": true, "verified_until": until.UTC().Format(time.RFC3339)})
}

func (d *Desk) apiCallerEnd(w http.ResponseWriter, r *http.Request) error {
	s, in, err := d.forCaller(r)
	if err != nil {
		return err
	}
	if err := d.door.CallerEnd(r.Context(), bearer(s), in.Subject); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}
