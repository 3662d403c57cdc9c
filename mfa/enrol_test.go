package mfa_test

import (
	"encoding/base32"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

func secretOf(t *testing.T, e *mfa.Enrolment) []byte {
	t.Helper()
	seed, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(e.Secret, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return seed
}

// An invitation, a password, a code: the code is spent by it, the device's
// clock is learned from it, and the recovery codes work once each.
func TestEnrol(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		door, ctx := h.doors[0], t.Context()
		if _, err := door.AddAgent(ctx, "sofia", mfa.NewPerson{Person: mfa.Person{Name: "lee", Kind: "agent"}}); err != nil {
			t.Fatal(err)
		}
		if _, err := door.Invite(ctx, "lee", "lee"); !errors.Is(err, mfa.ErrInput) {
			t.Errorf("lee invites lee: %v", err)
		}
		invite, err := door.Invite(ctx, "sofia", "lee")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Enrol(ctx, invite, "password1234", from); !errors.Is(err, mfa.ErrWeak) {
			t.Errorf("weak password: %v", err)
		}
		e, err := door.Enrol(ctx, invite, password, from)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Login(ctx, "lee", password, from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("before the first code: %v", err)
		}
		const off = -200 * time.Second // this phone is slow
		code := codeOf(t, secretOf(t, e), h.clock.now().Add(off))
		if _, err := door.Confirm(ctx, e.Ticket, "000000", from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("wrong first code: %v", err)
		}
		recovery, err := door.Confirm(ctx, e.Ticket, code, from)
		if err != nil || len(recovery) != 10 {
			t.Fatalf("%d recovery codes, %v", len(recovery), err)
		}
		if _, err := door.Code(ctx, h.ticket(t, "lee"), code, from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("the enrolment's code again: %v", err)
		}
		h.clock.add(30 * time.Second)
		if _, err := door.Code(ctx, h.ticket(t, "lee"), codeOf(t, secretOf(t, e), h.clock.now().Add(off)), from); err != nil {
			t.Errorf("the next code of a slow phone: %v", err)
		}
		if _, err := door.Enrol(ctx, invite, password, from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("the invitation again: %v", err)
		}
		if _, err := door.Code(ctx, h.ticket(t, "lee"), strings.ToLower(recovery[3]), from); err != nil {
			t.Errorf("recovery code: %v", err)
		}
		if _, err := door.Code(ctx, h.ticket(t, "lee"), recovery[3], from); !errors.Is(err, mfa.ErrWrong) {
			t.Errorf("recovery code again: %v", err)
		}
		if _, left, err := door.Factors(ctx, "lee"); err != nil || left != 9 {
			t.Errorf("%d recovery codes left, %v", left, err)
		}
		if h.book.count("agent.invite", "") != 1 || h.book.count("enrol.confirm", "") != 1 {
			t.Error("supervisor and agent are not both in the trail")
		}
	})
}

// Enrolling again forgets what was before: a stolen phone opens nothing.
func TestEnrolAgain(t *testing.T) {
	h := open(t, sqlite(t), 1)
	door, ctx := h.doors[0], t.Context()
	h.add(t, "ada")
	in := h.signIn(t, "ada")
	invite, err := door.Reset(ctx, "sofia", "ada")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Session(ctx, in.Token); !errors.Is(err, mfa.ErrNoSession) {
		t.Errorf("session after the reset: %v", err)
	}
	const fresh = "brass kettle orchard 4"
	e, err := door.Enrol(ctx, invite, fresh, from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Confirm(ctx, e.Ticket, codeOf(t, secretOf(t, e), h.clock.now()), from); err != nil {
		t.Fatal(err)
	}
	h.clock.add(30 * time.Second)
	next, err := door.Login(ctx, "ada", fresh, from)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Code(ctx, next.Ticket, h.code(t, "ada", 0), from); !errors.Is(err, mfa.ErrWrong) {
		t.Errorf("the old device: %v", err)
	}
}

// A second device needs a fresh factor; both work; the last cannot go.
func TestSecondDevice(t *testing.T) {
	h := open(t, sqlite(t), 1)
	door, ctx := h.doors[0], t.Context()
	h.add(t, "ada")
	s, err := door.Session(ctx, h.signIn(t, "ada").Token)
	if err != nil {
		t.Fatal(err)
	}
	e, err := door.AddDevice(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Confirm(ctx, e.Ticket, codeOf(t, secretOf(t, e), h.clock.now()), from); err != nil {
		t.Fatal(err)
	}
	h.signIn(t, "ada")
	h.clock.add(30 * time.Second)
	if _, err := door.Code(ctx, h.ticket(t, "ada"), codeOf(t, secretOf(t, e), h.clock.now()), from); err != nil {
		t.Errorf("the second device: %v", err)
	}
	factors, _, err := door.Factors(ctx, "ada")
	if err != nil || len(factors) != 2 {
		t.Fatalf("%v, %v", factors, err)
	}
	if err := door.RemoveFactor(ctx, s, factors[0].ID); err != nil {
		t.Error(err)
	}
	if err := door.RemoveFactor(ctx, s, factors[1].ID); !errors.Is(err, mfa.ErrLast) {
		t.Errorf("the last one: %v", err)
	}
	h.clock.add(6 * time.Minute)
	if _, err := door.AddDevice(ctx, s); !errors.Is(err, mfa.ErrStale) {
		t.Errorf("with a stale factor: %v", err)
	}
}

// A hash of another cost is renewed at the next sign-in.
func TestHashUpgrade(t *testing.T) {
	url := sqlite(t)
	h := open(t, url, 1)
	h.add(t, "ada")
	dearer := open(t, url, 1, func(c *mfa.Config) { c.Argon = mfa.Argon{Memory: 128, Passes: 2, Threads: 1} })
	for range 2 {
		if _, err := dearer.doors[0].Login(t.Context(), "ada", password, from); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := h.doors[0].Login(t.Context(), "ada", password, from); err != nil {
		t.Errorf("a replica of the former cost: %v", err)
	}
}

func TestLimitsOfStandards(t *testing.T) {
	for name, l := range map[string]mfa.Limits{
		"tries": {Tries: 11}, "lock": {Lock: 29 * time.Minute}, "idle": {Idle: 16 * time.Minute}, "absolute": {Absolute: 25 * time.Hour}, "unused": {Unused: 91 * 24 * time.Hour},
	} {
		h := open(t, sqlite(t), 1)
		_, err := mfa.Open(t.Context(), mfa.Config{Store: h.dbs[0], Sealer: h.box, Trail: h.book, Desk: deskURL, Limits: l})
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

// A device that a session began to add is added by that session alone: what is
// half made ends with it, and with a lock.
func TestHalfMadeDeviceEndsWithItsSession(t *testing.T) {
	for name, end := range map[string]func(h *house, s *mfa.Session) error{
		"end": func(h *house, s *mfa.Session) error { return h.doors[0].End(t.Context(), "sofia", s.ID, "supervisor") },
		"lock": func(h *house, s *mfa.Session) error {
			return h.doors[0].Lock(t.Context(), "sofia", s.Agent, "supervisor")
		},
	} {
		h := open(t, sqlite(t), 1)
		door, ctx := h.doors[0], t.Context()
		h.add(t, "ada")
		s, err := door.Session(ctx, h.signIn(t, "ada").Token)
		if err != nil {
			t.Fatal(err)
		}
		e, err := door.AddDevice(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if err := end(h, s); err != nil {
			t.Fatal(err)
		}
		if _, err := door.Confirm(ctx, e.Ticket, codeOf(t, secretOf(t, e), h.clock.now()), from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("%s: %v", name, err)
		}
		if factors, _, err := door.Factors(ctx, "ada"); err != nil || len(factors) != 1 {
			t.Errorf("%s: %v, %v", name, factors, err)
		}
	}
}

// Who is invited again has one invitation: one that went astray is worth nothing.
func TestOneInvitation(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		door, ctx := h.doors[0], t.Context()
		h.add(t, "ada")
		astray, err := door.Invite(ctx, "sofia", "ada")
		if err != nil {
			t.Fatal(err)
		}
		begun, err := door.Enrol(ctx, astray, password, from)
		if err != nil {
			t.Fatal(err)
		}
		invite, err := door.Invite(ctx, "sofia", "ada")
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := door.Invited(ctx, astray); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("the one before: %v", err)
		}
		if _, err := door.Confirm(ctx, begun.Ticket, codeOf(t, secretOf(t, begun), h.clock.now()), from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("begun with the one before: %v", err)
		}
		if _, _, err := door.Invited(ctx, invite); err != nil {
			t.Error(err)
		}
	})
}
