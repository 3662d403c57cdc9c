package rights

import (
	"context"
	"errors"
	"testing"

	"github.com/privet-gateway/privet/audit"
	"github.com/privet-gateway/privet/audit/store"
	"github.com/privet-gateway/privet/audit/store/storetest"
)

// A system that leaves the data map while a plan names it is said to be missing,
// at every place that reads or changes its rows; before the first step people look
// at a new plan.
func TestSystemLeavesTheMap(t *testing.T) {
	storetest.Each(t, []store.Schema{audit.Schema(), Schema()}, func(t *testing.T, db *store.DB) {
		ctx := context.Background()
		f, desk, _ := supportDesk(t, db)
		who := desk.People()[7]
		r := f.approve(t, f.file(t, Filing{Right: Access, Email: who.Email, Name: who.Name.Full, Jurisdiction: "DE"}))
		opened, err := f.Open(ctx, r.ID)
		if err != nil {
			t.Fatal(err)
		}
		f.Map.Systems = []System{HouseSystem()}
		delete(f.Holders, "supportdesk")
		gone := PlanStep{System: "supportdesk", Collection: "account", Action: "erase", Targets: []Target{{Key: "1", Owner: Own}}}
		of := f.taskOf(Step{}, gone)
		for place, err := range map[string]error{
			"eachTarget": f.eachTarget(ctx, gone, nil),
			"look":       func() error { _, err := of.look(ctx, gone.Targets); return err }(),
			"act":        func() error { _, err := of.act(ctx, gone.Targets, "once"); return err }(),
			"openVeil":   func() error { _, err := f.openVeil(ctx, opened, &Plan{Steps: []PlanStep{gone}}); return err }(),
		} {
			if !errors.Is(err, ErrDrift) {
				t.Errorf("%s: %v", place, err)
			}
		}
		if hasTranscripts(f.Map, &Plan{Steps: []PlanStep{gone}}) {
			t.Error("what is gone has transcripts")
		}
		if r = f.advance(t, r.ID); r.Status != InReview {
			t.Errorf("the request is %s", r.Status)
		}
	})
}
