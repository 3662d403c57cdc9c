package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/privet-gateway/privet/audit/store"
)

// A worker that was killed loses its claim after leaseLife; whoever claims next
// gets a higher fencing token, and nothing the first one still writes counts.
const (
	leaseLife  = 30 * time.Second
	patience   = 10 * time.Second // of one transaction of the machine
	mostTries  = 8
	firstDelay = 500 * time.Millisecond
	longest    = 15 * time.Minute
)

// Run advances whatever is due until ctx ends.
func (o *Office) Run(ctx context.Context) error {
	ctx = store.Patient(ctx, patience)
	var busy sync.WaitGroup
	defer busy.Wait()
	slots := make(chan struct{}, o.Workers)
	var tidied time.Time
	if err := o.keepNotice(ctx); err != nil && ctx.Err() == nil {
		o.Log.WarnContext(ctx, "the privacy notice is not stored yet", "error", err.Error())
	}
	for {
		if now := o.Now(); now.Sub(tidied) >= tidyEvery {
			tidied = now
			if err := o.Tidy(ctx); err != nil && ctx.Err() == nil {
				o.Log.WarnContext(ctx, "cannot delete expired packages", "error", err.Error())
			}
		}
		ids, err := o.dueNow(ctx)
		if err != nil && ctx.Err() == nil {
			o.Log.WarnContext(ctx, "cannot look for due requests", "error", err.Error())
		}
		for _, id := range ids {
			select {
			case slots <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
			busy.Add(1)
			go func() {
				defer busy.Done()
				defer func() { <-slots }()
				if err := o.Advance(ctx, id); err != nil && ctx.Err() == nil {
					o.Log.WarnContext(ctx, "a request did not advance", "request", id, "error", err.Error())
				}
			}()
		}
		if err := o.callPartners(ctx); err != nil && ctx.Err() == nil {
			o.Log.WarnContext(ctx, "cannot tell partners", "error", err.Error())
		}
		wait := o.Poll
		if len(ids) > 0 {
			wait = min(wait, 20*time.Millisecond)
		}
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-o.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// dueNow lists requests the machine may claim.
func (o *Office) dueNow(ctx context.Context) (ids []string, err error) {
	now := o.Now().UnixMicro()
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		ids = nil
		rows, err := tx.QueryContext(ctx, "SELECT id FROM rights_requests WHERE next_at > 0 AND next_at <= $1 AND lease_until <= $1 ORDER BY next_at LIMIT 64", now)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var id string
			if err := rows.Scan(&id); err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return rows.Err()
	})
	return ids, err
}

// claim takes a request for this process under a new fencing token.
func (o *Office) claim(ctx context.Context, id string) (r *Request, err error) {
	now := o.Now()
	err = o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		r, err = scanRequest(tx.QueryRowContext(ctx, "UPDATE rights_requests SET lease = lease + 1, lease_until = $2 WHERE id = $1 AND lease_until <= $3 RETURNING "+requestColumns,
			id, now.Add(leaseLife).UnixMicro(), now.UnixMicro()))
		return taken(err)
	})
	return r, err
}

// taken is what it means that a claimed row is not found.
func taken(err error) error {
	if errors.Is(err, ErrUnknown) {
		return ErrLost
	}
	return err
}

func (o *Office) release(ctx context.Context, id string, lease int64) {
	ctx = context.WithoutCancel(ctx) // who stops working gives back all the same
	err := o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE rights_requests SET lease_until = 0 WHERE id = $1 AND lease = $2", id, lease)
		return err
	})
	if err != nil {
		o.Log.WarnContext(ctx, "a claim was not given back; it ends by itself", "request", id, "error", err.Error())
	}
}

// Advance takes a request as far as it goes without a person.
func (o *Office) Advance(ctx context.Context, id string) error {
	r, err := o.claim(ctx, id)
	if errors.Is(err, ErrLost) {
		return nil // somebody else has it
	}
	if err != nil {
		return err
	}
	ctx, stop := o.keepClaim(ctx, r.ID, r.lease)
	defer o.release(ctx, r.ID, r.lease)
	defer stop()
	if err := o.open(ctx, r); err != nil {
		return o.postpone(ctx, r, err)
	}
	for lease := r.lease; ; {
		before := r.Status
		err := o.advanceOnce(ctx, r)
		if errors.Is(err, ErrLost) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			return o.postpone(ctx, r, err)
		}
		if r.lease != lease {
			return ErrLost
		}
		if r.nextAt.Year() < 1971 || r.nextAt.After(o.Now()) || (r.Status == before && r.Status != Executing) {
			return nil
		}
	}
}

// keepClaim renews a claim as long as its worker is at it, and ends the worker's
// context when somebody else has it: a slow holder is not asked by two at once.
func (o *Office) keepClaim(ctx context.Context, id string, lease int64) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(leaseLife / 3); ; {
			select {
			case <-ctx.Done():
				tick.Stop()
				return
			case <-tick.C:
			}
			err := o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
				result, err := tx.ExecContext(ctx, "UPDATE rights_requests SET lease_until = $3 WHERE id = $1 AND lease = $2", id, lease, o.Now().Add(leaseLife).UnixMicro())
				if err != nil {
					return err
				}
				if n, err := result.RowsAffected(); err != nil || n != 1 {
					return errors.Join(err, ErrLost)
				}
				return nil
			})
			if errors.Is(err, ErrLost) {
				cancel(ErrLost)
			}
		}
	}()
	return ctx, func() { cancel(nil); <-done }
}

// advanceOnce does what a request's state asks of the machine.
func (o *Office) advanceOnce(ctx context.Context, r *Request) (err error) {
	now := r
	switch r.Status {
	case IdentityPending:
		switch {
		case r.nextAt.After(o.Now()): // it waits for its person
		case r.Facts.Cools != nil:
			now, err = o.proven(ctx, r.ID, "code by e-mail, and the address stood for 72 hours")
		default:
			now, err = o.end(ctx, r.ID, Expired, "identity was not proven in time")
		}
	case Verified, Planning:
		now, err = o.MakePlan(ctx, r.ID, machine)
	case Scheduled:
		err = o.begin(ctx, r)
	case Executing, AwaitingExternal:
		err = o.execute(ctx, r)
	case Verifying:
		err = o.verify(ctx, r)
	case Notifying:
		err = o.notify(ctx, r)
	default:
		err = o.mine(ctx, r, func(_ *sql.Tx, r *Request) error { r.nextAt = time.Time{}; return nil })
	}
	if err == nil && now != r {
		r.become(now)
	}
	return err
}

// mine is change under this worker's claim; r is then what the request has become.
func (o *Office) mine(ctx context.Context, r *Request, f func(tx *sql.Tx, r *Request) error) error {
	out, err := o.changeLocked(ctx, func(tx *sql.Tx) (*Request, error) {
		now, err := scanRequest(tx.QueryRowContext(ctx, "UPDATE rights_requests SET lease_until = $2 WHERE id = $1 AND lease = $3 RETURNING "+requestColumns,
			r.ID, o.Now().Add(leaseLife).UnixMicro(), r.lease))
		return now, taken(err)
	}, f)
	if err == nil {
		r.become(out)
	}
	return err
}

// postpone leaves a request where it is and looks again later; what stands in the
// way is told in the timeline once.
func (o *Office) postpone(ctx context.Context, r *Request, cause error) error {
	wait := 5 * time.Second
	var later *Later
	if errors.As(cause, &later) && later.After > 0 {
		wait = later.After
	}
	err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.nextAt = o.Now().Add(wait)
		say := cause.Error()
		if len(r.Facts.Findings) == 1 && r.Facts.Findings[0] == say {
			return nil
		}
		r.Facts.Findings = []string{say}
		return o.tell(ctx, tx, r, "delayed", machine, "", map[string]string{"reason": say})
	})
	return errors.Join(cause, err)
}

// backoff is how long to wait before try n: exponential, and no two requests alike.
func backoff(id string, n int) time.Duration {
	d := min(firstDelay<<min(n, 16), longest)
	jitter := time.Duration(0)
	for _, b := range []byte(id) {
		jitter = (jitter*31 + time.Duration(b)) % (d/2 + 1)
	}
	return d/2 + jitter
}

// begin checks, right before the first write, that nothing has changed since the
// officers looked: no hold, the same rows, the same map.
func (o *Office) begin(ctx context.Context, r *Request) error {
	if held, err := o.Held(ctx, r); err != nil || held != "" {
		if err == nil {
			err = fmt.Errorf("%w: %s", ErrHeld, held)
		}
		return err
	}
	if err := o.freeTrail(ctx, r); err != nil { // a hold whose day has passed
		return err
	}
	fresh, err := o.plan(ctx, r)
	if err != nil && !errors.Is(err, ErrNobody) {
		return fmt.Errorf("look again before writing: %w", err)
	}
	same := false
	if err == nil {
		hash, err := fresh.Hash()
		if err != nil {
			return err
		}
		same = hash == r.Facts.PlanHash
	}
	if !same || !r.Approved() {
		return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
			r.Status, r.nextAt = Planning, o.Now()
			return o.tell(ctx, tx, r, "drifted", machine, "", nil)
		})
	}
	receipt, err := o.note(ctx, r, "rights.executing", machine, "allowed", map[string]string{"plan_hash": r.Facts.PlanHash})
	if err != nil {
		return err
	}
	return o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.Status, r.nextAt, r.Facts.Findings = Executing, o.Now(), nil
		return o.tell(ctx, tx, r, "executing", machine, string(receipt), nil)
	})
}
