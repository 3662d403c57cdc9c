package mfa_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		door, ctx := h.doors[0], t.Context()
		h.add(t, "ada")
		in := h.signIn(t, "ada")
		s, err := door.Session(ctx, in.Token)
		if err != nil {
			t.Fatal(err)
		}
		if s.Agent != "ada" || s.Roles[0] != "tier1" || len(s.Proofs) != 2 || s.Proofs[0].Kind != "password" || s.Proofs[1].Kind != "totp" || s.ID == in.Token {
			t.Errorf("session %+v", s)
		}
		if got := h.book.count("signin.code", ""); got != 1 {
			t.Errorf("%d sign-ins in the trail", got)
		}
		for name, c := range map[string]struct {
			name, password, ticket, code string
			want                         error
		}{
			"password":       {name: "ada", password: "not this one either", want: mfa.ErrWrong},
			"name":           {name: "nobody", password: password, want: mfa.ErrWrong},
			"name in shape":  {name: "A\x00\xff" + strings.Repeat("x", 100000), password: password, want: mfa.ErrWrong},
			"long password":  {name: "ada", password: strings.Repeat("x", 100000), want: mfa.ErrWrong},
			"ticket":         {ticket: "nothing", code: "123456", want: mfa.ErrTicket},
			"used code":      {ticket: h.ticket(t, "ada"), code: h.code(t, "ada", 0), want: mfa.ErrWrong},
			"code of before": {ticket: h.ticket(t, "ada"), code: h.code(t, "ada", -30*time.Second), want: mfa.ErrWrong},
			"code of later":  {ticket: h.ticket(t, "ada"), code: h.code(t, "ada", 30*time.Second), want: mfa.ErrWrong},
			"letters":        {ticket: h.ticket(t, "ada"), code: "12345a", want: mfa.ErrWrong},
			"10 KB":          {ticket: h.ticket(t, "ada"), code: strings.Repeat("1", 10<<10), want: mfa.ErrWrong},
		} {
			var err error
			if c.name != "" {
				_, err = door.Login(ctx, c.name, c.password, from)
			} else {
				_, err = door.Code(ctx, c.ticket, c.code, from)
			}
			var no *mfa.Refusal
			if !errors.Is(err, c.want) || !errors.As(err, &no) || no.Receipt == "" {
				t.Errorf("%s: %v, want %v with a receipt", name, err, c.want)
			}
		}
		ticket := h.ticket(t, "ada")
		h.clock.add(6 * time.Minute)
		if _, err := door.Code(ctx, ticket, h.code(t, "ada", 0), from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("old ticket: %v", err)
		}
	})
}

// A ticket serves once, even with the next right code.
func TestTicketOnce(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		ticket := h.ticket(t, "ada")
		if _, err := h.doors[0].Code(t.Context(), ticket, h.code(t, "ada", 0), from); err != nil {
			t.Fatal(err)
		}
		h.clock.add(30 * time.Second)
		if _, err := h.doors[0].Code(t.Context(), ticket, h.code(t, "ada", 0), from); !errors.Is(err, mfa.ErrTicket) {
			t.Errorf("again: %v", err)
		}
	})
}

// What cannot be written, or opened, does not happen; and it works again after.
func TestTrailAndKeeperAway(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		away := errors.New("away")
		ticket := h.ticket(t, "ada")
		h.box.fail(away)
		if _, err := h.doors[0].Code(t.Context(), ticket, h.code(t, "ada", 0), from); !errors.Is(err, away) {
			t.Errorf("keeper away: %v", err)
		}
		h.box.fail(nil)
		h.book.close(away)
		if _, err := h.doors[0].Code(t.Context(), ticket, h.code(t, "ada", 0), from); !errors.Is(err, away) {
			t.Errorf("trail away: %v", err)
		}
		h.book.close(nil)
		if list, err := h.doors[0].Sessions(t.Context(), "ada"); err != nil || len(list) != 0 {
			t.Errorf("a session that nobody wrote down lives: %v, %v", list, err)
		}
		h.signIn(t, "ada")
	})
}
