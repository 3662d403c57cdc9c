package rights

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"time"
)

// What a code proves.
const (
	forIdentity = "identity"
	forSecond   = "second" // identity again, on the telephone on file
	forPackage  = "package"
	forPortal   = "portal"
)

// One code is good for so long and so many tries; one request gets so many codes a day
// with no right one among them: 25 guesses at a number of eight digits. A right one, or a
// day without codes, begins anew: letters are read and a package is taken for weeks.
const (
	codeLife  = 30 * time.Minute
	codeTries = 5
	codesMost = 5
	codesRest = 24 * time.Hour
)

// SendCode sends a fresh one-time code to the address the request was filed with,
// whether or not the directory knows it: the filer sees no difference.
func (o *Office) SendCode(ctx context.Context, id, purpose string) error {
	r, err := o.Open(ctx, id)
	if err != nil {
		return err
	}
	n, err := rand.Int(rand.Reader, big.NewInt(100_000_000))
	if err != nil {
		return err
	}
	code := fmt.Sprintf("%08d", n)
	now := o.Now()
	_, err = o.change(ctx, id, func(tx *sql.Tx, r *Request) error {
		var sent int
		var expires int64
		err := tx.QueryRowContext(ctx, "SELECT sent, expires FROM rights_codes WHERE request = $1 AND purpose = $2", id, purpose).Scan(&sent, &expires)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if now.Sub(time.UnixMicro(expires)) >= codesRest-codeLife {
			sent = 0
		}
		if sent >= codesMost {
			return ErrCodeSpent
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO rights_codes (request, purpose, mac, tries, most, expires, sent) VALUES ($1, $2, $3, 0, $4, $5, $6)
			ON CONFLICT (request, purpose) DO UPDATE SET mac = excluded.mac, tries = 0, expires = excluded.expires, sent = excluded.sent`,
			id, purpose, o.mac("code", id, purpose, code), codeTries, now.Add(codeLife).UnixMicro(), sent+1)
		if err != nil {
			return err
		}
		if purpose == forIdentity && r.Status == Received {
			r.Status, r.nextAt = IdentityPending, r.Due.AddDate(0, 0, 1)
		}
		return o.tell(ctx, tx, r, "code_sent", machine, "", map[string]string{"purpose": purpose})
	})
	if err != nil {
		return err
	}
	if purpose == forSecond {
		return o.post(ctx, r, r.Body.Second, "code", code)
	}
	return o.mail(ctx, r, "code", code)
}

// tryCode spends one try. Only a try whose spending is committed is evaluated.
func (o *Office) tryCode(ctx context.Context, id, purpose, code string) error {
	code = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, code)
	var want []byte
	err := o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		want = nil
		result, err := tx.ExecContext(ctx, "UPDATE rights_codes SET tries = tries + 1 WHERE request = $1 AND purpose = $2 AND tries < most AND expires > $3",
			id, purpose, o.Now().UnixMicro())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT mac FROM rights_codes WHERE request = $1 AND purpose = $2", id, purpose).Scan(&want)
	})
	if err != nil {
		return err
	}
	if want == nil {
		return ErrCodeSpent
	}
	o.fault("guess")
	if !hmac.Equal(want, o.mac("code", id, purpose, code)) {
		return ErrCode
	}
	return o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE rights_codes SET expires = 0 WHERE request = $1 AND purpose = $2", id, purpose)
		return err
	})
}

// Token makes a secret that stands for having proven identity: for the portal's
// session (many uses) or a package's link (one).
func (o *Office) Token(ctx context.Context, id, purpose string, life time.Duration) (string, error) {
	raw := make([]byte, 24)
	_, _ = rand.Read(raw) // never fails
	token := base64.RawURLEncoding.EncodeToString(raw)
	return token, o.DB.WriteGuarded(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, "INSERT INTO rights_tokens (mac, request, purpose, expires, used) VALUES ($1, $2, $3, $4, 0)",
			o.mac("token", id, purpose, token), id, purpose, o.Now().Add(life).UnixMicro())
		return err
	})
}

// Session makes the token of a portal session: half an hour.
func (o *Office) Session(ctx context.Context, id string) (string, error) {
	return o.Token(ctx, id, forPortal, codeLife)
}

// InSession says whether a token is a living session of the request.
func (o *Office) InSession(ctx context.Context, id, token string) bool {
	return o.alive(ctx, id, forPortal, token)
}

func (o *Office) alive(ctx context.Context, id, purpose, token string) bool {
	var n int
	err := o.DB.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM rights_tokens WHERE mac = $1 AND expires > $2", o.mac("token", id, purpose, token), o.Now().UnixMicro()).Scan(&n)
	})
	return err == nil && n == 1
}
