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

// A refusal that was wrong is put right: the appeal carries the proof of identity on,
// an officer plans it, and it ends completed. Who refused first does not refuse it again.
func TestAppealIsUpheld(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[6]
		agent := &Proxy{Name: "Ann Proxy", Email: "ann@proxy.example", Permission: "signed"}
		r := f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Jurisdiction: "US-CA", Agent: agent})
		if _, err := f.Deny(ctx, r.ID, "olga", "fraud", ""); err != nil {
			t.Fatal(err)
		}
		f.clock.add(24 * time.Hour)
		appeal, err := f.Appeal(ctx, r.ID, "It was me.")
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := f.Open(ctx, appeal.ID); err != nil || opened.Facts.Proven == nil || opened.Body.Place != "US-CA" || opened.Body.Agent == nil || opened.Body.Agent.Email != agent.Email {
			t.Errorf("the appeal lost the proof, the place or the agent: %+v %v", opened.Body, err)
		}
		if appeal.Due.Format(time.DateOnly) != "2026-12-18" {
			t.Errorf("due %s; the appeal's own 45 days begin with it", appeal.Due.Format(time.DateOnly))
		}
		if _, err := f.Deny(ctx, appeal.ID, "olga", "fraud", ""); !errors.Is(err, ErrSame) {
			t.Errorf("the officer who refused refuses the appeal: %v", err)
		}
		fresh := f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Jurisdiction: "US-CA"})
		if fresh.Status == Merged {
			t.Error("a new request was swallowed by the appeal")
		}
		if appeal, err = f.MakePlan(ctx, appeal.ID, "rosa"); err != nil {
			t.Fatalf("an officer cannot take the appeal up: %v", err)
		}
		f.approve(t, appeal)
		if appeal = f.advance(t, appeal.ID); !strings.HasPrefix(string(appeal.Status), "completed/") {
			t.Errorf("an upheld appeal ended %s: %v", appeal.Status, appeal.Facts.Findings)
		}
	})
}

// An appeal that is refused again is refused by somebody else, and its person can read
// the letter: a fresh code opens it.
func TestAppealIsRefusedByAnother(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[7]
		r := f.approve(t, f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}))
		if r = f.advance(t, r.ID); r.Status != CompletedPartial {
			t.Fatalf("%s %v", r.Status, r.Facts.Findings)
		}
		appeal, err := f.Appeal(ctx, r.ID, "I want the rest.")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Deny(ctx, appeal.ID, "olga", "others", ""); !errors.Is(err, ErrSame) {
			t.Errorf("who approved the answer refuses the appeal against it: %v", err)
		}
		if _, err := f.Deny(ctx, appeal.ID, "rosa", "others", "We looked again."); err != nil {
			t.Fatal(err)
		}
		if err := f.Resend(ctx, appeal.ID); err != nil {
			t.Fatal(err)
		}
		if err := f.Reenter(ctx, appeal.ID, f.mail.code(t, who.Email)); err != nil {
			t.Errorf("the letter cannot be opened: %v", err)
		}
	})
}

// A request lives for months: its person comes back more often than a stranger may guess.
func TestCodesForWeeks(t *testing.T) {
	ctx := context.Background()
	f, desk, _ := supportDesk(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()))
	who := desk.People()[8]
	r := f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"})
	for i := range 2 * codesMost {
		if err := f.Resend(ctx, r.ID); err != nil {
			t.Fatalf("return %d: %v", i, err)
		}
		if err := f.Reenter(ctx, r.ID, f.mail.code(t, who.Email)); err != nil {
			t.Fatalf("return %d: %v", i, err)
		}
	}
	for i := range codesMost {
		if err := f.Resend(ctx, r.ID); err != nil {
			t.Fatalf("code %d: %v", i, err)
		}
	}
	f.clock.add(codesRest - time.Second)
	if err := f.Resend(ctx, r.ID); !errors.Is(err, ErrCodeSpent) {
		t.Errorf("more codes within the day: %v", err)
	}
	f.clock.add(time.Second)
	if err := f.Resend(ctx, r.ID); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

// Whoever knows the number can withdraw; the person whose request it was hears of it.
func TestWithdrawalIsTold(t *testing.T) {
	ctx := context.Background()
	f, desk, _ := supportDesk(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()))
	who := desk.People()[9]
	r := f.file(t, Filing{Right: Erase, Email: who.Email, Name: who.Name.Full, Language: "de", Jurisdiction: "DE"})
	if _, err := f.Withdraw(ctx, r.ID); err != nil {
		t.Fatal(err)
	}
	if last := f.mail.mail[len(f.mail.mail)-1]; last.to != who.Email || !strings.Contains(last.subject, "zurückgezogen") {
		t.Errorf("the last letter: %+v", last)
	}
}

// What was held back is not called carried out without a word.
func TestPartialAnswerSaysSo(t *testing.T) {
	f, desk, _ := supportDesk(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()))
	who := desk.People()[10]
	r := f.approve(t, f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Language: "en", Jurisdiction: "BR"}))
	if r = f.advance(t, r.ID); r.Status != CompletedPartial {
		t.Fatalf("%s %v", r.Status, r.Facts.Findings)
	}
	if last := f.mail.mail[len(f.mail.mail)-1]; !strings.Contains(last.subject, "with exceptions") || !strings.Contains(last.body, "how to object") {
		t.Errorf("the closing letter: %+v", last)
	}
}

// A correction that finds nothing to correct is not completed: nothing was corrected.
func TestCorrectionOfNothing(t *testing.T) {
	ctx := context.Background()
	f, desk, _ := supportDesk(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()))
	who := desk.People()[11]
	r := f.file(t, Filing{Right: Correct, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE",
		Corrections: []Correction{{Field: "address.city", Old: "Atlantis", New: "Berlin"}}})
	if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, r.Facts.PlanHash); err == nil {
		r = f.advance(t, r.ID)
		t.Errorf("approved, and ended %s although nothing was corrected", r.Status)
	}
}
