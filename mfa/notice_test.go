package mfa_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/mfa"
)

const (
	firefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"
	edge    = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0"
	iphone  = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1"
)

// letters is a post that hands each message over, or fails.
type letters struct {
	sent chan string
	fail chan error
}

func (l *letters) Send(ctx context.Context, to, subject, body string) error {
	select {
	case err := <-l.fail:
		return err
	case l.sent <- to + "\n" + subject + "\n" + body:
	case <-ctx.Done():
	}
	return ctx.Err()
}

func (l *letters) next(t *testing.T) string {
	t.Helper()
	select {
	case text := <-l.sent:
		return text
	case <-time.After(20 * time.Second):
		t.Fatal("no notice was sent")
		return ""
	}
}

// by signs an agent in with a browser.
func (h *house) by(t *testing.T, name, browser string) *mfa.Session {
	t.Helper()
	h.clock.add(30 * time.Second)
	at := mfa.From{Address: "192.0.2.7", Browser: browser}
	next, err := h.doors[0].Login(t.Context(), name, password, at)
	if err != nil {
		t.Fatal(err)
	}
	in, err := h.doors[0].Code(t.Context(), next.Ticket, h.code(t, name, 0), at)
	if err != nil {
		t.Fatal(err)
	}
	s, err := h.doors[0].Session(t.Context(), in.Token)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// told are the notices an agent sees, oldest first.
func (h *house) told(t *testing.T, s *mfa.Session) (list []string, a mfa.Account) {
	t.Helper()
	a, err := h.doors[0].Account(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range a.Unseen() {
		list = append(list, n.What)
	}
	slices.Reverse(list)
	return list, a
}

// ASVS 5.0 6.3.5 and 6.3.7: an agent learns of a sign-in that is not like theirs,
// of a password that somebody else has, and of every change of their factors, at
// the desk and by e-mail, where it says what, when, with what and what to do.
func TestNotices(t *testing.T) {
	post := &letters{sent: make(chan string, 100), fail: make(chan error)}
	each(t, func(t *testing.T, h *house) {
		door, ctx := h.doors[0], t.Context()
		h.add(t, "ada")
		if err := door.SetEmail(ctx, "operator", "ada", "ada@desk.test"); err != nil {
			t.Fatal(err)
		}
		s := h.by(t, "ada", firefox)
		h.clock.add(time.Hour)
		h.by(t, "ada", firefox)
		if got, _ := h.told(t, s); got != nil {
			t.Fatalf("told of the first sign-in, or of one more of the same kind: %v", got)
		}
		started := h.clock.now()
		s = h.by(t, "ada", iphone)
		letter := post.next(t)
		for _, want := range []string{"ada@desk.test\n", "kind of device", started.Add(30 * time.Second).Format("2006-01-02 15:04"), "Safari, iPhone", "https://desk.test/sessions", "security team"} {
			if !strings.Contains(letter, want) {
				t.Errorf("the letter lacks %q:\n%s", want, letter)
			}
		}
		if strings.Contains(letter, "192.0.2.7") || strings.Contains(letter, "ADA") {
			t.Errorf("the letter says more than is needed:\n%s", letter)
		}
		got, account := h.told(t, s)
		if !slices.Equal(got, []string{"signin.device"}) || account.Device != "Firefox, Windows" || !account.Former.Equal(started) {
			t.Errorf("told %v; the sign-in before was at %v with %q, not %v", got, account.Former, account.Device, started)
		}
		h.clock.add(time.Second)
		if err := door.ConfirmNotices(ctx, s, account.Notices[0].ID); err != nil {
			t.Fatal(err)
		}

		// Somebody has the password, and guesses.
		at := mfa.From{Address: "198.51.100.9", Browser: edge}
		ticket := h.ticket(t, "ada")
		for range 5 {
			if _, err := door.Code(ctx, ticket, "000000", at); !errors.Is(err, mfa.ErrWrong) {
				t.Fatal(err)
			}
		}
		if letter := post.next(t); !strings.Contains(letter, "Wrong codes after the right password") || !strings.Contains(letter, "Edge, Windows") {
			t.Errorf("of guessed codes:\n%s", letter)
		}
		for range 5 {
			_, _ = door.Code(ctx, ticket, "000000", at)
		}
		if letter := post.next(t); !strings.Contains(letter, "Locked out") {
			t.Errorf("of the lock:\n%s", letter)
		}
		if err := door.Unlock(ctx, "sofia", "ada"); err != nil {
			t.Fatal(err)
		}

		// Each change of factors.
		s = h.by(t, "ada", firefox)
		key, err := door.AddDevice(ctx, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := door.Confirm(ctx, key.Ticket, codeOf(t, secretOf(t, key), h.clock.now()), from); err != nil {
			t.Fatal(err)
		}
		if _, err := door.RenewRecovery(ctx, s); err != nil {
			t.Fatal(err)
		}
		factors, _, err := door.Factors(ctx, "ada")
		if err != nil {
			t.Fatal(err)
		}
		if err := door.RemoveFactor(ctx, s, factors[1].ID); err != nil {
			t.Fatal(err)
		}
		if _, err := door.ChangePassword(ctx, s, password, "brass kettle orchard 4", from); err != nil {
			t.Fatal(err)
		}
		if err := door.SetEmail(ctx, "operator", "ada", "new@desk.test"); err != nil {
			t.Fatal(err)
		}
		if _, err := door.Invite(ctx, "sofia", "ada"); err != nil {
			t.Fatal(err)
		}
		if _, err := door.Reset(ctx, "sofia", "ada"); err != nil {
			t.Fatal(err)
		}
		var subjects []string
		for range 7 {
			lines := strings.Split(post.next(t), "\n")
			subjects = append(subjects, lines[0]+" "+lines[2])
		}
		slices.Sort(subjects)
		if want := []string{"ada@desk.test Address for these notices changed", "ada@desk.test Device for codes added", "ada@desk.test Device or passkey removed",
			"ada@desk.test New recovery codes made; the old ones no longer work", "ada@desk.test Password changed",
			"new@desk.test A supervisor let a new device be enrolled for you", "new@desk.test A supervisor took your password, devices and passkeys away"}; !slices.Equal(subjects, want) {
			t.Errorf("told by mail of\n%s\nnot of\n%s", strings.Join(subjects, "\n"), strings.Join(want, "\n"))
		}
		got, _ = h.told(t, s)
		slices.Sort(got)
		if want := []string{"account.email", "account.invited", "account.reset", "factor.device", "factor.recovery", "factor.removed", "password.changed", "signin.codes", "signin.locked"}; !slices.Equal(got, want) {
			t.Errorf("told at the desk of %v, not of %v (what was confirmed is not asked for again)", got, want)
		}
		if len(post.sent) > 0 {
			t.Errorf("one letter too many:\n%s", <-post.sent)
		}
	}, func(c *mfa.Config) { c.Post = post })
}

// A post that hangs or refuses holds nobody up; a notice given up is in the trail.
func TestNoticeUnsent(t *testing.T) {
	post := &letters{sent: make(chan string), fail: make(chan error)} // who sends waits until the test takes it
	h := open(t, sqlite(t), 1, func(c *mfa.Config) { c.Post = post })
	h.add(t, "ada")
	h.add(t, "bob")
	door := h.doors[0]
	if err := door.SetEmail(t.Context(), "operator", "ada", "ada@desk.test"); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"ada", "Ada <ada@desk.test>", "a@b, c@d", strings.Repeat("a", 250) + "@b.test"} {
		if err := door.SetEmail(t.Context(), "operator", "ada", bad); !errors.Is(err, mfa.ErrInput) {
			t.Errorf("%.20q is taken for an address: %v", bad, err)
		}
	}
	h.by(t, "ada", firefox)
	h.by(t, "ada", edge)
	for _, browser := range []string{firefox, edge, iphone} {
		post.fail <- errors.New("no such mailbox") // each try when it is due
		h.clock.add(5 * time.Minute)
		h.by(t, "bob", browser) // which wakes the post
	}
	s := h.by(t, "ada", iphone)
	if letter := post.next(t); !strings.Contains(letter, "iPhone") { // the one that failed three times is over
		t.Errorf("next is\n%s", letter)
	}
	if h.book.count("notice.send", "unsent") != 1 {
		t.Error("a notice that could not be sent is not in the trail")
	}
	if got, _ := h.told(t, s); !slices.Equal(got, []string{"signin.device", "signin.device"}) {
		t.Errorf("at the desk: %v", got)
	}
	if got, _ := h.told(t, h.by(t, "bob", firefox)); !slices.Equal(got, []string{"signin.device", "signin.device"}) {
		t.Errorf("who has no address is told at the desk: %v", got)
	}
}

// A right password and nothing after it is told once the ticket has run out, but
// not when its agent came in another time, and once an hour however often.
func TestNoticeHalf(t *testing.T) {
	each(t, func(t *testing.T, h *house) {
		h.add(t, "ada")
		h.by(t, "ada", firefox)
		h.clock.add(time.Second)
		h.ticket(t, "ada") // given up …
		s := h.by(t, "ada", firefox)
		h.clock.add(10 * time.Minute)
		h.doors[0].Sweep(t.Context())
		if got, _ := h.told(t, s); got != nil {
			t.Errorf("who signed in a moment later is told of %v", got)
		}
		for range 20 {
			if _, err := h.doors[0].Login(t.Context(), "ada", password, mfa.From{Address: "198.51.100.9", Browser: edge}); err != nil {
				t.Fatal(err)
			}
		}
		begun := h.clock.now()
		h.clock.add(6 * time.Minute)
		h.doors[0].Sweep(t.Context())
		got, account := h.told(t, s)
		if !slices.Equal(got, []string{"signin.half"}) || account.Notices[0].Device != "Edge, Windows" || !account.Notices[0].At.Equal(begun) {
			t.Errorf("told of %+v", account.Notices)
		}
	})
}

// A recovery code and a long absence are told of, too; and no agent has more than fifty.
func TestNoticeUnusual(t *testing.T) {
	h := open(t, sqlite(t), 1)
	h.add(t, "ada")
	codes, err := h.doors[0].NewRecovery(t.Context(), "ada", "ada")
	if err != nil {
		t.Fatal(err)
	}
	h.by(t, "ada", firefox)
	if _, err := h.doors[0].Code(t.Context(), h.ticket(t, "ada"), codes[0], mfa.From{Browser: firefox}); err != nil {
		t.Fatal(err)
	}
	h.clock.add(31 * 24 * time.Hour)
	s := h.by(t, "ada", firefox)
	if got, _ := h.told(t, s); !slices.Equal(got, []string{"signin.recovery", "signin.long"}) {
		t.Errorf("told of %v", got)
	}
	for range 60 {
		if _, err := h.doors[0].RenewRecovery(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	if _, account := h.told(t, s); len(account.Notices) != 50 {
		t.Errorf("%d notices of one agent are kept", len(account.Notices))
	}
}

// Every notice speaks six languages, and all are different texts.
func TestNoticeWords(t *testing.T) {
	for _, what := range []string{"signin.device", "signin.recovery", "signin.long", "signin.half", "signin.codes", "signin.locked", "factor.device", "factor.passkey",
		"factor.removed", "factor.recovery", "password.changed", "account.invited", "account.reset", "account.enrolled", "account.email"} {
		seen := map[string]bool{}
		for _, language := range []string{"en", "es", "zh", "fr", "de", "pt"} {
			text := mfa.Notice{What: what}.Text(language)
			if text == "" || text == what || seen[text] {
				t.Errorf("%s in %s: %q", what, language, text)
			}
			seen[text] = true
		}
	}
}
