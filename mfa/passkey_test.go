package mfa_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"github.com/privet-gateway/privet/mfa"
)

var party = virtualwebauthn.RelyingParty{Name: "Privet", ID: "desk.test", Origin: "https://desk.test"}

// register gives ada a passkey in a virtual authenticator.
func register(t *testing.T, h *house) (virtualwebauthn.Authenticator, virtualwebauthn.Credential) {
	t.Helper()
	door := h.doors[0]
	s, err := door.Session(t.Context(), h.signIn(t, "ada").Token)
	if err != nil {
		t.Fatal(err)
	}
	c, err := door.PasskeyRegister(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	options, err := virtualwebauthn.ParseAttestationOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	auth := virtualwebauthn.NewAuthenticatorWithOptions(virtualwebauthn.AuthenticatorOptions{UserHandle: []byte(options.UserID)})
	key := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	answer := virtualwebauthn.CreateAttestationResponse(party, auth, key, *options)
	if _, err := door.PasskeyFinish(t.Context(), c.Ticket, []byte(answer), s, from); err != nil {
		t.Fatal(err)
	}
	auth.AddCredential(key)
	return auth, key
}

func assertion(t *testing.T, c *mfa.Ceremony, rp virtualwebauthn.RelyingParty, auth virtualwebauthn.Authenticator, key virtualwebauthn.Credential) []byte {
	t.Helper()
	options, err := virtualwebauthn.ParseAssertionOptions(string(c.Options))
	if err != nil {
		t.Fatal(err)
	}
	return []byte(virtualwebauthn.CreateAssertionResponse(rp, auth, key, *options))
}

func TestPasskey(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		door, ctx := h.doors[0], t.Context()
		h.add(t, "ada")
		auth, key := register(t, h)

		alone, err := door.PasskeySignIn(ctx, "", from)
		if err != nil {
			t.Fatal(err)
		}
		answer := assertion(t, alone, party, auth, key)
		passed, err := door.PasskeyFinish(ctx, alone.Ticket, answer, nil, from)
		if err != nil {
			t.Fatal(err)
		}
		s, err := door.Session(ctx, passed.SignedIn.Token)
		if err != nil || s.Agent != "ada" || len(s.Proofs) != 1 || s.Proofs[0].Kind != "passkey" {
			t.Errorf("session %+v, %v", s, err)
		}
		if _, err := door.PasskeyFinish(ctx, alone.Ticket, answer, nil, from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("the answer again: %v", err)
		}
		other, _ := door.PasskeySignIn(ctx, "", from)
		if _, err := door.PasskeyFinish(ctx, other.Ticket, answer, nil, from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("the answer to another challenge: %v", err)
		}
		phished, _ := door.PasskeySignIn(ctx, "", from)
		evil := virtualwebauthn.RelyingParty{Name: "Privet", ID: "desk.test", Origin: "https://desk.test.evil.example"}
		if _, err := door.PasskeyFinish(ctx, phished.Ticket, assertion(t, phished, evil, auth, key), nil, from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("an answer given to another origin: %v", err)
		}

		second, err := door.PasskeySignIn(ctx, h.ticket(t, "ada"), from)
		if err != nil {
			t.Fatal(err)
		}
		if passed, err = door.PasskeyFinish(ctx, second.Ticket, assertion(t, second, party, auth, key), nil, from); err != nil {
			t.Fatal(err)
		}
		s, _ = door.Session(ctx, passed.SignedIn.Token)
		if len(s.Proofs) != 2 || s.Proofs[0].Kind != "password" {
			t.Errorf("proofs %v", s.Proofs)
		}

		h.clock.add(10 * time.Minute)
		if s, err = door.Session(ctx, passed.SignedIn.Token); err != nil {
			t.Fatal(err)
		}
		up, err := door.PasskeyStepUp(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		answer = assertion(t, up, party, auth, key)
		if _, err := door.PasskeyFinish(ctx, up.Ticket, answer, nil, from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("a step-up without its session: %v", err)
		}
		up, _ = door.PasskeyStepUp(ctx, s)
		if _, err := door.PasskeyFinish(ctx, up.Ticket, assertion(t, up, party, auth, key), s, from); err != nil {
			t.Fatal(err)
		}
		if s, _ = door.Session(ctx, passed.SignedIn.Token); !s.Fresh().Equal(h.clock.now()) {
			t.Errorf("after the step-up the factor is from %v", s.Fresh())
		}
	})
}

// A counter that goes back tells of a copied authenticator.
func TestPasskeyClone(t *testing.T) {
	h := open(t, sqlite(t), 1)
	h.add(t, "ada")
	auth, key := register(t, h)
	for _, c := range []struct {
		counter uint32
		want    error
	}{{7, nil}, {7, mfa.ErrWrong}, {3, mfa.ErrWrong}, {8, nil}} {
		key.Counter = c.counter
		ceremony, err := h.doors[0].PasskeySignIn(t.Context(), "", from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.doors[0].PasskeyFinish(t.Context(), ceremony.Ticket, assertion(t, ceremony, party, auth, key), nil, from); !errors.Is(err, c.want) {
			t.Errorf("counter %d: %v, want %v", c.counter, err, c.want)
		}
	}
}

// Where a role needs a passkey, a code does not do.
func TestPasskeyRequired(t *testing.T) {
	h := open(t, sqlite(t), 1, func(c *mfa.Config) { c.Passkeys = []string{"fraud"} })
	h.add(t, "ben", "fraud")
	if _, err := h.doors[0].Code(t.Context(), h.ticket(t, "ben"), h.code(t, "ben", 0), from); !errors.Is(err, mfa.ErrPasskey) {
		t.Errorf("with a code: %v", err)
	}
}

func TestPasskeyRubbish(t *testing.T) {
	h := open(t, sqlite(t), 1)
	for _, answer := range []string{"", "{}", "null", `{"id":"x"}`, strings.Repeat("[", 10000)} {
		c, err := h.doors[0].PasskeySignIn(t.Context(), "", from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.doors[0].PasskeyFinish(t.Context(), c.Ticket, []byte(answer), nil, from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("%.20q: %v", answer, err)
		}
	}
}
