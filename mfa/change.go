package mfa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// ErrReused: the password is the agent's present one or one of the four before it.
var ErrReused = errors.New("password was used before")

// kept is how many former passwords may not come back (PCI DSS 4.0.1 8.3.7).
const kept = 4

// ChangePassword replaces a signed-in agent's password. It takes the present
// one (ASVS 5 6.2.3) and a second factor proven within five minutes, else
// ErrStale; the new one is checked as a first one is, ErrWeak, and against the
// last four, ErrReused. The agent's other sessions and half-made sign-ins end.
// Who has no password here, because they come by single sign-on, gets ErrInput.
func (d *Door) ChangePassword(ctx context.Context, s *Session, present, next string, from From) (receipt string, err error) {
	act := Act{Kind: "password.change", Agent: s.Agent, Session: s.ID}
	if err := d.notSlowed(ctx, act.Kind, from); err != nil {
		return "", err
	}
	if err := d.freshly(s); err != nil {
		return "", err
	}
	a, err := d.agent(ctx, s.Agent)
	if err != nil {
		return "", err
	}
	if a.password == "" {
		return "", fmt.Errorf("%w: there is no password here to change", ErrInput)
	}
	right, _, err := d.matches(ctx, cut(present, longest), a.password)
	if err != nil {
		return "", err
	}
	if !right {
		if err := d.wrong(ctx, from.Address); err != nil {
			return "", err
		}
		act.Reason = "wrong"
		return "", d.refuse(ctx, act, ErrWrong, 0)
	}
	hash, err := d.newHash(ctx, a, next)
	if err != nil {
		return "", err
	}
	if receipt, err = d.record(ctx, act); err != nil {
		return "", err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		there, err := changed(tx.ExecContext(ctx, `UPDATE mfa_agents SET password = $1 WHERE name = $2 AND password = $3`, hash, a.Name, a.password))
		if err == nil && !there {
			err = ErrWrong // changed at the same moment: what was given is not the present one any more
		}
		if err == nil {
			err = d.retire(ctx, tx, a.Name, a.password)
		}
		if err == nil {
			_, err = tx.ExecContext(ctx, `DELETE FROM mfa_tickets WHERE agent = $1 AND kind = 'signin'`, a.Name)
		}
		if err == nil {
			err = d.tellAgent(ctx, tx, a.Name, toldPassword, deviceOf(from.Browser), d.now(), false)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("change password: %w", err)
	}
	if _, err := d.end(ctx, "password_changed", `agent = $3 AND id <> $4`, a.Name, s.ID); err != nil {
		return "", err
	}
	_, err = d.record(ctx, Act{Kind: "session.end", Agent: a.Name, Session: s.ID, Reason: "password_changed", Detail: map[string]string{"name": a.Name, "which": "others"}})
	return receipt, err
}

// Freshly says whether a session's second factor is fresh enough to change
// factors with it.
func (d *Door) Freshly(s *Session) bool { return d.freshly(s) == nil }

// HasPassword says whether an agent signs in with a password of ours.
func (d *Door) HasPassword(ctx context.Context, name string) (bool, error) {
	a, err := d.agent(ctx, name)
	return err == nil && a.password != "", err
}

// newHash hashes a password that an agent may take.
func (d *Door) newHash(ctx context.Context, a *agent, password string) (string, error) {
	if err := d.words.check(password, a.Name, a.Display, d.cfg.Issuer); err != nil {
		return "", err
	}
	former := []string{a.password}
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		former = former[:1]
		rows, err := tx.QueryContext(ctx, `SELECT hash FROM mfa_passwords WHERE agent = $1 ORDER BY retired DESC LIMIT $2`, a.Name, kept)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var hash string
			if err := rows.Scan(&hash); err != nil {
				return err
			}
			former = append(former, hash)
		}
		return rows.Err()
	})
	if err != nil {
		return "", fmt.Errorf("read former passwords: %w", err)
	}
	for _, hash := range former {
		if hash == "" {
			continue
		}
		same, _, err := d.matches(ctx, password, hash)
		if err != nil {
			return "", err
		}
		if same {
			return "", ErrReused
		}
	}
	return d.hash(ctx, password)
}

// retire keeps a former password's hash for as long as it may not come back.
func (d *Door) retire(ctx context.Context, tx *sql.Tx, name, hash string) error {
	if hash == "" {
		return nil
	}
	if _, err := tx.ExecContext(ctx, `INSERT INTO mfa_passwords (agent, hash, retired) VALUES ($1, $2, $3) ON CONFLICT (agent, hash) DO NOTHING`, name, hash, micros(d.now())); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM mfa_passwords WHERE agent = $1 AND hash NOT IN
		(SELECT hash FROM mfa_passwords WHERE agent = $1 ORDER BY retired DESC LIMIT $2)`, name, kept)
	return err
}
