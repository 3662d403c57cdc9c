package rights

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"time"
)

// A link gives each byte of a package once: from its beginning, or from where a
// broken download stopped. What was on its way when the line broke may be given
// again, no more; so a link found later in a history opens nothing.
const (
	linkSlack = 16 << 20         // bytes on their way, and between two notes of how far it came
	linkHold  = 2 * time.Minute  // a download that says nothing for so long is over
	linkNote  = 30 * time.Second // between two notes of a slow download
)

// PackageLink makes the secret of a single-use link to a proven person's package.
func (o *Office) PackageLink(ctx context.Context, id string) (string, error) {
	r, err := o.Get(ctx, id)
	switch {
	case err != nil:
		return "", err
	case r.Facts.Proven == nil:
		return "", ErrUnproven
	case r.Facts.Package == nil || o.Now().After(r.Facts.Package.Expires):
		return "", fmt.Errorf("%w: there is no package, or it has expired", ErrUnknown)
	}
	return o.Token(ctx, id, forPackage, codeLife)
}

// takeLink claims a link for one download from a byte on.
func (o *Office) takeLink(ctx context.Context, id, token string, from int64) error {
	now := o.Now()
	return o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE rights_tokens SET held_until = $2 WHERE mac = $1 AND used = 0 AND expires > $3 AND held_until <= $3
			AND reached - CAST($4 AS BIGINT) <= $5 AND CAST($4 AS BIGINT) - reached <= $5`,
			o.mac("token", id, forPackage, token), now.Add(linkHold).UnixMicro(), now.UnixMicro(), from, o.slack)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != 1 {
			return errors.Join(err, ErrCode)
		}
		return nil
	})
}

// linked is a download by a link. It notes how far it came; the last byte spends the link.
type linked struct {
	io.ReadCloser
	o         *Office
	mac       []byte
	at, noted int64
	when      time.Time
	whole     bool
}

func (l *linked) Read(b []byte) (int, error) {
	n, err := l.ReadCloser.Read(b)
	l.at += int64(n)
	l.whole = l.whole || errors.Is(err, io.EOF)
	if l.at-l.noted >= l.o.slack/2 || l.o.Now().Sub(l.when) >= linkNote {
		if noteErr := l.note(true); noteErr != nil && err == nil {
			err = noteErr // nobody could say later how far it came
		}
	}
	return n, err
}

func (l *linked) Close() error { return errors.Join(l.ReadCloser.Close(), l.note(false)) }

func (l *linked) note(goesOn bool) error {
	now := l.o.Now()
	l.noted, l.when = l.at, now
	until := int64(0)
	if goesOn {
		until = now.Add(linkHold).UnixMicro()
	}
	return l.o.DB.WriteGuarded(context.Background(), func(tx *sql.Tx) error { // the reader's context is over when the line broke
		_, err := tx.Exec("UPDATE rights_tokens SET reached = $2, held_until = $3, used = $4, expires = $5 WHERE mac = $1", l.mac, l.at, until, bit(l.whole), now.Add(codeLife).UnixMicro())
		return err
	})
}
