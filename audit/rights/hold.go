package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit"
)

// Holds is the trail's side of a legal hold: retention leaves the person's entries
// alone, and their key cannot be destroyed. The audit trail is one.
type Holds interface {
	Hold(ctx context.Context, subject, reason string) (audit.Receipt, error)
	Release(ctx context.Context, subject, reason string) (audit.Receipt, error)
	Held(ctx context.Context, subject string) (reason string, err error)
}

// Hold forbids every write about the request's person until a day.
func (o *Office) Hold(ctx context.Context, id, officer, reason string, until time.Time) error {
	if reason == "" || !until.After(o.Now()) {
		return invalid("hold", "a hold needs a reason and an end in the future")
	}
	r, err := o.Open(ctx, id)
	if err != nil {
		return err
	}
	receipt, err := o.note(ctx, r, "rights.held", officer, "allowed", map[string]string{"until": until.Format(time.DateOnly)})
	if err != nil {
		return err
	}
	if err := o.keepTrail(ctx, r); err != nil {
		return fmt.Errorf("hold: %w", err)
	}
	_, err = o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO rights_holds (id, tag, officer, reason, until, released) VALUES ($1, $2, $3, $4, $5, 0)", newID(), r.tag, officer, reason, until.UnixMicro())
		if err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "held", officer, string(receipt), map[string]string{"until": until.Format(time.DateOnly)})
	})
	return err
}

// Release ends the holds on a request's person.
func (o *Office) Release(ctx context.Context, id, officer string) error {
	r, err := o.Open(ctx, id)
	if err != nil {
		return err
	}
	receipt, err := o.note(ctx, r, "rights.released", officer, "allowed", nil)
	if err != nil {
		return err
	}
	_, err = o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		if _, err := tx.ExecContext(ctx, "UPDATE rights_holds SET released = $2 WHERE tag = $1 AND released = 0", r.tag, o.Now().UnixMicro()); err != nil {
			return err
		}
		return o.tell(ctx, tx, r, "released", officer, string(receipt), nil)
	})
	if err == nil {
		err = o.freeTrail(ctx, r)
	}
	o.nudge()
	return err
}

// Held is the reason of a hold that stands, or "".
func (o *Office) Held(ctx context.Context, r *Request) (reason string, err error) {
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		reason, err = heldIn(ctx, tx, r.tag, o.Now())
		return err
	})
	return reason, err
}

func heldIn(ctx context.Context, tx *sql.Tx, tag string, now time.Time) (string, error) {
	var reason string
	err := tx.QueryRowContext(ctx, "SELECT reason FROM rights_holds WHERE tag = $1 AND released = 0 AND until > $2 LIMIT 1", tag, now.UnixMicro()).Scan(&reason)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return reason, err
}

// heldFor begins the reason that the trail keeps for a hold of ours.
const heldFor = "privacy request "

// keepTrail holds the person in the trail too. An erasure that has begun is not
// stopped in the middle, and must make no new key.
func (o *Office) keepTrail(ctx context.Context, r *Request) error {
	if o.Holds == nil || r.Body.Subject == "" || r.Right == Erase && r.Facts.Begun {
		return nil
	}
	_, err := o.Holds.Hold(ctx, r.Body.Subject, heldFor+r.ID)
	return err
}

// freeTrail ends what keepTrail began, and leaves holds of others alone.
func (o *Office) freeTrail(ctx context.Context, r *Request) error {
	if o.Holds == nil || r.Body.Subject == "" {
		return nil
	}
	reason, err := o.Holds.Held(ctx, r.Body.Subject)
	if err != nil || !strings.HasPrefix(reason, heldFor) {
		return err
	}
	_, err = o.Holds.Release(ctx, r.Body.Subject, reason)
	return err
}
