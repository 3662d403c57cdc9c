// Package rightstest opens a privacy office over real parts for the tests of those
// who stand on it: the sample support tool over HTTP, a real trail and keeper, an
// outbox in memory and a clock that tests move.
package rightstest

import (
	"bytes"
	"context"
	"iter"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/keeper"
	"github.com/privet-gateway/privet/audit/rights"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/cmd/supportdesk/tool"
	"github.com/privet-gateway/privet/redact"
)

// Office is an open office and what a test needs of its surroundings.
type Office struct {
	*rights.Office
	Mail   *Outbox
	Clock  *Clock
	Trail  *audit.Trail
	Keeper *keeper.Local
	Desk   *tool.Desk
}

// Open opens an office on a fresh SQLite file. change may alter the configuration.
func Open(t testing.TB, change func(*rights.Config)) *Office {
	t.Helper()
	ctx, dir := context.Background(), t.TempDir()
	db := storetest.Open(t, store.SQLite, audit.Schema(), rights.Schema())
	keys, err := keeper.OpenLocal(ctx, keeper.LocalConfig{Path: filepath.Join(dir, "keys"), Root: keeper.Root{File: filepath.Join(dir, "root")}, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	trail, err := audit.Open(ctx, audit.Config{Store: db, Signer: keys, Wrapper: keys, Origin: "privet.test/rights", Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { trail.Close(); keys.Close() })
	desk := tool.New(tool.Config{Seed: 1, People: 30})
	server := httptest.NewServer(desk)
	t.Cleanup(server.Close)
	m, err := rights.ParseMap(tool.DataMap())
	if err != nil {
		t.Fatal(err)
	}
	m.Systems = append(m.Systems, rights.HouseSystem())
	api, err := rights.ParseAPI(tool.Holder(server.URL))
	if err != nil {
		t.Fatal(err)
	}
	holder, err := rights.NewHTTP(api, nil)
	if err != nil {
		t.Fatal(err)
	}
	o := &Office{Mail: &Outbox{}, Clock: &Clock{now: time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)}, Trail: trail, Keeper: keys, Desk: desk}
	cfg := rights.Config{DB: db, Trail: trail, Keys: trail, Holds: trail, Signer: keys, Post: o.Mail, Map: m,
		Holders:    map[string]rights.Holder{"supportdesk": holder, "privet": &rights.House{Trail: trail}},
		Directory:  rights.HolderDirectory{Holder: holder, Collection: m.Collection("supportdesk", "account"), Subject: "subject", Phone: "phone.mobile", Name: "name.full"},
		Transcript: openDetectors(t), MAC: bytes.Repeat([]byte{7}, 32), Packages: t.TempDir(), Portal: "https://privacy.test", Now: o.Clock.Now}
	if change != nil {
		change(&cfg)
	}
	if o.Office, err = rights.Open(cfg); err != nil {
		t.Fatal(err)
	}
	return o
}

// Detectors are the product's own, over whole conversations.
type Detectors struct{ scan *redact.Engine }

func openDetectors(t testing.TB) Detectors {
	t.Helper()
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		t.Fatal(err)
	}
	return Detectors{scan}
}

// Find looks at a conversation.
func (d Detectors) Find(_ context.Context, turns []rights.Turn, _ string) ([][]rights.Found, error) {
	var said []redact.Turn
	for _, t := range turns {
		said = append(said, redact.Turn{Speaker: t.Speaker, Text: t.Text})
	}
	var out [][]rights.Found
	for _, t := range d.scan.Conversation(said) {
		var found []rights.Found
		for _, s := range t.Spans {
			found = append(found, rights.Found{Start: s.Start, End: s.End, Class: string(s.Class)})
		}
		out = append(out, found)
	}
	return out, nil
}

// Bystander is what [Gossip] adds to every case: somebody else's data.
const Bystander = "My sister Annika Brandt was there, annika.brandt@example.org, and Uncle Zeph too."

// Gossip is a holder whose cases speak of other people.
type Gossip struct{ rights.Holder }

// Find adds the bystander.
func (g Gossip) Find(ctx context.Context, c *rights.Collection, field string, values []string) iter.Seq2[rights.Row, error] {
	return func(yield func(rights.Row, error) bool) {
		for row, err := range g.Holder.Find(ctx, c, field, values) {
			if err == nil && c.Name == "case" {
				row.Values["text"] = rights.Text(row.Values["text"]) + " " + Bystander
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// Settle advances a request until it waits for a person, moving the clock on.
func (o *Office) Settle(t testing.TB, id string) *rights.Request {
	t.Helper()
	ctx := store.Patient(context.Background(), time.Minute)
	var last rights.Status
	for still := 0; still < 3; {
		if err := o.Advance(ctx, id); err != nil {
			t.Logf("advance: %v", err)
		}
		r, err := o.Get(ctx, id)
		if err != nil {
			t.Fatal(err)
		}
		if r.Status.Final() || r.Status == last {
			still++
		} else {
			still = 0
		}
		last = r.Status
	}
	r, err := o.Get(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Outbox keeps e-mails in memory.
type Outbox struct {
	mu      sync.Mutex
	letters []Letter
}

// Letter is one e-mail.
type Letter struct{ To, Subject, Body string }

// Send keeps a letter.
func (b *Outbox) Send(_ context.Context, to, subject, body string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.letters = append(b.letters, Letter{to, subject, body})
	return nil
}

// All lists the letters so far.
func (b *Outbox) All() []Letter {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]Letter(nil), b.letters...)
}

var code = regexp.MustCompile(`\b\d{4} ?\d{4}\b`)

// Code is the newest code sent to an address.
func (b *Outbox) Code(t testing.TB, to string) string {
	t.Helper()
	all := b.All()
	for i := len(all) - 1; i >= 0; i-- {
		if found := code.FindString(all[i].Body); strings.EqualFold(all[i].To, to) && found != "" {
			return found
		}
	}
	t.Fatal("no code was sent")
	return ""
}

// Clock is a time that tests move.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the clock's time.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Set moves the clock.
func (c *Clock) Set(at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = at
}
