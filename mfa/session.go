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

// touchEvery is how old the record of an activity may get: an idle session
// ends up to this early, never late.
const touchEvery = 10 * time.Second

// begin creates a session inside the transaction that proved its factors.
func (d *Door) begin(ctx context.Context, tx *sql.Tx, a *agent, proofs []Proof, from From) (*SignedIn, error) {
	now := d.now()
	text, hash := token()
	ends := now.Add(d.cfg.Limits.Absolute)
	for _, p := range proofs { // what rests on a provider's word lasts no longer than it (ASVS 5 7.6.1)
		if p.Kind == "sso" && d.sso != nil && p.At.Add(d.sso.MaxAge).Before(ends) {
			ends = p.At.Add(d.sso.MaxAge)
		}
	}
	in := &SignedIn{Token: text, Session: handle(), Expires: d.expiry(now, ends)}
	proven, err := json.Marshal(proofs)
	if err != nil {
		return nil, err
	}
	former, with, err := d.arrive(ctx, tx, a, proofs, deviceOf(from.Browser))
	if err != nil {
		return nil, err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO mfa_sessions (id, agent, proofs, purpose, matter, address, browser, created, seen, absolute, ended, why, former, former_device)
		VALUES ($1, $2, $3, '', '', $4, $5, $6, $6, $7, 0, '', $8, $9)`,
		in.Session, a.Name, string(proven), from.Address, cut(from.Browser, 200), micros(now), micros(ends), former, with)
	if err != nil {
		return nil, err
	}
	if _, err := tx.ExecContext(ctx, `UPDATE mfa_agents SET used = $1 WHERE name = $2 AND used < $1`, micros(now), a.Name); err != nil {
		return nil, err
	}
	if err := d.known(ctx, tx, from.Address); err != nil {
		return nil, err
	}
	return in, insertToken(ctx, tx, hash, in.Session, "")
}

func insertToken(ctx context.Context, tx *sql.Tx, hash []byte, session, host string) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO mfa_tokens (hash, session, host) VALUES ($1, $2, $3)`, hash, session, host)
	return err
}

func cut(s string, n int) string {
	if len(s) > n {
		s = strings.ToValidUTF8(s[:n], "")
	}
	return s
}

// Session returns the session of a token, or ErrNoSession. It counts as the
// agent's activity unless ctx is Background. A token that was handed over to one
// host is refused where ctx says AtHost of another.
func (d *Door) Session(ctx context.Context, token string) (*Session, error) {
	s, bound, err := d.lookUp(ctx, token)
	if host, known := ctx.Value(atHost{}).(string); err == nil && known && bound != "" && !strings.EqualFold(bound, host) {
		return nil, ErrNoSession
	}
	return s, err
}

type background struct{}

// Background marks a request that no person made: a stream that reconnects, a
// page that polls. It does not keep a session alive.
func Background(ctx context.Context) context.Context {
	return context.WithValue(ctx, background{}, true)
}

func (d *Door) lookUp(ctx context.Context, token string) (*Session, string, error) {
	if len(token) != 43 { // 256 bits in base64url
		return nil, "", ErrNoSession
	}
	key := tokenKey(digest(token))
	if l, host := d.live.get(key); l != nil {
		now := d.now()
		// What background checks keep fresh must not keep a person's act from counting.
		if s := l.fresh(now); s != nil && (ctx.Value(background{}) != nil || now.Sub(s.Seen) <= touchEvery) {
			return s, host, nil
		}
	}
	l, host, err := d.reload(ctx, key)
	if err != nil {
		return nil, "", err
	}
	s := l.session.Load()
	if s == nil || l.gone() {
		return nil, "", ErrNoSession
	}
	return s, host, nil
}

// reload reads a token's session again, once for all who wait for it.
func (d *Door) reload(ctx context.Context, key tokenKey) (*liveSession, string, error) {
	type loaded struct {
		*liveSession
		host string
	}
	active := ctx.Value(background{}) == nil
	flight := string(key[:])
	if active {
		flight += "+" // one of the background's would not count the act
	}
	got := d.live.flights.DoChan(flight, func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		defer cancel()
		now, epoch := d.now(), d.live.epoch(key)
		s, host, callers, err := d.readSession(ctx, `t.hash = $1`, key[:])
		if err != nil {
			return nil, err
		}
		if active && now.Sub(s.Seen) > touchEvery {
			if err := d.touch(ctx, s, now); err != nil {
				return nil, err
			}
		}
		return loaded{d.live.put(key, host, s, callers, now, epoch), host}, nil
	})
	select {
	case <-ctx.Done():
		return nil, "", fmt.Errorf("read session: %w", context.Cause(ctx))
	case r := <-got:
		if r.Err != nil {
			if errors.Is(r.Err, ErrNoSession) {
				d.live.forget(key)
			}
			return nil, "", r.Err
		}
		l := r.Val.(loaded)
		return l.liveSession, l.host, nil
	}
}

// readSession reads a live session with its verified callers.
func (d *Door) readSession(ctx context.Context, where string, arg any) (*Session, string, map[string]time.Time, error) {
	var s Session
	var host, roles, groups, proofs string
	var created, seen, absolute, ended, locked, glass int64
	var callers map[string]time.Time
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT s.id, s.agent, a.display, a.kind, a.roles, a.member_of, a.region, a.language, a.locked_at,
			s.proofs, s.purpose, s.matter, s.address, s.browser, s.created, s.seen, s.absolute, s.ended, t.host,
			COALESCE((SELECT reason FROM mfa_glass g WHERE g.session = s.id ORDER BY until DESC LIMIT 1), ''), COALESCE((SELECT max(until) FROM mfa_glass g WHERE g.session = s.id), 0)
			FROM mfa_tokens t JOIN mfa_sessions s ON s.id = t.session JOIN mfa_agents a ON a.name = s.agent WHERE `+where, arg).
			Scan(&s.ID, &s.Agent, &s.Name, &s.Kind, &roles, &groups, &s.Region, &s.Language, &locked,
				&proofs, &s.Purpose, &s.Case, &s.Address, &s.Browser, &created, &seen, &absolute, &ended, &host, &s.Glass, &glass)
		if err != nil {
			return err
		}
		callers, err = callersOf(ctx, tx, s.ID, time.Time{})
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, "", nil, ErrNoSession
	}
	if err != nil {
		return nil, "", nil, fmt.Errorf("read session: %w", err)
	}
	if ended > 0 || locked > 0 {
		return nil, "", nil, ErrNoSession
	}
	for text, into := range map[string]any{roles: &s.Roles, groups: &s.Groups, proofs: &s.Proofs} {
		if err := json.Unmarshal([]byte(text), into); err != nil {
			return nil, "", nil, fmt.Errorf("read session: %w", err)
		}
	}
	s.Created, s.Seen, s.ends = moment(created), moment(seen), moment(absolute)
	s.Expires = d.expiry(s.Seen, s.ends)
	if s.GlassEnd = moment(glass); !d.now().Before(s.GlassEnd) {
		s.Glass = ""
	}
	if !d.now().Before(s.Expires) {
		return nil, "", nil, ErrNoSession
	}
	return &s, host, callers, nil
}

func (d *Door) expiry(seen, absolute time.Time) time.Time {
	if idle := seen.Add(d.cfg.Limits.Idle); idle.Before(absolute) {
		return idle
	}
	return absolute
}

// touch writes the agent's activity; never backwards.
func (d *Door) touch(ctx context.Context, s *Session, now time.Time) error {
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `UPDATE mfa_sessions SET seen = $1 WHERE id = $2 AND ended = 0 AND seen < $1`, micros(now), s.ID)
		return err
	})
	if err != nil {
		return fmt.Errorf("write activity: %w", err)
	}
	s.Seen, s.Expires = now, d.expiry(now, s.ends)
	return nil
}

// Ended is closed when the session ends, on whichever replica. It is closed for
// a session that this replica has not just seen alive.
func (d *Door) Ended(sessionID string) <-chan struct{} { return d.live.ended(sessionID) }

// Sessions lists an agent's live sessions, newest first; "" is everybody's, at
// most 500.
func (d *Door) Sessions(ctx context.Context, agent string) ([]Session, error) {
	var list []Session
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		list = nil
		rows, err := tx.QueryContext(ctx, `SELECT id, agent, proofs, purpose, matter, address, browser, created, seen, absolute FROM mfa_sessions
			WHERE ($1 = '' OR agent = $1) AND ended = 0 AND seen > $2 AND absolute > $3 ORDER BY created DESC, id LIMIT 500`,
			agent, micros(d.now().Add(-d.cfg.Limits.Idle)), micros(d.now()))
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var s Session
			var proofs string
			var created, seen, absolute int64
			if err := rows.Scan(&s.ID, &s.Agent, &proofs, &s.Purpose, &s.Case, &s.Address, &s.Browser, &created, &seen, &absolute); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(proofs), &s.Proofs); err != nil {
				return err
			}
			s.Created, s.Seen, s.Expires = moment(created), moment(seen), d.expiry(moment(seen), moment(absolute))
			list = append(list, s)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	return list, nil
}

// End ends one session, on all replicas. Its open streams close. by is whoever
// asked; why is a code: "sign_out", "supervisor", …. Of what is no live session
// there is nothing to end, nor to write down.
func (d *Door) End(ctx context.Context, by, sessionID, why string) error {
	n, err := d.end(ctx, why, `id = $3`, sessionID)
	if err != nil || n == 0 {
		return err
	}
	_, err = d.record(ctx, Act{Kind: "session.end", Agent: by, Session: sessionID, Reason: why})
	return err
}

// EndAgent ends all sessions of an agent.
func (d *Door) EndAgent(ctx context.Context, by, agent, why string) error {
	if _, err := d.end(ctx, why, `agent = $3`, agent); err != nil {
		return err
	}
	_, err := d.record(ctx, Act{Kind: "session.end", Agent: by, Reason: why, Detail: map[string]string{"name": agent}})
	return err
}

// end marks sessions as ended and closes what this replica holds of them. It
// comes before its record in the trail: what protects does not wait.
func (d *Door) end(ctx context.Context, why, where string, args ...any) (int, error) {
	var ids []string
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		ids = nil
		rows, err := tx.QueryContext(ctx, `UPDATE mfa_sessions SET ended = $1, why = $2 WHERE `+where+` AND ended = 0 RETURNING id`,
			append([]any{micros(d.now()), why}, args...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("end session: %w", err)
	}
	for _, id := range ids {
		d.live.end(id)
	}
	return len(ids), nil
}

// SetPurpose states what the session's work is for, and the case it belongs to.
func (d *Door) SetPurpose(ctx context.Context, s *Session, purpose, matter string) error {
	if len(purpose) > 100 || len(matter) > 100 {
		return fmt.Errorf("%w: purpose and case take up to 100 bytes", ErrInput)
	}
	purpose = d.cfg.Scrub(purpose)
	if _, err := d.record(ctx, Act{Kind: "session.purpose", Agent: s.Agent, Session: s.ID, Detail: map[string]string{"purpose": purpose, "case": matter}}); err != nil {
		return err
	}
	return d.alter(ctx, s.ID, `UPDATE mfa_sessions SET purpose = $2, matter = $3 WHERE id = $1 AND ended = 0`, purpose, matter)
}

// alter changes a live session's record; its next check reads it.
func (d *Door) alter(ctx context.Context, id, statement string, args ...any) error {
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		there, err := changed(tx.ExecContext(ctx, statement, append([]any{id}, args...)...))
		switch {
		case err != nil:
			return err
		case !there:
			return ErrNoSession
		}
		return d.tell(ctx, tx, id)
	})
	if err != nil {
		return fmt.Errorf("change session: %w", err)
	}
	d.live.stale(id)
	return nil
}

// StepUp proves a second factor again for a live session.
func (d *Door) StepUp(ctx context.Context, s *Session, code string, from From) (string, error) {
	act := Act{Kind: "session.step_up", Agent: s.Agent, Session: s.ID}
	err := d.second(ctx, act, code, from, func(tx *sql.Tx, _ *agent, proof Proof) error {
		return addProof(ctx, tx, s.ID, proof)
	})
	if err != nil {
		return "", err
	}
	d.live.stale(s.ID)
	return d.record(ctx, act)
}

// addProof keeps the newest proof of each kind.
func addProof(ctx context.Context, tx *sql.Tx, id string, proof Proof) error {
	var text string
	if err := tx.QueryRowContext(ctx, `SELECT proofs FROM mfa_sessions WHERE id = $1 AND ended = 0`, id).Scan(&text); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return ErrNoSession
		}
		return err
	}
	var proofs []Proof
	if err := json.Unmarshal([]byte(text), &proofs); err != nil {
		return err
	}
	kept := []Proof{}
	for _, p := range proofs {
		if p.Kind != proof.Kind {
			kept = append(kept, p)
		}
	}
	whole, err := json.Marshal(append(kept, proof))
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `UPDATE mfa_sessions SET proofs = $2 WHERE id = $1`, id, string(whole))
	return err
}
