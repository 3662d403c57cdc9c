package mfa

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// Person is an agent or officer as the directory knows them.
type Person struct {
	Name     string   // signs in with it: [a-z0-9._@-]{1,64}
	Display  string   //
	Kind     string   // "agent" or "officer"
	Roles    []string //
	Groups   []string //
	Region   string   //
	Language string   // "en", …
	Email    string   // for notices about their own sign-in; "" shows them at the desk only

	// Set in lists.
	Devices     int
	Passkeys    int
	Recovery    int       // codes left
	LockedAt    time.Time // by a supervisor
	LockedUntil time.Time // by wrong codes
	Sessions    int       // live ones
	Used        time.Time // last sign-in, or since when they may
	Created     time.Time
}

// NewPerson is a person to add. Without a password they sign in with single
// sign-on or a passkey, or set one through an invitation.
type NewPerson struct {
	Person
	Password string
	Seed     []byte // of a TOTP device that is theirs already; nil: none
	sso      string // issuer and subject, for who comes by single sign-on
}

// nameShape keeps names readable in trails, headers and addresses.
var nameShape = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,63}$`)

// AddAgent adds a person. With a seed it returns the otpauth address of their
// device. ErrExists, ErrWeak and ErrInput say what was wrong.
func (d *Door) AddAgent(ctx context.Context, by string, p NewPerson) (string, error) {
	if err := p.valid(); err != nil {
		return "", err
	}
	var hash string
	if p.Password != "" {
		if err := d.words.check(p.Password, p.Name, p.Display, d.cfg.Issuer); err != nil {
			return "", err
		}
		var err error
		if hash, err = d.hash(ctx, p.Password); err != nil {
			return "", err
		}
	}
	var dev *device
	if p.Seed != nil {
		var err error
		if dev, err = d.newDevice(ctx, p.Name, "", p.Seed); err != nil {
			return "", err
		}
		dev.Confirmed = micros(d.now())
	}
	roles, groups := asJSON(p.Roles), asJSON(p.Groups)
	handle := make([]byte, 32)
	_, _ = rand.Read(handle) // never fails
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		added, err := changed(tx.ExecContext(ctx, `INSERT INTO mfa_agents (name, display, kind, roles, member_of, region, language, password, handle, created, used, sso, email)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12) ON CONFLICT (name) DO NOTHING`,
			p.Name, p.Display, p.Kind, roles, groups, p.Region, p.Language, hash, handle, micros(d.now()), p.sso, p.Email))
		if err != nil {
			return err
		}
		if !added {
			return ErrExists
		}
		if dev == nil {
			return nil
		}
		return dev.insert(ctx, tx, d.now())
	})
	if err != nil {
		return "", fmt.Errorf("add agent: %w", err)
	}
	_, err = d.record(ctx, Act{Kind: "agent.add", Agent: by, Detail: map[string]string{"name": p.Name, "kind": p.Kind}})
	if dev == nil || err != nil {
		return "", err
	}
	return dev.keyURL(d.cfg.Issuer, p.Seed), nil
}

// KeyURL is the otpauth address of the device that AddAgent makes from a seed.
func (d *Door) KeyURL(name string, seed []byte) string {
	return (&device{Agent: name, Algorithm: "SHA1", Digits: 6}).keyURL(d.cfg.Issuer, seed)
}

func (p *NewPerson) valid() error {
	if !nameShape.MatchString(p.Name) {
		return fmt.Errorf("%w: name %q: use 1 to 64 of a-z 0-9 . _ @ -", ErrInput, p.Name)
	}
	if p.Kind != "agent" && p.Kind != "officer" {
		return fmt.Errorf("%w: kind %q: use agent or officer", ErrInput, p.Kind)
	}
	if p.Display == "" {
		p.Display = p.Name
	}
	if p.Language == "" {
		p.Language = "en"
	}
	return checkEmail(p.Email)
}

// agent is one row of the directory.
type agent struct {
	Person
	password string
	handle   []byte
}

const agentColumns = `a.name, a.display, a.kind, a.roles, a.member_of, a.region, a.language, a.password, a.handle, a.locked_until, a.locked_at, a.used, a.created, a.email`

type scanner interface{ Scan(...any) error }

func scanAgent(row scanner, more ...any) (*agent, error) {
	var a agent
	var roles, groups string
	var until, at, used, created int64
	err := row.Scan(append([]any{&a.Name, &a.Display, &a.Kind, &roles, &groups, &a.Region, &a.Language, &a.password, &a.handle, &until, &at, &used, &created, &a.Email}, more...)...)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	a.LockedUntil, a.LockedAt, a.Used, a.Created = moment(until), moment(at), moment(used), moment(created)
	if err := json.Unmarshal([]byte(roles), &a.Roles); err != nil {
		return nil, fmt.Errorf("roles of an agent: %w", err)
	}
	if err := json.Unmarshal([]byte(groups), &a.Groups); err != nil {
		return nil, fmt.Errorf("groups of an agent: %w", err)
	}
	return &a, nil
}

func (d *Door) agent(ctx context.Context, name string) (a *agent, err error) {
	if !nameShape.MatchString(name) {
		return nil, ErrUnknown
	}
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		a, err = scanAgent(tx.QueryRowContext(ctx, `SELECT `+agentColumns+` FROM mfa_agents a WHERE a.name = $1`, name))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read agent: %w", err)
	}
	return a, nil
}

// lockedFor says how long an agent is locked yet, and whether they are. What
// only a supervisor ends has no end; the standard's time is a polite answer.
func (d *Door) lockedFor(a *agent) (time.Duration, bool) {
	if !a.LockedAt.IsZero() || d.Disused(a.Person) {
		return d.cfg.Limits.Lock, true
	}
	left := a.LockedUntil.Sub(d.now())
	return left, left > 0
}

// Disused says whether a person has not signed in for so long that only a
// supervisor lets them in again (PCI DSS 4.0.1 8.2.6).
func (d *Door) Disused(p Person) bool {
	return !p.Used.IsZero() && d.now().Sub(p.Used) > d.cfg.Limits.Unused
}

// People lists the directory by name.
func (d *Door) People(ctx context.Context) ([]Person, error) {
	var people []Person
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		people = nil
		rows, err := tx.QueryContext(ctx, `SELECT `+agentColumns+`,
			(SELECT count(*) FROM mfa_devices v WHERE v.agent = a.name AND v.confirmed > 0),
			(SELECT count(*) FROM mfa_passkeys k WHERE k.agent = a.name),
			(SELECT count(*) FROM mfa_recovery c WHERE c.agent = a.name AND c.used = 0),
			(SELECT count(*) FROM mfa_sessions s WHERE s.agent = a.name AND s.ended = 0 AND s.seen > $1 AND s.absolute > $2)
			FROM mfa_agents a ORDER BY a.name`, micros(d.now().Add(-d.cfg.Limits.Idle)), micros(d.now()))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var devices, passkeys, recovery, sessions int
			a, err := scanAgent(rows, &devices, &passkeys, &recovery, &sessions)
			if err != nil {
				return err
			}
			a.Devices, a.Passkeys, a.Recovery, a.Sessions = devices, passkeys, recovery, sessions
			people = append(people, a.Person)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list agents: %w", err)
	}
	return people, nil
}

// Lock keeps an agent out until Unlock and ends their sessions.
func (d *Door) Lock(ctx context.Context, by, name, reason string) error {
	err := d.change(ctx, name, `UPDATE mfa_agents SET locked_at = $2 WHERE name = $1`, micros(d.now()))
	if err != nil {
		return fmt.Errorf("lock agent: %w", err)
	}
	if err := d.EndAgent(ctx, by, name, "locked"); err != nil {
		return err
	}
	_, err = d.record(ctx, Act{Kind: "agent.lock", Agent: by, Reason: reason, Detail: map[string]string{"name": name}})
	return err
}

// Unlock lets an agent in again, whoever or whatever locked them.
func (d *Door) Unlock(ctx context.Context, by, name string) error {
	if err := d.change(ctx, name, `UPDATE mfa_agents SET locked_at = 0, locked_until = 0, tries = 0, used = $2 WHERE name = $1`, micros(d.now())); err != nil {
		return fmt.Errorf("unlock agent: %w", err)
	}
	_, err := d.record(ctx, Act{Kind: "agent.unlock", Agent: by, Detail: map[string]string{"name": name}})
	return err
}

// Reassign gives an agent other roles and groups. Their sessions end: what they
// may see is decided anew.
func (d *Door) Reassign(ctx context.Context, by, name string, roles, groups []string) error {
	err := d.change(ctx, name, `UPDATE mfa_agents SET roles = $2, member_of = $3 WHERE name = $1`, asJSON(roles), asJSON(groups))
	if err != nil {
		return fmt.Errorf("reassign agent: %w", err)
	}
	if err := d.EndAgent(ctx, by, name, "roles"); err != nil {
		return err
	}
	_, err = d.record(ctx, Act{Kind: "agent.roles", Agent: by, Detail: map[string]string{"name": name, "roles": asJSON(roles)}})
	return err
}

func (d *Door) change(ctx context.Context, name, statement string, args ...any) error {
	return d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		found, err := changed(tx.ExecContext(ctx, statement, append([]any{name}, args...)...))
		if err == nil && !found {
			err = ErrUnknown
		}
		return err
	})
}

func asJSON(list []string) string {
	if list == nil {
		list = []string{}
	}
	text, _ := json.Marshal(slices.Clone(list)) // strings always encode
	return string(text)
}
