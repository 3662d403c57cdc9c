package mfa

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"
)

// everybody is the row of all strangers together; no network is called so.
const everybody = "*"

// knownFor is how long a network from which somebody signed in is no stranger.
const knownFor = 30 * 24 * time.Hour

// Network is what is counted together: an IPv4 address or an IPv6 /64.
func Network(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return "" // all that cannot be told apart share one
	}
	bits := 32
	if ip = ip.Unmap().WithZone(""); ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // the width fits
	return p.String()
}

// slowed is how long this address must wait before it may try; 0 is not at all.
// Wrong answers fill a bucket that leaks at a steady rate: one for each network,
// and one for all networks from which nobody has signed in lately, so that a
// storm from many places is slowed without keeping an office out. They stand in
// the records: all replicas count as one, and a restart forgets nothing. Right
// answers cost nothing.
func (d *Door) slowed(ctx context.Context, address string) (wait time.Duration, err error) {
	now, l, net := d.now(), d.cfg.Limits, Network(address)
	due, proven := map[string]time.Time{}, map[string]time.Time{}
	err = d.db.Read(ctx, func(tx *sql.Tx) error {
		rows, err := tx.QueryContext(ctx, `SELECT net, due, proven FROM mfa_networks WHERE net IN ($1, $2)`, net, everybody)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var name string
			var until, at int64
			if err := rows.Scan(&name, &until, &at); err != nil {
				return err
			}
			due[name], proven[name] = moment(until), moment(at)
		}
		return rows.Err()
	})
	if err != nil {
		return 0, fmt.Errorf("read throttle: %w", err)
	}
	wait = over(due[net], now, l.Wrong, l.Burst)
	if now.Sub(proven[net]) > knownFor {
		wait = max(wait, over(due[everybody], now, l.Strangers, l.StrangersBurst))
	}
	if wait > 0 {
		wait = max(wait, time.Second)
	}
	return wait, nil
}

// over is how long until a bucket that empties at due takes one more.
func over(due, now time.Time, rate float64, burst int) time.Duration {
	if !due.After(now) {
		return 0
	}
	return max(0, due.Sub(now)-time.Duration(float64(burst-1)*float64(cost(rate))))
}

// cost is how long one wrong answer takes to leak away.
func cost(rate float64) time.Duration { return time.Duration(float64(time.Second) / rate) }

// wrong counts a wrong answer.
func (d *Door) wrong(ctx context.Context, address string) error {
	now := d.now()
	fill := func(tx *sql.Tx, net string, rate float64) (proven int64, err error) {
		err = tx.QueryRowContext(ctx, `INSERT INTO mfa_networks (net, due, proven) VALUES ($1, $2, 0)
			ON CONFLICT (net) DO UPDATE SET due = CASE WHEN mfa_networks.due > $3 THEN mfa_networks.due + $4 ELSE excluded.due END RETURNING proven`,
			net, micros(now.Add(cost(rate))), micros(now), cost(rate).Microseconds()).Scan(&proven)
		return proven, err
	}
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		proven, err := fill(tx, Network(address), d.cfg.Limits.Wrong)
		if err == nil && now.Sub(moment(proven)) > knownFor {
			_, err = fill(tx, everybody, d.cfg.Limits.Strangers)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("count wrong answer: %w", err)
	}
	return nil
}

// known remembers a network from which somebody signed in, to about a day.
func (d *Door) known(ctx context.Context, tx *sql.Tx, address string) error {
	now, net := d.now(), Network(address)
	var proven int64
	err := tx.QueryRowContext(ctx, `SELECT proven FROM mfa_networks WHERE net = $1`, net).Scan(&proven)
	if err != nil && !errors.Is(err, sql.ErrNoRows) || proven > micros(now.Add(-24*time.Hour)) {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO mfa_networks (net, due, proven) VALUES ($1, 0, $2) ON CONFLICT (net) DO UPDATE SET proven = excluded.proven`, net, micros(now))
	return err
}

// notSlowed refuses an act of somebody who must wait.
func (d *Door) notSlowed(ctx context.Context, kind string, from From) error {
	wait, err := d.slowed(ctx, from.Address)
	if err == nil && wait > 0 {
		err = d.refuse(ctx, Act{Kind: kind, Reason: "throttled"}, ErrSlow, wait)
	}
	return err
}
