package rights

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
	"github.com/privet-gateway/privet/redact"
)

// detectors are the real ones.
type detectors struct{ scan *redact.Engine }

func openDetectors(t testing.TB) detectors {
	t.Helper()
	scan, err := redact.New(redact.Config{Profile: redact.Chat})
	if err != nil {
		t.Fatal(err)
	}
	return detectors{scan}
}

func (d detectors) Find(_ context.Context, turns []Turn, _ string) ([][]Found, error) {
	var said []redact.Turn
	for _, t := range turns {
		said = append(said, redact.Turn{Speaker: t.Speaker, Text: t.Text})
	}
	var out [][]Found
	for _, t := range d.scan.Conversation(said) {
		var found []Found
		for _, s := range t.Spans {
			found = append(found, Found{s.Start, s.End, string(s.Class)})
		}
		out = append(out, found)
	}
	return out, nil
}

// What a text becomes under finds, the person's own data, a law and officers' words.
func TestCover(t *testing.T) {
	laws, err := ReadLaws(nil)
	if err != nil {
		t.Fatal(err)
	}
	text := "Ana Ruiz met Tom Berg, tom@example.org, card 4111111111111111. Bergs rule."
	found := []Found{{0, 8, "person"}, {13, 21, "person"}, {23, 38, "email"}, {45, 61, "pan"}}
	for _, tc := range []struct {
		law   string
		edits []Edit
		want  string
	}{
		{"DE", nil, "Ana Ruiz met [person], [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "tom  BERG", Show: true}}, "Ana Ruiz met Tom Berg, [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "tom berg", Show: true, Where: "elsewhere"}}, "Ana Ruiz met [person], [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "Ana Ruiz"}}, "[other] met [person], [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "Berg"}, {Words: "tom berg", Show: true}}, "Ana Ruiz met Tom [other], [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "4111111111111111", Show: true}}, "Ana Ruiz met [person], [email], card 4111111111111111. Bergs rule."},
		{"US-CA", []Edit{{Words: "4111111111111111", Show: true}}, "Ana Ruiz met [person], [email], card [pan]. Bergs rule."},
		{"DE", []Edit{{Words: "Ber"}, {Words: ".*"}}, "Ana Ruiz met [person], [email], card [pan]. Bergs rule."},
	} {
		v := &veil{locked: laws.Regime(tc.law, day(t, "2026-11-02")).locked, own: map[string]bool{}, names: map[string]bool{}, edits: tc.edits}
		v.learn("person", "Ana María Ruiz")
		var out strings.Builder
		for _, p := range v.cover("here", text, found) {
			switch {
			case p.State == Locked && p.Text != "":
				t.Error("a locked part is told to the officer")
			case p.Covered():
				out.WriteString("[" + p.Class + "]")
			default:
				out.WriteString(p.Text)
			}
		}
		if out.String() != tc.want {
			t.Errorf("%s %v:\n%s\nwant\n%s", tc.law, tc.edits, out.String(), tc.want)
		}
	}
}

// gossip is a holder whose cases speak of somebody else.
type gossip struct{ Holder }

const bystander = "My sister Annika Brandt was there, annika.brandt@example.org, and Uncle Zeph too."

func (g gossip) Find(ctx context.Context, c *Collection, field string, values []string) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		for row, err := range g.Holder.Find(ctx, c, field, values) {
			if err == nil && c.Name == "case" {
				row.Values["text"] = Text(row.Values["text"]) + " " + bystander
			}
			if !yield(row, err) {
				return
			}
		}
	}
}

// An officer hides what the detectors missed and shows what may be shown; the plan's
// hash goes with it, the package follows it, and the trail has every act.
func TestRedactionEditor(t *testing.T) {
	db := storetest.Open(t, store.SQLite, audit.Schema(), Schema())
	f, desk, _ := supportDesk(t, db)
	f.Transcript = openDetectors(t)
	f.Holders["supportdesk"] = gossip{f.Holders["supportdesk"]}
	ctx, who := context.Background(), desk.People()[0]
	r := f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "US-CA"})

	passages, total, err := f.Passages(ctx, r.ID, 0, 10)
	if err != nil || total < 3 || len(passages) != total {
		t.Fatalf("%d of %d passages: %v", len(passages), total, err)
	}
	states := map[string]string{}
	for _, p := range passages {
		for _, s := range p.Said {
			for _, part := range s.Parts {
				states[part.Text] = part.State
			}
		}
	}
	if states["Annika Brandt"] != Hidden || states["annika.brandt@example.org"] != Hidden || states[who.Email] != Theirs || states[who.Name.Full] != Theirs {
		t.Errorf("the editor shows %v", states)
	}
	if _, told := states[who.Card.PAN]; told {
		t.Error("the editor shows a card number to the officer")
	}

	old := r.Facts.PlanHash
	for _, e := range []Edit{{Words: "Zeph", Reason: "whim"}, {Words: " ", Reason: "person"}, {Words: "Zeph", Show: true, Reason: "person"}, {Words: who.Card.PAN, Show: true, Reason: "own"}} {
		if _, err := f.Redact(ctx, r.ID, "olga", e); !errors.Is(err, ErrInvalid) {
			t.Errorf("%v is taken: %v", e, err)
		}
	}
	if r, err = f.Redact(ctx, r.ID, "olga", Edit{Words: "uncle zeph", Reason: "person"}); err != nil {
		t.Fatal(err)
	}
	if r, err = f.Redact(ctx, r.ID, "olga", Edit{Words: "Annika Brandt", Show: true, Reason: "consent"}); err != nil {
		t.Fatal(err)
	}
	if r, err = f.Redact(ctx, r.ID, "olga", Edit{Words: "there", Reason: "confidential"}); err != nil {
		t.Fatal(err)
	}
	opened, err := f.Open(ctx, r.ID)
	if err != nil {
		t.Fatal(err)
	}
	if r, err = f.Unredact(ctx, r.ID, "rosa", opened.Body.Edits[2].Receipt); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, old); !errors.Is(err, ErrDrift) {
		t.Errorf("a hash from before the edits was approved: %v", err)
	}
	r = f.approve(t, r)
	if _, err := f.Redact(ctx, r.ID, "olga", Edit{Words: "sister", Reason: "person"}); !errors.Is(err, ErrTransition) {
		t.Errorf("an edit after the approval: %v", err)
	}
	if r = f.advance(t, r.ID); r.Status != CompletedPartial {
		t.Fatalf("ended %s %v", r.Status, r.Facts.Findings)
	}
	text := f.packageText(t, r.ID)
	if !strings.Contains(text, "My sister Annika Brandt was there, [email], and [other] too.") || !strings.Contains(text, "My name is "+who.Name.Full) {
		t.Error("the package does not follow the editor")
	}
	for _, never := range []string{"annika.brandt", "Zeph", who.Card.PAN, who.SSN} {
		if strings.Contains(text, never) {
			t.Errorf("the package holds %q", never)
		}
	}
	kinds := map[string]int{}
	entries, err := f.trail.Search(ctx, audit.Filter{Kind: "rights.*", Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		kinds[e.Event.Kind]++
	}
	if kinds["rights.redacted"] != 2 || kinds["rights.shown"] != 1 || kinds["rights.unredacted"] != 1 {
		t.Errorf("the trail has %v", kinds)
	}
}

// packageText is all that a package says.
func (f *fixture) packageText(t testing.TB, id string) string {
	t.Helper()
	token, err := f.Session(context.Background(), id)
	if err != nil {
		t.Fatal(err)
	}
	stream, _, err := f.Download(context.Background(), id, Proof{Session: token})
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	raw, err := io.ReadAll(stream)
	if err != nil {
		t.Fatal(err)
	}
	return unzipped(t, raw)
}
