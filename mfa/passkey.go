package mfa

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"
)

// passkeys speaks WebAuthn; its relying party is the desk's host.
type passkeys struct {
	*webauthn.WebAuthn
	required []string // roles
}

func newPasskeys(cfg Config) (*passkeys, error) {
	w, err := webauthn.New(&webauthn.Config{RPID: cfg.Desk.Hostname(), RPDisplayName: cfg.Issuer, RPOrigins: []string{cfg.Desk.Scheme + "://" + cfg.Desk.Host}})
	return &passkeys{w, cfg.Passkeys}, err
}

// needed says whether one of the roles must sign in with a passkey.
func (p *passkeys) needed(roles []string) bool {
	return slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(p.required, r) })
}

// Ceremony is one exchange with an authenticator: Options go to the browser as
// they are, the answer comes back with Ticket.
type Ceremony struct {
	Ticket  string          `json:"ceremony"`
	Options json.RawMessage `json:"options"`
}

// What a ceremony is for.
const (
	forSignIn   = "signin"   // passkey alone, or after a password
	forStepUp   = "step_up"  // of a live session
	forRegister = "register" // a new passkey of a live session
)

type ceremonyBody struct {
	For     string
	Ticket  string // digest of the sign-in ticket whose first factor came before
	Proofs  []Proof
	Session webauthn.SessionData
}

// holder is an agent as WebAuthn sees one.
type holder struct {
	*agent
	keys []webauthn.Credential
}

func (h *holder) WebAuthnID() []byte                         { return h.handle }
func (h *holder) WebAuthnName() string                       { return h.Name }
func (h *holder) WebAuthnDisplayName() string                { return h.Display }
func (h *holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (d *Door) holder(ctx context.Context, where string, arg any) (*holder, error) {
	h := &holder{}
	err := d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		h.keys = nil
		if h.agent, err = scanAgent(tx.QueryRowContext(ctx, `SELECT `+agentColumns+` FROM mfa_agents a WHERE `+where, arg)); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT record FROM mfa_passkeys WHERE agent = $1 ORDER BY id`, h.Name)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var text string
			var key webauthn.Credential
			if err := rows.Scan(&text); err != nil {
				return err
			}
			if err := json.Unmarshal([]byte(text), &key); err != nil {
				return err
			}
			h.keys = append(h.keys, key)
		}
		return rows.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("read passkeys: %w", err)
	}
	return h, nil
}

// PasskeySignIn begins a sign-in: with the ticket of a proven password, or with
// "" by a passkey alone, which must then verify its user and so is both factors.
func (d *Door) PasskeySignIn(ctx context.Context, ticket string, from From) (*Ceremony, error) {
	if err := d.notSlowed(ctx, "signin.passkey", from); err != nil {
		return nil, err
	}
	body := ceremonyBody{For: forSignIn}
	if ticket == "" {
		options, session, err := d.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
		if err != nil {
			return nil, fmt.Errorf("begin passkey: %w", err)
		}
		body.Session = *session
		return d.ceremony(ctx, "", "", body, options)
	}
	t, err := d.ticket(ctx, "signin", ticket)
	if err != nil {
		return nil, d.noTicket(ctx, err, "signin.passkey", from)
	}
	var first signinBody
	if err := json.Unmarshal([]byte(t.body), &first); err != nil {
		return nil, fmt.Errorf("read ticket: %w", err)
	}
	body.Proofs, body.Ticket = first.Proofs, base64.StdEncoding.EncodeToString(t.hash)
	return d.assert(ctx, t.agent, "", body)
}

// PasskeyStepUp begins to prove a passkey for a live session.
func (d *Door) PasskeyStepUp(ctx context.Context, s *Session) (*Ceremony, error) {
	return d.assert(ctx, s.Agent, s.ID, ceremonyBody{For: forStepUp})
}

func (d *Door) assert(ctx context.Context, name, session string, body ceremonyBody) (*Ceremony, error) {
	h, err := d.holder(ctx, `a.name = $1`, name)
	if err != nil {
		return nil, err
	}
	if len(h.keys) == 0 {
		return nil, d.refuse(ctx, Act{Kind: "passkey.begin", Agent: name, Session: session, Reason: "no_passkey"}, ErrWrong, 0)
	}
	options, data, err := d.passkeys.BeginLogin(h, webauthn.WithUserVerification(protocol.VerificationPreferred))
	if err != nil {
		return nil, fmt.Errorf("begin passkey: %w", err)
	}
	body.Session = *data
	return d.ceremony(ctx, name, session, body, options)
}

// PasskeyRegister begins a new passkey of a signed-in agent.
func (d *Door) PasskeyRegister(ctx context.Context, s *Session) (*Ceremony, error) {
	if err := d.freshly(s); err != nil {
		return nil, err
	}
	h, err := d.holder(ctx, `a.name = $1`, s.Agent)
	if err != nil {
		return nil, err
	}
	var have []protocol.CredentialDescriptor
	for _, key := range h.keys {
		have = append(have, key.Descriptor())
	}
	options, data, err := d.passkeys.BeginRegistration(h, webauthn.WithExclusions(have),
		webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementPreferred, UserVerification: protocol.VerificationRequired}))
	if err != nil {
		return nil, fmt.Errorf("begin passkey: %w", err)
	}
	return d.ceremony(ctx, s.Agent, s.ID, ceremonyBody{For: forRegister, Session: *data}, options)
}

func (d *Door) ceremony(ctx context.Context, name, session string, body ceremonyBody, options any) (*Ceremony, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	c := &Ceremony{}
	if c.Options, err = json.Marshal(options); err != nil {
		return nil, err
	}
	c.Ticket, err = d.issue(ctx, "ceremony", name, session, string(text), ticketLife)
	return c, err
}

// Passed is how a ceremony ended: a sign-in has SignedIn, the others do not.
type Passed struct {
	For      string // "signin", "step_up" or "register"
	Receipt  string
	SignedIn *SignedIn
}

// PasskeyFinish takes the authenticator's answer. session is the live session
// of a step-up or registration, nil for a sign-in.
func (d *Door) PasskeyFinish(ctx context.Context, ticket string, answer []byte, session *Session, from From) (*Passed, error) {
	if err := d.notSlowed(ctx, "passkey.finish", from); err != nil {
		return nil, err
	}
	t, err := d.redeem(ctx, "ceremony", ticket)
	if err != nil {
		return nil, d.noTicket(ctx, err, "passkey.finish", from)
	}
	var body ceremonyBody
	if err := json.Unmarshal([]byte(t.body), &body); err != nil {
		return nil, fmt.Errorf("read ceremony: %w", err)
	}
	if t.session != "" && (session == nil || session.ID != t.session) {
		return nil, d.noTicket(ctx, ErrTicket, "passkey.finish", from)
	}
	if body.For == forRegister {
		return d.register(ctx, t, body, answer, from)
	}
	act := Act{Kind: "signin.passkey", Agent: t.agent, Session: t.session}
	if body.For == forStepUp {
		act.Kind = "session.step_up"
	}
	h, key, err := d.verify(ctx, t.agent, body, answer)
	if err != nil {
		if errors.Is(err, ErrWrong) {
			if err := d.wrong(ctx, from.Address); err != nil {
				return nil, err
			}
			act.Reason = "passkey"
			return nil, d.refuse(ctx, act, ErrWrong, 0)
		}
		return nil, err
	}
	act.Agent = h.Name
	if left, locked := d.lockedFor(h.agent); locked {
		act.Reason = "locked"
		return nil, d.refuse(ctx, act, ErrLocked, left)
	}
	return d.pass(ctx, act, t, body, h, key, from)
}

// verify checks an assertion; ErrWrong if it does not hold.
func (d *Door) verify(ctx context.Context, name string, body ceremonyBody, answer []byte) (*holder, *webauthn.Credential, error) {
	parsed, err := protocol.ParseCredentialRequestResponseBytes(answer)
	if err != nil {
		return nil, nil, ErrWrong
	}
	var h *holder
	var key *webauthn.Credential
	var broken error
	if name == "" {
		key, err = d.passkeys.ValidateDiscoverableLogin(func(_, handle []byte) (webauthn.User, error) {
			h, broken = d.holder(ctx, `a.handle = $1`, handle)
			return h, broken
		}, body.Session, parsed)
	} else {
		if h, broken = d.holder(ctx, `a.name = $1`, name); broken == nil {
			key, err = d.passkeys.ValidateLogin(h, body.Session, parsed)
		}
	}
	switch {
	case broken != nil && !errors.Is(broken, ErrUnknown):
		return nil, nil, broken
	case err != nil || broken != nil || key.Authenticator.CloneWarning: // a counter that went back: two of them exist
		return nil, nil, ErrWrong
	}
	return h, key, nil
}

// pass stores the passkey's counter and opens, or refreshes, the session.
func (d *Door) pass(ctx context.Context, act Act, t *ticket, body ceremonyBody, h *holder, key *webauthn.Credential, from From) (*Passed, error) {
	record, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	proof := Proof{"passkey", d.now()}
	var in *SignedIn
	err = d.write(ctx, func(tx *sql.Tx) error {
		there, err := changed(tx.ExecContext(ctx, `UPDATE mfa_passkeys SET record = $2, used = $3 WHERE id = $1`, keyID(key), string(record), micros(proof.At)))
		if err == nil && !there {
			err = ErrTicket // removed meanwhile
		}
		if err != nil {
			return err
		}
		if body.For == forStepUp {
			return addProof(ctx, tx, t.session, proof)
		}
		if body.Ticket != "" {
			first, err := base64.StdEncoding.DecodeString(body.Ticket)
			if err != nil {
				return err
			}
			if err := (&ticket{hash: first}).take(ctx, tx); err != nil {
				return err
			}
		}
		if err := d.forgive(ctx, tx, h.Name); err != nil {
			return err
		}
		in, err = d.begin(ctx, tx, h.agent, append(body.Proofs, proof), from)
		return err
	})
	if errors.Is(err, ErrTicket) {
		return nil, d.noTicket(ctx, ErrTicket, act.Kind, from)
	}
	if err != nil {
		return nil, fmt.Errorf("pass with passkey: %w", err)
	}
	if in == nil {
		d.live.stale(t.session)
		receipt, err := d.record(ctx, act)
		return &Passed{For: body.For, Receipt: receipt}, err
	}
	if in, err = d.welcome(ctx, act, in); err != nil {
		return nil, err
	}
	return &Passed{For: body.For, Receipt: in.Receipt, SignedIn: in}, nil
}

// register keeps a new passkey.
func (d *Door) register(ctx context.Context, t *ticket, body ceremonyBody, answer []byte, from From) (*Passed, error) {
	act := Act{Kind: "passkey.register", Agent: t.agent, Session: t.session}
	h, err := d.holder(ctx, `a.name = $1`, t.agent)
	if err != nil {
		return nil, err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(answer)
	var key *webauthn.Credential
	if err == nil {
		key, err = d.passkeys.CreateCredential(h, body.Session, parsed)
	}
	if err != nil {
		act.Reason = "passkey"
		return nil, d.refuse(ctx, act, ErrWrong, 0)
	}
	record, err := json.Marshal(key)
	if err != nil {
		return nil, err
	}
	receipt, err := d.record(ctx, act)
	if err != nil {
		return nil, err
	}
	err = d.write(ctx, func(tx *sql.Tx) error {
		added, err := changed(tx.ExecContext(ctx, `INSERT INTO mfa_passkeys (id, agent, label, record, created, used) VALUES ($1, $2, '', $3, $4, 0) ON CONFLICT (id) DO NOTHING`,
			keyID(key), t.agent, string(record), micros(d.now())))
		if err == nil && !added {
			err = ErrExists
		}
		if err != nil {
			return err
		}
		return d.tellAgent(ctx, tx, t.agent, toldPasskey, deviceOf(from.Browser), d.now(), false)
	})
	if err != nil {
		return nil, fmt.Errorf("keep passkey: %w", err)
	}
	return &Passed{For: body.For, Receipt: receipt}, nil
}

func keyID(key *webauthn.Credential) string { return base64.RawURLEncoding.EncodeToString(key.ID) }
