package mfa

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// From is where a request comes from.
type From struct {
	Address string // IP
	Browser string // User-Agent, cut to 200 bytes
}

// Next says what the ticket of a right password can be used with.
type Next struct {
	Ticket   string
	Agent    string
	Receipt  string
	Passkey  bool // the agent has one
	Code     bool // the agent has a TOTP device
	Enrol    bool // the agent has nothing yet: only an invitation helps
	Language string
}

// SignedIn is a new session.
type SignedIn struct {
	Token   string // shown once
	Session string
	Expires time.Time
	Receipt string
}

// signinBody is what a sign-in ticket remembers.
type signinBody struct {
	Proofs []Proof
	Device string // its kind
}

// signinDevice is the kind of device that a sign-in ticket was given to.
func signinDevice(body []byte) string {
	var b signinBody
	_ = json.Unmarshal(body, &b) // what cannot be read names none
	return b.Device
}

// Login checks a name and a password. A wrong one, an unknown name and an agent
// without a password take the same time and give the same answer, ErrWrong. An
// agent who is locked learns so (ErrLocked) only with the right password.
func (d *Door) Login(ctx context.Context, name, password string, from From) (*Next, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if err := d.notSlowed(ctx, "signin.password", from); err != nil {
		return nil, err
	}
	a, err := d.agent(ctx, name)
	if err != nil && !errors.Is(err, ErrUnknown) {
		return nil, err
	}
	hash, known := d.decoy, err == nil
	if known && a.password != "" {
		hash = a.password
	}
	if len(password) > longest {
		password = ""
	}
	right, renew, err := d.matches(ctx, password, hash)
	if err != nil {
		return nil, err
	}
	if !right || !known || a.password == "" {
		if err := d.wrong(ctx, from.Address); err != nil {
			return nil, err
		}
		act := Act{Kind: "signin.password", Reason: "wrong"}
		if known {
			act.Agent = a.Name // what is not a name here may be a password: it is not written
		}
		return nil, d.refuse(ctx, act, ErrWrong, 0)
	}
	if left, locked := d.lockedFor(a); locked {
		return nil, d.refuse(ctx, Act{Kind: "signin.password", Agent: a.Name, Reason: "locked"}, ErrLocked, left)
	}
	if renew {
		if err := d.renew(ctx, a, password); err != nil {
			return nil, err
		}
	}
	return d.first(ctx, a, Proof{"password", d.now()}, from)
}

// renew hashes a password anew at today's cost.
func (d *Door) renew(ctx context.Context, a *agent, password string) error {
	hash, err := d.hash(ctx, password)
	if err != nil {
		return err
	}
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET password = $1 WHERE name = $2 AND password = $3`, hash, a.Name, a.password)
		return err
	})
	if err != nil {
		return fmt.Errorf("renew password hash: %w", err)
	}
	return nil
}

// first records the first factor and gives a ticket for the second.
func (d *Door) first(ctx context.Context, a *agent, proof Proof, from From) (*Next, error) {
	next := &Next{Agent: a.Name, Language: a.Language}
	var hash []byte
	next.Ticket, hash = token()
	body, err := json.Marshal(signinBody{[]Proof{proof}, deviceOf(from.Browser)})
	if err != nil {
		return nil, err
	}
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		var devices, keys int
		row := tx.QueryRowContext(ctx, `SELECT (SELECT count(*) FROM mfa_devices WHERE agent = $1 AND confirmed > 0), (SELECT count(*) FROM mfa_passkeys WHERE agent = $1)`, a.Name)
		if err := row.Scan(&devices, &keys); err != nil {
			return err
		}
		next.Code, next.Passkey, next.Enrol = devices > 0, keys > 0, devices+keys == 0
		return insertTicket(ctx, tx, hash, "signin", a.Name, "", string(body), d.now().Add(ticketLife))
	})
	if err != nil {
		return nil, fmt.Errorf("write ticket: %w", err)
	}
	next.Receipt, err = d.record(ctx, Act{Kind: "signin." + proof.Kind, Agent: a.Name})
	if err != nil {
		return nil, err
	}
	return next, nil
}

// Code takes a ticket and a TOTP or recovery code and gives a session. The
// code is spent and the session created in one transaction.
func (d *Door) Code(ctx context.Context, ticket, code string, from From) (*SignedIn, error) {
	if err := d.notSlowed(ctx, "signin.code", from); err != nil {
		return nil, err
	}
	t, err := d.ticket(ctx, "signin", ticket)
	if err != nil {
		return nil, d.noTicket(ctx, err, "signin.code", from)
	}
	var body signinBody
	if err := json.Unmarshal([]byte(t.body), &body); err != nil {
		return nil, fmt.Errorf("read ticket: %w", err)
	}
	var in *SignedIn
	act := Act{Kind: "signin.code", Agent: t.agent}
	err = d.second(ctx, act, code, from, func(tx *sql.Tx, a *agent, proof Proof) error {
		if err := t.take(ctx, tx); err != nil {
			return err
		}
		in, err = d.begin(ctx, tx, a, append(body.Proofs, proof), from)
		return err
	})
	if err != nil {
		if errors.Is(err, ErrTicket) {
			return nil, d.noTicket(ctx, err, "signin.code", from)
		}
		return nil, err
	}
	return d.welcome(ctx, act, in)
}

// welcome records the sign-in. If that fails the session ends before anybody
// has its token.
func (d *Door) welcome(ctx context.Context, act Act, in *SignedIn) (*SignedIn, error) {
	act.Session = in.Session
	receipt, err := d.record(ctx, act)
	if err != nil {
		_, ending := d.end(context.WithoutCancel(ctx), "unrecorded", `id = $3`, in.Session)
		return nil, errors.Join(err, ending)
	}
	in.Receipt = receipt
	return in, nil
}

func (d *Door) noTicket(ctx context.Context, err error, kind string, from From) error {
	if !errors.Is(err, ErrTicket) {
		return err
	}
	if err := d.notSlowed(ctx, kind, from); err != nil {
		return err
	}
	if err := d.wrong(ctx, from.Address); err != nil {
		return err
	}
	return d.refuse(ctx, Act{Kind: kind, Reason: "ticket"}, ErrTicket, 0)
}

// second proves a second factor for an agent: it reserves a try, evaluates the
// code, spends it and runs accept, in one transaction. Its refusals are recorded.
func (d *Door) second(ctx context.Context, act Act, code string, from From, accept func(*sql.Tx, *agent, Proof) error) error {
	a, err := d.agent(ctx, act.Agent)
	if err != nil {
		return err
	}
	if left, locked := d.lockedFor(a); locked {
		act.Reason = "locked"
		return d.refuse(ctx, act, ErrLocked, left)
	}
	if d.passkeys.needed(a.Roles) {
		act.Reason = "passkey_required"
		return d.refuse(ctx, act, ErrPasskey, 0)
	}
	code = strings.Join(strings.Fields(code), "")
	prove := d.proveCode
	if recoveryShape.MatchString(strings.ToUpper(code)) {
		prove = d.proveRecovery
	}
	why, err := prove(ctx, a, code, accept)
	if err != nil {
		return err
	}
	switch why {
	case "":
		return nil
	case "locked":
		act.Reason = why
		return d.refuse(ctx, act, ErrLocked, d.cfg.Limits.Lock)
	}
	if act.Reason = why; why != "replayed" { // a right code, used already, is no guess
		if err := d.wrong(ctx, from.Address); err != nil {
			return err
		}
		d.suspect(ctx, a.Name, deviceOf(from.Browser))
	}
	return d.refuse(ctx, act, ErrWrong, 0)
}

// candidate is a device with its seed, open for one attempt.
type candidate struct {
	*device
	seed []byte
}

// candidates opens the agent's devices that could show such a code.
func (d *Door) candidates(ctx context.Context, a *agent, code string) ([]candidate, error) {
	var devices []*device
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		devices, err = devicesOf(ctx, tx, a.Name)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read devices: %w", err)
	}
	var list []candidate
	for _, dev := range devices {
		if !dev.shaped(code) {
			continue
		}
		seed, err := d.cfg.Sealer.Open(ctx, dev.context(), dev.Sealed)
		if err != nil {
			return nil, fmt.Errorf("open TOTP seed: %w", err)
		}
		list = append(list, candidate{dev, seed})
	}
	return list, nil
}

// proveCode evaluates a TOTP code; why is "" if it was accepted.
func (d *Door) proveCode(ctx context.Context, a *agent, code string, accept func(*sql.Tx, *agent, Proof) error) (why string, err error) {
	list, err := d.candidates(ctx, a, code)
	if err != nil {
		return "", err
	}
	defer func() {
		for _, c := range list {
			clear(c.seed)
		}
	}()
	if len(list) == 0 {
		return "malformed", nil // not a guess: nothing could have matched
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		ok, err := d.reserve(ctx, tx, a.Name)
		if err != nil {
			return err
		}
		if !ok {
			why = "locked"
			return nil
		}
		if why, err = d.evaluate(ctx, tx, list, code); err != nil || why == "wrong" {
			return err
		}
		if why != "" {
			return d.giveBack(ctx, tx, a.Name)
		}
		if err := d.forgive(ctx, tx, a.Name); err != nil {
			return err
		}
		return accept(tx, a, Proof{"totp", d.now()})
	})
	if err != nil {
		return "", fmt.Errorf("prove code: %w", err)
	}
	return why, nil
}

// evaluate looks at a code with every device and spends the step it belongs to.
func (d *Door) evaluate(ctx context.Context, tx *sql.Tx, list []candidate, code string) (why string, err error) {
	why = "wrong"
	for _, c := range list {
		now := d.now()
		dev, err := scanDevice(tx.QueryRowContext(ctx, `SELECT `+deviceColumns+` FROM mfa_devices WHERE id = $1`, c.ID))
		if errors.Is(err, sql.ErrNoRows) {
			continue // removed meanwhile
		}
		if err != nil {
			return "", err
		}
		m, err := dev.match(c.seed, code, now)
		if err != nil {
			return "", err
		}
		switch {
		case why == "":
			// accepted by another device; looked at all the same
		case m.Step > 0:
			dev.accept(m.Step, now)
			spent, err := dev.spend(ctx, tx, now)
			if err != nil {
				return "", err
			}
			if why = ""; !spent {
				why = "replayed"
			}
		case m.Miss > dev.LastStep:
			dev.learn(m.Miss, now)
			if err := dev.remember(ctx, tx, m.Miss); err != nil {
				return "", err
			}
		}
	}
	return why, nil
}

// reserve takes one of the agent's tries before anything is looked at; the one
// that uses them up starts the lock. False: there is none.
func (d *Door) reserve(ctx context.Context, tx *sql.Tx, name string) (bool, error) {
	now := d.now()
	return changed(tx.ExecContext(ctx, `UPDATE mfa_agents SET
		tries = CASE WHEN locked_until > 0 THEN 1 ELSE tries + 1 END,
		locked_until = CASE WHEN (CASE WHEN locked_until > 0 THEN 1 ELSE tries + 1 END) >= CAST($1 AS BIGINT) THEN CAST($2 AS BIGINT) ELSE 0 END
		WHERE name = $3 AND locked_at = 0 AND locked_until <= $4`,
		d.cfg.Limits.Tries, micros(now.Add(d.cfg.Limits.Lock)), name, micros(now)))
}

// giveBack returns a try that was no guess: a right code, used already.
func (d *Door) giveBack(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET tries = tries - 1, locked_until = 0 WHERE name = $1`, name)
	return err
}

// forgive forgets wrong tries after a right one.
func (d *Door) forgive(ctx context.Context, tx *sql.Tx, name string) error {
	_, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET tries = 0, locked_until = 0 WHERE name = $1`, name)
	return err
}
