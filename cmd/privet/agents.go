package main

import (
	"context"
	"errors"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

// agentsCmd looks after the directory, beside a running server.
type agentsCmd struct {
	Add      agentsAdd      `cmd:"" help:"Add an agent or officer and print an invitation to enrol."`
	List     agentsList     `cmd:"" help:"List agents and officers."`
	Enrol    agentsEnrol    `cmd:"" help:"Invite somebody to enrol (again): a new second factor replaces the old ones."`
	Lock     agentsLock     `cmd:"" help:"Keep somebody out and end their sessions."`
	Unlock   agentsUnlock   `cmd:"" help:"Let somebody in again."`
	Email    agentsEmail    `cmd:"" help:"Say where notices about somebody's own sign-in go."`
	Reset    agentsReset    `cmd:"" help:"Take password, factors and sessions away and invite anew."`
	Roles    agentsRoles    `cmd:"" help:"Give somebody other roles; their sessions end."`
	Sessions agentsSessions `cmd:"" help:"List somebody's live sessions."`
	End      agentsEnd      `cmd:"" help:"End somebody's sessions, everywhere, at once."`
}

type agentsAdd struct {
	Name     string   `arg:"" help:"Signs in with it: a-z 0-9 . _ @ -"`
	Display  string   `help:"Full name."`
	Kind     string   `help:"agent or officer." enum:"agent,officer" default:"agent"`
	Role     []string `help:"What they may do." required:""`
	Group    []string `help:"Teams they belong to."`
	Region   string   `help:"Where they work."`
	Email    string   `help:"For notices about their own sign-in; they stand at the desk, too." placeholder:"ADDRESS"`
	Language string   `help:"Of their pages." enum:"en,es,zh,fr,de,pt" default:"en"`
	state
}

type agentsList struct {
	JSON bool `help:"As JSON."`
	state
}

type agentsEnrol struct {
	Name string `arg:""`
	state
}

type agentsLock struct {
	Name   string `arg:""`
	Reason string `help:"For the trail." default:"operator"`
	state
}

type agentsUnlock struct {
	Name string `arg:""`
	state
}

type agentsReset struct {
	Name string `arg:""`
	state
}

type agentsEmail struct {
	Name    string `arg:""`
	Address string `arg:"" optional:"" help:"Without one, notices stand at the desk only."`
	state
}

type agentsRoles struct {
	Name  string   `arg:""`
	Role  []string `required:"" help:"What they may do from now on."`
	Group []string `help:"Teams they belong to."`
	state
}

type agentsSessions struct {
	Name string `arg:""`
	JSON bool   `help:"As JSON."`
	state
}

type agentsEnd struct {
	Name    string `arg:""`
	Session string `help:"Only this one; default: all of them." placeholder:"ID"`
	state
}

// with opens the state, does one thing and closes; the errors of the directory
// become sentences.
func (s state) with(ctx context.Context, std streams, f func(h *house) error) error {
	h, err := s.open(ctx, std.err)
	if err != nil {
		return err
	}
	defer h.close()
	err = f(h)
	switch {
	case errors.Is(err, mfa.ErrUnknown):
		return errors.New("nobody has this name; see 'privet agents list'")
	case errors.Is(err, mfa.ErrExists):
		return errors.New("this name is taken; see 'privet agents list'")
	}
	return err
}

// operator is who acts, for the trail.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "operator:" + u.Username
	}
	return "operator"
}

// actor is who acts, where --by and the environment do not say: no act of a person
// is nobody's (PCI DSS 4.0.1, 10.2.2).
func actor(by string) string {
	if by == "" {
		return operator()
	}
	return by
}

// invitation prints where to enrol.
func (h *house) invitation(std streams, name, ticket string) error {
	_, err := fmt.Fprintf(std.out, "%s enrols within 24 hours, once, at\n  %s/enrol?invite=%s\n", name, h.cfg.at(h.cfg.Hosts.Desk), ticket)
	return err
}

// Run adds a person.
func (c *agentsAdd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		_, err := h.door.AddAgent(ctx, operator(), mfa.NewPerson{Person: mfa.Person{Name: c.Name, Display: c.Display, Kind: c.Kind,
			Roles: c.Role, Groups: c.Group, Region: c.Region, Language: c.Language, Email: c.Email}})
		if err != nil {
			return err
		}
		ticket, err := h.door.Invite(ctx, operator(), c.Name)
		if err != nil {
			return err
		}
		return h.invitation(std, c.Name, ticket)
	})
}

// Run lists the directory.
func (c *agentsList) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		people, err := h.door.People(ctx)
		if err != nil {
			return err
		}
		if c.JSON {
			list := []personJSON{}
			for _, p := range people {
				list = append(list, personOf(p, h.standing(p)))
			}
			return printJSON(std.out, list)
		}
		w := tabwriter.NewWriter(std.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "NAME\tKIND\tROLES\tDEVICES\tPASSKEYS\tRECOVERY\tSESSIONS\tSTATE")
		for _, p := range people {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", p.Name, p.Kind, strings.Join(p.Roles, ","), p.Devices, p.Passkeys, p.Recovery, p.Sessions, h.standing(p))
		}
		return w.Flush()
	})
}

// personJSON is a line of agents list --json; times are RFC 3339, absent where
// there are none.
type personJSON struct {
	Name        string    `json:"name"`
	Display     string    `json:"display"`
	Kind        string    `json:"kind"`
	Roles       []string  `json:"roles"`
	Groups      []string  `json:"groups"`
	Region      string    `json:"region"`
	Language    string    `json:"language"`
	Devices     int       `json:"devices"`
	Passkeys    int       `json:"passkeys"`
	Recovery    int       `json:"recovery_codes"`
	Sessions    int       `json:"sessions"`
	State       string    `json:"state"`
	LockedAt    time.Time `json:"locked_at,omitzero"`
	LockedUntil time.Time `json:"locked_until,omitzero"`
	UsedAt      time.Time `json:"last_signed_in_at,omitzero"`
	CreatedAt   time.Time `json:"created_at"`
}

func personOf(p mfa.Person, state string) personJSON {
	return personJSON{p.Name, p.Display, p.Kind, p.Roles, p.Groups, p.Region, p.Language, p.Devices, p.Passkeys, p.Recovery, p.Sessions, state,
		p.LockedAt, p.LockedUntil, p.Used, p.Created}
}

// sessionJSON is a line of agents sessions --json.
type sessionJSON struct {
	ID        string      `json:"id"`
	Agent     string      `json:"agent"`
	Purpose   string      `json:"purpose"`
	Case      string      `json:"case"`
	Proofs    []mfa.Proof `json:"proofs"`
	Address   string      `json:"address"`
	Browser   string      `json:"browser"`
	CreatedAt time.Time   `json:"created_at"`
	SeenAt    time.Time   `json:"seen_at"`
	ExpiresAt time.Time   `json:"expires_at"`
}

func (h *house) standing(p mfa.Person) string {
	switch {
	case p.LockedAt.IsZero() && h.door.Disused(p):
		return "unused since " + p.Used.Format(time.RFC3339)
	case !p.LockedAt.IsZero():
		return "locked since " + p.LockedAt.Format(time.RFC3339)
	case time.Now().Before(p.LockedUntil):
		return "locked until " + p.LockedUntil.Format(time.RFC3339)
	case p.Devices+p.Passkeys == 0:
		return "not enrolled"
	}
	return "active"
}

// Run invites.
func (c *agentsEnrol) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		ticket, err := h.door.Invite(ctx, operator(), c.Name)
		if err != nil {
			return err
		}
		return h.invitation(std, c.Name, ticket)
	})
}

// Run locks.
func (c *agentsLock) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error { return h.door.Lock(ctx, operator(), c.Name, c.Reason) })
}

// Run unlocks.
func (c *agentsUnlock) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error { return h.door.Unlock(ctx, operator(), c.Name) })
}

// Run resets.
func (c *agentsReset) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		ticket, err := h.door.Reset(ctx, operator(), c.Name)
		if err != nil {
			return err
		}
		return h.invitation(std, c.Name, ticket)
	})
}

// Run changes the address; the former one is told.
func (c *agentsEmail) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error { return h.door.SetEmail(ctx, operator(), c.Name, c.Address) })
}

// Run changes roles.
func (c *agentsRoles) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error { return h.door.Reassign(ctx, operator(), c.Name, c.Role, c.Group) })
}

// sessionsOf are the live sessions of somebody who is in the directory.
func (h *house) sessionsOf(ctx context.Context, name string) ([]mfa.Session, error) {
	people, err := h.door.People(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(people, func(p mfa.Person) bool { return p.Name == name }) {
		return nil, mfa.ErrUnknown
	}
	return h.door.Sessions(ctx, name)
}

// Run lists sessions.
func (c *agentsSessions) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		list, err := h.sessionsOf(ctx, c.Name)
		if err != nil {
			return err
		}
		if c.JSON {
			views := []sessionJSON{}
			for _, s := range list {
				views = append(views, sessionJSON{s.ID, s.Agent, s.Purpose, s.Case, s.Proofs, s.Address, s.Browser, s.Created, s.Seen, s.Expires})
			}
			return printJSON(std.out, views)
		}
		w := tabwriter.NewWriter(std.out, 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "SESSION\tSINCE\tLAST ACTIVE\tUNTIL\tADDRESS\tBROWSER")
		for _, s := range list {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", s.ID, s.Created.Format(time.RFC3339), s.Seen.Format(time.RFC3339), s.Expires.Format(time.RFC3339), s.Address, s.Browser)
		}
		return w.Flush()
	})
}

// Run ends sessions.
func (c *agentsEnd) Run(ctx context.Context, std streams) error {
	return c.with(ctx, std, func(h *house) error {
		list, err := h.sessionsOf(ctx, c.Name)
		if err != nil {
			return err
		}
		if c.Session != "" {
			if !slices.ContainsFunc(list, func(s mfa.Session) bool { return s.ID == c.Session }) {
				return fmt.Errorf("%s has no live session %s; see 'privet agents sessions %[1]s'", c.Name, c.Session)
			}
			return h.door.End(ctx, operator(), c.Session, "operator")
		}
		return h.door.EndAgent(ctx, operator(), c.Name, "operator")
	})
}
