package rights

import (
	"bytes"
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// Request is one privacy request. Body and Plan are personal and only there when opened.
type Request struct {
	ID       string
	Right    Right
	Status   Status
	Received time.Time
	Due      time.Time
	Facts    Facts
	Body     *Body

	tag    string
	nextAt time.Time
	lease  int64
	body   []byte
	veil   *veil // while its package is written
	plan   *Plan // as PlanOf read it, while a worker has the request
}

// Facts is what a request's row says in the clear.
type Facts struct {
	Regime       string     `json:"regime"`
	Language     string     `json:"language"`
	Channel      string     `json:"channel"`                 // portal, opendsr, drp, officer
	Notice       string     `json:"notice,omitempty"`        // version of the privacy notice that stood when it was filed
	NoticeDigest string     `json:"notice_digest,omitempty"` // of [PrivacyNotice]
	Clock        Clock      `json:"clock"`
	Parent       string     `json:"parent,omitempty"`   // an appeal's request
	Survivor     string     `json:"survivor,omitempty"` // of a merged duplicate
	Proven       *time.Time `json:"proven,omitempty"`
	Level        string     `json:"level,omitempty"`  // how identity was proven
	Second       bool       `json:"second,omitempty"` // a second code is wanted, from the telephone on file
	Cools        *time.Time `json:"cools,omitempty"`  // the address was changed lately; its code counts from here
	PlanHash     string     `json:"plan_hash,omitempty"`
	Planned      *Summary   `json:"planned,omitempty"`
	Approvals    []Approval `json:"approvals,omitempty"`
	Begun        bool       `json:"begun,omitempty"`   // a first write was intended
	Written      *time.Time `json:"written,omitempty"` // the last write; propagation counts from here
	Findings     []string   `json:"findings,omitempty"`
	Proofs       int        `json:"proofs,omitempty"` // rounds of proof that found nothing
	Blind        int        `json:"blind,omitempty"`  // proofs that got no answer in a row
	Reason       string     `json:"reason,omitempty"`
	Ground       string     `json:"ground,omitempty"` // of a denial: a name of the law's grounds
	Package      *Package   `json:"package,omitempty"`
	External     string     `json:"external,omitempty"` // the partner's own id, controller or agent
	Ended        *time.Time `json:"ended,omitempty"`
}

// Approval is one officer's yes to one plan.
type Approval struct {
	Officer string    `json:"officer"`
	Hash    string    `json:"plan_hash"`
	At      time.Time `json:"at"`
	Receipt string    `json:"receipt"`
}

// Summary is a plan without anything personal, for pages.
type Summary struct {
	Rows    int           `json:"rows"`
	Shared  int           `json:"shared"`
	Others  int           `json:"others"`
	Kept    int           `json:"kept"`
	Calls   int           `json:"calls"`
	Steps   []StepSummary `json:"steps"`
	Reasons []string      `json:"reasons,omitempty"`
	Left    []Kept        `json:"left,omitempty"` // what is kept: places and laws, no keys of rows
	Warning []string      `json:"warning,omitempty"`
}

// StepSummary is one line of a plan.
type StepSummary struct {
	System     string `json:"system"`
	Collection string `json:"collection"`
	Action     Action `json:"action"`
	Rows       int    `json:"rows"`
}

// Body is what is personal in a request.
type Body struct {
	Subject     string       `json:"subject,omitempty"`
	Email       string       `json:"email"`
	Name        string       `json:"name"`
	Phone       string       `json:"phone,omitempty"`
	Second      string       `json:"second,omitempty"` // telephone on file that a second code went to
	Place       string       `json:"place"`            // jurisdiction as filed
	Text        string       `json:"text,omitempty"`
	Corrections []Correction `json:"corrections,omitempty"`
	Agent       *Proxy       `json:"agent,omitempty"`
	Callbacks   []string     `json:"callbacks,omitempty"`
	Seeds       Identity     `json:"seeds,omitempty"`
	Edits       []Edit       `json:"edits,omitempty"` // of transcripts; the plan has them too
}

// Proxy is an authorised agent who asks for somebody (11 CCR 7063).
type Proxy struct {
	Name       string `json:"name"`
	Email      string `json:"email"`
	Permission string `json:"permission"` // how the permission was shown
}

// Event is one line of a request's timeline; nothing personal.
type Event struct {
	Seq     int               `json:"seq"`
	At      time.Time         `json:"at"`
	Kind    string            `json:"kind"`
	Actor   string            `json:"actor"`
	Detail  map[string]string `json:"detail,omitempty"`
	Receipt string            `json:"receipt,omitempty"`
}

const requestColumns = "id, asks, status, received, due, next_at, lease, facts, body, tag" // a plan can be large: PlanOf reads it

func scanRequest(row interface{ Scan(...any) error }) (*Request, error) {
	r := &Request{}
	var received, due, next int64
	var facts string
	err := row.Scan(&r.ID, &r.Right, &r.Status, &received, &due, &next, &r.lease, &facts, &r.body, &r.tag)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, ErrUnknown
	}
	if err != nil {
		return nil, err
	}
	r.Received, r.Due, r.nextAt = time.UnixMicro(received).UTC(), time.UnixMicro(due).UTC(), time.UnixMicro(next).UTC()
	if err := json.Unmarshal([]byte(facts), &r.Facts); err != nil {
		return nil, fmt.Errorf("read request %s: %w", r.ID, err)
	}
	return r, nil
}

// lockRequest reads a request and keeps everybody else's transactions from moving it
// until this one ends: reading it again before writing is never needed.
func lockRequest(ctx context.Context, tx *sql.Tx, id string) (*Request, error) {
	return scanRequest(tx.QueryRowContext(ctx, "UPDATE rights_requests SET lease = lease WHERE id = $1 RETURNING "+requestColumns, id))
}

func loadRequest(ctx context.Context, tx *sql.Tx, id string) (*Request, error) {
	return scanRequest(tx.QueryRowContext(ctx, "SELECT "+requestColumns+" FROM rights_requests WHERE id = $1", id))
}

// Get reads a request without opening what is personal in it.
func (o *Office) Get(ctx context.Context, id string) (r *Request, err error) {
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		r, err = loadRequest(ctx, tx, id)
		return err
	})
	return r, err
}

// Open reads a request with what is personal in it.
func (o *Office) Open(ctx context.Context, id string) (*Request, error) {
	r, err := o.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	return r, o.open(ctx, r)
}

func (o *Office) open(ctx context.Context, r *Request) error {
	if r.Body != nil {
		return nil
	}
	plain, err := o.Keys.Open(ctx, "request/"+r.ID, r.body)
	if err != nil {
		return fmt.Errorf("open request %s: %w", r.ID, err)
	}
	r.Body = &Body{}
	return json.Unmarshal(plain, r.Body)
}

func (o *Office) sealBody(ctx context.Context, r *Request) error {
	plain, err := json.Marshal(r.Body)
	if err != nil {
		return err
	}
	r.body, err = o.Keys.Seal(ctx, "request/"+r.ID, plain)
	return err
}

// PlanOf opens the plan that stands; officers see it, and execution follows it. A
// plan other than the one whose hash the request carries is [ErrDrift].
func (o *Office) PlanOf(ctx context.Context, r *Request) (*Plan, error) {
	var sealed []byte
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT plan FROM rights_requests WHERE id = $1", r.ID).Scan(&sealed)
	})
	if err == nil && sealed == nil {
		err = fmt.Errorf("%w: nothing is planned yet", ErrTransition)
	}
	if err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	plain, err := o.Keys.Open(ctx, "request/"+r.ID, sealed)
	if err != nil {
		return nil, fmt.Errorf("open plan: %w", err)
	}
	p := &Plan{}
	dec := json.NewDecoder(bytes.NewReader(plain))
	dec.UseNumber() // old values are compared with what stands
	if err := dec.Decode(p); err != nil {
		return nil, fmt.Errorf("read plan: %w", err)
	}
	if hash, err := p.Hash(); err != nil || hash != r.Facts.PlanHash {
		return nil, fmt.Errorf("%w: another plan has been made meanwhile", errors.Join(ErrDrift, err))
	}
	return p, nil
}

// planInHand is PlanOf, read once while a worker has the request.
func (o *Office) planInHand(ctx context.Context, r *Request) (plan *Plan, err error) {
	if r.plan == nil {
		r.plan, err = o.PlanOf(ctx, r)
	}
	return r.plan, err
}

func savePlan(ctx context.Context, tx *sql.Tx, id string, sealed []byte) error {
	_, err := tx.ExecContext(ctx, "UPDATE rights_requests SET plan = $2 WHERE id = $1", id, sealed)
	return err
}

// Filter narrows a list.
type Filter struct {
	Status    Status // or the word before its slash: "completed", "denied"
	DueBefore time.Time
	Open      bool // not ended
	Limit     int  // 0: 500

	ended bool // only these, those due last at the top
}

// List reads requests, those due first at the top.
func (o *Office) List(ctx context.Context, f Filter) (out []*Request, err error) {
	query, args := "SELECT "+requestColumns+" FROM rights_requests WHERE 1 = 1", []any{}
	if f.Status != "" {
		among := f.Status.among()
		if len(among) == 0 {
			return nil, fmt.Errorf("%w: status %q is not known; it can be completed, denied or one of %v", ErrInvalid, f.Status, slices.Sorted(maps.Keys(wires())))
		}
		var marks []string
		for _, s := range among {
			args = append(args, s)
			marks = append(marks, fmt.Sprintf("$%d", len(args)))
		}
		query += " AND status IN (" + strings.Join(marks, ", ") + ")"
	}
	if !f.DueBefore.IsZero() {
		args = append(args, f.DueBefore.UnixMicro())
		query += fmt.Sprintf(" AND due < $%d", len(args))
	}
	order := "due, id"
	if f.Open || f.ended {
		var ends []string
		for _, s := range slices.Sorted(maps.Keys(wires())) {
			if s.Final() {
				args = append(args, s)
				ends = append(ends, fmt.Sprintf("$%d", len(args)))
			}
		}
		not := "NOT "
		if f.ended {
			not, order = "", "due DESC, id"
		}
		query += " AND status " + not + "IN (" + strings.Join(ends, ", ") + ")"
	}
	args = append(args, cmp.Or(f.Limit, 500))
	query += fmt.Sprintf(" ORDER BY %s LIMIT $%d", order, len(args))
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		out = nil
		rows, err := tx.QueryContext(ctx, query, args...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			r, err := scanRequest(rows)
			if err != nil {
				return err
			}
			out = append(out, r)
		}
		return rows.Err()
	})
	return out, err
}

// Timeline reads a request's events, oldest first.
func (o *Office) Timeline(ctx context.Context, id string) (out []Event, err error) {
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		out = nil
		rows, err := tx.QueryContext(ctx, "SELECT seq, at, kind, actor, detail, receipt FROM rights_events WHERE request = $1 ORDER BY seq", id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var e Event
			var at int64
			var detail string
			if err := rows.Scan(&e.Seq, &at, &e.Kind, &e.Actor, &detail, &e.Receipt); err != nil {
				return err
			}
			e.At = time.UnixMicro(at).UTC()
			if err := json.Unmarshal([]byte(detail), &e.Detail); err != nil {
				return err
			}
			out = append(out, e)
		}
		return rows.Err()
	})
	return out, err
}

// change moves a request inside one transaction that holds its row. f must have no
// effect outside tx: it may run twice.
func (o *Office) change(ctx context.Context, id string, f func(tx *sql.Tx, r *Request) error) (*Request, error) {
	return o.changeLocked(ctx, func(tx *sql.Tx) (*Request, error) { return lockRequest(ctx, tx, id) }, f)
}

func (o *Office) changeLocked(ctx context.Context, lock func(tx *sql.Tx) (*Request, error), f func(tx *sql.Tx, r *Request) error) (*Request, error) {
	var out *Request
	err := o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		r, err := lock(tx)
		if err != nil {
			return err
		}
		before, due := r.Status, r.Due
		if err := f(tx, r); err != nil {
			return err
		}
		if r.Status != before || !r.Due.Equal(due) { // DRP 1.0 §3.08: an extension is news too
			if err := o.callBack(ctx, tx, r); err != nil {
				return err
			}
		}
		if r.Status != before {
			if err := before.To(r.Status); err != nil {
				return err
			}
			if r.Status.Final() {
				at := o.Now().UTC()
				r.Facts.Ended = &at
			}
		}
		out = r
		return saveRequest(ctx, tx, r)
	})
	return out, err
}

// become takes over what a request is now; what was opened of it stays open.
func (r *Request) become(now *Request) {
	body, veil, plan := r.Body, r.veil, r.plan
	if plan != nil && now.Facts.PlanHash != r.Facts.PlanHash {
		plan = nil
	}
	*r = *now
	r.Body, r.veil, r.plan = body, veil, plan
}

func saveRequest(ctx context.Context, tx *sql.Tx, r *Request) error {
	facts, err := json.Marshal(r.Facts)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `UPDATE rights_requests SET status = $2, due = $3, next_at = $4, facts = $5, body = $6 WHERE id = $1 AND lease = $7`,
		r.ID, r.Status, r.Due.UnixMicro(), micro(r.nextAt), string(facts), r.body, r.lease)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n != 1 {
		return errors.Join(err, ErrLost)
	}
	return nil
}

// micro is a time as stored; the zero time is 0.
func micro(t time.Time) int64 {
	if t.IsZero() || t.Year() < 1971 {
		return 0
	}
	return t.UnixMicro()
}

// tell adds an event to a request's timeline.
func (o *Office) tell(ctx context.Context, tx *sql.Tx, r *Request, kind, actor, receipt string, detail map[string]string) error {
	raw, err := json.Marshal(detail)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO rights_events (request, seq, at, kind, actor, detail, receipt)
		SELECT CAST($1 AS TEXT), COALESCE(MAX(seq), 0) + 1, CAST($2 AS BIGINT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS TEXT), CAST($6 AS TEXT) FROM rights_events WHERE request = $1`,
		r.ID, o.Now().UnixMicro(), kind, actor, string(raw), receipt)
	return err
}

// Approved says whether enough officers have approved the plan that stands.
func (r *Request) Approved() bool {
	return r.approvals() >= r.needs()
}

func (r *Request) approvals() int {
	var who []string
	for _, a := range r.Facts.Approvals {
		if a.Hash == r.Facts.PlanHash && !slices.Contains(who, a.Officer) {
			who = append(who, a.Officer)
		}
	}
	return len(who)
}

// needs is how many officers must approve: two before anything is destroyed.
func (r *Request) needs() int {
	if r.Right == Erase {
		return 2
	}
	return 1
}
