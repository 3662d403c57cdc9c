package rights

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
)

// outbox keeps e-mails in memory.
type outbox struct {
	mu   sync.Mutex
	mail []letter
}

type letter struct{ to, subject, body string }

func (b *outbox) Send(_ context.Context, to, subject, body string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.mail = append(b.mail, letter{to, subject, body})
	return nil
}

var codeIn = regexp.MustCompile(`\b(\d{4} ?\d{4})\b`)

// code is the newest code sent to an address.
func (b *outbox) code(t testing.TB, to string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := len(b.mail) - 1; i >= 0; i-- {
		if m := codeIn.FindString(b.mail[i].body); b.mail[i].to == to && m != "" {
			return m
		}
	}
	t.Fatalf("no code was sent to %s", to)
	return ""
}

// clock is a time that tests move.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// directory finds people in a holder's collection, as a demo does.
type directory struct {
	h Holder
	c *Collection
}

func (d directory) Find(ctx context.Context, kind, value string) ([]Person, error) {
	rows, err := rowsOf(d.h.Find(ctx, d.c, kind, []string{value}))
	var out []Person
	for _, row := range rows {
		out = append(out, Person{Subject: Text(row.Values["subject"]), Email: value, Phone: Text(row.Values["phone.mobile"]), Name: Text(row.Values["name.full"])})
	}
	return out, err
}

// fixture is an office over real parts.
type fixture struct {
	*Office
	mail  *outbox
	clock *clock
	trail *audit.Trail
	keys  *keeper.Local
}

func openTrail(t testing.TB, db *store.DB, dir string) (*audit.Trail, *keeper.Local) {
	t.Helper()
	ctx := context.Background()
	keys, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: filepath.Join(dir, "keys"), Root: keeper.Root{File: filepath.Join(dir, "root")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(ctx, audit.Config{Store: db, Signer: keys, Wrapper: keys, Origin: "privet.test/rights", Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close(); keys.Close() })
	return trail, keys
}

// newFixture opens an office; change may replace parts of its configuration.
func newFixture(t testing.TB, db *store.DB, m *Map, holders map[string]Holder, change func(*Config)) *fixture {
	t.Helper()
	trail, keys := openTrail(t, db, t.TempDir())
	f := &fixture{mail: &outbox{}, clock: &clock{now: day(t, "2026-11-02").Add(9 * time.Hour)}, trail: trail, keys: keys}
	cfg := Config{DB: db, Trail: trail, Keys: trail, Holds: trail, Signer: keys, Post: f.mail, Map: m, Holders: holders,
		MAC: bytes.Repeat([]byte{7}, 32), Packages: t.TempDir(), Portal: "https://privacy.test", Now: f.clock.Now}
	if change != nil {
		change(&cfg)
	}
	office, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	f.Office = office
	return f
}

// supportDesk is an office over the sample tool and Privet's own stores.
func supportDesk(t testing.TB, db *store.DB) (*fixture, *tool.Desk, string) {
	t.Helper()
	desk := tool.New(tool.Config{Seed: 1, People: 40})
	server := httptest.NewServer(desk)
	t.Cleanup(server.Close)
	m, err := ParseMap(tool.DataMap())
	if err != nil {
		t.Fatal(err)
	}
	m.Systems = append(m.Systems, HouseSystem())
	api, err := ParseAPI(tool.Holder(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	api.Rate = 1e6
	h, err := NewHTTP(api, nil)
	if err != nil {
		t.Fatal(err)
	}
	holders := map[string]Holder{"supportdesk": h}
	var f *fixture
	house := &House{}
	holders["privet"] = house
	f = newFixture(t, db, m, holders, func(c *Config) {
		c.Directory = directory{h, m.Collection("supportdesk", "account")}
		house.Trail = c.Trail.(Shredder)
	})
	return f, desk, server.URL
}

// advance runs the machine until the request waits for a person, moving the clock
// over whatever the machine waits for.
func (f *fixture) advance(t testing.TB, id string) *Request {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	for range 40 {
		if err := f.Advance(ctx, id); err != nil {
			t.Logf("advance: %v", err)
		}
		r, err := f.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.nextAt.Year() < 1971 || r.Status == IdentityPending {
			return r
		}
		if wait := r.nextAt.Sub(f.clock.Now()); wait > 0 {
			f.clock.add(wait)
		}
	}
	r, _ := f.Get(ctx, id)
	t.Fatalf("the request still moves: %s %v", r.Status, r.Facts.Findings)
	return nil
}

// file files, verifies, plans and approves a request by two officers.
func (f *fixture) file(t testing.TB, filing Filing) *Request {
	t.Helper()
	ctx := context.Background()
	r, err := f.File(ctx, filing)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = f.Verify(ctx, r.ID, f.mail.code(t, filing.Email)); err != nil {
		t.Fatal(err)
	}
	if r = f.advance(t, r.ID); r.Status != InReview {
		t.Fatalf("after planning: %s %v", r.Status, r.Facts)
	}
	return r
}

func (f *fixture) approve(t testing.TB, r *Request) *Request {
	t.Helper()
	for _, who := range []string{"olga", "rosa"}[:r.needs()] {
		var err error
		if r, err = f.Approve(context.Background(), r.ID, Officer{Name: who}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// Access, then erasure, of a cardholder over the sample tool through HTTP.
func TestAccessAndErase(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		f, desk, _ := supportDesk(t, db)
		ctx := context.Background()
		who := desk.People()[3]

		r := f.approve(t, f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Language: "de", Jurisdiction: "US-CA"}))
		if r = f.advance(t, r.ID); r.Status != CompletedPartial {
			t.Fatalf("access ended %s: %v", r.Status, r.Facts.Findings)
		}
		if steps, err := f.Steps(ctx, r.ID); err != nil || len(steps) == 0 || slices.ContainsFunc(steps, func(s Step) bool { return s.State != StepDone || s.Rows == 0 || s.Receipt == "" }) {
			t.Errorf("what was read is not written down: %+v %v", steps, err)
		}
		token, err := f.Session(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		stream, _, err := f.Download(ctx, r.ID, Proof{Session: token})
		if err != nil {
			t.Fatal(err)
		}
		raw, err := io.ReadAll(stream)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := f.keys.PublicKeys(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := CheckArchive(bytes.NewReader(raw), int64(len(raw)), verifier(keys)); err != nil {
			t.Errorf("the package does not verify: %v", err)
		}
		text := unzipped(t, raw)
		for _, want := range []string{who.Name.Full, who.Email, "Ihre personenbezogenen Daten", who.Address.Street} {
			if !strings.Contains(text, want) {
				t.Errorf("the package lacks %q", want)
			}
		}
		for _, never := range []string{who.SSN, who.Card.PAN, who.Card.CVV + `"`, who.Passport, who.Bank.Account} {
			if strings.Contains(text, never) {
				t.Errorf("the package holds %q, which 11 CCR 7024(d) forbids", never)
			}
		}

		r = f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"})
		if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, "0123"); !errors.Is(err, ErrDrift) {
			t.Errorf("a wrong plan hash was approved: %v", err)
		}
		if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga", Subject: who.Subject}, r.Facts.PlanHash); !errors.Is(err, ErrSame) {
			t.Errorf("an officer approved her own request: %v", err)
		}
		if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
		if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, r.Facts.PlanHash); !errors.Is(err, ErrSame) {
			t.Errorf("one officer approved twice: %v", err)
		}
		if r, err = f.Approve(ctx, r.ID, Officer{Name: "rosa"}, r.Facts.PlanHash); err != nil {
			t.Fatal(err)
		}
		if r = f.advance(t, r.ID); r.Status != CompletedFull {
			steps, _ := f.Steps(ctx, r.ID)
			t.Fatalf("erasure ended %s: %v %+v", r.Status, r.Facts.Findings, steps)
		}
		for _, p := range desk.People() {
			if p.Subject == who.Subject {
				t.Error("the account is still there")
			}
		}
		if entries, err := f.trail.Search(ctx, audit.Filter{Subject: who.Subject}); err != nil || len(entries) > 0 {
			t.Errorf("the trail still knows the subject: %d %v", len(entries), err)
		}
		if _, _, err := f.Download(ctx, r.ID, Proof{Session: token}); err == nil {
			t.Error("a package was opened after the erasure")
		}
		if gone, err := f.Suppressed(ctx, "email", []string{strings.ToUpper(who.Email)}); err != nil || len(gone) != 1 {
			t.Errorf("an import could bring the person back: %v %v", gone, err)
		}
		if r = f.refile(t, who.Email); r.Status != DeniedNoMatch {
			t.Errorf("a second erasure ended %s", r.Status)
		}
	})
}

func (f *fixture) refile(t testing.TB, email string) *Request {
	t.Helper()
	r, err := f.File(context.Background(), Filing{Right: Erase, Email: email})
	if err != nil {
		t.Fatal(err)
	}
	if r, err = f.Verify(context.Background(), r.ID, f.mail.code(t, email)); err != nil {
		t.Fatal(err)
	}
	return r
}

func unzipped(t testing.TB, raw []byte) string {
	t.Helper()
	zr, err := zip.NewReader(bytes.NewReader(raw), int64(len(raw)))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, f := range zr.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(&all, rc); err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// A correction swaps old for new, is re-read, and comes out as done.
func TestCorrect(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[5]
		r := f.approve(t, f.file(t, Filing{Right: Correct, Email: who.Email, Jurisdiction: "FR",
			Corrections: []Correction{{Field: "address.street", Old: who.Address.Street, New: "12 Rue Neuve"}}}))
		if r = f.advance(t, r.ID); r.Status != CompletedFull {
			t.Fatalf("ended %s: %v", r.Status, r.Facts.Findings)
		}
		for _, p := range desk.People() {
			if p.Subject == who.Subject && p.Address.Street != "12 Rue Neuve" {
				t.Errorf("the street is %q", p.Address.Street)
			}
		}
	})
}
