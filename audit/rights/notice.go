package rights

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// PrivacyNotice is what people were told about the systems that hold data, while one
// data map was in force. It is kept when the map changes.
type PrivacyNotice struct {
	Digest  string
	Version string
	Since   time.Time
	Until   time.Time         // when the next one came; zero: it stands
	Told    map[string][]Told // by language
}

// notice is what the map says today.
func (m *Map) notice() PrivacyNotice {
	n := PrivacyNotice{Digest: m.Digest(), Version: m.Version, Told: map[string][]Told{}}
	for _, lang := range Languages() {
		for i := range m.Systems {
			n.Told[lang] = append(n.Told[lang], m.Systems[i].In(lang))
		}
	}
	return n
}

// keepNotice stores the notice that stands, once for each office that is opened. A
// notice that stood before and comes back keeps its first day.
func (o *Office) keepNotice(ctx context.Context) error {
	if o.noticed.Load() {
		return nil
	}
	n := o.Map.notice()
	err := o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO rights_notices (digest, version, since, told) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
			n.Digest, n.Version, o.Now().UnixMicro(), mustJSON(n.Told))
		return err
	})
	if err != nil {
		return fmt.Errorf("keep privacy notice: %w", err)
	}
	o.noticed.Store(true)
	return nil
}

// Notices lists every notice that stood, the newest first; the words of each are read
// by [Office.Notice].
func (o *Office) Notices(ctx context.Context) (out []PrivacyNotice, err error) {
	if err := o.keepNotice(ctx); err != nil {
		return nil, err
	}
	err = o.DB.Read(ctx, func(tx *sql.Tx) error {
		out = nil
		rows, err := tx.QueryContext(ctx, "SELECT digest, version, since FROM rights_notices ORDER BY since DESC, digest")
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var n PrivacyNotice
			var since int64
			if err := rows.Scan(&n.Digest, &n.Version, &since); err != nil {
				return err
			}
			n.Since = time.UnixMicro(since).UTC()
			if len(out) > 0 {
				n.Until = out[len(out)-1].Since
			}
			out = append(out, n)
		}
		return rows.Err()
	})
	return out, err
}

// Notice reads a notice, one that stands or one that stood, by its digest.
func (o *Office) Notice(ctx context.Context, digest string) (PrivacyNotice, error) {
	all, err := o.Notices(ctx)
	if err != nil {
		return PrivacyNotice{}, err
	}
	for _, n := range all {
		if n.Digest != digest {
			continue
		}
		var told string
		err := o.DB.Read(ctx, func(tx *sql.Tx) error {
			return tx.QueryRowContext(ctx, "SELECT told FROM rights_notices WHERE digest = $1", digest).Scan(&told)
		})
		return n, errors.Join(err, json.Unmarshal([]byte(told), &n.Told))
	}
	return PrivacyNotice{}, fmt.Errorf("%w: no privacy notice has this digest", ErrUnknown)
}
