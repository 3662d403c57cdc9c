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
		result, err := tx.ExecContext(ctx, "UPDATE rights_requests SET lease = lease + 1, lease_until = $2 WHERE id = $1 AND lease_until <= $3", id, now.Add(leaseLife).UnixMicro(), now.UnixMicro())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrLost)
		}
		r, err = loadRequest(ctx, tx, id)
		return err
	})
	return r, err
}

func (o *Office) release(ctx context.Context, r *Request) {
	err := o.DB.WriteGuarded(context.WithoutCancel(ctx), func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE rights_requests SET lease_until = 0 WHERE id = $1 AND lease = $2", r.ID, r.lease)
		return err
	})
	if err != nil {
		o.Log.WarnContext(ctx, "a claim was not given back; it ends by itself", "request", r.ID, "error", err.Error())
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
	defer o.release(ctx, r)
	if err := o.open(ctx, r); err != nil {
		return o.postpone(ctx, r, err)
	}
	for {
		before := r.Status
		err := o.advanceOnce(ctx, r)
		if errors.Is(err, ErrLost) || ctx.Err() != nil {
			return err
		}
		if err != nil {
			return o.postpone(ctx, r, err)
		}
		now, err := o.Get(ctx, id)
		if err != nil {
			return err
		}
		if now.lease != r.lease {
			return ErrLost
		}
		now.Body = r.Body
		r = now
		if r.nextAt.Year() < 1971 || r.nextAt.After(o.Now()) || (r.Status == before && r.Status != Executing) {
			return nil
		}
	}
}

// advanceOnce does what a request's state asks of the machine.
func (o *Office) advanceOnce(ctx context.Context, r *Request) error {
	switch r.Status {
	case IdentityPending:
		if r.nextAt.After(o.Now()) {
			return nil // it waits for its person
		}
		if r.Facts.Cools != nil {
			_, err := o.proven(ctx, r.ID, "code by e-mail, and the address stood for 72 hours")
			return err
		}
		_, err := o.end(ctx, r.ID, Expired, machine, "identity was not proven in time")
		return err
	case Verified, Planning:
		_, err := o.MakePlan(ctx, r.ID, machine)
		return err
	case Scheduled:
		return o.begin(ctx, r)
	case Executing, AwaitingExternal:
		return o.execute(ctx, r)
	case Verifying:
		return o.verify(ctx, r)
	case Notifying:
		return o.notify(ctx, r)
	}
	_, err := o.mine(ctx, r, func(_ *sql.Tx, r *Request) error { r.nextAt = time.Time{}; return nil })
	return err
}

// mine is change under this worker's claim.
func (o *Office) mine(ctx context.Context, r *Request, f func(tx *sql.Tx, r *Request) error) (*Request, error) {
	out, err := o.change(ctx, r.ID, func(tx *sql.Tx, now *Request) error {
		if now.lease != r.lease {
			return ErrLost
		}
		if _, err := tx.ExecContext(ctx, "UPDATE rights_requests SET lease_until = $2 WHERE id = $1", r.ID, o.Now().Add(leaseLife).UnixMicro()); err != nil {
			return err
		}
		return f(tx, now)
	})
	if err == nil {
		out.Body = r.Body
	}
	return out, err
}

// postpone leaves a request where it is and looks again later; what stands in the
// way is told in the timeline once.
func (o *Office) postpone(ctx context.Context, r *Request, cause error) error {
	wait := 5 * time.Second
	var later *Later
	if errors.As(cause, &later) && later.After > 0 {
		wait = later.After
	}
	_, err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
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
	if held, err := o.held(ctx, r); err != nil || held != "" {
		if err == nil {
			err = fmt.Errorf("%w: %s", ErrHeld, held)
		}
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
		if _, err := o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
			r.Status, r.nextAt = Planning, o.Now()
			return o.tell(ctx, tx, r, "drifted", machine, "", nil)
		}); err != nil {
			return err
		}
		return nil
	}
	receipt, err := o.note(ctx, r, "rights.executing", machine, "allowed", map[string]string{"plan_hash": r.Facts.PlanHash})
	if err != nil {
		return err
	}
	_, err = o.mine(ctx, r, func(tx *sql.Tx, r *Request) error {
		r.Status, r.nextAt, r.Facts.Findings = Executing, o.Now(), nil
		return o.tell(ctx, tx, r, "executing", machine, string(receipt), nil)
	})
	return err
}
