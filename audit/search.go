package audit

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/privet-gateway/privet/audit/evidence"
	"github.com/privet-gateway/privet/audit/store"
)

// Filter chooses entries; zero fields choose all.
type Filter struct {
	From, To time.Time // From ≤ time < To
	Kind     string    // "view.intent", or all below a word: "view.*"
	Agent    string
	Subject  string
	Limit    int     // newest first, at most this many; default 100, at most 1,000
	Before   Receipt // only entries older than this one, for the next page
}

// searchPatience bounds one transaction of a search.
const searchPatience = 10 * time.Second

// found is one row on its way to an Entry.
type found struct {
	lane, index int64
	leaf        []byte
}

// Search returns entries, newest first, with all that is not erased opened.
func (t *Trail) Search(ctx context.Context, f Filter) ([]Entry, error) {
	if f.Limit <= 0 {
		f.Limit = 100
	}
	f.Limit = min(f.Limit, 1000)
	ctx = store.Patient(ctx, searchPatience)
	rows, err := t.find(ctx, f)
	if errors.Is(err, ErrErased) {
		return nil, nil // nobody is known by that name: nothing is found
	}
	if err != nil {
		return nil, fmt.Errorf("search trail: %w", err)
	}
	entries, err := t.reveal(ctx, rows)
	if err != nil {
		return nil, fmt.Errorf("search trail: %w", err)
	}
	return entries, nil
}

func (t *Trail) find(ctx context.Context, f Filter) (rows []found, err error) {
	if f.Subject != "" {
		return t.mentioning(ctx, f)
	}
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		rows = nil
		all, err := newest(ctx, tx, f)
		for _, d := range all {
			rows = append(rows, d.found)
		}
		return err
	})
	return rows, err
}

// mentioning finds the entries that name the filter's subject.
func (t *Trail) mentioning(ctx context.Context, f Filter) (rows []found, err error) {
	tag, err := t.Tag(ctx, f.Subject)
	if err != nil {
		return nil, err
	}
	conditions, args := "m.tag = $1", []any{tagBytes(tag)}
	add := func(condition string, values ...any) {
		for _, v := range values {
			args = append(args, v)
			condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(args)), 1)
		}
		conditions += " AND " + condition
	}
	if prefix, all := strings.CutSuffix(f.Kind, "*"); all {
		add("e.kind >= ? AND e.kind < ?", prefix, prefix+"\U0010ffff")
	} else if f.Kind != "" {
		add("e.kind = ?", f.Kind)
	}
	if f.Agent != "" {
		add("e.agent = ?", f.Agent)
	}
	if !f.From.IsZero() {
		add("e.time >= ?", micros(f.From))
	}
	if !f.To.IsZero() {
		add("e.time < ?", micros(f.To))
	}
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		conditions, args := conditions, args
		if f.Before != "" {
			lane, index, at, err := placeOf(ctx, tx, f.Before)
			if err != nil {
				return err
			}
			conditions += fmt.Sprintf(" AND (e.time < %[1]d OR e.time = %[1]d AND (e.lane < %[2]d OR e.lane = %[2]d AND e.idx < %[3]d))", at, lane, index)
		}
		rows, err = collect(ctx, tx, fmt.Sprintf("SELECT e.lane, e.idx, e.leaf FROM trail_mentions m JOIN trail_entries e ON e.lane = m.lane AND e.idx = m.idx WHERE %s ORDER BY e.time DESC, e.lane DESC, e.idx DESC LIMIT %d",
			conditions, f.Limit), args...)
		return err
	})
	return rows, err
}

// placeOf says where an entry stands in the order of all lanes.
func placeOf(ctx context.Context, tx *sql.Tx, r Receipt) (lane, index, at int64, err error) {
	if lane, index, err = r.split(); err != nil {
		return 0, 0, 0, err
	}
	err = tx.QueryRowContext(ctx, "SELECT time FROM trail_entries WHERE lane = $1 AND idx = $2", lane, index).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: %s", ErrNone, r)
	}
	return lane, index, at, err
}

func collect(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]found, error) {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []found
	for rows.Next() {
		var f found
		if err := rows.Scan(&f.lane, &f.index, &f.leaf); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	return all, rows.Err()
}

// Entry returns one entry by its receipt.
func (t *Trail) Entry(ctx context.Context, r Receipt) (Entry, error) {
	lane, index, err := r.split()
	if err != nil {
		return Entry{}, err
	}
	var rows []found
	var pruned int64
	err = t.db.Read(ctx, func(tx *sql.Tx) error {
		if rows, err = collect(ctx, tx, "SELECT lane, idx, leaf FROM trail_entries WHERE lane = $1 AND idx = $2", lane, index); err != nil {
			return err
		}
		err := tx.QueryRowContext(ctx, "SELECT pruned FROM trail_lanes WHERE lane = $1", lane).Scan(&pruned)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return err
	})
	switch {
	case err != nil:
		return Entry{}, fmt.Errorf("entry %s: %w", r, err)
	case len(rows) == 0 && index < pruned:
		return Entry{}, fmt.Errorf("entry %s: %w", r, ErrPruned)
	case len(rows) == 0:
		return Entry{}, fmt.Errorf("entry %s: %w", r, ErrNone)
	}
	entries, err := t.reveal(ctx, rows)
	if err != nil {
		return Entry{}, fmt.Errorf("entry %s: %w", r, err)
	}
	return entries[0], nil
}

// reveal decodes rows and fills in what their subjects' keys open.
func (t *Trail) reveal(ctx context.Context, rows []found) ([]Entry, error) {
	opened, err := t.openings(ctx, rows)
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(opened))
	for i, o := range opened {
		entries[i] = o.entry
	}
	return entries, nil
}

// openedEntry is an entry with what proves its personal parts.
type openedEntry struct {
	entry    Entry
	keys     []*subjectKey // of its tags; nil where erased
	openings map[string]evidence.Opening
}

// openings unwraps all keys that the rows need in one go.
func (t *Trail) openings(ctx context.Context, rows []found) ([]openedEntry, error) {
	opened := make([]openedEntry, len(rows))
	var wants []want
	seen := map[string]int{}
	for i, row := range rows {
		e, err := decode(row.lane, row.index, row.leaf)
		if err != nil {
			return nil, err
		}
		opened[i].entry = e
		for _, tag := range e.Tags {
			if _, known := seen[tag]; !known {
				seen[tag] = len(wants)
				wants = append(wants, want{tag: tag})
			}
		}
	}
	if len(wants) == 0 {
		return opened, nil
	}
	sealed, err := t.sealed(ctx, opened)
	if err != nil {
		return nil, err
	}
	keys, err := t.keys.get(ctx, wants...)
	if err != nil {
		return nil, err
	}
	for i := range opened {
		if err := opened[i].fill(keys, seen, sealed[opened[i].entry.Receipt]); err != nil {
			return nil, fmt.Errorf("entry %s: %w", opened[i].entry.Receipt, err)
		}
	}
	return opened, nil
}

func (o *openedEntry) fill(keys []*subjectKey, at map[string]int, sealed []byte) error {
	e := &o.entry
	for _, tag := range e.Tags {
		key := keys[at[tag]]
		o.keys = append(o.keys, key)
		name := ""
		if key != nil {
			name = key.subject
		} else {
			e.Erased = append(e.Erased, tag)
		}
		e.Event.Subjects = append(e.Event.Subjects, name)
	}
	if len(e.Tags) == 1 && e.Event.Subjects[0] == nobody(e.Event.Agent) {
		e.Event.Subjects = nil // its personal values are about no cardholder
	}
	if len(sealed) == 0 || o.keys[0] == nil {
		return nil
	}
	plaintext, err := o.keys[0].open(forEntry, sealed)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(plaintext, &o.openings); err != nil {
		return fmt.Errorf("%w: %w", ErrBroken, err)
	}
	e.Event.Personal = make(map[string]string, len(o.openings))
	for name, opening := range o.openings {
		e.Event.Personal[name] = opening.Value
	}
	return nil
}

// sealed reads what is stored under the first subject of each entry. It also
// notices erasures, so that no cached key opens what was erased since.
func (t *Trail) sealed(ctx context.Context, opened []openedEntry) (map[Receipt][]byte, error) {
	var seen int64
	texts := map[Receipt][]byte{}
	err := t.db.Read(ctx, func(tx *sql.Tx) error {
		if err := tx.QueryRowContext(ctx, newestErasure).Scan(&seen); err != nil {
			return err
		}
		for _, o := range opened {
			if len(o.entry.Tags) == 0 {
				continue
			}
			lane, index, err := o.entry.Receipt.split()
			if err != nil {
				return err
			}
			var text []byte
			err = tx.QueryRowContext(ctx, "SELECT sealed FROM trail_mentions WHERE tag = $1 AND lane = $2 AND idx = $3",
				tagBytes(o.entry.Tags[0]), lane, index).Scan(&text)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
			texts[o.entry.Receipt] = text
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return texts, t.keys.drop(ctx, seen)
}
