package rights

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// passageID names one field of one row, without telling which.
func (o *Office) passageID(request string, s PlanStep, t Target, field string) string {
	return fmt.Sprintf("%x", o.mac("passage", request, s.System, s.Collection, t.Key, field)[:8])
}

// Passage is one transcript as the editor shows it.
type Passage struct {
	ID, System, Collection, Field string
	Said                          []Spoken
}

// Spoken is one text of a passage.
type Spoken struct {
	Speaker string
	Parts   []Part
}

// Passages reads the transcripts of an access request, those from…from+n of total.
func (o *Office) Passages(ctx context.Context, id string, from, n int) (out []Passage, total int, err error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, 0, err
	}
	plan, err := o.PlanOf(ctx, r)
	if err != nil {
		return nil, 0, err
	}
	if r.Right != Access || o.Transcript == nil {
		return nil, 0, nil
	}
	v, err := o.openVeil(ctx, r, plan)
	if err != nil {
		return nil, 0, err
	}
	for _, s := range plan.Steps {
		_, c, err := o.placed(s)
		if err != nil {
			return nil, 0, err
		}
		for _, field := range c.Fields {
			if field.Class != "transcript" {
				continue
			}
			for _, t := range s.Targets {
				if t.Hidden[field.Name] != "" {
					continue
				}
				if total++; total <= from || total > from+n {
					continue
				}
				one := s
				one.Targets = []Target{t}
				p := Passage{ID: o.passageID(id, s, t, field.Name), System: s.System, Collection: s.Collection, Field: field.Name}
				err := o.eachTarget(ctx, one, func(row Row, _ Target) error {
					_, list := spokenIn(row.Values[field.Name])
					parts, err := v.look(ctx, p.ID, list)
					for i := range parts {
						maskCards(parts[i])
						p.Said = append(p.Said, Spoken{list[i].Speaker, parts[i]})
					}
					return err
				})
				if err != nil {
					return nil, 0, err
				}
				out = append(out, p)
			}
		}
	}
	return out, total, nil
}

// maskCards shows officers the last four digits of a card, as PCI DSS 4.0.1 3.4.1
// wants for who has no need of more; the person gets their number whole where the law
// lets it be shown.
func maskCards(parts []Part) {
	for i, p := range parts {
		if p.Class == "pan" && len(p.Text) > 4 {
			parts[i].Text = "•••• " + p.Text[len(p.Text)-4:]
		}
	}
}

// Redact adds an officer's edit to an access request in review. The plan gets a new
// hash with it: an approval of what stood before is none of what stands now.
func (o *Office) Redact(ctx context.Context, id, officer string, e Edit) (*Request, error) {
	e.Words, e.Officer, e.Receipt = strings.Join(strings.Fields(e.Words), " "), officer, ""
	switch {
	case e.Words == "" || len(e.Words) > mostWords || !utf8.ValidString(e.Words):
		return nil, invalid("words", "words are between 1 and %d bytes of UTF-8, as they stand in the text", mostWords)
	case !slices.Contains(EditReasons(e.Show), e.Reason):
		return nil, fmt.Errorf("%w: reason is %q; it can be one of %v", ErrInvalid, e.Reason, EditReasons(e.Show))
	case len(e.Where) > 16:
		return nil, fmt.Errorf("%w: where is the id of a passage, or empty for all", ErrInvalid)
	}
	if e.Show && o.Transcript != nil {
		r, err := o.Get(ctx, id)
		if err != nil {
			return nil, err
		}
		found, err := o.Transcript.Find(ctx, []Turn{{Text: e.Words}}, r.Facts.Language)
		if err != nil {
			return nil, err
		}
		regime := o.Laws.Regime(r.Facts.Regime, r.Received)
		for _, f := range slices.Concat(found...) {
			if regime.locked(f.Class) {
				return nil, invalid("never", "%s is held but never shown, whoever wishes it", f.Class)
			}
		}
	}
	kind := "rights.redacted"
	if e.Show {
		kind = "rights.shown"
	}
	return o.edit(ctx, id, officer, kind, map[string]string{"reason": e.Reason, "passage": cmp.Or(e.Where, "all")}, func(all []Edit, receipt string) ([]Edit, error) {
		if len(all) >= mostEdits {
			return nil, fmt.Errorf("%w: a request takes %d edits", ErrInvalid, mostEdits)
		}
		e.Receipt = receipt
		return append(all, e), nil
	})
}

// Unredact takes the edit that a receipt names back.
func (o *Office) Unredact(ctx context.Context, id, officer, receipt string) (*Request, error) {
	return o.edit(ctx, id, officer, "rights.unredacted", map[string]string{"edit": receipt}, func(all []Edit, _ string) ([]Edit, error) {
		at := slices.IndexFunc(all, func(e Edit) bool { return e.Receipt == receipt })
		if at < 0 {
			return nil, fmt.Errorf("%w: there is no such edit", ErrInvalid)
		}
		return slices.Delete(all, at, at+1), nil
	})
}

// edit writes the act down, then changes the edits in body and plan together.
func (o *Office) edit(ctx context.Context, id, officer, kind string, detail map[string]string, f func(all []Edit, receipt string) ([]Edit, error)) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	if r.Right != Access || r.Status != InReview {
		return nil, fmt.Errorf("%w: transcripts are edited while an access request is in review", ErrTransition)
	}
	plan, err := o.PlanOf(ctx, r)
	if err != nil {
		return nil, err
	}
	if _, err := f(slices.Clone(plan.Edits), ""); err != nil {
		return nil, err // before anything is written down
	}
	receipt, err := o.note(ctx, r, kind, officer, "allowed", detail)
	if err != nil {
		return nil, err
	}
	if plan.Edits, err = f(plan.Edits, string(receipt)); err != nil {
		return nil, err
	}
	hash, err := plan.Hash()
	if err != nil {
		return nil, err
	}
	sealed, err := o.Keys.Seal(ctx, "request/"+id, []byte(mustJSON(plan)))
	if err != nil {
		return nil, err
	}
	before := r.Facts.PlanHash
	r.Body.Edits = plan.Edits
	if err := o.sealBody(ctx, r); err != nil {
		return nil, err
	}
	body := r.body
	return o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		if r.Status != InReview || r.Facts.PlanHash != before {
			return fmt.Errorf("%w: somebody else has changed it meanwhile; look again", ErrDrift)
		}
		if err := savePlan(ctx, tx, id, sealed); err != nil {
			return err
		}
		r.body, r.Facts.PlanHash = body, hash
		return o.tell(ctx, tx, r, strings.TrimPrefix(kind, "rights."), officer, string(receipt), detail)
	})
}
