package mfa_test

import (
	"encoding/base32"
	"errors"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
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
			"an hour ahead":  {ticket: h.ticket(t, "ada"), code: h.code(t, "ada", time.Hour), want: mfa.ErrWrong},
			"an hour behind": {ticket: h.ticket(t, "ada"), code: h.code(t, "ada", -time.Hour), want: mfa.ErrWrong},
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

// An enrolment in whose middle the keeper goes away is not half done: it goes on
// when the keeper is back.
func TestKeeperAwayWhileEnrolling(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		door, away := h.doors[0], errors.New("away")
		invite, err := door.Invite(t.Context(), "sofia", "ada")
		if err != nil {
			t.Fatal(err)
		}
		h.box.fail(away)
		if _, err := door.Enrol(t.Context(), invite, password, from); !errors.Is(err, away) {
			t.Errorf("enrol: %v", err)
		}
		h.box.fail(nil)
		device, err := door.Enrol(t.Context(), invite, password, from)
		if err != nil {
			t.Fatal(err)
		}
		seed, err := base32.StdEncoding.DecodeString(strings.ReplaceAll(device.Secret, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		code := codeOf(t, seed, h.clock.now())
		h.box.fail(away)
		if _, err := door.Confirm(t.Context(), device.Ticket, code, from); !errors.Is(err, away) {
			t.Errorf("confirm: %v", err)
		}
		h.box.fail(nil)
		h.signIn(t, "ada") // the old device is what counts
		codes, err := door.Confirm(t.Context(), device.Ticket, codeOf(t, seed, h.clock.now()), from)
		if err != nil || len(codes) == 0 {
			t.Errorf("confirm when the keeper is back: %v", err)
		}
	})
}

// Of any number of browsers that show one hand-over to three replicas at once,
// one gets the session.
func TestHandOverOnce(t *testing.T) {
	h := open(t, storetest.URL(t, store.PostgreSQL), 3)
	h.add(t, "ada")
	in := h.signIn(t, "ada")
	s, err := h.doors[0].Session(t.Context(), in.Token)
	if err != nil {
		t.Fatal(err)
	}
	left := httptest.NewRecorder()
	to, _, err := h.doors[0].Depart(left, httptest.NewRequest("GET", "https://cases.test/accounts/7", nil))
	if err != nil {
		t.Fatal(err)
	}
	desk, err := url.Parse(to)
	if err != nil {
		t.Fatal(err)
	}
	enter, err := h.doors[1].HandOver(t.Context(), s, desk.Query().Get("return"))
	if err != nil {
		t.Fatal(err)
	}
	mark := left.Result().Cookies()[0]
	var ok atomic.Int64
	var wg sync.WaitGroup
	for i := range 96 {
		wg.Go(func() {
			r := httptest.NewRequest("GET", enter, nil)
			r.AddCookie(mark)
			_, err := h.doors[i%3].Enter(httptest.NewRecorder(), r)
			switch {
			case err == nil:
				ok.Add(1)
			case !errors.Is(err, mfa.ErrTicket):
				t.Errorf("enter: %v", err)
			}
		})
	}
	wg.Wait()
	if ok.Load() != 1 {
		t.Errorf("one hand-over served %d browsers", ok.Load())
	}
}
