package rights

import (
	"context"
	"slices"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

const twoRows = `
version: t
systems:
- name: shop
  collections:
  - name: customer
    fields: [{name: id, key: true}, {name: email, class: email, identity: email}, {name: parent}]
  - name: note
    fields: [{name: id, key: true}, {name: customer_id, references: [{from: shop.customer.id, owner: own}]}, {name: text, class: person}]
`

func shopInMemory(t *testing.T) (*Map, *memory) {
	t.Helper()
	m, err := ParseMap([]byte(twoRows))
	if err != nil {
		t.Fatal(err)
	}
	return m, &memory{rows: map[string][]map[string]any{
		"customer": {{"id": "1", "email": victim}, {"id": "2", "email": victim}, {"id": "3", "email": victim}},
		"note":     {{"id": "7", "customer_id": "2", "text": "x"}, {"id": "8", "customer_id": "1", "text": "y"}}}}
}

// The same rows give the same hash, whoever plans and in whatever order the holder
// answers; then an approval stands. Other rows give another hash, and none stands.
func TestPlanningAgain(t *testing.T) {
	m, h := shopInMemory(t)
	f := newFixture(t, storetest.Open(t, store.SQLite, audit.Schema(), Schema()), m, map[string]Holder{"shop": h}, func(c *Config) { c.Directory = someone{} })
	ctx := context.Background()
	r := f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: "DE"})
	first := r.Facts.PlanHash
	for _, rows := range h.rows {
		slices.Reverse(rows)
	}
	r, err := f.MakePlan(ctx, r.ID, "olga")
	if err != nil || r.Facts.PlanHash != first || r.Status != InReview {
		t.Fatalf("planned again over the same rows: %s %s, was %s: %v", r.Status, r.Facts.PlanHash, first, err)
	}
	if r, err = f.Approve(ctx, r.ID, Officer{Name: "olga"}, first); err != nil {
		t.Fatal(err)
	}
	if r, err = f.MakePlan(ctx, r.ID, "rosa"); err != nil || r.Status != AwaitingSecond || len(r.Facts.Approvals) != 1 {
		t.Errorf("planned again after one approval: %s with %d approvals: %v", r.Status, len(r.Facts.Approvals), err)
	}
	if r, err = f.Approve(ctx, r.ID, Officer{Name: "rosa"}, first); err != nil || r.Status != Scheduled {
		t.Fatalf("%s %v", r.Status, err)
	}
	if r, err = f.MakePlan(ctx, r.ID, "rosa"); err != nil || r.Status != Scheduled {
		t.Errorf("planned again when scheduled: %s: %v", r.Status, err)
	}

	extra := map[string]any{"id": "9", "customer_id": "3", "text": "new"}
	h.rows["note"] = append(h.rows["note"], extra)
	if r = f.advance(t, r.ID); r.Status != InReview || r.Facts.PlanHash == first || len(r.Facts.Approvals) != 0 || h.effects != 0 {
		t.Errorf("a drifted plan: %s with %d approvals, %d writes", r.Status, len(r.Facts.Approvals), h.effects)
	}
	if _, err := f.Approve(ctx, r.ID, Officer{Name: "olga"}, first); err == nil {
		t.Error("the plan that does not stand any more was approved")
	}
	if r = f.advance(t, f.approve(t, r).ID); r.Status != CompletedFull {
		t.Errorf("ended %s %v", r.Status, r.Facts.Findings)
	}

	f2 := f.refileAs(t, "DE")
	if f2.Facts.PlanHash == first {
		t.Error("two requests have one hash: it could be guessed from the other")
	}
}

func (f *fixture) refileAs(t *testing.T, place string) *Request {
	t.Helper()
	h := f.Holders["shop"].(*memory)
	h.rows["customer"] = []map[string]any{{"id": "1", "email": victim}, {"id": "2", "email": victim}, {"id": "3", "email": victim}}
	h.rows["note"] = []map[string]any{{"id": "7", "customer_id": "2", "text": "x"}, {"id": "8", "customer_id": "1", "text": "y"}}
	return f.file(t, Filing{Right: Erase, Email: victim, Jurisdiction: place})
}
