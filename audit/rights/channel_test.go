package rights

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// changed is a directory that knows when contacts were last changed.
type changed struct {
	Directory
	mail, phone time.Time
}

func (d changed) Find(ctx context.Context, kind, value string) ([]Person, error) {
	people, err := d.Directory.Find(ctx, kind, value)
	for i := range people {
		people[i].Changed, people[i].PhoneSince = d.mail, d.phone
	}
	return people, err
}

// A code sent to an address that was changed lately proves nothing by itself.
func TestRecentlyChangedChannels(t *testing.T) {
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	f, desk, _ := supportDesk(t, db)
	ctx, plain := context.Background(), f.Directory
	hours := func(n int) time.Time { return f.clock.Now().Add(-time.Duration(n) * time.Hour) }
	for name, tc := range map[string]struct {
		mail, phone time.Time
		want        string // proven, second or cooling
	}{
		"the directory does not say":           {time.Time{}, time.Time{}, "proven"},
		"the address has stood 72 hours":       {hours(72), time.Time{}, "proven"},
		"the address changed, the phone stood": {hours(71), hours(1000), "second"},
		"both changed":                         {hours(2), hours(71), "cooling"},
		"the phone is not known to have stood": {hours(2), time.Time{}, "cooling"},
	} {
		f.Directory = changed{plain, tc.mail, tc.phone}
		who := desk.People()[len(name)%30]
		r, err := f.File(ctx, Filing{Right: Erase, Email: who.Email, Jurisdiction: "DE"})
		if err != nil {
			t.Fatal(err)
		}
		before := len(f.mail.all())
		if r, err = f.Verify(ctx, r.ID, f.mail.code(t, who.Email)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		sent := f.mail.all()[before:]
		got := "proven"
		if r.Facts.Proven == nil {
			got = map[bool]string{true: "second", false: "cooling"}[r.Facts.Second]
		}
		if got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
			continue
		}
		switch got {
		case "second":
			if len(sent) != 1 || !strings.HasPrefix(sent[0], who.Phone.Mobile+"\n") {
				t.Fatalf("%s: the second code went to %v", name, sent)
			}
			if _, err := f.Verify(ctx, r.ID, "00000000"); !errors.Is(err, ErrCode) {
				t.Errorf("%s: a wrong second code: %v", name, err)
			}
			if r, err = f.Verify(ctx, r.ID, f.mail.code(t, who.Phone.Mobile)); err != nil || r.Facts.Level != "codes by e-mail and telephone" {
				t.Errorf("%s: proven by %q: %v", name, r.Facts.Level, err)
			}
		case "cooling":
			if len(sent) != 2 || !strings.HasPrefix(sent[1], who.Phone.Mobile+"\n") || strings.Contains(sent[0]+sent[1], who.Name.Family+" ") {
				t.Errorf("%s: not every channel hears of it: %v", name, sent)
			}
			if err := f.Resend(ctx, r.ID); !errors.Is(err, ErrTransition) {
				t.Errorf("%s: a new code while it cools: %v", name, err)
			}
			if err := f.Advance(ctx, r.ID); err != nil {
				t.Fatal(err)
			}
			if r, _ = f.Get(ctx, r.ID); r.Facts.Proven != nil {
				t.Errorf("%s: proven before its time", name)
			}
			now := f.clock.Now()
			f.clock.add(coolOff)
			if err := f.Advance(ctx, r.ID); err != nil {
				t.Fatal(err)
			}
			if r, _ = f.Get(ctx, r.ID); r.Facts.Proven == nil || r.Status == Expired {
				t.Errorf("%s: after 72 hours %s", name, r.Status)
			}
			f.clock.add(now.Sub(f.clock.Now()))
		}
	}
}
