package desk

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/privet-gateway/privet/gateway/page"
	"github.com/privet-gateway/privet/mfa"
)

// teaming is what a supervisor sees: people, their sessions, broken glass.
type teaming struct {
	Self     string
	People   []member
	Sessions []mfa.Session
	Broken   []mfa.Glass
	Done     bool
	Invited  string // who may enrol again
	Enrol    string // and where, shown once
	Problem  *problem
}

// member is one person of the team.
type member struct {
	mfa.Person
	State string // "active", "locked", "waiting" (after wrong codes), "unused", "unenrolled"
}

// supervises says whether a session may act on others.
func (d *Desk) supervises(s *mfa.Session) bool {
	return slices.ContainsFunc(s.Roles, func(role string) bool { return slices.Contains(d.cfg.Supervisors, role) })
}

// supervisor reads the session of one; acts need a fresh second factor as well.
func (d *Desk) supervisor(r *http.Request, acts bool) (*mfa.Session, error) {
	s, err := d.door.Recognise(r)
	switch {
	case err != nil:
		return nil, err
	case !d.supervises(s):
		return nil, errRole
	case acts && d.cfg.Clock().Sub(s.Fresh()) > 5*time.Minute:
		return nil, mfa.ErrStale
	}
	return s, nil
}

// supervise does one act on somebody else; an invitation is returned.
func (d *Desk) supervise(ctx context.Context, s *mfa.Session, act, name string) (invite string, err error) {
	if name == s.Agent {
		return "", errRole
	}
	switch act {
	case "lock":
		err = d.door.Lock(ctx, s.Agent, name, "supervisor")
	case "unlock":
		err = d.door.Unlock(ctx, s.Agent, name)
	case "end":
		err = d.door.EndAgent(ctx, s.Agent, name, "supervisor")
	case "invite":
		return d.door.Invite(ctx, s.Agent, name)
	default:
		err = errNothing
	}
	return "", err
}

func enrolAt(r *http.Request, invite string) string {
	return "https://" + r.Host + "/enrol?invite=" + invite
}

func (d *Desk) team(w http.ResponseWriter, r *http.Request) error {
	s, err := d.supervisor(r, false)
	if err != nil {
		return err
	}
	return d.renderTeam(w, r, s, teaming{})
}

func (d *Desk) renderTeam(w http.ResponseWriter, r *http.Request, s *mfa.Session, v teaming) error {
	people, err := d.door.People(r.Context())
	if err != nil {
		return err
	}
	for _, p := range people {
		v.People = append(v.People, member{p, d.standing(p)})
	}
	if v.Sessions, err = d.door.Sessions(r.Context(), ""); err != nil {
		return err
	}
	if v.Broken, err = d.door.Broken(r.Context()); err != nil {
		return err
	}
	v.Self = s.Agent
	return d.pages.Render(w, r, "team", d.view(s, "team.title", "/team", page.View{Wide: true, Data: v}))
}

func (d *Desk) standing(p mfa.Person) string {
	switch {
	case !p.LockedAt.IsZero():
		return "locked"
	case d.cfg.Clock().Before(p.LockedUntil):
		return "waiting"
	case d.door.Disused(p):
		return "unused"
	case p.Devices+p.Passkeys == 0:
		return "unenrolled"
	}
	return "active"
}

// teamAct takes the buttons of the page: act and name, or the session to end.
func (d *Desk) teamAct(w http.ResponseWriter, r *http.Request) error {
	s, err := d.supervisor(r, true)
	if err != nil {
		return err
	}
	v := teaming{Done: true}
	if id := r.PostFormValue("session"); id != "" {
		err = d.door.End(r.Context(), s.Agent, id, "supervisor")
	} else {
		name := r.PostFormValue("name")
		var invite string
		if invite, err = d.supervise(r.Context(), s, r.PathValue("act"), name); invite != "" {
			v.Invited, v.Enrol = name, enrolAt(r, invite)
		}
	}
	if err != nil {
		return err
	}
	return d.renderTeam(w, r, s, v)
}

// apiSupervise lets a supervisor with a fresh second factor lock, unlock, end
// or invite somebody else.
func (d *Desk) apiSupervise(w http.ResponseWriter, r *http.Request) error {
	s, err := d.supervisor(r, true)
	if err != nil {
		return err
	}
	invite, err := d.supervise(r.Context(), s, r.PathValue("act"), r.PathValue("name"))
	if err != nil {
		return err
	}
	if invite != "" {
		return answer(w, "", map[string]any{"enrol": enrolAt(r, invite)})
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// apiTeam lists live sessions of everybody and broken glass.
func (d *Desk) apiTeam(w http.ResponseWriter, r *http.Request) error {
	s, err := d.supervisor(r, false)
	if err != nil {
		return err
	}
	list, err := d.door.Sessions(r.Context(), "")
	if err != nil {
		return err
	}
	broken, err := d.door.Broken(r.Context())
	if err != nil {
		return err
	}
	views, glass := []sessionView{}, []map[string]string{}
	for _, other := range list {
		views = append(views, view(other, other.ID == s.ID))
	}
	for _, g := range broken {
		glass = append(glass, map[string]string{"agent": g.Agent, "session": g.Session, "reason": g.Reason,
			"at": g.At.Format(time.RFC3339), "until": g.Until.Format(time.RFC3339)})
	}
	return answer(w, "", map[string]any{"sessions": views, "broken_glass": glass})
}

func (d *Desk) breakGlass(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	if _, _, err := d.door.BreakGlass(r.Context(), s, r.PostFormValue("reason")); err != nil {
		return err
	}
	if s, err = d.door.Recognise(r); err != nil {
		return err
	}
	return d.renderHome(w, r, s, false)
}

// apiBreakGlass takes {"reason"}.
func (d *Desk) apiBreakGlass(w http.ResponseWriter, r *http.Request) error {
	s, err := d.door.Recognise(r)
	if err != nil {
		return err
	}
	var in struct{ Reason string }
	if err := read(r, &in); err != nil {
		return err
	}
	until, receipt, err := d.door.BreakGlass(r.Context(), s, in.Reason)
	if err != nil {
		return err
	}
	return answer(w, receipt, map[string]any{"until": until.UTC().Format(time.RFC3339)})
}
