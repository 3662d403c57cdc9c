package mfa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// ticket is something to come back with once: a sign-in half done, an
// invitation, a hand-over, a passkey ceremony.
type ticket struct {
	hash    []byte
	agent   string
	session string
	body    string
}

func insertTicket(ctx context.Context, tx *sql.Tx, hash []byte, kind, agent, session, body string, expires time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO mfa_tickets (hash, kind, agent, session, body, expires) VALUES ($1, $2, $3, $4, $5, $6)`,
		hash, kind, agent, session, body, micros(expires))
	return err
}

// issue writes a ticket and returns what its bearer shows.
func (d *Door) issue(ctx context.Context, kind, agent, session, body string, life time.Duration) (string, error) {
	text, hash := token()
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		return insertTicket(ctx, tx, hash, kind, agent, session, body, d.now().Add(life))
	})
	if err != nil {
		return "", fmt.Errorf("write %s ticket: %w", kind, err)
	}
	return text, nil
}

// ticket reads one without spending it; ErrTicket if there is none alive.
func (d *Door) ticket(ctx context.Context, kind, text string) (*ticket, error) {
	t := &ticket{hash: digest(text)}
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT agent, session, body FROM mfa_tickets WHERE hash = $1 AND kind = $2 AND expires > $3`,
			t.hash, kind, micros(d.now())).Scan(&t.agent, &t.session, &t.body)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrTicket
	}
	if err != nil {
		return nil, fmt.Errorf("read %s ticket: %w", kind, err)
	}
	return t, nil
}

// take spends the ticket; ErrTicket if somebody was faster.
func (t *ticket) take(ctx context.Context, tx *sql.Tx) error {
	there, err := changed(tx.ExecContext(ctx, `DELETE FROM mfa_tickets WHERE hash = $1`, t.hash))
	if err == nil && !there {
		err = ErrTicket
	}
	return err
}

// redeem reads and spends a ticket in one.
func (d *Door) redeem(ctx context.Context, kind, text string) (*ticket, error) {
	t, err := d.ticket(ctx, kind, text)
	if err != nil {
		return nil, err
	}
	if err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error { return t.take(ctx, tx) }); err != nil {
		if errors.Is(err, ErrTicket) {
			return nil, ErrTicket
		}
		return nil, fmt.Errorf("spend %s ticket: %w", kind, err)
	}
	return t, nil
}
