package mfa

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"database/sql"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

const (
	callerLife  = 10 * time.Minute // of a code
	callerTries = 5                // of a code; and of a cardholder's questions within callerSpan, whoever asks
	callerSends = 5                // codes to one cardholder within callerSpan, whoever asks
	callerSpan  = time.Hour
	settled     = 72 * time.Hour // a channel changed later than this proves nothing
)

// Bearer is who a proof is for: an agent's session, or a cardholder's own
// request (ID "request:…", no agent).
type Bearer struct {
	ID    string
	Agent string
}

// Knowledge is what only the cardholder should know. Answers are compared here
// and never shown to an agent.
type Knowledge interface {
	// Questions to put to a caller, in the given language; none if there are too few.
	Questions(ctx context.Context, subject, language string) ([]Question, error)
	// Answers on file, by question; none for who is not known.
	Answers(ctx context.Context, subject string) (map[string]string, error)
}

// Question is put to a caller by an agent who cannot see the answer.
type Question struct{ ID, Text string }

// subjectShape is the contract's: URL-safe.
var subjectShape = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// CallerStart sends the caller a one-time code to a channel on file, in the
// given language. ErrChannel: none on file; ErrRecent: changed within 72 h;
// ErrUndated: nobody knows when, and so perhaps a moment ago; ErrSlow: too many
// codes to this cardholder.
func (d *Door) CallerStart(ctx context.Context, by Bearer, subject, channel, language string) (receipt string, err error) {
	act := Act{Kind: "caller.start", Agent: by.Agent, Session: by.ID, Detail: map[string]string{"channel": cut(channel, 20)}}
	if !subjectShape.MatchString(subject) || d.cfg.Cardholders == nil || d.cfg.Post == nil {
		act.Reason = "channel_unknown"
		return "", d.refuse(ctx, act, ErrChannel, 0)
	}
	act.Subject = subject
	address, changedAt, err := d.cfg.Cardholders.ChannelOf(ctx, subject, channel)
	if err != nil || address == "" {
		if ctx.Err() != nil {
			return "", context.Cause(ctx)
		}
		if err != nil {
			d.cfg.Logger.ErrorContext(ctx, "channels on file cannot be read", "error", err)
		}
		act.Reason = "channel_unknown"
		return "", d.refuse(ctx, act, ErrChannel, 0)
	}
	if changedAt.IsZero() && !d.cfg.Undated {
		act.Reason = "channel_undated"
		return "", d.refuse(ctx, act, ErrUndated, 0)
	}
	if left := changedAt.Add(settled).Sub(d.now()); left > 0 {
		act.Reason = "channel_recent"
		return "", d.refuse(ctx, act, ErrRecent, left)
	}
	code, err := randomCode()
	if err != nil {
		return "", err
	}
	sent, err := d.prepareCaller(ctx, by, subject, channel, code)
	if err != nil {
		return "", err
	}
	if !sent {
		act.Reason = "throttled"
		return "", d.refuse(ctx, act, ErrSlow, callerSpan)
	}
	if receipt, err = d.record(ctx, act); err != nil {
		return "", err
	}
	title, text := callerMessage(language, code)
	if err := d.cfg.Post.Send(ctx, address, title, text); err != nil {
		return "", fmt.Errorf("send code to caller: %w", err)
	}
	return receipt, nil
}

func randomCode() (string, error) {
	n, err := rand.Int(rand.Reader, big.NewInt(1_000_000))
	if err != nil {
		return "", fmt.Errorf("draw code: %w", err)
	}
	return fmt.Sprintf("%06d", n.Int64()), nil
}

// prepareCaller stores a new code, unless the cardholder got too many already.
func (d *Door) prepareCaller(ctx context.Context, by Bearer, subject, channel, code string) (bool, error) {
	now, sent := d.now(), false
	err := d.db.Write(ctx, func(tx *sql.Tx) error {
		var n int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM mfa_sendings WHERE subject = $1 AND at > $2`, subject, micros(now.Add(-callerSpan))).Scan(&n)
		if sent = err == nil && n < callerSends; !sent {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO mfa_sendings (subject, at, id) VALUES ($1, $2, $3)`, subject, micros(now), handle()); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO mfa_callers (session, subject, channel, hash, tries, expires, proven) VALUES ($1, $2, $3, $4, 0, $5, 0)
			ON CONFLICT (session, subject) DO UPDATE SET channel = excluded.channel, hash = excluded.hash, tries = 0, expires = excluded.expires`,
			by.ID, subject, channel, d.callerHash(by, subject, code), micros(now.Add(callerLife)))
		return err
	})
	if err != nil {
		return false, fmt.Errorf("write caller's code: %w", err)
	}
	return sent, nil
}

// callerHash binds a code to its bearer and subject, under a key that is not in
// the database: six digits alone could be tried out.
func (d *Door) callerHash(by Bearer, subject, code string) []byte {
	mac := hmac.New(sha256.New, d.key)
	fmt.Fprintf(mac, "caller\x00%s\x00%s\x00%s", by.ID, subject, code)
	return mac.Sum(nil)
}

// CallerVerify takes the code that the caller reads out. ErrWrong: not right,
// expired, or tried five times. It says until when the caller stays verified.
func (d *Door) CallerVerify(ctx context.Context, by Bearer, subject, code string) (until time.Time, receipt string, err error) {
	act := Act{Kind: "caller.verify", Agent: by.Agent, Session: by.ID}
	if !subjectShape.MatchString(subject) {
		act.Reason = "subject"
		return until, "", d.refuse(ctx, act, ErrWrong, 0)
	}
	act.Subject = subject
	code = strings.Join(strings.Fields(code), "")
	now := d.now()
	right := false
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		right = false
		hash, ok, err := d.callerTry(ctx, tx, by, subject, now)
		if err != nil || !ok {
			return err
		}
		if right = subtle.ConstantTimeCompare(hash, d.callerHash(by, subject, code)) == 1; !right {
			return nil
		}
		until = now.Add(d.cfg.Limits.Verified)
		return proveCaller(ctx, tx, by, subject, until)
	})
	if err != nil {
		return until, "", fmt.Errorf("verify caller: %w", err)
	}
	return d.callerDone(ctx, act, right, until)
}

// callerTry reserves a try before anything is compared.
func (d *Door) callerTry(ctx context.Context, tx *sql.Tx, by Bearer, subject string, now time.Time) ([]byte, bool, error) {
	var hash []byte
	err := tx.QueryRowContext(ctx, `UPDATE mfa_callers SET tries = tries + 1 WHERE session = $1 AND subject = $2 AND expires > $3 AND tries < $4 RETURNING hash`,
		by.ID, subject, micros(now), callerTries).Scan(&hash)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	return hash, err == nil, err
}

// proveCaller spends the code and keeps the result.
func proveCaller(ctx context.Context, tx *sql.Tx, by Bearer, subject string, until time.Time) error {
	_, err := tx.ExecContext(ctx, `UPDATE mfa_callers SET proven = $3, tries = $4, expires = 0 WHERE session = $1 AND subject = $2`,
		by.ID, subject, micros(until), callerTries)
	return err
}

func (d *Door) callerDone(ctx context.Context, act Act, right bool, until time.Time) (time.Time, string, error) {
	if !right {
		act.Reason = "wrong"
		return time.Time{}, "", d.refuse(ctx, act, ErrWrong, 0)
	}
	receipt, err := d.record(ctx, act)
	if err != nil { // what is not written did not happen
		undo := context.WithoutCancel(ctx)
		return time.Time{}, "", errors.Join(err, d.unprove(undo, act.Session, act.Subject))
	}
	d.live.stale(act.Session)
	return until, receipt, nil
}

func (d *Door) unprove(ctx context.Context, session, subject string) error {
	err := d.db.WriteGuarded(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `UPDATE mfa_callers SET proven = 0, expires = 0 WHERE session = $1 AND subject = $2`, session, subject); err != nil {
			return err
		}
		return d.tell(ctx, tx, session)
	})
	d.live.stale(session)
	return err
}

// CallerEnd says that the call is over: the caller is not verified any more.
func (d *Door) CallerEnd(ctx context.Context, by Bearer, subject string) error {
	if err := d.unprove(ctx, by.ID, subject); err != nil {
		return fmt.Errorf("end call: %w", err)
	}
	_, err := d.record(ctx, Act{Kind: "caller.end", Agent: by.Agent, Session: by.ID, Subject: subject})
	return err
}

// CallerVerified says until when the caller is proven to be this subject, for
// this session; the zero time if not. For a session in use it costs no read.
func (d *Door) CallerVerified(ctx context.Context, sessionID, subject string) (time.Time, error) {
	if callers := d.live.callersOf(sessionID, d.now()); callers != nil {
		return d.still((*callers)[subject]), nil
	}
	var until int64
	err := d.db.Read(ctx, func(tx *sql.Tx) error {
		return tx.QueryRowContext(ctx, `SELECT proven FROM mfa_callers WHERE session = $1 AND subject = $2`, sessionID, subject).Scan(&until)
	})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, fmt.Errorf("read verified caller: %w", err)
	}
	return d.still(moment(until)), nil
}

func (d *Door) still(until time.Time) time.Time {
	if d.now().Before(until) {
		return until
	}
	return time.Time{}
}

// Callers are the subjects verified for a session, with their ends.
func (d *Door) Callers(ctx context.Context, sessionID string) (callers map[string]time.Time, err error) {
	err = d.db.Read(ctx, func(tx *sql.Tx) (err error) {
		callers, err = callersOf(ctx, tx, sessionID, d.now())
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list verified callers: %w", err)
	}
	return callers, nil
}

// callersOf reads the cardholders proven to a session for longer than a time.
func callersOf(ctx context.Context, tx *sql.Tx, sessionID string, beyond time.Time) (map[string]time.Time, error) {
	rows, err := tx.QueryContext(ctx, `SELECT subject, proven FROM mfa_callers WHERE session = $1 AND proven > $2`, sessionID, micros(beyond))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	callers := map[string]time.Time{}
	for rows.Next() {
		var subject string
		var until int64
		if err := rows.Scan(&subject, &until); err != nil {
			return nil, err
		}
		callers[subject] = moment(until)
	}
	return callers, rows.Err()
}

// CallerQuestions are what the agent may ask; none without Knowledge.
func (d *Door) CallerQuestions(ctx context.Context, subject, language string) ([]Question, error) {
	if d.cfg.Knowledge == nil || !subjectShape.MatchString(subject) {
		return nil, ErrChannel
	}
	questions, err := d.cfg.Knowledge.Questions(ctx, subject, language)
	if err != nil {
		d.cfg.Logger.ErrorContext(ctx, "questions to a caller cannot be read", "error", err)
	}
	if err != nil || len(questions) < 3 {
		return nil, ErrChannel
	}
	return questions, nil
}

// CallerAnswer compares the caller's answers with those on file. At least three
// must be given and all must be right; which one was wrong is not said. ErrSlow:
// this cardholder's tries are used up.
func (d *Door) CallerAnswer(ctx context.Context, by Bearer, subject string, answers map[string]string) (until time.Time, receipt string, err error) {
	act := Act{Kind: "caller.answer", Agent: by.Agent, Session: by.ID, Subject: subject}
	if d.cfg.Knowledge == nil || !subjectShape.MatchString(subject) {
		act.Subject, act.Reason = "", "channel_unknown"
		return until, "", d.refuse(ctx, act, ErrChannel, 0)
	}
	now, open := d.now(), false
	err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) (err error) {
		open, err = d.answerTry(ctx, tx, subject, now)
		return err
	})
	if err != nil {
		return until, "", fmt.Errorf("verify caller: %w", err)
	}
	if !open {
		act.Reason = "tries"
		return until, "", d.refuse(ctx, act, ErrSlow, callerSpan)
	}
	onFile, err := d.cfg.Knowledge.Answers(ctx, subject)
	if err != nil {
		return until, "", fmt.Errorf("read answers on file: %w", err)
	}
	right := len(answers) >= 3
	for id, given := range answers {
		same := subtle.ConstantTimeCompare(plainAnswer(onFile[id]), plainAnswer(given)) == 1
		right = right && onFile[id] != "" && same
	}
	if right {
		until = now.Add(d.cfg.Limits.Verified)
		err = d.db.WriteGuarded(ctx, func(tx *sql.Tx) error { return answered(ctx, tx, by, subject, until) })
		if err != nil {
			return until, "", fmt.Errorf("verify caller: %w", err)
		}
	}
	return d.callerDone(ctx, act, right, until)
}

// answerTry reserves one of the cardholder's tries before anything is compared:
// five an hour, over all agents, sessions and replicas.
func (d *Door) answerTry(ctx context.Context, tx *sql.Tx, subject string, now time.Time) (bool, error) {
	return changed(tx.ExecContext(ctx, `INSERT INTO mfa_answers (subject, tries, until) VALUES ($1, 1, $2) ON CONFLICT (subject) DO UPDATE SET
		tries = CASE WHEN mfa_answers.until <= $3 THEN 1 ELSE mfa_answers.tries + 1 END,
		until = CASE WHEN mfa_answers.until <= $3 THEN excluded.until ELSE mfa_answers.until END
		WHERE mfa_answers.until <= $3 OR mfa_answers.tries < $4`, subject, micros(now.Add(callerSpan)), micros(now), callerTries))
}

// answered keeps the result and gives the tries back.
func answered(ctx context.Context, tx *sql.Tx, by Bearer, subject string, until time.Time) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO mfa_callers (session, subject, channel, hash, tries, expires, proven) VALUES ($1, $2, 'questions', $3, 0, 0, $4)
		ON CONFLICT (session, subject) DO UPDATE SET proven = excluded.proven`, by.ID, subject, []byte{}, micros(until))
	if err == nil {
		_, err = tx.ExecContext(ctx, `DELETE FROM mfa_answers WHERE subject = $1`, subject)
	}
	return err
}

// plainAnswer keeps letters and digits: how a caller says it does not matter.
func plainAnswer(s string) []byte {
	folded := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, norm.NFKD.String(s))
	sum := sha256.Sum256([]byte(folded))
	return sum[:]
}

func (l *live) callersOf(id string, now time.Time) *map[string]time.Time {
	l.mu.RLock()
	s := l.byID[id]
	l.mu.RUnlock()
	if s == nil || s.fresh(now) == nil {
		return nil
	}
	return s.callers.Load()
}

// callerMessage says the code in the caller's language, and that nobody else needs it.
func callerMessage(language, code string) (title, text string) {
	type message struct{ title, text string }
	m, ok := map[string]message{
		"en": {"Your verification code", "Your code is %s. It is good for ten minutes. Read it only to the agent you are speaking with now."},
		"es": {"Su código de verificación", "Su código es %s. Vale durante diez minutos. Léalo solo al agente con quien habla ahora."},
		"zh": {"您的验证码", "您的验证码是 %s，十分钟内有效。请只告诉正在与您通话的客服。"},
		"fr": {"Votre code de vérification", "Votre code est %s. Il est valable dix minutes. Ne le lisez qu’au conseiller avec qui vous parlez en ce moment."},
		"de": {"Ihr Bestätigungscode", "Ihr Code lautet %s. Er gilt zehn Minuten. Nennen Sie ihn nur der Person, mit der Sie gerade sprechen."},
		"pt": {"Seu código de verificação", "Seu código é %s. Ele vale por dez minutos. Leia-o somente para o atendente com quem você está falando agora."},
	}[language]
	if !ok {
		return callerMessage("en", code)
	}
	return m.title, fmt.Sprintf(m.text, code) + "\n"
}
