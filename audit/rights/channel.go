package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// coolOff is how long a contact must have stood before a code sent to it proves an
// identity by itself: who takes over an account changes its address first.
const coolOff = 72 * time.Hour

// stood says whether a channel changed at a moment can be trusted now.
func stood(changed, now time.Time) bool { return now.Sub(changed) >= coolOff }

// confirmed goes on after the right code for the address. An address that was changed
// lately proves little: then a second code goes to the telephone, if that is known to
// have stood long enough; else the request waits until the address has, and every
// channel on file hears of it.
func (o *Office) confirmed(ctx context.Context, id string) (*Request, error) {
	r, err := o.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	people, err := o.Directory.Find(ctx, "email", r.Body.Email)
	if err != nil {
		return nil, fmt.Errorf("find person: %w", err)
	}
	now := o.Now().UTC()
	if len(people) != 1 || people[0].Changed.IsZero() || stood(people[0].Changed, now) {
		return o.proven(ctx, id, "code by e-mail")
	}
	p := people[0]
	if p.Phone != "" && !p.PhoneSince.IsZero() && stood(p.PhoneSince, now) {
		return o.askSecond(ctx, r, p.Phone)
	}
	until := p.Changed.Add(coolOff)
	receipt, err := o.note(ctx, r, "rights.cooling", machine, "allowed", map[string]string{"until": until.Format(time.RFC3339)})
	if err != nil {
		return nil, err
	}
	out, err := o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		r.Facts.Cools, r.nextAt = &until, until
		return o.tell(ctx, tx, r, "cooling", machine, string(receipt), map[string]string{"until": until.Format(time.RFC3339)})
	})
	if err != nil {
		return nil, err
	}
	out.Body = r.Body
	err = o.mail(ctx, out, "cooling")
	if p.Phone != "" && err == nil {
		err = o.post(ctx, out, p.Phone, "cooling")
	}
	return out, err
}

// askSecond wants a second code, from the telephone on file.
func (o *Office) askSecond(ctx context.Context, r *Request, phone string) (*Request, error) {
	r.Body.Second = phone
	if err := o.sealBody(ctx, r); err != nil {
		return nil, err
	}
	body := r.body
	if _, err := o.change(ctx, r.ID, func(tx *sql.Tx, r *Request) error {
		r.body, r.Facts.Second = body, true
		return nil
	}); err != nil {
		return nil, err
	}
	if err := o.SendCode(ctx, r.ID, forSecond); err != nil {
		return nil, err
	}
	return o.Get(ctx, r.ID)
}

// Resend sends a fresh code for what the request waits for: the address, the
// telephone, or the package.
func (o *Office) Resend(ctx context.Context, id string) error {
	r, err := o.Get(ctx, id)
	switch {
	case err != nil:
		return err
	case r.Facts.Proven != nil:
		return o.SendCode(ctx, id, forPackage)
	case r.Status.Final() || r.Facts.Cools != nil:
		return fmt.Errorf("%w: no code is asked for", ErrTransition)
	case r.Facts.Second:
		return o.SendCode(ctx, id, forSecond)
	}
	return o.SendCode(ctx, id, forIdentity)
}

// Reenter takes a proven person's fresh code: who left may come back to letters and package.
func (o *Office) Reenter(ctx context.Context, id, code string) error {
	r, err := o.Get(ctx, id)
	if err != nil {
		return err
	}
	if r.Facts.Proven == nil {
		return ErrUnproven
	}
	if err := o.tryCode(ctx, id, forPackage, code); err != nil {
		return errors.Join(err, o.wrongCode(ctx, r, err))
	}
	return nil
}

// wrongCode writes a refused code down: in the trail, and where its person sees it.
func (o *Office) wrongCode(ctx context.Context, r *Request, why error) error {
	reason := "wrong"
	if errors.Is(why, ErrCodeSpent) {
		reason = "spent"
	}
	receipt, err := o.note(ctx, r, "rights.verify", cardholder, "refused", map[string]string{"reason": reason})
	if err != nil {
		return err
	}
	return o.remark(ctx, r, "code_"+reason, string(receipt))
}

// mostRemarks of one kind stand in a timeline; the trail has them all.
const mostRemarks = 25

// remark tells a request's person what was refused. A stranger who knows the number
// cannot fill the timeline with it.
func (o *Office) remark(ctx context.Context, r *Request, kind, receipt string) error {
	return o.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := lockRequest(ctx, tx, r.ID); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM rights_events WHERE request = $1 AND kind = $2", r.ID, kind).Scan(&n); err != nil || n >= mostRemarks {
			return err
		}
		return o.tell(ctx, tx, r, kind, cardholder, receipt, nil)
	})
}

// FileRefused writes down that an attachment of a person's message was not taken.
func (o *Office) FileRefused(ctx context.Context, id string) error {
	r, err := o.Get(ctx, id)
	if err != nil {
		return err
	}
	receipt, err := o.note(ctx, r, "rights.message", cardholder, "refused", map[string]string{"reason": "file"})
	if err != nil {
		return err
	}
	return o.remark(ctx, r, "file_refused", string(receipt))
}
