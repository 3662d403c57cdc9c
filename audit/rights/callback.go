package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Callback tells a partner the status of a request at all the addresses it named.
// It may be called again for the same status.
type Callback func(ctx context.Context, r *Request, status Status) error

const mostCallbacks = 12 // tries of one status, over about a day

// ByExternal finds a request by a partner's own name for it.
func (o *Office) ByExternal(ctx context.Context, external string) (*Request, error) {
	var id string
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT request FROM rights_external WHERE mac = $1", o.mac("external", external)).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	return o.Get(ctx, id)
}

// callBack notes, in the transaction of a status change, that a partner waits for it.
func (o *Office) callBack(ctx context.Context, tx *sql.Tx, r *Request) error {
	if r.Facts.Channel != "opendsr" && r.Facts.Channel != "drp" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO rights_callbacks (request, seq, status, tries, next_at)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS TEXT), 0, CAST($3 AS BIGINT) FROM rights_callbacks WHERE request = $1`,
		r.ID, string(r.Status), o.Now().UnixMicro())
	return err
}

type owed struct {
	request string
	seq     int64
	status  Status
	tries   int
}

// callPartners makes the calls that are due, each request's in order.
func (o *Office) callPartners(ctx context.Context) error {
	var due []owed
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		due = nil
		rows, err := tx.QueryContext(ctx, `SELECT request, seq, status, tries FROM rights_callbacks c WHERE next_at > 0 AND next_at <= $1
			AND NOT EXISTS (SELECT 1 FROM rights_callbacks b WHERE b.request = c.request AND b.seq < c.seq AND b.next_at > $1) ORDER BY request, seq LIMIT 64`, o.Now().UnixMicro())
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var c owed
			if err := rows.Scan(&c.request, &c.seq, &c.status, &c.tries); err != nil {
				return err
			}
			due = append(due, c)
		}
		return rows.Err()
	})
	if err != nil {
		return err
	}
	var failed []string
	for _, c := range due {
		if slices.Contains(failed, c.request) {
			continue // later news waits for earlier news
		}
		if err := o.callOne(ctx, c); err != nil {
			failed = append(failed, c.request)
		}
	}
	return nil
}

func (o *Office) callOne(ctx context.Context, c owed) error {
	r, err := o.Open(ctx, c.request)
	if err != nil {
		return err
	}
	var called error
	if call := o.Callbacks[r.Facts.Channel]; call != nil && len(r.Body.Callbacks) > 0 {
		bounded, cancel := context.WithTimeout(ctx, 15*time.Second)
		called = call(bounded, r, c.status)
		cancel()
	}
	next := int64(0)
	if called != nil && c.tries+1 < mostCallbacks {
		next = o.Now().Add(backoff(c.request, c.tries+4)).UnixMicro()
	}
	err = o.DB.Write(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "UPDATE rights_callbacks SET tries = tries + 1, next_at = $3 WHERE request = $1 AND seq = $2", c.request, c.seq, next); err != nil {
			return err
		}
		if called != nil && next == 0 {
			if _, err := lockRequest(ctx, tx, c.request); err != nil {
				return err
			}
			return o.tell(ctx, tx, r, "callback_failed", machine, "", map[string]string{"status": string(c.status), "tries": fmt.Sprint(c.tries + 1)})
		}
		return nil
	})
	return errors.Join(called, err)
}

// PartnerToken makes the token by which a partner is known from now on.
func (o *Office) PartnerToken(ctx context.Context, partner string) (string, error) {
	return o.Token(ctx, partner, "partner", 365*24*time.Hour)
}

// IsPartner says whether a token is a living one of the partner.
func (o *Office) IsPartner(ctx context.Context, partner, token string) bool {
	return o.alive(ctx, partner, "partner", token)
}
