package mfa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"
)

// Notice tells an agent of something that happened to their own sign-in (ASVS 5
// 6.3.5 and 6.3.7). It is written in the transaction of what it tells of, shown
// at the desk until the agent confirms it, and sent to their address if the
// directory knows one. Nobody waits for the sending.
type Notice struct {
	ID     string    `json:"id"`
	At     time.Time `json:"at"`
	What   string    `json:"what"`   // "signin.device", "factor.device", …
	Device string    `json:"device"` // "Firefox, Windows"; "" where it is not known
	Seen   bool      `json:"seen"`   // confirmed by the agent
}

// What agents are told of.
const (
	toldDevice   = "signin.device"   // a sign-in with a kind of device not seen for knownDevice
	toldRecovery = "signin.recovery" // a sign-in with a recovery code
	toldLong     = "signin.long"     // a sign-in after longAway
	toldHalf     = "signin.half"     // a right password, and nothing after it
	toldCodes    = "signin.codes"    // a right password, then wrong codes
	toldLocked   = "signin.locked"   // … until they were locked out
	toldTOTP     = "factor.device"
	toldPasskey  = "factor.passkey"
	toldRemoved  = "factor.removed"
	toldCodesNew = "factor.recovery"
	toldPassword = "password.changed"
	toldInvited  = "account.invited" // somebody lets them enrol anew
	toldReset    = "account.reset"   // … after all they had was taken away
	toldEnrolled = "account.enrolled"
	toldEmail    = "account.email" // goes to the former address
)

const (
	knownDevice = 90 * 24 * time.Hour
	longAway    = 30 * 24 * time.Hour
	noticesKept = 90 * 24 * time.Hour
	mostNotices = 50              // kept of one agent
	suspicious  = 3               // wrong codes in a row that an agent is told of
	sendTries   = 3               // of one notice, then it is given up, in the trail
	sendAgain   = 5 * time.Minute // until the next try, also after a crash in the middle
	sendWithin  = 20 * time.Second
)

// tellAgent writes a notice inside the transaction of what it tells of. once
// makes it the only one of its kind within the hour: who guesses cannot flood.
func (d *Door) tellAgent(ctx context.Context, tx *sql.Tx, agent, what, device string, at time.Time, once bool) error {
	id := handle()
	if once {
		id = fmt.Sprintf("%s/%s/%d", agent, what, at.Unix()/3600)
	}
	due := micros(at)
	if d.cfg.Post == nil {
		due = 0
	}
	told, err := changed(tx.ExecContext(ctx, `INSERT INTO mfa_notices (id, agent, at, what, device, due, address)
		SELECT $1, name, CAST($3 AS BIGINT), CAST($4 AS TEXT), CAST($5 AS TEXT), CASE WHEN email = '' THEN 0 ELSE CAST($6 AS BIGINT) END, email
		FROM mfa_agents WHERE name = $2 ON CONFLICT (id) DO NOTHING`, id, agent, micros(at), what, device, due))
	if err != nil || !told {
		return err
	}
	_, err = tx.ExecContext(ctx, `DELETE FROM mfa_notices WHERE agent = $1 AND id NOT IN
		(SELECT id FROM mfa_notices WHERE agent = $1 ORDER BY at DESC, id LIMIT $2)`, agent, mostNotices)
	return err
}

// write runs a transaction that may have written notices, and has them sent.
func (d *Door) write(ctx context.Context, f func(*sql.Tx) error) error {
	err := d.db.WriteGuarded(ctx, f)
	if err == nil {
		d.wakePost()
	}
	return err
}

func (d *Door) wakePost() {
	select {
	case d.noticed <- struct{}{}:
	default: // it is awake
	}
}

// arrive notes the device of a new session, tells of what is unusual about it,
// and returns the sign-in before.
func (d *Door) arrive(ctx context.Context, tx *sql.Tx, a *agent, proofs []Proof, device string) (former int64, with string, err error) {
	now, known := d.now(), false
	rows, err := tx.QueryContext(ctx, `SELECT device, at FROM mfa_browsers WHERE agent = $1 ORDER BY at DESC LIMIT 100`, a.Name)
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var at int64
		if err := rows.Scan(&name, &at); err != nil {
			return 0, "", err
		}
		if former == 0 {
			former, with = at, name
		}
		known = known || name == device && now.Sub(moment(at)) < knownDevice
	}
	if err := rows.Err(); err != nil {
		return 0, "", err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO mfa_browsers (agent, device, at) VALUES ($1, $2, $3) ON CONFLICT (agent, device) DO UPDATE SET at = excluded.at`, a.Name, device, micros(now))
	if err != nil {
		return 0, "", err
	}
	what := ""
	switch {
	case proofs[len(proofs)-1].Kind == "recovery":
		what = toldRecovery
	case former != 0 && now.Sub(moment(former)) > longAway:
		what = toldLong
	case former != 0 && !known: // the very first sign-in is no news
		what = toldDevice
	}
	if what == "" {
		return former, with, nil
	}
	return former, with, d.tellAgent(ctx, tx, a.Name, what, device, now, false)
}

// suspect tells an agent that somebody has their password and guesses codes.
// Its own failure is logged: the refusal stands without it.
func (d *Door) suspect(ctx context.Context, agent, device string) {
	err := d.write(ctx, func(tx *sql.Tx) error {
		var tries, locked int64
		if err := tx.QueryRowContext(ctx, `SELECT tries, locked_until FROM mfa_agents WHERE name = $1`, agent).Scan(&tries, &locked); err != nil {
			return err
		}
		switch {
		case locked > 0:
			return d.tellAgent(ctx, tx, agent, toldLocked, device, d.now(), true)
		case tries >= suspicious:
			return d.tellAgent(ctx, tx, agent, toldCodes, device, d.now(), true)
		}
		return nil
	})
	if err != nil {
		d.cfg.Logger.WarnContext(ctx, "an agent is not told of wrong codes", "error", err)
	}
}

// halves tells of sign-ins that ended after a right password, where none of
// their agent's succeeded since. It comes before their tickets are deleted.
func (d *Door) halves(ctx context.Context, tx *sql.Tx, now time.Time) error {
	type half struct {
		agent, device string
		at            time.Time
	}
	var list []half
	rows, err := tx.QueryContext(ctx, `SELECT t.agent, t.body, t.expires FROM mfa_tickets t JOIN mfa_agents a ON a.name = t.agent
		WHERE t.kind = 'signin' AND t.expires < $1 AND a.used < t.expires - $2 ORDER BY t.expires LIMIT 1000`, micros(now), ticketLife.Microseconds())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var h half
		var body []byte
		var expires int64
		if err := rows.Scan(&h.agent, &body, &expires); err != nil {
			return err
		}
		h.device, h.at = signinDevice(body), moment(expires).Add(-ticketLife)
		list = append(list, h)
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, h := range list {
		if err := d.tellAgent(ctx, tx, h.agent, toldHalf, h.device, h.at, true); err != nil {
			return err
		}
	}
	return nil
}

// Account is what the desk tells a signed-in agent of their own sign-in.
type Account struct {
	Former  time.Time // the sign-in before this one; zero: none is known
	Device  string    // with which kind of device
	Notices []Notice  // newest first, of the last 90 days
}

// Unseen are the notices that the agent has not confirmed yet.
func (a Account) Unseen() (list []Notice) {
	for _, n := range a.Notices {
		if !n.Seen {
			list = append(list, n)
		}
	}
	return list
}

// Account reads what happened to a session's agent.
func (d *Door) Account(ctx context.Context, s *Session) (a Account, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		a = Account{}
		var former int64
		err := tx.QueryRowContext(ctx, `SELECT former, former_device FROM mfa_sessions WHERE id = $1`, s.ID).Scan(&former, &a.Device)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		a.Former = moment(former)
		rows, err := tx.QueryContext(ctx, `SELECT id, at, what, device, seen FROM mfa_notices WHERE agent = $1 ORDER BY at DESC, id`, s.Agent)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n Notice
			var at, seen int64
			if err := rows.Scan(&n.ID, &at, &n.What, &n.Device, &seen); err != nil {
				return err
			}
			n.At, n.Seen = moment(at), seen > 0
			a.Notices = append(a.Notices, n)
		}
		return rows.Err()
	})
	if err != nil {
		return Account{}, fmt.Errorf("read notices: %w", err)
	}
	return a, nil
}

// ConfirmNotices takes an agent's word that they know of all up to the given
// notice. They stay on the list.
func (d *Door) ConfirmNotices(ctx context.Context, s *Session, upTo string) error {
	if _, err := d.record(ctx, Act{Kind: "notice.confirm", Agent: s.Agent, Session: s.ID}); err != nil {
		return err
	}
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE mfa_notices SET seen = $1 WHERE agent = $2 AND seen = 0
			AND at <= (SELECT at FROM mfa_notices WHERE agent = $2 AND id = $3)`, micros(d.now()), s.Agent, cut(upTo, 200))
		return err
	})
	if err != nil {
		return fmt.Errorf("confirm notices: %w", err)
	}
	return nil
}

// SetEmail changes where an agent's notices go; "" is nowhere. The former
// address is told.
func (d *Door) SetEmail(ctx context.Context, by, name, email string) error {
	if err := checkEmail(email); err != nil {
		return err
	}
	a, err := d.agent(ctx, name)
	if err != nil || a.Email == email {
		return err
	}
	if _, err := d.record(ctx, Act{Kind: "agent.email", Agent: by, Detail: map[string]string{"name": name}}); err != nil {
		return err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		if a.Email != "" {
			if err := d.tellAgent(ctx, tx, name, toldEmail, "", d.now(), false); err != nil {
				return err
			}
		}
		_, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET email = $2 WHERE name = $1`, name, email)
		return err
	})
	if err != nil {
		return fmt.Errorf("change e-mail address: %w", err)
	}
	return nil
}

func checkEmail(email string) error {
	if email == "" {
		return nil
	}
	if parsed, err := mail.ParseAddress(email); err != nil || parsed.Address != email || len(email) > 254 { // RFC 5321 §4.5.3.1.3
		return fmt.Errorf("%w: e-mail: use a plain address, name@example.com", ErrInput)
	}
	return nil
}

// post sends what is due: at once when this replica wrote a notice, what other
// processes left within a minute.
func (d *Door) post(ctx context.Context) {
	tick := time.NewTicker(time.Minute)
	defer tick.Stop()
	for {
		for d.postOne(ctx) {
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		case <-d.noticed:
		}
	}
}

// postOne sends the notice that has been due longest. Whoever moves its due time
// on has it: of all replicas one sends it, and none is lost with its replica.
func (d *Door) postOne(ctx context.Context) (more bool) {
	var n Notice
	var agent, language, address string
	var at, tries int64
	now := d.now()
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `UPDATE mfa_notices SET tries = tries + 1, due = $2 WHERE due > 0 AND due <= $1
			AND id = (SELECT id FROM mfa_notices WHERE due > 0 AND due <= $1 ORDER BY due, id LIMIT 1)
			RETURNING id, agent, at, what, device, tries, address`, micros(now), micros(now.Add(sendAgain))).Scan(&n.ID, &agent, &at, &n.What, &n.Device, &tries, &address)
		if err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT language FROM mfa_agents WHERE name = $1`, agent).Scan(&language)
	})
	if err != nil {
		if !errors.Is(err, sql.ErrNoRows) && ctx.Err() == nil {
			d.cfg.Logger.WarnContext(ctx, "notices to agents wait", "error", err)
		}
		return false
	}
	n.At = moment(at)
	title, text := n.message(language, strings.TrimSuffix(d.cfg.Desk.String(), "/"))
	bounded, stop := context.WithTimeout(ctx, sendWithin)
	err = d.cfg.Post.Send(bounded, address, title, text)
	stop()
	act := Act{Kind: "notice.send", Detail: map[string]string{"name": agent, "what": n.What}}
	if err != nil {
		if ctx.Err() != nil {
			return false // closing: the next start sends it
		}
		d.cfg.Logger.WarnContext(ctx, "a notice to an agent cannot be sent", "try", tries, "error", err)
		if tries < sendTries {
			return true
		}
		act.Outcome, act.Reason = "refused", "unsent"
	}
	_, recorded := d.record(ctx, act)
	settled := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE mfa_notices SET due = 0, address = '' WHERE id = $1`, n.ID)
		return err
	})
	if err := errors.Join(recorded, settled); err != nil {
		d.cfg.Logger.WarnContext(ctx, "the sending of a notice is not written down", "error", err)
		return false
	}
	return true
}
