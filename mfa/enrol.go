package mfa

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// freshFor is how old a second factor may be to change factors with it.
const freshFor = 5 * time.Minute

// ErrStale: the act needs a second factor proven within the last five minutes.
var ErrStale = errors.New("a fresh second factor is needed")

// ErrLast: an agent's last factor cannot be removed.
var ErrLast = errors.New("the last second factor cannot be removed")

// Enrolment is a device that waits for its first code. Secret and URL are
// shown once and stored sealed only.
type Enrolment struct {
	Ticket string // for Confirm
	Agent  string
	URL    string // otpauth://…, for a QR code
	Secret string // base32 in groups of four, for typing
}

// Factor is one of an agent's second factors.
type Factor struct {
	ID, Kind, Label string // kind: "totp" or "passkey"
	Created, Used   time.Time
}

// enrolBody is what an enrolment ticket remembers.
type enrolBody struct {
	Device string // id
	Invite []byte // digest of the invitation, empty for a further device
	Hash   string // the password to set, if any
}

// Invite lets an agent enrol, or enrol again: a supervisor's act. The
// invitation is good for 24 hours and once, and the only one: those before, and
// what was begun with them, are not good any more.
func (d *Door) Invite(ctx context.Context, by, name string) (string, error) {
	return d.invite(ctx, by, name, toldInvited)
}

func (d *Door) invite(ctx context.Context, by, name, told string) (string, error) {
	if by == name {
		return "", fmt.Errorf("%w: nobody invites themselves", ErrInput)
	}
	if _, err := d.agent(ctx, name); err != nil {
		return "", err
	}
	if _, err := d.record(ctx, Act{Kind: "agent.invite", Agent: by, Detail: map[string]string{"name": name}}); err != nil {
		return "", err
	}
	text, hash := token()
	err := d.write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mfa_tickets WHERE agent = $1 AND kind IN ('invite', 'enrol')`, name); err != nil {
			return err
		}
		var factors int // who has none yet loses nothing
		if err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM mfa_devices WHERE agent = $1 AND confirmed > 0) + (SELECT count(*) FROM mfa_passkeys WHERE agent = $1)`, name).Scan(&factors); err != nil {
			return err
		}
		if told != "" && factors > 0 {
			if err := d.tellAgent(ctx, tx, name, told, "", d.now(), false); err != nil {
				return err
			}
		}
		return insertTicket(ctx, tx, hash, "invite", name, "", "", d.now().Add(inviteLife))
	})
	if err != nil {
		return "", fmt.Errorf("write invitation: %w", err)
	}
	return text, nil
}

// Reset takes all factors, the password and the sessions of an agent away and
// invites them anew.
func (d *Door) Reset(ctx context.Context, by, name string) (string, error) {
	invitation, err := d.invite(ctx, by, name, "")
	if err != nil {
		return "", err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		if err := d.tellAgent(ctx, tx, name, toldReset, "", d.now(), false); err != nil {
			return err
		}
		if err := dropFactors(ctx, tx, name, ""); err != nil {
			return err
		}
		var former string
		if err := tx.QueryRowContext(ctx, `SELECT password FROM mfa_agents WHERE name = $1`, name).Scan(&former); err != nil {
			return err
		}
		if err := d.retire(ctx, tx, name, former); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM mfa_tickets WHERE agent = $1 AND kind <> 'invite'`, name); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET password = '' WHERE name = $1`, name)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reset agent: %w", err)
	}
	return invitation, d.EndAgent(ctx, by, name, "reset")
}

func dropFactors(ctx context.Context, tx *sql.Tx, name, keep string) error {
	for _, table := range []string{"mfa_devices", "mfa_passkeys", "mfa_recovery"} {
		if _, err := tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE agent = $1 AND id <> $2`, name, keep); err != nil {
			return err
		}
	}
	return nil
}

// Invited says who an invitation is for, and whether they have a password.
func (d *Door) Invited(ctx context.Context, invitation string) (name string, password bool, err error) {
	t, err := d.ticket(ctx, "invite", invitation)
	if err != nil {
		return "", false, err
	}
	a, err := d.agent(ctx, t.agent)
	if err != nil {
		return "", false, err
	}
	return a.Name, a.password != "", nil
}

// Enrol begins with an invitation and a password: the agent's own, or where
// there is none a new one. Nothing changes until Confirm.
func (d *Door) Enrol(ctx context.Context, invitation, password string, from From) (*Enrolment, error) {
	if err := d.notSlowed(ctx, "enrol.begin", from); err != nil {
		return nil, err
	}
	t, err := d.ticket(ctx, "invite", invitation)
	if err != nil {
		return nil, d.noTicket(ctx, err, "enrol.begin", from)
	}
	a, err := d.agent(ctx, t.agent)
	if err != nil {
		return nil, err
	}
	body := enrolBody{Invite: t.hash}
	if a.password != "" {
		right, _, err := d.matches(ctx, cut(password, longest), a.password)
		if err != nil {
			return nil, err
		}
		if !right {
			if err := d.wrong(ctx, from.Address); err != nil {
				return nil, err
			}
			return nil, d.refuse(ctx, Act{Kind: "enrol.begin", Agent: a.Name, Reason: "wrong"}, ErrWrong, 0)
		}
	} else {
		if body.Hash, err = d.newHash(ctx, a, password); err != nil {
			return nil, err
		}
	}
	return d.prepare(ctx, a.Name, "", body)
}

// AddDevice begins a further device of a signed-in agent.
func (d *Door) AddDevice(ctx context.Context, s *Session) (*Enrolment, error) {
	if err := d.freshly(s); err != nil {
		return nil, err
	}
	return d.prepare(ctx, s.Agent, s.ID, enrolBody{})
}

func (d *Door) freshly(s *Session) error {
	if d.now().Sub(s.Fresh()) > freshFor {
		return ErrStale
	}
	return nil
}

// prepare stores a device that is not confirmed yet.
func (d *Door) prepare(ctx context.Context, name, session string, body enrolBody) (*Enrolment, error) {
	seed := make([]byte, 20) // 160 bits (RFC 4226 §4 R6)
	_, _ = rand.Read(seed)   // never fails
	defer clear(seed)
	dev, err := d.newDevice(ctx, name, "", seed)
	if err != nil {
		return nil, err
	}
	body.Device = dev.ID
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	e := &Enrolment{Agent: name, URL: dev.keyURL(d.cfg.Issuer, seed), Secret: grouped(base32.StdEncoding.EncodeToString(seed))}
	var hash []byte
	e.Ticket, hash = token()
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM mfa_devices WHERE agent = $1 AND confirmed = 0`, name); err != nil {
			return err
		}
		if err := dev.insert(ctx, tx, d.now()); err != nil {
			return err
		}
		return insertTicket(ctx, tx, hash, "enrol", name, session, string(text), d.now().Add(2*ticketLife))
	})
	if err != nil {
		return nil, fmt.Errorf("prepare device: %w", err)
	}
	return e, nil
}

func grouped(secret string) string {
	var parts []string
	for ; len(secret) > 4; secret = secret[4:] {
		parts = append(parts, secret[:4])
	}
	return strings.Join(append(parts, secret), " ")
}

// Confirm takes the first code of a new device, which is then spent. An
// invitation replaces all former factors and sessions, and comes with recovery
// codes; a further device leaves them as they are (no codes are returned).
func (d *Door) Confirm(ctx context.Context, ticket, code string, from From) ([]string, error) {
	if err := d.notSlowed(ctx, "enrol.confirm", from); err != nil {
		return nil, err
	}
	t, err := d.ticket(ctx, "enrol", ticket)
	if err != nil {
		return nil, d.noTicket(ctx, err, "enrol.confirm", from)
	}
	var body enrolBody
	if err := json.Unmarshal([]byte(t.body), &body); err != nil {
		return nil, fmt.Errorf("read ticket: %w", err)
	}
	act := Act{Kind: "enrol.confirm", Agent: t.agent, Session: t.session}
	dev, right, err := d.firstCode(ctx, body.Device, strings.Join(strings.Fields(code), ""))
	if err != nil {
		return nil, err
	}
	if !right {
		if err := d.wrong(ctx, from.Address); err != nil {
			return nil, err
		}
		act.Reason = "wrong"
		return nil, d.refuse(ctx, act, ErrWrong, 0)
	}
	if _, err := d.record(ctx, act); err != nil {
		return nil, err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		if err := d.settle(ctx, tx, t, dev, body); err != nil {
			return err
		}
		what := toldTOTP
		if len(body.Invite) > 0 {
			what = toldEnrolled
		}
		return d.tellAgent(ctx, tx, t.agent, what, deviceOf(from.Browser), d.now(), false)
	})
	if errors.Is(err, ErrTicket) {
		return nil, d.noTicket(ctx, ErrTicket, "enrol.confirm", from)
	}
	if err != nil {
		return nil, fmt.Errorf("confirm device: %w", err)
	}
	if len(body.Invite) == 0 {
		return nil, nil
	}
	if err := d.EndAgent(ctx, t.agent, t.agent, "enrolled"); err != nil {
		return nil, err
	}
	return d.NewRecovery(ctx, t.agent, t.agent)
}

// firstCode matches a code with every step within ±5 min: the secret was shown
// a moment ago, and this is how the device's clock is learned.
func (d *Door) firstCode(ctx context.Context, id, code string) (*device, bool, error) {
	var dev *device
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		dev, err = scanDevice(tx.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM mfa_devices WHERE id = $1`, id))
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read device: %w", err)
	}
	if !dev.shaped(code) {
		return nil, false, nil
	}
	seed, err := d.cfg.Sealer.Open(ctx, dev.context(), dev.Sealed)
	if err != nil {
		return nil, false, fmt.Errorf("open TOTP seed: %w", err)
	}
	defer clear(seed)
	now := d.now()
	m, err := dev.match(seed, code, now)
	if err != nil {
		return nil, false, err
	}
	step := max(m.Step, m.Miss)
	if m.Step == 0 && m.Miss > 0 {
		dev.Drift = meet(m.Miss, now.Unix(), m.Miss, now.Unix(), 0)
	}
	dev.LastStep = step
	return dev, step > 0, nil
}

// settle makes a device count, and with an invitation forgets what was before.
func (d *Door) settle(ctx context.Context, tx *sql.Tx, t *ticket, dev *device, body enrolBody) error {
	if err := t.take(ctx, tx); err != nil {
		return err
	}
	if t.session != "" { // what a session began ends with it
		var alive int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM mfa_sessions WHERE id = $1 AND ended = 0 AND absolute > $2`, t.session, micros(d.now())).Scan(&alive)
		if err == nil && alive == 0 {
			err = ErrTicket
		}
		if err != nil {
			return err
		}
	}
	if len(body.Invite) > 0 {
		if err := (&ticket{hash: body.Invite}).take(ctx, tx); err != nil {
			return err
		}
		if err := dropFactors(ctx, tx, dev.Agent, dev.ID); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET used = $1 WHERE name = $2`, micros(d.now()), dev.Agent); err != nil {
			return err // invited: no longer disused
		}
	}
	if body.Hash != "" {
		if _, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET password = $1 WHERE name = $2`, body.Hash, dev.Agent); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `UPDATE mfa_devices SET confirmed = $2, last_step = $3, drift = $4 WHERE id = $1`, dev.ID, micros(d.now()), dev.LastStep, dev.Drift)
	return err
}

// Factors lists an agent's second factors, and how many recovery codes are left.
func (d *Door) Factors(ctx context.Context, name string) (list []Factor, recovery int, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		list = nil
		rows, err := tx.QueryContext(ctx, `SELECT id, 'totp', label, created, used FROM mfa_devices WHERE agent = $1 AND confirmed > 0
			UNION ALL SELECT id, 'passkey', label, created, used FROM mfa_passkeys WHERE agent = $1 ORDER BY 4, 1`, name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var f Factor
			var created, used int64
			if err := rows.Scan(&f.ID, &f.Kind, &f.Label, &created, &used); err != nil {
				return err
			}
			f.Created, f.Used = moment(created), moment(used)
			list = append(list, f)
		}
		if err := rows.Err(); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT count(*) FROM mfa_recovery WHERE agent = $1 AND used = 0`, name).Scan(&recovery)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list factors: %w", err)
	}
	return list, recovery, nil
}

// RemoveFactor removes one of a signed-in agent's factors, but never the last.
func (d *Door) RemoveFactor(ctx context.Context, s *Session, id string) error {
	if err := d.freshly(s); err != nil {
		return err
	}
	if _, err := d.record(ctx, Act{Kind: "factor.remove", Agent: s.Agent, Session: s.ID, Detail: map[string]string{"factor": cut(id, 64)}}); err != nil {
		return err
	}
	err := d.db.Write(ctx, func(tx *sql.Tx) error {
		removed := false
		for _, table := range []string{"mfa_devices", "mfa_passkeys"} {
			did, err := changed(tx.ExecContext(ctx, `DELETE FROM `+table+` WHERE agent = $1 AND id = $2`, s.Agent, id))
			if err != nil {
				return err
			}
			removed = removed || did
		}
		if !removed {
			return ErrUnknown
		}
		var left int
		if err := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM mfa_devices WHERE agent = $1 AND confirmed > 0) + (SELECT count(*) FROM mfa_passkeys WHERE agent = $1)`, s.Agent).Scan(&left); err != nil {
			return err
		}
		if left == 0 {
			return ErrLast
		}
		return d.tellAgent(ctx, tx, s.Agent, toldRemoved, deviceOf(s.Browser), d.now(), false)
	})
	if err != nil {
		return fmt.Errorf("remove factor: %w", err)
	}
	d.wakePost()
	return nil
}

// RenewRecovery gives a signed-in agent new recovery codes.
func (d *Door) RenewRecovery(ctx context.Context, s *Session) ([]string, error) {
	if err := d.freshly(s); err != nil {
		return nil, err
	}
	codes, err := d.NewRecovery(ctx, s.Agent, s.Agent)
	if err != nil {
		return nil, err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		return d.tellAgent(ctx, tx, s.Agent, toldCodesNew, deviceOf(s.Browser), d.now(), false)
	})
	if err != nil {
		return nil, fmt.Errorf("write notice: %w", err)
	}
	return codes, nil
}
